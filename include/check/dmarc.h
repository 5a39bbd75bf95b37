/* What is done when a message is not by whom its From says (RFC 9989). */
#ifndef CHECK_DMARC_H
#define CHECK_DMARC_H

#include "check/config.h"
#include "conf/schema.h"
#include "core/policy.h"

/* The outcomes that a section has actions for. */
enum {
	DMARC_ON_PASS,
	DMARC_ON_NO_RECORD,
	DMARC_ON_NONE, /* it fails, and the record asks for nothing */
	DMARC_ON_QUARANTINE,
	DMARC_ON_REJECT,
	DMARC_ON_TEMPERROR,
	DMARC_ON_NO_AUTHOR, /* there is not one Author Domain */
	DMARC_ON_VOUCHED,   /* it fails here, and a trusted sealer of ARC found it to pass */
};

extern const struct check check_dmarc;
extern const struct conf_schema dmarc_schema; /* struct outcome_policy: DMARC_ON_ */

bool dmarc_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
