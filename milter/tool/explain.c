/* `relay-guard explain`: decides one case with the daemon's own code, and says why. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "check/config.h"
#include "core/event.h"
#include "core/session.h"

enum { STEPS_MAX = 4000, WHERE_SIZE = 1024 };

struct options {
	const char *path, *helo, *from, *to;
	bool json, has_client, has_view;
	struct stage_args connect, mail;
	struct mta_view view;
	char fingerprint[FINGERPRINT_SIZE];
};

/* What is told on the way. */
struct story {
	struct strbuf steps; /* one after another, each with a NUL */
	size_t count;
	char monitored[16]; /* the verdict that is only recorded; "" for none */
};

static void on_step(void *arg, const char *step)
{
	struct story *story = arg;

	if (story->count == STEPS_MAX)
		return;
	story->count++;
	strbuf_add(&story->steps, step, strlen(step) + 1);
}

static void on_event(void *arg, const struct event *e)
{
	struct story *story = arg;

	if (strcmp(e->mode, "monitor") == 0)
		snprintf(story->monitored, sizeof(story->monitored), "%s", e->verdict);
}

/* --- options --------------------------------------------------------------- */

/* Says what was found and expected. False. */
static bool wrong(int *code, const char *option, const char *found, const char *expected)
{
	*code =
	    command_usage(&command_explain, "found --%s %s; expected %s", option, found, expected);
	return false;
}

static bool set_client(struct options *o, const char *text, int *code)
{
	o->has_client = true;
	if (strcmp(text, "local") == 0) {
		o->connect.client_name = "localhost";
		return true;
	}
	o->connect.client_by_socket = true;
	/* Any port but 0, which stands for no TCP client. */
	o->connect.client_port = 65535;
	if (addr_parse(text, strlen(text), &o->connect.client_addr))
		return true;
	return wrong(code, "client", text, "an IP address, or local");
}

static bool set_cert(struct options *o, char *text, int *code)
{
	if (strncmp(text, "subject:", 8) == 0)
		o->mail.cert_subject = text + 8;
	else if (strncmp(text, "issuer:", 7) == 0)
		o->mail.cert_issuer = text + 7;
	else if (strcmp(text, "verified") != 0) {
		o->mail.cert_fingerprint = o->fingerprint;
		return fingerprint_canonical(text, o->fingerprint) ||
		       wrong(code, "cert", text,
			   "a fingerprint (sha256:... or md5:...), subject:..., issuer:... or "
			   "verified");
	}
	o->mail.verify = "OK";
	return true;
}

static void set_listener(struct options *o, const char *text)
{
	if (text[strspn(text, "0123456789")] == '\0')
		o->connect.daemon_port = text;
	else
		o->connect.daemon_name = text;
}

static bool set_format(struct options *o, const char *text, int *code)
{
	o->json = strcmp(text, "json") == 0;
	return o->json || strcmp(text, "text") == 0 || wrong(code, "format", text, "text or json");
}

static bool set_option(struct options *o, int c, char *value, int *code)
{
	/* Options that are only a text, by their letter. */
	const struct {
		int letter;
		const char **to;
	} texts[] = {{'c', &o->path}, {'n', &o->connect.client_name}, {'h', &o->helo},
	    {'a', &o->mail.auth_login}, {'m', &o->mail.auth_mech}, {'s', &o->mail.tls_version},
	    {'f', &o->from}, {'t', &o->to}, {'M', &o->view.mailer}, {'H', &o->view.host},
	    {'A', &o->view.addr}};

	o->has_view = o->has_view || c == 'M' || c == 'H' || c == 'A';
	if (c == 'i')
		return set_client(o, value, code);
	if (c == 'k')
		return set_cert(o, value, code);
	if (c == 'o')
		return set_format(o, value, code);
	if (c == 'l')
		set_listener(o, value);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].letter == c)
			*texts[i].to = value;
	return true;
}

static bool check_options(const struct options *o, int *code)
{
	if (!o->has_client)
		*code = command_usage(&command_explain, "--client IP is missing");
	else if (o->to == NULL)
		*code = command_usage(&command_explain, "--to ADDR is missing");
	else if (o->has_view && o->view.mailer == NULL)
		*code = command_usage(
		    &command_explain, "--host and --rcpt-addr go with --mailer, which is missing");
	return *code == EXIT_OK;
}

/* False: *code is the exit code. */
static bool read_options(int argc, char **argv, struct options *o, int *code)
{
	static const struct option longs[] = {{"client", 1, NULL, 'i'}, {"name", 1, NULL, 'n'},
	    {"helo", 1, NULL, 'h'}, {"auth", 1, NULL, 'a'}, {"mech", 1, NULL, 'm'},
	    {"tls", 1, NULL, 's'}, {"cert", 1, NULL, 'k'}, {"listener", 1, NULL, 'l'},
	    {"from", 1, NULL, 'f'}, {"to", 1, NULL, 't'}, {"mailer", 1, NULL, 'M'},
	    {"host", 1, NULL, 'H'}, {"rcpt-addr", 1, NULL, 'A'}, {"format", 1, NULL, 'o'},
	    {NULL, 0, NULL, 0}};
	int c;

	*code = EXIT_OK;
	optind = 0; /* from the start, also where another command has read options before */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:c:", longs, NULL)) != -1) {
		if (c == ':')
			*code =
			    command_usage(&command_explain, "%s needs a value", argv[optind - 1]);
		else if (c == '?')
			*code = command_usage(
			    &command_explain, "there is no option %s", argv[optind - 1]);
		else
			set_option(o, c, optarg, code);
		if (*code != EXIT_OK)
			return false;
	}
	if (optind < argc)
		*code = command_usage(&command_explain,
		    "found the argument %s; expected none (the recipient goes with --to)",
		    argv[optind]);
	return *code == EXIT_OK && check_options(o, code);
}

/* --- deciding -------------------------------------------------------------- */

static const char *with_brackets(struct arena *a, const char *address)
{
	if (address == NULL || address[0] == '<')
		return address;
	return arena_printf(a, "<%s>", address);
}

/* The view that was given, or one that agrees with our list; the story says which. */
static bool choose_view(const struct options *o, const struct reading_rules *rules,
    const char *rcpt, struct arena *a, struct stage_args *args)
{
	struct mta_view view = o->view;
	struct mailaddr parsed;

	if (!o->has_view) {
		if (!mailaddr_parse(rcpt, strlen(rcpt), a, &parsed))
			return false;
		view = mta_view_assumed(rules, &parsed, rcpt, a);
		if (view.addr == NULL)
			return false;
	}
	args->mta.mailer = view.mailer;
	args->mta.host = view.host;
	args->mta.addr = view.addr;
	return true;
}

static bool is_refused(const struct verdict *v)
{
	return v->kind == VERDICT_DEFER || v->kind == VERDICT_REJECT;
}

/* Connect, helo, mail, rcpt, until one of them is refused. False: no memory. */
static bool decide(const struct options *o, const struct config *c, struct session *s,
    struct arena *a, struct decision *d)
{
	struct stage_args helo = {.stage = STAGE_HELO, .helo = o->helo};
	struct stage_args mail = o->mail, rcpt = {.stage = STAGE_RCPT};
	const struct stage_args *const way[] = {&o->connect, &helo, &mail, &rcpt};
	usec_t now = clock_now();

	mail.stage = STAGE_MAIL;
	mail.address = with_brackets(a, o->from);
	rcpt.address = with_brackets(a, o->to);
	if (mail.address == NULL || rcpt.address == NULL ||
	    !choose_view(o, &c->policy.reading, rcpt.address, a, &rcpt))
		return false;
	session_trace(s, "MTA: mailer %s, host %s, address %s%s", rcpt.mta.mailer,
	    rcpt.mta.host == NULL ? "" : rcpt.mta.host, rcpt.mta.addr == NULL ? "" : rcpt.mta.addr,
	    o->has_view ? "" : " (assumed: an MTA that agrees with our list; see --mailer)");
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		if (way[i] == &helo && o->helo == NULL)
			continue;
		session_event(s, way[i], now, d);
		if (is_refused(&d->verdict))
			break;
	}
	return true;
}

/* --- telling --------------------------------------------------------------- */

static const char *where_of(const struct verdict *v, char out[WHERE_SIZE])
{
	out[0] = '\0';
	if (v->rule.file != NULL)
		snprintf(out, WHERE_SIZE, "%s:%u", v->rule.file, v->rule.line);
	return out;
}

/* Without the session's id, which means nothing here. */
static void cut_mark(const struct session *s, struct reply *r)
{
	size_t mark = strlen(s->id) + strlen(" []"), len = strlen(r->text);

	if (len >= mark && strstr(r->text + len - mark, s->id) != NULL)
		r->text[len - mark] = '\0';
}

static void add_line(struct strbuf *b, const char *text)
{
	escape_text(b, text, strlen(text));
	strbuf_putc(b, '\n');
}

static void tell_text(const struct session *s, const struct story *story, const struct verdict *v)
{
	struct strbuf b = {0};
	const char *step = strbuf_text(&story->steps);
	char where[WHERE_SIZE];

	for (size_t i = 0; i < story->count; i++, step += strlen(step) + 1)
		add_line(&b, step);
	if (s->rcpt.refused_by_mta) {
		strbuf_puts(&b, "refused by the MTA itself\n");
	} else {
		strbuf_puts(&b, verdict_name(v->kind));
		if (v->rule.name != NULL)
			strbuf_printf(&b, " by rule %s (%s)", v->rule.name, where_of(v, where));
		if (is_refused(v))
			strbuf_printf(
			    &b, ": %u %s %s", v->reply.code, v->reply.enhanced, v->reply.text);
		strbuf_putc(&b, '\n');
	}
	if (*story->monitored != '\0')
		strbuf_printf(&b, "monitor mode: the event says %s, and nothing is refused\n",
		    story->monitored);
	fputs(strbuf_text(&b), stdout);
	strbuf_free(&b);
}

static void add_pair(struct strbuf *b, const char *key, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	strbuf_printf(b, ",\"%s\":", key);
	escape_json(b, value, strlen(value));
}

static void tell_json(const struct session *s, const struct story *story, const struct verdict *v)
{
	const char *step = strbuf_text(&story->steps);
	enum verdict_kind kind = v->kind;
	char where[WHERE_SIZE];
	struct strbuf b = {0};

	if (s->rcpt.refused_by_mta)
		kind = s->rcpt.mta.host[0] == '4' ? VERDICT_DEFER : VERDICT_REJECT;
	strbuf_printf(&b, "{\"verdict\":\"%s\",\"by\":\"%s\"", verdict_name(kind),
	    s->rcpt.refused_by_mta ? "mta" : "guard");
	add_pair(&b, "monitored", story->monitored);
	add_pair(&b, "reading", reading_name(s->rcpt.reading));
	add_pair(&b, "check", v->check);
	add_pair(&b, "rule", v->rule.name);
	add_pair(&b, "where", where_of(v, where));
	if (is_refused(v)) {
		strbuf_printf(&b, ",\"code\":%u", v->reply.code);
		add_pair(&b, "enhanced", v->reply.enhanced);
		add_pair(&b, "reply", v->reply.text);
	}
	add_pair(&b, "reason", v->reason);
	strbuf_puts(&b, ",\"steps\":[");
	for (size_t i = 0; i < story->count; i++, step += strlen(step) + 1) {
		strbuf_puts(&b, i == 0 ? "" : ",");
		escape_json(&b, step, strlen(step));
	}
	strbuf_puts(&b, "]}\n");
	fputs(strbuf_text(&b), stdout);
	strbuf_free(&b);
}

/* Without a listener nothing could be decided: is there a rule that asks for one? */
static bool lacks_listener(
    const struct options *o, const struct config *c, const struct decision *d)
{
	return o->connect.daemon_port == NULL && o->connect.daemon_name == NULL &&
	       d->verdict.kind == VERDICT_DEFER && (c->policy.facts & FACT_LISTENER) != 0;
}

/* As decide(); where the listener matters and none was given, the usual one is assumed. */
static bool decide_somewhere(const struct options *o, const struct config *c,
    const struct session_env *env, struct session *s, struct arena *a, struct decision *d)
{
	struct options usual = *o;

	if (!decide(o, c, s, a, d))
		return false;
	if (!lacks_listener(o, c, d))
		return true;
	session_trace(s, "listener: rules ask for one: port 25 is assumed; see --listener");
	session_close(s);
	session_open(s, &c->policy, env, 0, clock_now());
	usual.connect.daemon_port = "25";
	return decide(&usual, c, s, a, d);
}

static int explain(const struct options *o, const struct config *c)
{
	struct story story = {.steps = {.max = (size_t)4 << 20}};
	const struct session_env env = {
	    .host = "", .emit = on_event, .trace = on_step, .arg = &story};
	struct arena a = {0};
	struct decision d = {.verdict = {.kind = VERDICT_DEFER}};
	struct session s;
	int code = EXIT_INTERNAL;

	session_open(&s, &c->policy, &env, 0, clock_now());
	if (decide_somewhere(o, c, &env, &s, &a, &d) && !story.steps.failed) {
		cut_mark(&s, &d.verdict.reply);
		(o->json ? tell_json : tell_text)(&s, &story, &d.verdict);
		code = is_refused(&d.verdict) || s.rcpt.refused_by_mta ? EXIT_FINDING : EXIT_OK;
	} else {
		fputs("relay-guard explain: out of memory\n", stderr);
	}
	session_close(&s);
	strbuf_free(&story.steps);
	arena_free(&a);
	return code;
}

static int run(int argc, char **argv)
{
	struct options o = {.path = CONFIG_DEFAULT_PATH, .from = "<>"};
	struct config *c;
	int code;

	if (!read_options(argc, argv, &o, &code))
		return code;
	c = config_load_told(o.path, &code);
	if (c != NULL)
		code = explain(&o, c);
	config_free(&c);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "relay-guard explain: can't write: %s\n", strerror(errno));
		code = EXIT_INTERNAL;
	}
	return code;
}

const struct command command_explain = {
    .name = "explain",
    .arguments = "[-c FILE] --client IP [OPTIONS] --to ADDR",
    .summary = "decides one case and says which rules were tried, and why",
    .details =
	"  -c FILE             the configuration (" CONFIG_DEFAULT_PATH ")\n"
	"  --client IP         the client's address, or local: handed in on this host\n"
	"  --name PTR          the client's name, as the MTA has it\n"
	"  --helo NAME         what it says in HELO\n"
	"  --auth USER         its login, as the MTA has it (Postfix: with the realm)\n"
	"  --mech MECHANISM    how it logged in\n"
	"  --tls VERSION       the TLS version of its connection, such as TLSv1.3\n"
	"  --cert WHAT         its certificate: a fingerprint (sha256:..., md5:...), or what the\n"
	"                      MTA verified: subject:..., issuer:..., verified; can be repeated\n"
	"  --listener PORT     where it connected to: the port, or the MTA's name for it\n"
	"  --from ADDR         the sender (<>)\n"
	"  --to ADDR           the recipient; without < > it gets them\n"
	"  --mailer NAME       what the MTA would do with it, its {rcpt_mailer}; without this, an\n"
	"                      MTA that agrees with our list is assumed: local for ours, else "
	"smtp\n"
	"  --host HOST         the MTA's {rcpt_host}\n"
	"  --rcpt-addr ADDR    the MTA's {rcpt_addr}\n"
	"  --format text|json\n"
	"\n"
	"Exit code: 0 permitted, 1 refused, 64 wrong usage, 66 no such file, 78 wrong\n"
	"configuration.\n",
    .run = run,
};
