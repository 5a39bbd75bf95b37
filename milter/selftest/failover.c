#include "selftest/failover.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "selftest/channel.h"

/* What is added to the name of a socket while it is away. */
#define ASIDE ".selftest"

static bool move(const char *path, bool away)
{
	struct strbuf aside = {0};
	bool ok;

	strbuf_printf(&aside, "%s" ASIDE, path);
	errno = ENOMEM;
	ok = !aside.failed && (away ? rename(path, aside.data) : rename(aside.data, path)) == 0;
	strbuf_free(&aside);
	return ok;
}

static bool answers(const struct conf_socket *s)
{
	const struct addr any = {.family = ADDR_NONE};
	struct endpoint to[ENDPOINTS_MAX];
	char ignored[CHANNEL_ERROR_SIZE];
	size_t count = endpoint_resolve(
	    s->host, s->port, s->kind == CONF_SOCKET_INET6 ? ADDR_V6 : ADDR_V4, to, ignored);
	bool any_answers = false;
	struct channel c;

	for (size_t i = 0; i < count && !any_answers; i++) {
		any_answers = channel_open(&c, &to[i], &any, USEC_PER_SEC);
		channel_close(&c);
	}
	return any_answers;
}

/* False: told. */
static bool put_aside(
    struct failover *f, const struct conf_socket *s, char error[FAILOVER_ERROR_SIZE])
{
	struct stat st;

	if (s->kind != CONF_SOCKET_UNIX) {
		if (!answers(s))
			return true;
		snprintf(error, FAILOVER_ERROR_SIZE,
		    "a guard answers at %s, which can't be moved aside: stop it first", s->text);
		return false;
	}
	/* Who is down already needs not be moved. */
	if (lstat(s->path, &st) != 0 && errno == ENOENT)
		return true;
	if (f->count == FAILOVER_SOCKETS_MAX || !S_ISSOCK(st.st_mode) || !move(s->path, true)) {
		snprintf(error, FAILOVER_ERROR_SIZE, "the socket %s can't be moved aside: %s",
		    s->path, strerror(errno));
		return false;
	}
	f->paths[f->count++] = s->path;
	return true;
}

bool failover_begin(
    struct failover *f, const struct conf_sockets *listen, char error[FAILOVER_ERROR_SIZE])
{
	char ignored[FAILOVER_ERROR_SIZE];
	sigset_t hold;

	*f = (struct failover){.count = 0};
	sigemptyset(&hold);
	sigaddset(&hold, SIGINT);
	sigaddset(&hold, SIGTERM);
	sigaddset(&hold, SIGHUP);
	sigaddset(&hold, SIGQUIT);
	sigaddset(&hold, SIGTSTP);
	(void)pthread_sigmask(SIG_BLOCK, &hold, &f->signals);
	for (size_t i = 0; i < listen->count; i++) {
		if (put_aside(f, &listen->items[i], error))
			continue;
		(void)failover_end(f, ignored);
		return false;
	}
	return true;
}

bool failover_end(struct failover *f, char error[FAILOVER_ERROR_SIZE])
{
	struct stat st;
	bool ok = true;

	while (f->count > 0) {
		const char *path = f->paths[--f->count];

		/* A guard that was started meanwhile has made a new one. */
		if (lstat(path, &st) == 0 || move(path, false))
			continue;
		ok = false;
		snprintf(error, FAILOVER_ERROR_SIZE,
		    "%s" ASIDE
		    " can't be moved back to %s: %s; until then the guard is not reached",
		    path, path, strerror(errno));
	}
	(void)pthread_sigmask(SIG_SETMASK, &f->signals, NULL);
	return ok;
}
