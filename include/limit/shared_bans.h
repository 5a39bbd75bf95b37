/*
 * Bans that all hosts know: a hash at the Redis server, beside the limits. Its fields are the keys
 * of bans (limit/bans.h), each value three lines:
 *
 *     UNTIL SINCE ACTION    microseconds since 1970; refuse, defer, hold or release
 *     who set it
 *     why
 *
 * Of two, that which was set later is right. One that is released stays, as `release`, for as long
 * as another host may not know of it. What is over is taken away by whoever sees it. A server
 * that forgot is told again, so that it never releases anything by that.
 */
#ifndef LIMIT_SHARED_BANS_H
#define LIMIT_SHARED_BANS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "limit/bans.h"
#include "limit/redis_pool.h"

enum { SHARED_BAN_TEXT_MAX = 320 };

/* A ban as it stands there. */
struct shared_ban {
	usec_t until, since; /* wall clock */
	bool released;
	enum ban_action action;
	char by[BAN_BY_MAX];
	char reason[BAN_REASON_MAX];
};

/* Control characters become blanks. Returns the length. */
size_t shared_ban_format(const struct shared_ban *b, char out[SHARED_BAN_TEXT_MAX]);

/* False: these `len` bytes are no ban. Texts that are too long are cut. */
bool shared_ban_read(const char *text, size_t len, struct shared_ban *out);

/* What the owner of the store knows of bans. Called from one thread. */
struct shared_bans_hooks {
	/* May this key be banned at all? */
	bool (*may)(const void *arg, const char *key);
	/* Another host has released a key: what is counted of it here is forgiven. May be NULL. */
	void (*released)(const void *arg, const char *key);
	const void *arg;
};

/*
 * Takes over what the server has, and tells it what it does not know. For a thread that serves
 * nobody, on one process of the host at a time. False with the trouble.
 */
bool shared_bans_sync(struct store *s, struct redis_pool *pool, const char *hash,
    const struct shared_bans_hooks *hooks, usec_t timeout, struct redis_trouble *why);

#endif
