#include "daemon/master.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/fault.h"
#include "daemon/generation.h"
#include "daemon/notify.h"
#include "daemon/pidfile.h"
#include "daemon/proof.h"
#include "daemon/status.h"
#include "daemon/tally.h"

static const usec_t ready_within = 30 * USEC_PER_SEC;

/* When the whole machine stood still for longer, the children could not speak either. */
#define LONG_STEP (2 * USEC_PER_SEC)

static struct master {
	const char *path;
	int signals; /* signalfd */
	struct pidfile pid_file;
	struct generation *current;  /* serves; NULL until the first is ready */
	struct generation *incoming; /* gets ready, to become current; NULL: none */
	struct generation *leaving;  /* a list: they finish their sessions */
	bool stopping, reload_again;
	int code; /* of the program: EXIT_OK unless it did not start */
	usec_t told_alive;
	usec_t started, loaded; /* wall clock; `loaded`: when `current` was read */
	usec_t read_at;         /* the same of `incoming` */
	usec_t proof_read_at;   /* and of what is proved */
	uint64_t reloads;       /* so many were begun */
	uint64_t deaths;
	struct reload_outcome outcome;
} master;

/* --- generations come and go --------------------------------------------------- */

/*
 * A socket that the next configuration has not must not live on in a child, where nobody could
 * close it.
 */
static void in_child(int listener)
{
	close(master.signals);
	pidfile_forget(&master.pid_file);
	control_forget();
	if (master.current != NULL)
		generation_forget(master.current, listener);
	if (master.incoming != NULL)
		generation_forget(master.incoming, listener);
	if (proof_generation() != NULL)
		generation_forget(proof_generation(), listener);
	for (struct generation *g = master.leaving; g != NULL; g = g->next)
		generation_forget(g, listener);
}

static void leave(struct generation *g)
{
	g->started = clock_monotonic();
	g->next = master.leaving;
	master.leaving = g;
	generation_drain(g);
}

static void note_outcome(int code, const char *text)
{
	master.outcome.at = clock_now();
	master.outcome.code = code;
	snprintf(master.outcome.text, sizeof(master.outcome.text), "%s", text);
}

static void tell_outcome(int code, const char *text)
{
	note_outcome(code, text);
	control_tell_reload(master.reloads, code, text);
}

/* To the log and the supervisor, and to whoever asks later. */
static void note_not_reloaded(int code, const char *why)
{
	char status[FAULT_TEXT_MAX + 100];

	log_error("not reloaded: %s; the configuration of before goes on", why);
	snprintf(status, sizeof(status),
	    "the last reload failed, the configuration of before goes on: %s", why);
	notify_ready(status);
	note_outcome(code, why);
}

static void tell_not_reloaded(int code, const char *why)
{
	note_not_reloaded(code, why);
	control_tell_reload(master.reloads, code, why);
}

/* A first generation that can't start ends the program; a later one leaves everything as it is. */
static void give_up_incoming(void)
{
	struct generation *g = master.incoming;

	/* Those of its workers that got ready have sessions already. */
	master.incoming = NULL;
	generation_release_sockets(g, master.current);
	leave(g);
	if (master.current != NULL) {
		tell_not_reloaded(g->fault.code, g->fault.text);
		return;
	}
	log_error("not started: %s", g->fault.text);
	notify_status(g->fault.text);
	master.code = g->fault.code;
	master.stopping = true;
}

static void adopt_incoming(void)
{
	char text[80];
	struct generation *old = master.current, *g = master.incoming;

	master.current = g;
	master.incoming = NULL;
	if (old != NULL) {
		generation_own_sockets(g);
		generation_release_sockets(old, g);
		leave(old);
	}
	master.loaded = master.read_at;
	snprintf(
	    text, sizeof(text), "generation %u serves with %zu processes", g->number, g->count);
	log_notice("%s: %s", old == NULL ? "started" : "reloaded", text);
	notify_ready("serving");
	if (old != NULL)
		tell_outcome(EXIT_OK, text);
}

/* All of it to the log, the first error to `fault`. */
static void tell_diagnostics(struct diag *d, struct fault *fault)
{
	const struct diag_message *m;

	for (size_t i = 0; (m = diag_get(d, i)) != NULL; i++) {
		const char *file = m->where.file == NULL ? "" : m->where.file;

		if (m->severity == DIAG_WARNING) {
			log_warning("%s:%u:%u: %s", file, m->where.line, m->where.column, m->text);
			continue;
		}
		log_error("%s:%u:%u: %s", file, m->where.line, m->where.column, m->text);
		fault_set(fault, EXIT_CONFIG, "%s:%u:%u: %s", file, m->where.line, m->where.column,
		    m->text);
	}
}

static struct config *read_config(struct fault *fault)
{
	struct diag *d = diag_new();
	struct config *c = d == NULL ? NULL : config_load(master.path, clock_now(), d);

	if (d != NULL)
		tell_diagnostics(d, fault);
	if (c == NULL)
		fault_set(fault, EXIT_AGAIN, "memory is exhausted");
	diag_free(&d);
	return c;
}

/* With what was read at `read_at`; NULL: it could not be, `fault` says why. */
static void begin_reload(struct config *c, usec_t read_at, struct fault *fault)
{
	notify_reloading();
	master.reloads++;
	master.read_at = read_at;
	master.incoming = c == NULL ? NULL : generation_new(c, master.current, fault);
	if (master.incoming != NULL)
		return;
	config_free(&c);
	tell_not_reloaded(fault->code, fault->text);
}

static void reload(void)
{
	struct fault fault = {0};
	usec_t now = clock_now();

	if (master.incoming != NULL || proof_state() == PROOF_TAKEN)
		master.reload_again = true;
	else
		begin_reload(read_config(&fault), now, &fault);
}

/* --- what is proved before it goes live ------------------------------------------------ */

static void prove(void)
{
	struct fault fault = {0};
	struct config *c;

	if (master.incoming != NULL || proof_state() != PROOF_NONE) {
		control_tell_proof(
		    EXIT_AGAIN, "another reload is under way; try again", NULL, NULL);
		return;
	}
	master.proof_read_at = clock_now();
	c = read_config(&fault);
	if (c != NULL && proof_begin(c, master.current, &fault))
		return;
	config_free(&c);
	note_not_reloaded(fault.code, fault.text);
	control_tell_proof(fault.code, fault.text, NULL, NULL);
}

static void drop_proof(int code, const char *why)
{
	if (proof_state() == PROOF_NONE)
		return;
	leave(proof_drop());
	note_not_reloaded(code, why);
	control_tell_proof(code, why, NULL, NULL);
}

static void adopt(void)
{
	struct fault fault = {0};

	if (master.incoming != NULL)
		fault_set(&fault, EXIT_AGAIN, "another reload is under way; try again");
	else if (proof_accept(&fault))
		return;
	drop_proof(fault.code, fault.text);
}

static void tell_proof_serves(void)
{
	char path[PATH_MAX];

	if (realpath(master.path, path) == NULL)
		snprintf(path, sizeof(path), "%s", master.path);
	control_tell_proof(EXIT_OK, "ready", proof_socket(), path);
}

static void look_after_proof(usec_t now, usec_t passed)
{
	enum proof_state before = proof_state(), after = proof_look_after(now, passed, in_child);
	struct fault fault = {0};

	if (after == PROOF_SERVES && before == PROOF_STARTS) {
		tell_proof_serves();
	} else if (after == PROOF_FAILED) {
		fault = *proof_fault();
		drop_proof(fault.code, fault.text);
	} else if (after == PROOF_OVER) {
		control_wait_for_reload(master.reloads + 1);
		begin_reload(proof_take(), master.proof_read_at, &fault);
	}
}

static void stop(void)
{
	if (master.stopping) {
		log_notice("stopping at once: sessions are cut");
		for (struct generation *g = master.leaving; g != NULL; g = g->next)
			generation_kill(g);
		return;
	}
	log_notice("stopping: sessions are finished");
	notify_stopping();
	master.stopping = true;
	drop_proof(EXIT_AGAIN, "the daemon is stopping");
	if (master.incoming != NULL) {
		generation_release_sockets(master.incoming, master.current);
		leave(master.incoming);
		master.incoming = NULL;
	}
	if (master.current != NULL) {
		generation_release_sockets(master.current, NULL);
		leave(master.current);
		master.current = NULL;
	}
}

/* --- what the control socket asks for ---------------------------------------------- */

static void write_status(struct strbuf *reply)
{
	const struct daemon_view v = {
	    .path = master.path,
	    .started = master.started,
	    .loaded = master.loaded,
	    .current = master.current,
	    .incoming = master.incoming,
	    .leaving = master.leaving,
	    .proving = proof_generation(),
	    .reload = &master.outcome,
	    .deaths = master.deaths,
	    .stopping = master.stopping,
	};

	status_write(reply, &v);
}

static uint64_t next_reload(void)
{
	return master.reloads + 1;
}

static bool is_stopping(void)
{
	return master.stopping;
}

static const struct config *config_in_effect(void)
{
	return master.current == NULL ? NULL : master.current->config;
}

static uid_t worker_user(void)
{
	return master.current != NULL && master.current->identity.change
	           ? master.current->identity.uid
	           : (uid_t)-1;
}

static const struct control_master control_master = {
    .status = write_status,
    .next_reload = next_reload,
    .reload = reload,
    .prove = prove,
    .adopt = adopt,
    .drop = drop_proof,
    .stop = stop,
    .is_stopping = is_stopping,
    .config = config_in_effect,
    .user = worker_user,
};

/* Once stopping, the socket is gone; who is connected is served to the end. */
static int control_listener(void)
{
	const struct generation *g = master.current;

	return g == NULL || g->control.count == 0 ? -1 : g->control.items[0].fd;
}

/* --- what happened ---------------------------------------------------------------- */

static void log_death(pid_t pid, int status, const char *whose)
{
	master.deaths += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (WIFSIGNALED(status))
		log_error("process %ld of the %s generation died of signal %d (%s)", (long)pid,
		    whose, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_error("process %ld of the %s generation ended with %d", (long)pid, whose,
		    WEXITSTATUS(status));
}

static void reap_leaving(pid_t pid, int status, usec_t now)
{
	for (struct generation *g = master.leaving; g != NULL; g = g->next)
		if (generation_reap(g, pid, status, now))
			log_death(pid, status, "last");
}

static void reap(void)
{
	usec_t now = clock_monotonic();
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (master.current != NULL && generation_reap(master.current, pid, status, now)) {
			log_death(pid, status, "present");
		} else if (master.incoming != NULL &&
			   generation_reap(master.incoming, pid, status, now)) {
			log_death(pid, status, "next");
			give_up_incoming();
		} else if (proof_reap(pid, status, now)) {
			log_death(pid, status, "proved");
		} else {
			reap_leaving(pid, status, now);
		}
	}
}

static void read_signals(void)
{
	struct signalfd_siginfo info;

	while (read(master.signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap();
		else if (info.ssi_signo == SIGHUP && !master.stopping)
			reload();
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop();
	}
}

/* Frees what has ended and cuts what takes too long. */
static void look_after_leaving(usec_t now, usec_t passed)
{
	struct generation **link = &master.leaving;

	while (*link != NULL) {
		struct generation *g = *link;

		if (generation_is_over(g)) {
			*link = g->next;
			generation_free(&g);
			continue;
		}
		generation_listen(g);
		generation_watch(g, passed);
		if (now - g->started > generation_drain_limit(g)) {
			log_warning(
			    "generation %u did not finish in time: it is killed", g->number);
			generation_kill(g);
			g->started = now;
		}
		link = &g->next;
	}
}

static void look_after_incoming(usec_t now)
{
	if (master.incoming == NULL)
		return;
	generation_fill(master.incoming, now, in_child);
	generation_listen(master.incoming);
	if (generation_is_ready(master.incoming))
		adopt_incoming();
	else if (now - master.incoming->started > ready_within) {
		fault_set(&master.incoming->fault, EXIT_UNAVAILABLE,
		    "a new worker did not get ready in time");
		give_up_incoming();
	}
}

/* What was asked for while another reload was under way. */
static void reload_again(void)
{
	if (master.incoming != NULL || proof_state() == PROOF_TAKEN || !master.reload_again ||
	    master.stopping)
		return;
	master.reload_again = false;
	reload();
}

/* --- the loop ------------------------------------------------------------------------ */

static void add_fd(struct pollfd *fds, size_t *n, size_t max, int fd)
{
	if (fd >= 0 && *n < max)
		fds[(*n)++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Those that get ready. */
static void add_children(struct pollfd *fds, size_t *n, size_t max, const struct generation *g)
{
	for (size_t i = 0; g != NULL && i < g->count; i++)
		if (!g->slots[i].ready)
			add_fd(fds, n, max, g->slots[i].control);
}

/* Waits for a signal, a word of a child that gets ready, or `until` (monotonic). */
static void wait_for_news(usec_t now, usec_t until)
{
	struct pollfd fds[256];
	size_t n = 0, max = sizeof(fds) / sizeof(fds[0]);
	usec_t ms = (until - now) / USEC_PER_MSEC + 1;

	add_fd(fds, &n, max, master.signals);
	add_children(fds, &n, max, master.incoming);
	add_children(fds, &n, max, proof_generation());
	n += control_wait(control_listener(), fds + n, max - n);
	poll(fds, n, ms < 0 ? 0 : (int)ms);
}

/* The master is alive when its workers are: systemd should know when they are not. */
static void look_after_current(usec_t now, usec_t passed)
{
	usec_t every = notify_interval() / 2;

	if (master.current != NULL) {
		generation_listen(master.current);
		generation_watch(master.current, passed);
	}
	if (every == 0 || now - master.told_alive < every)
		return;
	if (master.current == NULL || generation_is_alive(master.current)) {
		notify_alive();
		master.told_alive = now;
	}
}

static void loop(void)
{
	usec_t alive_every = notify_interval(), last = clock_monotonic();

	while (!master.stopping || master.leaving != NULL) {
		usec_t now = clock_monotonic(), next = now + USEC_PER_SEC, due = 0;
		usec_t passed = now - last < LONG_STEP ? now - last : LONG_STEP;

		last = now;
		if (master.current != NULL)
			due = generation_fill(master.current, now, in_child);
		look_after_current(now, passed);
		look_after_proof(now, passed);
		look_after_incoming(now);
		reload_again();
		look_after_leaving(now, passed);
		if (alive_every != 0 && now + alive_every / 4 < next)
			next = now + alive_every / 4;
		if (master.stopping && master.leaving == NULL)
			break;
		wait_for_news(now, due != 0 && due < next ? due : next);
		read_signals();
		control_serve(control_listener(), clock_monotonic());
	}
}

/* --- start ------------------------------------------------------------------------------ */

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	master.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return master.signals >= 0;
}

static int not_started(const struct fault *fault)
{
	log_error("not started: %s", fault->text);
	notify_status(fault->text);
	return fault->code;
}

int master_run(const char *path, struct config *config)
{
	struct fault fault = {0};

	log_set_role("master");
	master.path = path;
	master.started = master.read_at = clock_now();
	control_open(&control_master);
	tally_open();
	raise_descriptor_limit();
	if (!pidfile_take(&master.pid_file, config->settings->pid_file, &fault)) {
		config_free(&config);
		return not_started(&fault);
	}
	if (!take_signals())
		fault_set(&fault, EXIT_INTERNAL, "signals can't be taken: %s", strerror(errno));
	else
		master.incoming = generation_new(config, NULL, &fault);
	if (master.incoming == NULL) {
		config_free(&config);
		master.code = not_started(&fault);
	} else {
		loop();
	}
	control_close();
	pidfile_remove(&master.pid_file);
	if (master.code == EXIT_OK)
		log_notice("stopped");
	return master.code;
}
