/*
 * Replies of a Redis server, and what we take them for. A server is not believed: a reply has
 * exactly the shape that was asked for, or it is none. Pure; the bytes are read by limit/resp.h.
 */
#ifndef LIMIT_REDIS_REPLY_H
#define LIMIT_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/gcra.h"

enum redis_kind {
	REDIS_STRING,
	REDIS_STATUS,
	REDIS_ERROR,
	REDIS_INTEGER,
	REDIS_NIL,
	REDIS_ARRAY,
};

struct redis_reply {
	enum redis_kind kind;
	int64_t integer;
	const char *text; /* STRING, STATUS, ERROR: any bytes, and a NUL after them */
	size_t len;
	size_t count; /* ARRAY */
	const struct redis_reply **items;
};

/* "+OK" and the like. */
bool redis_reply_is_status(const struct redis_reply *r, const char *status);

/* Is it an error that begins with the word `code`, such as NOSCRIPT? */
bool redis_reply_is_error(const struct redis_reply *r, const char *code);

/* What became of one thing that was charged. */
struct redis_verdict {
	bool fits;
	nsec_t debt; /* with this charge, when it fits */
};

/*
 * The answer of the script (limit/redis_script.h) to `count` things: all are charged, or those
 * that fit would have been. False: it is something else.
 */
bool redis_reply_verdicts(
    const struct redis_reply *r, size_t count, bool *all, struct redis_verdict *out);

/*
 * "MOVED 3999 127.0.0.1:6381": where a cluster has the keys. False: it is no such thing. The host
 * is as written, at most `size` - 1 bytes.
 */
bool redis_reply_moved(const struct redis_reply *r, char *host, size_t size, uint16_t *port);

/* The words of an error, or what else it is, for a log. */
const char *redis_reply_words(const struct redis_reply *r);

#endif
