/*
 * Whose recipient is it? The guard's list and the MTA's view must both say
 * "ours"; an address with more than one reading is nobody's.
 */
#ifndef CORE_READING_H
#define CORE_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/domset.h"
#include "core/mailaddr.h"

enum reading {
	READING_UNKNOWN, /* single reading, in our list, but the MTA did not say what it would do */
	READING_OURS,
	READING_RELAY,
	READING_AMBIGUOUS,
};

/* The macros {rcpt_mailer} {rcpt_host} {rcpt_addr}; NULL where the MTA sent none. */
struct mta_view {
	const char *mailer;
	const char *host;
	const char *addr;
};

/* Names of the MTA's mailers that deliver here. Compared without case. Immutable. */
struct mailer_list {
	size_t count;
	const char *const *names;
};

struct reading_rules {
	const struct domset *ours;
	struct mailer_list local_mailers;
};

/*
 * OURS needs all of: one reading; its domain (or literal, or none for <postmaster>)
 * in `ours`; and the MTA either keeps it (mailer is local) or passes it on
 * under the same domain ({rcpt_addr} read as an address has one reading and the same
 * domain). *why is set to static words that say which of these decided.
 */
enum reading reading_of(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const struct mta_view *mta, struct arena *a, const char **why);

/* Did the MTA itself refuse this recipient (SMFIP_RCPT_REJ)? */
bool mta_view_is_refusal(const struct mta_view *mta, const struct mailaddr *rcpt, struct arena *a);

/*
 * For explain and the self-test, where no MTA is asked: the view of an MTA that agrees with
 * our list, "local" for what is in it and "smtp" for the rest. Strings in `a` or static.
 */
struct mta_view mta_view_assumed(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const char *raw, struct arena *a);

/* "ours", "relay", "ambiguous"; UNKNOWN is "". */
const char *reading_name(enum reading r);

#endif
