/*
 * May this client send to this recipient through this server? Ordered rules, the first that
 * matches decides. What none decides is deferred.
 */
#ifndef CHECK_RELAY_H
#define CHECK_RELAY_H

#include "check/config.h"
#include "check/criteria.h"
#include "conf/schema.h"
#include "core/policy.h"

struct relay_rule {
	struct conf_head head;
	struct criteria criteria;
	int action; /* enum verdict_kind: PERMIT, HOLD, TAG, REJECT or DEFER */
	const char *reply_text;
	struct reply reply; /* made from it; code 0 where the mail is accepted */
	usec_t expires;     /* 0: never */
	const char *owner, *reason;
	bool i_know;
};

enum { LOCAL_SUBMISSION_PERMIT, LOCAL_SUBMISSION_RULES };

struct relay_settings {
	struct conf_head head;
	int mode;                        /* enum mode */
	struct conf_texts local_mailers; /* for struct reading_rules */
	int local_submission;
	const struct conf_head *rules; /* struct relay_rule, in order */
};

extern const struct check check_relay;
extern const struct conf_schema relay_schema;

/* `section` is a struct relay_settings. */
bool relay_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

/*
 * May the client of this message relay: does the first rule that matches without a look at a
 * recipient permit it, by its network or by what it has proven? Such clients' mail is not judged by
 * where it comes from. `relay` may be NULL.
 */
bool relay_trusts(const struct conf_head *relay, const struct session *s, usec_t now);

/* Whose recipient is it, by `section` and the list named `ours`? For struct policy. */
struct reading_rules relay_reading_rules(
    const struct conf_doc *doc, const struct conf_head *section);

#endif
