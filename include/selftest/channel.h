/* A connection of which every wait has an end. */
#ifndef SELFTEST_CHANNEL_H
#define SELFTEST_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/tls.h"

/* What is resolved once and connected to often. */
struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

#define CHANNEL_ERROR_SIZE 200
#define ENDPOINTS_MAX 8

struct channel {
	int fd; /* -1: closed */
	struct strbuf in;
	usec_t timeout;         /* of one wait */
	struct tls *tls;        /* NULL: in the clear */
	const char *cert, *key; /* files that are shown to a server that asks; NULL: none */
	char error[CHANNEL_ERROR_SIZE];
};

/* False, and *error in words: the path is too long. */
bool endpoint_unix(const char *path, struct endpoint *out, char error[CHANNEL_ERROR_SIZE]);

/*
 * The addresses of a host, at most ENDPOINTS_MAX, of one family unless it is ADDR_NONE. 0, and
 * `error` in words, when there is none.
 */
size_t endpoint_resolve(const char *host, uint16_t port, enum addr_family family,
    struct endpoint out[ENDPOINTS_MAX], char error[CHANNEL_ERROR_SIZE]);

/* `source` ADDR_NONE: the system's choice. False: told in c->error. */
bool channel_open(
    struct channel *c, const struct endpoint *to, const struct addr *source, usec_t timeout);

/*
 * Goes on under TLS; `host` as for tls_new(). What the server sent before it in the clear is
 * dropped (RFC 3207 4.2). False: told in c->error.
 */
bool channel_start_tls(struct channel *c, const char *host);

/* False: told in c->error. */
bool channel_send(struct channel *c, const char *bytes, size_t len);

/* Reads what is there, at least a byte, until `deadline` (monotonic). False: told in c->error. */
bool channel_read(struct channel *c, usec_t deadline);

/* Forgets the first `len` bytes of c->in. */
void channel_take(struct channel *c, size_t len);

/* When a wait that begins now must end. */
usec_t channel_deadline(const struct channel *c);

/* Its own and the other's address; ADDR_NONE for a unix socket. */
void channel_addresses(const struct channel *c, struct addr *own, struct addr *peer);

void channel_close(struct channel *c);

#endif
