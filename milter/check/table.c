#include "check/table.h"

#include "check/arc.h"
#include "check/authentication.h"
#include "check/bans.h"
#include "check/dkim.h"
#include "check/dmarc.h"
#include "check/dns.h"
#include "check/limit.h"
#include "check/relay.h"
#include "check/sender.h"
#include "check/spf.h"
#include "check/store.h"

/*
 * The checks, in the order in which they are asked. A row names NAME: check_NAME,
 * NAME_schema and NAME_make() of check/NAME.h, and the member NAME of struct settings.
 */
#define CHECKS(ROW)                                                                                \
	ROW(bans)                                                                                  \
	ROW(relay)                                                                                 \
	ROW(spf) ROW(dkim) ROW(arc) ROW(dmarc) ROW(sender) ROW(authentication) ROW(limit)

#define CHECK_ROW(name)                                                                            \
	{.check = &check_##name,                                                                   \
	    .schema = &name##_schema,                                                              \
	    .offset = offsetof(struct settings, name),                                             \
	    .make = name##_make},

#define CHECK_CHILD(name) {.schema = &name##_schema, .offset = offsetof(struct settings, name)},

/* clang-format off */
const struct check_row check_table[] = {
    CHECKS(CHECK_ROW)
};

const struct conf_child config_children[] = {
    CHECKS(CHECK_CHILD)
    {.schema = &store_schema, .offset = offsetof(struct settings, store)},
    {.schema = &resolver_schema, .offset = offsetof(struct settings, resolver)},
    {.schema = &events_schema, .offset = offsetof(struct settings, events)},
    {.schema = NULL},
};
/* clang-format on */

const size_t check_table_size = sizeof(check_table) / sizeof(check_table[0]);
