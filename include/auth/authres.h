/*
 * Authentication-Results (RFC 8601): a writer for our own field, a reader for
 * what others wrote (ARC carries it), and the question whether a field that came
 * with a message claims to be ours.
 */
#ifndef AUTH_AUTHRES_H
#define AUTH_AUTHRES_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/spf.h"
#include "base/addr.h"
#include "base/arena.h"
#include "base/strbuf.h"

/* --- writing ---------------------------------------------------------------- */

/* No value that is written is longer. */
#define AUTHRES_MAX 16384

/*
 * One field's value in the making. Whatever the arguments hold, the value has the results that
 * were added and no other: everything is quoted where RFC 8601 asks for it, and control
 * characters, spaces, 8-bit bytes and semicolons in a value become `?`. A property whose value is
 * longer than 320 bytes is left out, as half a value would be another; comments and reasons
 * are cut. A result for which there is no room is left out as a whole.
 *
 *     struct authres w;
 *
 *     authres_begin(&w, "mx.example.com", "\n\t");
 *     authres_result(&w, "dkim", "pass", NULL);
 *     authres_property(&w, "header", "d", domain);
 *     value = authres_end(&w);          "mx.example.com;\n\tdkim=pass header.d=example.org"
 *     ...
 *     authres_free(&w);
 */
struct authres {
	struct strbuf out;
	const char *fold;
	size_t start;  /* where the result that is being written begins */
	size_t column; /* bytes since the last fold */
	unsigned results;
	bool full; /* the result that is being written does not fit */
};

/*
 * `authserv_id` names this host. `fold` is put before every result and where a line grows long:
 * "\n\t" for libmilter, " " for one long line. Both must stay until authres_end().
 */
void authres_begin(struct authres *w, const char *authserv_id, const char *fold);

/*
 * `method` and `result` are the RFCs' words. `reason` is for people, and may hold words from
 * outside; NULL or "": none.
 */
void authres_result(struct authres *w, const char *method, const char *result, const char *reason);

/* Of the result before, after its reason. NULL or "": nothing is written. */
void authres_property(
    struct authres *w, const char *ptype, const char *property, const char *value);

/* A comment after the result, or property, before. NULL or "": none. */
void authres_comment(struct authres *w, const char *text);

/*
 * The value, ": none" included where nothing was added, without the field's name; valid until
 * authres_free(). NULL when memory is exhausted.
 */
const char *authres_end(struct authres *w);

void authres_free(struct authres *w);

/* --- one call for each mechanism ------------------------------------------------ */

/* smtp.mailfrom or smtp.helo, and the reason as a comment. */
void authres_spf(struct authres *w, const struct spf_query *q, const struct spf_outcome *o);

/* Strings may be NULL. `auid` is i=; `b` the signature's b=, of which the first 8 are shown. */
struct authres_dkim {
	const char *result, *reason;
	const char *domain, *selector, *algorithm, *auid, *b;
};
void authres_dkim(struct authres *w, const struct authres_dkim *d);

/* `policy` is what the record asks for: none, quarantine, reject; `from` the header's domain. */
struct authres_dmarc {
	const char *result, *reason;
	const char *policy, *from;
};
void authres_dmarc(struct authres *w, const struct authres_dmarc *d);

/* RFC 8617 10.2: `oldest_pass` is written of a pass, where it is not negative. `client` may be
 * NULL. */
struct authres_arc {
	const char *result, *reason;
	int oldest_pass;
	const struct addr *client;
};
void authres_arc(struct authres *w, const struct authres_arc *d);

/* SMTP AUTH (RFC 8601 2.7.4). `login` is not written where NULL: it may be a secret. */
void authres_auth(struct authres *w, const char *mechanism, const char *login);

/* RFC 8601 2.7.3: did the client's name lead back to its address? */
void authres_iprev(
    struct authres *w, const char *result, const struct addr *client, const char *name);

/* Adds the value of a Received-SPF field (RFC 7208 9.1), folded; all that is from outside quoted.
 */
void authres_received_spf(
    struct strbuf *b, const struct spf_query *q, const struct spf_outcome *o, const char *fold);

/* --- whose is it? --------------------------------------------------------------- */

/* Is this the field's name? Not that of ARC-Authentication-Results. */
bool authres_is_field(const char *name);

/*
 * Does a field's value claim to come from `authserv_id`? However that is spelled: comments,
 * folding, quotes, case, dots, U-labels, a version behind it, controls and 8-bit bytes in
 * it. Where it could be read in more than one way, and one of them is ours, it claims to be; so
 * does a value without a name, and one that breaks off inside a comment or a quoted string.
 */
bool authres_claims(const char *value, size_t len, const char *authserv_id);

/* --- reading -------------------------------------------------------------------- */

struct authres_pair {
	const char *ptype; /* "" where the writer left it out */
	const char *name, *value;
};

struct authres_entry {
	const char *method, *result; /* lower case */
	const char *reason;          /* NULL: none */
	const struct authres_pair *properties;
	size_t count;
};

struct authres_field {
	const char *authserv_id;
	const struct authres_entry *results; /* at most 100 */
	size_t count;
};

/*
 * Reads a value, leniently where writers in use are sloppy (unquoted values). Strings are
 * in the arena and hold no NUL. False when it has no authserv-id, when a result is not
 * method=result, or when memory is exhausted; results before the fault are kept then.
 */
bool authres_read(const char *value, size_t len, struct arena *a, struct authres_field *out);

/* The value of one property of a result, NULL when it has none. */
const char *authres_value(const struct authres_entry *e, const char *ptype, const char *name);

#endif
