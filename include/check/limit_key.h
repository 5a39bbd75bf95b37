/* What a limit counts by: the parts of a key, and the keys that a session has at a moment. */
#ifndef CHECK_LIMIT_KEY_H
#define CHECK_LIMIT_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "conf/schema.h"
#include "core/session.h"

enum limit_part {
	PART_CLIENT,
	PART_CLIENT_PREFIX,
	PART_CLIENT_NET,
	PART_LISTENER,
	PART_HELO,
	PART_LOGIN,
	PART_SENDER,
	PART_SENDER_DOMAIN,
	PART_RECIPIENT,
	PART_RECIPIENT_DOMAIN,
	LIMIT_PARTS,
};

enum { LIMIT_KEY_PARTS = 5, LIMIT_SUBJECTS = 4 };

struct limit_key {
	unsigned count;
	enum limit_part parts[LIMIT_KEY_PARTS];
};

/* "client-net"; NULL beyond the last. */
const char *limit_part_name(enum limit_part p);

/* False: there is none of that name. */
bool limit_part_find(const char *name, enum limit_part *out);

/* The stage from which on it is known. */
enum stage limit_part_stage(enum limit_part p);
enum stage limit_key_stage(const struct limit_key *k);

/* FACT_ bits. */
unsigned limit_part_facts(enum limit_part p);

/*
 * Its value in the session, in `a`: "alice". NULL: it has none, and what counts by it does not
 * apply; or no memory, and *lost is set. A null sender is "<>", and counts as one.
 */
const char *limit_part_value(
    enum limit_part p, const struct session *s, struct arena *a, bool *lost);

/* One key of a limit. */
struct limit_subject {
	const char *text; /* "login:alice client:192.0.2.1" */
	size_t len;
	unsigned steps;       /* of a client prefix: how much wider it is than one address */
	struct prefix client; /* when the key is a client part alone; else ADDR_NONE */
	const char *login;    /* when the key is the login alone; else NULL */
};

/*
 * The keys that the session has now, of which a client prefix gives several: IPv6 /128 /64 /56 /48,
 * IPv4 /32 /24. 0: the limit does not apply, or no memory, and *lost is set.
 */
size_t limit_subjects(const struct limit_key *k, const struct session *s, struct arena *a,
    struct limit_subject out[LIMIT_SUBJECTS], bool *lost);

/*
 * Can `text`, in the words of limit_subject.text, be a key? NULL: yes; else static words for what
 * was expected.
 */
const char *limit_key_wrong(const struct limit_key *k, const char *text);

/*
 * For overrides: a key as people write it ("alice", "192.0.2.0/24", "login:alice client:...") in
 * the words of limit_subject.text. NULL: no memory.
 */
const char *limit_key_spelling(const struct limit_key *k, const char *text, struct arena *a);

#endif
