/* The client's side of TLS, over a socket that does not block. */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct tls;

/* What one attempt came to. WANTS_*: wait for the socket, and try again. */
enum io_status { IO_DONE, IO_WANTS_READ, IO_WANTS_WRITE, IO_CLOSED, IO_FAILED };

#define TLS_TEXT_SIZE 160

#define TLS_NAMES_SIZE 300

/* The certificate that the server showed. Texts are raw. */
struct tls_peer {
	char version[16];            /* "TLSv1.3" */
	char subject[TLS_TEXT_SIZE]; /* the common name, or the first alternative */
	char names[TLS_NAMES_SIZE];  /* whom it is for: "a.example, 192.0.2.1"; cut by "..." */
	bool names_host;             /* is the host that was asked for among them? */
	bool common_name_only; /* there are no alternatives: many heed nothing else (RFC 9525) */
	const char *distrust;  /* why the system's authorities don't vouch for it, its dates aside;
	                          NULL: they do */
	usec_t not_before, not_after;
};

/*
 * `host` is sent as the name that is wanted, unless it is an address; NULL: none. Any certificate
 * is taken: that it is checked is the caller's business. NULL when memory is exhausted.
 */
struct tls *tls_new(int fd, const char *host);

/* Before the handshake: shows this certificate where the server asks. PEM. False: tls_error(). */
bool tls_show(struct tls *t, const char *cert, const char *key);

/* Whom to trust, and who we are. Immutable: many connections and threads share it. */
struct tls_trust;

struct tls_files {
	const char *authorities; /* PEM; NULL: the system's */
	const char *cert, *key;  /* PEM; NULL: none is shown */
};

/* NULL with words in `error`, which name the file. Reads the files, which takes a while. */
struct tls_trust *tls_trust_new(const struct tls_files *f, char error[TLS_TEXT_SIZE]);
void tls_trust_free(struct tls_trust **t);

/*
 * The handshake fails unless `trust` vouches for the certificate and it names `host`, a name or an
 * address. TLS 1.2 at least. `trust` must outlive it.
 */
struct tls *tls_new_trusted(int fd, const char *host, const struct tls_trust *trust);

enum io_status tls_handshake(struct tls *t);
/* DONE: *done bytes, at least one, were moved. */
enum io_status tls_read(struct tls *t, char *buf, size_t size, size_t *done);
enum io_status tls_write(struct tls *t, const char *bytes, size_t len, size_t *done);

/* What went wrong in the last attempt, in words. */
const char *tls_error(const struct tls *t);

/* After the handshake. `host`: a name or an address. False: the server showed no certificate. */
bool tls_peer(const struct tls *t, const char *host, struct tls_peer *out);

/* The same of a certificate in DER that nobody has shown: without a version, and distrusted. */
bool tls_peer_read(const unsigned char *der, size_t len, const char *host, struct tls_peer *out);

/* *t becomes NULL; the socket stays open. */
void tls_free(struct tls **t);

#endif
