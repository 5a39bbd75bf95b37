/*
 * Connections to a Redis server, kept for the next call, and where the server is: one of several
 * addresses, the next when one fails, or where a cluster or a sentinel says. For all threads
 * of a process.
 */
#ifndef LIMIT_REDIS_POOL_H
#define LIMIT_REDIS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/redis.h"

/* One entry of `server`: a path, or a host and a port. */
struct redis_server {
	const char *path; /* NULL: host */
	const char *host;
	uint16_t port;
};

enum { REDIS_CONNECTIONS_MAX = 64, REDIS_PLACES = 16 };

/* Everything it points to must stay. */
struct redis_pool_options {
	const struct redis_server *servers;
	size_t count;
	/* The servers are sentinels, and this is the name of what they watch; NULL: they are not.
	 */
	const char *sentinel;
	struct redis_greeting greeting;
	const char *tls_name; /* what the certificate must name; NULL: the host */
	unsigned connections; /* at most, at a time */
};

struct redis_pool;

/* NULL: no memory. Addresses that are no names can be used at once. */
struct redis_pool *redis_pool_new(const struct redis_pool_options *o);
void redis_pool_free(struct redis_pool **p);

/*
 * Looks up names and asks sentinels, which may take long: for a thread that serves nobody. Each
 * question to a sentinel takes `timeout` at most.
 */
void redis_pool_refresh(struct redis_pool *p, usec_t timeout);

/* Can a refresh find it elsewhere? */
bool redis_pool_may_move(const struct redis_pool *p);

/* Is any address known? */
bool redis_pool_is_ready(struct redis_pool *p);

/*
 * One command and its reply, of at most `most` bytes, read by `read`, which returns false when it
 * is not what was asked for. False with the trouble: there was no answer of use until the
 * deadline (clock_monotonic()). A closed connection is opened anew, and a MOVED is followed, within
 * it.
 */
bool redis_pool_call(struct redis_pool *p, const struct resp_command *command, size_t most,
    usec_t deadline, bool (*read)(void *arg, const struct redis_reply *r), void *arg,
    struct redis_trouble *why);

/* Where calls go at the moment, for a log. */
void redis_pool_where(struct redis_pool *p, char *text, size_t size);

#endif
