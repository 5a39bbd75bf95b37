#include "audit/pf_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char blanks[] = " \t\r\n\v\f";

enum { REGEX_MAX = 2000, REGEX_KEY_MAX = 1000 };

bool pf_is_table(const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789");

	return n > 1 && word[n] == ':' && isalpha((unsigned char)word[0]) && word[n + 1] != '\0';
}

/* --- rows ------------------------------------------------------------------------------ */

static struct pf_row *add_row(struct pf *pf, struct pf_table *t)
{
	size_t larger = t->room == 0 ? 16 : t->room * 2;

	if (t->count == PF_ROWS_MAX)
		return NULL;
	if (t->count == t->room) {
		struct pf_row *rows = arena_alloc(&pf->arena, larger * sizeof(*rows));

		if (rows == NULL)
			return NULL;
		if (t->count > 0)
			memcpy(rows, t->rows, t->count * sizeof(*rows));
		t->rows = rows;
		t->room = larger;
	}
	t->rows[t->count] = (struct pf_row){.kind = PF_ROW, .key = "", .value = ""};
	return &t->rows[t->count++];
}

/* The first word of a logical line is the key, the rest the value. A key may be in quotes. */
static void split_row(char *text, struct pf_row *row)
{
	char *end;

	text += strspn(text, blanks);
	if (text[0] == '"') {
		text++;
		end = text + strcspn(text, "\"");
	} else {
		end = text + strcspn(text, blanks);
	}
	row->key = text;
	row->value = "";
	if (*end != '\0') {
		*end = '\0';
		row->value = end + 1 + strspn(end + 1, blanks);
	}
	if (row->value[0] != '\0') {
		char *tail = text + (row->value - text);
		size_t n = strlen(tail);

		while (n > 0 && strchr(blanks, tail[n - 1]) != NULL)
			tail[--n] = '\0';
	}
}

/* 192.0.2.0/24 as Postfix has it: with brackets around an IPv6 address or not, without host bits.
 */
static bool read_prefix(const char *text, struct prefix *p)
{
	char plain[ADDR_TEXT_MAX + 8];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '[' || *text == ']')
			continue;
		if (n == sizeof(plain) - 1)
			return false;
		plain[n++] = *text;
	}
	return prefix_parse(plain, n, p) == PREFIX_OK;
}

static void cidr_row(struct pf_row *row)
{
	if (strcasecmp(row->key, "if") == 0)
		row->kind = PF_ROW_IF;
	else if (strcasecmp(row->key, "endif") == 0)
		row->kind = PF_ROW_ENDIF;
	if (row->kind == PF_ROW_IF)
		row->key = row->value;
	row->negated = row->key[0] == '!';
	if (row->negated)
		row->key += 1 + strspn(row->key + 1, blanks);
	if (row->kind != PF_ROW_ENDIF && !read_prefix(row->key, &row->prefix))
		row->prefix.addr.family = ADDR_NONE;
}

/* --- regular expressions --------------------------------------------------------------- */

/* What PCRE has and POSIX writes otherwise; as much as mail tables use. */
static const struct {
	const char *pcre, *posix;
} translations[] = {{"\\d", "[0-9]"}, {"\\D", "[^0-9]"}, {"\\w", "[A-Za-z0-9_]"},
    {"\\W", "[^A-Za-z0-9_]"}, {"\\s", "[[:space:]]"}, {"\\S", "[^[:space:]]"}, {"(?:", "("},
    {"*?", "*"}, {"+?", "+"}, {"??", "?"}, {"\\A", "^"}, {"\\z", "$"}, {"\\Z", "$"}, {"(?i)", ""}};

static char *posix_of(struct pf *pf, const char *pattern)
{
	size_t len = strlen(pattern), n = 0;
	char *out = arena_alloc(&pf->arena, len * 13 + 1);

	for (size_t i = 0; out != NULL && i < len;) {
		bool found = false;

		for (size_t k = 0; k < sizeof(translations) / sizeof(translations[0]); k++) {
			size_t m = strlen(translations[k].pcre);

			if (strncmp(pattern + i, translations[k].pcre, m) != 0)
				continue;
			memcpy(out + n, translations[k].posix, strlen(translations[k].posix));
			n += strlen(translations[k].posix);
			i += m;
			found = true;
			break;
		}
		if (found)
			continue;
		if (pattern[i] == '\\' && i + 1 < len)
			out[n++] = pattern[i++];
		out[n++] = pattern[i++];
	}
	return out;
}

/* A repetition like {1,5000} within another takes regcomp() gigabytes. */
static bool is_modest(const char *pattern)
{
	unsigned long product = 1;

	if (strlen(pattern) > REGEX_MAX)
		return false;
	for (const char *p = pattern; (p = strchr(p, '{')) != NULL; p++) {
		char *end;
		unsigned long from = strtoul(p + 1, &end, 10), to = from;

		if (*end == ',')
			to = strtoul(end + 1, NULL, 10);
		if (to > 255 || from > 255)
			return false;
		product *= to > from ? to + 1 : from + 1;
		if (product > 1000)
			return false;
	}
	return true;
}

static void compile(struct pf *pf, struct pf_row *row, const char *pattern, bool fold)
{
	const char *posix = is_modest(pattern) ? posix_of(pf, pattern) : NULL;

	if (posix == NULL || strstr(posix, "(?") != NULL)
		return;
	row->regex = malloc(sizeof(*row->regex));
	if (row->regex == NULL)
		return;
	if (regcomp(row->regex, posix, REG_EXTENDED | REG_NOSUB | (fold ? REG_ICASE : 0)) == 0)
		return;
	free(row->regex);
	row->regex = NULL;
}

/*
 * `/pattern/flags value`, `!/pattern/flags value`, `if /pattern/flags`, `endif`. Without the flag i
 * Postfix compares without case; the flag switches that.
 */
static void regex_row(struct pf *pf, struct pf_row *row, char *text)
{
	char mark, *end;
	size_t flags;

	text += strspn(text, blanks);
	if (strncasecmp(text, "endif", 5) == 0) {
		row->kind = PF_ROW_ENDIF;
		return;
	}
	if (strncasecmp(text, "if", 2) == 0 && strchr(" \t!/", text[2]) != NULL) {
		row->kind = PF_ROW_IF;
		text += 2 + strspn(text + 2, blanks);
	}
	row->negated = text[0] == '!';
	if (row->negated)
		text += 1 + strspn(text + 1, blanks);
	mark = text[0];
	row->key = text;
	if (mark == '\0' || isalnum((unsigned char)mark))
		return;
	end = text + 1;
	while (*end != '\0' && *end != mark)
		end += *end == '\\' && end[1] != '\0' ? 2 : 1;
	row->key = text + 1;
	if (*end == '\0')
		return;
	*end++ = '\0';
	flags = strcspn(end, blanks);
	row->value = end + flags + strspn(end + flags, blanks);
	compile(pf, row, row->key, memchr(end, 'i', flags) == NULL);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool read_row(struct pf *pf, struct pf_table *t, char *text, unsigned line)
{
	struct pf_row *row = add_row(pf, t);

	if (row == NULL)
		return false;
	row->line = line;
	if (t->kind == PF_REGEX) {
		regex_row(pf, row, text);
		return true;
	}
	split_row(text, row);
	if (t->kind == PF_CIDR)
		cidr_row(row);
	return true;
}

static void read_text(struct pf *pf, struct pf_table *t, const char *text, size_t len)
{
	struct pf_line l = {.text = NULL};
	unsigned line = 0;
	size_t at = 0;

	while (pf_next_line(&pf->arena, text, len, &at, &line, &l))
		if (!read_row(pf, t, l.text, l.line))
			break;
	if (t->count == PF_ROWS_MAX)
		pf_note(pf, "%s has more rows than are read.", t->spec);
}

/* { key = value, { key = long value }, ... } of inline; { { /pattern/ value }, ... } of others. */
static void read_braced(struct pf *pf, struct pf_table *t, const char *text, bool equals)
{
	const char *p = pf_unbrace(&pf->arena, text), *word;

	while (p != NULL && (word = pf_word(&pf->arena, &p, NULL)) != NULL) {
		const char *plain = pf_unbrace(&pf->arena, word);
		char *copy = plain == NULL ? NULL : arena_strdup(&pf->arena, plain);
		char *sign = copy == NULL || !equals ? NULL : strchr(copy, '=');

		if (equals && sign == NULL)
			continue;
		if (sign != NULL)
			*sign = ' ';
		if (copy == NULL || !read_row(pf, t, copy, 0))
			return;
	}
}

/* randmap:{one, another}: every key has one of the values, by chance; braces are part of one. */
static void read_random(struct pf *pf, struct pf_table *t, const char *text)
{
	const char *p = text[0] == '{' ? pf_unbrace(&pf->arena, text) : NULL, *word;

	while (p != NULL && (word = pf_word(&pf->arena, &p, NULL)) != NULL) {
		struct pf_row *row = add_row(pf, t);

		if (row == NULL)
			return;
		row->value = word;
	}
}

/* What stands before a table's own type and changes nothing in it. */
static const char *bare(const char *spec)
{
	while (strncmp(spec, "proxy:", 6) == 0 || strncmp(spec, "debug:", 6) == 0)
		spec += 6;
	return spec;
}

/* What Postfix reads is compiled from the text: on this host, is it of the same time? */
static void compare_compiled(struct pf *pf, const struct pf_table *t, const char *path)
{
	static const char *const kinds[][2] = {{"hash:", ".db"}, {"btree:", ".db"},
	    {"lmdb:", ".lmdb"}, {"cdb:", ".cdb"}, {"dbm:", ".pag"}, {"sdbm:", ".pag"}};
	const char *spec = bare(t->spec);
	struct stat text, table;

	for (size_t i = 0; !pf->request->given && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *compiled;

		if (strncmp(spec, kinds[i][0], strlen(kinds[i][0])) != 0)
			continue;
		compiled = arena_printf(&pf->arena, "%s%s", path, kinds[i][1]);
		if (compiled == NULL || stat(path, &text) != 0)
			return;
		if (stat(compiled, &table) != 0)
			pf_note(pf,
			    "%s is read from %s, but Postfix itself can't open it: there is no %s; "
			    "run `postmap %s`.",
			    t->spec, path, compiled, spec);
		else if (text.st_mtime > table.st_mtime)
			pf_note(pf,
			    "%s is read from %s, which was changed after %s was made from it: run "
			    "`postmap %s`.",
			    t->spec, path, compiled, spec);
	}
}

static void read_file(struct pf *pf, struct pf_table *t, const char *name)
{
	const char *path = audit_path(&audit_postfix, pf->request, &pf->arena, name);
	const char *problem = "out of memory";
	size_t len = 0;
	char *text;

	if (path == NULL)
		return;
	t->file = path;
	text = audit_read(&pf->arena, path, &len, &problem);
	if (text == NULL) {
		t->kind = PF_OPAQUE;
		pf_note(
		    pf, "%s is not judged: its text %s was not read (%s).", t->spec, path, problem);
		return;
	}
	compare_compiled(pf, t, path);
	read_text(pf, t, text, len);
}

static bool is_one_of(const char *type, size_t len, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == len && strncmp(names[i], type, len) == 0)
			return true;
	return false;
}

static void read_table(struct pf *pf, struct pf_table *t)
{
	static const char *const keyed[] = {
	    "hash", "btree", "lmdb", "dbm", "sdbm", "cdb", "texthash", NULL};
	static const char *const regexes[] = {"regexp", "pcre", NULL};
	const char *spec = bare(t->spec), *name;
	size_t type = strcspn(spec, ":");
	name = spec[type] == '\0' ? "" : spec + type + 1;
	if (is_one_of(spec, type, keyed)) {
		t->kind = PF_KEYED;
		read_file(pf, t, name);
	} else if (type == 4 && strncmp(spec, "cidr", 4) == 0) {
		t->kind = PF_CIDR;
	} else if (is_one_of(spec, type, regexes)) {
		t->kind = PF_REGEX;
	} else if (type == 6 && strncmp(spec, "inline", 6) == 0) {
		t->kind = PF_KEYED;
		read_braced(pf, t, name, true);
	} else if (type == 7 && strncmp(spec, "randmap", 7) == 0) {
		t->kind = PF_STATIC;
		read_random(pf, t, name);
	} else if (type == 6 && strncmp(spec, "static", 6) == 0) {
		struct pf_row *row = add_row(pf, t);

		t->kind = PF_STATIC;
		if (row != NULL)
			row->value = pf_unbrace(&pf->arena, name);
	} else {
		t->kind = PF_OPAQUE;
		if (strncmp(spec, "unix:", 5) != 0)
			pf_note(pf, "%s is not judged: what is in it is not in a file.", t->spec);
	}
	if ((t->kind == PF_CIDR || t->kind == PF_REGEX) && name[0] == '{')
		read_braced(pf, t, name, false);
	else if (t->kind == PF_CIDR || t->kind == PF_REGEX)
		read_file(pf, t, name);
}

const struct pf_table *pf_table(const struct pf_view *v, const char *spec)
{
	struct pf *pf = v->pf;
	struct pf_table *t;

	for (t = pf->tables; t != NULL; t = t->next)
		if (strcmp(t->spec, spec) == 0)
			return t;
	t = arena_alloc(&pf->arena, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->spec = arena_strdup(&pf->arena, spec);
	if (t->spec == NULL)
		return NULL;
	t->file = t->spec;
	t->next = pf->tables;
	pf->tables = t;
	read_table(pf, t);
	return t;
}

void pf_tables_free(struct pf *pf)
{
	for (struct pf_table *t = pf->tables; t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++) {
			if (t->rows[i].regex == NULL)
				continue;
			regfree(t->rows[i].regex);
			free(t->rows[i].regex);
		}
	}
	pf->tables = NULL;
}

/* --- lookups ------------------------------------------------------------------------------ */

/* Where the block of the `if` at `i` ends. */
static size_t behind_block(const struct pf_table *t, size_t i)
{
	unsigned depth = 1;

	for (i++; i < t->count && depth > 0; i++) {
		if (t->rows[i].kind == PF_ROW_IF)
			depth++;
		else if (t->rows[i].kind == PF_ROW_ENDIF)
			depth--;
	}
	return i;
}

static bool regex_matches(const struct pf_row *row, const char *key)
{
	if (row->regex == NULL)
		return false;
	return (regexec(row->regex, key, 0, NULL, 0) == 0) != row->negated;
}

bool pf_row_matches(const struct pf_row *row, const char *key)
{
	return regex_matches(row, key);
}

/* `a` may be NULL, which is in no network. */
static bool cidr_matches(const struct pf_row *row, const struct addr *a)
{
	/* A row, negated or not, says nothing of the other family. */
	if (a == NULL || row->prefix.addr.family != a->family)
		return false;
	return prefix_contains(&row->prefix, a) != row->negated;
}

static const struct pf_row *first_match(
    const struct pf_table *t, const char *key, const struct addr *a)
{
	for (size_t i = 0; i < t->count;) {
		const struct pf_row *row = &t->rows[i];
		bool matches =
		    row->kind != PF_ROW_ENDIF &&
		    (t->kind == PF_CIDR ? cidr_matches(row, a) : regex_matches(row, key));

		if (row->kind == PF_ROW && matches)
			return row;
		i = row->kind == PF_ROW_IF && !matches ? behind_block(t, i) : i + 1;
	}
	return NULL;
}

const struct pf_row *pf_lookup_addr(const struct pf_table *t, const struct addr *a)
{
	return t->kind == PF_CIDR ? first_match(t, "", a) : NULL;
}

const struct pf_row *pf_lookup(const struct pf_table *t, const char *key)
{
	struct addr a;

	switch (t->kind) {
	case PF_KEYED:
		for (size_t i = 0; i < t->count; i++)
			if (strcasecmp(t->rows[i].key, key) == 0)
				return &t->rows[i];
		return NULL;
	case PF_CIDR:
		return addr_parse(key, strlen(key), &a) ? first_match(t, "", &a) : NULL;
	case PF_REGEX:
		return strlen(key) > REGEX_KEY_MAX ? NULL : first_match(t, key, NULL);
	case PF_STATIC:
		return t->count > 0 ? &t->rows[0] : NULL;
	case PF_OPAQUE:
		break;
	}
	return NULL;
}
