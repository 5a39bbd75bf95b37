/* The report for programs: JSON, TAP (version 13) and JUnit's XML. */
#include <string.h>

#include "base/escape.h"
#include "selftest/report.h"

/* --- JSON ------------------------------------------------------------------ */

/* A member of an object; nothing for "". */
static void add_member(struct strbuf *b, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	strbuf_printf(b, ",\"%s\":", name);
	escape_json(b, value, strlen(value));
}

static void add_probe(struct strbuf *b, const struct row *row)
{
	add_member(b, "form", row->probe->form);
	strbuf_puts(b, ",\"from\":");
	escape_json(b, row->from, strlen(row->from));
	add_member(b, "parameters", row->parameters);
	strbuf_puts(b, ",\"to\":");
	escape_json(b, row->to, strlen(row->to));
	add_member(b, "after", row->first);
	strbuf_printf(b, ",\"expected\":\"%s\"", expectation_name(row->expected));
}

static void add_row(struct strbuf *b, const struct row *row)
{
	const struct result *r = &row->result;
	char client[ADDR_TEXT_MAX];

	addr_format(&row->actor->connect.client_addr, client);
	strbuf_puts(b, "{\"actor\":");
	escape_json(b, row->actor->name, strlen(row->actor->name));
	add_member(b, "where", row->actor->place->name);
	add_member(b, "rule", row->actor->where);
	add_member(b, "client", client);
	add_member(b, "login", row->actor->mail.auth_login);
	if (row->actor->mail.auth_login != NULL)
		add_member(b, "mech", row->actor->mail.auth_mech);
	add_member(b, "helo", row->helo);
	add_member(b, "probe", row->probe->name);
	add_probe(b, row);
	add_member(b, "why", row->why);
	add_member(b, "by_rule", row->by_rule);
	if (row->blame != NULL) {
		add_member(b, "by_finding", row->blame->id);
		add_member(b, "by_line", row->blame->where);
		add_member(b, "instead", row->blame->instead);
	}
	strbuf_printf(b, ",\"got\":\"%s\",\"right\":%s,\"verdict\":\"%s\",\"stage\":\"%s\"",
	    outcome_name(r->outcome), row_is_right(row) ? "true" : "false", row_verdict(row),
	    stage_name(r->stage));
	add_member(b, "by", r->by == BY_MTA ? "mta" : refuser_name(r->by));
	if (r->code != 0)
		strbuf_printf(b, ",\"code\":%u", r->code);
	add_member(b, "enhanced", r->enhanced);
	add_member(b, r->outcome == OUTCOME_ERROR ? "error" : "reply", r->text);
	add_member(b, "transcript", row->transcript);
	strbuf_printf(b, ",\"took_us\":%lld}", (long long)r->took);
}

static void add_finding(struct strbuf *b, const struct side_finding *f, bool first)
{
	strbuf_printf(
	    b, "%s{\"severity\":\"%s\"", first ? "\n" : ",\n", severity_name(f->severity));
	add_member(b, "where", f->where);
	add_member(b, "name", f->name);
	add_member(b, "text", f->text);
	strbuf_putc(b, '}');
}

static void add_record(struct strbuf *b, const struct record *record)
{
	add_member(b, "version", VERSION);
	add_member(b, "time", record->time);
	add_member(b, "host", record->host);
	strbuf_puts(b, ",\"files\":[");
	for (size_t i = 0; i < record->file_count; i++) {
		const struct record_file *f = &record->files[i];

		strbuf_puts(b, i == 0 ? "{\"path\":" : ",{\"path\":");
		escape_json(b, f->path, strlen(f->path));
		add_member(b, "hash", f->hash);
		strbuf_putc(b, '}');
	}
	strbuf_putc(b, ']');
}

void report_json(const struct report *r, struct strbuf *b)
{
	const struct plan *p = r->plan;
	const struct way *way = p->rows[0].actor->place->way;
	struct spread s = plan_spread(p);
	struct tally t = report_tally(r);

	strbuf_printf(b, "{\"way\":\"%s\"", way->kind);
	add_member(b, "target", way->target);
	if (r->record != NULL)
		add_record(b, r->record);
	add_member(b, "configuration", r->config);
	add_member(b, "ours", p->names.ours);
	add_member(b, "outside", p->names.outside);
	strbuf_puts(b, ",\n\"rows\":[");
	for (size_t i = 0; i < p->row_count; i++) {
		strbuf_puts(b, i == 0 ? "\n" : ",\n");
		add_row(b, &p->rows[i]);
	}
	strbuf_puts(b, "\n],\n\"notes\":[");
	for (size_t i = 0; i < p->note_count; i++) {
		strbuf_puts(b, i == 0 ? "" : ",");
		escape_json(b, p->notes[i], strlen(p->notes[i]));
	}
	strbuf_puts(b, "],\n\"findings\":[");
	for (size_t i = 0; r->findings != NULL && i < r->findings->count; i++)
		add_finding(b, &r->findings->items[i], i == 0);
	strbuf_printf(b,
	    "],\n\"summary\":{\"rows\":%zu,\"right\":%zu,\"wrong\":%zu,\"errors\":%zu,"
	    "\"suspect\":%zu,\"confirmed\":%zu,\"limited\":%zu,"
	    "\"deferred\":%zu,\"high\":%zu,\"off_point\":%zu,\"clients\":%zu,\"probes\":%zu,"
	    "\"places\":%zu}}\n",
	    t.rows, t.right, t.wrong, t.errors, t.suspect, t.confirmed, t.limited, t.deferred,
	    t.high, t.off_point, s.clients, s.probes, s.places);
}

void report_list_json(const struct plan *p, struct strbuf *b)
{
	strbuf_putc(b, '[');
	for (size_t i = 0; i < p->row_count; i++) {
		strbuf_printf(
		    b, "%s{\"name\":\"%s\"", i == 0 ? "\n" : ",\n", p->rows[i].probe->name);
		add_probe(b, &p->rows[i]);
		add_member(b, "helo", p->rows[i].helo);
		strbuf_putc(b, '}');
	}
	strbuf_puts(b, "\n]\n");
}

/* --- TAP ------------------------------------------------------------------- */

/* A description must not hold what TAP reads as a directive. */
static void add_description(struct strbuf *b, const char *s)
{
	struct strbuf safe = {0};

	escape_text(&safe, s, strlen(s));
	for (s = strbuf_text(&safe); *s != '\0'; s++) {
		if (*s == '#')
			strbuf_putc(b, '_');
		else
			strbuf_putc(b, *s);
	}
	strbuf_free(&safe);
}

static void add_outcome(struct strbuf *b, const struct result *r)
{
	strbuf_puts(b, outcome_name(r->outcome));
	if (r->by != BY_NOBODY)
		strbuf_printf(b, " by %s", refuser_name(r->by));
}

static void add_text(struct strbuf *b, const char *s)
{
	escape_text(b, s, strlen(s));
}

/* Those that are no fault are passed tests all the same, so that they are seen. */
static void add_tap_finding(struct strbuf *b, const struct side_finding *f, size_t number)
{
	strbuf_printf(b, "%s %zu - ", f->severity == SEVERITY_HIGH ? "not ok" : "ok", number);
	add_description(b, f->where);
	strbuf_printf(b, " %s (%s)\n# ", f->name, severity_name(f->severity));
	add_text(b, f->text);
	strbuf_putc(b, '\n');
}

void report_tap(const struct report *r, struct strbuf *b)
{
	const struct plan *p = r->plan;
	size_t found = r->findings == NULL ? 0 : r->findings->count;

	strbuf_printf(b, "TAP version 13\n1..%zu\n", p->row_count + found);
	for (size_t i = 0; i < p->row_count; i++) {
		const struct row *row = &p->rows[i];
		bool right = row_is_right(row);

		strbuf_printf(b, "%s %zu - ", right ? "ok" : "not ok", i + 1);
		if (*row->actor->place->name != '\0') {
			add_description(b, row->actor->place->name);
			strbuf_puts(b, ": ");
		}
		add_description(b, row->actor->name);
		strbuf_printf(b, " %s ", row->probe->name);
		add_outcome(b, &row->result);
		if (row->result.outcome == OUTCOME_LIMITED)
			strbuf_puts(b, " # SKIP a limit or a ban stood before it");
		strbuf_putc(b, '\n');
		if (right)
			continue;
		strbuf_printf(b, "# expected %s; from ", expectation_name(row->expected));
		add_text(b, row->from);
		strbuf_puts(b, " to ");
		add_text(b, row->to);
		strbuf_puts(b, ": ");
		report_reply(&row->result, b);
		strbuf_putc(b, '\n');
	}
	for (size_t i = 0; i < found; i++)
		add_tap_finding(b, &r->findings->items[i], p->row_count + i + 1);
	for (size_t i = 0; i < p->note_count; i++) {
		strbuf_puts(b, "# ");
		add_text(b, p->notes[i]);
		strbuf_putc(b, '\n');
	}
}

/* --- JUnit ----------------------------------------------------------------- */

/* Text that is safe in an attribute and in content; no control characters are left. */
static void add_xml_part(struct strbuf *b, const char *s, size_t len)
{
	struct strbuf safe = {0};

	escape_text(&safe, s, len);
	for (s = strbuf_text(&safe); *s != '\0'; s++) {
		switch (*s) {
		case '&':
			strbuf_puts(b, "&amp;");
			break;
		case '<':
			strbuf_puts(b, "&lt;");
			break;
		case '>':
			strbuf_puts(b, "&gt;");
			break;
		case '"':
			strbuf_puts(b, "&quot;");
			break;
		default:
			strbuf_putc(b, *s);
		}
	}
	strbuf_free(&safe);
}

static void add_xml(struct strbuf *b, const char *s)
{
	add_xml_part(b, s, strlen(s));
}

static void add_attribute(struct strbuf *b, const char *name, const char *value)
{
	strbuf_printf(b, " %s=\"", name);
	add_xml(b, value);
	strbuf_putc(b, '"');
}

static void add_xml_lines(struct strbuf *b, const char *s)
{
	for (size_t len; *s != '\0'; s += len + (s[len] == '\n')) {
		len = strcspn(s, "\n");
		strbuf_putc(b, '\n');
		add_xml_part(b, s, len);
	}
}

static void add_failure(struct strbuf *b, const struct row *row)
{
	const char *element = row->result.outcome == OUTCOME_ERROR ? "error" : "failure";

	strbuf_printf(
	    b, ">\n<%s message=\"expected %s, got ", element, expectation_name(row->expected));
	add_outcome(b, &row->result);
	strbuf_printf(b, "\" type=\"%s\">from ", outcome_name(row->result.outcome));
	add_xml(b, row->from);
	strbuf_puts(b, " to ");
	add_xml(b, row->to);
	strbuf_printf(b, ": %u ", row->result.code);
	add_xml(b, row->result.text);
	if (*row->by_rule != '\0') {
		strbuf_puts(b, "\nby rule ");
		add_xml(b, row->by_rule);
	}
	if (row->blame != NULL) {
		strbuf_printf(b, "\nby %s, ", row->blame->id);
		add_xml(b, row->blame->where);
	}
	if (row->transcript != NULL)
		add_xml_lines(b, row->transcript);
	strbuf_printf(b, "</%s>\n</testcase>\n", element);
}

static void add_junit_row(struct strbuf *b, const struct row *row)
{
	strbuf_puts(b, "<testcase classname=\"");
	if (*row->actor->place->name != '\0') {
		add_xml(b, row->actor->place->name);
		strbuf_putc(b, ' ');
	}
	add_xml(b, row->actor->name);
	strbuf_printf(b, "\" name=\"%s\" time=\"%lld.%06lld\"", row->probe->name,
	    (long long)(row->result.took / USEC_PER_SEC),
	    (long long)(row->result.took % USEC_PER_SEC));
	if (row->result.outcome == OUTCOME_LIMITED)
		strbuf_puts(b, "><skipped message=\"a limit or a ban stood before it\"/>"
			       "</testcase>\n");
	else if (row_is_right(row))
		strbuf_puts(b, "/>\n");
	else
		add_failure(b, row);
}

/* Those that are no fault are passed tests; what they say stands at the end. */
static void add_junit_finding(struct strbuf *b, const struct side_finding *f)
{
	strbuf_puts(b, "<testcase");
	add_attribute(b, "classname", f->where);
	strbuf_printf(b, " name=\"%s\" time=\"0\"", f->name);
	if (f->severity != SEVERITY_HIGH) {
		strbuf_puts(b, "/>\n");
		return;
	}
	strbuf_printf(b, ">\n<failure message=\"finding\" type=\"%s\">high: ", f->name);
	add_xml(b, f->text);
	strbuf_puts(b, "</failure>\n</testcase>\n");
}

static void add_property(struct strbuf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	strbuf_printf(b, "<property name=\"%s\"", name);
	add_attribute(b, "value", value);
	strbuf_puts(b, "/>\n");
}

static void add_properties(struct strbuf *b, const struct report *r)
{
	strbuf_puts(b, "<properties>\n");
	add_property(b, "version", VERSION);
	add_property(b, "configuration", r->config);
	add_property(b, "ours", r->plan->names.ours);
	add_property(b, "outside", r->plan->names.outside);
	for (size_t i = 0; r->record != NULL && i < r->record->file_count; i++) {
		const struct record_file *f = &r->record->files[i];
		struct strbuf value = {0};

		strbuf_printf(&value, "%s  %s", f->hash, f->path);
		add_property(b, "file", strbuf_text(&value));
		b->failed = b->failed || value.failed;
		strbuf_free(&value);
	}
	strbuf_puts(b, "</properties>\n");
}

static void add_junit_output(struct strbuf *b, const struct report *r)
{
	strbuf_puts(b, "<system-out>");
	for (size_t i = 0; i < r->plan->note_count; i++) {
		strbuf_puts(b, "note: ");
		add_xml(b, r->plan->notes[i]);
		strbuf_putc(b, '\n');
	}
	for (size_t i = 0; r->findings != NULL && i < r->findings->count; i++) {
		const struct side_finding *f = &r->findings->items[i];

		strbuf_printf(b, "%s ", severity_name(f->severity));
		add_xml(b, f->where);
		strbuf_printf(b, " %s: ", f->name);
		add_xml(b, f->text);
		strbuf_putc(b, '\n');
	}
	strbuf_puts(b, "</system-out>\n<system-err></system-err>\n");
}

/* The order and the attributes are what both of the schemas in use ask for, Ant's and Jenkins'. */
void report_junit(const struct report *r, struct strbuf *b)
{
	const struct plan *p = r->plan;
	size_t found = r->findings == NULL ? 0 : r->findings->count;
	struct tally t = report_tally(r);
	usec_t took = 0;

	for (size_t i = 0; i < p->row_count; i++)
		took += p->rows[i].result.took;
	strbuf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		       "<testsuite name=\"relay-guard selftest\"");
	if (r->record != NULL) {
		/* Without a fraction and a zone. */
		strbuf_printf(b, " timestamp=\"%.19s\"", r->record->time);
		add_attribute(
		    b, "hostname", *r->record->host == '\0' ? "localhost" : r->record->host);
	}
	strbuf_printf(b,
	    " time=\"%lld.%06lld\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
	    "skipped=\"%zu\">\n",
	    (long long)(took / USEC_PER_SEC), (long long)(took % USEC_PER_SEC), t.rows + found,
	    t.wrong - t.errors + t.high, t.errors, t.limited);
	add_properties(b, r);
	for (size_t i = 0; i < p->row_count; i++)
		add_junit_row(b, &p->rows[i]);
	for (size_t i = 0; i < found; i++)
		add_junit_finding(b, &r->findings->items[i]);
	add_junit_output(b, r);
	strbuf_puts(b, "</testsuite>\n");
}
