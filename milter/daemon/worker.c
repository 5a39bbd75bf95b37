#include "daemon/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "core/event.h"
#include "daemon/mlfi.h"
#include "sink/eventlog.h"

enum {
	/* A callback answers within five seconds: this much of it may go to a full event queue. */
	EVENT_WAIT_MS = 1000,
	FLUSH_WAIT_MS = 3000,
	LOOK_EVERY_MS = 20,
	/* A connection may be accepted a moment before it can be seen: look this often. */
	QUIET_LOOKS = 10,
	EVENTS_MODE = 0640,
};

static struct eventlog *events;

static void emit(void *arg, const struct event *e)
{
	(void)arg;
	eventlog_write(events, e, EVENT_WAIT_MS);
}

static void wait_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* True: drain. False: the master is gone. */
static bool wait_for_master(int control)
{
	char c = 0;
	ssize_t n;

	do
		n = read(control, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && c == WORKER_DRAIN;
}

/*
 * libmilter does not drain, and its exit path is not ours: sessions are finished here,
 * and then the process ends at once.
 */
static void *controller(void *arg)
{
	const struct worker_options *o = arg;

	if (!wait_for_master(o->control))
		log_warning("the master is gone; sessions are finished, no more are taken");
	mlfi_stop_accepting();
	for (int quiet = 0; quiet < QUIET_LOOKS; wait_ms(LOOK_EVERY_MS))
		quiet = mlfi_connections() == 0 ? quiet + 1 : 0;
	if (!eventlog_flush(events, FLUSH_WAIT_MS))
		log_error("events are lost: the disk or the journal did not take them in time");
	_exit(EXIT_OK);
}

struct eventlog *worker_open_events(const struct config *c)
{
	struct eventlog_options o = {
	    .path = c->events->path,
	    .syslog = c->events->syslog,
	    .mode = EVENTS_MODE,
	};
	const char *error = "";
	struct eventlog *l = eventlog_open(&o, -1, &error);

	if (l == NULL)
		log_error("%s:%u: events { path }: %s: %s; the folder must exist and be writable "
			  "by the user that relay-guard runs as",
		    c->events->head.loc.file == NULL ? "" : c->events->head.loc.file,
		    c->events->head.loc.line, o.path == NULL ? "" : o.path, error);
	return l;
}

_Noreturn void worker_main(const struct worker_options *o)
{
	static char role[32], scratch[200], host[256];
	static struct session_env env;
	struct mlfi_options m = {
	    .policy = &o->config->policy,
	    .env = &env,
	    .listener = o->listener,
	    .scratch = scratch,
	    .sessions = o->sessions,
	};
	pthread_t thread;

	snprintf(role, sizeof(role), "worker %u", o->number);
	log_set_role(role);
	gethostname(host, sizeof(host) - 1);
	env = (struct session_env){
	    .host = host, .emit = emit, .permitted = o->config->events->permitted};
	/* The master made sure that this fits a socket's name. */
	snprintf(
	    scratch, sizeof(scratch), "%s/.worker-%ld", o->config->settings->state, (long)getpid());
	if (!mlfi_open(&m) || !identity_assume(o->identity))
		_exit(EXIT_UNAVAILABLE);
	events = worker_open_events(o->config);
	if (events == NULL)
		_exit(EXIT_CONFIG);
	if (pthread_create(&thread, NULL, controller, (void *)(uintptr_t)o) != 0) {
		log_error("no thread can be started: %s", strerror(errno));
		_exit(EXIT_UNAVAILABLE);
	}
	if (write(o->control, &(char){WORKER_READY}, 1) != 1)
		_exit(EXIT_UNAVAILABLE);
	mlfi_run();
	_exit(EXIT_INTERNAL);
}
