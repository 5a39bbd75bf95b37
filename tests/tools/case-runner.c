/*
 * Runs scenarios through the session that the daemon runs, and prints TAP: one row for each
 * expectation. Usage: case-runner FILE.case...
 *
 * A line is words; blanks stand within '...', and any byte as \xNN. `#` begins a comment at the
 * start of a line. The commands:
 *
 *   config FILE             loads it, from the folder of the case file
 *   zone NAME TYPE DATA     a record of DNS, in the way of auth/fixed.h, for the sessions that
 * follow now 2026-11-24          the day of what follows, at 00:00 UTC case WORDS names the rows
 * that follow connect ADDRESS|none    a new session; port= name= listener= daemon_addr=
 * daemon_port= helo NAME mail ADDRESS            auth= mech= tls= subject= issuer= fingerprint=
 * verify= rcpt ADDRESS            mailer= host= addr=; without mailer=, the view of an MTA that
 * agrees with the configuration (what explain assumes); `silent`: no view at all header NAME VALUE
 * the value as the MTA gives it, without the blank behind the colon body TEXT data, eoh, eom, abort
 *
 *   pass 1h                 time goes by; close: the session ends
 *   ban KEY 1h              sets a ban; release KEY ends it
 *
 * Limits count in a table of their own, which is empty after each `config`.
 *
 * A command may end in an expectation:  = permit|tag|hold|reject|defer [CODE [ENHANCED]] [KEY=VALUE
 * ...]. Keys: rule reading by mode reason told (the event's verdict) events (how many), spf and the
 * other findings of the event's keys, limit limit_key limit_count notify; at eom, held (the reason,
 * without the session's id) and changes (`add Name: value`, `insert N Name: value`, `delete N
 * Name`, with ` | ` between them and SESSION for the session's id).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/fixed.h"
#include "base/escape.h"
#include "base/exit.h"
#include "check/config.h"
#include "conf/units.h"
#include "core/event.h"
#include "limit/bans.h"
#include "limit/store.h"

enum { WORDS_MAX = 40, LINE_SIZE = 4096, KEPT_SIZE = 256 };

struct line {
	size_t count;
	char *words[WORDS_MAX];
	size_t expect; /* index of the word behind `=`; 0: no expectation */
};

/* The last event of a stage, kept. */
struct told {
	unsigned events;
	char limit[KEPT_SIZE], limit_key[KEPT_SIZE], limit_count[24];
	bool notify;
	char verdict[16], rule[KEPT_SIZE], by[16], mode[16], reason[KEPT_SIZE];
};

struct runner {
	const char *file;
	unsigned line_number;
	char folder[KEPT_SIZE], title[KEPT_SIZE];
	usec_t now;
	struct config *config;
	struct session_env env;
	struct session session;
	bool open;
	uint64_t number;
	struct told told;
	struct decision decision;
	char held[KEPT_SIZE];
	struct strbuf zone;
	struct strbuf changes;
	unsigned rows, failed;
};

__attribute__((noreturn)) static void die(const struct runner *r, const char *what)
{
	printf("Bail out! %s:%u: %s\n", r->file, r->line_number, what);
	exit(EXIT_DATA);
}

/* --- words ----------------------------------------------------------------- */

static int hex_value(char c)
{
	const char *hex = "0123456789abcdef", *at = c == '\0' ? NULL : strchr(hex, c);

	return at == NULL ? -1 : (int)(at - hex);
}

/* Copies one word in place, without quotes and with \xNN decoded; returns where the next begins. */
static char *take_word(char *s)
{
	bool quoted = false;
	char *out = s;

	for (; *s != '\0' && (quoted || *s != ' '); s++) {
		if (*s == '\'') {
			quoted = !quoted;
		} else if (s[0] == '\\' && s[1] == 'x' && hex_value(s[2]) >= 0 &&
			   hex_value(s[3]) >= 0) {
			*out++ = (char)(hex_value(s[2]) * 16 + hex_value(s[3]));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	s += *s != '\0';
	*out = '\0';
	return s;
}

static void split(const struct runner *r, char *s, struct line *l)
{
	*l = (struct line){0};
	s[strcspn(s, "\n")] = '\0';
	for (;;) {
		s += strspn(s, " \t");
		if (*s == '\0')
			return;
		if (l->count == WORDS_MAX)
			die(r, "too many words");
		l->words[l->count] = s;
		s = take_word(s);
		if (l->expect == 0 && strcmp(l->words[l->count], "=") == 0)
			l->expect = l->count + 1;
		l->count++;
	}
}

static size_t words_of_command(const struct line *l)
{
	return l->expect == 0 ? l->count : l->expect - 1;
}

/* The value of key=VALUE in the command; NULL when it is not there. */
static const char *value_of(const struct line *l, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 1; i < words_of_command(l); i++)
		if (strncmp(l->words[i], key, len) == 0 && l->words[i][len] == '=')
			return l->words[i] + len + 1;
	return NULL;
}

static bool has_flag(const struct line *l, const char *flag)
{
	for (size_t i = 1; i < words_of_command(l); i++)
		if (strcmp(l->words[i], flag) == 0)
			return true;
	return false;
}

static const char *argument(const struct runner *r, const struct line *l)
{
	if (words_of_command(l) < 2 || l->words[1] == NULL)
		die(r, "an argument is missing");
	return l->words[1];
}

/* --- events ---------------------------------------------------------------- */

static void keep(char *to, size_t size, const char *s)
{
	snprintf(to, size, "%s", s == NULL ? "" : s);
}

static void on_event(void *arg, const struct event *e)
{
	struct runner *r = arg;
	struct told *t = &r->told;

	t->events++;
	keep(t->limit, sizeof(t->limit), e->limit);
	keep(t->limit_key, sizeof(t->limit_key), e->limit_key);
	snprintf(
	    t->limit_count, sizeof(t->limit_count), "%llu", (unsigned long long)e->limit_count);
	t->notify = e->notify;
	keep(t->verdict, sizeof(t->verdict), e->verdict);
	keep(t->rule, sizeof(t->rule), e->rule);
	keep(t->by, sizeof(t->by), e->by);
	keep(t->mode, sizeof(t->mode), e->mode);
	keep(t->reason, sizeof(t->reason), e->reason);
}

/* --- what is done to the message ---------------------------------------------------- */

/* The id is another one in each run. */
static void put_without_id(const struct runner *r, struct strbuf *b, const char *s)
{
	const char *id = strstr(s, r->session.id);

	if (id == NULL) {
		strbuf_puts(b, s);
		return;
	}
	strbuf_add(b, s, (size_t)(id - s));
	strbuf_printf(b, "SESSION%s", id + strlen(r->session.id));
}

static void keep_changes(struct runner *r)
{
	struct strbuf *b = &r->changes, held = {0};
	const char *mark = " [SESSION]";

	strbuf_reset(b);
	for (const struct change *c = r->decision.changes; c != NULL; c = c->next) {
		if (b->len > 0)
			strbuf_puts(b, " | ");
		if (c->kind == CHANGE_DELETE) {
			strbuf_printf(b, "delete %u %s", c->index, c->name);
			continue;
		}
		if (c->kind == CHANGE_ADD)
			strbuf_puts(b, "add ");
		else
			strbuf_printf(b, "insert %u ", c->index);
		strbuf_printf(b, "%s: ", c->name);
		put_without_id(r, b, c->value);
	}
	if (r->decision.hold != NULL)
		put_without_id(r, &held, r->decision.hold);
	if (held.len >= strlen(mark) && strcmp(held.data + held.len - strlen(mark), mark) == 0)
		held.data[held.len - strlen(mark)] = '\0';
	keep(r->held, sizeof(r->held), held.data);
	strbuf_free(&held);
}

/* --- expectations ---------------------------------------------------------- */

static const char *or_nothing(const char *s)
{
	return s == NULL ? "" : s;
}

static const char *got_of(const struct runner *r, const char *key, char number[12])
{
	const struct verdict *v = &r->decision.verdict;
	const char *rule = v->rule.name == NULL ? "" : v->rule.name;
	const char *reason = v->reason == NULL ? "" : v->reason;
	const struct {
		const char *key, *got;
	} keys[] = {
	    {"events", number},
	    {"reading", reading_name(r->session.rcpt.reading)},
	    {"rule", r->told.events > 0 ? r->told.rule : rule},
	    {"reason", r->told.events > 0 ? r->told.reason : reason},
	    {"by", r->told.by},
	    {"mode", r->told.mode},
	    {"told", r->told.verdict},
	    {"held", r->held},
	    {"limit", r->told.limit},
	    {"limit_key", r->told.limit_key},
	    {"limit_count", r->told.limit_count},
	    {"notify", r->told.notify ? "true" : ""},
	    {"spf", or_nothing(r->session.msg.results.spf)},
	    {"spf_domain", or_nothing(r->session.msg.results.spf_domain)},
	    {"dkim", or_nothing(r->session.msg.results.dkim)},
	    {"dkim_domain", or_nothing(r->session.msg.results.dkim_domain)},
	    {"dmarc", or_nothing(r->session.msg.results.dmarc)},
	    {"dmarc_policy", or_nothing(r->session.msg.results.dmarc_policy)},
	    {"from_domain", or_nothing(r->session.msg.results.from_domain)},
	    {"changes", strbuf_text(&r->changes)},
	};

	snprintf(number, 12, "%u", r->told.events);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strncmp(key, keys[i].key, strlen(keys[i].key)) == 0 &&
		    key[strlen(keys[i].key)] == '=')
			return keys[i].got;
	die(r, "no such key in an expectation");
}

/* Compares one word of the expectation; adds "got X, want Y" to `diff` where they differ. */
static void compare(const struct runner *r, const char *word, size_t place, struct strbuf *diff)
{
	const struct verdict *v = &r->decision.verdict;
	const char *equal = strchr(word, '='), *want = word, *got;
	char number[12];

	if (equal != NULL) {
		got = got_of(r, word, number);
		want = equal + 1;
	} else if (place == 0) {
		got = verdict_name(v->kind);
	} else if (place == 1) {
		snprintf(number, sizeof(number), "%u", v->reply.code);
		got = number;
	} else {
		got = v->reply.enhanced;
	}
	if (strcmp(got, want) != 0)
		strbuf_printf(diff, "got %s, want %s; ", *got == '\0' ? "nothing" : got, word);
}

static void print_escaped(const char *s)
{
	struct strbuf b = {0};

	escape_text(&b, s, strlen(s));
	for (const char *p = strbuf_text(&b); *p != '\0'; p++)
		printf(*p == '#' ? "\\%c" : "%c", *p);
	strbuf_free(&b);
}

static void judge(struct runner *r, const struct line *l)
{
	struct strbuf diff = {0};

	for (size_t i = l->expect; i < l->count; i++)
		compare(r, l->words[i], i - l->expect, &diff);
	r->rows++;
	r->failed += diff.len > 0;
	printf("%s %u - %s:%u %s: ", diff.len > 0 ? "not ok" : "ok", r->rows, r->file,
	    r->line_number, r->title);
	for (size_t i = 0; i < words_of_command(l) && i < 2; i++) {
		print_escaped(l->words[i]);
		putchar(' ');
	}
	putchar('\n');
	if (diff.len > 0) {
		fputs("# ", stdout);
		print_escaped(strbuf_text(&diff));
		putchar('\n');
	}
	strbuf_free(&diff);
}

/* --- commands -------------------------------------------------------------- */

static void set_now(struct runner *r, const struct line *l)
{
	struct tm tm = {0};
	const char *end = strptime(argument(r, l), "%Y-%m-%d", &tm);

	if (end == NULL || *end != '\0')
		die(r, "expected a date, such as 2026-11-24");
	r->now = (usec_t)timegm(&tm) * USEC_PER_SEC;
}

static usec_t table_clock; /* what the table's boot clock says */

static void read_clock(struct boot *out)
{
	*out = (struct boot){.id = {1}, .uptime = table_clock, .wall = table_clock};
}

static void open_store(struct runner *r)
{
	struct store_options o = {
	    .slots = STORE_SLOTS_MIN, .gauge_keys = 100, .read_boot = read_clock};
	char error[STORE_ERROR_MAX];

	store_close(&r->env.store);
	table_clock = r->now;
	r->env.store = store_open(&o, error);
	if (r->env.store == NULL)
		die(r, error);
}

static usec_t duration(const struct runner *r, const char *text)
{
	usec_t t;

	if (unit_duration(text, &t) != NULL)
		die(r, "expected a duration, such as 1h");
	return t;
}

static void pass_time(struct runner *r, const struct line *l)
{
	usec_t t = duration(r, argument(r, l));

	r->now += t;
	table_clock += t;
}

static void set_ban(struct runner *r, const struct line *l)
{
	struct ban b = {.reason = "a test", .by = "ops", .action = BAN_REFUSE};

	if (l->count < 3 || ban_key_parse(argument(r, l), b.key) != NULL ||
	    bans_set(r->env.store, &b, duration(r, l->words[2]) * NSEC_PER_USEC, false, 0,
		store_now(r->env.store)) != BAN_SET)
		die(r, "expected a key and a duration");
}

static void release(struct runner *r, const struct line *l)
{
	char key[BAN_KEY_MAX];

	if (ban_key_parse(argument(r, l), key) != NULL ||
	    !bans_release(r->env.store, key, store_now(r->env.store)))
		die(r, "there is no such ban");
}

static void close_session(struct runner *r)
{
	if (r->open)
		session_close(&r->session);
	r->open = false;
}

static void load(struct runner *r, const struct line *l)
{
	struct diag *diag = diag_new();
	char path[2 * KEPT_SIZE];

	close_session(r);
	strbuf_reset(&r->zone);
	resolver_close(&r->env.resolver);
	config_free(&r->config);
	snprintf(path, sizeof(path), "%s%s", r->folder, argument(r, l));
	r->config = diag == NULL ? NULL : config_load(path, r->now, diag);
	if (r->config == NULL) {
		if (diag != NULL)
			diag_print(diag, stderr);
		die(r, "the configuration does not load");
	}
	diag_free(&diag);
	r->env.permitted = r->config->events->permitted;
	open_store(r);
}

static void add_record(struct runner *r, const struct line *l)
{
	unsigned wrong;

	for (size_t i = 1; i < l->count; i++)
		strbuf_printf(&r->zone, "%s%s", l->words[i], i + 1 == l->count ? "\n" : " ");
	close_session(r);
	resolver_close(&r->env.resolver);
	r->env.resolver = fixed_open(strbuf_text(&r->zone), r->zone.len, &wrong);
	if (r->env.resolver == NULL)
		die(r, "no such record");
}

static void set_title(struct runner *r, const struct line *l)
{
	struct strbuf b = {0};

	for (size_t i = 1; i < l->count; i++)
		strbuf_printf(&b, "%s%s", i == 1 ? "" : " ", l->words[i]);
	keep(r->title, sizeof(r->title), strbuf_text(&b));
	strbuf_free(&b);
}

static void fill_connect(struct runner *r, const struct line *l, struct stage_args *args)
{
	const char *address = argument(r, l), *port = value_of(l, "port");

	close_session(r);
	session_open(&r->session, &r->config->policy, &r->env, ++r->number, r->now);
	r->open = true;
	args->client_by_socket = strcmp(address, "none") != 0;
	if (args->client_by_socket && !addr_parse(address, strlen(address), &args->client_addr))
		die(r, "expected an address, or none");
	args->client_port = (uint16_t)(port == NULL ? 40000 : strtoul(port, NULL, 10));
	args->client_name = value_of(l, "name");
	args->daemon_name = value_of(l, "listener");
	args->daemon_addr = value_of(l, "daemon_addr");
	args->daemon_port = value_of(l, "daemon_port");
}

static void fill_mail(struct runner *r, const struct line *l, struct stage_args *args)
{
	args->address = argument(r, l);
	args->auth_login = value_of(l, "auth");
	args->auth_mech = value_of(l, "mech");
	args->tls_version = value_of(l, "tls");
	args->cert_subject = value_of(l, "subject");
	args->cert_issuer = value_of(l, "issuer");
	args->cert_fingerprint = value_of(l, "fingerprint");
	args->verify = value_of(l, "verify");
}

static void fill_rcpt(
    struct runner *r, const struct line *l, struct arena *a, struct stage_args *args)
{
	struct mta_view view = {value_of(l, "mailer"), value_of(l, "host"), value_of(l, "addr")};
	struct mailaddr rcpt;

	args->address = argument(r, l);
	if (view.mailer == NULL && !has_flag(l, "silent")) {
		if (!mailaddr_parse(args->address, strlen(args->address), a, &rcpt))
			die(r, "no memory");
		view = mta_view_assumed(&r->config->policy.reading, &rcpt, args->address, a);
	}
	args->mta.mailer = view.mailer;
	args->mta.host = view.host;
	args->mta.addr = view.addr;
}

static void fill_header(
    const struct runner *r, const struct line *l, struct arena *a, struct stage_args *args)
{
	args->field_name = argument(r, l);
	args->field_value = arena_printf(a, " %s", words_of_command(l) < 3 ? "" : l->words[2]);
	if (args->field_value == NULL)
		die(r, "no memory");
}

static void run_stage(struct runner *r, const struct line *l, enum stage stage)
{
	struct stage_args args = {.stage = stage};
	struct arena a = {0};

	if (r->config == NULL)
		die(r, "no configuration is loaded");
	if (stage == STAGE_CONNECT)
		fill_connect(r, l, &args);
	else if (!r->open)
		die(r, "no session is open");
	if (stage == STAGE_HELO)
		args.helo = argument(r, l);
	else if (stage == STAGE_MAIL)
		fill_mail(r, l, &args);
	else if (stage == STAGE_RCPT)
		fill_rcpt(r, l, &a, &args);
	else if (stage == STAGE_HEADER)
		fill_header(r, l, &a, &args);
	else if (stage == STAGE_BODY)
		args.body = (const unsigned char *)argument(r, l);
	if (args.body != NULL)
		args.body_len = strlen((const char *)args.body);
	r->told = (struct told){0};
	session_event(&r->session, &args, r->now, &r->decision);
	keep_changes(r);
	arena_free(&a);
	if (l->expect != 0)
		judge(r, l);
}

static void run_line(struct runner *r, const struct line *l)
{
	static const enum stage stages[] = {STAGE_CONNECT, STAGE_HELO, STAGE_MAIL, STAGE_RCPT,
	    STAGE_DATA, STAGE_HEADER, STAGE_EOH, STAGE_BODY, STAGE_EOM, STAGE_ABORT};
	const char *command = l->words[0];

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (strcmp(command, stage_name(stages[i])) == 0) {
			run_stage(r, l, stages[i]);
			return;
		}
	}
	if (strcmp(command, "config") == 0)
		load(r, l);
	else if (strcmp(command, "zone") == 0)
		add_record(r, l);
	else if (strcmp(command, "now") == 0)
		set_now(r, l);
	else if (strcmp(command, "pass") == 0)
		pass_time(r, l);
	else if (strcmp(command, "close") == 0)
		close_session(r);
	else if (strcmp(command, "ban") == 0)
		set_ban(r, l);
	else if (strcmp(command, "release") == 0)
		release(r, l);
	else if (strcmp(command, "case") == 0)
		set_title(r, l);
	else
		die(r, "no such command");
}

static void run_file(struct runner *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	char text[LINE_SIZE];
	struct line line;
	FILE *f = fopen(path, "r");

	r->file = slash == NULL ? path : slash + 1;
	r->line_number = 0;
	if ((size_t)(r->file - path) >= sizeof(r->folder))
		die(r, "its path is too long");
	memcpy(r->folder, path, (size_t)(r->file - path));
	r->folder[r->file - path] = '\0';
	r->title[0] = '\0';
	if (f == NULL)
		die(r, "can't be opened");
	while (fgets(text, sizeof(text), f) != NULL) {
		r->line_number++;
		if (strchr(text, '\n') == NULL)
			die(r, "a line without end, or too long");
		if (text[0] == '#')
			continue;
		split(r, text, &line);
		if (line.count > 0)
			run_line(r, &line);
	}
	fclose(f);
	close_session(r);
	resolver_close(&r->env.resolver);
	config_free(&r->config);
}

int main(int argc, char **argv)
{
	/* 2026-11-24, unless the file says otherwise */
	struct runner r = {.now = (usec_t)1795478400 * USEC_PER_SEC};

	r.env = (struct session_env){.host = "mx.example.com", .emit = on_event, .arg = &r};
	for (int i = 1; i < argc; i++)
		run_file(&r, argv[i]);
	store_close(&r.env.store);
	strbuf_free(&r.changes);
	strbuf_free(&r.zone);
	printf("1..%u\n", r.rows);
	return r.failed == 0 ? EXIT_OK : EXIT_FINDING;
}
