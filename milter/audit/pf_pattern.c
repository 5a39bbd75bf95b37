#include "audit/pf_pattern.h"

#include <string.h>
#include <strings.h>

enum { LIST_DEPTH_MAX = 5, PATTERNS_MAX = 200000 };

static bool add_pattern(struct pf *pf, struct pf_patterns *l, const struct pf_pattern *p)
{
	size_t larger = l->room == 0 ? 16 : l->room * 2;

	if (l->count == PATTERNS_MAX)
		return false;
	if (l->count == l->room) {
		struct pf_pattern *items = arena_alloc(&pf->arena, larger * sizeof(*items));

		if (items == NULL)
			return false;
		if (l->count > 0)
			memcpy(items, l->items, l->count * sizeof(*items));
		l->items = items;
		l->room = larger;
	}
	l->items[l->count++] = *p;
	return true;
}

static void add_words(const struct pf_view *v, struct pf_patterns *l, const char *text,
    const struct pf_pattern *base, unsigned depth);

/* /path in a list: its words, line by line. */
static void add_file(const struct pf_view *v, struct pf_patterns *l, const char *path,
    const struct pf_pattern *named, unsigned depth)
{
	struct pf *pf = v->pf;
	const char *plain = audit_path(&audit_postfix, pf->request, &pf->arena, path);
	const char *problem = "out of memory";
	struct pf_line row = {.text = NULL};
	unsigned line = 0;
	size_t len = 0, at = 0;
	char *text = plain == NULL ? NULL : audit_read(&pf->arena, plain, &len, &problem);

	if (text == NULL) {
		pf_note(pf, "%s, which a list names, was not read (%s).", path, problem);
		return;
	}
	while (pf_next_line(&pf->arena, text, len, &at, &line, &row)) {
		struct pf_pattern base = *named;

		base.file = plain;
		base.line = row.line;
		add_words(v, l, row.text, &base, depth + 1);
	}
}

/* `base` is what all words of the text have in common. */
static void add_words(const struct pf_view *v, struct pf_patterns *l, const char *text,
    const struct pf_pattern *base, unsigned depth)
{
	unsigned lines = 0, index = 0;
	const char *word;

	while ((word = pf_word(&v->pf->arena, &text, &lines)) != NULL) {
		struct pf_pattern p = *base;

		p.line = base->line == 0 ? 0 : base->line + lines;
		if (depth == 0)
			p.index = index++;
		for (; word[0] == '!'; word++)
			p.negated = !p.negated;
		p.text = word;
		if (word[0] == '/' && depth < LIST_DEPTH_MAX) {
			add_file(v, l, word, &p, depth);
			continue;
		}
		if (pf_is_table(word) && (p.table = pf_table(v, word)) == NULL)
			return;
		if (!add_pattern(v->pf, l, &p))
			return;
	}
}

struct pf_patterns pf_patterns(const struct pf_view *v, const char *parameter)
{
	const struct pf_setting *s = pf_set(v, parameter);
	struct pf_patterns l = {.count = 0};
	struct pf_pattern base = {
	    .file = s == NULL ? v->pf->main_file : s->file, .line = s == NULL ? 0 : s->line};

	add_words(v, &l, pf_get(v, parameter), &base, 0);
	return l;
}

bool pf_matches_subdomains(const struct pf_view *v, const char *parameter)
{
	const char *p = pf_get(v, "parent_domain_matches_subdomains"), *word;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL)
		if (strcmp(word, parameter) == 0)
			return true;
	return false;
}

/* Does the plain pattern hold this domain? `.example.com` is what is below it. */
static bool text_matches(const char *pattern, const char *domain, bool subdomains)
{
	size_t len = strlen(domain), n = strlen(pattern);

	if (strcasecmp(pattern, domain) == 0)
		return true;
	if (n == 0 || len <= n)
		return false;
	if (pattern[0] == '.')
		return !subdomains && strcasecmp(domain + len - n, pattern) == 0;
	return subdomains && domain[len - n - 1] == '.' &&
	       strcasecmp(domain + len - n, pattern) == 0;
}

/* A table is asked for the domain, then for its parents: example.com, or .example.com. */
static const struct pf_row *table_row(const struct pf_table *t, const char *domain, bool subdomains)
{
	const struct pf_row *row = pf_lookup(t, domain);

	if (t->kind != PF_KEYED)
		return row;
	for (const char *p = strchr(domain, '.'); row == NULL && p != NULL; p = strchr(p + 1, '.'))
		row = pf_lookup(t, subdomains ? p + 1 : p);
	return row;
}

const struct pf_pattern *pf_match_domain(const struct pf_view *v, const struct pf_patterns *l,
    const char *domain, bool subdomains, const struct pf_row **row)
{
	(void)v;
	for (size_t i = 0; i < l->count; i++) {
		const struct pf_pattern *p = &l->items[i];
		const struct pf_row *found = NULL;
		bool matches;

		if (p->table != NULL) {
			found = table_row(p->table, domain, subdomains);
			matches = found != NULL;
		} else {
			matches = text_matches(p->text, domain, subdomains);
		}
		if (!matches)
			continue;
		if (row != NULL)
			*row = found;
		return p->negated ? NULL : p;
	}
	return NULL;
}
