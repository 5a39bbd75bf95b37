/*
 * DKIM verification (RFC 6376 with 8301, 8463 and 8616) of one message while it arrives:
 *
 *     struct dkim_check *d = dkim_check_open(resolver, &budget, NULL, clock_now());
 *
 *     dkim_check_header(d, name, strlen(name), value, strlen(value));   each field, in order
 *     if (dkim_check_end_of_header(d))                                  never waits
 *             dkim_check_body(d, chunk, len);                           each chunk, in order
 *     dkim_check_finish(d, &arena, &outcome);                           waits for the keys
 *     dkim_check_free(&d);
 *
 * Different messages may be checked at once by different threads. Memory grows with the header, up
 * to a limit, and never with the body.
 */
#ifndef AUTH_DKIM_H
#define AUTH_DKIM_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/resolver.h"
#include "base/arena.h"
#include "base/clock.h"

/* RFC 8601 2.7.1 */
enum dkim_result {
	DKIM_NONE,    /* no signature */
	DKIM_NEUTRAL, /* not evaluated: there are too many */
	DKIM_PASS,
	DKIM_FAIL,      /* the body or the header is not what was signed */
	DKIM_POLICY,    /* not acceptable here: a short key, a second From that is not signed */
	DKIM_TEMPERROR, /* no answer from DNS; worth another try */
	DKIM_PERMERROR, /* the signature, or its key, can't be used */
};

/* "none", "neutral", ... as in Authentication-Results. */
const char *dkim_result_name(enum dkim_result r);

/* What was found of one signature. Strings are never NULL, and hold any bytes. */
struct dkim_signature {
	enum dkim_result result;
	const char *domain;    /* d=: canonical (base/names.h) where it is a name; "" without one */
	const char *selector;  /* s= */
	const char *algorithm; /* a= */
	const char *identity;  /* i=, decoded, or @ and d= */
	const char *b;         /* b= without white space, as header.b shows it */
	const char *reason;    /* words */
	unsigned key_bits;     /* 0: not known */
	/* The key says that the domain is only trying (t=y). RFC 6376 3.6.1 asks that its mail is
	 * treated as unsigned. */
	bool testing;
	/* May DMARC align with `domain`? A PASS that covers the whole body (l= may leave a part
	 * of it to everyone). */
	bool usable;
};

struct dkim_outcome {
	/* PASS where one passes, else what is worth knowing first; NONE without signatures. */
	enum dkim_result result;
	const struct dkim_signature *signatures; /* in the order of the header */
	size_t count;
};

/* Who verifies: to compare the two (auth/dkim_lib.h has what each costs). */
enum dkim_verifier {
	DKIM_BY_LIBOPENDKIM, /* what it reads right, and OpenSSL what it does not */
	DKIM_BY_OPENSSL,     /* all */
};

/* Zero: the default. */
struct dkim_limits {
	unsigned signatures; /* that are evaluated: 10 */
	unsigned key_bits;   /* the fewest of an RSA key: 1,024 (RFC 8301 3.2) */
	unsigned fields;     /* of the header: 10,000 */
	size_t header;       /* bytes of the header: 4 MiB */
	enum dkim_verifier verifier;
};

struct dkim_check;

/*
 * `budget` belongs to the message, and must stay. `limits` may be NULL. `now` is the wall clock,
 * for x= and t=. NULL when memory is exhausted: the other calls take NULL, and then find a
 * TEMPERROR.
 */
struct dkim_check *dkim_check_open(
    struct resolver *r, struct dns_budget *budget, const struct dkim_limits *limits, usec_t now);

/*
 * One field. `name` is what stands in front of the colon, `value` all behind it: the white space at
 * its start (SMFIP_HDR_LEADSPC), line ends inside as LF or CRLF, none at the end. Copied. The key
 * of a signature is asked for at once, and not waited for.
 */
void dkim_check_header(
    struct dkim_check *d, const char *name, size_t name_len, const char *value, size_t value_len);

/*
 * The header is over. False when the body is not wanted, as no signature can pass: then it need not
 * be given.
 */
bool dkim_check_end_of_header(struct dkim_check *d);

/* A part of the body, however it is cut. Lines end in CRLF or LF. */
void dkim_check_body(struct dkim_check *d, const void *bytes, size_t len);

/*
 * The body is over. Waits for keys, until their look-ups' deadlines at most. Call it once. All that
 * `out` points to is in the arena, or static.
 */
void dkim_check_finish(struct dkim_check *d, struct arena *a, struct dkim_outcome *out);

/* Gives up what is under way. *d becomes NULL. */
void dkim_check_free(struct dkim_check **d);

#endif
