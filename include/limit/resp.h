/*
 * The protocol of Redis (RESP2) by hiredis: commands to bytes, bytes to replies. No I/O, and what
 * comes in is bounded.
 */
#ifndef LIMIT_RESP_H
#define LIMIT_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "limit/redis_reply.h"

/* A command in the making. Zero-initialise it; what is added must stay until it is written. */
struct resp_command {
	struct arena arena;
	const char **words;
	size_t *lens;
	size_t count, room;
	bool failed; /* no memory: nothing more is added */
};

void resp_add(struct resp_command *c, const void *bytes, size_t len);
void resp_puts(struct resp_command *c, const char *text);
void resp_number(struct resp_command *c, int64_t number);

/* Its bytes, to be freed with resp_bytes_free(). NULL: no memory. */
char *resp_bytes(const struct resp_command *c, size_t *len);
void resp_bytes_free(char *bytes);

/* Frees what a command holds; it may be made anew. */
void resp_forget(struct resp_command *c);

/* Reads replies. */
struct resp;

enum resp_status {
	RESP_REPLY,
	RESP_MORE,   /* it is not whole yet */
	RESP_BROKEN, /* no RESP, longer than allowed, or no memory: nothing more comes */
};

/* NULL: no memory. */
struct resp *resp_new(void);
void resp_free(struct resp **r);

/* The next reply may have `most` bytes. Ends the life of the one before. */
void resp_expect(struct resp *r, size_t most);

/* Bytes that came. */
enum resp_status resp_feed(
    struct resp *r, const char *bytes, size_t len, const struct redis_reply **out);

/* Has something come after the reply, that nobody asked for? */
bool resp_has_more(const struct resp *r);

/* What was wrong, in words. */
const char *resp_error(const struct resp *r);

#endif
