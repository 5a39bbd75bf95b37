/*
 * Who says that he is whom: an authenticated client may use the addresses of its login, in the
 * envelope and in From; mail from outside that claims one of our domains must be shown to be ours
 * by SPF or DKIM.
 */
#ifndef CHECK_SENDER_H
#define CHECK_SENDER_H

#include "check/config.h"
#include "check/logins.h"
#include "check/outcome.h"
#include "conf/schema.h"
#include "core/policy.h"

/* The outcomes that the section has actions for. */
enum {
	SENDER_ENVELOPE, /* the login may not send as the envelope's sender */
	SENDER_HEADER,   /* nor as From */
	SENDER_OUTSIDE,  /* one of our domains, from outside, that nothing vouches for */
	SENDER_UNKNOWN,  /* the same, and DNS does not say whether something vouches for it */
};

enum { SENDER_OTHERS_OWN, SENDER_OTHERS_ANY };

struct sender_settings {
	struct outcome_policy policy;
	const struct logins *logins; /* NULL: none */
	int others;                  /* what a login that is not among them may use */
};

extern const struct check check_sender;
extern const struct conf_schema sender_schema;

/* `section` is a struct sender_settings. */
bool sender_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
