#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "tool/suggest.h"
#include "tool/suggest_impl.h"

static const char *const kind_names[KEY_KINDS] = {
    "login", "client", "client-net", "sender", "sender-domain", "recipient", "recipient-domain"};
static const char *const measure_names[MEASURES] = {
    "recipients", "messages", "distinct client-net"};
static const char *const period_names[PERIODS] = {"hour", "day"};

/* --- sections to start with -------------------------------------------------------------- */

/* Up, to a number that people would write. */
static uint64_t rounded(uint64_t n)
{
	uint64_t step = 1;

	while (n > 20 * step)
		step *= n > 50 * step ? 10 : 5;
	return (n + step - 1) / step * step;
}

/* Twice what 99 of a hundred need: room for a busy day, none for a stolen account. */
static uint64_t suggested(const struct summary *v, uint64_t least)
{
	uint64_t n = rounded(2 * (uint64_t)v->p99);

	return n > least ? n : least;
}

struct proposal {
	const char *name, *key, *count, *on_exceed;
	enum key_kind kind;
	enum measure measure;
	uint64_t least;
};

static const struct proposal proposals[] = {
    {"login-recipients", "login", "recipients", "defer", KEY_LOGIN, RECIPIENTS, 20},
    {"login-networks", "login", "distinct client-net", "note", KEY_LOGIN, NETWORKS, 3},
    {"client-recipients", "client-prefix", "recipients", "defer", KEY_CLIENT, RECIPIENTS, 20},
    {"sender-recipients", "sender", "recipients", "defer", KEY_SENDER, RECIPIENTS, 20},
};

static void warn_of_busiest(
    struct strbuf *b, const struct summary *v, uint64_t rate, unsigned period)
{
	char when[CLOCK_TEXT_MAX];

	if (v->busiest->count <= rate)
		return;
	clock_format(v->busiest->at * USEC_PER_SEC, when);
	strbuf_puts(b, "# Exceeded by ");
	escape_text(b, v->busiest->key, strlen(v->busiest->key));
	strbuf_printf(
	    b, ": %" PRIu32 " in the %s of %s.\n", v->busiest->count, period_names[period], when);
}

static void propose(const struct suggest *s, const struct proposal *p, struct strbuf *b)
{
	struct summary hour, day;
	uint64_t an_hour, a_day;

	if (!suggest_summarize(s, p->kind, p->measure, HOUR, &hour) ||
	    !suggest_summarize(s, p->kind, p->measure, DAY, &day)) {
		b->failed = true;
		return;
	}
	if (hour.buckets == 0)
		return;
	an_hour = suggested(&hour, p->least);
	a_day = suggested(&day, an_hour);
	warn_of_busiest(b, &hour, an_hour, HOUR);
	warn_of_busiest(b, &day, a_day, DAY);
	strbuf_printf(b,
	    "limit %s {\n    key = %s\n    count = %s\n    rate = { %" PRIu64 "/1h, %" PRIu64
	    "/1d }\n    on-exceed = %s\n    mode = monitor\n}\n",
	    p->name, p->key, p->count, an_hour, a_day, p->on_exceed);
}

static void write_sections(const struct suggest *s, struct strbuf *b)
{
	for (size_t i = 0; i < sizeof(proposals) / sizeof(proposals[0]); i++)
		propose(s, &proposals[i], b);
}

/* --- as text ------------------------------------------------------------------------------ */

static void each_summary(struct suggest *s, struct strbuf *b,
    void (*write)(struct strbuf *b, unsigned kind, unsigned m, unsigned p, const struct summary *v))
{
	struct summary v;

	for (unsigned kind = 0; kind < KEY_KINDS; kind++)
		for (unsigned m = 0; m < MEASURES; m++)
			for (unsigned p = 0; p < PERIODS; p++) {
				if (!suggest_summarize(s, kind, m, p, &v))
					b->failed = true;
				else if (v.buckets > 0)
					write(b, kind, m, p, &v);
			}
}

static void text_line(
    struct strbuf *b, unsigned kind, unsigned m, unsigned p, const struct summary *v)
{
	strbuf_printf(b,
	    "# %-16s %-19s %-4s %8zu %7" PRIu32 " %7" PRIu32 " %7" PRIu32 " %7" PRIu32 "  ",
	    kind_names[kind], measure_names[m], period_names[p], v->buckets, v->p50, v->p95, v->p99,
	    v->busiest->count);
	escape_text(b, v->busiest->key, strlen(v->busiest->key));
	strbuf_putc(b, '\n');
}

void suggest_text(struct suggest *s, struct strbuf *b)
{
	char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];

	clock_format(s->first, first);
	clock_format(s->last, last);
	strbuf_printf(b,
	    "# %" PRIu64 " recipients were accepted from %s\n# to %s.\n#\n"
	    "# Of each key in each hour and day that it sent in: how many, what half of them, 95 "
	    "and 99\n# of a hundred did not exceed, and the busiest.\n#\n",
	    s->recipients, first, last);
	strbuf_printf(b, "# %-16s %-19s %-4s %8s %7s %7s %7s %7s  %s\n", "KEY", "COUNTS", "PER",
	    "PERIODS", "50%", "95%", "99%", "MOST", "WHOSE");
	each_summary(s, b, text_line);
	strbuf_puts(b, "\n# To start with: twice what 99 of a hundred need. `mode = monitor` "
		       "refuses nothing;\n# take it out when the events show nobody whom it "
		       "should not.\n\n");
	write_sections(s, b);
}

/* --- as JSON ------------------------------------------------------------------------------ */

static void json_line(
    struct strbuf *b, unsigned kind, unsigned m, unsigned p, const struct summary *v)
{
	char when[CLOCK_TEXT_MAX];

	clock_format(v->busiest->at * USEC_PER_SEC, when);
	strbuf_printf(b,
	    "%s\n{\"key\":\"%s\",\"counts\":\"%s\",\"per\":\"%s\",\"periods\":%zu,\"p50\":%" PRIu32
	    ",\"p95\":%" PRIu32 ",\"p99\":%" PRIu32 ",\"most\":%" PRIu32 ",\"whose\":",
	    b->data[b->len - 1] == '[' ? "" : ",", kind_names[kind], measure_names[m],
	    period_names[p], v->buckets, v->p50, v->p95, v->p99, v->busiest->count);
	escape_json(b, v->busiest->key, strlen(v->busiest->key));
	strbuf_printf(b, ",\"when\":\"%s\"}", when);
}

void suggest_json(struct suggest *s, struct strbuf *b)
{
	char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];
	struct strbuf sections = {0};

	clock_format(s->first, first);
	clock_format(s->last, last);
	write_sections(s, &sections);
	strbuf_printf(b,
	    "{\"recipients\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\",\"statistics\":[",
	    s->recipients, first, last);
	each_summary(s, b, json_line);
	strbuf_puts(b, "],\n\"configuration\":");
	escape_json(b, strbuf_text(&sections), sections.len);
	strbuf_puts(b, "}\n");
	b->failed = b->failed || sections.failed;
	strbuf_free(&sections);
}
