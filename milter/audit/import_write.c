/* An import as the text of a configuration: relay-guard.conf(5). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "audit/import.h"
#include "base/escape.h"
#include "base/netset.h"

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

/* What all listeners have to say of one kind. */
static void put_all_notes(const struct import *i, struct strbuf *b)
{
	put_comments(b, "Not taken over, and what to do:", &i->notes);
	for (const struct import *n = i->next; n != NULL; n = n->next) {
		struct strbuf head = {0};

		strbuf_printf(&head, "Of port %s:", n->listener);
		put_comments(b, strbuf_text(&head), &n->notes);
		strbuf_free(&head);
	}
}

static void put_head(const struct import *i, struct strbuf *b)
{
	strbuf_puts(b, "# relay-guard.conf, written by `relay-guard import`");
	if (i->source != NULL) {
		strbuf_puts(b, " from ");
		put_clean(b, i->source);
	}
	strbuf_puts(b,
	    ".\n"
	    "# It permits what the mail server permits now. Prove it:\n"
	    "#     relay-guard check && relay-guard selftest --agree --smtp localhost\n");
	put_all_notes(i, b);
	put_comments(b, "The mail server listens on:", &i->listeners);
}

/* --- rules ----------------------------------------------------------------- */

/* Rules of the main listener, or of one other: what is added to names, and to criteria. */
struct scope {
	const struct import *of;
	struct strbuf *to;
	char suffix[40];   /* "-587" */
	char criteria[60]; /* "listener = 587  " */
};

#define REFUSED "action = reject  reply = \"550 5.7.1 Relay access denied\""

static void put_from(struct strbuf *b, const char *from)
{
	if (from == NULL || from[0] == '\0')
		return;
	strbuf_puts(b, "\t# ");
	put_clean(b, from);
	strbuf_putc(b, '\n');
}

/* Who may relay by address or login; `name` and `to` are added to names and to criteria. */
static void put_friends(const struct scope *s, const char *name, const char *to)
{
	const struct import *i = s->of;

	if (i->excluded.count > 0)
		strbuf_printf(s->to,
		    "\trule %sexcept%s  { %sclient = @excluded%s  auth = no  %s" REFUSED " }\n",
		    name, s->suffix, s->criteria, s->suffix, to);
	if (i->listener == NULL || i->networks.count > 0)
		strbuf_printf(s->to,
		    "\trule %soffice%s  { %sclient = @friends%s  %saction = permit }\n", name,
		    s->suffix, s->criteria, s->suffix, to);
	if (!i->logins)
		return;
	put_from(s->to, i->logins_from);
	strbuf_printf(s->to, "\trule %slogin%s   { %sauth = yes%s  %saction = permit }\n", name,
	    s->suffix, s->criteria, i->logins_tls ? "  tls = yes" : "", to);
}

static void put_sections(const struct scope *s, const struct import_sections *l)
{
	for (size_t k = 0; k < l->count; k++) {
		put_from(s->to, l->items[k].from);
		strbuf_printf(s->to, "\trule %s%s { %s%s }\n", l->items[k].name, s->suffix,
		    s->criteria, l->items[k].body);
	}
}

static void put_rules(const struct import *i, bool not_ours, struct strbuf *b)
{
	struct scope s = {.of = i, .to = b};

	if (i->listener != NULL) {
		snprintf(s.suffix, sizeof(s.suffix), "-%.30s", i->listener);
		snprintf(s.criteria, sizeof(s.criteria), "listener = %.30s  ", i->listener);
	}
	if (not_ours && !i->no_inbound) {
		put_friends(&s, "not-ours-", "to = @not-ours  ");
		strbuf_printf(b, "\trule not-ours%s { %sto = @not-ours  " REFUSED " }\n", s.suffix,
		    s.criteria);
	}
	if (!i->no_inbound)
		strbuf_printf(b, "\trule inbound%s { %sto = @ours         action = permit }\n",
		    s.suffix, s.criteria);
	put_friends(&s, "", "");
	put_sections(&s, &i->rules);
	strbuf_printf(b, "\trule others%s  { %s" REFUSED " }\n", s.suffix, s.criteria);
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

static void put_relay(const struct import *i, struct strbuf *b)
{
	const struct scope all = {.of = i, .to = b};

	strbuf_puts(b, "\nrelay {\n");
	put_mailers(i, b);
	put_sections(&all, &i->first_rules);
	for (const struct import *n = i->next; n != NULL; n = n->next) {
		strbuf_printf(b, "\t# At port %s:\n", n->listener);
		put_rules(n, i->not_ours.count > 0, b);
		strbuf_puts(b, "\t# Elsewhere:\n");
	}
	put_rules(i, i->not_ours.count > 0, b);
	strbuf_puts(b, "}\n");
}

/* --- lists ----------------------------------------------------------------- */

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

static void put_networks(const struct import *i, struct strbuf *b)
{
	const struct import_list none = {NULL, 0, 0};
	const char *dash = i->listener == NULL ? "" : "-",
		   *port = i->listener == NULL ? "" : i->listener;

	if (i->listener == NULL || i->networks.count > 0) {
		strbuf_printf(b, "\nnetworks friends%s%s {\n", dash, port);
		if (add_up(&i->networks)) {
			strbuf_puts(
			    b, "\t# NOT taken over: together these networks cover the world.\n");
			put_members(b, &none);
		} else {
			put_members(b, &i->networks);
		}
		strbuf_puts(b, "}\n");
	}
	if (i->excluded.count == 0)
		return;
	strbuf_printf(b, "\nnetworks excluded%s%s {\n", dash, port);
	put_members(b, &i->excluded);
	strbuf_puts(b, "}\n");
}

static void put_domains(struct strbuf *b, const char *name, const struct import_list *l)
{
	strbuf_printf(b, "\ndomains %s {\n", name);
	put_members(b, l);
	strbuf_puts(b, "}\n");
}

/* --- limits and senders ---------------------------------------------------- */

static void put_limits(const struct import *i, struct strbuf *b)
{
	const struct import_sections *l = &i->limit_sections;

	if (l->count > 0)
		strbuf_puts(b, "\n# The mail server goes on to hold its own limits, which begin "
			       "anew after each "
			       "period;\n# these refill steadily.\n");
	for (size_t k = 0; k < l->count; k++) {
		strbuf_puts(b, "# ");
		put_clean(b, l->items[k].from);
		strbuf_printf(b, "\nlimit %s { %s }\n", l->items[k].name, l->items[k].body);
	}
	put_comments(b, "Limits of the mail server itself, which stay with it:", &i->limits);
}

/* An entry for every login, which is nobody's address, so that what stands here is all there is. */
static void put_senders(const struct import *i, struct strbuf *b)
{
	const char *from = "";

	if (i->senders.count == 0)
		return;
	strbuf_puts(b, "\n# Who may send as whom; From is not looked at, as the mail server does "
		       "not.\nsender {\n\tlogins = {\n");
	for (size_t k = 0; k < i->senders.count; k++) {
		if (strcmp(i->senders.items[k].from, from) != 0) {
			from = i->senders.items[k].from;
			strbuf_puts(b, "\t\t# ");
			put_clean(b, from);
			strbuf_putc(b, '\n');
		}
		strbuf_printf(b, "\t\t\"%s\",\n", i->senders.items[k].text);
	}
	strbuf_puts(b, "\t\t# Nothing else:\n\t\t\"* nobody@sender.invalid\",\n\t}\n"
		       "\tenvelope = reject\n\theader = nothing\n"
		       "\tour-domains-from-outside = nothing\n\ttemperror = nothing\n}\n");
}

bool import_write(const struct import *i, struct strbuf *to)
{
	bool failed = i->failed;

	put_head(i, to);
	put_domains(to, "ours", &i->domains);
	if (i->not_ours.count > 0)
		put_domains(to, "not-ours", &i->not_ours);
	for (const struct import *n = i; n != NULL; n = n->next) {
		put_networks(n, to);
		failed = failed || n->failed;
	}
	put_relay(i, to);
	put_limits(i, to);
	put_senders(i, to);
	return !to->failed && !failed;
}
