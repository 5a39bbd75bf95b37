#include "audit/import.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/domset.h"
#include "base/escape.h"
#include "base/netset.h"

/* More than this is in no configuration that a person reads: what is beyond is counted only. */
enum { ENTRIES_MAX = 1000000 };

/* --- collecting -------------------------------------------------------------- */

static void *grown(struct import *i, void *items, size_t count, size_t *room, size_t size)
{
	size_t larger = *room == 0 ? 32 : *room * 2;

	if (count < *room)
		return items;
	items = count >= ENTRIES_MAX ? NULL : realloc(items, larger * size);
	if (items == NULL)
		i->failed = true;
	else
		*room = larger;
	return items;
}

static const char *from_text(struct import *i, const struct import_from *from)
{
	const char *text;

	if (from == NULL)
		return "";
	if (from->line > 0)
		text = arena_printf(&i->arena, "%s:%u %s", from->file, from->line, from->what);
	else
		text = arena_printf(&i->arena, "%s %s", from->file, from->what);
	if (text == NULL)
		i->failed = true;
	return text == NULL ? "" : text;
}

/* `from` of neighbours is mostly the same text: it is kept once. */
static const char *from_shared(
    struct import *i, const struct import_list *l, const struct import_from *from)
{
	const char *text = from_text(i, from);

	if (l->count > 0 && strcmp(l->items[l->count - 1].from, text) == 0)
		return l->items[l->count - 1].from;
	return text;
}

static void add(
    struct import *i, struct import_list *l, const char *text, const struct import_from *from)
{
	struct import_entry *items = grown(i, l->items, l->count, &l->room, sizeof(*items));
	const char *copy = arena_strdup(&i->arena, text);

	if (copy == NULL)
		i->failed = true;
	if (items == NULL)
		return;
	l->items = items;
	items[l->count] = (struct import_entry){copy == NULL ? "" : copy, from_shared(i, l, from)};
	l->count++;
}

static void add_once(
    struct import *i, struct import_list *l, const char *text, const struct import_from *from)
{
	/* Long lists come from tables, whose keys are unique. */
	for (size_t k = 0; k < l->count && k < 1000; k++)
		if (strcmp(l->items[k].text, text) == 0)
			return;
	add(i, l, text, from);
}

void import_note(struct import *i, const struct import_from *from, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_once(i, &i->notes, text, from);
}

static bool covers_world(const struct prefix *p)
{
	struct netset_builder *b = netset_builder_new();
	struct netset *s = NULL;
	struct prefix why;
	bool covers;

	if (b != NULL && netset_builder_add(b, p))
		s = netset_build(&b);
	netset_builder_free(&b);
	covers = s != NULL && netset_covers_world(s, &why);
	netset_free(&s);
	return covers;
}

/* Without brackets, as in [2001:db8::]/32 and [192.0.2.1]. False: it can't be a network. */
static bool strip_brackets(const char *text, size_t len, char out[ADDR_TEXT_MAX + 8], size_t *n)
{
	*n = 0;
	for (size_t k = 0; k < len; k++) {
		if (text[k] == '[' || text[k] == ']')
			continue;
		if (*n == ADDR_TEXT_MAX + 7)
			return false;
		out[(*n)++] = text[k];
	}
	return true;
}

enum prefix_error import_read_network(const char *text, size_t len, struct prefix *out)
{
	char plain[ADDR_TEXT_MAX + 8];
	size_t n;

	return strip_brackets(text, len, plain, &n) ? prefix_parse(plain, n, out)
	                                            : PREFIX_BAD_ADDRESS;
}

/* False: told. */
static bool read_network(struct import *i, const char *text, size_t len,
    const struct import_from *from, struct prefix *p)
{
	enum prefix_error e = import_read_network(text, len, p);

	if (e == PREFIX_OK || e == PREFIX_HOST_BITS)
		return true;
	import_note(
	    i, from, "%.*s is no network that can be taken over", len > 200 ? 200 : (int)len, text);
	return false;
}

void import_excluded(struct import *i, const char *text, size_t len, const struct import_from *from)
{
	char out[ADDR_TEXT_MAX];
	struct prefix p;

	if (!read_network(i, text, len, from, &p))
		return;
	prefix_format(&p, out);
	add_once(i, &i->excluded, out, from);
}

void import_network(struct import *i, const char *text, size_t len, const struct import_from *from)
{
	char out[ADDR_TEXT_MAX];
	struct prefix p;

	if (!read_network(i, text, len, from, &p))
		return;
	prefix_format(&p, out);
	if (covers_world(&p)) {
		import_note(i, from,
		    "%s was NOT taken over: it permits the world, which is an open relay; see "
		    "`relay-guard audit`",
		    out);
		return;
	}
	add_once(i, &i->networks, out, from);
}

static void add_domain(struct import *i, struct import_list *to, const char *text, size_t len,
    const struct import_from *from)
{
	struct domset_builder *b = domset_builder_new();
	const char *reason = NULL;
	struct domset *s = NULL;

	if (b == NULL) {
		i->failed = true;
		return;
	}
	if (domset_builder_add(b, text, len, &reason) != DOMSET_OK) {
		import_note(i, from, "%.*s is no domain that can be taken over",
		    len > 200 ? 200 : (int)len, text);
		domset_builder_free(&b);
		return;
	}
	s = domset_build(&b);
	if (s == NULL)
		i->failed = true;
	else if (domset_bare_tld(s) != NULL)
		import_note(i, from,
		    "%.*s was NOT taken over: a whole top-level domain is an open relay; see "
		    "`relay-guard audit`",
		    len > 200 ? 200 : (int)len, text);
	else
		add_once(i, to, domset_entry(s, 0), from);
	domset_free(&s);
}

void import_domain(struct import *i, const char *text, size_t len, const struct import_from *from)
{
	add_domain(i, &i->domains, text, len, from);
}

void import_not_ours(struct import *i, const char *text, size_t len, const struct import_from *from)
{
	add_domain(i, &i->not_ours, text, len, from);
}

/* A name of letters, digits and hyphens that no other section has; in the arena. */
static const char *section_name(struct import *i, const char *name, size_t number)
{
	char word[48];
	size_t n = 0;

	for (; *name != '\0' && n + 8 < sizeof(word); name++)
		word[n++] = (char)(isalnum((unsigned char)*name) ? *name : '-');
	word[n] = '\0';
	return arena_printf(&i->arena, "%s-%zu", n == 0 ? "rule" : word, number);
}

/* Plain words between single dots. */
static bool is_plain_local(const char *text, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_+-=.";

	if (len == 0 || len > 64 || text[0] == '.' || text[len - 1] == '.')
		return false;
	for (size_t k = 0; k < len; k++)
		if (strchr(plain, text[k]) == NULL || (text[k] == '.' && text[k + 1] == '.'))
			return false;
	return true;
}

bool import_is_recipient(const char *text)
{
	struct domset_builder *b = domset_builder_new();
	const char *at = strchr(text, '@'), *domain = at == NULL ? text : at + 1;
	struct domset *s = NULL;
	bool ok = b != NULL && strlen(domain) < 250 && domain[0] != '[' &&
	          (at == NULL || (domain[0] != '.' && is_plain_local(text, (size_t)(at - text)))) &&
	          strpbrk(domain, "\"\\ @,:") == NULL &&
	          domset_builder_add(b, domain, strlen(domain), NULL) == DOMSET_OK;

	if (ok)
		s = domset_build(&b);
	ok = s != NULL && domset_bare_tld(s) == NULL;
	domset_builder_free(&b);
	domset_free(&s);
	return ok;
}

static void add_section(struct import *i, struct import_sections *l, const char *name,
    const char *body, const struct import_from *from)
{
	struct import_section *items = grown(i, l->items, l->count, &l->room, sizeof(*items));
	struct import_section r;

	if (items == NULL)
		return;
	l->items = items;
	r.name = section_name(i, name, l->count + 1);
	r.body = arena_strdup(&i->arena, body);
	r.from = from_text(i, from);
	if (r.name == NULL || r.body == NULL)
		i->failed = true;
	else
		items[l->count++] = r;
}

void import_rule(
    struct import *i, const char *name, const char *body, const struct import_from *from)
{
	add_section(i, &i->rules, name, body, from);
}

void import_first_rule(
    struct import *i, const char *name, const char *body, const struct import_from *from)
{
	add_section(i, &i->first_rules, name, body, from);
}

void import_limit_section(
    struct import *i, const char *name, const char *body, const struct import_from *from)
{
	add_section(i, &i->limit_sections, name, body, from);
}

void import_sender(
    struct import *i, const char *login, const char *addresses, const struct import_from *from)
{
	const char *text = arena_printf(&i->arena, "%s %s", login, addresses);

	if (text == NULL)
		i->failed = true;
	else
		add(i, &i->senders, text, from);
}

struct import *import_for_listener(struct import *i, const char *port)
{
	struct import *more = calloc(1, sizeof(*more)), **end = &i->next;

	if (more == NULL) {
		i->failed = true;
		return NULL;
	}
	more->listener = arena_strdup(&i->arena, port);
	while (*end != NULL)
		end = &(*end)->next;
	*end = more;
	if (more->listener == NULL)
		i->failed = true;
	return more->listener == NULL ? NULL : more;
}

void import_listener(struct import *i, const char *text, const struct import_from *from)
{
	add_once(i, &i->listeners, text, from);
}

void import_mailer(struct import *i, const char *text, const struct import_from *from)
{
	add_once(i, &i->mailers, text, from);
}

void import_limit(struct import *i, const char *text, const struct import_from *from)
{
	add_once(i, &i->limits, text, from);
}

void import_logins(struct import *i, bool tls, const struct import_from *from)
{
	/* Where one listener takes logins without TLS, the rule must too. */
	i->logins_tls = i->logins ? i->logins_tls && tls : tls;
	i->logins = true;
	i->logins_from = from_text(i, from);
}

void import_free(struct import *i)
{
	struct import_list *const lists[] = {&i->networks, &i->excluded, &i->domains, &i->not_ours,
	    &i->mailers, &i->listeners, &i->limits, &i->senders, &i->notes};
	struct import *next = i->next;

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		free(lists[k]->items);
	free(i->rules.items);
	free(i->first_rules.items);
	free(i->limit_sections.items);
	arena_free(&i->arena);
	*i = (struct import){.source = NULL};
	while (next != NULL) {
		struct import *one = next;

		next = one->next;
		one->next = NULL;
		import_free(one);
		free(one);
	}
}
