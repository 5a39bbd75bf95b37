/* `relay-guard selftest`: shows what strangers and friends can do. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/command.h"
#include "selftest/agree.h"
#include "selftest/blame.h"
#include "selftest/confirm.h"
#include "selftest/failover.h"
#include "selftest/guard.h"
#include "selftest/limited.h"
#include "selftest/run.h"
#include "selftest/selftest.h"
#include "selftest/survey.h"

/* JSON and its like may be on the same terminal. */
static bool is_watched(const struct selftest *t)
{
	return isatty(STDERR_FILENO) && t->o.format == REPORT_TEXT;
}

static void show_progress(void *arg, size_t done, size_t all)
{
	(void)arg;
	fprintf(stderr, done < all ? "\r%zu of %zu " : "\r\033[K", done, all);
}

/* What comes after the rows, and takes a while too. "": it is over. */
static void show_phase(const struct selftest *t, const char *what)
{
	if (is_watched(t))
		fprintf(stderr, "\r\033[K%s", what);
}

static int list(struct selftest *t)
{
	struct strbuf b = {0};
	int code = selftest_choose_domains(t);

	if (code == EXIT_OK)
		code = selftest_choose_server(t);
	if (code != EXIT_OK)
		return code;
	if (!plan_list(&t->plan, &t->names))
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	if (t->o.format == REPORT_JSON)
		report_list_json(&t->plan, &b);
	else
		report_list_text(&t->plan, &b);
	return selftest_print(&b);
}

static int open_sink(struct selftest *t)
{
	char error[CHANNEL_ERROR_SIZE] = "";
	struct endpoint at[ENDPOINTS_MAX];

	if (*t->o.sink.host == '\0')
		return EXIT_OK;
	if (endpoint_resolve(t->o.sink.host, t->o.sink.port, ADDR_NONE, at, error) > 0)
		t->sink = sink_open(&at[0], error);
	if (t->sink != NULL)
		return EXIT_OK;
	fprintf(stderr, "relay-guard selftest: can't listen at %s port %u for --sink: %s\n",
	    t->o.sink.host, (unsigned)t->o.sink.port, error);
	return EXIT_UNAVAILABLE;
}

static bool make_plan(struct selftest *t)
{
	const struct places *s = &t->places;

	if (!plan_make(&t->plan, t->config, &t->names, s->all, s->count, t->now))
		return false;
	if (t->o.agree && !agree_plan(&t->plan, t->config))
		return false;
	for (size_t i = 0; i < s->note_count; i++)
		if (s->notes[i] == NULL || !plan_note(&t->plan, "%s", s->notes[i]))
			return false;
	return true;
}

/* Makes the plan and runs it. */
static int try_rows(struct selftest *t)
{
	if (!make_plan(t))
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	if (t->plan.row_count == 0)
		return selftest_fail(EXIT_UNAVAILABLE,
		    t->plan.note_count > 0 ? t->plan.notes[0] : "nothing can be tried", "");
	return run_plan(&t->plan, is_watched(t) ? show_progress : NULL, NULL)
	           ? EXIT_OK
	           : selftest_fail(EXIT_INTERNAL, "out of memory", "");
}

static bool look_around(struct selftest *t)
{
	const struct survey s = {
	    .options = &t->o,
	    .config = t->config,
	    .places = &t->places,
	    .names = &t->names,
	    .sink = t->sink,
	    .resolver = t->resolver,
	    .now = t->now,
	};

	survey_run(&s, &t->findings);
	return !t->findings.failed;
}

static int run_failover(struct selftest *t)
{
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;
	int code;

	if (t->config == NULL)
		return command_usage(&command_selftest, "--failover needs the configuration, to "
							"know the guard's sockets; give -c FILE");
	/* What the server is like is learnt before, so that mail has to wait no longer for it. */
	code = selftest_open_smtp(t);
	if (code == EXIT_OK)
		code = selftest_choose_server(t);
	if (code != EXIT_OK)
		return code;
	if (!failover_begin(&f, &t->config->settings->listen, error))
		return selftest_fail(EXIT_UNAVAILABLE, error, "");
	code = try_rows(t);
	if (!failover_end(&f, error))
		return selftest_fail(EXIT_INTERNAL, error, "");
	if (code == EXIT_OK && !blame_rows(&t->plan))
		code = selftest_fail(EXIT_INTERNAL, "out of memory", "");
	return code == EXIT_OK ? selftest_report(t) : code;
}

static bool has_stranger(const struct plan *p)
{
	for (size_t i = 0; i < p->actor_count; i++)
		if (p->actors[i].kind == ACTOR_STRANGER)
			return true;
	return false;
}

/* What follows the rows of --agree. */
static int finish_agreement(struct selftest *t)
{
	int code;

	show_phase(t, "");
	limited_settle(&t->plan, t->config, t->now);
	if (!agree_settle(&t->plan, t->config, t->now) ||
	    !plan_name_rules(&t->plan, t->config, t->now) || !blame_rows(&t->plan) ||
	    !record_make(&t->record, &t->arena, t->config, t->now))
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	code = selftest_report(t);
	/* What holds for those who may relay says nothing of all others. */
	if (code == EXIT_OK && !has_stranger(&t->plan))
		return selftest_fail(EXIT_UNAVAILABLE,
		    "it is not known whether the two agree on strangers: none could be played", "");
	return code;
}

static int run_tests(struct selftest *t)
{
	int code = selftest_choose_domains(t);

	if (code == EXIT_OK && t->o.agree && t->config == NULL)
		return command_usage(&command_selftest,
		    "--agree needs the configuration to compare the server with; give -c FILE");
	if (code == EXIT_OK && t->o.failover)
		return run_failover(t);
	if (code == EXIT_OK)
		code =
		    selftest_speaks_smtp(&t->o) ? selftest_open_smtp(t) : selftest_open_milter(t);
	if (code == EXIT_OK)
		code = selftest_choose_server(t);
	if (code == EXIT_OK)
		code = open_sink(t);
	if (code == EXIT_OK)
		code = try_rows(t);
	if (code != EXIT_OK || t->o.agree)
		return code == EXIT_OK ? finish_agreement(t) : code;
	show_phase(t, t->o.confirm != NULL ? "looking for what was sent " : "");
	if (t->o.confirm != NULL && !confirm_run(&t->plan, t->sink, t->o.confirm, t->o.wait))
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	show_phase(t, "looking around ");
	if (!look_around(t) || !plan_name_rules(&t->plan, t->config, t->now))
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	show_phase(t, "");
	guard_settle(&t->plan, t->config == NULL ? NULL : t->config->events->path);
	limited_settle(&t->plan, t->config, t->now);
	if (!blame_rows(&t->plan))
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	return selftest_report(t);
}

static int run(int argc, char **argv)
{
	static struct selftest t; /* the places are many */
	int code;

	t = (struct selftest){.now = clock_now()};
	/* A server that goes away is told by the write that fails. */
	(void)signal(SIGPIPE, SIG_IGN);

	if (!selftest_read_options(argc, argv, &t.o, &code))
		return code;
	code = selftest_load(&t);
	/* Before it can be changed: the hashes are of what was read. */
	if (code == EXIT_OK && !record_make(&t.record, &t.arena, t.config, t.now))
		code = selftest_fail(EXIT_INTERNAL, "out of memory", "");
	/* Nothing is said of where the domain's mail goes: DNS knows. */
	if (t.config == NULL && t.o.domain != NULL && t.o.milter == NULL && !t.o.list &&
	    !selftest_speaks_smtp(&t.o))
		t.o.mx = true;
	if (code == EXIT_OK)
		code = selftest_check_options(&t.o);
	t.o.dns = t.o.dns || t.o.mx;
	if (code == EXIT_OK)
		code = t.o.list ? list(&t) : run_tests(&t);
	if (t.o.alert && code != EXIT_OK && code != EXIT_USAGE && !t.o.list)
		selftest_alert(&t, code);
	if (t.o.metrics != NULL && code != EXIT_USAGE && !t.o.list)
		selftest_write_metrics(&t, code);
	sink_close(&t.sink);
	if (t.resolver != NULL)
		resolver_close(&t.resolver);
	plan_free(&t.plan);
	side_free(&t.findings);
	places_free(&t.places);
	arena_free(&t.arena);
	config_free(&t.config);
	explicit_bzero(t.o.password, sizeof(t.o.password));
	return code;
}

const struct command command_selftest = {
    .name = "selftest",
    .arguments = "[-c FILE] [--milter ADDR | --smtp HOST[:PORT]...] [--domain DOMAIN] [--list] ...",
    .summary = "proves what strangers and friends can do",
    .details =
	"  -c FILE                    the configuration (" CONFIG_DEFAULT_PATH ")\n"
	"  --milter ADDR              speaks to the guard at ADDR, as any client; without it and\n"
	"                             --smtp, to the first `listen` of the configuration\n"
	"  --smtp HOST[:PORT]         speaks SMTP to the mail server; sends no message. May be\n"
	"                             repeated; without a port 25, and 465 and 587 if they answer\n"
	"  --domain DOMAIN            a domain that is ours\n"
	"  --mx                       speaks to the servers of that domain, as DNS has them\n"
	"  --dns                      looks at MX, SPF and DMARC of it, and at block lists; --mx "
	"does\n"
	"  --dnsbl ZONE               asks this block list instead of the usual; may be repeated\n"
	"  --resolver ADDR[@PORT]     the only server to ask for DNS\n"
	"  --outside DOMAIN           one that is not (example.org)\n"
	"  --source ADDR              connects from ADDR, which may not relay\n"
	"  --auth-user USER           logs in too; the password is in RELAY_GUARD_PASSWORD, or\n"
	"  --auth-password-file FILE  in the first line of FILE, or is asked for\n"
	"  --cert FILE --key FILE     shows this certificate where a rule asks for it\n"
	"  --proxy v1|v2              the server expects the PROXY protocol; plays any client by "
	"it\n"
	"  --timeout SECONDS          how long one answer is waited for (10)\n"
	"  --confirm USER@DOMAIN      what is accepted of strangers is sent there, an address of\n"
	"                             your own, to see whether it comes out\n"
	"  --sink ADDRESS:PORT        takes the mail of that domain itself, and looks for it\n"
	"  --wait TIME                how long to look (20s)\n"
	"  --null-client              the server takes no mail: that it refuses ours is right\n"
	"  --agree                    does the server decide as the configuration does? Each\n"
	"                             client tries each probe and each domain of ours\n"
	"  --failover                 tests what happens while the guard is down: its sockets are\n"
	"                             moved aside for a moment, and mail must wait\n"
	"  --smuggling                tries the nine sequences of SMTP smuggling; a server that "
	"is\n"
	"                             fooled sends our postmaster a message\n"
	"  --smuggling-to USER@DOMAIN tries it with an address of ours whose mail comes out at\n"
	"                             --sink, and looks whether it is one message or two\n"
	"  --pace TIME                between two probes (0.1 s for servers elsewhere)\n"
	"  --transcript               shows what was said in each row that is wrong\n"
	"  --report FILE              writes all of it to FILE, with the date and the hash of the\n"
	"                             configuration\n"
	"  --alert                    a failed run is an event too, where the configuration has "
	"them\n"
	"  --metrics FILE             writes numbers to FILE, as Prometheus reads them\n"
	"  --list                     prints the probes: name, from, to\n"
	"  --format FORMAT            text, json, tap or junit; with --list text or json\n"
	"  -q                         what is right as one line for each client and outcome\n"
	"  -v                         the dialogue and the reply of each row\n",
    .run = run,
};
