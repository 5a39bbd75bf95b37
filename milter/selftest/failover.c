#include "selftest/failover.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest/channel.h"

/* What is added to the name of a socket while it is away. */
#define ASIDE ".selftest"

#define ASIDE_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(ASIDE))

static void name_aside(const char *path, char out[ASIDE_SIZE])
{
	snprintf(out, ASIDE_SIZE, "%s" ASIDE, path);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* False: errno says why. */
static bool move_back(const char *path)
{
	char aside[ASIDE_SIZE];

	name_aside(path, aside);
	/* A guard that was started meanwhile has made a new one: nobody is at the old one. */
	return is_there(path) ? unlink(aside) == 0 || errno == ENOENT : rename(aside, path) == 0;
}

/* --- the keeper ------------------------------------------------------------- */

/* In a process of its own: does nothing unless the lifeline closes without a word. */
static void keep(int fd, const char *const *paths, size_t count)
{
	sigset_t all;
	char word;
	ssize_t n;

	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	/* What is sent to the terminal, or to the process group, is not for it. */
	(void)setsid();
	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	for (size_t i = 0; n <= 0 && i < count; i++)
		(void)move_back(paths[i]);
	_exit(0);
}

static bool start_keeper(struct failover *f)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	f->keeper = fork();
	if (f->keeper == 0) {
		(void)close(ends[1]);
		keep(ends[0], f->paths, f->count);
	}
	(void)close(ends[0]);
	f->lifeline = ends[1];
	if (f->keeper < 0)
		(void)close(ends[1]);
	return f->keeper > 0;
}

static void dismiss_keeper(const struct failover *f)
{
	if (f->keeper <= 0)
		return;
	(void)!write(f->lifeline, "x", 1);
	(void)close(f->lifeline);
	(void)waitpid(f->keeper, NULL, 0);
}

/* --- sockets ---------------------------------------------------------------- */

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

/* Can it be moved? Those that are there are noted. False: told. */
static bool note_socket(
    struct failover *f, const struct conf_socket *s, char error[FAILOVER_ERROR_SIZE])
{
	char aside[ASIDE_SIZE];
	struct stat st;

	if (s->kind != CONF_SOCKET_UNIX) {
		if (!answers(s))
			return true;
		snprintf(error, FAILOVER_ERROR_SIZE,
		    "a guard answers at %s, which can't be moved aside: stop it first", s->text);
		return false;
	}
	name_aside(s->path, aside);
	if (lstat(s->path, &st) != 0 && errno == ENOENT) {
		/* Who is down already needs not be moved; a test that was killed left it there. */
		if (!is_there(aside))
			return true;
	} else if (!S_ISSOCK(st.st_mode)) {
		snprintf(error, FAILOVER_ERROR_SIZE,
		    "%s can't be moved aside: it is no socket that can be read", s->path);
		return false;
	}
	if (f->count == FAILOVER_SOCKETS_MAX) {
		snprintf(error, FAILOVER_ERROR_SIZE, "there are more than %d sockets",
		    FAILOVER_SOCKETS_MAX);
		return false;
	}
	f->paths[f->count++] = s->path;
	return true;
}

static bool put_aside(const char *path, char error[FAILOVER_ERROR_SIZE])
{
	char aside[ASIDE_SIZE];

	name_aside(path, aside);
	if (rename(path, aside) == 0 || errno == ENOENT)
		return true;
	snprintf(error, FAILOVER_ERROR_SIZE, "the socket %s can't be moved aside: %s%s", path,
	    strerror(errno),
	    errno == EACCES || errno == EPERM
		? "; run it as root, or as the user that owns its directory"
		: "");
	return false;
}

bool failover_begin(
    struct failover *f, const struct conf_sockets *listen, char error[FAILOVER_ERROR_SIZE])
{
	char ignored[FAILOVER_ERROR_SIZE];
	sigset_t hold;
	bool ok = true;

	*f = (struct failover){.count = 0};
	sigemptyset(&hold);
	sigaddset(&hold, SIGTSTP);
	(void)pthread_sigmask(SIG_BLOCK, &hold, &f->signals);
	for (size_t i = 0; ok && i < listen->count; i++)
		ok = note_socket(f, &listen->items[i], error);
	if (ok && f->count > 0 && !start_keeper(f)) {
		snprintf(error, FAILOVER_ERROR_SIZE,
		    "no process can be started that would move the sockets back: %s",
		    strerror(errno));
		ok = false;
	}
	if (!ok)
		f->count = 0;
	for (size_t i = 0; ok && i < f->count; i++)
		ok = put_aside(f->paths[i], error);
	if (!ok)
		(void)failover_end(f, ignored);
	return ok;
}

bool failover_end(struct failover *f, char error[FAILOVER_ERROR_SIZE])
{
	bool ok = true;

	while (f->count > 0) {
		const char *path = f->paths[--f->count];

		if (move_back(path))
			continue;
		ok = false;
		snprintf(error, FAILOVER_ERROR_SIZE,
		    "%s" ASIDE
		    " can't be moved back to %s: %s; until then the guard is not reached",
		    path, path, strerror(errno));
	}
	dismiss_keeper(f);
	(void)pthread_sigmask(SIG_SETMASK, &f->signals, NULL);
	return ok;
}
