#include "audit/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"

/* --- collecting -------------------------------------------------------------- */

/* Room for one more element of `size` bytes; NULL when memory is exhausted. */
static void *grown(struct findings *l, void *items, size_t count, size_t *room, size_t size)
{
	size_t larger = *room == 0 ? 32 : *room * 2;

	if (count < *room)
		return items;
	items = realloc(items, larger * size);
	if (items == NULL)
		l->failed = true;
	else
		*room = larger;
	return items;
}

static bool is_same(const struct finding *a, const struct finding *b)
{
	return strcmp(a->id, b->id) == 0 && a->severity == b->severity && a->line == b->line &&
	       strcmp(a->file, b->file) == 0 && strcmp(a->why, b->why) == 0 &&
	       strcmp(a->instead, b->instead) == 0 && a->of.line == b->of.line;
}

/* Is `name` one of the names in `list`, which are joined by ", "? */
static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; (p = strstr(p, name)) != NULL; p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

static void join_listener(struct findings *l, struct finding *to, const char *name)
{
	const char *joined;

	if (name[0] == '\0' || to->listener[0] == '\0')
		joined = "";
	else if (is_listed(to->listener, name))
		return;
	else
		joined = arena_printf(&l->arena, "%s, %s", to->listener, name);
	if (joined == NULL)
		l->failed = true;
	else
		to->listener = joined;
}

static const char *keep(struct findings *l, const char *text)
{
	const char *copy = arena_strdup(&l->arena, text);

	if (copy != NULL)
		return copy;
	l->failed = true;
	return "";
}

void findings_add(struct findings *l, const struct finding *f)
{
	struct finding *items;

	for (size_t i = 0; i < l->count; i++) {
		if (is_same(&l->items[i], f)) {
			join_listener(l, &l->items[i], f->listener);
			return;
		}
	}
	if (l->count == FINDINGS_MAX) {
		l->dropped++;
		return;
	}
	items = grown(l, l->items, l->count, &l->room, sizeof(*items));
	if (items == NULL)
		return;
	l->items = items;
	items[l->count++] = (struct finding){keep(l, f->id), f->severity, keep(l, f->file), f->line,
	    keep(l, f->listener), keep(l, f->why), keep(l, f->instead),
	    {keep(l, f->of.file == NULL ? "" : f->of.file), f->of.line, f->of.lines}};
}

const char *findings_text(struct findings *l, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return keep(l, text);
}

void findings_note(struct findings *l, const char *format, ...)
{
	const char **notes;
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 0; i < l->note_count; i++)
		if (strcmp(l->notes[i], text) == 0)
			return;
	if (l->note_count == FINDINGS_MAX) {
		l->dropped++;
		return;
	}
	notes = grown(l, l->notes, l->note_count, &l->note_room, sizeof(*notes));
	if (notes == NULL)
		return;
	l->notes = notes;
	notes[l->note_count++] = keep(l, text);
}

enum severity findings_severest(const struct findings *l)
{
	enum severity worst = SEVERITY_LOW;

	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].severity > worst)
			worst = l->items[i].severity;
	return worst;
}

void findings_free(struct findings *l)
{
	free(l->items);
	free(l->notes);
	arena_free(&l->arena);
	*l = (struct findings){0};
}

/* --- printing ---------------------------------------------------------------- */

static int by_severity(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;
	int order;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	order = strcmp(a->file, b->file);
	if (order != 0)
		return order;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	order = strcmp(a->id, b->id);
	return order != 0 ? order : strcmp(a->listener, b->listener);
}

static size_t count_of(const struct findings *l, enum severity s)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++)
		n += l->items[i].severity == s;
	return n;
}

/*
 * Words of `text`, escaped, in lines of at most 78 columns that begin with `indent`. Line
 * ends of the text stay.
 */
static void put_wrapped(struct strbuf *b, const char *text, const char *indent)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " \n"), before;

		if (column == 0 || column + 1 + len > 78) {
			if (column > 0)
				strbuf_putc(b, '\n');
			strbuf_puts(b, indent);
			column = strlen(indent);
		} else {
			strbuf_putc(b, ' ');
			column++;
		}
		before = b->len;
		escape_text(b, text, len);
		column += b->len - before;
		text += len;
		if (*text == '\n') {
			strbuf_putc(b, '\n');
			column = 0;
		}
		text += *text != '\0';
	}
	if (column > 0)
		strbuf_putc(b, '\n');
}

/* Lines to be copied: never broken, only indented. */
static void put_lines(struct strbuf *b, const char *text, const char *indent)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		strbuf_puts(b, indent);
		escape_text(b, text, len);
		strbuf_putc(b, '\n');
		text += len;
		text += *text != '\0';
	}
}

static void put_place(struct strbuf *b, const struct finding *f)
{
	escape_text(b, f->file, strlen(f->file));
	if (f->line > 0)
		strbuf_printf(b, ":%u", f->line);
}

/* What the lines to write take the place of, where that is not the line that is named already. */
static void put_where(struct strbuf *b, const struct finding *f)
{
	const struct replaced *of = &f->of;
	bool elsewhere = of->file[0] != '\0' && strcmp(of->file, f->file) != 0;

	strbuf_puts(
	    b, of->lines == 0 && of->file[0] != '\0' ? "       Add" : "       Write instead");
	if (of->lines > 1)
		strbuf_printf(b, " of lines %u to %u", of->line, of->line + of->lines - 1);
	else if (of->lines == 1 && (elsewhere || of->line != f->line))
		strbuf_printf(b, " of line %u", of->line);
	if (elsewhere) {
		strbuf_puts(b, of->lines == 0 ? " to " : " in ");
		escape_text(b, of->file, strlen(of->file));
	}
	strbuf_puts(b, ":\n");
}

static void text_finding(struct strbuf *b, const struct finding *f, bool colour)
{
	static const char *const colours[] = {[SEVERITY_NOTE] = "",
	    [SEVERITY_LOW] = "\033[36m",
	    [SEVERITY_MEDIUM] = "\033[33m",
	    [SEVERITY_HIGH] = "\033[31m"};

	strbuf_printf(b, "%s%-6s%s ", colour ? colours[f->severity] : "",
	    severity_name(f->severity), colour ? "\033[0m" : "");
	put_place(b, f);
	strbuf_printf(b, "  %s", f->id);
	if (f->listener[0] != '\0') {
		strbuf_puts(b, "  (");
		escape_text(b, f->listener, strlen(f->listener));
		strbuf_putc(b, ')');
	}
	strbuf_putc(b, '\n');
	put_wrapped(b, f->why, "       ");
	if (f->instead[0] != '\0') {
		put_where(b, f);
		put_lines(b, f->instead, "           ");
	}
	strbuf_putc(b, '\n');
}

static void print_text(const struct findings *l, const char *subject, bool colour, struct strbuf *b)
{
	for (size_t i = 0; i < l->count; i++)
		text_finding(b, &l->items[i], colour);
	for (size_t i = 0; i < l->note_count; i++) {
		strbuf_puts(b, "note:\n");
		put_wrapped(b, l->notes[i], "       ");
	}
	escape_text(b, subject, strlen(subject));
	if (l->count == 0)
		strbuf_puts(b, ": no findings\n");
	else
		strbuf_printf(b, ": %zu finding%s: %zu high, %zu medium, %zu low\n", l->count,
		    l->count == 1 ? "" : "s", count_of(l, SEVERITY_HIGH),
		    count_of(l, SEVERITY_MEDIUM), count_of(l, SEVERITY_LOW));
	if (l->dropped > 0)
		strbuf_printf(b, "%zu more were found and are not shown\n", l->dropped);
}

static void add_member(struct strbuf *b, const char *key, const char *value)
{
	strbuf_printf(b, "%s\"%s\": ", b->data[b->len - 1] == '{' ? "" : ", ", key);
	escape_json(b, value, strlen(value));
}

static void print_json(const struct findings *l, const char *subject, struct strbuf *b)
{
	strbuf_putc(b, '{');
	add_member(b, "subject", subject);
	strbuf_puts(b, ", \"findings\": [");
	for (size_t i = 0; i < l->count; i++) {
		const struct finding *f = &l->items[i];

		strbuf_puts(b, i == 0 ? "\n{" : ",\n{");
		add_member(b, "id", f->id);
		add_member(b, "severity", severity_name(f->severity));
		add_member(b, "file", f->file);
		strbuf_printf(b, ", \"line\": %u", f->line);
		add_member(b, "listener", f->listener);
		add_member(b, "why", f->why);
		add_member(b, "instead", f->instead);
		strbuf_puts(b, ", \"instead_of\": {");
		add_member(b, "file", f->of.file);
		strbuf_printf(b, ", \"line\": %u, \"lines\": %u}}", f->of.line, f->of.lines);
	}
	strbuf_puts(b, l->count == 0 ? "], \"notes\": [" : "\n], \"notes\": [");
	for (size_t i = 0; i < l->note_count; i++) {
		strbuf_puts(b, i == 0 ? "\n" : ",\n");
		escape_json(b, l->notes[i], strlen(l->notes[i]));
	}
	strbuf_printf(b, "%s], \"high\": %zu, \"medium\": %zu, \"low\": %zu, \"dropped\": %zu}\n",
	    l->note_count == 0 ? "" : "\n", count_of(l, SEVERITY_HIGH),
	    count_of(l, SEVERITY_MEDIUM), count_of(l, SEVERITY_LOW), l->dropped);
}

/* --- SARIF 2.1.0 ---------------------------------------------------------------- */

static const char *sarif_level(enum severity s)
{
	return s == SEVERITY_HIGH ? "error" : s == SEVERITY_MEDIUM ? "warning" : "note";
}

/* A path as a URI reference (RFC 3986). */
static void add_uri(struct strbuf *b, const char *path)
{
	strbuf_puts(b, path[0] == '/' ? "\"file://" : "\"");
	for (const unsigned char *p = (const unsigned char *)path; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("/-._~", *p) != NULL)
			strbuf_putc(b, (char)*p);
		else
			strbuf_printf(b, "%%%02X", *p);
	}
	strbuf_putc(b, '"');
}

static bool is_first_of_rule(const struct findings *l, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(l->items[i].id, l->items[at].id) == 0)
			return false;
	return true;
}

static void sarif_rules(const struct findings *l, struct strbuf *b)
{
	bool first = true;

	for (size_t i = 0; i < l->count; i++) {
		if (!is_first_of_rule(l, i))
			continue;
		strbuf_puts(b, first ? "\n{" : ",\n{");
		add_member(b, "id", l->items[i].id);
		strbuf_puts(b, ", \"defaultConfiguration\": {");
		add_member(b, "level", sarif_level(l->items[i].severity));
		strbuf_puts(b, "}}");
		first = false;
	}
}

/* The lines that are to be written, so that an editor can do it. */
static void sarif_fix(const struct finding *f, struct strbuf *b)
{
	struct strbuf text = {0};

	if (f->instead[0] == '\0' || f->of.lines == 0)
		return;
	strbuf_printf(&text, "%s\n", f->instead);
	strbuf_puts(b, ", \"fixes\": [{\"artifactChanges\": [{\"artifactLocation\": {\"uri\": ");
	add_uri(b, f->of.file);
	strbuf_printf(b,
	    "}, \"replacements\": [{\"deletedRegion\": {\"startLine\": %u, \"startColumn\": 1, "
	    "\"endLine\": %u, \"endColumn\": 1}, \"insertedContent\": {",
	    f->of.line, f->of.line + f->of.lines);
	add_member(b, "text", strbuf_text(&text));
	strbuf_puts(b, "}}]}]}]");
	strbuf_free(&text);
}

static void sarif_result(const struct finding *f, struct strbuf *b)
{
	struct strbuf message = {0};

	strbuf_puts(&message, f->why);
	if (f->listener[0] != '\0')
		strbuf_printf(&message, " Listener: %s.", f->listener);
	if (f->instead[0] != '\0')
		strbuf_printf(&message, "\nWrite instead:\n%s", f->instead);
	strbuf_putc(b, '{');
	add_member(b, "ruleId", f->id);
	add_member(b, "level", sarif_level(f->severity));
	strbuf_puts(b, ", \"message\": {");
	add_member(b, "text", strbuf_text(&message));
	strbuf_puts(b, "}, \"locations\": [{\"physicalLocation\": {\"artifactLocation\": "
		       "{\"uri\": ");
	add_uri(b, f->file);
	strbuf_putc(b, '}');
	if (f->line > 0)
		strbuf_printf(b, ", \"region\": {\"startLine\": %u}", f->line);
	strbuf_puts(b, "}}]");
	sarif_fix(f, b);
	strbuf_puts(b, ", \"properties\": {");
	add_member(b, "severity", severity_name(f->severity));
	add_member(b, "listener", f->listener);
	strbuf_puts(b, "}}");
	strbuf_free(&message);
}

static void print_sarif(const struct findings *l, const char *subject, struct strbuf *b)
{
	strbuf_puts(b, "{\"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\", "
		       "\"version\": \"2.1.0\", \"runs\": [{\"tool\": {\"driver\": {\"name\": "
		       "\"relay-guard\", \"version\": \"" VERSION "\", \"rules\": [");
	sarif_rules(l, b);
	strbuf_puts(b, "]}}, \"results\": [");
	for (size_t i = 0; i < l->count; i++) {
		strbuf_puts(b, i == 0 ? "\n" : ",\n");
		sarif_result(&l->items[i], b);
	}
	strbuf_puts(b, "], \"invocations\": [{\"executionSuccessful\": true, "
		       "\"toolExecutionNotifications\": [");
	for (size_t i = 0; i < l->note_count; i++) {
		strbuf_puts(b, i == 0 ? "\n{\"level\": \"note\", \"message\": {"
				      : ",\n{\"level\": \"note\", \"message\": {");
		add_member(b, "text", l->notes[i]);
		strbuf_puts(b, "}}");
	}
	strbuf_puts(b, "]}], \"properties\": {");
	add_member(b, "subject", subject);
	strbuf_puts(b, "}}]}\n");
}

bool findings_print(
    struct findings *l, const char *subject, enum findings_format format, bool colour, FILE *to)
{
	struct strbuf b = {0};
	bool ok;

	if (l->count > 0)
		qsort(l->items, l->count, sizeof(*l->items), by_severity);
	switch (format) {
	case FINDINGS_TEXT:
		print_text(l, subject, colour, &b);
		break;
	case FINDINGS_JSON:
		print_json(l, subject, &b);
		break;
	case FINDINGS_SARIF:
		print_sarif(l, subject, &b);
		break;
	}
	ok = !b.failed && fwrite(strbuf_text(&b), 1, b.len, to) == b.len && fflush(to) == 0;
	strbuf_free(&b);
	return ok;
}
