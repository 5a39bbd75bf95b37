/* Which login may use which sender: smtpd_sender_login_maps, from whose rows logins are made. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_import.h"
#include "audit/pf_list.h"

static const char maps[] = "smtpd_sender_login_maps";
static const char both[] = "reject_sender_login_mismatch",
		  without[] = "reject_unauthenticated_sender_login_mismatch";

enum { OWNERS_MAX = 200, SHOWN_MAX = 200, ROWS_MAX = 5000 };

/* What the listeners do with the maps. */
struct held {
	const struct pf_listener *by;     /* the first that holds them; NULL: none does */
	const struct pf_listener *not_by; /* takes logins, and does not */
	bool logins;                      /* who has logged in must own the sender */
	bool known;                       /* ... where anybody does */
	bool strangers;                   /* who has not may use no sender that somebody owns */
};

/* Does permit_mynetworks stand before it in a list that has it? */
static bool behind_networks(const struct pf_view *v, const char *name)
{
	static const char *const lists[] = {"smtpd_client_restrictions", "smtpd_helo_restrictions",
	    "smtpd_sender_restrictions", "smtpd_relay_restrictions",
	    "smtpd_recipient_restrictions"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *p = pf_get(v, lists[i]), *word;
		bool networks = false;

		while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL) {
			networks = networks || strcasecmp(word, "permit_mynetworks") == 0;
			if (strcasecmp(word, name) == 0)
				return networks;
		}
	}
	return true;
}

static void look(const struct pf_listener *l, struct held *h)
{
	const struct pf_view *v = &l->view;
	bool every = pf_uses(v, both) || pf_uses(v, "reject_authenticated_sender_login_mismatch");
	bool known = pf_uses(v, "reject_known_sender_login_mismatch");

	if (every || known)
		h->by = h->by == NULL ? l : h->by;
	else if (pf_bool(v, "smtpd_sasl_auth_enable", false))
		h->not_by = l;
	h->logins = h->logins || every;
	h->known = h->known || known;
	if (l->local || (!pf_uses(v, both) && !pf_uses(v, without)))
		return;
	h->by = h->by == NULL ? l : h->by;
	h->strangers = true;
}

/* --- rows ------------------------------------------------------------------ */

/* The rows of all maps; the first that has a key counts. */
struct owned {
	const char *key, *owners;
	struct import_from from;
};

struct book {
	struct pf *pf;
	struct import *out;
	struct owned *rows;
	size_t count;
	bool whole; /* every map could be read */
};

static void read_maps(struct book *b, const struct pf_patterns *l)
{
	size_t all = 0;

	b->whole = true;
	for (size_t i = 0; i < l->count; i++) {
		const struct pf_pattern *p = &l->items[i];
		struct import_from from = pf_from_pattern(b->pf, p, maps);

		if (p->table != NULL && p->table->kind == PF_KEYED) {
			all += p->table->count;
			continue;
		}
		b->whole = false;
		if (p->table != NULL && p->table->kind == PF_OPAQUE)
			pf_note_opaque(b->out, p->text, &from,
			    "`sender { logins }`, one login and its addresses a line; Postfix goes "
			    "on to hold it");
		else
			import_note(b->out, &from,
			    "%s says which login may use which sender by patterns, which was not "
			    "taken over; Postfix goes on to hold it",
			    p->text);
	}
	if (all > ROWS_MAX) {
		b->whole = false;
		import_note(b->out, NULL,
		    "smtpd_sender_login_maps has %zu rows, which were not taken over: write them "
		    "as "
		    "`sender { logins = file:PATH }`, one login and its addresses a line",
		    all);
	}
	b->rows = arena_alloc(&b->pf->arena, (all + 1) * sizeof(*b->rows));
	for (size_t i = 0; b->rows != NULL && b->whole && i < l->count; i++) {
		const struct pf_pattern *p = &l->items[i];

		for (size_t r = 0; r < p->table->count; r++)
			b->rows[b->count++] =
			    (struct owned){p->table->rows[r].key, p->table->rows[r].value,
				pf_from_row(b->pf, p, &p->table->rows[r], maps)};
	}
	if (b->rows == NULL)
		b->out->failed = true;
}

/* A login as an entry can have it: `*` stands for any characters there, `:` ends it. */
static bool is_plain_login(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 200 || text[0] == '@' || text[0] == '#' || text[len - 1] == ':')
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text > '~' ||
		    strchr("*\"\\{},=", *text) != NULL)
			return false;
	return strncmp(text - len, "file:", 5) != 0;
}

static bool owns(struct book *b, const struct owned *row, const char *login)
{
	const char *p = row->owners, *word;

	while ((word = pf_word(&b->pf->arena, &p, NULL)) != NULL)
		if (strcasecmp(word, login) == 0)
			return true;
	return false;
}

/* Of @example.com: another row has an address of it, which this login may not use. */
static const char *exception_of(struct book *b, const struct owned *row, const char *login)
{
	for (size_t i = 0; i < b->count; i++) {
		const char *at = strchr(b->rows[i].key, '@');

		if (at != NULL && at > b->rows[i].key && strcasecmp(at, row->key) == 0 &&
		    !owns(b, &b->rows[i], login))
			return b->rows[i].key;
	}
	return NULL;
}

static bool is_first(const struct book *b, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcasecmp(b->rows[i].key, b->rows[at].key) == 0)
			return false;
	return true;
}

static void add_owner(struct book *b, const struct owned *row, const char *login)
{
	const char *plus = pf_get(&(struct pf_view){b->pf, NULL}, "recipient_delimiter");
	const char *at = strchr(row->key, '@'), *hole, *addresses = row->key;

	if (!is_plain_login(login)) {
		import_note(b->out, &row->from,
		    "that the login %s may send as %s was not taken over: it is no login that can "
		    "be written",
		    login, row->key);
		return;
	}
	if (at == row->key) {
		hole = exception_of(b, row, login);
		if (hole != NULL) {
			import_note(b->out, &row->from,
			    "that %s may send as %s was not taken over: %s is of that domain, and "
			    "not among his",
			    login, row->key, hole);
			return;
		}
		addresses = row->key + 1;
	} else if (plus[0] != '\0' && strchr("+-_", plus[0]) != NULL &&
		   memchr(row->key, plus[0], (size_t)(at - row->key)) == NULL) {
		addresses = arena_printf(&b->pf->arena, "%s, %.*s%c*%s", row->key,
		    (int)(at - row->key), row->key, plus[0], at);
	}
	if (addresses == NULL)
		b->out->failed = true;
	else
		import_sender(b->out, login, addresses, &row->from);
}

static void add_row(struct book *b, const struct owned *row)
{
	const char *p = row->owners, *word, *key = row->key[0] == '@' ? row->key + 1 : row->key;
	unsigned count = 0;

	if (key[0] == '.' || (key == row->key && strchr(key, '@') == NULL) ||
	    !import_is_recipient(key)) {
		import_note(b->out, &row->from,
		    "who may send as %s was not taken over: an address or @domain was expected; "
		    "nobody who logs in may use it",
		    row->key);
		return;
	}
	while (count++ < OWNERS_MAX && (word = pf_word(&b->pf->arena, &p, NULL)) != NULL)
		add_owner(b, row, word);
}

/* --- who has not logged in ------------------------------------------------- */

/* One listener's rules, or those of all; `where` is "listener = 587  ", or "". */
static void add_stranger_rules(struct book *b, bool but_networks, const char *where)
{
	char body[400];

	for (size_t i = 0; i < b->count; i++) {
		const struct owned *row = &b->rows[i];
		const char *key = row->key[0] == '@' ? row->key + 1 : row->key;

		if (!is_first(b, i) || !import_is_recipient(key))
			continue;
		if (but_networks && b->out->excluded.count > 0) {
			import_note(b->out, &row->from,
			    "clients of mynetworks may send as %s without a login to Postfix; not "
			    "to the guard, as some of them are excepted",
			    row->key);
		} else if (but_networks) {
			snprintf(body, sizeof(body),
			    "%sfrom = \"%s\"  client = @friends  auth = no  action = permit", where,
			    key);
			import_first_rule(b->out, "own-network", body, &row->from);
		}
		snprintf(body, sizeof(body),
		    "%sfrom = \"%s\"  auth = no  action = reject  reply = \"553 5.7.1 Sender "
		    "address rejected: not logged in\"",
		    where, key);
		import_first_rule(b->out, "owned", body, &row->from);
	}
}

/* What `from` of a rule can't say. */
static void note_extensions(struct book *b)
{
	const struct pf_view main = {b->pf, NULL};

	if (pf_get(&main, "recipient_delimiter")[0] != '\0')
		import_note(b->out, NULL,
		    "addresses that somebody owns are refused to who has not logged in as they "
		    "stand; with an extension Postfix goes on to refuse them");
}

static bool asks_strangers(const struct pf_listener *l)
{
	return !l->local && (pf_uses(&l->view, both) || pf_uses(&l->view, without));
}

static void add_strangers(struct book *b, const struct pf_listeners *l)
{
	bool everywhere = true;

	note_extensions(b);
	for (size_t k = 0; k < l->count; k++)
		everywhere = everywhere && (l->items[k].local || asks_strangers(&l->items[k]));
	for (size_t k = 0; k < l->count; k++) {
		const struct pf_view *v = &l->items[k].view;
		const char *port = pf_port(b->pf, v->service);
		bool but_networks = behind_networks(v, pf_uses(v, both) ? both : without);
		char where[40] = "";

		if (!asks_strangers(&l->items[k]))
			continue;
		if (!everywhere && port == NULL) {
			import_note(b->out, NULL,
			    "%s refuses senders that somebody owns to who has not logged in; its "
			    "port is not known: this was not taken over",
			    l->items[k].label);
			continue;
		}
		if (!everywhere)
			snprintf(where, sizeof(where), "listener = %.10s  ", port);
		add_stranger_rules(b, but_networks, where);
		if (everywhere)
			break;
	}
}

/* --- all ------------------------------------------------------------------- */

static void note_rows(struct book *b, const char *why)
{
	for (size_t r = 0; r < b->count && r < SHOWN_MAX; r++)
		import_note(b->out, &b->rows[r].from, "sender %s belongs to the logins %s; %s",
		    b->rows[r].key, b->rows[r].owners, why);
}

static const struct pf_view *view_of(struct pf *pf, const struct held *h, struct pf_view *main)
{
	*main = (struct pf_view){pf, NULL};
	return h->by == NULL ? main : &h->by->view;
}

void pf_import_logins(struct pf *pf, const struct pf_listeners *l, struct import *i)
{
	struct held h = {.by = NULL};
	struct book b = {.pf = pf, .out = i};
	struct pf_view main;
	struct pf_patterns patterns;

	for (size_t k = 0; k < l->count; k++)
		look(&l->items[k], &h);
	patterns = pf_patterns(view_of(pf, &h, &main), maps);
	read_maps(&b, &patterns);
	if (!b.whole || b.count == 0)
		return;
	if (!h.logins && h.known)
		note_rows(&b,
		    "reject_known_sender_login_mismatch was not taken over, as others may "
		    "be used by everybody; Postfix goes on to hold it");
	else if (!h.logins && !h.strangers)
		note_rows(&b, "no restriction asks for it");
	for (size_t r = 0; h.logins && r < b.count; r++)
		if (is_first(&b, r))
			add_row(&b, &b.rows[r]);
	if (h.logins && h.not_by != NULL)
		import_note(i, NULL, "%s does not ask who owns a sender; `sender` holds for it too",
		    h.not_by->label);
	if (h.strangers)
		add_strangers(&b, l);
}
