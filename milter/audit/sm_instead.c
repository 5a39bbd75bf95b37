/* What to write in the place of a line that is dangerous. */
#include <stdio.h>
#include <string.h>

#include "audit/sm_audit.h"

/* A file that is read again to show one of its lines is no larger than this. */
#define RAW_MAX ((size_t)4 << 20)

static bool is_m4(const char *file)
{
	size_t len = strlen(file);

	return len > 3 &&
	       (strcmp(file + len - 3, ".mc") == 0 || strcmp(file + len - 3, ".m4") == 0);
}

bool sm_in_mc(struct sm_audit *a, const struct sm_fact *f)
{
	const char *file;
	unsigned line;

	sm_place(a->sm, f, &file, &line);
	return is_m4(file) || (a->sm->from_mc && strcmp(file, a->sm->main_file) == 0);
}

/* The line as it stands in its file, and its length; NULL: it is not to be had. */
static const char *raw_line(struct sm_audit *a, const struct sm_fact *f, size_t *len)
{
	const char *file, *at, *problem;
	unsigned line;
	size_t size;

	sm_place(a->sm, f, &file, &line);
	if (line == 0)
		return NULL;
	if (a->raw_file == NULL || strcmp(a->raw_file, file) != 0) {
		a->raw_file = file;
		a->raw = audit_read(&a->sm->arena, file, &size, &problem);
		if (a->raw != NULL && size > RAW_MAX)
			a->raw = NULL;
	}
	at = a->raw;
	while (at != NULL && --line > 0) {
		at = strchr(at, '\n');
		at = at == NULL ? NULL : at + 1;
	}
	*len = at == NULL ? 0 : strcspn(at, "\r\n");
	return at;
}

const char *sm_commented(struct sm_audit *a, const struct sm_fact *f)
{
	size_t len;
	const char *raw = raw_line(a, f, &len), *sign = sm_in_mc(a, f) ? "dnl" : "#";

	if (raw != NULL)
		return findings_text(a->findings, "%s %.*s", sign, (int)len, raw);
	if (f->kind == SM_ENTRY)
		return findings_text(a->findings, "%s %s\t%s", sign, f->name, f->value);
	return findings_text(a->findings, "%s %s %s", sign, f->name, f->value);
}

/* Has the line of this word of a class others? */
static bool has_others(const struct sm *sm, const struct sm_fact *f)
{
	const struct sm_fact *other = NULL;

	while ((other = sm_next(sm, other, SM_CLASS, f->name)) != NULL)
		if (other != f && other->line == f->line && strcmp(other->file, f->file) == 0 &&
		    strcmp(other->value, f->value) != 0)
			return true;
	return false;
}

const char *sm_without(struct sm_audit *a, const struct sm_fact *f)
{
	size_t len, word = strlen(f->value), gap = 0;
	const char *raw = raw_line(a, f, &len);

	if (raw == NULL || f->kind != SM_CLASS || !has_others(a->sm, f))
		return sm_commented(a, f);
	for (const char *p = raw; p + word <= raw + len; p++) {
		bool starts = p > raw && strchr(" \t`}", p[-1]) != NULL;
		bool ends = p + word == raw + len || strchr(" \t')\r", p[word]) != NULL;

		if (strncmp(p, f->value, word) != 0 || !starts || !ends)
			continue;
		/* The blank goes with it that parted it from its neighbour. */
		if (p[-1] == ' ' || p[-1] == '\t')
			return findings_text(a->findings, "%.*s%.*s", (int)(p - raw - 1), raw,
			    (int)(raw + len - p - (ptrdiff_t)word), p + word);
		gap = p + word < raw + len && (p[word] == ' ' || p[word] == '\t');
		return findings_text(a->findings, "%.*s%.*s", (int)(p - raw), raw,
		    (int)(raw + len - p - (ptrdiff_t)word - (ptrdiff_t)gap), p + word + gap);
	}
	return sm_commented(a, f);
}

const char *sm_define(struct sm_audit *a, const struct sm_fact *f, const char *macro,
    const char *option, const char *value)
{
	if (sm_in_mc(a, f))
		return findings_text(a->findings, "define(`%s', `%s')dnl", macro, value);
	return findings_text(a->findings, "O %s=%s", option, value);
}

const char *sm_without_feature(struct sm_audit *a, const struct sm_fact *f)
{
	if (sm_in_mc(a, f))
		return sm_commented(a, f);
	return findings_text(a->findings,
	    "# build sendmail.cf anew from its sendmail.mc, without FEATURE(`%s')", f->name);
}
