#include "selftest/side.h"

#include <stdarg.h>
#include <stdio.h>

void side_add(struct side_findings *f, enum severity severity, const char *where, const char *name,
    const char *format, ...)
{
	char text[600];
	va_list args;

	if (f->count == SIDE_FINDINGS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f->items[f->count] = (struct side_finding){
	    severity, arena_strdup(&f->arena, where), name, arena_strdup(&f->arena, text)};
	if (f->items[f->count].where == NULL || f->items[f->count].text == NULL)
		f->failed = true;
	else
		f->count++;
}

size_t side_count(const struct side_findings *f, enum severity s)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->items[i].severity == s;
	return n;
}

void side_free(struct side_findings *f)
{
	arena_free(&f->arena);
	f->count = 0;
}
