/* `relay-guard selftest`: shows what strangers and friends can do. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/command.h"
#include "base/escape.h"
#include "base/names.h"
#include "check/config.h"
#include "selftest/confirm.h"
#include "selftest/domain.h"
#include "selftest/failover.h"
#include "selftest/guard.h"
#include "selftest/metrics.h"
#include "selftest/options.h"
#include "selftest/places.h"
#include "selftest/plan.h"
#include "selftest/record.h"
#include "selftest/report.h"
#include "selftest/run.h"
#include "selftest/sink.h"
#include "selftest/survey.h"

/* Nobody's, so that no postmaster is bothered: no message is sent, but its names are looked up. */
static const char *const outsiders[] = {"example.org", "example.net", "example.com", NULL};

/* An address for literals where that of the server is not known. */
#define UNKNOWN_SERVER "192.0.2.25"

struct selftest {
	struct selftest_options o;
	struct arena arena;
	struct config *config; /* NULL: none */
	const char *config_path;
	struct probe_names names;
	struct places places;
	struct sink *sink;         /* NULL: none */
	struct resolver *resolver; /* NULL: DNS is not asked */
	struct plan plan;
	struct side_findings findings;
	struct record record;
	usec_t now;
};

static int fail(int code, const char *what, const char *detail)
{
	struct strbuf b = {0};

	escape_text(&b, detail, strlen(detail));
	fprintf(stderr, "relay-guard selftest: %s%s%s\n", what, *detail == '\0' ? "" : ": ",
	    strbuf_text(&b));
	strbuf_free(&b);
	return code;
}

/* --- the configuration ----------------------------------------------------- */

static int load(struct selftest *t, const char *path)
{
	int code;

	t->config = config_load_told(path, &code);
	t->config_path = path;
	return code;
}

static bool is_ours(const struct selftest *t, const char *domain)
{
	char name[NAME_SIZE];

	return name_canonical(domain, strlen(domain), name) == NAME_OK &&
	       domset_contains(conf_domains(t->config->doc, "ours"), name);
}

/* The default configuration is that of this host; it says nothing of somebody else's domain. */
static int load_configuration(struct selftest *t)
{
	const struct selftest_options *o = &t->o;
	int code = EXIT_OK;

	if (o->config != NULL)
		code = load(t, o->config);
	else if (access(CONFIG_DEFAULT_PATH, F_OK) == 0)
		code = load(t, CONFIG_DEFAULT_PATH);
	if (code != EXIT_OK || t->config == NULL || o->domain == NULL || is_ours(t, o->domain))
		return code;
	if (o->config != NULL)
		return command_usage(&command_selftest,
		    "found --domain %s; expected one of the list `ours` in %s", o->domain,
		    o->config);
	config_free(&t->config);
	t->config_path = NULL;
	return EXIT_OK;
}

/* --- names ----------------------------------------------------------------- */

/* The first literal of `ours`; ADDR_NONE: it has none. */
static struct addr our_literal(const struct selftest *t)
{
	const struct domset *ours = t->config == NULL ? NULL : conf_domains(t->config->doc, "ours");
	struct addr a = {.family = ADDR_NONE};

	for (size_t i = 0; i < domset_size(ours); i++) {
		const char *entry = domset_entry(ours, i);

		if (entry[0] == '[' && addr_parse(entry + 1, strlen(entry) - 2, &a))
			break;
	}
	return a;
}

/* As it stands in a literal (RFC 5321 4.1.3). */
static const char *server_literal(struct selftest *t)
{
	struct addr a = our_literal(t);
	char text[ADDR_TEXT_MAX];

	if (a.family == ADDR_NONE && t->places.count > 0)
		a = t->places.ways[0].peer;
	if (a.family == ADDR_NONE)
		return UNKNOWN_SERVER;
	addr_format(&a, text);
	return arena_printf(&t->arena, "%s%s", a.family == ADDR_V6 ? "IPv6:" : "", text);
}

static const char *outside_of(const struct selftest *t)
{
	if (t->o.outside != NULL)
		return t->o.outside;
	for (size_t i = 0; outsiders[i] != NULL; i++)
		if (!name_is_at_or_below(t->names.ours, outsiders[i]) &&
		    !plan_names_domain(t->config, outsiders[i], t->now))
			return outsiders[i];
	return NULL;
}

static int choose_domains(struct selftest *t)
{
	struct probe_names *n = &t->names;

	n->ours = t->o.domain;
	if (n->ours == NULL && t->config != NULL)
		n->ours = plan_our_domain(&t->arena, t->config);
	if (n->ours == NULL && t->o.list && t->config == NULL)
		n->ours = "example.com";
	if (n->ours == NULL && t->config == NULL && t->o.milter == NULL &&
	    !selftest_speaks_smtp(&t->o))
		return fail(EXIT_NO_INPUT,
		    "there is no configuration at " CONFIG_DEFAULT_PATH
		    "; give -c FILE, or --milter ADDR or --smtp HOST with --domain",
		    "");
	if (n->ours == NULL && t->config == NULL)
		return command_usage(&command_selftest,
		    "there is no configuration at " CONFIG_DEFAULT_PATH
		    "; give -c FILE, or --domain with a domain that is ours");
	if (n->ours == NULL)
		return command_usage(&command_selftest,
		    "the list `ours` of %s names no domain; give --domain", t->config_path);
	n->outside = outside_of(t);
	if (n->outside == NULL)
		return command_usage(&command_selftest,
		    "the configuration names all of example.org, example.net and example.com; give "
		    "--outside with a domain that is nobody's here");
	if (t->config != NULL && t->o.outside != NULL && is_ours(t, n->outside))
		return command_usage(&command_selftest,
		    "found --outside %s, which is in the list `ours` of %s; expected a domain that "
		    "is not",
		    n->outside, t->config_path);
	return EXIT_OK;
}

/* What a first session may have told. */
static int choose_server(struct selftest *t)
{
	struct probe_names *n = &t->names;

	const char *host = t->places.count > 0 ? t->places.ways[0].host : "";
	uint32_t nonce = 0;

	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		nonce = (uint32_t)t->now;
	n->host = *host != '\0' ? host : arena_printf(&t->arena, "mail.%s", n->ours);
	n->ip = server_literal(t);
	n->mailbox = t->o.confirm == NULL ? NULL : t->o.confirm_mailbox;
	n->nonce = arena_printf(&t->arena, "%08x", (unsigned)nonce);
	if (n->host == NULL || n->ip == NULL || n->nonce == NULL)
		return fail(EXIT_INTERNAL, "out of memory", "");
	return EXIT_OK;
}

/* --- the way in ------------------------------------------------------------ */

/* Reads ADDR as the configuration would; a bare path is a unix socket. */
static bool read_socket(struct selftest *t, struct conf_socket *out)
{
	struct diag *diag = diag_new();
	struct conf_reader r = {.arena = &t->arena, .diag = diag, .now = t->now};
	struct conf_value v = {.kind = CONF_STRING, .loc = {.file = "--milter"}};
	bool ok;

	v.text =
	    t->o.milter[0] == '/' ? arena_printf(&t->arena, "unix:%s", t->o.milter) : t->o.milter;
	ok =
	    diag != NULL && v.text != NULL && conf_read_value(&r, CONF_SOCKET, "--milter", &v, out);
	diag_free(&diag);
	return ok;
}

static struct place_options place_options(const struct selftest *t)
{
	return (struct place_options){
	    .source = t->o.source,
	    .timeout = t->o.timeout,
	    .pace = t->o.pace,
	    .transcripts = t->o.transcript,
	    .guarded = t->config != NULL,
	    .unguarded = t->o.failover,
	    .login = t->o.login,
	    .password = t->o.password,
	};
}

static int open_milter(struct selftest *t)
{
	const struct place_options o = place_options(t);
	struct conf_socket socket;
	char error[WAY_TEXT_SIZE];

	if (t->o.milter == NULL && t->config == NULL) {
		return command_usage(&command_selftest,
		    "there is no configuration at " CONFIG_DEFAULT_PATH
		    " that says where the guard is; give -c FILE, --milter or --smtp");
	} else if (t->o.milter == NULL) {
		socket = t->config->settings->listen.items[0];
	} else if (!read_socket(t, &socket)) {
		return command_usage(&command_selftest,
		    "found --milter %s; expected unix:/path, inet:host:port or inet6:host:port",
		    t->o.milter);
	}
	if (places_add_milter(&t->places, &socket, &o, error))
		return EXIT_OK;
	fprintf(stderr,
	    "relay-guard selftest: no guard answers at %s: %s; is `relay-guard serve` running?\n",
	    socket.text, error);
	return EXIT_UNAVAILABLE;
}

static int open_resolver(struct selftest *t)
{
	const char *const servers[] = {t->o.resolver, NULL};
	const struct resolver_options o = {.forward = servers};
	const char *error = "";

	t->resolver = resolver_open(&o, &error);
	return t->resolver != NULL ? EXIT_OK : fail(EXIT_UNAVAILABLE, "DNS can't be asked", error);
}

/* The domain's own servers, as the world finds them. */
static int add_mx(struct selftest *t)
{
	struct domain_servers s;
	size_t i = 0;

	domain_servers(t->resolver, t->names.ours, &s);
	while (i < s.count && t->o.target_count < SELFTEST_TARGETS_MAX)
		t->o.targets[t->o.target_count++] = s.all[i++];
	if (s.count > 0)
		return EXIT_OK;
	fprintf(stderr, "relay-guard selftest: DNS names no server for the mail of %s (%s)\n",
	    t->names.ours, s.null_mx ? "a null MX" : dns_status_name(s.status));
	return EXIT_UNAVAILABLE;
}

static int open_smtp(struct selftest *t)
{
	const struct place_options o = place_options(t);
	size_t answered = 0;
	int code = EXIT_OK;

	if (t->o.dns)
		code = open_resolver(t);
	if (code == EXIT_OK && t->o.mx)
		code = add_mx(t);
	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < t->o.target_count; i++)
		answered += places_add_smtp(&t->places, &t->o.targets[i], &o);
	if (answered > 0)
		return EXIT_OK;
	for (size_t i = 0; i < t->places.note_count; i++)
		(void)fail(EXIT_UNAVAILABLE, "no mail server answers", t->places.notes[i]);
	return EXIT_UNAVAILABLE;
}

/* --- running --------------------------------------------------------------- */

static void show_progress(void *arg, size_t done, size_t all)
{
	(void)arg;
	fprintf(stderr, done < all ? "\r%zu of %zu " : "\r\033[K", done, all);
}

static int print(struct strbuf *b)
{
	int code = EXIT_OK;

	if (b->failed)
		code = fail(EXIT_INTERNAL, "out of memory", "");
	else if (fputs(strbuf_text(b), stdout) == EOF || fflush(stdout) != 0)
		code = fail(EXIT_INTERNAL, "can't write", strerror(errno));
	strbuf_free(b);
	return code;
}

static int list(struct selftest *t)
{
	struct strbuf b = {0};
	int code = choose_domains(t);

	if (code == EXIT_OK)
		code = choose_server(t);
	if (code != EXIT_OK)
		return code;
	if (!plan_list(&t->plan, &t->names))
		return fail(EXIT_INTERNAL, "out of memory", "");
	if (t->o.format == REPORT_JSON)
		report_list_json(&t->plan, &b);
	else
		report_list_text(&t->plan, &b);
	return print(&b);
}

/* In full, whatever was asked for on the terminal. */
static int write_report(const struct selftest *t, const struct report *shown)
{
	struct report r = *shown;
	struct strbuf b = {0};
	int code = EXIT_OK;

	r.record = &t->record;
	r.colour = false;
	r.quiet = false;
	r.verbose = true;
	report_text(&r, &b);
	if (b.failed)
		code = fail(EXIT_INTERNAL, "out of memory", "");
	else if (!record_write(t->o.report, b.data, b.len))
		code = fail(EXIT_INTERNAL, "can't write the report", strerror(errno));
	strbuf_free(&b);
	return code;
}

/* Numbers of any run, so that one that could not be is seen too. */
static void write_metrics(const struct selftest *t, int code)
{
	const struct report r = {.plan = &t->plan, .findings = &t->findings};
	struct strbuf b = {0};

	metrics_add(t->plan.row_count == 0 ? NULL : &r, code, t->now, &b);
	if (b.failed || !record_write(t->o.metrics, b.data, b.len))
		(void)fail(EXIT_INTERNAL, "can't write the metrics", strerror(errno));
	strbuf_free(&b);
}

static int report(const struct selftest *t)
{
	static void (*const formats[])(const struct report *, struct strbuf *) = {
	    [REPORT_TEXT] = report_text,
	    [REPORT_JSON] = report_json,
	    [REPORT_TAP] = report_tap,
	    [REPORT_JUNIT] = report_junit,
	};
	const char *no_color = getenv("NO_COLOR");
	struct report r = {.plan = &t->plan,
	    .findings = &t->findings,
	    .config = t->config_path,
	    .colour = isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0'),
	    .quiet = t->o.quiet,
	    .verbose = t->o.verbose,
	    .confirming = t->o.confirm != NULL};
	struct tally tally = report_tally(&r);
	struct strbuf b = {0};
	int code;

	if (t->o.format == REPORT_JSON)
		r.record = &t->record;
	formats[t->o.format](&r, &b);
	code = print(&b);
	if (code == EXIT_OK && t->o.report != NULL)
		code = write_report(t, &r);
	if (code != EXIT_OK)
		return code;
	if (tally.errors >= tally.rows)
		return EXIT_UNAVAILABLE;
	return tally.wrong + tally.high == 0 ? EXIT_OK : EXIT_FINDING;
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
	for (size_t i = 0; i < s->note_count; i++)
		if (s->notes[i] == NULL || !plan_note(&t->plan, "%s", s->notes[i]))
			return false;
	return true;
}

/* Makes the plan and runs it. */
static int try_rows(struct selftest *t, void (*progress)(void *arg, size_t done, size_t all))
{
	if (!make_plan(t))
		return fail(EXIT_INTERNAL, "out of memory", "");
	if (t->plan.row_count == 0)
		return fail(EXIT_UNAVAILABLE,
		    t->plan.note_count > 0 ? t->plan.notes[0] : "nothing can be tried", "");
	return run_plan(&t->plan, progress, NULL) ? EXIT_OK
	                                          : fail(EXIT_INTERNAL, "out of memory", "");
}

static bool look_around(struct selftest *t)
{
	const struct survey s = {
	    .options = &t->o,
	    .config = t->config,
	    .places = &t->places,
	    .names = &t->names,
	    .resolver = t->resolver,
	    .now = t->now,
	};

	survey_run(&s, &t->findings);
	return !t->findings.failed;
}

/* Opens, makes the plan and runs it while the guard is out of reach. */
static int run_unguarded(struct selftest *t)
{
	int code = open_smtp(t);

	if (code == EXIT_OK)
		code = choose_server(t);
	return code == EXIT_OK ? try_rows(t, NULL) : code;
}

static int run_failover(struct selftest *t)
{
	char error[FAILOVER_ERROR_SIZE] = "";
	struct failover f;
	int code;

	if (t->config == NULL)
		return command_usage(&command_selftest, "--failover needs the configuration, to "
							"know the guard's sockets; give -c FILE");
	if (!failover_begin(&f, &t->config->settings->listen, error))
		return fail(EXIT_UNAVAILABLE, error, "");
	code = run_unguarded(t);
	if (!failover_end(&f, error))
		return fail(EXIT_INTERNAL, error, "");
	if (code == EXIT_OK && !record_make(&t->record, &t->arena, t->config, t->now))
		code = fail(EXIT_INTERNAL, "out of memory", "");
	return code == EXIT_OK ? report(t) : code;
}

static int run_tests(struct selftest *t)
{
	bool watched = isatty(STDERR_FILENO) && t->o.format == REPORT_TEXT;
	int code = choose_domains(t);

	if (code == EXIT_OK && t->o.failover)
		return run_failover(t);
	if (code == EXIT_OK)
		code = selftest_speaks_smtp(&t->o) ? open_smtp(t) : open_milter(t);
	if (code == EXIT_OK)
		code = choose_server(t);
	if (code == EXIT_OK)
		code = open_sink(t);
	if (code == EXIT_OK)
		code = try_rows(t, watched ? show_progress : NULL);
	if (code != EXIT_OK)
		return code;
	if (t->o.confirm != NULL && !confirm_run(&t->plan, t->sink, t->o.confirm, t->o.wait))
		return fail(EXIT_INTERNAL, "out of memory", "");
	if (!look_around(t) || !plan_name_rules(&t->plan, t->config, t->now))
		return fail(EXIT_INTERNAL, "out of memory", "");
	guard_settle(&t->plan, t->config == NULL ? NULL : t->config->events->path);
	if (!record_make(&t->record, &t->arena, t->config, t->now))
		return fail(EXIT_INTERNAL, "out of memory", "");
	return report(t);
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
	code = load_configuration(&t);
	/* Nothing is said of where the domain's mail goes: DNS knows. */
	if (t.config == NULL && t.o.domain != NULL && t.o.milter == NULL && !t.o.list &&
	    !selftest_speaks_smtp(&t.o))
		t.o.mx = true;
	t.o.dns = t.o.dns || t.o.mx;
	if (code == EXIT_OK)
		code = t.o.list ? list(&t) : run_tests(&t);
	if (t.o.metrics != NULL && code != EXIT_USAGE && !t.o.list)
		write_metrics(&t, code);
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
	"  --timeout SECONDS          how long one answer is waited for (10)\n"
	"  --confirm USER@DOMAIN      what is accepted of strangers is sent there, an address of\n"
	"                             your own, to see whether it comes out\n"
	"  --sink ADDRESS:PORT        takes the mail of that domain itself, and looks for it\n"
	"  --wait TIME                how long to look (20s)\n"
	"  --failover                 tests what happens while the guard is down: its sockets are\n"
	"                             moved aside for a moment, and mail must wait\n"
	"  --smuggling                tries the nine sequences of SMTP smuggling; a server that "
	"is\n"
	"                             fooled sends our postmaster a message\n"
	"  --pace TIME                between two probes (0.1 s for servers elsewhere)\n"
	"  --transcript               shows what was said in each row that is wrong\n"
	"  --report FILE              writes all of it to FILE, with the date and the hash of the\n"
	"                             configuration\n"
	"  --metrics FILE             writes numbers to FILE, as Prometheus reads them\n"
	"  --list                     prints the probes: name, from, to\n"
	"  --format FORMAT            text, json, tap or junit; with --list text or json\n"
	"  -q                         what is right as one line for each client and outcome\n"
	"  -v                         the dialogue and the reply of each row\n",
    .run = run,
};
