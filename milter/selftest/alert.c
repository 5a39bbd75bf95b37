#include "selftest/alert.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "core/event.h"
#include "sink/eventlog.h"
#include "sink/notices.h"

enum { FLUSH_WAIT_MS = 5000 };

static const struct row *first_wrong(const struct plan *p)
{
	for (size_t i = 0; i < p->row_count; i++)
		if (!row_is_right(&p->rows[i]))
			return &p->rows[i];
	return NULL;
}

static void describe(const struct report *r, int code, struct strbuf *b)
{
	const struct row *wrong = r == NULL ? NULL : first_wrong(r->plan);
	struct tally t;

	if (r == NULL) {
		strbuf_printf(b, "the self-test could not run: exit status %d", code);
		return;
	}
	t = report_tally(r);
	strbuf_printf(b,
	    "the self-test failed: %zu of %zu rows wrong, %zu findings of severity "
	    "high, exit status %d",
	    t.wrong, t.rows, t.high, code);
	if (wrong != NULL)
		strbuf_printf(b, "; first %s%s%s, %s: must be %s, was %s",
		    wrong->actor->place->name, *wrong->actor->place->name == '\0' ? "" : ": ",
		    wrong->actor->name, wrong->probe->name, expectation_name(wrong->expected),
		    outcome_name(wrong->result.outcome));
}

/* Opened here: a file that is not there would become root's. -1: there is none. */
static int open_file(const char *path)
{
	return path == NULL ? -1
	                    : open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static bool write_to(const char *path, bool syslog, const struct event *e, const char **error)
{
	int fd = open_file(path);
	struct eventlog_options o = {.path = fd < 0 ? NULL : path, .syslog = syslog};
	struct eventlog *l;
	bool ok;

	if (fd < 0 && !syslog) {
		*error = "there is no file that can be written";
		return false;
	}
	l = eventlog_open(&o, fd, error);
	if (l == NULL)
		return false;
	ok =
	    eventlog_write(l, e, 0) && eventlog_flush(l, FLUSH_WAIT_MS) && eventlog_dropped(l) == 0;
	eventlog_close(&l);
	if (!ok)
		*error = "the disk or the journal did not take it";
	return ok;
}

static bool notify(const char *target, const struct event *e, const char **error)
{
	struct notices *n;

	if (strncmp(target, NOTICES_UNIX, strlen(NOTICES_UNIX)) != 0)
		return write_to(target, false, e, error);
	n = notices_open(target, 0, error);
	if (n == NULL)
		return false;
	/* Whether somebody reads there is said by itself. */
	notices_write(n, e);
	notices_close(&n);
	return true;
}

/* To the events, and to whoever is told of notices, even where the other failed. */
static bool write_event(const struct config *c, const struct event *e, struct alert_error *error)
{
	const struct events_settings *s = c->events;
	bool ok = true;

	error->where = s->path == NULL ? "events" : s->path;
	if (s->path != NULL || s->syslog || s->notices == NULL)
		ok = write_to(s->path, s->syslog, e, &error->why);
	if (s->notices == NULL || notify(s->notices, e, ok ? &error->why : &(const char *){NULL}))
		return ok;
	if (ok)
		error->where = s->notices;
	return false;
}

bool alert_write(
    const struct config *c, const struct report *r, int code, usec_t now, struct alert_error *error)
{
	struct strbuf reason = {0};
	char host[256] = "";
	struct event e = {
	    .time = now,
	    .host = host,
	    .check = "selftest",
	    .verdict = "note",
	    .by = "guard",
	    .notify = true,
	    .probe = true,
	};
	bool ok;

	(void)gethostname(host, sizeof(host) - 1);
	describe(r, code, &reason);
	e.reason = strbuf_text(&reason);
	ok = write_event(c, &e, error);
	strbuf_free(&reason);
	return ok;
}
