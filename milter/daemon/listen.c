#include "daemon/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

__attribute__((format(printf, 3, 4))) static bool fail(
    char error[LISTEN_ERROR_MAX], const struct conf_socket *s, const char *format, ...)
{
	va_list args;
	int n = snprintf(error, LISTEN_ERROR_MAX, "listen %s: ", s->text);

	if (n > 0 && n < LISTEN_ERROR_MAX) {
		va_start(args, format);
		vsnprintf(error + n, (size_t)(LISTEN_ERROR_MAX - n), format, args);
		va_end(args);
	}
	return false;
}

/* Removes what a daemon that died has left; never anything that is alive or is no socket. */
static bool clear_stale(
    const struct conf_socket *s, const struct sockaddr_un *un, char error[LISTEN_ERROR_MAX])
{
	struct stat st;
	bool answered;
	int fd;

	if (lstat(s->path, &st) != 0)
		return errno == ENOENT ? true : fail(error, s, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(
		    error, s, "there is a file of another kind; remove it or name another path");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, s, "%s", strerror(errno));
	answered = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 || errno == EAGAIN;
	close(fd);
	if (answered)
		return fail(error, s, "another program listens there; stop it first");
	return unlink(s->path) == 0 || errno == ENOENT ? true
	                                               : fail(error, s, "%s", strerror(errno));
}

/* Bound with no rights for others, so that nobody gets in before the mode is set. */
static bool bind_unix(const struct conf_socket *s, const struct listen_options *o, int fd,
    struct listener_socket *out, char error[LISTEN_ERROR_MAX])
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t before;
	int bound;

	if (strlen(s->path) >= sizeof(un.sun_path))
		return fail(error, s, "the path is longer than %zu bytes", sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, s->path, strlen(s->path) + 1);
	if (!clear_stale(s, &un, error))
		return false;
	before = umask(0177);
	bound = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(before);
	if (bound != 0)
		return fail(error, s, "%s; the folder must exist and be writable", strerror(errno));
	if (chown(s->path, o->uid, o->gid) != 0 || chmod(s->path, o->mode) != 0 ||
	    lstat(s->path, &st) != 0) {
		fail(error, s, "its owner or mode can't be set: %s", strerror(errno));
		unlink(s->path);
		return false;
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->path = strdup(s->path);
	return out->path != NULL ? true : fail(error, s, "memory is exhausted");
}

static bool bind_tcp(
    const struct conf_socket *s, const struct addrinfo *ai, int fd, char error[LISTEN_ERROR_MAX])
{
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Accepted sockets inherit it: small writes without an answer in between would wait for
	 * Nagle. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? true
	                                                  : fail(error, s, "%s", strerror(errno));
}

static struct addrinfo *resolve(const struct conf_socket *s, char error[LISTEN_ERROR_MAX])
{
	struct addrinfo hints = {
	    .ai_family = s->kind == CONF_SOCKET_INET6 ? AF_INET6 : AF_INET,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *ai = NULL;
	char port[8];
	int e;

	snprintf(port, sizeof(port), "%u", (unsigned)s->port);
	e = getaddrinfo(s->host, port, &hints, &ai);
	if (e != 0) {
		fail(error, s, "%s", gai_strerror(e));
		return NULL;
	}
	return ai;
}

static bool listener_open(struct listener_socket *out, const struct conf_socket *s,
    const struct listen_options *o, char error[LISTEN_ERROR_MAX])
{
	struct addrinfo *ai = NULL;
	bool ok;

	*out = (struct listener_socket){.fd = -1, .text = strdup(s->text)};
	if (out->text == NULL)
		return fail(error, s, "memory is exhausted");
	if (s->kind != CONF_SOCKET_UNIX && (ai = resolve(s, error)) == NULL)
		return false;
	out->fd = socket(
	    ai == NULL ? AF_UNIX : ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (out->fd < 0)
		ok = fail(error, s, "%s", strerror(errno));
	else if (ai == NULL)
		ok = bind_unix(s, o, out->fd, out, error);
	else
		ok = bind_tcp(s, ai, out->fd, error);
	if (ok && listen(out->fd, BACKLOG) != 0)
		ok = fail(error, s, "%s", strerror(errno));
	if (ai != NULL)
		freeaddrinfo(ai);
	return ok;
}

static const struct listener_socket *find(const struct listeners *l, const char *text)
{
	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (strcmp(l->items[i].text, text) == 0)
			return &l->items[i];
	return NULL;
}

static bool take_over(struct listener_socket *out, const struct listener_socket *old)
{
	*out = *old;
	out->text = strdup(old->text);
	out->path = old->path == NULL ? NULL : strdup(old->path);
	return out->text != NULL && (old->path == NULL || out->path != NULL);
}

bool listeners_open(struct listeners *out, const struct conf_sockets *want,
    const struct listeners *have, const struct listen_options *o, char error[LISTEN_ERROR_MAX])
{
	*out = (struct listeners){.items = calloc(want->count, sizeof(*out->items))};
	if (out->items == NULL) {
		snprintf(error, LISTEN_ERROR_MAX, "listen: memory is exhausted");
		return false;
	}
	for (size_t i = 0; i < want->count; i++) {
		const struct listener_socket *old = find(have, want->items[i].text);
		bool ok;

		out->count++;
		if (old == NULL)
			ok = listener_open(&out->items[i], &want->items[i], o, error);
		else if (!(ok = take_over(&out->items[i], old)))
			fail(error, &want->items[i], "memory is exhausted");
		if (!ok) {
			listeners_close(out, have);
			return false;
		}
	}
	return true;
}

static void remove_path(const struct listener_socket *s)
{
	struct stat st;

	if (s->path != NULL && s->ino != 0 && lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlink(s->path);
}

void listeners_close(struct listeners *l, const struct listeners *keep)
{
	for (size_t i = 0; i < l->count; i++) {
		struct listener_socket *s = &l->items[i];

		if (s->text == NULL || find(keep, s->text) == NULL) {
			remove_path(s);
			if (s->fd >= 0)
				close(s->fd);
		}
		free(s->text);
		free(s->path);
	}
	free(l->items);
	*l = (struct listeners){0};
}
