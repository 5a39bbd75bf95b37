#include "check/logins.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/glob.h"
#include "base/names.h"

enum { ADDRESSES_MAX = 1000 };

/* What a login may use: a domain ("" is any), with what is below it, and a local part. */
struct permission {
	const char *domain;
	bool below;
	const char *local; /* a pattern; NULL: any */
};

struct login {
	const char *name;
	size_t order; /* in which they were written */
	size_t count;
	const struct permission *permissions;
};

struct logins {
	size_t count; /* without `*`, sorted by name */
	struct login *plain;
	size_t pattern_count;
	struct login *patterns;
};

static int by_name(const void *a, const void *b)
{
	return strcasecmp(((const struct login *)a)->name, ((const struct login *)b)->name);
}

static int by_name_and_order(const void *a, const void *b)
{
	const struct login *x = a, *y = b;
	int names = by_name(a, b);

	return names != 0 ? names : (x->order > y->order) - (x->order < y->order);
}

/* The first of the plain ones with this name, and behind it the others; *end is behind the last. */
static const struct login *find(const struct logins *l, const char *login, const struct login **end)
{
	const struct login key = {.name = login};
	const struct login *at, *first = l->plain, *last = l->plain + l->count;

	*end = last;
	at = l->count == 0 ? NULL : bsearch(&key, l->plain, l->count, sizeof(key), by_name);
	if (at == NULL)
		return last;
	while (at > first && by_name(at - 1, &key) == 0)
		at--;
	for (*end = at; *end < last && by_name(*end, &key) == 0;)
		(*end)++;
	return at;
}

bool logins_knows(const struct logins *l, const char *login)
{
	const struct login *end;

	if (l == NULL)
		return false;
	if (find(l, login, &end) != end)
		return true;
	for (size_t i = 0; i < l->pattern_count; i++)
		if (glob_match(l->patterns[i].name, login, GLOB_WITHOUT_CASE))
			return true;
	return false;
}

static bool permits(const struct permission *p, const char *local, const char *domain)
{
	bool same = strcmp(p->domain, domain) == 0;

	if (p->below ? (same || !name_is_at_or_below(domain, p->domain))
		     : (!same && *p->domain != '\0'))
		return false;
	return p->local == NULL || glob_match(p->local, local, GLOB_WITHOUT_CASE);
}

static bool login_permits(const struct login *l, const char *local, const char *domain)
{
	for (size_t i = 0; i < l->count; i++)
		if (permits(&l->permissions[i], local, domain))
			return true;
	return false;
}

bool logins_allows(const struct logins *l, const char *login, const char *local, const char *domain)
{
	const struct login *end, *at;

	if (l == NULL)
		return false;
	for (at = find(l, login, &end); at != end; at++)
		if (login_permits(at, local, domain))
			return true;
	for (size_t i = 0; i < l->pattern_count; i++)
		if (glob_match(l->patterns[i].name, login, GLOB_WITHOUT_CASE) &&
		    login_permits(&l->patterns[i], local, domain))
			return true;
	return false;
}

/* --- reading ------------------------------------------------------------------------ */

static const char separators[] = " \t,:";

/* One address, domain or `*`; NULL: what is wrong with it. */
static const char *read_permission(struct arena *a, const char *text, struct permission *p)
{
	const char *at = strrchr(text, '@'), *domain = at == NULL ? text : at + 1;
	char name[NAME_SIZE];

	*p = (struct permission){.domain = ""};
	if (strcmp(text, "*") == 0)
		return NULL;
	p->below = domain[0] == '.';
	domain += p->below;
	if (strchr(text, '@') != at || name_canonical(domain, strlen(domain), name) != NAME_OK)
		return "an address, a domain or *";
	p->domain = arena_strdup(a, name);
	if (at != NULL && at > text)
		p->local = arena_strndup(a, text, (size_t)(at - text));
	return p->domain == NULL ? "less: memory is exhausted" : NULL;
}

/* `text` is one entry. */
static bool read_login(
    struct conf_reader *r, const struct conf_loc *loc, const char *text, struct login *out)
{
	size_t len = strcspn(text, " \t"), room = 0;
	const char *rest = text + len, *wrong = NULL;
	struct permission *all;

	/* `alice: a, b` is as good as `alice a, b`. */
	if (len > 0 && text[len - 1] == ':')
		len--;
	for (const char *s = rest; *s != '\0'; s++)
		room += strchr(separators, *s) != NULL;
	if (len == 0 || room == 0 || room > ADDRESSES_MAX)
		return conf_error(r, loc,
		    "found the entry `%.80s`; expected a login, and behind it up to %d addresses "
		    "or "
		    "domains, such as `alice@example.com alice@example.com, info@example.com`",
		    text, ADDRESSES_MAX);
	all = arena_alloc(r->arena, room * sizeof(*all));
	out->name = arena_strndup(r->arena, text, len);
	if (all == NULL || out->name == NULL)
		return conf_no_memory(r);
	out->permissions = all;
	for (const char *s = rest + strspn(rest, separators); *s != '\0' && wrong == NULL;) {
		size_t n = strcspn(s, separators);
		const char *one = arena_strndup(r->arena, s, n);

		wrong = one == NULL ? "less: memory is exhausted"
		                    : read_permission(r->arena, one, &all[out->count++]);
		if (wrong != NULL)
			return conf_error(r, loc,
			    "found `%.80s` for the login `%.80s`; expected %s",
			    one == NULL ? "" : one, out->name, wrong);
		s += n;
		s += strspn(s, separators);
	}
	return true;
}

bool logins_read(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct logins *l = arena_alloc(r->arena, sizeof(*l));
	struct conf_texts texts;
	bool ok = true;

	if (!conf_read_value(r, CONF_TEXTS, "logins", v, &texts))
		return false;
	if (l == NULL ||
	    (l->plain = arena_alloc(r->arena, (texts.count + 1) * sizeof(*l->plain))) == NULL ||
	    (l->patterns = arena_alloc(r->arena, (texts.count + 1) * sizeof(*l->plain))) == NULL)
		return conf_no_memory(r);
	for (size_t i = 0; i < texts.count; i++) {
		struct login one = {.name = "", .order = i};

		if (!read_login(r, &texts.locs[i], texts.items[i], &one)) {
			ok = false;
			continue;
		}
		if (strchr(one.name, '*') == NULL)
			l->plain[l->count++] = one;
		else
			l->patterns[l->pattern_count++] = one;
	}
	qsort(l->plain, l->count, sizeof(*l->plain), by_name_and_order);
	*(const struct logins **)field = l;
	return ok;
}
