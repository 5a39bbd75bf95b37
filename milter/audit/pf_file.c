#include "audit/pf_file.h"

#include <stdio.h>
#include <string.h>

static const char blanks[] = " \t\r\n\v\f";
static const char separators[] = " \t\r\n\v\f,";

static bool is_blank(char c)
{
	return c != '\0' && strchr(blanks, c) != NULL;
}

/* --- growing, in the arena ----------------------------------------------------- */

/* Room for one more element; the old block stays in the arena, so that growth doubles. */
static void *grown(struct arena *a, void *items, size_t count, size_t *room, size_t size)
{
	size_t larger = *room == 0 ? 16 : *room * 2;
	void *block;

	if (count < *room)
		return items;
	block = arena_alloc(a, larger * size);
	if (block == NULL)
		return NULL;
	if (count > 0)
		memcpy(block, items, count * size);
	*room = larger;
	return block;
}

static bool add_problem(
    struct arena *a, struct pf_problems *l, const char *file, unsigned line, const char *what)
{
	struct pf_problem *items;

	if (l->count == PF_PROBLEMS_MAX)
		return true;
	items = grown(a, l->items, l->count, &l->room, sizeof(*items));
	if (items == NULL || what == NULL)
		return false;
	l->items = items;
	items[l->count++] = (struct pf_problem){file, line, what};
	return true;
}

static bool add_setting(struct arena *a, struct pf_settings *l, const struct pf_setting *s)
{
	struct pf_setting *items = grown(a, l->items, l->count, &l->room, sizeof(*items));

	if (items == NULL)
		return false;
	l->items = items;
	items[l->count++] = *s;
	return true;
}

/* --- logical lines --------------------------------------------------------------- */

/* Is there anything on the line but blanks and a comment? */
static bool is_idle(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (is_blank(s[i]) || s[i] == '\0'))
		i++;
	return i == len || s[i] == '#';
}

/* The length of the physical line at `s`, its end not counted. */
static size_t line_length(const char *s, size_t len)
{
	const char *end = memchr(s, '\n', len);

	return end == NULL ? len : (size_t)(end - s);
}

/* Where the logical line that begins at `at` ends: behind its last line that is not idle. */
static size_t logical_end(const char *text, size_t len, size_t at)
{
	size_t end = at, next = at;

	do {
		size_t n = line_length(text + next, len - next);

		if (next == at || !is_idle(text + next, n)) {
			if (next != at && !is_blank(text[next]))
				break;
			end = next + n;
		}
		next += n + 1;
	} while (next < len);
	return end;
}

/* Copies the lines, leaving the text of idle ones out. */
static void join_lines(const char *from, size_t len, char *to)
{
	size_t at = 0;

	while (at < len) {
		size_t n = line_length(from + at, len - at);

		if (!is_idle(from + at, n)) {
			for (size_t i = 0; i < n; i++)
				*to++ = (char)(from[at + i] == '\0' ? '?' : from[at + i]);
		}
		at += n + 1;
		if (at <= len)
			*to++ = '\n';
	}
	*to = '\0';
}

bool pf_next_line(
    struct arena *a, const char *text, size_t len, size_t *at, unsigned *line, struct pf_line *out)
{
	size_t n, end;

	for (;; *at += n + 1) {
		if (*at >= len)
			return false;
		n = line_length(text + *at, len - *at);
		++*line;
		if (!is_idle(text + *at, n))
			break;
	}
	end = logical_end(text, len, *at);
	out->text = arena_alloc(a, end - *at + 1);
	if (out->text == NULL)
		return false;
	out->line = *line;
	join_lines(text + *at, end - *at, out->text);
	for (size_t i = *at; i < end; i++)
		*line += text[i] == '\n';
	*at = end + 1;
	return true;
}

/* Without the blanks at its end. */
static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && is_blank(s[n - 1]))
		s[--n] = '\0';
}

/* --- name = value ------------------------------------------------------------------ */

/*
 * Splits in place. NULL, or what is wrong. A value that begins on a later line keeps the line ends
 * before it, for counting.
 */
static const char *split(char *text, char **name, char **value)
{
	char *p = text + strspn(text, blanks), *end;

	*name = p;
	end = p + strcspn(p, "= \t\r\n\v\f");
	p = end + strspn(end, blanks);
	if (end == *name)
		return "missing attribute name";
	if (*p != '=')
		return "missing '=' after attribute name";
	*end = '\0';
	p++;
	while (*p != '\n' && is_blank(*p))
		p++;
	*value = p;
	trim_end(p);
	return NULL;
}

static bool read_setting(struct arena *a, const char *file, const struct pf_line *l,
    struct pf_settings *out, struct pf_problems *problems)
{
	struct pf_setting s = {.file = file, .line = l->line};
	char *name = NULL, *value = NULL;
	const char *wrong = split(l->text, &name, &value);

	if (wrong != NULL)
		return add_problem(
		    a, problems, file, l->line, arena_printf(a, "%s: \"%.60s\"", wrong, name));
	if (out->count == PF_SETTINGS_MAX)
		return add_problem(
		    a, problems, file, l->line, "there are more settings than can be read");
	s.name = name;
	s.value = value;
	return add_setting(a, out, &s);
}

/* Every logical line. False: memory is exhausted. */
bool pf_read_main(struct arena *a, const char *file, const char *text, size_t len,
    struct pf_settings *out, struct pf_problems *problems)
{
	struct pf_line l = {.text = NULL};
	unsigned line = 0;
	size_t at = 0;

	while (pf_next_line(a, text, len, &at, &line, &l))
		if (!read_setting(a, file, &l, out, problems))
			return false;
	return at >= len;
}

/* --- words -------------------------------------------------------------------------- */

/* The length of the word at `s`: to the next of `ends`, which counts only outside braces. */
static size_t word_length(const char *s, const char *ends)
{
	unsigned depth = 0;
	size_t n = 0;

	for (; s[n] != '\0'; n++) {
		if (s[n] == '{')
			depth++;
		else if (s[n] == '}' && depth > 0)
			depth--;
		else if (depth == 0 && strchr(ends, s[n]) != NULL)
			break;
	}
	return n;
}

static const char *next_word(struct arena *a, const char **p, unsigned *lines, const char *ends)
{
	size_t skip = strspn(*p, ends), n;
	const char *word;

	for (size_t i = 0; lines != NULL && i < skip; i++)
		*lines += (*p)[i] == '\n';
	*p += skip;
	if (**p == '\0')
		return NULL;
	n = word_length(*p, ends);
	word = arena_strndup(a, *p, n);
	*p += n;
	return word;
}

const char *pf_word(struct arena *a, const char **p, unsigned *lines)
{
	return next_word(a, p, lines, separators);
}

const char *pf_unbrace(struct arena *a, const char *word)
{
	size_t len = strlen(word);

	if (len < 2 || word[0] != '{' || word[len - 1] != '}')
		return word;
	word++;
	len -= 2;
	while (len > 0 && is_blank(word[0])) {
		word++;
		len--;
	}
	while (len > 0 && is_blank(word[len - 1]))
		len--;
	return arena_strndup(a, word, len);
}

/* --- master.cf ----------------------------------------------------------------------- */

static bool is_service_type(const char *type)
{
	static const char *const types[] = {"inet", "unix", "fifo", "pass", "unix-dgram"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static bool add_override(struct arena *a, struct pf_service *s, const char *text, unsigned line,
    struct pf_problems *problems)
{
	struct pf_setting o = {.file = s->file, .line = line};
	char *name = NULL, *value = NULL;
	const char *plain = pf_unbrace(a, text), *wrong;
	char *copy = plain == NULL ? NULL : arena_strdup(a, plain);

	if (copy == NULL)
		return false;
	wrong = split(copy, &name, &value);
	if (wrong != NULL)
		return add_problem(
		    a, problems, s->file, line, arena_printf(a, "%s in -o %.60s", wrong, text));
	if (s->overrides.count == PF_OVERRIDES_MAX)
		return add_problem(a, problems, s->file, line, "there are too many -o options");
	o.name = name;
	o.value = value;
	return add_setting(a, &s->overrides, &o);
}

/* The arguments of the command: -o name=value, -oname=value, -o { name = value }. */
static bool read_arguments(struct arena *a, struct pf_service *s, const char *p, unsigned line,
    struct pf_problems *problems)
{
	unsigned lines = 0;
	const char *word;

	while ((word = next_word(a, &p, &lines, blanks)) != NULL) {
		unsigned at = lines;

		for (const char *c = word; *c != '\0'; c++)
			lines += *c == '\n';
		if (strncmp(word, "-o", 2) != 0)
			continue;
		if (word[2] != '\0') {
			word += 2;
		} else {
			word = next_word(a, &p, &lines, blanks);
			if (word == NULL)
				return add_problem(
				    a, problems, s->file, line, "-o without a value");
			at = lines;
			for (const char *c = word; *c != '\0'; c++)
				lines += *c == '\n';
		}
		if (!add_override(a, s, word, line + at, problems))
			return false;
	}
	return true;
}

/* The eight columns: service type private unpriv chroot wakeup maxproc command. */
static bool read_service(struct arena *a, const char *file, const struct pf_line *l,
    struct pf_services *out, struct pf_problems *problems)
{
	struct pf_service s = {.file = file, .line = l->line};
	const char *columns[8] = {NULL}, *p = l->text;
	struct pf_service *items;
	unsigned lines = 0;

	for (size_t i = 0; i < 8; i++) {
		columns[i] = next_word(a, &p, &lines, blanks);
		if (columns[i] == NULL)
			return add_problem(a, problems, file, l->line,
			    arena_printf(a, "a service has eight columns, this one has %zu: %.60s",
				i, i == 0 ? "" : columns[0]));
	}
	if (!is_service_type(columns[1]))
		return add_problem(a, problems, file, l->line,
		    arena_printf(a, "bad transport type: %.60s", columns[1]));
	if (out->count == PF_SERVICES_MAX)
		return add_problem(
		    a, problems, file, l->line, "there are more services than can be read");
	s.name = columns[0];
	s.type = columns[1];
	s.command = columns[7];
	if (!read_arguments(a, &s, p, l->line + lines, problems))
		return false;
	items = grown(a, out->items, out->count, &out->room, sizeof(*items));
	if (items == NULL)
		return false;
	out->items = items;
	items[out->count++] = s;
	return true;
}

bool pf_read_master(struct arena *a, const char *file, const char *text, size_t len,
    struct pf_services *out, struct pf_problems *problems)
{
	struct pf_line l = {.text = NULL};
	unsigned line = 0;
	size_t at = 0;

	while (pf_next_line(a, text, len, &at, &line, &l))
		if (!read_service(a, file, &l, out, problems))
			return false;
	return at >= len;
}
