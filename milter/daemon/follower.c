#include "daemon/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "sink/eventlog.h"
#include "sink/maillog.h"

enum { POLL_EVERY_MS = 500, EVENT_WAIT_MS = 10000, FLUSH_WAIT_MS = 3000 };

static bool emit(void *arg, const struct event *e)
{
	return eventlog_write(arg, e, EVENT_WAIT_MS);
}

static bool flush(void *arg)
{
	return eventlog_flush(arg, FLUSH_WAIT_MS);
}

/* The master wants it to end, or is gone, or `ms` are over (then false). */
static bool told_to_end(int control, int ms)
{
	struct pollfd p = {.fd = control, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

/* Waits until the follower of the generation before has let go of the position. */
static struct maillog *open_when_free(const struct worker_options *o, const char *state_path)
{
	const char *path = o->config->events->maillog;
	bool told = false;

	for (;;) {
		const char *error = "";
		struct maillog *m = maillog_open(path, state_path, &error);

		if (m != NULL)
			return m;
		if (errno != EWOULDBLOCK && !told) {
			told = true;
			log_error("%s can't be followed: %s: %s", path, state_path, error);
		}
		worker_say_alive(o);
		if (told_to_end(o->control, POLL_EVERY_MS))
			_exit(EXIT_OK);
	}
}

_Noreturn void follower_main(const struct worker_options *o)
{
	char state_path[4096];
	struct maillog_sink sink = {.emit = emit, .flush = flush};
	struct eventlog *events;
	struct maillog *m;

	log_set_role("mail log");
	snprintf(state_path, sizeof(state_path), "%s/maillog.position", o->config->settings->state);
	if (!identity_assume(o->identity))
		worker_give_up(o, EXIT_UNAVAILABLE, "root can't be given up");
	events = worker_open_events(o);
	worker_say_ready(o);
	m = open_when_free(o, state_path);
	sink.arg = events;
	do {
		maillog_poll(m, clock_now(), &sink);
		worker_say_alive(o);
	} while (!told_to_end(o->control, maillog_is_behind(m) ? 0 : POLL_EVERY_MS));
	maillog_close(&m);
	eventlog_flush(events, FLUSH_WAIT_MS);
	_exit(EXIT_OK);
}
