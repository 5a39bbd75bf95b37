#include "conf/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/strbuf.h"

struct entry {
	struct diag_message message; /* first: entries are handed out as messages */
	unsigned file_rank;          /* files in the order in which they were first named */
	unsigned number;             /* keeps the order of what has the same place */
};

struct diag {
	struct arena arena;
	struct entry entries[DIAG_MAX];
	const char *files[DIAG_MAX];
	size_t kept, kept_warnings, file_count;
	size_t errors, warnings;
	bool sorted;
};

struct diag *diag_new(void)
{
	return calloc(1, sizeof(struct diag));
}

void diag_free(struct diag **d)
{
	if (*d == NULL)
		return;
	arena_free(&(*d)->arena);
	free(*d);
	*d = NULL;
}

static bool keeps(const struct diag *d, enum diag_severity severity)
{
	return d->kept < DIAG_MAX &&
	       (severity == DIAG_ERROR || d->kept_warnings < (size_t)DIAG_MAX / 4);
}

/* The name is copied once, however many messages its file has. */
static unsigned file_rank(struct diag *d, const char *file)
{
	size_t i;

	for (i = 0; i < d->file_count; i++)
		if (strcmp(d->files[i], file) == 0)
			return (unsigned)i;
	d->files[i] = arena_strdup(&d->arena, file);
	if (d->files[i] == NULL)
		d->files[i] = "";
	d->file_count++;
	return (unsigned)i;
}

__attribute__((format(printf, 2, 0))) static const char *format_text(
    struct arena *a, const char *format, va_list args)
{
	static const char no_memory[] = "out of memory";
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
	if (text != NULL)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text == NULL ? no_memory : text;
}

void diag_add(struct diag *d, enum diag_severity severity, const struct conf_loc *where,
    const char *format, ...)
{
	static const struct conf_loc nowhere = {.file = ""};
	struct entry *e;
	va_list args;

	if (severity == DIAG_ERROR)
		d->errors++;
	else
		d->warnings++;
	if (!keeps(d, severity))
		return;
	if (where == NULL || where->file == NULL)
		where = &nowhere;
	e = &d->entries[d->kept];
	va_start(args, format);
	e->message.text = format_text(&d->arena, format, args);
	va_end(args);
	e->message.severity = severity;
	e->message.where = *where;
	e->file_rank = file_rank(d, where->file);
	e->message.where.file = d->files[e->file_rank];
	e->number = (unsigned)d->kept++;
	if (severity == DIAG_WARNING)
		d->kept_warnings++;
	d->sorted = false;
}

size_t diag_errors(const struct diag *d)
{
	return d->errors;
}

size_t diag_warnings(const struct diag *d)
{
	return d->warnings;
}

static int order(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int by_place(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int c = order(a->file_rank, b->file_rank);

	if (c == 0)
		c = order(a->message.where.line, b->message.where.line);
	if (c == 0)
		c = order(a->message.where.column, b->message.where.column);
	return c == 0 ? order(a->number, b->number) : c;
}

const struct diag_message *diag_get(struct diag *d, size_t i)
{
	if (!d->sorted)
		qsort(d->entries, d->kept, sizeof(d->entries[0]), by_place);
	d->sorted = true;
	return i < d->kept ? &d->entries[i].message : NULL;
}

const char *diag_text(struct diag *d, size_t i)
{
	const struct diag_message *m = diag_get(d, i);

	return m == NULL ? "" : m->text;
}

static void print_message(const struct diag_message *m, struct strbuf *line)
{
	escape_text(line, m->where.file, strlen(m->where.file));
	if (m->where.line > 0)
		strbuf_printf(line, ":%u:%u", m->where.line, m->where.column);
	if (m->where.file[0] != '\0')
		strbuf_puts(line, ": ");
	strbuf_puts(line, m->severity == DIAG_ERROR ? "error: " : "warning: ");
	escape_text(line, m->text, strlen(m->text));
	strbuf_putc(line, '\n');
}

void diag_print(struct diag *d, FILE *to)
{
	const struct diag_message *m;
	struct strbuf line = {0};

	for (size_t i = 0; (m = diag_get(d, i)) != NULL; i++) {
		strbuf_reset(&line);
		print_message(m, &line);
		fputs(strbuf_text(&line), to);
	}
	if (d->errors + d->warnings > d->kept)
		fprintf(to, "and %zu more\n", d->errors + d->warnings - d->kept);
	strbuf_free(&line);
}
