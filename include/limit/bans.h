/*
 * Bans: a client prefix or a login is refused, or its mail held, for a time. Kept in the store's
 * file, so that they outlive everything that counters outlive; looked up without a lock.
 */
#ifndef LIMIT_BANS_H
#define LIMIT_BANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "limit/store.h"

/* "client:192.0.2.0/24", "client:2001:db8::/64", "login:alice" */
#define BAN_KEY_MAX 160
#define BAN_REASON_MAX 160
#define BAN_BY_MAX 64

enum ban_action {
	BAN_REFUSE, /* 5xx */
	BAN_DEFER,  /* 4xx */
	BAN_HOLD,   /* accepted and kept in the MTA's quarantine */
};

struct ban {
	char key[BAN_KEY_MAX];
	char reason[BAN_REASON_MAX];
	char by[BAN_BY_MAX]; /* "limit NAME", or who set it */
	enum ban_action action;
	unsigned strikes; /* how often in a row, this time included */
	nsec_t since, until;
	/* As other hosts know it (limit/shared_bans.h): wall clock; 0: they do not. */
	usec_t wall_since, wall_until;
	unsigned released; /* it is over, and they are to be told */
};

/*
 * Makes a key of what people write: login:NAME, client:PREFIX, or an address or prefix alone.
 * NULL when it is one, else static words for what was expected.
 */
const char *ban_key_parse(const char *text, char out[BAN_KEY_MAX]);

/* The prefix of a client's key. False: it is of a login. */
bool ban_key_prefix(const char *key, struct prefix *out);

void ban_key_of_prefix(const struct prefix *p, char out[BAN_KEY_MAX]);

/*
 * In lower case: whoever could vary it would have many keys. A login that is too long for a key
 * is cut; its end is replaced by its hash.
 */
void ban_key_of_login(const char *login, char out[BAN_KEY_MAX]);

/* After it is over, a ban is remembered for this long: the next of the same key is longer. */
#define BAN_MEMORY (NSEC_PER_SEC * 86400 * 7)

/*
 * Sets a ban for `lasting`, from now. With `grow`, each that follows within BAN_MEMORY after
 * the end of the one before lasts twice as long, at most `longest`; one that still holds is left
 * as it is. Without, it is set as told. `b` brings key, reason, by and action, and gets the rest.
 */
enum ban_set {
	BAN_SET,
	BAN_HOLDS, /* one was there, and is left as it is */
	BAN_BUSY,  /* it could not be set, as another process holds the list */
};

enum ban_set bans_set(
    struct store *s, struct ban *b, nsec_t lasting, bool grow, nsec_t longest, nsec_t now);

/*
 * Ends a ban and forgets it, as soon as other hosts that know of it are told. False: there was
 * none.
 */
bool bans_release(struct store *s, const char *key, nsec_t now);

/* The ban of exactly this key that holds now. `out` may be NULL. */
bool bans_find(const struct store *s, const char *key, nsec_t now, struct ban *out);

/* The ban that holds for a client, of whatever prefix; the longest prefix goes first. */
bool bans_find_client(
    const struct store *s, const struct addr *client, nsec_t now, struct ban *out);

/* Each ban that holds now. */
void bans_each(
    const struct store *s, nsec_t now, void (*each)(void *arg, const struct ban *b), void *arg);

/* For limit/shared_bans.c. */

/* What is kept of exactly this key, whether it holds or not. False: nothing. */
bool bans_get(const struct store *s, const char *key, struct ban *out);

/*
 * Puts `b` in the place of what is kept of its key; an end that is not in the future: it is
 * forgotten. False: it is not what it was, `since`, any more (0: nothing was kept).
 */
bool bans_put(struct store *s, const struct ban *b, nsec_t since, nsec_t now);

/* Each that holds, or of whose release others are to be told. */
void bans_each_to_tell(
    const struct store *s, nsec_t now, void (*each)(void *arg, const struct ban *b), void *arg);

#endif
