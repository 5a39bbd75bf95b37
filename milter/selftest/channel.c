#include "selftest/channel.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* A server that talks more without a pause for an answer is not one. */
enum { INPUT_MAX = 2 * 1024 * 1024, READ_SIZE = 16384 };

/* --- where to -------------------------------------------------------------- */

bool endpoint_unix(const char *path, struct endpoint *out, char error[CHANNEL_ERROR_SIZE])
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(un.sun_path)) {
		snprintf(error, CHANNEL_ERROR_SIZE, "the path has %zu bytes; at most %zu go", len,
		    sizeof(un.sun_path) - 1);
		return false;
	}
	memcpy(un.sun_path, path, len);
	*out = (struct endpoint){.len = sizeof(un)};
	memcpy(&out->addr, &un, sizeof(un));
	return true;
}

/* Is the one behind the first `count` equal to one of them? A hosts file may name it twice. */
static bool is_among(const struct endpoint *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].len == all[count].len &&
		    memcmp(&all[i].addr, &all[count].addr, all[i].len) == 0)
			return true;
	return false;
}

size_t endpoint_resolve(const char *host, uint16_t port, enum addr_family family,
    struct endpoint out[ENDPOINTS_MAX], char error[CHANNEL_ERROR_SIZE])
{
	static const int families[] = {
	    [ADDR_NONE] = AF_UNSPEC, [ADDR_V4] = AF_INET, [ADDR_V6] = AF_INET6};
	struct addrinfo hints = {.ai_family = families[family], .ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL;
	char service[8];
	size_t count = 0;
	int failed;

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	failed = getaddrinfo(host, service, &hints, &all);
	if (failed != 0) {
		snprintf(error, CHANNEL_ERROR_SIZE, "%s", gai_strerror(failed));
		return 0;
	}
	for (const struct addrinfo *a = all; a != NULL && count < ENDPOINTS_MAX; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(out[count].addr))
			continue;
		out[count] = (struct endpoint){.len = a->ai_addrlen};
		memcpy(&out[count].addr, a->ai_addr, a->ai_addrlen);
		count += !is_among(out, count);
	}
	freeaddrinfo(all);
	return count;
}

/* --- the connection -------------------------------------------------------- */

static bool fail(struct channel *c, const char *what, int error)
{
	snprintf(c->error, sizeof(c->error), "%s: %s", what, strerror(error));
	return false;
}

usec_t channel_deadline(const struct channel *c)
{
	return clock_monotonic() + c->timeout;
}

/* Waits for `events`. False when the deadline has passed. */
static bool wait_for(struct channel *c, short events, usec_t deadline, const char *what)
{
	struct pollfd p = {.fd = c->fd, .events = events};

	for (;;) {
		usec_t left = deadline - clock_monotonic();
		int n = left <= 0 ? 0 : poll(&p, 1, (int)(left / USEC_PER_MSEC) + 1);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return fail(c, what, errno);
		if (n == 0) {
			snprintf(c->error, sizeof(c->error), "%s: no answer within %lld s", what,
			    (long long)((c->timeout + USEC_PER_SEC - 1) / USEC_PER_SEC));
			return false;
		}
	}
}

static bool bind_to(struct channel *c, const struct addr *source)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	int failed = 0;

	if (source->family == ADDR_V4) {
		memcpy(&in.sin_addr, source->bytes, 4);
		failed = bind(c->fd, (const struct sockaddr *)&in, sizeof(in));
	} else if (source->family == ADDR_V6) {
		memcpy(&in6.sin6_addr, source->bytes, 16);
		failed = bind(c->fd, (const struct sockaddr *)&in6, sizeof(in6));
	}
	return failed == 0 || fail(c, "can't use the source address", errno);
}

static bool connect_to(struct channel *c, const struct endpoint *to)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(c->fd, (const struct sockaddr *)&to->addr, to->len) == 0)
		return true;
	/* A unix socket whose backlog is full says EAGAIN, and can't be waited for. */
	if (errno != EINPROGRESS)
		return fail(c, "can't connect", errno);
	if (!wait_for(c, POLLOUT, channel_deadline(c), "can't connect"))
		return false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	return error == 0 || fail(c, "can't connect", error);
}

bool channel_open(
    struct channel *c, const struct endpoint *to, const struct addr *source, usec_t timeout)
{
	const int on = 1;

	*c = (struct channel){.timeout = timeout, .in = {.max = INPUT_MAX}};
	c->fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return fail(c, "can't make a socket", errno);
	if (to->addr.ss_family != AF_UNIX)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind_to(c, source) && connect_to(c, to))
		return true;
	channel_close(c);
	return false;
}

/* --- bytes ------------------------------------------------------------------ */

static enum io_status status_of(ssize_t n, size_t *done, enum io_status again)
{
	if (n > 0) {
		*done = (size_t)n;
		return IO_DONE;
	}
	if (n == 0)
		return IO_CLOSED;
	return errno == EAGAIN || errno == EINTR ? again : IO_FAILED;
}

static enum io_status try_send(struct channel *c, const char *bytes, size_t len, size_t *done)
{
	if (c->tls != NULL)
		return tls_write(c->tls, bytes, len, done);
	return status_of(send(c->fd, bytes, len, MSG_NOSIGNAL), done, IO_WANTS_WRITE);
}

static enum io_status try_read(struct channel *c, char *buf, size_t size, size_t *done)
{
	if (c->tls != NULL)
		return tls_read(c->tls, buf, size, done);
	return status_of(recv(c->fd, buf, size, 0), done, IO_WANTS_READ);
}

/* Waits as an attempt wants it. False: told; what wants nothing is an error. */
static bool settle(struct channel *c, enum io_status status, usec_t deadline, const char *what)
{
	if (status == IO_WANTS_READ || status == IO_WANTS_WRITE)
		return wait_for(c, status == IO_WANTS_READ ? POLLIN : POLLOUT, deadline, what);
	if (status == IO_CLOSED)
		snprintf(c->error, sizeof(c->error), "the connection was closed");
	else if (c->tls != NULL && *tls_error(c->tls) != '\0')
		snprintf(c->error, sizeof(c->error), "%s", tls_error(c->tls));
	else
		return fail(c, "the connection broke", errno);
	return false;
}

bool channel_start_tls(struct channel *c, const char *host)
{
	usec_t deadline = channel_deadline(c);
	enum io_status status;

	strbuf_reset(&c->in);
	c->tls = tls_new(c->fd, host);
	if (c->tls != NULL && c->cert != NULL && !tls_show(c->tls, c->cert, c->key)) {
		snprintf(c->error, sizeof(c->error), "%s", tls_error(c->tls));
		return false;
	}
	if (c->tls == NULL) {
		snprintf(c->error, sizeof(c->error), "out of memory");
		return false;
	}
	while ((status = tls_handshake(c->tls)) != IO_DONE)
		if (!settle(c, status, deadline, "TLS"))
			return false;
	return true;
}

bool channel_send(struct channel *c, const char *bytes, size_t len)
{
	usec_t deadline = channel_deadline(c);

	while (len > 0) {
		size_t done = 0;
		enum io_status status = try_send(c, bytes, len, &done);

		if (status != IO_DONE && !settle(c, status, deadline, "sending"))
			return false;
		bytes += done;
		len -= done;
	}
	return true;
}

bool channel_read(struct channel *c, usec_t deadline)
{
	char buf[READ_SIZE];

	for (;;) {
		size_t done = 0;
		enum io_status status = try_read(c, buf, sizeof(buf), &done);

		if (status == IO_DONE) {
			strbuf_add(&c->in, buf, done);
			if (!c->in.failed)
				return true;
			snprintf(c->error, sizeof(c->error), "the other side talks without end");
			return false;
		}
		if (!settle(c, status, deadline, "waiting"))
			return false;
	}
}

void channel_take(struct channel *c, size_t len)
{
	memmove(c->in.data, c->in.data + len, c->in.len - len);
	c->in.len -= len;
	c->in.data[c->in.len] = '\0';
}

void channel_addresses(const struct channel *c, struct addr *own, struct addr *peer)
{
	struct sockaddr_storage s;
	socklen_t len = sizeof(s);

	*own = *peer = (struct addr){.family = ADDR_NONE};
	if (getsockname(c->fd, (struct sockaddr *)&s, &len) == 0)
		(void)addr_from_sockaddr((const struct sockaddr *)&s, own, NULL);
	len = sizeof(s);
	if (getpeername(c->fd, (struct sockaddr *)&s, &len) == 0)
		(void)addr_from_sockaddr((const struct sockaddr *)&s, peer, NULL);
}

void channel_close(struct channel *c)
{
	tls_free(&c->tls);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	strbuf_free(&c->in);
}
