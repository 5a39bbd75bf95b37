#include "selftest/guard.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "selftest/events.h"
#include "selftest/way.h"

/* How often the events are looked at while none is there. */
enum { LOOKS = 10 };
#define BETWEEN_LOOKS (100 * USEC_PER_MSEC)

enum found { FOUND, NOT_FOUND, NOT_READABLE };

/* The sender without its brackets, as it stands in an event. */
static const char *needle(const struct row *r, char out[256])
{
	size_t len = strcspn(r->from + 1, ">");

	len = len < 255 ? len : 255;
	memcpy(out, r->from + 1, len);
	out[len] = '\0';
	return out;
}

static enum found look(const char *path, const char *what)
{
	size_t len;
	char *tail = events_tail(path, &len);
	enum found result;

	if (tail == NULL)
		return NOT_READABLE;
	result = memmem(tail, len, what, strlen(what)) != NULL ? FOUND : NOT_FOUND;
	free(tail);
	return result;
}

/* An event may be written a moment after the reply. */
static enum found search(const char *path, const char *what)
{
	const struct timespec pause = {.tv_nsec = (long)(BETWEEN_LOOKS * 1000)};
	enum found result = NOT_READABLE;

	for (unsigned i = 0; path != NULL && i < LOOKS; i++) {
		result = look(path, what);
		if (result != NOT_FOUND)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return result;
}

/*
 * Another row at the same place that the guard refused. It may be asked for some clients and not
 * for others: where what only it refuses was taken, another client's row proves nothing.
 */
static const struct row *refused_by_guard(const struct plan *p, const struct row *r)
{
	const struct addr *client = &r->actor->connect.client_addr;

	for (size_t i = 0; i < p->row_count; i++) {
		const struct row *o = &p->rows[i];

		if (o->actor->place == r->actor->place && o->result.by == BY_GUARD &&
		    (r->result.outcome == OUTCOME_UNTOLD ||
			addr_equal(&o->actor->connect.client_addr, client)))
			return o;
	}
	return NULL;
}

static bool is_postfix(const struct row *r)
{
	return strstr(r->actor->place->way->banner, "Postfix") != NULL;
}

bool guard_is_out_of_reach(const struct row *r)
{
	return r->probe->kind == PROBE_GUARD && r->actor->place->tls_put_off &&
	       r->result.by == BY_MTA && r->result.stage < STAGE_RCPT;
}

static void settle(const struct plan *p, struct row *r, const char *events)
{
	const struct row *other = refused_by_guard(p, r);
	char what[256];

	if (other != NULL) {
		r->result = other->result;
		r->result.outcome = OUTCOME_ASKED;
		return;
	}
	switch (search(events, needle(r, what))) {
	case FOUND:
		way_set(&r->result, OUTCOME_ASKED, STAGE_RCPT, "its events have this session");
		r->result.code = 0;
		r->result.by = BY_GUARD;
		return;
	case NOT_FOUND:
		/* What it refuses as too much, or by postscreen, it shows to nobody. */
		if (is_postfix(r) && r->result.stage == STAGE_RCPT &&
		    !way_is_rate_limit(&r->result) && !way_is_about_client(&r->result))
			r->result.outcome = OUTCOME_NOT_ASKED;
		break;
	case NOT_READABLE:
		break;
	}
	/* What asks for TLS or a login, and has no TLS, serves nobody: as without its filter. */
	if (way_is_without_filter(&r->result) || guard_is_out_of_reach(r))
		r->result.outcome = OUTCOME_NOT_ASKED;
	if (r->result.outcome == OUTCOME_UNTOLD && r->expected == EXPECT_ASKED) {
		r->expected = EXPECT_EITHER;
		r->why = r->result.stage == STAGE_RCPT
		             ? "the mail server refuses all by itself, and the events can't tell"
		             : "the mail server refuses before the guard could be asked";
	}
}

void guard_settle(struct plan *p, const char *events)
{
	for (size_t i = 0; i < p->row_count; i++) {
		struct row *r = &p->rows[i];

		if (r->probe->kind == PROBE_GUARD &&
		    (r->result.outcome == OUTCOME_NOT_ASKED || r->result.outcome == OUTCOME_UNTOLD))
			settle(p, r, events);
	}
}
