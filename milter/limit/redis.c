#include "limit/redis.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct redis {
	int fd;
	struct tls *tls; /* NULL: none */
	struct resp *replies;
};

enum { READ_SIZE = 16384, GREETING_BYTES = 1024 };

__attribute__((format(printf, 2, 3))) static bool trouble(
    struct redis_trouble *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return false;
}

/* --- waiting ------------------------------------------------------------------ */

/* Until the socket is ready, or the time is over (then false). */
static bool wait_for(const struct redis *r, short events, usec_t deadline)
{
	struct pollfd p = {.fd = r->fd, .events = events};

	for (;;) {
		usec_t left = deadline - clock_monotonic();
		struct timespec t = {left / USEC_PER_SEC, (long)(left % USEC_PER_SEC) * 1000};
		int n;

		if (left <= 0)
			return false;
		n = ppoll(&p, 1, &t, NULL);
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static bool too_late(struct redis_trouble *why, const char *what)
{
	return trouble(why, "%s takes too long", what);
}

/* --- moving bytes --------------------------------------------------------------- */

static enum io_status plain_status(ssize_t n, short events, size_t *done)
{
	if (n > 0) {
		*done = (size_t)n;
		return IO_DONE;
	}
	if (n == 0)
		return IO_CLOSED;
	if (errno == EAGAIN || errno == EINTR)
		return events == POLLIN ? IO_WANTS_READ : IO_WANTS_WRITE;
	return IO_FAILED;
}

static enum io_status read_some(struct redis *r, char *buf, size_t size, size_t *done)
{
	if (r->tls != NULL)
		return tls_read(r->tls, buf, size, done);
	return plain_status(recv(r->fd, buf, size, 0), POLLIN, done);
}

static enum io_status write_some(struct redis *r, const char *bytes, size_t len, size_t *done)
{
	if (r->tls != NULL)
		return tls_write(r->tls, bytes, len, done);
	return plain_status(send(r->fd, bytes, len, MSG_NOSIGNAL), POLLOUT, done);
}

/* True: try again. Else why not. */
static bool go_on(const struct redis *r, enum io_status status, usec_t deadline, const char *what,
    struct redis_trouble *why)
{
	switch (status) {
	case IO_WANTS_READ:
		return wait_for(r, POLLIN, deadline) || too_late(why, what);
	case IO_WANTS_WRITE:
		return wait_for(r, POLLOUT, deadline) || too_late(why, what);
	case IO_CLOSED:
		return trouble(why, "the server hung up");
	case IO_FAILED:
		if (r->tls != NULL && *tls_error(r->tls) != '\0')
			return trouble(why, "%s", tls_error(r->tls));
		return trouble(why, "%s", strerror(errno));
	case IO_DONE:
		break;
	}
	return true;
}

static bool write_all(
    struct redis *r, const char *bytes, size_t len, usec_t deadline, struct redis_trouble *why)
{
	while (len > 0) {
		size_t done = 0;
		enum io_status status = write_some(r, bytes, len, &done);

		if (!go_on(r, status, deadline, "taking a question", why))
			return false;
		if (status == IO_DONE) {
			bytes += done;
			len -= done;
		}
	}
	return true;
}

static const struct redis_reply *read_reply(
    struct redis *r, usec_t deadline, struct redis_trouble *why)
{
	const struct redis_reply *reply = NULL;
	char buf[READ_SIZE];

	for (;;) {
		size_t done = 0;
		enum io_status status = read_some(r, buf, sizeof(buf), &done);

		if (!go_on(r, status, deadline, "an answer", why))
			return NULL;
		if (status != IO_DONE)
			continue;
		switch (resp_feed(r->replies, buf, done, &reply)) {
		case RESP_REPLY:
			return reply;
		case RESP_MORE:
			break;
		case RESP_BROKEN:
			trouble(why, "%s", resp_error(r->replies));
			return NULL;
		}
		/* A server that sends without end is read until the deadline, no longer. */
		if (clock_monotonic() >= deadline) {
			too_late(why, "an answer");
			return NULL;
		}
	}
}

const struct redis_reply *redis_call(struct redis *r, const struct resp_command *command,
    size_t most, usec_t deadline, struct redis_trouble *why)
{
	const struct redis_reply *reply = NULL;
	size_t len;
	char *bytes = resp_bytes(command, &len);

	if (bytes == NULL) {
		trouble(why, "memory is exhausted");
		return NULL;
	}
	resp_expect(r->replies, most);
	if (write_all(r, bytes, len, deadline, why))
		reply = read_reply(r, deadline, why);
	resp_bytes_free(bytes);
	if (reply == NULL || !resp_has_more(r->replies))
		return reply;
	trouble(why, "more than the answer to what was asked");
	return NULL;
}

/* --- opening ---------------------------------------------------------------------- */

static bool connect_to(
    struct redis *r, const struct redis_target *t, usec_t deadline, struct redis_trouble *why)
{
	int error = 0, yes = 1;
	socklen_t len = sizeof(error);

	r->fd = socket(t->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		return trouble(why, "%s", strerror(errno));
	if (t->addr.ss_family != AF_UNIX)
		(void)setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(r->fd, (const struct sockaddr *)(const void *)&t->addr, t->len) == 0)
		return true;
	/* EAGAIN: a unix socket whose queue is full, which no poll waits for. */
	if (errno != EINPROGRESS)
		return trouble(why, "connecting: %s", strerror(errno));
	if (!wait_for(r, POLLOUT, deadline))
		return too_late(why, "connecting");
	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	return error == 0 || trouble(why, "connecting: %s", strerror(error));
}

static bool secure(struct redis *r, const struct redis_target *t, const struct tls_trust *trust,
    usec_t deadline, struct redis_trouble *why)
{
	enum io_status status;

	if (t->name == NULL)
		return trouble(why, "no name is known for its certificate; see `tls-name`");
	r->tls = tls_new_trusted(r->fd, t->name, trust);
	if (r->tls == NULL)
		return trouble(why, "memory is exhausted");
	while ((status = tls_handshake(r->tls)) != IO_DONE)
		if (!go_on(r, status, deadline, "the TLS handshake", why))
			return false;
	return true;
}

static bool expect_ok(struct redis *r, struct resp_command *c, const char *what, usec_t deadline,
    struct redis_trouble *why)
{
	const struct redis_reply *reply = redis_call(r, c, GREETING_BYTES, deadline, why);
	bool ok = reply != NULL && redis_reply_is_status(reply, "OK");

	if (reply != NULL && !ok)
		trouble(why, "%s: %s", what, redis_reply_words(reply));
	resp_forget(c);
	return ok;
}

static bool greet(
    struct redis *r, const struct redis_greeting *g, usec_t deadline, struct redis_trouble *why)
{
	struct resp_command c = {.count = 0};

	if (g->password != NULL) {
		resp_puts(&c, "AUTH");
		if (g->user != NULL)
			resp_puts(&c, g->user);
		resp_puts(&c, g->password);
		if (!expect_ok(r, &c, "AUTH", deadline, why))
			return false;
	}
	if (g->database == 0)
		return true;
	resp_puts(&c, "SELECT");
	resp_number(&c, g->database);
	return expect_ok(r, &c, "SELECT", deadline, why);
}

struct redis *redis_open(const struct redis_target *target, const struct redis_greeting *greeting,
    usec_t deadline, struct redis_trouble *why)
{
	struct redis *r = calloc(1, sizeof(*r));

	trouble(why, "memory is exhausted");
	if (r == NULL)
		return NULL;
	r->fd = -1;
	r->replies = resp_new();
	if (r->replies != NULL && connect_to(r, target, deadline, why) &&
	    (greeting->trust == NULL || secure(r, target, greeting->trust, deadline, why)) &&
	    greet(r, greeting, deadline, why))
		return r;
	redis_close(&r);
	return NULL;
}

void redis_close(struct redis **r)
{
	if (*r == NULL)
		return;
	tls_free(&(*r)->tls);
	if ((*r)->fd >= 0)
		close((*r)->fd);
	resp_free(&(*r)->replies);
	free(*r);
	*r = NULL;
}

bool redis_is_idle(const struct redis *r)
{
	char c;
	ssize_t n = recv(r->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	/* With TLS, what came may be a ticket for the next session. */
	return n < 0 ? errno == EAGAIN || errno == EINTR : n > 0 && r->tls != NULL;
}
