#include "daemon/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* The milter protocol's negotiation, version 6, with everything offered; and its end. */
static const unsigned char hello[] = {
    0, 0, 0, 13, 'O', 0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff};
static const unsigned char bye[] = {0, 0, 0, 1, 'Q'};

union name {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* libmilter takes only connections of its listener's family. */
static socklen_t loopback(const struct gate *g, const char *scratch, union name *out)
{
	*out = (union name){0};
	out->any.sa_family = g->name.ss_family;
	if (g->name.ss_family == AF_INET) {
		out->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(out->in);
	}
	if (g->name.ss_family == AF_INET6) {
		out->in6.sin6_addr = in6addr_loopback;
		return sizeof(out->in6);
	}
	snprintf(out->un.sun_path, sizeof(out->un.sun_path), "%s", scratch);
	unlink(scratch);
	return sizeof(out->un);
}

/* Before it listens nobody can connect; once it is connected nobody else finds it. */
static int connect_to(int listener, union name *name, socklen_t len)
{
	int fd;

	if (bind(listener, &name->any, len) != 0 ||
	    (name->any.sa_family == AF_UNIX && chmod(name->un.sun_path, 0600) != 0) ||
	    listen(listener, 0) != 0 || getsockname(listener, &name->any, &len) != 0)
		return -1;
	fd = socket(name->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, &name->any, len) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Waits for the answer's head: its length, and the letter. */
static bool is_answered(int fd, int cancel, int timeout_ms)
{
	usec_t end = clock_monotonic() + timeout_ms * USEC_PER_MSEC;
	unsigned char head[5];
	size_t have = 0;

	while (have < sizeof(head)) {
		struct pollfd p[2] = {
		    {.fd = fd, .events = POLLIN}, {.fd = cancel, .events = POLLIN}};
		usec_t left = end - clock_monotonic();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(p, 2, (int)(left / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
			return false;
		if (p[1].revents != 0)
			return false;
		n = recv(fd, head + have, sizeof(head) - have, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		have += n > 0 ? (size_t)n : 0;
	}
	return head[4] == 'O';
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

enum probe probe_run(struct gate *g, const char *scratch, int cancel, int timeout_ms)
{
	enum probe result = PROBE_NOT_TRIED;
	union name name;
	socklen_t len = loopback(g, scratch, &name);
	int listener = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int fd = listener < 0 ? -1 : connect_to(listener, &name, len);

	if (name.any.sa_family == AF_UNIX)
		unlink(scratch);
	if (fd >= 0 && gate_show(g, listener)) {
		if (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) == (ssize_t)sizeof(hello) &&
		    is_answered(fd, cancel, timeout_ms))
			result = PROBE_ANSWERED;
		else if (!is_readable(cancel))
			result = PROBE_SILENT;
		gate_hide(g);
		send(fd, bye, sizeof(bye), MSG_NOSIGNAL);
	}
	if (fd >= 0)
		close(fd);
	if (listener >= 0)
		close(listener);
	return result;
}
