/* What is done about the signatures of a message (RFC 6376). */
#ifndef CHECK_DKIM_H
#define CHECK_DKIM_H

#include "auth/dkim.h"
#include "check/config.h"
#include "check/outcome.h"
#include "conf/schema.h"
#include "core/policy.h"

struct dkim_settings {
	struct outcome_policy policy; /* outcomes: enum dkim_result */
	uint64_t signatures;
	uint64_t key_bits;
	uint64_t fields, header;
};

extern const struct check check_dkim;
extern const struct conf_schema dkim_schema; /* struct dkim_settings */

/* What the section says; the defaults where there is none (`dkim` NULL). */
struct dkim_limits dkim_limits_of(const struct conf_head *dkim);

/* `section` is a struct dkim_settings. */
bool dkim_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
