/*
 * Nanoseconds for reading one address, and for deciding one recipient through session_event(),
 * beside a floor in the same run: what the same loop costs when nothing is read or decided.
 * Each figure is the best of several rounds, as other work on the machine only adds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/exit.h"
#include "check/config.h"
#include "core/policy.h"
#include "core/session.h"
#include "rounds.h"

enum { ROUNDS = 7, STEPS = 100000 };

static const char configuration[] =
    "networks friends { members = { 127.0.0.0/8, 192.0.2.0/24, 2001:db8::/32 } }\n"
    "domains ours { members = { example.com, .example.com, example.org } }\n"
    "events { path = none syslog = no }\n"
    "relay {\n"
    "  rule inbound { to = @ours action = permit }\n"
    "  rule office { client = @friends action = permit }\n"
    "  rule login { auth = yes tls = yes action = permit }\n"
    "  rule others { action = reject }\n"
    "}\n";

static const char *const addresses[] = {
    "<bob@example.com>",
    "<alice.somebody+tag@lists.example.com>",
    "<v%other.example@example.com>",
    "<a.longer.local.part.that.is.plain@a.longer.domain.name.example.net>",
};

enum { ADDRESSES = sizeof(addresses) / sizeof(addresses[0]) };

static volatile size_t sink;

/* One step of a loop that is measured. */
struct work {
	const char *name;
	void (*step)(struct work *w, size_t i);
	struct arena arena;
	struct session session;
};

static double best_of(struct work *w)
{
	usec_t best = 0;

	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t start = clock_monotonic(), took;

		for (size_t i = 0; i < STEPS; i++)
			w->step(w, i);
		took = clock_monotonic() - start;
		if (round == 0 || took < best)
			best = took;
	}
	return (double)best * 1000 / STEPS;
}

static void step_address_floor(struct work *w, size_t i)
{
	const char *text = addresses[i % ADDRESSES];

	arena_reset(&w->arena);
	sink += strlen(text) + (arena_strdup(&w->arena, text) != NULL);
}

static void step_address(struct work *w, size_t i)
{
	const char *text = addresses[i % ADDRESSES];
	struct mailaddr m;

	arena_reset(&w->arena);
	mailaddr_parse(text, strlen(text), &w->arena, &m);
	sink += m.forms;
}

static void step_recipient(struct work *w, size_t i)
{
	static const struct mta_view views[] = {
	    {"local", "", "bob"},
	    {"smtp", "[10.0.0.1]", "alice.somebody+tag@lists.example.com"},
	    {"smtp", "other.example", "v@other.example"},
	    {"smtp", "mx.example.net",
		"a.longer.local.part.that.is.plain@a.longer.domain.name.example.net"},
	};
	const struct mta_view *v = &views[i % ADDRESSES];
	const struct stage_args args = {.stage = STAGE_RCPT,
	    .address = addresses[i % ADDRESSES],
	    .mta = {v->mailer, v->host, v->addr}};
	struct decision d;

	session_event(&w->session, &args, 0, &d);
	sink += (size_t)d.verdict.kind;
}

static void open_session(struct work *w, const struct policy *policy, const struct session_env *env)
{
	const struct stage_args connect = {.stage = STAGE_CONNECT,
	    .client_addr = {{203, 0, 113, 9}, ADDR_V4},
	    .client_port = 4025,
	    .client_by_socket = true};
	const struct stage_args mail = {.stage = STAGE_MAIL, .address = "<u@ext.example.net>"};
	struct decision d;

	session_open(&w->session, policy, env, 1, 0);
	session_event(&w->session, &connect, 0, &d);
	session_event(&w->session, &mail, 0, &d);
}

static void report(struct work *w)
{
	printf("%-46s %8.0f ns\n", w->name, best_of(w));
}

int main(void)
{
	static const struct policy nothing;
	const struct session_env env = {.host = "mx"};
	struct diag *diag = diag_new();
	struct config *c =
	    config_load_text("bench.conf", configuration, strlen(configuration), clock_now(), diag);
	struct work address_floor = {"address, floor: copy it", step_address_floor, {0}, {0}};
	struct work address = {"address, read", step_address, {0}, {0}};
	struct work floor = {"recipient, floor: no check, no list", step_recipient, {0}, {0}};
	struct work recipient = {"recipient, decided under 4 rules", step_recipient, {0}, {0}};

	if (c == NULL) {
		diag_print(diag, stderr);
		return EXIT_CONFIG;
	}
	report(&address_floor);
	report(&address);
	open_session(&floor, &nothing, &env);
	report(&floor);
	open_session(&recipient, &c->policy, &env);
	report(&recipient);
	session_close(&floor.session);
	session_close(&recipient.session);
	arena_free(&address_floor.arena);
	arena_free(&address.arena);
	config_free(&c);
	diag_free(&diag);
	return EXIT_OK;
}
