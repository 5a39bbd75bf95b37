#include "daemon/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/resolver.h"
#include "base/exit.h"
#include "base/log.h"
#include "daemon/counters.h"
#include "daemon/notify.h"
#include "daemon/probe_secret.h"
#include "daemon/tally.h"
#include "daemon/worker.h"
#include "limit/redis_pool.h"

enum {
	/* Of a worker, for what are no sessions. */
	SPARE_DESCRIPTORS = 64 + RESOLVER_DESCRIPTORS + REDIS_CONNECTIONS_MAX,
	BACKOFF_FIRST_MS = 100,
	BACKOFF_LAST_MS = 5000,
	PRIVATE_SOCKET_MAX = 128, /* prepare_state() makes sure that it fits */
};

/* As fault_set(), with the place where `key`, and of its list f->entry, stands. */
static bool fail(
    struct fault *f, const struct settings *s, const char *key, int code, const char *text)
{
	struct conf_loc at = config_place(s, key, f->entry);

	if (at.file == NULL || at.line == 0)
		return fault_set(f, code, "%s", text);
	return fault_set(f, code, "%s:%u:%u: %s", at.file, at.line, at.column, text);
}

static bool prepare_state(const struct generation *g, struct fault *fault)
{
	const struct settings *s = g->config->settings;
	char text[FAULT_TEXT_MAX];
	struct sockaddr_un un;

	if (strlen(s->state) + sizeof("/.worker-4294967296") > sizeof(un.sun_path)) {
		snprintf(text, sizeof(text), "state = %s: the path is too long for a socket in it",
		    s->state);
		return fail(fault, s, "state", EXIT_CONFIG, text);
	}
	if (mkdir(s->state, 0750) == 0) {
		if (g->identity.change && chown(s->state, g->identity.uid, g->identity.gid) != 0)
			log_warning("state = %s: %s", s->state, strerror(errno));
	} else if (errno != EEXIST) {
		snprintf(text, sizeof(text), "state = %s: %s; make the folder, or name another",
		    s->state, strerror(errno));
		return fail(fault, s, "state", EXIT_CONFIG, text);
	}
	return true;
}

static struct listen_options listen_options_of(const struct generation *g)
{
	return (struct listen_options){
	    .mode = (mode_t)g->config->settings->socket_mode,
	    .uid = g->identity.uid,
	    .gid = g->identity.socket_gid,
	};
}

/* Opens what `key` names. */
static bool open_some(struct generation *g, const char *key, const struct conf_sockets *want,
    struct listeners *out, const struct listeners *before, struct fault *fault)
{
	const struct settings *s = g->config->settings;
	struct listen_options o = listen_options_of(g);
	char text[FAULT_TEXT_MAX];
	struct fault f = {0};

	if (listeners_open(out, want, before, &o, &f))
		return true;
	snprintf(text, sizeof(text), "%s %.500s", key, f.text);
	fault->entry = f.entry;
	return fail(fault, s, key, f.code, text);
}

/* Mail does not depend on it: where nobody has asked for a control socket, one that can't be is no
 * fault. */
static bool open_control(struct generation *g, const struct generation *before, struct fault *fault)
{
	const struct settings *s = g->config->settings;
	const struct conf_sockets want = {.count = 1, .items = &s->control};
	const struct listeners *have = before == NULL ? NULL : &before->control;
	struct fault f = {0};

	if (open_some(g, "control", &want, &g->control, have, &f))
		return true;
	if (conf_entry_of(NULL, s, "control") != NULL)
		return fault_set(fault, f.code, "%s", f.text);
	log_warning("commands such as `relay-guard status` find no daemon: %s", f.text);
	return true;
}

static bool open_sockets(struct generation *g, const struct generation *before, struct fault *fault)
{
	const struct settings *s = g->config->settings;

	if (!open_control(g, before, fault))
		return false;
	if (open_some(g, "listen", &s->listen, &g->listeners,
		before == NULL ? NULL : &before->listeners, fault))
		return true;
	listeners_close(&g->control, before == NULL ? NULL : &before->control);
	return false;
}

/* For whoever may ask for a proof: root, and the workers' user. */
static bool open_private(struct generation *g, struct fault *fault)
{
	char text[PRIVATE_SOCKET_MAX];
	struct conf_socket s = {.kind = CONF_SOCKET_UNIX, .text = text, .path = text + 5};
	const struct conf_sockets want = {.count = 1, .items = &s};
	struct listen_options o = {
	    .mode = 0600,
	    .uid = g->identity.uid,
	    .gid = g->identity.socket_gid,
	};

	snprintf(text, sizeof(text), "unix:%s/" GENERATION_PRIVATE "%ld",
	    g->config->settings->state, (long)getpid());
	return listeners_open(&g->listeners, &want, NULL, &o, fault);
}

static bool find_identity(struct generation *g, struct fault *fault)
{
	const struct settings *s = g->config->settings;
	struct fault f = {0};

	if (identity_find(&g->identity, s->user, s->group, s->socket_group, &f))
		return true;
	return fail(fault, s, f.key, f.code, f.text);
}

/* Well within systemd's, which would end all of us. */
static usec_t patience_with_children(void)
{
	usec_t most = 30 * USEC_PER_SEC, asked = notify_interval();

	return asked != 0 && asked < most ? asked : most;
}

static bool make_slots(struct generation *g)
{
	size_t workers = g->for_proof ? 1 : (size_t)g->config->settings->workers;
	bool follows = !g->for_proof && g->config->events->maillog != NULL;

	g->count = g->listeners.count * workers + follows;
	g->slots = calloc(g->count, sizeof(*g->slots));
	if (g->slots == NULL)
		return false;
	for (size_t i = 0; i < g->count; i++) {
		g->slots[i].control = -1;
		g->slots[i].tally = -1;
		g->slots[i].listener = i < g->listeners.count * workers ? (int)(i / workers) : -1;
	}
	return true;
}

static struct generation *make(
    struct config *config, const struct generation *before, bool for_proof, struct fault *fault)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		fault_set(fault, EXIT_AGAIN, "memory is exhausted");
		return NULL;
	}
	g->config = config;
	g->for_proof = for_proof;
	g->number = before == NULL ? 1 : before->number + 1;
	g->started = clock_monotonic();
	g->patience = patience_with_children();
	if (!find_identity(g, fault) || !prepare_state(g, fault) ||
	    !(for_proof ? open_private(g, fault)
			: counters_open(config, fault) && open_sockets(g, before, fault))) {
		free(g);
		return NULL;
	}
	probe_secret_make(config->settings->state, &g->identity);
	if (!make_slots(g)) {
		fault_set(fault, EXIT_AGAIN, "memory is exhausted");
		generation_release_sockets(g, for_proof ? NULL : before);
		free(g);
		return NULL;
	}
	return g;
}

struct generation *generation_new(
    struct config *config, const struct generation *before, struct fault *fault)
{
	return make(config, before, false, fault);
}

struct generation *generation_new_for_proof(
    struct config *config, const struct generation *before, struct fault *fault)
{
	return make(config, before, true, fault);
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
	tally_use(s->tally);
	o = (struct worker_options){
	    .config = g->config,
	    .identity = &g->identity,
	    .number = (unsigned)(s - g->slots) + 1,
	    .listener = s->listener < 0 ? -1 : g->listeners.items[s->listener].fd,
	    .for_proof = g->for_proof,
	    .prove_every = g->patience / 4,
	    .control = control,
	};
	if (s->listener < 0)
		follower_main(&o);
	o.sessions = session_cap(g->config);
	worker_main(&o);
}

static void start(struct generation *g, struct slot *s, usec_t now, void (*in_child)(int listener))
{
	int ends[2];
	pid_t pid;

	s->started = now;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("no worker can be started: %s", strerror(errno));
		s->restart_at = now + BACKOFF_LAST_MS * USEC_PER_MSEC;
		return;
	}
	s->tally = tally_take();
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		in_child(s->listener < 0 ? -1 : g->listeners.items[s->listener].fd);
		run_child(g, s, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		log_error("no worker can be started: %s", strerror(errno));
		close(ends[0]);
		tally_give(s->tally);
		s->tally = -1;
		s->restart_at = now + BACKOFF_LAST_MS * USEC_PER_MSEC;
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	s->pid = pid;
	s->control = ends[0];
	s->ready = false;
	s->shut = false;
	s->silent = 0;
}

usec_t generation_fill(struct generation *g, usec_t now, void (*in_child)(int listener))
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

static void listen_to(struct generation *g, struct slot *s)
{
	char text[1 + FAULT_TEXT_MAX];
	ssize_t n;

	while ((n = recv(s->control, text, sizeof(text), MSG_DONTWAIT)) > 0) {
		s->silent = 0;
		if (text[0] == WORKER_READY)
			s->ready = true;
		else if (text[0] == WORKER_SHUT)
			s->shut = true;
		else if (text[0] == WORKER_FAULT)
			fault_set(&g->fault, EXIT_UNAVAILABLE, "%.*s", (int)n - 1, text + 1);
	}
}

void generation_listen(struct generation *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->slots[i].pid != 0)
			listen_to(g, &g->slots[i]);
}

void generation_watch(struct generation *g, usec_t passed)
{
	for (size_t i = 0; i < g->count; i++) {
		struct slot *s = &g->slots[i];

		s->silent += passed;
		if (s->pid == 0 || s->silent <= g->patience)
			continue;
		log_error(
		    "worker %zu (process %ld) hangs: no sign of life for %lld s; it is killed",
		    i + 1, (long)s->pid, (long long)(s->silent / USEC_PER_SEC));
		s->silent = 0;
		kill(s->pid, SIGKILL);
	}
}

bool generation_is_shut(const struct generation *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct slot *s = &g->slots[i];

		if (s->pid != 0 && s->listener >= 0 && !s->shut)
			return false;
	}
	return true;
}

static bool is_served(const struct generation *g, int listener)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct slot *s = &g->slots[i];

		if (s->listener == listener && s->pid != 0 && s->ready &&
		    s->silent <= g->patience / 2)
			return true;
	}
	return false;
}

bool generation_is_alive(const struct generation *g)
{
	for (size_t i = 0; i < g->listeners.count; i++)
		if (!is_served(g, (int)i))
			return false;
	return true;
}

usec_t generation_drain_limit(const struct generation *g)
{
	/* The workers keep the time themselves: this is for those that can't. */
	return g->config->settings->drain_time + WORKER_LAST_WAIT + 15 * USEC_PER_SEC;
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

/* A child that told its reason has the code for it in its status. */
static void note_death(struct generation *g, size_t number, int status)
{
	bool told = g->fault.code != EXIT_OK;

	if (WIFSIGNALED(status))
		fault_set(&g->fault, EXIT_INTERNAL, "worker %zu died of signal %d (%s)", number,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fault_set(&g->fault, EXIT_UNAVAILABLE, "worker %zu ended with %d", number,
		    WEXITSTATUS(status));
	if (told && g->fault.code == EXIT_UNAVAILABLE && WIFEXITED(status))
		g->fault.code = WEXITSTATUS(status);
}

bool generation_reap(struct generation *g, pid_t pid, int status, usec_t now)
{
	for (size_t i = 0; i < g->count; i++) {
		struct slot *s = &g->slots[i];

		if (s->pid != pid)
			continue;
		listen_to(g, s);
		note_death(g, i + 1, status);
		close(s->control);
		s->control = -1;
		tally_give(s->tally);
		s->tally = -1;
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

void generation_own_sockets(const struct generation *g)
{
	struct listen_options o = listen_options_of(g);

	listeners_set_rights(&g->listeners, &o);
	listeners_set_rights(&g->control, &o);
}

void generation_release_sockets(struct generation *g, const struct generation *after)
{
	listeners_close(&g->listeners, after == NULL ? NULL : &after->listeners);
	listeners_close(&g->control, after == NULL ? NULL : &after->control);
}

void generation_forget(const struct generation *g, int listener)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->slots[i].control >= 0)
			close(g->slots[i].control);
	for (size_t i = 0; i < g->listeners.count; i++)
		if (g->listeners.items[i].fd != listener)
			close(g->listeners.items[i].fd);
	if (g->control.count > 0)
		close(g->control.items[0].fd);
}

void generation_free(struct generation **g)
{
	if (*g == NULL)
		return;
	for (size_t i = 0; i < (*g)->count; i++)
		if ((*g)->slots[i].control >= 0)
			close((*g)->slots[i].control);
	free((*g)->slots);
	config_free(&(*g)->config);
	free(*g);
	*g = NULL;
}
