#include "daemon/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "daemon/generation.h"
#include "daemon/notify.h"

/* A new generation has this long to get ready, an old one to finish its sessions. */
static const usec_t ready_within = 30 * USEC_PER_SEC;
static const usec_t drain_within = 600 * USEC_PER_SEC;

static struct master {
	const char *path;
	int signals; /* signalfd */
	int pid_file;
	struct generation *current;  /* serves; NULL until the first is ready */
	struct generation *incoming; /* gets ready, to become current; NULL: none */
	struct generation *leaving;  /* a list: they finish their sessions */
	bool stopping, reload_again, failed;
	usec_t told_alive;
} master;

/* --- generations come and go --------------------------------------------------- */

static void in_child(void)
{
	close(master.signals);
	if (master.pid_file >= 0)
		close(master.pid_file);
	if (master.current != NULL)
		generation_close_controls(master.current, -1);
	if (master.incoming != NULL)
		generation_close_controls(master.incoming, -1);
	for (struct generation *g = master.leaving; g != NULL; g = g->next)
		generation_close_controls(g, -1);
}

static void leave(struct generation *g)
{
	g->started = clock_monotonic();
	g->next = master.leaving;
	master.leaving = g;
	generation_drain(g);
}

/* A first generation that can't start ends the program; a later one leaves everything as it is. */
static void give_up_incoming(const char *why)
{
	struct generation *g = master.incoming;

	master.incoming = NULL;
	generation_release_sockets(g, master.current);
	generation_kill(g);
	leave(g);
	if (master.current == NULL) {
		log_error("not started: %s", why);
		master.failed = master.stopping = true;
		return;
	}
	log_error("not reloaded: %s; the configuration of before goes on", why);
	notify_ready("the last reload failed; the configuration of before goes on");
}

static void adopt_incoming(void)
{
	struct generation *old = master.current, *g = master.incoming;

	master.current = g;
	master.incoming = NULL;
	if (old != NULL) {
		generation_release_sockets(old, g);
		leave(old);
	}
	log_notice("%s: generation %u serves with %zu processes",
	    old == NULL ? "started" : "reloaded", g->number, g->count);
	notify_ready("serving");
}

static void log_diagnostics(struct diag *d)
{
	for (size_t i = 0; diag_text(d, i)[0] != '\0'; i++)
		log_error("%s", diag_text(d, i));
}

static void reload(void)
{
	struct diag *d;
	struct config *c;

	if (master.incoming != NULL) {
		master.reload_again = true;
		return;
	}
	notify_reloading();
	d = diag_new();
	c = d == NULL ? NULL : config_load(master.path, clock_now(), d);
	if (d != NULL)
		log_diagnostics(d);
	diag_free(&d);
	master.incoming = c == NULL ? NULL : generation_new(c, master.current);
	if (master.incoming == NULL) {
		config_free(&c);
		log_error("not reloaded: the configuration of before goes on");
		notify_ready("the last reload failed; the configuration of before goes on");
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
	if (master.incoming != NULL) {
		generation_release_sockets(master.incoming, master.current);
		generation_kill(master.incoming);
		leave(master.incoming);
		master.incoming = NULL;
	}
	if (master.current != NULL) {
		generation_release_sockets(master.current, NULL);
		leave(master.current);
		master.current = NULL;
	}
}

/* --- what happened ---------------------------------------------------------------- */

static void log_death(pid_t pid, int status, const char *whose)
{
	if (WIFSIGNALED(status))
		log_error("process %ld of the %s generation died of signal %d (%s)", (long)pid,
		    whose, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_error("process %ld of the %s generation ended with %d", (long)pid, whose,
		    WEXITSTATUS(status));
}

static void reap(void)
{
	usec_t now = clock_monotonic();
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (master.current != NULL && generation_reap(master.current, pid, now)) {
			log_death(pid, status, "present");
		} else if (master.incoming != NULL && generation_reap(master.incoming, pid, now)) {
			log_death(pid, status, "next");
			give_up_incoming("a process of the new generation could not start");
		} else {
			for (struct generation *g = master.leaving; g != NULL; g = g->next)
				generation_reap(g, pid, now);
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
static void look_after_leaving(usec_t now)
{
	struct generation **link = &master.leaving;

	while (*link != NULL) {
		struct generation *g = *link;

		if (generation_is_over(g)) {
			*link = g->next;
			generation_free(&g);
			continue;
		}
		if (now - g->started > drain_within) {
			log_warning("generation %u did not finish in time: its sessions are cut",
			    g->number);
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
	else if (now - master.incoming->started > ready_within)
		give_up_incoming("the new generation did not get ready in time");
	if (master.incoming == NULL && master.reload_again && !master.stopping) {
		master.reload_again = false;
		reload();
	}
}

/* --- the loop ------------------------------------------------------------------------ */

static void add_fd(struct pollfd *fds, size_t *n, size_t max, int fd)
{
	if (fd >= 0 && *n < max)
		fds[(*n)++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Waits for a signal, a word of a child that gets ready, or `until` (monotonic). */
static void wait_for_news(usec_t now, usec_t until)
{
	struct pollfd fds[256];
	size_t n = 0, max = sizeof(fds) / sizeof(fds[0]);
	usec_t ms = (until - now) / USEC_PER_MSEC + 1;
	const struct generation *g = master.incoming;

	add_fd(fds, &n, max, master.signals);
	for (size_t i = 0; g != NULL && i < g->count; i++)
		if (!g->slots[i].ready)
			add_fd(fds, &n, max, g->slots[i].control);
	poll(fds, n, ms < 0 ? 0 : (int)ms);
}

static void loop(void)
{
	usec_t alive_every = notify_interval();

	while (!master.stopping || master.leaving != NULL) {
		usec_t now = clock_monotonic(), next = now + USEC_PER_SEC, due = 0;

		if (master.current != NULL) {
			due = generation_fill(master.current, now, in_child);
			generation_listen(master.current);
		}
		look_after_incoming(now);
		look_after_leaving(now);
		if (alive_every != 0) {
			if (now - master.told_alive >= alive_every / 2) {
				notify_alive();
				master.told_alive = now;
			}
			next = now + alive_every / 2 < next ? now + alive_every / 2 : next;
		}
		if (master.stopping && master.leaving == NULL)
			break;
		wait_for_news(now, due != 0 && due < next ? due : next);
		read_signals();
	}
}

/* --- start ------------------------------------------------------------------------------ */

static bool write_pid_file(const char *path)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	master.pid_file = -1;
	if (path == NULL)
		return true;
	master.pid_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (master.pid_file < 0) {
		log_error("pid-file = %s: %s", path, strerror(errno));
		return false;
	}
	if (flock(master.pid_file, LOCK_EX | LOCK_NB) != 0) {
		log_error("pid-file = %s: another relay-guard holds it; stop that one first", path);
		return false;
	}
	if (ftruncate(master.pid_file, 0) != 0 ||
	    write(master.pid_file, text, (size_t)len) != len) {
		log_error("pid-file = %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

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

int master_run(const char *path, struct config *config)
{
	char *pid_path =
	    config->settings->pid_file == NULL ? NULL : strdup(config->settings->pid_file);

	log_set_role("master");
	master.path = path;
	raise_descriptor_limit();
	if (!write_pid_file(pid_path)) {
		config_free(&config);
		free(pid_path);
		return EXIT_AGAIN;
	}
	master.incoming = take_signals() ? generation_new(config, NULL) : NULL;
	if (master.incoming == NULL) {
		config_free(&config);
		master.failed = true;
	} else {
		loop();
	}
	if (pid_path != NULL)
		unlink(pid_path);
	free(pid_path);
	if (!master.failed)
		log_notice("stopped");
	return master.failed ? EXIT_UNAVAILABLE : EXIT_OK;
}
