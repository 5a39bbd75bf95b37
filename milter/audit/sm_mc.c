/* sendmail.mc as far as it can be read without m4: its own macros, and lines of sendmail.cf between
 * them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "audit/sm_facts.h"
#include "base/strbuf.h"

enum { ARGS_MAX = 8, ARG_MAX_SIZE = 8192 };

struct reader {
	struct sm *sm;
	const char *file;
	const char *at, *end;
	unsigned line;
	bool diverted;   /* divert(-1): macros count, text does not */
	bool has_daemon; /* DAEMON_OPTIONS was there */
	struct strbuf filters;
	const char *cw_file, *cr_file;
};

struct call {
	char args[ARGS_MAX][ARG_MAX_SIZE];
	size_t count;
	unsigned line;
};

/* --- m4's words ---------------------------------------------------------------- */

static void step(struct reader *r)
{
	if (*r->at == '\n')
		r->line++;
	r->at++;
}

static void skip_line(struct reader *r)
{
	while (r->at < r->end && *r->at != '\n')
		r->at++;
	if (r->at < r->end)
		step(r);
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t name_len(const struct reader *r)
{
	size_t n = 0;

	if (r->at < r->end && isdigit((unsigned char)*r->at))
		return 0;
	while (r->at + n < r->end && is_name_char(r->at[n]))
		n++;
	return n;
}

static bool is_word(const struct reader *r, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(r->at, word, len) == 0;
}

/* What the one macro that stands within values expands to. */
static const char *expansion(const struct reader *r, size_t len)
{
	return is_word(r, len, "MAIL_SETTINGS_DIR") ? "/etc/mail/" : NULL;
}

/* Quotes are taken away, all levels of them, as the value would be read again and again. */
static void read_quoted(struct reader *r, struct strbuf *out)
{
	unsigned depth = 0;

	for (; r->at < r->end; step(r)) {
		if (*r->at == '`')
			depth++;
		else if (*r->at == '\'')
			depth--;
		else
			strbuf_putc(out, *r->at);
		if (depth == 0) {
			step(r);
			return;
		}
	}
}

/* Up to the comma or the parenthesis that ends the argument, which stays. */
static void read_argument(struct reader *r, struct strbuf *out)
{
	unsigned depth = 0;

	while (r->at < r->end && isspace((unsigned char)*r->at))
		step(r);
	while (r->at < r->end) {
		size_t len = name_len(r);

		if (is_word(r, len, "dnl")) {
			skip_line(r);
			while (r->at < r->end && isspace((unsigned char)*r->at))
				step(r);
		} else if (len > 0) {
			const char *expanded = expansion(r, len);

			if (expanded != NULL)
				strbuf_puts(out, expanded);
			else
				strbuf_add(out, r->at, len);
			r->at += len;
		} else if (*r->at == '`') {
			read_quoted(r, out);
		} else if (depth == 0 && (*r->at == ',' || *r->at == ')')) {
			return;
		} else {
			depth += *r->at == '(';
			depth -= *r->at == ')';
			strbuf_putc(out, *r->at);
			step(r);
		}
	}
}

/* From the opening parenthesis on. */
static void read_call(struct reader *r, struct call *c)
{
	c->count = 0;
	c->line = r->line;
	do {
		struct strbuf arg = {.max = ARG_MAX_SIZE - 1};

		step(r);
		read_argument(r, &arg);
		if (c->count < ARGS_MAX)
			snprintf(c->args[c->count++], ARG_MAX_SIZE, "%s", strbuf_text(&arg));
		strbuf_free(&arg);
	} while (r->at < r->end && *r->at == ',');
	if (r->at < r->end)
		step(r);
	for (size_t i = c->count; i < ARGS_MAX; i++)
		c->args[i][0] = '\0';
}

/* --- what the macros say ------------------------------------------------------------ */

/* Of the many options, those that the audit or the import looks at. */
static const struct {
	const char *macro, *option;
} options[] = {
    {"confAUTH_MECHANISMS", "AuthMechanisms"},
    {"confAUTH_OPTIONS", "AuthOptions"},
    {"confBAD_RCPT_THROTTLE", "BadRcptThrottle"},
    {"confCONNECTION_RATE_THROTTLE", "ConnectionRateThrottle"},
    {"confDONT_BLAME_SENDMAIL", "DontBlameSendmail"},
    {"confINPUT_MAIL_FILTERS", "InputMailFilters"},
    {"confMAX_DAEMON_CHILDREN", "MaxDaemonChildren"},
    {"confMAX_RCPTS_PER_MESSAGE", "MaxRecipientsPerMessage"},
    {"confPRIVACY_FLAGS", "PrivacyOptions"},
    {"confSERVER_CERT", "ServerCertFile"},
    {"confSMTP_LOGIN_MSG", "SmtpGreetingMessage"},
};

static void add(
    struct reader *r, enum sm_kind kind, const char *name, const char *value, unsigned line)
{
	sm_add(r->sm, kind, name, value, r->file, line);
}

static void on_define(struct reader *r, const struct call *c)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(c->args[0], options[i].macro) == 0)
			add(r, SM_OPTION, options[i].option, c->args[1], c->line);
	if (strcmp(c->args[0], "confCW_FILE") == 0)
		r->cw_file = arena_strdup(&r->sm->arena, c->args[1]);
	else if (strcmp(c->args[0], "confCR_FILE") == 0)
		r->cr_file = arena_strdup(&r->sm->arena, c->args[1]);
	else if (strcmp(c->args[0], "confINPUT_MAIL_FILTERS") == 0)
		strbuf_reset(&r->filters);
}

static void on_feature(struct reader *r, const struct call *c)
{
	add(r, SM_FEATURE, c->args[0], c->args[1], c->line);
	if (strcmp(c->args[0], "access_db") == 0)
		add(r, SM_MAP, "access",
		    c->args[1][0] != '\0' ? c->args[1] : "hash -T<TMPF> /etc/mail/access", c->line);
	else if (strcmp(c->args[0], "use_cw_file") == 0)
		add(r, SM_FILE, "w",
		    r->cw_file != NULL ? r->cw_file : "-o /etc/mail/local-host-names", c->line);
}

static void on_words(struct reader *r, const char *name, const struct call *c)
{
	const char *at = c->args[0];
	char word[256];

	while (sm_take(&at, " \t\n", word, sizeof(word)))
		add(r, SM_CLASS, name, word, c->line);
}

static void on_filter(struct reader *r, const struct call *c)
{
	add(r, SM_FILTER, c->args[0], c->args[1], c->line);
	if (r->filters.len > 0)
		strbuf_puts(&r->filters, ", ");
	strbuf_puts(&r->filters, c->args[0]);
}

static void on_condition(struct reader *r, const char *macro, const struct call *c)
{
	for (size_t i = 1; i < c->count; i++)
		if (strstr(c->args[i], "FEATURE") != NULL || strstr(c->args[i], "define") != NULL) {
			findings_note(r->sm->notes,
			    "%s:%u: what depends on a condition (%s) is not judged.", r->file,
			    c->line, macro);
			return;
		}
}

static void on_call(struct reader *r, const char *macro, const struct call *c)
{
	if (strcmp(macro, "define") == 0) {
		on_define(r, c);
	} else if (strcmp(macro, "FEATURE") == 0) {
		on_feature(r, c);
	} else if (strcmp(macro, "DAEMON_OPTIONS") == 0) {
		add(r, SM_DAEMON, "", c->args[0], c->line);
		r->has_daemon = true;
	} else if (strcmp(macro, "INPUT_MAIL_FILTER") == 0) {
		on_filter(r, c);
	} else if (strcmp(macro, "MAIL_FILTER") == 0) {
		add(r, SM_FILTER, c->args[0], c->args[1], c->line);
	} else if (strcmp(macro, "RELAY_DOMAIN") == 0) {
		on_words(r, "R", c);
	} else if (strcmp(macro, "RELAY_DOMAIN_FILE") == 0) {
		add(r, SM_FILE, "R", c->args[0], c->line);
	} else if (strcmp(macro, "LOCAL_DOMAIN") == 0) {
		on_words(r, "w", c);
	} else if (strcmp(macro, "VIRTUSER_DOMAIN") == 0) {
		on_words(r, "VirtHost", c);
	} else if (strcmp(macro, "VIRTUSER_DOMAIN_FILE") == 0) {
		add(r, SM_FILE, "VirtHost", c->args[0], c->line);
	} else if (strcmp(macro, "TRUST_AUTH_MECH") == 0) {
		on_words(r, "TrustAuthMech", c);
	} else if (strcmp(macro, "divert") == 0) {
		r->diverted = c->args[0][0] == '-';
	} else if (strcmp(macro, "ifdef") == 0 || strcmp(macro, "ifelse") == 0) {
		on_condition(r, macro, c);
	} else if (strcmp(macro, "include") == 0 || strcmp(macro, "sinclude") == 0) {
		/* m4's own part is in every sendmail.mc. */
		if (strstr(c->args[0], "m4/cf.m4") == NULL)
			findings_note(
			    r->sm->notes, "%s:%u: %s is not read.", r->file, c->line, c->args[0]);
	}
}

/* --- the file ------------------------------------------------------------------------ */

/* Does a line of sendmail.cf begin here? A name with a parenthesis or an underscore is a macro. */
static bool is_cf_line(const struct reader *r)
{
	size_t len = name_len(r);

	if (r->diverted || strchr("CDFKORSX", *r->at) == NULL)
		return false;
	if (r->at + len < r->end && r->at[len] == '(')
		return false;
	return memchr(r->at, '_', len) == NULL || *r->at == 'S' || *r->at == 'K';
}

/* All lines up to the next that is none: a ruleset stays whole. */
static void read_cf_lines(struct reader *r)
{
	const char *start = r->at;
	unsigned first = r->line;

	while (r->at < r->end && (is_cf_line(r) || *r->at == ' ' || *r->at == '\t' ||
				     *r->at == '#' || *r->at == '\n'))
		skip_line(r);
	sm_read_cf(r->sm, start, (size_t)(r->at - start), r->file, first);
}

static void read_macro(struct reader *r)
{
	char macro[64];
	size_t len = name_len(r);
	struct call c;

	if (is_word(r, len, "dnl")) {
		skip_line(r);
		return;
	}
	snprintf(macro, sizeof(macro), "%.*s", (int)(len < sizeof(macro) ? len : 0), r->at);
	r->at += len;
	if (r->at < r->end && *r->at == '(') {
		read_call(r, &c);
		on_call(r, macro, &c);
	}
}

/* What m4 makes of what is not said. */
static void add_defaults(struct reader *r)
{
	if (!r->has_daemon)
		add(r, SM_DAEMON, "", "Name=MTA", 0);
	if (sm_last(r->sm, SM_FEATURE, "no_default_msa") == NULL)
		add(r, SM_DAEMON, "", "Port=587, Name=MSA, M=E", 0);
	if (r->filters.len > 0)
		add(r, SM_OPTION, "InputMailFilters", strbuf_text(&r->filters), 0);
	add(r, SM_FILE, "R", r->cr_file != NULL ? r->cr_file : "-o /etc/mail/relay-domains", 0);
}

void sm_read_mc(struct sm *sm, const char *text, size_t len, const char *file)
{
	struct reader r = {.sm = sm, .file = file, .at = text, .end = text + len, .line = 1};
	bool fresh = true; /* at the start of a line */

	while (r.at < r.end) {
		bool was_fresh = fresh;

		fresh = false;
		if (*r.at == '\n') {
			step(&r);
			fresh = true;
		} else if (was_fresh && is_cf_line(&r)) {
			read_cf_lines(&r);
			fresh = true;
		} else if (*r.at == '#') {
			skip_line(&r);
			fresh = true;
		} else if (*r.at == '`') {
			struct strbuf none = {.max = 1};

			read_quoted(&r, &none);
			strbuf_free(&none);
		} else if (name_len(&r) > 0) {
			bool at_dnl = is_word(&r, name_len(&r), "dnl");

			read_macro(&r);
			fresh = at_dnl;
		} else {
			step(&r);
		}
	}
	add_defaults(&r);
	strbuf_free(&r.filters);
}
