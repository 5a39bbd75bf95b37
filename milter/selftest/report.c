/* The report as a table of at most 80 columns. */
#include "selftest/report.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "selftest/columns.h"

enum { ACTOR_WIDTH = 11, PROBE_WIDTH = 19, ADDRESS_WIDTH = 19, WORD_WIDTH = 8, BY_WIDTH = 5 };
enum { FINDING_INDENT = 7 };

static void add_safe(struct strbuf *b, const char *text)
{
	escape_text(b, text, strlen(text));
}

/* No blanks at the end of a line. */
static void end_line(struct strbuf *b)
{
	while (b->len > 0 && b->data[b->len - 1] == ' ')
		b->data[--b->len] = '\0';
	strbuf_putc(b, '\n');
}

/* `?` is what may be a relay, or not. */
static void add_mark(const struct report *r, const struct row *row, struct strbuf *b)
{
	bool right = row_is_right(row), doubtful = right && row_is_suspect(row);

	if (r->colour)
		strbuf_puts(b, doubtful ? "\033[33m?\033[0m    "
			       : right  ? "\033[32mok\033[0m   "
					: "\033[1;31mFAIL\033[0m ");
	else
		strbuf_puts(b, doubtful ? "?    " : right ? "ok   " : "FAIL ");
}

/* --- rows ------------------------------------------------------------------ */

/* The words that stand for the names, so that the form can be seen: <u%out@ours>. */
static const struct probe_names short_names = {"ours", "out", "host", "ip", NULL, NULL};

/* Adds a template of ours in short, or what an actor uses instead as it is. */
static void add_short(struct strbuf *b, const char *template, const char *text)
{
	static const char *const mailboxes[] = {"relaytest", "selftest", "hoptest"};
	struct arena a = {0};
	const char *s = template == NULL ? text : probe_expand(&a, template, &short_names);

	for (bool replaced; s != NULL && *s != '\0'; s += !replaced) {
		replaced = false;
		for (size_t i = 0; !replaced && i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
			size_t len = strlen(mailboxes[i]);

			replaced = strncmp(s, mailboxes[i], len) == 0;
			s += replaced ? len : 0;
		}
		strbuf_add(b, replaced ? "u" : s, 1);
	}
	arena_free(&a);
}

/* What is odd about a row: its sender or greeting where the recipient is the plain one. */
static const char *shown_address(const struct row *row, struct strbuf *b)
{
	const struct probe *p = row->probe;
	bool own = p->kind == PROBE_FRIEND && row->actor->to != NULL;

	if (strncmp(p->name, "sender-", 7) == 0) {
		strbuf_puts(b, "from ");
		add_short(b, p->from, row->from);
	} else if (p->kind == PROBE_GUARD) {
		strbuf_puts(b, "only it refuses");
	} else if (p->helo != NULL) {
		strbuf_puts(b, "helo ");
		add_short(b, p->helo, row->helo);
	} else {
		add_short(b, own ? NULL : p->to, row->to);
		if (row->actor->mail.auth_login != NULL && !row->actor->anonymous &&
		    strcmp(row->actor->mail.auth_mech, "PLAIN") != 0)
			strbuf_printf(b, " %s", row->actor->mail.auth_mech);
	}
	return strbuf_text(b);
}

void report_reply(const struct result *r, struct strbuf *b)
{
	if (r->code != 0)
		strbuf_printf(b, "%u%s", r->code, *r->text == '\0' ? "" : " ");
	if (*r->enhanced != '\0')
		strbuf_printf(b, "%s ", r->enhanced);
	for (const char *s = r->text; *s != '\0';) {
		size_t len = strcspn(s, "\n");

		escape_text(b, s, len);
		s += len;
		if (*s == '\n') {
			strbuf_puts(b, " / ");
			s++;
		}
	}
}

/* The dialogue of one row, in full. */
static void add_detail(const struct row *row, struct strbuf *b)
{
	strbuf_puts(b, "       helo ");
	add_safe(b, row->helo);
	strbuf_puts(b, "  from ");
	add_safe(b, row->from);
	if (row->parameters != NULL)
		strbuf_putc(b, ' ');
	if (row->parameters != NULL)
		add_safe(b, row->parameters);
	strbuf_puts(b, "\n       to ");
	add_safe(b, row->to);
	strbuf_printf(b, "\n       at %s, %lld ms", stage_name(row->result.stage),
	    (long long)(row->result.took / USEC_PER_MSEC));
	if (row->result.code != 0 || *row->result.text != '\0')
		strbuf_puts(b, ": ");
	report_reply(&row->result, b);
	strbuf_putc(b, '\n');
	if (*row->why != '\0')
		strbuf_printf(b, "       either is right: %s\n", row->why);
}

/* Made safe when it was kept. */
static void add_transcript(const char *s, struct strbuf *b)
{
	while (*s != '\0') {
		size_t len = strcspn(s, "\n");

		strbuf_puts(b, "       ");
		strbuf_add(b, s, len);
		strbuf_putc(b, '\n');
		s += len + (s[len] == '\n');
	}
}

static void add_row(const struct report *r, const struct row *row, struct strbuf *b)
{
	struct strbuf address = {0};

	add_mark(r, row, b);
	columns_cell(b, row->actor->name, ACTOR_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, row->probe->name, PROBE_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, shown_address(row, &address), ADDRESS_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, expectation_name(row->expected), WORD_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, row->confirmed ? "RELAYED" : outcome_name(row->result.outcome), WORD_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, refuser_name(row->result.by), BY_WIDTH);
	end_line(b);
	if (r->verbose)
		add_detail(row, b);
	if (row->transcript != NULL)
		add_transcript(row->transcript, b);
	strbuf_free(&address);
}

static bool same_group(const struct row *a, const struct row *b)
{
	return a->actor == b->actor && a->expected == b->expected &&
	       a->result.outcome == b->result.outcome && a->result.by == b->result.by &&
	       row_is_suspect(a) == row_is_suspect(b) && row_is_right(b);
}

/* Rows that came out right and alike, as one. */
static void add_group(const struct report *r, size_t first, struct strbuf *b)
{
	const struct plan *p = r->plan;
	const struct row *row = &p->rows[first];
	char count[32];
	size_t n = 0;

	for (size_t i = 0; i < p->row_count; i++) {
		if (!same_group(row, &p->rows[i]))
			continue;
		if (i < first)
			return;
		n++;
	}
	snprintf(count, sizeof(count), "%zu probe%s", n, n == 1 ? "" : "s");
	add_mark(r, row, b);
	columns_cell(b, row->actor->name, ACTOR_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, count, PROBE_WIDTH + 1 + ADDRESS_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, expectation_name(row->expected), WORD_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, outcome_name(row->result.outcome), WORD_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, refuser_name(row->result.by), BY_WIDTH);
	end_line(b);
}

/* --- the whole ------------------------------------------------------------- */

struct tally report_tally(const struct report *r)
{
	const struct plan *p = r->plan;
	struct tally t = {.rows = p->row_count};

	for (size_t i = 0; i < p->row_count; i++) {
		bool right = row_is_right(&p->rows[i]);

		t.right += right;
		t.wrong += !right;
		t.errors += p->rows[i].result.outcome == OUTCOME_ERROR;
		t.limited += p->rows[i].result.outcome == OUTCOME_LIMITED;
		t.confirmed += p->rows[i].confirmed;
		t.suspect += !p->rows[i].confirmed && row_is_suspect(&p->rows[i]);
		t.deferred += p->rows[i].result.outcome == OUTCOME_DEFERRED;
		t.off_point += p->rows[i].expected == EXPECT_REFUSED &&
		               (way_is_off_point(&p->rows[i].result) ||
				   way_is_about_client(&p->rows[i].result) ||
				   (way_is_about_greeting(&p->rows[i].result) &&
				       p->rows[i].probe->helo == NULL));
		t.for_now += way_is_for_now(&p->rows[i].result);
	}
	t.high = r->findings == NULL ? 0 : side_count(r->findings, SEVERITY_HIGH);
	return t;
}

/* For auditors. */
static void add_record(const struct report *r, struct strbuf *b)
{
	strbuf_printf(b, "relay-guard " VERSION " self-test of %s on ", r->record->time);
	add_safe(b, r->record->host);
	strbuf_putc(b, '\n');
	for (size_t i = 0; i < r->record->file_count; i++) {
		const struct record_file *f = &r->record->files[i];

		strbuf_printf(b, "%s  ", *f->hash == '\0' ? "(not readable)" : f->hash);
		add_safe(b, f->path);
		strbuf_putc(b, '\n');
	}
	strbuf_putc(b, '\n');
}

static void add_head(const struct report *r, struct strbuf *b)
{
	strbuf_puts(b, "ours is ");
	add_safe(b, r->plan->names.ours);
	strbuf_puts(b, ", out is ");
	add_safe(b, r->plan->names.outside);
	if (r->config != NULL) {
		strbuf_puts(b, "\nconfiguration ");
		add_safe(b, r->config);
	}
	strbuf_putc(b, '\n');
}

/* A line for each place, and the names of the columns below it. */
static void add_place(const struct place *place, struct strbuf *b)
{
	strbuf_printf(b, "\n%s ", place->way->kind);
	add_safe(b, *place->name == '\0' ? place->way->target : place->name);
	strbuf_puts(b, "\n     ");
	columns_cell(b, "who", ACTOR_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, "probe", PROBE_WIDTH);
	strbuf_putc(b, ' ');
	columns_cell(b, "recipient", ADDRESS_WIDTH);
	strbuf_puts(b, " must be  was      by\n");
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void add_summary(const struct report *r, struct strbuf *b)
{
	struct spread s = plan_spread(r->plan);
	struct tally t = report_tally(r);

	strbuf_printf(b, "\n%zu client%s x %zu probe%s x %zu place%s\n", s.clients,
	    plural(s.clients), s.probes, plural(s.probes), s.places, plural(s.places));
	strbuf_printf(
	    b, "%zu row%s: %zu right, %zu wrong", t.rows, plural(t.rows), t.right, t.wrong);
	if (t.errors > 0)
		strbuf_printf(b, " (%zu of them error%s)", t.errors, plural(t.errors));
	strbuf_putc(b, '\n');
	if (t.high > 0)
		strbuf_printf(b, "%zu finding%s of severity high\n", t.high, plural(t.high));
	if (t.confirmed > 0)
		strbuf_printf(b, "%zu confirmed: what a stranger sent came out\n", t.confirmed);
	if (t.suspect > 0)
		strbuf_printf(b,
		    "%zu suspect: accepted, and it is not known whether it comes out%s\n",
		    t.suspect, r->confirming ? "" : "; --confirm tells");
	if (t.off_point > 0) {
		strbuf_printf(b, "%zu refusal%s for the sake of ", t.off_point,
		    t.off_point == 1 ? " was" : "s were");
		add_safe(b, r->plan->names.outside);
		strbuf_puts(b, ", of the greeting or of the client's address,\nnot of relaying: "
			       "they prove little; give --outside with a domain that takes mail, "
			       "or --source\n");
	}
	if (t.limited > 0)
		strbuf_printf(b,
		    "%zu row%s limited: a limit or a ban, of the guard or the mail server, stood "
		    "before\nthe relay check, and nothing is known; try later, with --pace, or "
		    "without --smtp\nas root\n",
		    t.limited, t.limited == 1 ? " was" : "s were");
	if (t.deferred > 0)
		strbuf_printf(b, "%zu refusal%s %s only for now (4xx)%s\n", t.deferred,
		    plural(t.deferred), t.deferred == 1 ? "was" : "were",
		    t.for_now > 0 ? ", by greylisting or a rate limit: try again later" : "");
}

/* The worst first. */
static void add_findings(const struct report *r, struct strbuf *b)
{
	const struct side_findings *f = r->findings;

	if (f == NULL || f->count == 0)
		return;
	strbuf_puts(b, "\nFound on the way:\n");
	for (int s = SEVERITY_HIGH; s >= SEVERITY_NOTE; s--) {
		for (size_t i = 0; i < f->count; i++) {
			const struct side_finding *n = &f->items[i];

			if ((int)n->severity != s)
				continue;
			strbuf_printf(b, "%-6s ", severity_name(n->severity));
			add_safe(b, n->where);
			strbuf_printf(b, " %s\n%*s", n->name, FINDING_INDENT, "");
			add_safe(b, n->text);
			strbuf_putc(b, '\n');
		}
	}
}

static void add_notes(const struct plan *p, struct strbuf *b)
{
	for (size_t i = 0; i < p->note_count; i++) {
		strbuf_puts(b, i == 0 ? "\nnote: " : "note: ");
		add_safe(b, p->notes[i]);
		strbuf_putc(b, '\n');
	}
}

void report_text(const struct report *r, struct strbuf *b)
{
	const struct plan *p = r->plan;
	struct strbuf all = {0};

	add_head(r, &all);
	for (size_t i = 0; i < p->row_count; i++) {
		if (i == 0 || p->rows[i].actor->place != p->rows[i - 1].actor->place)
			add_place(p->rows[i].actor->place, &all);
		if (r->quiet && row_is_right(&p->rows[i]) && !row_is_suspect(&p->rows[i]))
			add_group(r, i, &all);
		else
			add_row(r, &p->rows[i], &all);
	}
	add_notes(p, &all);
	add_findings(r, &all);
	add_summary(r, &all);
	report_advice(r, &all);
	/* A hash and its file stay on one line, as sha256sum(1) writes them. */
	if (r->record != NULL)
		add_record(r, b);
	columns_fold(b, strbuf_text(&all));
	b->failed = b->failed || all.failed;
	strbuf_free(&all);
}

/* --- the list -------------------------------------------------------------- */

static size_t widest(const struct plan *p, const char *(*text)(const struct row *))
{
	size_t width = 0;

	for (size_t i = 0; i < p->row_count; i++) {
		struct strbuf safe = {0};
		size_t w;

		add_safe(&safe, text(&p->rows[i]));
		w = columns_of(strbuf_text(&safe));
		width = w > width ? w : width;
		strbuf_free(&safe);
	}
	return width;
}

static const char *name_of(const struct row *r)
{
	return r->probe->name;
}

static const char *from_of(const struct row *r)
{
	return r->from;
}

void report_list_text(const struct plan *p, struct strbuf *b)
{
	size_t names = widest(p, name_of), senders = widest(p, from_of);

	for (size_t i = 0; i < p->row_count; i++) {
		columns_cell(b, p->rows[i].probe->name, names);
		strbuf_puts(b, "  ");
		columns_cell(b, p->rows[i].from, senders);
		strbuf_puts(b, "  ");
		add_safe(b, p->rows[i].to);
		strbuf_putc(b, '\n');
	}
}
