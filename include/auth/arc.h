/*
 * ARC validation (RFC 8617) of one message while it arrives:
 *
 *     struct arc_check *c = arc_check_open(resolver, &budget, clock_now());
 *
 *     arc_check_header(c, name, strlen(name), value, strlen(value));   each field, in order
 *     if (arc_check_end_of_header(c))                                  looks keys up; never waits
 *             arc_check_body(c, chunk, len);                           each chunk, in order
 *     arc_check_finish(c, &arena, &outcome);                           waits for the keys
 *     arc_check_free(&c);
 *
 * Different messages may be checked at once by different threads. Memory grows with the header, up
 * to a limit, and never with the body.
 */
#ifndef AUTH_ARC_H
#define AUTH_ARC_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/authres.h"
#include "auth/resolver.h"
#include "base/arena.h"
#include "base/clock.h"

/* RFC 8617 4.2.1. A chain with more sets fails. */
#define ARC_INSTANCES_MAX 50

enum arc_result {
	ARC_NONE, /* no ARC field */
	ARC_PASS,
	ARC_FAIL,
};

/* "none", "pass", "fail", as in Authentication-Results. */
const char *arc_result_name(enum arc_result r);

/* One set of a chain that passes. Strings are never NULL. */
struct arc_set {
	const char *domain;   /* d= of its ARC-Seal, canonical (base/names.h) where it is a name */
	const char *selector; /* s= of it */
	/* What the sealer had found when the message came to it. Without results where its
	 * ARC-Authentication-Results can't be read. */
	struct authres_field found;
};

/* All that it points to is in the arena, or static. */
struct arc_outcome {
	enum arc_result result;
	/* FAIL because DNS gave no answer, or memory was exhausted: worth another try. */
	bool temporary;
	unsigned instances; /* the highest instance of any field, at most 50; 0 without fields */
	/* Of PASS: the lowest instance from which on the message was not changed; 0 when it never
	 * was (RFC 8617 5.2). */
	unsigned oldest_pass;
	/* Of PASS: does the newest ARC-Message-Signature cover the whole body? l= may leave a
	 * part of it to everyone. */
	bool whole;
	const char *reason;         /* words */
	const struct arc_set *sets; /* of PASS: instance 1 first, `instances` of them */
};

/*
 * The word for Authentication-Results: the result's name, but "temperror" where the chain is to be
 * asked about again, so that nobody seals a failure that is none.
 */
const char *arc_outcome_word(const struct arc_outcome *o);

struct arc_check;

/*
 * `budget` belongs to the message, and must stay: at most 20 look-ups of it are used. `now` is the
 * wall clock, for x=. NULL when memory is exhausted: the other calls take NULL, and then find a
 * temporary FAIL.
 */
struct arc_check *arc_check_open(struct resolver *r, struct dns_budget *budget, usec_t now);

/*
 * One field. `name` is what stands in front of the colon, `value` all behind it: the white space at
 * its start (SMFIP_HDR_LEADSPC), line ends inside as LF or CRLF, none at the end. Copied.
 */
void arc_check_header(
    struct arc_check *c, const char *name, size_t name_len, const char *value, size_t value_len);

/*
 * The header is over: starts to look keys up, and does not wait. False when the body is not wanted,
 * as there is no chain, or it has failed: then the body need not be given.
 */
bool arc_check_end_of_header(struct arc_check *c);

/* A part of the body, however it is cut. Lines end in CRLF or LF. */
void arc_check_body(struct arc_check *c, const void *bytes, size_t len);

/* The body is over. Waits for keys, until their look-ups' deadlines at most. Call it once. */
void arc_check_finish(struct arc_check *c, struct arena *a, struct arc_outcome *out);

/* Gives up what is under way. *c becomes NULL. */
void arc_check_free(struct arc_check **c);

/*
 * Does somebody who is trusted say that DMARC passed for the author domain `from` (canonical)? Goes
 * from the newest set back: each sealer on the way must be trusted, as each could have changed
 * the message, or made the older sets up; the first that found dmarc=pass for `from` itself
 * decides. Only of a chain that passes and whose newest signature covers the whole body. The
 * set that says so, NULL when none does.
 */
const struct arc_set *arc_vouched(const struct arc_outcome *o, const char *from,
    bool (*is_trusted)(void *arg, const char *domain), void *arg);

#endif
