#include "selftest/output.h"

#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"

static const char *outcome_word(const struct trial *t)
{
	switch (t->got.kind) {
	case OUTCOME_NONE:
		return "not tried";
	case OUTCOME_ACCEPTED:
		return "accepted";
	case OUTCOME_REFUSED:
		return "refused";
	case OUTCOME_DEFERRED:
		return "deferred";
	case OUTCOME_ERROR:
		break;
	}
	return "error";
}

static const char *want_word(const struct trial *t)
{
	return t->want_accepted ? "accepted" : "refused";
}

/* Who said no: the guard leaves its session's mark. */
static const char *by_word(const struct trial *t)
{
	if (t->got.kind != OUTCOME_REFUSED && t->got.kind != OUTCOME_DEFERRED)
		return "";
	return t->got.by_guard ? "guard" : "mta";
}

/* What is wrong, and what to change, in one sentence. */
static const char *advice(const struct trial *t)
{
	if (t->got.kind == OUTCOME_ERROR || t->got.kind == OUTCOME_NONE)
		return "There was no answer that could be judged.";
	if (!t->want_accepted)
		return "A stranger may relay. Look for a network list that is too wide, a rule "
		       "that "
		       "permits too much (relay-guard explain), or a mail server without the "
		       "guard.";
	if (t->probe->kind == PROBE_CONTROL)
		return "Mail for our own domain is refused. Is the domain in `domains ours`, and "
		       "does the mail server know the recipient?";
	return "Who may relay can't. Look at the rule (relay-guard explain) and at the mail "
	       "server's own relay settings.";
}

struct output_counts output_count(const struct plan *p)
{
	struct output_counts n = {0};

	for (size_t i = 0; i < p->count; i++) {
		if (trial_is_right(&p->trials[i]))
			n.right++;
		else
			n.wrong++;
		if (p->trials[i].got.kind == OUTCOME_ERROR)
			n.errors++;
	}
	return n;
}

/* Escaped, and cut to `width` with dots where it is longer. */
static void put_cell(FILE *to, const char *text, size_t width)
{
	struct strbuf b = {0};
	const char *safe;

	escape_text(&b, text, strlen(text));
	safe = strbuf_text(&b);
	if (strlen(safe) <= width)
		fprintf(to, "%-*s", (int)width, safe);
	else
		fprintf(to, "%.*s..", (int)width - 2, safe);
	strbuf_free(&b);
}

static void text_row(const struct trial *t, bool colour, FILE *to)
{
	bool right = trial_is_right(t);

	fputs(colour ? (right ? "\033[32m" : "\033[31m") : "", to);
	fputs(right ? "ok   " : "FAIL ", to);
	fputs(colour ? "\033[0m" : "", to);
	put_cell(to, t->actor->name, 15);
	fputc(' ', to);
	put_cell(to, t->probe->name, 20);
	fputc(' ', to);
	put_cell(to, t->probe->kind == PROBE_CONTROL ? "ours" : "outside", 8);
	put_cell(to, want_word(t), 9);
	put_cell(to, outcome_word(t), 9);
	fprintf(to, "%3u %s\n", t->got.code, by_word(t));
}

static void text_failure(const struct trial *t, FILE *to)
{
	struct strbuf b = {0};

	strbuf_puts(&b, "  ");
	escape_text(&b, t->from, strlen(t->from));
	strbuf_puts(&b, " -> ");
	escape_text(&b, t->to, strlen(t->to));
	strbuf_puts(&b, "\n  answer: ");
	escape_text(&b, t->got.text, strlen(t->got.text));
	fprintf(to, "\n%s, %s (%s): %s was expected, it was %s.\n%s\n  %s\n", t->actor->name,
	    t->probe->name, t->probe->says, want_word(t), outcome_word(t), strbuf_text(&b),
	    advice(t));
	strbuf_free(&b);
}

static void output_text(const struct plan *p, bool colour, FILE *to)
{
	struct output_counts n = output_count(p);

	fprintf(to, "%-5s%-15s %-20s %-8s%-9s%-9s%s\n", "", "who", "probe", "to", "wanted", "got",
	    "by");
	for (size_t i = 0; i < p->count; i++)
		text_row(&p->trials[i], colour, to);
	for (size_t i = 0; i < p->count; i++)
		if (!trial_is_right(&p->trials[i]))
			text_failure(&p->trials[i], to);
	fprintf(to, "\n%zu rows: %zu right, %zu wrong\n", p->count, n.right, n.wrong);
}

static void add_member(struct strbuf *b, const char *key, const char *value)
{
	strbuf_printf(b, "%s\"%s\": ", b->data[b->len - 1] == '{' ? "" : ", ", key);
	escape_json(b, value, strlen(value));
}

static void output_json(const struct plan *p, FILE *to)
{
	struct output_counts n = output_count(p);
	struct strbuf b = {0};

	strbuf_puts(&b, "{\"rows\": [");
	for (size_t i = 0; i < p->count; i++) {
		const struct trial *t = &p->trials[i];

		strbuf_puts(&b, i == 0 ? "\n{" : ",\n{");
		add_member(&b, "actor", t->actor->name);
		add_member(&b, "probe", t->probe->name);
		add_member(&b, "from", t->from);
		add_member(&b, "to", t->to);
		add_member(&b, "wanted", want_word(t));
		add_member(&b, "got", outcome_word(t));
		add_member(&b, "by", by_word(t));
		add_member(&b, "answer", t->got.text);
		strbuf_printf(&b, ", \"code\": %u, \"right\": %s}", t->got.code,
		    trial_is_right(t) ? "true" : "false");
	}
	strbuf_printf(&b, "\n], \"right\": %zu, \"wrong\": %zu}\n", n.right, n.wrong);
	fputs(strbuf_text(&b), to);
	strbuf_free(&b);
}

static void output_tap(const struct plan *p, FILE *to)
{
	fprintf(to, "1..%zu\n", p->count);
	for (size_t i = 0; i < p->count; i++) {
		const struct trial *t = &p->trials[i];

		fprintf(to, "%sok %zu - %s, %s: %s\n", trial_is_right(t) ? "" : "not ", i + 1,
		    t->actor->name, t->probe->name, outcome_word(t));
	}
}

/* XML has no escape for control characters: put_cell()'s escapes come first. */
static void put_xml(FILE *to, const char *text)
{
	struct strbuf b = {0};

	escape_text(&b, text, strlen(text));
	for (const char *p = strbuf_text(&b); *p != '\0'; p++) {
		if (*p == '<')
			fputs("&lt;", to);
		else if (*p == '&')
			fputs("&amp;", to);
		else if (*p == '"')
			fputs("&quot;", to);
		else
			fputc(*p, to);
	}
	strbuf_free(&b);
}

static void output_junit(const struct plan *p, FILE *to)
{
	struct output_counts n = output_count(p);

	fprintf(to,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<testsuite name=\"relay-guard selftest\" tests=\"%zu\" failures=\"%zu\">\n",
	    p->count, n.wrong);
	for (size_t i = 0; i < p->count; i++) {
		const struct trial *t = &p->trials[i];

		fputs("<testcase classname=\"", to);
		put_xml(to, t->actor->name);
		fprintf(to, "\" name=\"%s\"", t->probe->name);
		if (trial_is_right(t)) {
			fputs("/>\n", to);
			continue;
		}
		fputs("><failure message=\"", to);
		put_xml(to, t->got.text);
		fputs("\">", to);
		put_xml(to, advice(t));
		fputs("</failure></testcase>\n", to);
	}
	fputs("</testsuite>\n", to);
}

void output_trials(const struct plan *p, enum output_format format, bool colour, FILE *to)
{
	switch (format) {
	case OUTPUT_TEXT:
		output_text(p, colour, to);
		break;
	case OUTPUT_JSON:
		output_json(p, to);
		break;
	case OUTPUT_TAP:
		output_tap(p, to);
		break;
	case OUTPUT_JUNIT:
		output_junit(p, to);
		break;
	}
}

void output_probes(const struct probe_names *n, enum output_format format, FILE *to)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < probe_count; i++) {
		char from[PROBE_ADDRESS_MAX], rcpt[PROBE_ADDRESS_MAX];

		probe_expand(probe_table[i].from, n, from, sizeof(from));
		probe_expand(probe_table[i].to, n, rcpt, sizeof(rcpt));
		if (format == OUTPUT_JSON) {
			strbuf_puts(&b, i == 0 ? "[\n{" : ",\n{");
			add_member(&b, "name", probe_table[i].name);
			add_member(&b, "from", from);
			add_member(&b, "to", rcpt);
			strbuf_puts(&b, "}");
			continue;
		}
		strbuf_printf(&b, "%-22s ", probe_table[i].name);
		escape_text(&b, from, strlen(from));
		strbuf_putc(&b, ' ');
		escape_text(&b, rcpt, strlen(rcpt));
		strbuf_putc(&b, '\n');
	}
	if (format == OUTPUT_JSON)
		strbuf_puts(&b, "\n]\n");
	fputs(strbuf_text(&b), to);
	strbuf_free(&b);
}
