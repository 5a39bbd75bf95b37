#include "daemon/status.h"

#include <stdio.h>
#include <unistd.h>

#include "base/names.h"
#include "check/store.h"
#include "daemon/counters.h"
#include "daemon/tally.h"
#include "limit/bans.h"
#include "limit/store.h"
#include "wire/control.h"

static unsigned sessions_of(const struct generation *g)
{
	unsigned n = 0;

	for (size_t i = 0; g != NULL && i < g->count; i++)
		n += tally_sessions_of(g->slots[i].tally);
	return n;
}

static unsigned workers_of(const struct generation *g)
{
	unsigned n = 0;

	for (size_t i = 0; i < g->count; i++)
		n += g->slots[i].pid != 0 && g->slots[i].listener >= 0;
	return n;
}

static void write_generation(struct strbuf *b, const struct generation *g, const char *state)
{
	control_begin(b, "generation");
	control_count(b, "number", g->number);
	control_text(b, "state", state);
	control_count(b, "workers", workers_of(g));
	control_count(b, "sessions", sessions_of(g));
	control_end(b);
}

static void write_workers(struct strbuf *b, const struct generation *g)
{
	usec_t now = clock_monotonic(), wall = clock_now();

	for (size_t i = 0; i < g->count; i++) {
		const struct slot *s = &g->slots[i];

		control_begin(b, s->listener < 0 ? "follower" : "worker");
		control_count(b, "number", i + 1);
		control_time(b, "pid", s->pid);
		control_text(b, "state", s->pid == 0 ? "dead" : s->ready ? "serves" : "starts");
		control_time(b, "since", s->pid == 0 ? 0 : wall - (now - s->started));
		if (s->listener >= 0) {
			control_text(b, "listen", g->listeners.items[s->listener].text);
			control_count(b, "sessions", tally_sessions_of(s->tally));
		}
		control_end(b);
	}
}

static void write_daemon(struct strbuf *b, const struct daemon_view *v)
{
	unsigned sessions = sessions_of(v->current) + sessions_of(v->incoming);

	for (const struct generation *g = v->leaving; g != NULL; g = g->next)
		sessions += sessions_of(g);
	control_begin(b, "daemon");
	control_text(b, "version", VERSION);
	control_time(b, "pid", getpid());
	control_text(b, "state",
	    v->stopping          ? "stopping"
	    : v->current == NULL ? "starting"
				 : "serving");
	control_time(b, "started", v->started);
	control_count(b, "generation", v->current == NULL ? 0 : v->current->number);
	control_count(b, "workers", v->current == NULL ? 0 : workers_of(v->current));
	control_count(b, "sessions", sessions);
	control_count(b, "deaths", v->deaths);
	control_text(b, "configuration", v->path);
	control_time(b, "loaded", v->loaded);
	if (v->current != NULL)
		control_text(b, "mode",
		    v->current->config->settings->mode == MODE_MONITOR ? "monitor" : "enforce");
	control_end(b);
}

static void count_ban(void *arg, const struct ban *b)
{
	(void)b;
	++*(uint64_t *)arg;
}

static bool shares(const struct settings *s)
{
	return ((const struct store_settings *)(const void *)s->store)->shared != NULL;
}

static void write_dns(struct strbuf *b)
{
	const struct dns_counters dns = tally_dns_sum();

	control_begin(b, "dns");
	control_count(b, "lookups", dns.lookups);
	control_count(b, "cached", dns.cached);
	control_count(b, "errors", dns.errors);
	control_count(b, "bogus", dns.bogus);
	control_count(b, "deadlines", dns.deadlines);
	control_count(b, "refused", dns.refused);
	control_count(b, "in_flight", dns.in_flight);
	control_end(b);
}

/*
 * To count the keys is to look through all of the table, in the one process that also reloads and
 * replaces workers: however many ask, it does so once a second.
 */
static const struct store_usage *recent_usage(void)
{
	static struct store_usage usage;
	static usec_t looked;
	usec_t now = clock_monotonic();

	if (looked == 0 || now - looked >= USEC_PER_SEC) {
		store_usage(counters(), &usage);
		looked = now;
	}
	return &usage;
}

static void write_counters(struct strbuf *b, const struct daemon_view *v)
{
	uint64_t events[TALLY_VERDICTS], bans = 0;
	const struct store_usage *usage;

	tally_events(events);
	control_begin(b, "events");
	for (unsigned i = VERDICT_NOTE; i < TALLY_VERDICTS; i++)
		if (i != VERDICT_UNDECIDED)
			control_count(b, verdict_name((enum verdict_kind)i), events[i]);
	control_end(b);
	write_dns(b);
	if (counters() == NULL)
		return;
	usage = recent_usage();
	bans_each(counters(), store_now(counters()), count_ban, &bans);
	control_begin(b, "store");
	control_count(b, "keys", usage->live);
	control_count(b, "slots", usage->slots);
	control_count(b, "bytes", usage->bytes);
	control_count(b, "bans", bans);
	if (v->current != NULL && shares(v->current->config->settings))
		control_text(b, "shared", store_is_away(counters()) ? "no, Redis is away" : "yes");
	control_end(b);
}

void status_write(struct strbuf *b, const struct daemon_view *v)
{
	write_daemon(b, v);
	if (v->reload->at != 0) {
		control_begin(b, "reload");
		control_time(b, "at", v->reload->at);
		control_time(b, "code", v->reload->code);
		control_text(b, "text", v->reload->text);
		control_end(b);
	}
	if (v->current != NULL)
		write_workers(b, v->current);
	if (v->incoming != NULL)
		write_generation(b, v->incoming, "starts");
	if (v->proving != NULL)
		write_generation(b, v->proving, "is proved");
	for (const struct generation *g = v->leaving; g != NULL; g = g->next)
		write_generation(b, g, "finishes");
	write_counters(b, v);
}
