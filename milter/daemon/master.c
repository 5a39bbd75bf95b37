#include "daemon/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
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
#include "daemon/notify.h"
#include "daemon/pidfile.h"
#include "daemon/status.h"
#include "daemon/succession.h"
#include "daemon/tally.h"

/* When the whole machine stood still for longer, the children could not speak either. */
#define LONG_STEP (2 * USEC_PER_SEC)

static struct {
	int signals; /* signalfd */
	struct pidfile pid_file;
	usec_t told_alive;
} master;

/* What belongs to the master alone. */
static void in_child(void)
{
	close(master.signals);
	pidfile_forget(&master.pid_file);
	control_forget();
}

/* --- what the control socket asks for ---------------------------------------------- */

static void write_status(struct strbuf *reply)
{
	const struct daemon_view v = succession_view();

	status_write(reply, &v);
}

static const struct config *config_in_effect(void)
{
	const struct generation *g = succession_view().current;

	return g == NULL ? NULL : g->config;
}

static uid_t worker_user(void)
{
	const struct generation *g = succession_view().current;

	return g != NULL && g->identity.change ? g->identity.uid : (uid_t)-1;
}

static const struct control_master control_master = {
    .status = write_status,
    .next_reload = succession_next_reload,
    .reload = succession_reload,
    .prove = succession_prove,
    .adopt = succession_adopt,
    .drop = succession_drop,
    .stop = succession_stop,
    .is_stopping = succession_is_stopping,
    .config = config_in_effect,
    .user = worker_user,
};

/* Once stopping, the socket is gone; who is connected is served to the end. */
static int control_listener(void)
{
	const struct generation *g = succession_view().current;

	return g == NULL || g->control.count == 0 ? -1 : g->control.items[0].fd;
}

/* --- the loop ------------------------------------------------------------------------ */

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		succession_reap(pid, status);
}

static void read_signals(void)
{
	struct signalfd_siginfo info;

	while (read(master.signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap();
		else if (info.ssi_signo == SIGHUP && !succession_is_stopping())
			succession_reload();
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			succession_stop();
	}
}

/* Waits for a signal, a command, a word of a child that gets ready, or `until` (monotonic). */
static void wait_for_news(usec_t now, usec_t until)
{
	struct pollfd fds[256] = {{.fd = master.signals, .events = POLLIN}};
	size_t n = 1, max = sizeof(fds) / sizeof(fds[0]);
	usec_t ms = (until - now) / USEC_PER_MSEC + 1;

	n += control_wait(control_listener(), fds + n, max - n);
	n += succession_wait(fds + n, max - n);
	poll(fds, n, ms < 0 ? 0 : (int)ms);
}

/* The master is alive when its workers are: systemd should know when they are not. */
static void tell_alive(usec_t now)
{
	const struct generation *g = succession_view().current;
	usec_t every = notify_interval() / 2;

	if (every == 0 || now - master.told_alive < every)
		return;
	if (g == NULL || generation_is_alive(g)) {
		notify_alive();
		master.told_alive = now;
	}
}

static void loop(void)
{
	usec_t alive_every = notify_interval(), last = clock_monotonic();

	for (;;) {
		usec_t now = clock_monotonic(), next = now + USEC_PER_SEC, due;
		usec_t passed = now - last < LONG_STEP ? now - last : LONG_STEP;

		last = now;
		due = succession_look_after(now, passed);
		tell_alive(now);
		if (alive_every != 0 && now + alive_every / 4 < next)
			next = now + alive_every / 4;
		if (succession_is_over())
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
	int code;

	log_set_role("master");
	control_open(&control_master);
	tally_open();
	raise_descriptor_limit();
	if (!pidfile_take(&master.pid_file, config->settings->pid_file, &fault)) {
		config_free(&config);
		return not_started(&fault);
	}
	if (take_signals() && succession_begin(path, config, in_child, &fault)) {
		loop();
		code = succession_code();
	} else {
		/* Unless there is one already. */
		fault_set(&fault, EXIT_INTERNAL, "signals can't be taken: %s", strerror(errno));
		config_free(&config);
		code = not_started(&fault);
	}
	control_close();
	pidfile_remove(&master.pid_file);
	if (code == EXIT_OK)
		log_notice("stopped");
	return code;
}
