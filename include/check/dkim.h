/* What is done about the signatures of a message (RFC 6376). */
#ifndef CHECK_DKIM_H
#define CHECK_DKIM_H

#include "check/config.h"
#include "conf/schema.h"
#include "core/policy.h"

extern const struct check check_dkim;
extern const struct conf_schema dkim_schema; /* struct outcome_policy: enum dkim_result */

bool dkim_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
