/*
 * One connection to a Redis server. Every wait ends at a deadline of the caller's; no name is
 * looked up here. Used by one thread at a time.
 */
#ifndef LIMIT_REDIS_H
#define LIMIT_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/tls.h"
#include "limit/redis_reply.h"
#include "limit/resp.h"

struct redis_target {
	struct sockaddr_storage addr;
	socklen_t len;
	const char *name; /* of its certificate; must stay. NULL: none. */
};

/* What is said first. All may be NULL or 0. */
struct redis_greeting {
	const struct tls_trust *trust; /* NULL: no TLS */
	const char *user, *password;
	unsigned database;
};

struct redis;

/* What went wrong, in words; they may hold bytes of the server's. */
#define REDIS_TROUBLE_MAX 256
struct redis_trouble {
	char text[REDIS_TROUBLE_MAX];
};

/* `deadline` is of clock_monotonic(). NULL with the trouble. */
struct redis *redis_open(const struct redis_target *target, const struct redis_greeting *greeting,
    usec_t deadline, struct redis_trouble *why);

/* *r becomes NULL. */
void redis_close(struct redis **r);

/* Nothing came since the last answer, and the server has not hung up, as far as can be seen. */
bool redis_is_idle(const struct redis *r);

/*
 * Sends a command, and reads its reply of at most `most` bytes. The reply lives until the next
 * call. NULL with the trouble: the connection is of no use any more. An error of the
 * server's is a reply.
 */
const struct redis_reply *redis_call(struct redis *r, const struct resp_command *command,
    size_t most, usec_t deadline, struct redis_trouble *why);

#endif
