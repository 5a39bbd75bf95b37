#include "audit/pf_edit.h"

#include <string.h>

#include "base/strbuf.h"

static const char blanks[] = " \t\r\n\v\f";

static bool is_blank(char c)
{
	return c != '\0' && strchr(blanks, c) != NULL;
}

static const char *kept(struct pf *pf, struct strbuf *b)
{
	const char *copy = arena_strdup(&pf->arena, strbuf_text(b));

	strbuf_free(b);
	return copy == NULL ? "" : copy;
}

struct pf_instead pf_no_line(void)
{
	return (struct pf_instead){.text = "", .of = {.file = ""}};
}

/* --- lines as written -------------------------------------------------------------- */

/* Some lines of a file, in its own bytes. */
struct raw {
	const char *s; /* NULL: they are not there */
	size_t len;    /* without the last line's end */
	unsigned line, lines;
};

/* The text of a file; main.cf and master.cf are kept, others are read anew. */
static const char *text_of(struct pf *pf, const char *file, size_t *len)
{
	const char *problem, *text;

	if (strcmp(file, pf->main_file) == 0) {
		*len = pf->main_len;
		return pf->main_text;
	}
	if (strcmp(file, pf->master_file) == 0) {
		*len = pf->master_len;
		return pf->master_text;
	}
	if (pf->edited_file != NULL && strcmp(file, pf->edited_file) == 0) {
		*len = pf->edited_len;
		return pf->edited_text;
	}
	text = audit_read(&pf->arena, file, len, &problem);
	if (text == NULL)
		return NULL;
	pf->edited_file = file;
	pf->edited_text = text;
	pf->edited_len = *len;
	return text;
}

/* The logical line that begins at `line`. */
static struct raw logical_line(struct pf *pf, const char *file, unsigned line)
{
	struct raw r = {.line = line};
	struct pf_line ignored = {.text = NULL};
	size_t len = 0, from = 0, to;
	const char *text = text_of(pf, file, &len);
	unsigned last = line - 1;

	for (unsigned n = 1; text != NULL && n < line; n++) {
		const char *end = memchr(text + from, '\n', len - from);

		if (end == NULL)
			return r;
		from = (size_t)(end + 1 - text);
	}
	to = from;
	if (text == NULL || line == 0 ||
	    !pf_next_line(&pf->arena, text, len, &to, &last, &ignored) || ignored.line != line)
		return r;
	r.s = text + from;
	r.len = to - 1 - from;
	r.lines = last - line + 1;
	return r;
}

static struct pf_instead in_place(const char *file, const struct raw *r, const char *text)
{
	return (struct pf_instead){text, {file, r->line, r->lines}};
}

/* Each line with a comment's mark before it, but for those that are empty or have one. */
static struct pf_instead commented(struct pf *pf, const char *file, const struct raw *r)
{
	struct strbuf b = {0};
	size_t at = 0;

	while (at < r->len) {
		const char *end = memchr(r->s + at, '\n', r->len - at);
		size_t n = end == NULL ? r->len - at : (size_t)(end - r->s) - at, skip = 0;

		while (skip < n && is_blank(r->s[at + skip]))
			skip++;
		if (skip < n && r->s[at + skip] != '#')
			strbuf_puts(&b, "# ");
		strbuf_add(&b, r->s + at, n);
		if (end != NULL)
			strbuf_putc(&b, '\n');
		at += n + 1;
	}
	return in_place(file, r, kept(pf, &b));
}

struct pf_instead pf_comment_out(struct pf *pf, const char *file, unsigned line)
{
	struct raw r = logical_line(pf, file, line);

	return r.s == NULL ? pf_no_line() : commented(pf, file, &r);
}

struct pf_instead pf_without_word(struct pf *pf, const char *file, unsigned line, const char *word)
{
	struct raw r = logical_line(pf, file, line);
	char *copy = r.s == NULL ? NULL : arena_strndup(&pf->arena, r.s, r.len);
	const char *p = copy, *found;
	struct strbuf b = {0};
	bool gone = false;

	if (copy == NULL)
		return pf_no_line();
	while ((found = pf_word(&pf->arena, &p, NULL)) != NULL) {
		const char *plain = found + strspn(found, "!");

		if (!gone && strcmp(plain, word) == 0)
			gone = true;
		else
			strbuf_printf(&b, "%s%s", b.len > 0 ? " " : "", found);
	}
	if (!gone || b.len == 0) {
		strbuf_free(&b);
		return commented(pf, file, &r);
	}
	return in_place(file, &r, kept(pf, &b));
}

/* --- master.cf ----------------------------------------------------------------------- */

/* From the beginning of the line that holds `from` to the end of the one that holds `to`. */
static struct raw lines_around(const struct raw *service, size_t from, size_t to)
{
	struct raw r = {.line = service->line, .lines = 1};
	size_t begin = from, end = to;

	while (begin > 0 && service->s[begin - 1] != '\n')
		begin--;
	while (end < service->len && service->s[end] != '\n')
		end++;
	for (size_t i = 0; i < end; i++) {
		r.line += i < begin && service->s[i] == '\n';
		r.lines += i >= begin && service->s[i] == '\n';
	}
	r.s = service->s + begin;
	r.len = end - begin;
	return r;
}

/* Is it a comment that begins here? Only a whole line is one. */
static bool is_comment(const struct raw *r, size_t at)
{
	if (r->s[at] != '#')
		return false;
	while (at > 0 && r->s[at - 1] != '\n')
		if (!is_blank(r->s[--at]))
			return false;
	return true;
}

/* From `at` on, blanks and comments left out: where a word begins, or the end. */
static size_t skip_to_word(const struct raw *r, size_t at)
{
	bool comment = false;

	while (at < r->len) {
		comment = (comment && r->s[at] != '\n') || is_comment(r, at);
		if (!comment && !is_blank(r->s[at]))
			break;
		at++;
	}
	return at;
}

/* The next word behind *at, braces kept together, comments left out. */
static bool next_raw_word(const struct raw *r, size_t *at, size_t *from)
{
	unsigned depth = 0;

	*at = skip_to_word(r, *at);
	if (*at >= r->len)
		return false;
	*from = *at;
	for (; *at < r->len; ++*at) {
		if (r->s[*at] == '{')
			depth++;
		else if (r->s[*at] == '}' && depth > 0)
			depth--;
		else if (depth == 0 && is_blank(r->s[*at]))
			break;
	}
	return true;
}

/* Does `name=value` or `{ name = value }` set this parameter? */
static bool sets(const char *s, size_t len, const char *name)
{
	size_t n = strlen(name), i = 0;

	while (i < len && (s[i] == '{' || is_blank(s[i])))
		i++;
	if (len - i <= n || strncmp(s + i, name, n) != 0)
		return false;
	for (i += n; i < len && is_blank(s[i]); i++)
		;
	return i < len && s[i] == '=';
}

/* An option -o within a service: from its dash, from its name, and to its end. */
struct option_span {
	size_t dash, from, to;
};

static unsigned lines_before(const struct raw *r, size_t at)
{
	unsigned n = 0;

	for (size_t i = 0; i < at; i++)
		n += r->s[i] == '\n';
	return n;
}

/* Number `skip` of those that set the parameter, from 0. */
static bool find_option(
    const struct raw *service, const struct pf_setting *s, unsigned skip, struct option_span *out)
{
	size_t at = 0, from = 0, dash = 0;
	bool behind = false;

	while (next_raw_word(service, &at, &from)) {
		size_t name = from;

		if (!behind) {
			dash = from;
			if (at - from < 2 || strncmp(service->s + from, "-o", 2) != 0)
				continue;
			behind = at - from == 2;
			name = from + 2;
			if (behind)
				continue;
		}
		behind = false;
		if (!sets(service->s + name, at - name, s->name) ||
		    service->line + lines_before(service, name) != s->line || skip-- > 0)
			continue;
		*out = (struct option_span){dash, name, at};
		return true;
	}
	return false;
}

/* How many overrides before `s` set the same on the same line? */
static unsigned twins_before(const struct pf_service *service, const struct pf_setting *s)
{
	unsigned n = 0;

	for (const struct pf_setting *o = service->overrides.items; o < s; o++)
		n += strcmp(o->name, s->name) == 0 && o->line == s->line;
	return n;
}

/* The lines around an override, with `text` in its place; NULL: without it. */
static struct pf_instead with_option(
    const struct pf_view *v, const struct pf_setting *s, const char *text)
{
	struct pf *pf = v->pf;
	struct raw service = logical_line(pf, s->file, v->service->line), r;
	struct option_span span = {0, 0, 0};
	struct strbuf b = {0};
	size_t base, from, to, rest;

	if (service.s == NULL || !find_option(&service, s, twins_before(v->service, s), &span))
		return pf_no_line();
	r = lines_around(&service, span.dash, span.to);
	base = (size_t)(r.s - service.s);
	from = (text == NULL ? span.dash : span.from) - base;
	to = span.to - base;
	while (text == NULL && from > 0 && is_blank(r.s[from - 1]))
		from--;
	rest = to;
	while (rest < r.len && is_blank(r.s[rest]))
		rest++;
	if (text == NULL && from == 0 && rest == r.len)
		return commented(pf, s->file, &r);
	if (from == 0)
		from = strspn(r.s, " \t");
	strbuf_add(&b, r.s, from);
	if (text != NULL)
		strbuf_puts(&b, text);
	else if (from > 0 && is_blank(r.s[from - 1]))
		to = rest;
	strbuf_add(&b, r.s + to, r.len - to);
	return in_place(s->file, &r, kept(pf, &b));
}

struct pf_instead pf_renamed(struct pf *pf, const struct pf_service *s, const char *name)
{
	struct raw service = logical_line(pf, s->file, s->line), r;
	size_t at = 0, from = 0;
	struct strbuf b = {0};

	if (service.s == NULL || !pf->has_master || !next_raw_word(&service, &at, &from))
		return pf_no_line();
	r = lines_around(&service, from, at);
	strbuf_puts(&b, name);
	strbuf_add(&b, r.s + at, r.len - at);
	return in_place(s->file, &r, kept(pf, &b));
}

/* --- settings ------------------------------------------------------------------------ */

struct pf_instead pf_line_for(const struct pf_view *v, const char *parameter, const char *value)
{
	const struct pf_setting *s = pf_set(v, parameter);
	struct arena *a = &v->pf->arena;
	const char *gap = value[0] == '\0' ? "" : " ", *line;
	struct raw r = {.s = NULL};

	if (s != NULL && pf_is_override(v, s)) {
		line = strpbrk(value, blanks) == NULL
		           ? arena_printf(a, "%s=%s", parameter, value)
		           : arena_printf(a, "{ %s = %s }", parameter, value);
		return line == NULL ? pf_no_line() : with_option(v, s, line);
	}
	line = arena_printf(a, "%s =%s%s", parameter, gap, value);
	if (line == NULL)
		return pf_no_line();
	if (s != NULL)
		r = logical_line(v->pf, s->file, s->line);
	return in_place(v->pf->main_file, &r, line);
}

struct pf_instead pf_without_setting(const struct pf_view *v, const struct pf_setting *s)
{
	return pf_is_override(v, s) ? with_option(v, s, NULL)
	                            : pf_comment_out(v->pf, s->file, s->line);
}
