/* May this client send for this sender's domain (RFC 7208), and what is done when it may not? */
#ifndef CHECK_SPF_H
#define CHECK_SPF_H

#include "check/config.h"
#include "check/outcome.h"
#include "conf/schema.h"
#include "core/policy.h"

enum { SPF_AT_EOM, SPF_AT_RCPT };

struct spf_settings {
	struct outcome_policy policy; /* outcomes: enum spf_result */
	int at;
};

extern const struct check check_spf;
extern const struct conf_schema spf_schema;

/* `section` is a struct spf_settings. */
bool spf_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
