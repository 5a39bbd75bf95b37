/*
 * The record of where a message comes from: collects what the checks of its origin need while the
 * message passes, removes fields that claim to be ours, and writes Authentication-Results (RFC
 * 8601) at its end.
 */
#ifndef CHECK_AUTHENTICATION_H
#define CHECK_AUTHENTICATION_H

#include "check/config.h"
#include "check/outcome.h"
#include "conf/schema.h"
#include "core/policy.h"

/* authentication { ... }; always there. It does nothing while no section needs it. */
struct authentication_settings {
	struct conf_head head;
	const char *authserv_id; /* NULL: the name of this host */
	bool add_results;
	bool received_spf;
	bool remove_forged;
	struct origin_criteria except;
};

extern const struct check check_authentication;
extern const struct conf_schema authentication_schema;

/* `section` is a struct authentication_settings. */
bool authentication_make(struct conf_reader *r, const struct settings *settings,
    const struct conf_head *section, struct policy_entry *out);

#endif
