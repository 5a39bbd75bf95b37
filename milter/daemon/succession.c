#include "daemon/succession.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/exit.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/generation.h"
#include "daemon/notify.h"
#include "daemon/proof.h"

static const usec_t ready_within = 30 * USEC_PER_SEC;
static const usec_t shut_within = 5 * USEC_PER_SEC;

static struct {
	const char *path;
	void (*in_child)(void);
	struct generation *current;  /* serves; NULL until the first is ready */
	struct generation *incoming; /* gets ready, to become current; NULL: none */
	struct generation *leaving;  /* a list: they finish their sessions */
	bool stopping, reload_again;
	int code;
	usec_t started, loaded; /* wall clock; `loaded`: when `current` was read */
	usec_t read_at;         /* the same of `incoming` */
	usec_t proof_read_at;   /* and of what is proved */
	uint64_t reloads;       /* so many were begun */
	usec_t untold_since;    /* monotonic; 0: what came of the last was told */
	char untold[80];
	uint64_t deaths;
	struct reload_outcome outcome;
} all;

/*
 * A socket that the next configuration has not must not live on in a child, where nobody could
 * close it.
 */
static void in_child(int listener)
{
	all.in_child();
	if (all.current != NULL)
		generation_forget(all.current, listener);
	if (all.incoming != NULL)
		generation_forget(all.incoming, listener);
	if (proof_generation() != NULL)
		generation_forget(proof_generation(), listener);
	for (struct generation *g = all.leaving; g != NULL; g = g->next)
		generation_forget(g, listener);
}

/* --- one after the other ------------------------------------------------------------ */

static void leave(struct generation *g)
{
	g->started = clock_monotonic();
	g->next = all.leaving;
	all.leaving = g;
	generation_drain(g);
}

static void note_outcome(int code, const char *text)
{
	all.outcome.at = clock_now();
	all.outcome.code = code;
	snprintf(all.outcome.text, sizeof(all.outcome.text), "%s", text);
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
	control_tell_reload(all.reloads, code, why);
}

/* A first generation that can't start ends the program; a later one leaves everything as it is. */
static void give_up_incoming(void)
{
	struct generation *g = all.incoming;

	/* Those of its workers that got ready have sessions already. */
	all.incoming = NULL;
	generation_release_sockets(g, all.current);
	leave(g);
	if (all.current != NULL) {
		tell_not_reloaded(g->fault.code, g->fault.text);
		return;
	}
	log_error("not started: %s", g->fault.text);
	notify_status(g->fault.text);
	all.code = g->fault.code;
	all.stopping = true;
}

static void tell_reloaded(void)
{
	if (all.untold_since != 0)
		control_tell_reload(all.reloads, EXIT_OK, all.untold);
	all.untold_since = 0;
}

static bool are_shut(void)
{
	for (const struct generation *g = all.leaving; g != NULL; g = g->next)
		if (!generation_is_shut(g))
			return false;
	return true;
}

/* Whoever is told that a reload is done should meet the new configuration alone. */
static void tell_reloaded_when_shut(usec_t now)
{
	if (all.untold_since != 0 && (are_shut() || now - all.untold_since > shut_within))
		tell_reloaded();
}

static void adopt_incoming(void)
{
	struct generation *old = all.current, *g = all.incoming;

	all.current = g;
	all.incoming = NULL;
	if (old != NULL) {
		generation_own_sockets(g);
		generation_release_sockets(old, g);
		leave(old);
	}
	all.loaded = all.read_at;
	snprintf(all.untold, sizeof(all.untold), "generation %u serves with %zu processes",
	    g->number, g->count);
	log_notice("%s: %s", old == NULL ? "started" : "reloaded", all.untold);
	notify_ready("serving");
	if (old != NULL) {
		note_outcome(EXIT_OK, all.untold);
		all.untold_since = clock_monotonic();
	}
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
	struct config *c = d == NULL ? NULL : config_load(all.path, clock_now(), d);

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
	tell_reloaded();
	notify_reloading();
	all.reloads++;
	all.read_at = read_at;
	all.incoming = c == NULL ? NULL : generation_new(c, all.current, fault);
	if (all.incoming != NULL)
		return;
	config_free(&c);
	tell_not_reloaded(fault->code, fault->text);
}

void succession_reload(void)
{
	struct fault fault = {0};
	usec_t now = clock_now();

	if (all.incoming != NULL || proof_state() == PROOF_TAKEN)
		all.reload_again = true;
	else
		begin_reload(read_config(&fault), now, &fault);
}

/* --- what is proved before it goes live ------------------------------------------------ */

uint64_t succession_next_reload(void)
{
	return all.reloads + 1;
}

void succession_prove(void)
{
	struct fault fault = {0};
	struct config *c;

	if (all.incoming != NULL || proof_state() != PROOF_NONE) {
		control_tell_proof(
		    EXIT_AGAIN, "another reload is under way; try again", NULL, NULL);
		return;
	}
	all.proof_read_at = clock_now();
	c = read_config(&fault);
	if (c != NULL && proof_begin(c, all.current, &fault))
		return;
	config_free(&c);
	note_not_reloaded(fault.code, fault.text);
	control_tell_proof(fault.code, fault.text, NULL, NULL);
}

void succession_drop(int code, const char *why)
{
	if (proof_state() == PROOF_NONE)
		return;
	leave(proof_drop());
	note_not_reloaded(code, why);
	control_tell_proof(code, why, NULL, NULL);
}

void succession_adopt(void)
{
	struct fault fault = {0};

	if (all.incoming != NULL)
		fault_set(&fault, EXIT_AGAIN, "another reload is under way; try again");
	else if (proof_accept(&fault))
		return;
	succession_drop(fault.code, fault.text);
}

static void tell_proof_serves(void)
{
	char path[PATH_MAX];

	if (realpath(all.path, path) == NULL)
		snprintf(path, sizeof(path), "%s", all.path);
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
		succession_drop(fault.code, fault.text);
	} else if (after == PROOF_OVER) {
		control_wait_for_reload(all.reloads + 1);
		begin_reload(proof_take(), all.proof_read_at, &fault);
	}
}

/* --- the end ------------------------------------------------------------------------- */

void succession_stop(void)
{
	if (all.stopping) {
		log_notice("stopping at once: sessions are cut");
		for (struct generation *g = all.leaving; g != NULL; g = g->next)
			generation_kill(g);
		return;
	}
	log_notice("stopping: sessions are finished");
	notify_stopping();
	all.stopping = true;
	tell_reloaded();
	succession_drop(EXIT_AGAIN, "the daemon is stopping");
	if (all.incoming != NULL) {
		generation_release_sockets(all.incoming, all.current);
		leave(all.incoming);
		all.incoming = NULL;
	}
	if (all.current != NULL) {
		generation_release_sockets(all.current, NULL);
		leave(all.current);
		all.current = NULL;
	}
}

bool succession_is_stopping(void)
{
	return all.stopping;
}

bool succession_is_over(void)
{
	return all.stopping && all.leaving == NULL;
}

int succession_code(void)
{
	return all.code;
}

/* --- what happened ------------------------------------------------------------------- */

static void log_death(pid_t pid, int status, const char *whose)
{
	all.deaths += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (WIFSIGNALED(status))
		log_error("process %ld of the %s generation died of signal %d (%s)", (long)pid,
		    whose, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_error("process %ld of the %s generation ended with %d", (long)pid, whose,
		    WEXITSTATUS(status));
}

static void reap_leaving(pid_t pid, int status, usec_t now)
{
	for (struct generation *g = all.leaving; g != NULL; g = g->next)
		if (generation_reap(g, pid, status, now))
			log_death(pid, status, "last");
}

void succession_reap(pid_t pid, int status)
{
	usec_t now = clock_monotonic();

	if (all.current != NULL && generation_reap(all.current, pid, status, now)) {
		log_death(pid, status, "present");
	} else if (all.incoming != NULL && generation_reap(all.incoming, pid, status, now)) {
		log_death(pid, status, "next");
		give_up_incoming();
	} else if (proof_reap(pid, status, now)) {
		log_death(pid, status, "proved");
	} else {
		reap_leaving(pid, status, now);
	}
}

/* Frees what has ended and cuts what takes too long. */
static void look_after_leaving(usec_t now, usec_t passed)
{
	struct generation **link = &all.leaving;

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
	if (all.incoming == NULL)
		return;
	generation_fill(all.incoming, now, in_child);
	generation_listen(all.incoming);
	if (generation_is_ready(all.incoming))
		adopt_incoming();
	else if (now - all.incoming->started > ready_within) {
		fault_set(&all.incoming->fault, EXIT_UNAVAILABLE,
		    "a new worker did not get ready in time");
		give_up_incoming();
	}
}

/* What was asked for while another reload was under way. */
static void reload_again(void)
{
	if (all.incoming != NULL || proof_state() == PROOF_TAKEN || !all.reload_again ||
	    all.stopping)
		return;
	all.reload_again = false;
	succession_reload();
}

usec_t succession_look_after(usec_t now, usec_t passed)
{
	usec_t due = 0;

	if (all.current != NULL) {
		due = generation_fill(all.current, now, in_child);
		generation_listen(all.current);
		generation_watch(all.current, passed);
	}
	look_after_proof(now, passed);
	look_after_incoming(now);
	reload_again();
	look_after_leaving(now, passed);
	tell_reloaded_when_shut(now);
	return due;
}

/* --- for the master -------------------------------------------------------------------- */

static void add_child(struct pollfd *fds, size_t *n, size_t max, const struct slot *s)
{
	if (s->control >= 0 && *n < max)
		fds[(*n)++] = (struct pollfd){.fd = s->control, .events = POLLIN};
}

/* Those that get ready. */
static void add_starting(struct pollfd *fds, size_t *n, size_t max, const struct generation *g)
{
	for (size_t i = 0; g != NULL && i < g->count; i++)
		if (!g->slots[i].ready)
			add_child(fds, n, max, &g->slots[i]);
}

/* Those that are about to take no more sessions. */
static void add_shutting(struct pollfd *fds, size_t *n, size_t max)
{
	for (const struct generation *g = all.leaving; g != NULL; g = g->next)
		for (size_t i = 0; i < g->count; i++)
			if (!g->slots[i].shut)
				add_child(fds, n, max, &g->slots[i]);
}

size_t succession_wait(struct pollfd *fds, size_t max)
{
	size_t n = 0;

	add_starting(fds, &n, max, all.incoming);
	add_starting(fds, &n, max, proof_generation());
	if (all.untold_since != 0)
		add_shutting(fds, &n, max);
	return n;
}

struct daemon_view succession_view(void)
{
	return (struct daemon_view){
	    .path = all.path,
	    .started = all.started,
	    .loaded = all.loaded,
	    .current = all.current,
	    .incoming = all.incoming,
	    .leaving = all.leaving,
	    .proving = proof_generation(),
	    .reload = &all.outcome,
	    .deaths = all.deaths,
	    .stopping = all.stopping,
	};
}

bool succession_begin(
    const char *path, struct config *config, void (*forget)(void), struct fault *fault)
{
	all.path = path;
	all.in_child = forget;
	all.started = all.read_at = clock_now();
	proof_drop_left(config->settings->state);
	all.incoming = generation_new(config, NULL, fault);
	return all.incoming != NULL;
}
