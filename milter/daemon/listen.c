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

#include "base/log.h"

enum { BACKLOG = 1024 };

__attribute__((format(printf, 4, 5))) static bool fail(
    struct fault *f, const struct conf_socket *s, int code, const char *format, ...)
{
	char what[FAULT_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return fault_set(f, code, "%.200s: %.280s", s->text, what);
}

/* Of a call that concerns the address itself. */
static bool fail_address(struct fault *f, const struct conf_socket *s, int error)
{
	if (error == EADDRINUSE)
		return fail(f, s, EXIT_AGAIN,
		    "another program listens there; stop it first, or name another address");
	if (error == EADDRNOTAVAIL)
		return fail(f, s, EXIT_AGAIN,
		    "this host does not have the address (yet); bring its interface up, or name "
		    "another");
	if (error == EACCES)
		return fail(f, s, EXIT_CONFIG,
		    "that is not permitted; start as root, or name another address");
	return fail(f, s, EXIT_CONFIG, "%s", strerror(error));
}

/* Removes what a daemon that died has left; never anything that is alive or is no socket. */
static bool clear_stale(
    const struct conf_socket *s, const struct sockaddr_un *un, struct fault *fault)
{
	struct stat st;
	int fd, error;

	if (lstat(s->path, &st) != 0)
		return errno == ENOENT ? true : fail_address(fault, s, errno);
	if (!S_ISSOCK(st.st_mode))
		return fail(fault, s, EXIT_CONFIG,
		    "there is a file of another kind; remove it or name another path");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(fault, s, EXIT_AGAIN, "%s", strerror(errno));
	error = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ? 0 : errno;
	close(fd);
	if (error == 0 || error == EAGAIN)
		return fail_address(fault, s, EADDRINUSE);
	if (error == EPROTOTYPE)
		return fail(fault, s, EXIT_CONFIG,
		    "there is a socket of another kind, such as that of a log; remove it or name "
		    "another path");
	/* Only this says that nobody is behind it. */
	if (error != ECONNREFUSED && error != ENOENT)
		return fail_address(fault, s, error);
	return unlink(s->path) == 0 || errno == ENOENT ? true : fail_address(fault, s, errno);
}

/* Bound with no rights for others, so that nobody gets in before the mode is set. */
static bool bind_unix(const struct conf_socket *s, const struct listen_options *o, int fd,
    struct listener_socket *out, struct fault *fault)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t before;
	int bound;

	if (strlen(s->path) >= sizeof(un.sun_path))
		return fail(fault, s, EXIT_CONFIG, "the path is longer than %zu bytes",
		    sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, s->path, strlen(s->path) + 1);
	if (!clear_stale(s, &un, fault))
		return false;
	before = umask(0177);
	bound = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(before);
	if (bound != 0)
		return fail(fault, s, EXIT_CONFIG, "%s; the folder must exist and be writable",
		    strerror(errno));
	if (chown(s->path, o->uid, o->gid) != 0 || chmod(s->path, o->mode) != 0 ||
	    lstat(s->path, &st) != 0) {
		fail(fault, s, EXIT_CONFIG, "its owner or mode can't be set: %s", strerror(errno));
		unlink(s->path);
		return false;
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->path = strdup(s->path);
	return out->path != NULL ? true : fail(fault, s, EXIT_AGAIN, "memory is exhausted");
}

static bool bind_tcp(
    const struct conf_socket *s, const struct addrinfo *ai, int fd, struct fault *fault)
{
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Accepted sockets inherit it: small writes without an answer in between would wait for
	 * Nagle. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? true : fail_address(fault, s, errno);
}

static struct addrinfo *resolve(const struct conf_socket *s, struct fault *fault)
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
		fail(fault, s, e == EAI_AGAIN ? EXIT_AGAIN : EXIT_CONFIG,
		    "%s; name an address of this host", gai_strerror(e));
		return NULL;
	}
	return ai;
}

static bool listener_open(struct listener_socket *out, const struct conf_socket *s,
    const struct listen_options *o, struct fault *fault)
{
	struct addrinfo *ai = NULL;
	bool ok;

	*out = (struct listener_socket){.fd = -1, .text = strdup(s->text)};
	if (out->text == NULL)
		return fail(fault, s, EXIT_AGAIN, "memory is exhausted");
	if (s->kind != CONF_SOCKET_UNIX && (ai = resolve(s, fault)) == NULL)
		return false;
	out->fd = socket(
	    ai == NULL ? AF_UNIX : ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (out->fd < 0)
		ok = fail(fault, s, EXIT_AGAIN, "%s", strerror(errno));
	else if (ai == NULL)
		ok = bind_unix(s, o, out->fd, out, fault);
	else
		ok = bind_tcp(s, ai, out->fd, fault);
	if (ok && listen(out->fd, BACKLOG) != 0)
		ok = fail_address(fault, s, errno);
	if (ai != NULL)
		freeaddrinfo(ai);
	return ok;
}

/* Is it still at its path? */
static bool is_in_place(const struct listener_socket *s)
{
	struct stat st;

	return s->path == NULL || (s->ino != 0 && lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
				      st.st_ino == s->ino);
}

/* One whose path is gone, or somebody else's by now, is of no use: the MTA can't reach it. */
static const struct listener_socket *find(const struct listeners *l, const char *text)
{
	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (strcmp(l->items[i].text, text) == 0 && is_in_place(&l->items[i]))
			return &l->items[i];
	return NULL;
}

static bool holds(const struct listeners *l, int fd)
{
	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (l->items[i].fd == fd)
			return true;
	return false;
}

static bool take_over(struct listener_socket *out, const struct listener_socket *old)
{
	*out = *old;
	out->text = strdup(old->text);
	out->path = old->path == NULL ? NULL : strdup(old->path);
	return out->text != NULL && (old->path == NULL || out->path != NULL);
}

bool listeners_open(struct listeners *out, const struct conf_sockets *want,
    const struct listeners *have, const struct listen_options *o, struct fault *fault)
{
	*out = (struct listeners){.items = calloc(want->count, sizeof(*out->items))};
	if (out->items == NULL)
		return fault_set(fault, EXIT_AGAIN, "memory is exhausted");
	for (size_t i = 0; i < want->count; i++) {
		const struct listener_socket *old = find(have, want->items[i].text);
		bool ok;

		out->count++;
		if (old == NULL)
			ok = listener_open(&out->items[i], &want->items[i], o, fault);
		else if (!(ok = take_over(&out->items[i], old)))
			fail(fault, &want->items[i], EXIT_AGAIN, "memory is exhausted");
		if (!ok) {
			fault->entry = i;
			listeners_close(out, have);
			return false;
		}
	}
	return true;
}

void listeners_set_rights(const struct listeners *l, const struct listen_options *o)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct listener_socket *s = &l->items[i];

		if (s->path != NULL && is_in_place(s) &&
		    (chown(s->path, o->uid, o->gid) != 0 || chmod(s->path, o->mode) != 0))
			log_warning(
			    "%s: its owner or mode stays as it was: %s", s->text, strerror(errno));
	}
}

static void remove_path(const struct listener_socket *s)
{
	if (s->path != NULL && is_in_place(s))
		unlink(s->path);
}

void listeners_close(struct listeners *l, const struct listeners *keep)
{
	for (size_t i = 0; i < l->count; i++) {
		struct listener_socket *s = &l->items[i];

		if (!holds(keep, s->fd)) {
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
