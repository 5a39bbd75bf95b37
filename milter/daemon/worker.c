#include "daemon/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "core/event.h"
#include "daemon/fault.h"
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

void worker_say_ready(const struct worker_options *o)
{
	if (write(o->control, &(char){WORKER_READY}, 1) != 1)
		_exit(EXIT_UNAVAILABLE);
}

_Noreturn void worker_give_up(const struct worker_options *o, int code, const char *format, ...)
{
	char text[1 + FAULT_TEXT_MAX] = {WORKER_FAULT};
	va_list args;

	va_start(args, format);
	vsnprintf(text + 1, sizeof(text) - 1, format, args);
	va_end(args);
	log_error("%s", text + 1);
	/* The exit code tells the rest where this can't be said. */
	(void)send(o->control, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(code);
}

struct eventlog *worker_open_events(const struct worker_options *o)
{
	const struct events_settings *s = o->config->events;
	struct eventlog_options wanted = {
	    .path = s->path,
	    .syslog = s->syslog,
	    .mode = EVENTS_MODE,
	};
	const char *error = "";
	struct eventlog *l = eventlog_open(&wanted, -1, &error);

	if (l == NULL)
		worker_give_up(o, EXIT_CONFIG,
		    "%s:%u: events { path }: %s: %s; the folder must exist and be writable "
		    "by the user that relay-guard runs as",
		    s->head.loc.file == NULL ? "" : s->head.loc.file, s->head.loc.line,
		    s->path == NULL ? "" : s->path, error);
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
	int error;

	snprintf(role, sizeof(role), "worker %u", o->number);
	log_set_role(role);
	gethostname(host, sizeof(host) - 1);
	env = (struct session_env){
	    .host = host, .emit = emit, .permitted = o->config->events->permitted};
	/* The master made sure that this fits a socket's name. */
	snprintf(
	    scratch, sizeof(scratch), "%s/.worker-%ld", o->config->settings->state, (long)getpid());
	if (!mlfi_open(&m))
		worker_give_up(
		    o, EXIT_UNAVAILABLE, "libmilter does not start; see the lines before");
	if (!identity_assume(o->identity))
		worker_give_up(o, EXIT_UNAVAILABLE, "root can't be given up");
	events = worker_open_events(o);
	error = pthread_create(&thread, NULL, controller, (void *)(uintptr_t)o);
	if (error != 0)
		worker_give_up(o, EXIT_AGAIN, "no thread can be started: %s", strerror(error));
	worker_say_ready(o);
	mlfi_run();
	_exit(EXIT_INTERNAL);
}
