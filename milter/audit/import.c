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

/* False: told. */
static bool read_network(struct import *i, const char *text, size_t len,
    const struct import_from *from, struct prefix *p)
{
	char plain[ADDR_TEXT_MAX + 8];
	enum prefix_error e = PREFIX_BAD_ADDRESS;
	size_t n;

	if (strip_brackets(text, len, plain, &n))
		e = prefix_parse(plain, n, p);
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

void import_domain(struct import *i, const char *text, size_t len, const struct import_from *from)
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
		add_once(i, &i->domains, domset_entry(s, 0), from);
	domset_free(&s);
}

/* A name of letters, digits and hyphens that no other rule has; in the arena. */
static const char *rule_name(struct import *i, const char *name)
{
	char word[48];
	size_t n = 0;

	for (; *name != '\0' && n + 8 < sizeof(word); name++)
		word[n++] = (char)(isalnum((unsigned char)*name) ? *name : '-');
	word[n] = '\0';
	return arena_printf(&i->arena, "%s-%zu", n == 0 ? "rule" : word, i->rule_count + 1);
}

void import_rule(
    struct import *i, const char *name, const char *body, const struct import_from *from)
{
	struct import_rule *rules =
	    grown(i, i->rules, i->rule_count, &i->rule_room, sizeof(*rules));
	struct import_rule r;

	if (rules == NULL)
		return;
	i->rules = rules;
	r.name = rule_name(i, name);
	r.body = arena_strdup(&i->arena, body);
	r.from = from_text(i, from);
	if (r.name == NULL || r.body == NULL)
		i->failed = true;
	else
		rules[i->rule_count++] = r;
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
	struct import_list *const lists[] = {&i->networks, &i->excluded, &i->domains, &i->mailers,
	    &i->listeners, &i->limits, &i->notes};

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		free(lists[k]->items);
	free(i->rules);
	arena_free(&i->arena);
	*i = (struct import){0};
}

/* --- writing ----------------------------------------------------------------- */

/* Text of a comment: on one line, and nothing in it ends that line. */
static void put_clean(struct strbuf *b, const char *text)
{
	escape_reply(b, text, strlen(text), SIZE_MAX);
}

/* A comment, in lines of at most 90 columns. */
static void put_comment(struct strbuf *b, const char *first, const char *text)
{
	size_t column = strlen(first);

	strbuf_puts(b, first);
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column + 1 + len > 90 && column > 4) {
			strbuf_puts(b, "\n#    ");
			column = 5;
		}
		strbuf_putc(b, ' ');
		escape_reply(b, text, len, len);
		column += len + 1;
		text += len;
		text += *text != '\0';
	}
	strbuf_putc(b, '\n');
}

static void put_comments(struct strbuf *b, const char *head, const struct import_list *l)
{
	if (l->count == 0)
		return;
	strbuf_printf(b, "\n# %s\n", head);
	for (size_t k = 0; k < l->count; k++) {
		struct strbuf line = {0};

		if (l->items[k].from[0] != '\0')
			strbuf_printf(&line, "%s: ", l->items[k].from);
		strbuf_puts(&line, l->items[k].text);
		put_comment(b, "#  -", strbuf_text(&line));
		strbuf_free(&line);
	}
}

/* Entries, each run of the same origin below a comment that names it. */
static void put_members(struct strbuf *b, const struct import_list *l)
{
	const char *from = "";

	strbuf_puts(b, "\tmembers = {\n");
	for (size_t k = 0; k < l->count; k++) {
		if (strcmp(l->items[k].from, from) != 0) {
			from = l->items[k].from;
			strbuf_puts(b, "\t\t# ");
			put_clean(b, from);
			strbuf_putc(b, '\n');
		}
		/* In quotes: a literal has colons and brackets. */
		strbuf_printf(b, "\t\t\"%s\",\n", l->items[k].text);
	}
	strbuf_puts(b, "\t}\n");
}

static void put_head(const struct import *i, struct strbuf *b)
{
	strbuf_puts(b, "# relay-guard.conf, written by `relay-guard import`");
	if (i->source != NULL) {
		strbuf_puts(b, " from ");
		put_clean(b, i->source);
	}
	strbuf_puts(b, ".\n"
		       "# It permits what the mail server permits now. Prove it:\n"
		       "#     relay-guard check && relay-guard selftest\n");
	put_comments(b, "Not taken over, and what to do:", &i->notes);
	put_comments(b, "The mail server listens on:", &i->listeners);
}

static void put_rules(const struct import *i, struct strbuf *b)
{
	strbuf_puts(b, "\trule inbound { to = @ours         action = permit }\n");
	if (i->excluded.count > 0)
		strbuf_puts(b, "\trule except  { client = @excluded  auth = no  action = reject  "
			       "reply = \"550 5.7.1 Relay access denied\" }\n");
	strbuf_puts(b, "\trule office  { client = @friends  action = permit }\n");
	if (i->logins) {
		strbuf_puts(b, "\t# ");
		put_clean(b, i->logins_from);
		strbuf_printf(b, "\n\trule login   { auth = yes%s  action = permit }\n",
		    i->logins_tls ? "  tls = yes" : "");
	}
	for (size_t k = 0; k < i->rule_count; k++) {
		strbuf_puts(b, "\t# ");
		put_clean(b, i->rules[k].from);
		strbuf_printf(b, "\n\trule %s { %s }\n", i->rules[k].name, i->rules[k].body);
	}
	strbuf_puts(
	    b, "\trule others  { action = reject  reply = \"550 5.7.1 Relay access denied\" }\n");
}

static void put_mailers(const struct import *i, struct strbuf *b)
{
	if (i->mailers.count == 0)
		return;
	strbuf_puts(b, "\t# Besides the defaults:\n");
	for (size_t k = 0; k < i->mailers.count; k++) {
		strbuf_puts(b, "\t#     ");
		put_clean(b, i->mailers.items[k].from);
		strbuf_puts(b, "\n");
	}
	strbuf_puts(b, "\tlocal-mailers = { local, virtual, discard, maildrop, mailman, dovecot, "
		       "cyrus, cyrusv2, cyrusbb");
	for (size_t k = 0; k < i->mailers.count; k++)
		strbuf_printf(b, ", \"%s\"", i->mailers.items[k].text);
	strbuf_puts(b, " }\n\n");
}

/* Networks that are harmless one by one may cover the world together. */
static bool add_up(const struct import_list *l)
{
	struct netset_builder *b = netset_builder_new();
	struct netset *s = NULL;
	struct prefix p;
	bool ok = b != NULL, covers;

	for (size_t k = 0; ok && k < l->count; k++)
		if (prefix_parse(l->items[k].text, strlen(l->items[k].text), &p) == PREFIX_OK)
			ok = netset_builder_add(b, &p);
	if (ok)
		s = netset_build(&b);
	netset_builder_free(&b);
	covers = s != NULL && netset_covers_world(s, &p);
	netset_free(&s);
	return covers;
}

static void put_networks(const struct import *i, struct strbuf *to)
{
	const struct import_list none = {NULL, 0, 0};

	if (add_up(&i->networks)) {
		strbuf_puts(to, "\t# NOT taken over: together these networks cover the world.\n");
		put_members(to, &none);
	} else {
		put_members(to, &i->networks);
	}
}

bool import_write(const struct import *i, struct strbuf *to)
{
	put_head(i, to);
	strbuf_puts(to, "\ndomains ours {\n");
	put_members(to, &i->domains);
	strbuf_puts(to, "}\n\nnetworks friends {\n");
	put_networks(i, to);
	if (i->excluded.count > 0) {
		strbuf_puts(to, "}\n\nnetworks excluded {\n");
		put_members(to, &i->excluded);
	}
	strbuf_puts(to, "}\n\nrelay {\n");
	put_mailers(i, to);
	put_rules(i, to);
	strbuf_puts(to, "}\n");
	put_comments(to, "Limits of the mail server itself, which stay with it:", &i->limits);
	return !to->failed && !i->failed;
}
