#include "selftest/limited.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/bans.h"
#include "check/config.h"
#include "check/limit.h"
#include "selftest/actors.h"
#include "selftest/events.h"

static const struct limit_settings *first_limit(const struct config *c)
{
	return c == NULL ? NULL : (const struct limit_settings *)(const void *)c->settings->limit;
}

static const struct limit_settings *next_limit(const struct limit_settings *l)
{
	return (const struct limit_settings *)(const void *)l->head.next;
}

bool limited_may_ban(const struct config *c)
{
	for (const struct limit_settings *l = first_limit(c); l != NULL; l = next_limit(l))
		if (l->on_exceed.action == LIMIT_BAN && l->mode != MODE_MONITOR)
			return true;
	return false;
}

/* An MTA may put words before the text, and the session's mark stands behind it. */
static bool is_reply(const struct result *r, const struct reply *reply)
{
	const char *found = reply->code == 0 ? NULL : strstr(r->text, reply->text);

	return found != NULL && strncmp(found + strlen(reply->text), " [", 2) == 0;
}

static bool is_of_relay(const struct result *r, const struct config *c)
{
	for (const struct relay_rule *rule = casting_first_rule(c); rule != NULL;
	     rule = casting_next_rule(rule))
		if (is_reply(r, &rule->reply))
			return true;
	return false;
}

static bool is_of_limits(const struct result *r, const struct config *c)
{
	const struct bans_settings *bans =
	    (const struct bans_settings *)(const void *)c->settings->bans;

	for (const struct limit_settings *l = first_limit(c); l != NULL; l = next_limit(l))
		if (is_reply(r, &l->reply))
			return true;
	return is_reply(r, &bans->reply);
}

static bool is_refusal(const struct result *r)
{
	return r->outcome == OUTCOME_REFUSED || r->outcome == OUTCOME_DEFERRED ||
	       r->outcome == OUTCOME_ERROR;
}

/*
 * Does an event since `start` say that a limit or a ban turned this client away? Postfix has a text
 * of its own for a session that is refused at its beginning.
 */
static bool was_turned_away(const char *events, const struct addr *client, const char *start)
{
	char text[ADDR_TEXT_MAX], wanted[ADDR_TEXT_MAX + 16];

	addr_format(client, text);
	snprintf(wanted, sizeof(wanted), "\"client\":\"%s\"", text);
	for (const char *line = events, *end; line != NULL && *line != '\0'; line = end) {
		size_t len = strcspn(line, "\n");

		end = line[len] == '\0' ? line + len : line + len + 1;
		/* Values have no bare quotes. The zone is the same, so that times compare. */
		if (memmem(line, len, wanted, strlen(wanted)) != NULL &&
		    (memmem(line, len, "\"check\":\"bans\"", 14) != NULL ||
			memmem(line, len, "\"check\":\"limit\"", 15) != NULL) &&
		    strncmp(line, "{\"time\":\"", 9) == 0 &&
		    strncmp(line + 9, start, strlen(start)) >= 0)
			return true;
	}
	return false;
}

/*
 * Of a place where sessions were turned away, what was then not tried; and where the mail server
 * did it, sessions that did not begin: some it closes without a word.
 */
static void mark_untried(struct plan *p, const struct actor *a, bool by_mta)
{
	for (size_t i = 0; i < p->row_count; i++) {
		struct result *r = &p->rows[i].result;

		if (p->rows[i].actor->place == a->place && r->outcome == OUTCOME_ERROR &&
		    (r->given_up || (by_mta && r->stage == STAGE_CONNECT)))
			r->outcome = OUTCOME_LIMITED;
	}
}

static bool is_limited(
    const struct row *row, const struct config *c, const char *events, const char *start)
{
	const struct result *r = &row->result;

	if (!is_refusal(r) || is_of_relay(r, c))
		return false;
	return is_of_limits(r, c) ||
	       (r->outcome == OUTCOME_ERROR &&
		   was_turned_away(events, &row->actor->connect.client_addr, start));
}

void limited_settle(struct plan *p, const struct config *c, usec_t start)
{
	char since[CLOCK_TEXT_MAX];
	size_t len;
	char *events;

	/* By the mail server itself. */
	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i].result.outcome == OUTCOME_LIMITED)
			mark_untried(p, p->rows[i].actor, true);
	if (c == NULL || (c->settings->limit == NULL && c->settings->bans == NULL))
		return;
	events = events_tail(c->events->path, &len);
	clock_format(start, since);
	for (size_t i = 0; i < p->row_count; i++) {
		struct row *row = &p->rows[i];
		bool turned_away = row->result.outcome == OUTCOME_ERROR;

		if (!is_limited(row, c, events, since))
			continue;
		row->result.outcome = OUTCOME_LIMITED;
		row->result.by = BY_GUARD;
		if (turned_away)
			mark_untried(p, row->actor, false);
	}
	free(events);
}
