/* relay-guard verify: what SPF, and each further mechanism of the table below, says of one message.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "auth/arc.h"
#include "auth/authres.h"
#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/fields.h"
#include "auth/from.h"
#include "auth/resolver.h"
#include "auth/spf.h"
#include "base/addr.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/escape.h"
#include "base/strbuf.h"

enum {
	MESSAGE_MAX = 256 * 1024 * 1024,
	LOOKUPS_MAX = 300,
	DEADLINE_S = 20, /* for all of it */
	LOOKUP_S = 4,
	HOST_SIZE = 256,
};

/* Everything that is known of the case at hand, and what has been found so far. */
struct judgement {
	struct spf_query query;
	struct strbuf message; /* as it was read; empty: the envelope alone is judged */
	struct resolver *resolver;
	struct dns_budget budget;
	struct arena arena;
	char host[HOST_SIZE];

	struct spf_outcome spf;
	struct dkim_check *dkim_check;
	struct dkim_outcome dkim;
	struct from from;
	struct dmarc_lookup *dmarc_lookup;
	struct dmarc_outcome dmarc;
	struct arc_check *arc_check;
	struct arc_outcome arc;
};

struct options {
	const char *client, *helo, *from, *resolver, *receiver, *anchor;
	bool json;
};

/* --- one mechanism, one row ------------------------------------------------- */

static void put_member(struct strbuf *b, const char *key, const char *value)
{
	if (b->len > 0 && b->data[b->len - 1] != '{')
		strbuf_puts(b, ", ");
	escape_json(b, key, strlen(key));
	strbuf_puts(b, ": ");
	if (value == NULL)
		strbuf_puts(b, "null");
	else
		escape_json(b, value, strlen(value));
}

static void put_bool(struct strbuf *b, const char *key, bool value)
{
	strbuf_printf(b, ", \"%s\": %s", key, value ? "true" : "false");
}

static void put_line(struct strbuf *b, const char *key, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	strbuf_printf(b, "  %-12s ", key);
	escape_text(b, value, strlen(value));
	strbuf_putc(b, '\n');
}

static void spf_judge(struct judgement *j)
{
	spf_check(j->resolver, &j->budget, &j->query, SPF_MAILFROM, &j->arena, &j->spf);
}

static void spf_json(const struct judgement *j, struct strbuf *b)
{
	strbuf_putc(b, '{');
	put_member(b, "identity", spf_identity_name(j->spf.identity));
	put_member(b, "domain", j->spf.domain);
	put_member(b, "result", spf_result_name(j->spf.result));
	put_member(b, "reason", j->spf.reason);
	put_member(b, "explanation", j->spf.explanation);
	strbuf_putc(b, '}');
}

static void spf_text(const struct judgement *j, struct strbuf *b)
{
	strbuf_printf(b, "spf: %s\n", spf_result_name(j->spf.result));
	put_line(b, "identity", spf_identity_name(j->spf.identity));
	put_line(b, "domain", j->spf.domain);
	put_line(b, "reason", j->spf.reason);
	put_line(b, "explanation", j->spf.explanation);
}

static void spf_results(const struct judgement *j, struct authres *w)
{
	authres_spf(w, &j->query, &j->spf);
}

static void dkim_begin(struct judgement *j)
{
	struct field_reader r = {.message = j->message.data, .len = j->message.len};
	struct field f;

	j->dkim_check = dkim_check_open(j->resolver, &j->budget, NULL, j->query.now);
	/* Blanks in front of the colon are part of what may have been signed. */
	while (field_next(&r, &f))
		dkim_check_header(
		    j->dkim_check, f.name, (size_t)(f.value - f.name) - 1, f.value, f.value_len);
	if (dkim_check_end_of_header(j->dkim_check))
		dkim_check_body(j->dkim_check, j->message.data + r.at, j->message.len - r.at);
}

static void dkim_judge(struct judgement *j)
{
	dkim_check_finish(j->dkim_check, &j->arena, &j->dkim);
	dkim_check_free(&j->dkim_check);
}

static void dkim_json(const struct judgement *j, struct strbuf *b)
{
	strbuf_putc(b, '[');
	for (size_t i = 0; i < j->dkim.count; i++) {
		const struct dkim_signature *s = &j->dkim.signatures[i];

		strbuf_puts(b, i == 0 ? "{" : ", {");
		put_member(b, "domain", s->domain);
		put_member(b, "selector", s->selector);
		put_member(b, "algorithm", s->algorithm);
		put_member(b, "identity", s->identity);
		put_member(b, "result", dkim_result_name(s->result));
		put_member(b, "reason", s->reason);
		strbuf_putc(b, '}');
	}
	strbuf_putc(b, ']');
}

static void dkim_text(const struct judgement *j, struct strbuf *b)
{
	if (j->dkim.count == 0)
		strbuf_puts(b, "dkim: none\n");
	for (size_t i = 0; i < j->dkim.count; i++) {
		const struct dkim_signature *s = &j->dkim.signatures[i];

		strbuf_printf(b, "dkim: %s\n", dkim_result_name(s->result));
		put_line(b, "domain", s->domain);
		put_line(b, "selector", s->selector);
		put_line(b, "algorithm", s->algorithm);
		put_line(b, "identity", s->identity);
		put_line(b, "reason", s->reason);
	}
}

static void dkim_results(const struct judgement *j, struct authres *w)
{
	if (j->dkim.count == 0)
		authres_dkim(w, &(struct authres_dkim){.result = "none"});
	for (size_t i = 0; i < j->dkim.count; i++) {
		const struct dkim_signature *s = &j->dkim.signatures[i];
		const struct authres_dkim d = {.result = dkim_result_name(s->result),
		    .reason = s->result == DKIM_PASS ? NULL : s->reason,
		    .domain = s->domain,
		    .selector = s->selector,
		    .algorithm = s->algorithm,
		    .auid = s->identity,
		    .b = s->b};

		authres_dkim(w, &d);
	}
}

/* Asks for what will be needed, so that it is on its way while the others are judged. */
static void dmarc_begin(struct judgement *j)
{
	struct field_reader r = {.message = j->message.data, .len = j->message.len};
	struct field f;

	while (field_next(&r, &f))
		if (field_is(&f, "From"))
			from_add(&j->from, &j->arena, f.value, f.value_len);
	if (j->from.status == FROM_ONE)
		j->dmarc_lookup = dmarc_start(j->resolver, &j->budget, j->from.domain);
}

static enum dmarc_auth spf_for_dmarc(enum spf_result r)
{
	if (r == SPF_PASS)
		return DMARC_AUTH_PASSED;
	return r == SPF_TEMPERROR ? DMARC_AUTH_TEMPERROR : DMARC_AUTH_FAILED;
}

/* The signatures that may align, or might have if DNS had answered. */
static size_t dkim_for_dmarc(
    const struct dkim_outcome *dkim, struct dmarc_identifier list[], size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < dkim->count && count < room; i++) {
		const struct dkim_signature *s = &dkim->signatures[i];

		if (s->usable)
			list[count++] = (struct dmarc_identifier){s->domain, DMARC_AUTH_PASSED};
		else if (s->result == DKIM_TEMPERROR)
			list[count++] = (struct dmarc_identifier){s->domain, DMARC_AUTH_TEMPERROR};
	}
	return count;
}

static void dmarc_judge(struct judgement *j)
{
	struct dmarc_identifier dkim[DMARC_WALKS_MAX];
	const struct dmarc_query q = {
	    .spf = {j->spf.domain, spf_for_dmarc(j->spf.result)},
	    .dkim = dkim,
	    .dkim_count = dkim_for_dmarc(&j->dkim, dkim, DMARC_WALKS_MAX),
	};

	if (j->from.status == FROM_ONE)
		dmarc_finish(&j->dmarc_lookup, &j->budget, &q, &j->arena, &j->dmarc);
	else
		dmarc_check(j->resolver, &j->budget, &j->from, &q, &j->arena, &j->dmarc);
}

/* What the record asks for; NULL where none applies. */
static const char *dmarc_policy_asked(const struct dmarc_outcome *d)
{
	return d->record_domain == NULL ? NULL : dmarc_policy_name(d->policy);
}

static void dmarc_json(const struct judgement *j, struct strbuf *b)
{
	strbuf_putc(b, '{');
	put_member(b, "result", dmarc_result_name(j->dmarc.result));
	put_member(b, "domain", j->dmarc.domain);
	put_member(b, "record_domain", j->dmarc.record_domain);
	put_member(b, "organizational_domain", j->dmarc.organizational_domain);
	put_member(b, "policy", dmarc_policy_asked(&j->dmarc));
	put_bool(b, "spf_aligned", j->dmarc.spf_aligned);
	put_bool(b, "dkim_aligned", j->dmarc.dkim_aligned);
	put_member(b, "reason", j->dmarc.reason);
	strbuf_putc(b, '}');
}

static void dmarc_text(const struct judgement *j, struct strbuf *b)
{
	const struct dmarc_outcome *d = &j->dmarc;

	strbuf_printf(b, "dmarc: %s\n", dmarc_result_name(d->result));
	put_line(b, "domain", d->domain);
	put_line(b, "record", d->record_domain);
	put_line(b, "organization", d->organizational_domain);
	put_line(b, "policy", dmarc_policy_asked(d));
	if (d->record_domain != NULL) {
		put_line(b, "spf aligned", d->spf_aligned ? "yes" : "no");
		put_line(b, "dkim aligned", d->dkim_aligned ? "yes" : "no");
	}
	put_line(b, "reason", d->reason);
}

static void dmarc_results(const struct judgement *j, struct authres *w)
{
	const struct authres_dmarc d = {.result = dmarc_result_name(j->dmarc.result),
	    .policy = dmarc_policy_asked(&j->dmarc),
	    .from = j->dmarc.domain,
	    .reason = NULL};

	authres_dmarc(w, &d);
}

static void arc_begin(struct judgement *j)
{
	struct field_reader r = {.message = j->message.data, .len = j->message.len};
	struct field f;

	j->arc_check = arc_check_open(j->resolver, &j->budget, j->query.now);
	while (field_next(&r, &f))
		/* All in front of the colon, blanks included. */
		arc_check_header(
		    j->arc_check, f.name, (size_t)(f.value - f.name) - 1, f.value, f.value_len);
	if (arc_check_end_of_header(j->arc_check))
		arc_check_body(j->arc_check, j->message.data + r.at, j->message.len - r.at);
}

static void arc_judge(struct judgement *j)
{
	arc_check_finish(j->arc_check, &j->arena, &j->arc);
	arc_check_free(&j->arc_check);
}

/* How many sets are told of: those of a chain that passes. */
static unsigned arc_sets(const struct judgement *j)
{
	return j->arc.sets == NULL ? 0 : j->arc.instances;
}

static void arc_json(const struct judgement *j, struct strbuf *b)
{
	strbuf_putc(b, '{');
	put_member(b, "result", arc_result_name(j->arc.result));
	strbuf_printf(
	    b, ", \"instances\": %u, \"oldest_pass\": %u", j->arc.instances, j->arc.oldest_pass);
	put_member(b, "reason", j->arc.reason);
	strbuf_puts(b, ", \"sealers\": [");
	for (unsigned i = 0; i < arc_sets(j); i++) {
		strbuf_puts(b, i == 0 ? "" : ", ");
		escape_json(b, j->arc.sets[i].domain, strlen(j->arc.sets[i].domain));
	}
	strbuf_puts(b, "]}");
}

static void arc_text(const struct judgement *j, struct strbuf *b)
{
	strbuf_printf(b, "arc: %s\n", arc_result_name(j->arc.result));
	for (unsigned i = 0; i < arc_sets(j); i++)
		put_line(b, "sealer", j->arc.sets[i].domain);
	put_line(b, "reason", j->arc.reason);
}

static void arc_results(const struct judgement *j, struct authres *w)
{
	const struct authres_arc d = {.result = arc_outcome_word(&j->arc),
	    .reason = j->arc.result == ARC_FAIL ? j->arc.reason : NULL,
	    .oldest_pass = (int)j->arc.oldest_pass,
	    .client = &j->query.client};

	authres_arc(w, &d);
}

static const struct mechanism {
	const char *key;
	bool needs_message;
	/* It may have so many results that the field is full: they come last there. */
	bool many;
	/* Starts its look-ups; NULL: none. */
	void (*begin)(struct judgement *j);
	void (*judge)(struct judgement *j);
	/* Adds the value of `key`. */
	void (*json)(const struct judgement *j, struct strbuf *b);
	void (*text)(const struct judgement *j, struct strbuf *b);
	/* Adds what stands of it in Authentication-Results. */
	void (*results)(const struct judgement *j, struct authres *w);
} mechanisms[] = {
    /* In this order they are judged: DMARC looks at what SPF and DKIM found. */
    {"spf", false, false, NULL, spf_judge, spf_json, spf_text, spf_results},
    {"dkim", true, true, dkim_begin, dkim_judge, dkim_json, dkim_text, dkim_results},
    {"dmarc", true, false, dmarc_begin, dmarc_judge, dmarc_json, dmarc_text, dmarc_results},
    {"arc", true, false, arc_begin, arc_judge, arc_json, arc_text, arc_results},
};

enum { MECHANISMS = sizeof(mechanisms) / sizeof(mechanisms[0]) };

static bool applies(const struct judgement *j, const struct mechanism *m)
{
	return !m->needs_message || j->message.len > 0;
}

/* The field that the daemon would insert. */
static void put_authres(const struct judgement *j, struct strbuf *b, bool json)
{
	struct authres w;
	const char *value;

	authres_begin(&w, j->query.receiver, json ? " " : "\n    ");
	for (int many = 0; many < 2; many++)
		for (size_t i = 0; i < MECHANISMS; i++)
			if (mechanisms[i].many == (many == 1) && applies(j, &mechanisms[i]))
				mechanisms[i].results(j, &w);
	value = authres_end(&w);
	if (value == NULL) {
		b->failed = true;
	} else if (json) {
		put_member(b, "authentication_results", value);
	} else {
		strbuf_printf(b, "authentication_results:\n  %s\n", value);
	}
	authres_free(&w);
}

static int print(const struct judgement *j, bool json)
{
	struct strbuf b = {0};
	bool first = true, ok;

	if (json)
		strbuf_putc(&b, '{');
	for (size_t i = 0; i < MECHANISMS; i++) {
		if (!applies(j, &mechanisms[i]))
			continue;
		if (json) {
			strbuf_printf(&b, "%s\"%s\": ", first ? "" : ", ", mechanisms[i].key);
			mechanisms[i].json(j, &b);
		} else {
			mechanisms[i].text(j, &b);
		}
		first = false;
	}
	put_authres(j, &b, json);
	if (json)
		strbuf_puts(&b, "}\n");
	ok = !b.failed && fwrite(b.data, 1, b.len, stdout) == b.len && fflush(stdout) == 0;
	strbuf_free(&b);
	if (!ok)
		fputs("relay-guard verify: can't write the result\n", stderr);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

/* --- input ------------------------------------------------------------------- */

static int read_message(struct strbuf *message)
{
	char chunk[65536];
	ssize_t n;

	message->max = MESSAGE_MAX;
	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0)
		strbuf_add(message, chunk, (size_t)n);
	if (n < 0) {
		perror("relay-guard verify: standard input");
		return EXIT_NO_INPUT;
	}
	if (message->failed) {
		fprintf(stderr,
		    "relay-guard verify: standard input: the message is larger than %d bytes\n",
		    MESSAGE_MAX);
		return EXIT_DATA;
	}
	return EXIT_OK;
}

/* ADDRESS or ADDRESS@PORT. */
static bool is_server(const char *text)
{
	const char *at = strchr(text, '@');
	struct addr a;
	char *end;
	long port;

	if (!addr_parse(text, at == NULL ? strlen(text) : (size_t)(at - text), &a))
		return false;
	if (at == NULL)
		return true;
	port = strtol(at + 1, &end, 10);
	return at[1] >= '0' && at[1] <= '9' && *end == '\0' && port >= 1 && port <= 65535;
}

/* The path without its angle brackets. */
static const char *unbracket(struct arena *a, const char *path)
{
	size_t len = strlen(path);

	if (len < 2 || path[0] != '<' || path[len - 1] != '>')
		return path;
	return arena_strndup(a, path + 1, len - 2);
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	    {"client", required_argument, NULL, 'C'},
	    {"helo", required_argument, NULL, 'H'},
	    {"from", required_argument, NULL, 'F'},
	    {"resolver", required_argument, NULL, 'R'},
	    {"receiver", required_argument, NULL, 'V'},
	    {"trust-anchor", required_argument, NULL, 'A'},
	    {"format", required_argument, NULL, 'f'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:", known, NULL)) != -1) {
		if (c == 'C')
			o->client = optarg;
		else if (c == 'H')
			o->helo = optarg;
		else if (c == 'F')
			o->from = optarg;
		else if (c == 'R')
			o->resolver = optarg;
		else if (c == 'V')
			o->receiver = optarg;
		else if (c == 'A')
			o->anchor = optarg;
		else if (c == 'f' && strcmp(optarg, "json") == 0)
			o->json = true;
		else if (c == 'f' && strcmp(optarg, "text") == 0)
			o->json = false;
		else if (c == 'f')
			return command_usage(
			    &command_verify, "--format %s: text or json was expected", optarg);
		else if (c == ':')
			return command_usage(&command_verify, "%s needs a value", argv[optind - 1]);
		else
			return command_usage(
			    &command_verify, "%s: no such option", argv[optind - 1]);
	}
	if (optind < argc)
		return command_usage(&command_verify,
		    "`%s`: no arguments are expected; the message is read from standard input",
		    argv[optind]);
	return EXIT_OK;
}

static int check_options(const struct options *o, struct judgement *j)
{
	if (o->client == NULL)
		return command_usage(
		    &command_verify, "--client IP is missing: who sent the message?");
	if (!addr_parse(o->client, strlen(o->client), &j->query.client))
		return command_usage(&command_verify,
		    "--client %s: an IPv4 or IPv6 address was expected", o->client);
	if (o->resolver != NULL && !is_server(o->resolver))
		return command_usage(&command_verify,
		    "--resolver %s: ADDRESS or ADDRESS@PORT was expected, as in 127.0.0.1@5353",
		    o->resolver);
	j->query.helo = o->helo == NULL ? "" : o->helo;
	j->query.sender = unbracket(&j->arena, o->from == NULL ? "" : o->from);
	if (gethostname(j->host, sizeof(j->host) - 1) != 0)
		j->host[0] = '\0';
	j->query.receiver = o->receiver == NULL ? j->host : o->receiver;
	j->query.now = clock_now();
	return j->query.sender == NULL ? EXIT_AGAIN : EXIT_OK;
}

/* --- the command -------------------------------------------------------------- */

static int judge(struct judgement *j, const struct options *o)
{
	const char *const servers[] = {o->resolver, NULL};
	struct resolver_options options = {.forward = servers, .trust_anchor = o->anchor};
	const char *error;

	j->resolver = resolver_open(&options, &error);
	if (j->resolver == NULL) {
		fprintf(stderr, "relay-guard verify: no resolver: %s\n", error);
		return EXIT_UNAVAILABLE;
	}
	j->budget =
	    dns_budget_make(DEADLINE_S * USEC_PER_SEC, LOOKUP_S * USEC_PER_SEC, LOOKUPS_MAX);
	for (size_t i = 0; i < MECHANISMS; i++)
		if (applies(j, &mechanisms[i]) && mechanisms[i].begin != NULL)
			mechanisms[i].begin(j);
	for (size_t i = 0; i < MECHANISMS; i++)
		if (applies(j, &mechanisms[i]))
			mechanisms[i].judge(j);
	resolver_close(&j->resolver);
	return print(j, o->json);
}

static int run(int argc, char **argv)
{
	struct judgement j = {.resolver = NULL};
	struct options o = {.client = NULL};
	int code = read_options(argc, argv, &o);

	if (code == EXIT_OK)
		code = check_options(&o, &j);
	if (code == EXIT_OK)
		code = read_message(&j.message);
	if (code == EXIT_OK)
		code = judge(&j, &o);
	strbuf_free(&j.message);
	arena_free(&j.arena);
	return code;
}

const struct command command_verify = {
    .name = "verify",
    .arguments = "--client IP [--helo H] [--from ADDR] [--resolver ADDR@PORT] < MESSAGE",
    .summary = "says what SPF, DKIM, DMARC and ARC find of one message, and why",
    .details =
	"  --client IP           who sent it\n"
	"  --helo NAME           what it said in HELO or EHLO\n"
	"  --from ADDRESS        the envelope sender; left out or empty: the null sender\n"
	"  --resolver ADDR@PORT  the only server to ask; else those of /etc/resolv.conf\n"
	"  --trust-anchor FILE   DS or DNSKEY records: refuse what DNSSEC says was altered\n"
	"  --receiver NAME       this host's name; else its own\n"
	"  --format text|json    default: text\n"
	"\n"
	"The message is read from standard input, with lines that end in LF or CRLF. An\n"
	"empty one is none: then only the envelope is judged. Exit 0 whenever it could judge.\n",
    .run = run,
};
