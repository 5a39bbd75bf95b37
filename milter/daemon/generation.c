#include "daemon/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "daemon/worker.h"

enum {
	SPARE_DESCRIPTORS = 64, /* of a worker, for what are no sessions */
	BACKOFF_FIRST_MS = 100,
	BACKOFF_LAST_MS = 5000,
};

static bool prepare_state(const struct generation *g, const char *state)
{
	struct sockaddr_un un;

	if (strlen(state) + sizeof("/.worker-4294967296") > sizeof(un.sun_path)) {
		log_error("state = %s: the path is too long for a socket in it", state);
		return false;
	}
	if (mkdir(state, 0750) == 0) {
		if (g->identity.change && chown(state, g->identity.uid, g->identity.gid) != 0)
			log_warning("state = %s: %s", state, strerror(errno));
	} else if (errno != EEXIST) {
		log_error(
		    "state = %s: %s; make the folder, or name another", state, strerror(errno));
		return false;
	}
	return true;
}

static bool open_sockets(struct generation *g, const struct generation *before)
{
	const struct settings *s = g->config->settings;
	struct listen_options o = {
	    .mode = (mode_t)s->socket_mode,
	    .uid = g->identity.uid,
	    .gid = g->identity.socket_gid,
	};
	char error[LISTEN_ERROR_MAX];

	if (listeners_open(
		&g->listeners, &s->listen, before == NULL ? NULL : &before->listeners, &o, error))
		return true;
	log_error("%s", error);
	return false;
}

static bool make_slots(struct generation *g)
{
	size_t workers = (size_t)g->config->settings->workers;

	g->count = g->listeners.count * workers + (g->config->events->maillog != NULL);
	g->slots = calloc(g->count, sizeof(*g->slots));
	if (g->slots == NULL)
		return false;
	for (size_t i = 0; i < g->count; i++) {
		g->slots[i].control = -1;
		g->slots[i].listener = i < g->listeners.count * workers ? (int)(i / workers) : -1;
	}
	return true;
}

struct generation *generation_new(struct config *config, const struct generation *before)
{
	const struct settings *s = config->settings;
	struct generation *g = calloc(1, sizeof(*g));
	const char *error = "memory is exhausted";

	if (g == NULL || !identity_find(&g->identity, s->user, s->group, s->socket_group, &error)) {
		log_error("%s", error);
		free(g);
		return NULL;
	}
	g->config = config;
	g->number = before == NULL ? 1 : before->number + 1;
	g->started = clock_monotonic();
	if (!prepare_state(g, s->state) || !open_sockets(g, before)) {
		free(g);
		return NULL;
	}
	if (!make_slots(g)) {
		log_error("memory is exhausted");
		listeners_close(&g->listeners, before == NULL ? NULL : &before->listeners);
		free(g);
		return NULL;
	}
	return g;
}

/* Below the descriptor limit, where libmilter would spin. */
static unsigned session_cap(const struct config *c)
{
	struct rlimit limit;
	uint64_t cap = c->settings->sessions;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && cap + SPARE_DESCRIPTORS > limit.rlim_cur) {
		cap =
		    limit.rlim_cur > SPARE_DESCRIPTORS + 8 ? limit.rlim_cur - SPARE_DESCRIPTORS : 8;
		log_warning("sessions = %llu: the limit of descriptors (%llu) allows %llu a worker",
		    (unsigned long long)c->settings->sessions, (unsigned long long)limit.rlim_cur,
		    (unsigned long long)cap);
	}
	return (unsigned)cap;
}

static void reset_signals(void)
{
	sigset_t none;

	/* What is sent to the whole group (a terminal's Ctrl-C) is the master's business. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigaddset(&none, SIGHUP);
	sigaddset(&none, SIGINT);
	sigaddset(&none, SIGTERM);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void run_child(const struct generation *g, const struct slot *s, int control)
{
	static struct worker_options o;

	reset_signals();
	o = (struct worker_options){
	    .config = g->config,
	    .identity = &g->identity,
	    .number = (unsigned)(s - g->slots) + 1,
	    .listener = s->listener < 0 ? -1 : g->listeners.items[s->listener].fd,
	    .control = control,
	};
	for (size_t i = 0; i < g->listeners.count; i++)
		if ((int)i != s->listener)
			close(g->listeners.items[i].fd);
	if (s->listener < 0)
		follower_main(&o);
	o.sessions = session_cap(g->config);
	worker_main(&o);
}

static void start(struct generation *g, struct slot *s, usec_t now, void (*in_child)(void))
{
	int ends[2];
	pid_t pid;

	s->started = now;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("no worker can be started: %s", strerror(errno));
		s->restart_at = now + BACKOFF_LAST_MS * USEC_PER_MSEC;
		return;
	}
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		in_child();
		run_child(g, s, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		log_error("no worker can be started: %s", strerror(errno));
		close(ends[0]);
		s->restart_at = now + BACKOFF_LAST_MS * USEC_PER_MSEC;
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	s->pid = pid;
	s->control = ends[0];
	s->ready = false;
}

usec_t generation_fill(struct generation *g, usec_t now, void (*in_child)(void))
{
	usec_t next = 0;

	for (size_t i = 0; i < g->count; i++) {
		struct slot *s = &g->slots[i];

		if (s->pid == 0 && s->restart_at <= now)
			start(g, s, now, in_child);
		if (s->pid == 0 && (next == 0 || s->restart_at < next))
			next = s->restart_at;
	}
	return next;
}

void generation_listen(struct generation *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct slot *s = &g->slots[i];
		char c;

		if (s->pid != 0 && !s->ready && read(s->control, &c, 1) == 1 && c == WORKER_READY)
			s->ready = true;
	}
}

bool generation_is_ready(const struct generation *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (!g->slots[i].ready)
			return false;
	return true;
}

bool generation_is_over(const struct generation *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->slots[i].pid != 0)
			return false;
	return true;
}

static usec_t backoff(struct slot *s, usec_t now)
{
	usec_t pause = BACKOFF_FIRST_MS * USEC_PER_MSEC;

	if (now - s->started > USEC_PER_SEC) {
		s->failures = 0;
		return 0;
	}
	s->failures++;
	for (unsigned i = 1; i < s->failures && pause < BACKOFF_LAST_MS * USEC_PER_MSEC; i++)
		pause *= 2;
	return s->failures == 1 ? 0 : pause;
}

bool generation_reap(struct generation *g, pid_t pid, usec_t now)
{
	for (size_t i = 0; i < g->count; i++) {
		struct slot *s = &g->slots[i];

		if (s->pid != pid)
			continue;
		close(s->control);
		s->control = -1;
		s->pid = 0;
		s->ready = false;
		s->restart_at = now + backoff(s, now);
		return true;
	}
	return false;
}

void generation_drain(const struct generation *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->slots[i].pid != 0 &&
		    write(g->slots[i].control, &(char){WORKER_DRAIN}, 1) != 1)
			log_warning(
			    "worker %zu can't be told to finish: %s", i + 1, strerror(errno));
}

void generation_kill(const struct generation *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->slots[i].pid != 0)
			kill(g->slots[i].pid, SIGKILL);
}

void generation_release_sockets(struct generation *g, const struct generation *after)
{
	listeners_close(&g->listeners, after == NULL ? NULL : &after->listeners);
}

void generation_close_controls(const struct generation *g, int keep)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->slots[i].control >= 0 && g->slots[i].control != keep)
			close(g->slots[i].control);
}

void generation_free(struct generation **g)
{
	if (*g == NULL)
		return;
	generation_close_controls(*g, -1);
	free((*g)->slots);
	config_free(&(*g)->config);
	free(*g);
	*g = NULL;
}
