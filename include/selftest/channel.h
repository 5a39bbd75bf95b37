/* A connection with a deadline for every wait. */
#ifndef SELFTEST_CHANNEL_H
#define SELFTEST_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/strbuf.h"
#include "conf/schema.h"

struct channel {
	int fd;                   /* -1: closed */
	unsigned timeout_ms;      /* of one wait */
	struct strbuf in;         /* what was read and not used yet */
	char error[160];          /* why the last call failed */
	char peer[ADDR_TEXT_MAX]; /* the server's address; "" on a unix socket */
	struct addr own;          /* our own address; ADDR_NONE on a unix socket */
};

/* `source` (may be NULL): the address to connect from. False with c->error. */
bool channel_open(struct channel *c, const struct conf_socket *to, const struct addr *source,
    unsigned timeout_ms);
bool channel_send(struct channel *c, const void *data, size_t len);

/* Waits for more bytes in c->in. False at the end, after the time, or beyond 2 MiB. */
bool channel_read(struct channel *c);

/* Drops the first `len` bytes of c->in. */
void channel_used(struct channel *c, size_t len);
void channel_close(struct channel *c);

#endif
