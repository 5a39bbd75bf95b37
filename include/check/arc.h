/* What those say who passed a message on (RFC 8617), and whom of them to believe. */
#ifndef CHECK_ARC_H
#define CHECK_ARC_H

#include "base/domset.h"
#include "check/config.h"
#include "check/outcome.h"
#include "conf/schema.h"
#include "core/policy.h"

/* The outcomes that the section has actions for. */
enum { ARC_ON_NONE, ARC_ON_PASS, ARC_ON_FAIL, ARC_ON_TEMPERROR };

struct arc_settings {
	struct outcome_policy policy;
	const struct domset *trusted; /* sealers that may outweigh a failure of DMARC; NULL: none */
};

extern const struct check check_arc;
extern const struct conf_schema arc_schema;

/* `section` is a struct arc_settings. */
bool arc_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
