/* The table of all checks. To add one: one file, and one row here. */
#ifndef CHECK_TABLE_H
#define CHECK_TABLE_H

#include <stddef.h>

#include "check/config.h"
#include "core/policy.h"

struct check_row {
	const struct check *check;
	const struct conf_schema *schema;
	size_t offset; /* of its const struct conf_head * in struct settings */
	/* Makes the policy entry of one configured section (self in the document's arena). False:
	 * told in r->diag. */
	bool (*make)(struct conf_reader *r, const struct settings *settings,
	    const struct conf_head *section, struct policy_entry *out);
};

extern const struct check_row check_table[];
extern const size_t check_table_size;

/* Every section of the top level: the checks' and those that are settings. */
extern const struct conf_child config_children[];

extern const struct conf_schema events_schema;

#endif
