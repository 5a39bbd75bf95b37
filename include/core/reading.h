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
	const struct domset *ours; /* NULL: nothing is ours */
	struct mailer_list local_mailers;
};

/*
 * What the MTA does with a recipient, whichever domain it has. KEPT: it delivers it itself (its
 * mailer is in the list), or passes it on under the domain that the client wrote ({rcpt_addr} read
 * as an address has one reading and the same domain). AWAY: anything else that it says.
 *
 * The mailer `error` is KEPT when {rcpt_addr} is the address itself: so Postfix resolves an address
 * in one of its virtual alias domains, which it accepts.
 */
enum keeping {
	KEEPING_UNKNOWN, /* it did not say */
	KEEPING_KEPT,
	KEEPING_AWAY,
};

/* *why is set to static words. AWAY for an address with more than one reading, or none. */
enum keeping mta_keeps(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const struct mta_view *mta, struct arena *a, const char **why);

/*
 * OURS needs all of: one reading; its domain (or literal) in `ours`; and the MTA keeps it
 * (`kept`, of mta_keeps()). *why is set to static words that say which of these decided.
 *
 * A bare <postmaster> is OURS when the MTA keeps it, or turns it into an address with one reading
 * and a domain in `ours`. Any other address without a domain is AMBIGUOUS: which one is meant
 * is the MTA's guess. <> is RELAY: it is no recipient.
 */
enum reading reading_of(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const struct mta_view *mta, enum keeping kept, struct arena *a, const char **why);

/*
 * Did the MTA itself refuse this recipient (SMFIP_RCPT_REJ)? Then its mailer is `error`, its host
 * an enhanced status code and nothing more, its address the text of the reply. Everything else
 * is false, so that what a client writes can't pass for a refusal: text that ends in something
 * with an @ is not believed.
 */
bool mta_view_is_refusal(const struct mta_view *mta);

/*
 * For explain and the self-test, where no MTA is asked: the view of an MTA that agrees with
 * our list, "local" for what is in it and "smtp" for the rest. Strings in `a` or static.
 */
struct mta_view mta_view_assumed(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const char *raw, struct arena *a);

/* "ours", "relay", "ambiguous"; UNKNOWN is "". */
const char *reading_name(enum reading r);

#endif
