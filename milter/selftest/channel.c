#include "selftest/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

enum { INPUT_MAX = 2 * 1024 * 1024 };

static bool failed(struct channel *c, const char *why)
{
	snprintf(c->error, sizeof(c->error), "%s", why);
	return false;
}

static bool wait_for(struct channel *c, short events, usec_t until)
{
	struct pollfd p = {.fd = c->fd, .events = events};
	int n;

	do {
		usec_t left = until - clock_monotonic();

		n = poll(&p, 1, left <= 0 ? 0 : (int)(left / USEC_PER_MSEC + 1));
	} while (n < 0 && errno == EINTR);
	return n > 0 ? true : failed(c, n == 0 ? "no answer in time" : strerror(errno));
}

static usec_t deadline(const struct channel *c)
{
	return clock_monotonic() + (usec_t)c->timeout_ms * USEC_PER_MSEC;
}

static bool bind_source(int fd, const struct addr *source)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (source->family == ADDR_V4) {
		memcpy(&in.sin_addr, source->bytes, 4);
		return bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	}
	memcpy(&in6.sin6_addr, source->bytes, 16);
	return bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;
}

static bool connect_to(
    struct channel *c, const struct sockaddr *sa, socklen_t len, const struct addr *source)
{
	int error = 0;
	socklen_t size = sizeof(error);

	c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return failed(c, strerror(errno));
	if (source != NULL && source->family != ADDR_NONE && !bind_source(c->fd, source))
		return failed(c, "this host can't send from that source address");
	if (connect(c->fd, sa, len) == 0)
		return true;
	if (errno != EINPROGRESS)
		return failed(c, strerror(errno));
	if (!wait_for(c, POLLOUT, deadline(c)))
		return false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
		return failed(c, strerror(error));
	return true;
}

static bool open_unix(struct channel *c, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(un.sun_path))
		return failed(c, "the path is too long for a socket");
	memcpy(un.sun_path, path, strlen(path) + 1);
	return connect_to(c, (struct sockaddr *)&un, sizeof(un), NULL);
}

static void learn_addresses(struct channel *c, const struct sockaddr *peer)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	struct addr a;

	if (addr_from_sockaddr(peer, &a, NULL))
		addr_format(&a, c->peer);
	if (getsockname(c->fd, (struct sockaddr *)&own, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&own, &c->own, NULL);
}

static bool open_tcp(struct channel *c, const struct conf_socket *to, const struct addr *source)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
	char port[8];
	bool ok = false;
	int e;

	if (source != NULL && source->family != ADDR_NONE)
		hints.ai_family = source->family == ADDR_V4 ? AF_INET : AF_INET6;
	snprintf(port, sizeof(port), "%u", (unsigned)to->port);
	e = getaddrinfo(to->host, port, &hints, &list);
	if (e != 0)
		return failed(c, gai_strerror(e));
	for (struct addrinfo *ai = list; ai != NULL && !ok; ai = ai->ai_next) {
		if (c->fd >= 0)
			close(c->fd);
		ok = connect_to(c, ai->ai_addr, ai->ai_addrlen, source);
		if (ok)
			learn_addresses(c, ai->ai_addr);
	}
	freeaddrinfo(list);
	return ok;
}

bool channel_open(
    struct channel *c, const struct conf_socket *to, const struct addr *source, unsigned timeout_ms)
{
	bool ok;

	*c = (struct channel){.fd = -1, .timeout_ms = timeout_ms, .in = {.max = INPUT_MAX}};
	ok = to->kind == CONF_SOCKET_UNIX ? open_unix(c, to->path) : open_tcp(c, to, source);
	if (!ok)
		channel_close(c);
	return ok;
}

bool channel_send(struct channel *c, const void *data, size_t len)
{
	const char *p = data;
	usec_t until = deadline(c);

	while (len > 0) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return failed(c, strerror(errno));
		if (n < 0) {
			if (!wait_for(c, POLLOUT, until))
				return false;
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool channel_read(struct channel *c)
{
	char buf[16384];
	ssize_t n;

	if (!wait_for(c, POLLIN, deadline(c)))
		return false;
	n = recv(c->fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0)
		return failed(c, strerror(errno));
	if (n == 0)
		return failed(c, "the server closed the connection");
	strbuf_add(&c->in, buf, (size_t)n);
	return c->in.failed ? failed(c, "the server says too much") : true;
}

void channel_used(struct channel *c, size_t len)
{
	memmove(c->in.data, c->in.data + len, c->in.len - len + 1);
	c->in.len -= len;
}

void channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	strbuf_free(&c->in);
}
