#include "daemon/worker.h"

#include <poll.h>
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
#include "check/dns.h"
#include "core/event.h"
#include "daemon/counters.h"
#include "daemon/fault.h"
#include "daemon/mlfi.h"
#include "daemon/probe_secret.h"
#include "daemon/tally.h"
#include "sink/eventlog.h"
#include "sink/notices.h"

enum {
	/* A callback answers within five seconds: this much of it may go to a full event queue. */
	EVENT_WAIT_MS = 1000,
	FLUSH_WAIT_MS = 3000,
	LOOK_EVERY_MS = 20,
	/* What a worker that dies has not told yet is lost to the counters. */
	TELL_EVERY_MS = 1000,
	/* A connection may be accepted a moment before it can be seen: look this often. */
	QUIET_LOOKS = 10,
	EVENTS_MODE = 0640,
};

static struct eventlog *events;
static struct notices *notices;
static struct resolver *resolver; /* NULL where no check asks DNS */

static void emit(void *arg, const struct event *e)
{
	(void)arg;
	tally_event(e->verdict);
	eventlog_write(events, e, EVENT_WAIT_MS);
	notices_write(notices, e);
}

/* A master that does not read has other troubles. */
static void say(const struct worker_options *o, char word)
{
	(void)send(o->control, &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void wait_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static void tell_dns(void)
{
	if (resolver != NULL) {
		const struct dns_counters now = resolver_counters(resolver);

		tally_dns(&now);
	}
}

/* Until the master has something to say, or `ms` have passed. */
static void wait_for_word(struct pollfd *p, int ms)
{
	while (poll(p, 1, ms < TELL_EVERY_MS ? ms : TELL_EVERY_MS) == 0 && ms > TELL_EVERY_MS) {
		tell_dns();
		ms -= TELL_EVERY_MS;
	}
	tell_dns();
}

/*
 * Until the master says that it is to drain, or is gone, proves every now and then that libmilter
 * answers. The first proof is what makes the worker ready.
 */
static void serve_until_told(const struct worker_options *o)
{
	struct pollfd p = {.fd = o->control, .events = POLLIN};
	int every = (int)(o->prove_every / USEC_PER_MSEC);
	bool ready = false;
	char c = 0;

	while (p.revents == 0) {
		enum probe got = mlfi_probe(o->control, 2 * every);

		if (got == PROBE_SILENT)
			log_error("libmilter does not answer within %d ms", 2 * every);
		else if (!ready)
			worker_say_ready(o);
		else
			worker_say_alive(o);
		ready = ready || got != PROBE_SILENT;
		wait_for_word(&p, every);
	}
	if (recv(o->control, &c, 1, MSG_DONTWAIT) != 1 || c != WORKER_DRAIN)
		log_warning("the master is gone; sessions are finished, no more are taken");
}

/* Until no session lives; those that last too long are first hung up on, and then given up. */
static void finish_sessions(const struct worker_options *o)
{
	usec_t drain_time = o->config->settings->drain_time;
	usec_t now = clock_monotonic(), hang_up = now + drain_time, said = now;
	usec_t end = hang_up + (drain_time < WORKER_LAST_WAIT ? drain_time : WORKER_LAST_WAIT);
	bool hung_up = false;

	for (int quiet = 0; quiet < QUIET_LOOKS && now < end; now = clock_monotonic()) {
		quiet = mlfi_connections() == 0 ? quiet + 1 : 0;
		if (now >= hang_up && !hung_up && quiet == 0) {
			hung_up = true;
			mlfi_hang_up();
			log_notice("%u sessions outlast `drain-time`: their next command is "
				   "answered with 421",
			    mlfi_connections());
		}
		if (now - said >= o->prove_every) {
			worker_say_alive(o);
			said = now;
		}
		tell_dns();
		wait_ms(LOOK_EVERY_MS);
	}
	tell_dns();
	if (now >= end)
		log_warning("%u sessions did not end in time and are cut", mlfi_connections());
}

/*
 * libmilter does not drain, and its exit path is not ours: sessions are finished here,
 * and then the process ends at once.
 */
static void *controller(void *arg)
{
	const struct worker_options *o = arg;

	serve_until_told(o);
	mlfi_stop_accepting();
	say(o, WORKER_SHUT);
	finish_sessions(o);
	if (!eventlog_flush(events, FLUSH_WAIT_MS) || !notices_flush(notices, FLUSH_WAIT_MS))
		log_error("events are lost: the disk or the journal did not take them in time");
	_exit(EXIT_OK);
}

void worker_say_alive(const struct worker_options *o)
{
	say(o, WORKER_ALIVE);
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

/* NULL where none are asked for. */
static struct notices *open_notices(const struct worker_options *o)
{
	const struct events_settings *s = o->config->events;
	const char *error = "";
	struct notices *n =
	    s->notices == NULL ? NULL : notices_open(s->notices, EVENTS_MODE, &error);

	if (s->notices != NULL && n == NULL)
		worker_give_up(o, EXIT_CONFIG,
		    "%s:%u: events { notices }: %s: %s; the folder must exist and be writable "
		    "by the user that relay-guard runs as",
		    s->head.loc.file == NULL ? "" : s->head.loc.file, s->head.loc.line, s->notices,
		    error);
	return n;
}

/* NULL where no check asks DNS. */
static struct resolver *open_resolver(const struct worker_options *o)
{
	const struct config *c = o->config;
	const struct dns_settings *d =
	    (const struct dns_settings *)(const void *)c->settings->resolver;
	const char *error = "";
	struct resolver *r;

	if ((c->policy.facts & FACT_RESOLVER) == 0)
		return NULL;
	r = dns_open(d, &error);
	if (r == NULL)
		worker_give_up(o, EXIT_UNAVAILABLE, "no resolver can be opened: %s", error);
	return r;
}

_Noreturn void worker_main(const struct worker_options *o)
{
	static char role[32], scratch[200], host[256], trouble[STORE_ERROR_MAX];
	static struct session_env env, probe_env;
	struct mlfi_options m = {
	    .policy = &o->config->policy,
	    .env = &env,
	    .probe_env = &probe_env,
	    .probe_secret = probe_secret(),
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
	    .host = host,
	    .emit = emit,
	    .permitted = o->config->events->permitted,
	    .stopwatch = clock_monotonic,
	};
	/* The master made sure that this fits a socket's name. */
	snprintf(
	    scratch, sizeof(scratch), "%s/.worker-%ld", o->config->settings->state, (long)getpid());
	if (!mlfi_open(&m))
		worker_give_up(
		    o, EXIT_UNAVAILABLE, "libmilter does not start; see the lines before");
	if (!counters_share(o->config, trouble))
		worker_give_up(o, EXIT_CONFIG, "limits can't be shared: %s", trouble);
	if (!identity_assume(o->identity))
		worker_give_up(o, EXIT_UNAVAILABLE, "root can't be given up");
	events = worker_open_events(o);
	notices = open_notices(o);
	env.store = counters();
	counters_share_start(o->config);
	env.resolver = resolver = open_resolver(o);
	/* Limits and bans know nothing of it. */
	probe_env = env;
	probe_env.store = NULL;
	probe_env.probe = true;
	if (o->for_proof)
		env = probe_env;
	error = pthread_create(&thread, NULL, controller, (void *)(uintptr_t)o);
	if (error != 0)
		worker_give_up(o, EXIT_AGAIN, "no thread can be started: %s", strerror(error));
	mlfi_run();
	_exit(EXIT_INTERNAL);
}
