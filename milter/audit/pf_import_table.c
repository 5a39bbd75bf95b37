/* Tables that Postfix looks clients up in, as networks (access(5), cidr_table(5)). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_import.h"

enum { IF_DEPTH_MAX = 16 };

enum act { ACT_PERMIT, ACT_REFUSE, ACT_PASS };

/* A table at work. */
struct reader {
	struct nets_effort *effort;
	const struct pf *pf;
	const struct pf_pattern *pattern;
	const char *name; /* of the parameter, for notes */
	struct import *notes;
	bool access;                            /* the rows' values matter */
	struct nets permitted, refused, passed; /* by the rows so far */
	struct nets blocks[IF_DEPTH_MAX];       /* of the `if`s that are open */
	size_t depth;
};

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

bool pf_row_permits(const char *value)
{
	size_t len = strcspn(value, " \t,");

	return is_word(value, len, "OK") || is_word(value, len, "RELAY") ||
	       is_word(value, len, "permit") ||
	       (value[0] != '\0' && strspn(value, "0123456789") == strlen(value));
}

static bool refuses(const char *value)
{
	static const char *const words[] = {"REJECT", "DEFER", "DEFER_IF_PERMIT", "DISCARD"};
	size_t len = strcspn(value, " \t,");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(value, len, words[i]))
			return true;
	return len == 3 && (value[0] == '4' || value[0] == '5') &&
	       strspn(value, "0123456789") == len;
}

static bool passes(const char *value)
{
	static const char *const words[] = {"DUNNO", "HOLD", "PREPEND", "WARN", "INFO", "FILTER",
	    "REDIRECT", "BCC", "DEFER_IF_REJECT"};
	size_t len = strcspn(value, " \t,");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(value, len, words[i]))
			return true;
	return false;
}

static enum act act_of(
    const struct reader *r, const struct pf_row *row, const struct import_from *from)
{
	if (!r->access || pf_row_permits(row->value))
		return ACT_PERMIT;
	if (refuses(row->value))
		return ACT_REFUSE;
	if (!passes(row->value))
		import_note(r->notes, from, "what %s does (%s) was not taken over",
		    row->key[0] == '\0' ? r->pattern->text : row->key, row->value);
	return ACT_PASS;
}

/* The first row that holds an address decides. */
static void decide(struct reader *r, const struct net_from *net, enum act act)
{
	struct nets_effort *e = r->effort;
	struct nets pieces = {NULL, 0, 0}, rest = {NULL, 0, 0};

	if (act == ACT_PASS) {
		nets_add(e, &r->passed, &net->net, &net->from);
		return;
	}
	nets_add_without(e, &pieces, net, &r->passed);
	for (size_t i = 0; i < pieces.count && !e->failed; i++)
		nets_add_without(
		    e, &rest, &pieces.items[i], act == ACT_PERMIT ? &r->refused : &r->permitted);
	nets_join(e, act == ACT_PERMIT ? &r->permitted : &r->refused, &rest);
}

/* --- cidr ------------------------------------------------------------------ */

/* What a row, or an `if`, matches of the block that it stands in. */
static void matched(
    struct reader *r, const struct pf_row *row, const struct import_from *from, struct nets *out)
{
	const struct net_from net = {row->prefix, *from};
	const struct nets hole = {(struct net_from *)(uintptr_t)&net, 1, 1};
	struct nets world = {NULL, 0, 0};
	const struct nets *block = &world;

	nets_add_world(r->effort, &world, from);
	if (r->depth > 0)
		block = &r->blocks[r->depth - 1];
	if (!row->negated) {
		nets_add_common(r->effort, out, &net, block);
		return;
	}
	for (size_t i = 0; i < block->count && !r->effort->failed; i++) {
		struct net_from part = {block->items[i].net, *from};

		if (part.net.addr.family == row->prefix.addr.family)
			nets_add_without(r->effort, out, &part, &hole);
	}
}

/* Postfix skips a row with host bits, or that is no network. */
static bool is_taken(struct reader *r, const struct pf_row *row, const struct import_from *from)
{
	if (row->prefix.addr.family != ADDR_NONE)
		return true;
	import_note(r->notes, from,
	    "%s was not taken over: Postfix skips it, as it is no network, or has bits behind its "
	    "length",
	    row->key);
	return false;
}

static void open_block(struct reader *r, const struct pf_row *row, const struct import_from *from)
{
	struct nets block = {NULL, 0, 0};

	if (r->depth == IF_DEPTH_MAX) {
		r->effort->failed = true;
		return;
	}
	if (is_taken(r, row, from))
		matched(r, row, from, &block);
	r->blocks[r->depth++] = block;
}

static void read_cidr(struct reader *r)
{
	const struct pf_table *t = r->pattern->table;

	for (size_t i = 0; i < t->count && !r->effort->failed; i++) {
		const struct pf_row *row = &t->rows[i];
		struct import_from from = pf_from_row(r->pf, r->pattern, row, r->name);
		struct nets nets = {NULL, 0, 0};

		if (row->kind == PF_ROW_IF) {
			open_block(r, row, &from);
		} else if (row->kind == PF_ROW_ENDIF) {
			r->depth -= r->depth > 0;
		} else if (is_taken(r, row, &from)) {
			matched(r, row, &from, &nets);
			for (size_t k = 0; k < nets.count && !r->effort->failed; k++)
				decide(r, &nets.items[k], act_of(r, row, &from));
		}
	}
}

/* --- tables with keys ------------------------------------------------------ */

/* 192.168 and 192.168.1 are networks in tables of access, and nowhere else. */
static bool key_network(const char *key, bool partial, struct prefix *out)
{
	char text[64];
	unsigned dots = 0;
	size_t len = strlen(key);

	for (const char *p = key; *p != '\0'; p++)
		dots += *p == '.';
	if (partial && dots < 3 && len > 0 && len < 13 && strspn(key, "0123456789.") == len) {
		snprintf(text, sizeof(text), "%s%s/%u", key,
		    dots == 0   ? ".0.0.0"
		    : dots == 1 ? ".0.0"
				: ".0",
		    8 * (dots + 1));
		return prefix_parse(text, strlen(text), out) == PREFIX_OK;
	}
	return strchr(key, '/') == NULL && prefix_parse(key, len, out) == PREFIX_OK;
}

struct keyed {
	struct net_from net;
	const struct pf_row *row;
	size_t order;
};

/* The most specific key is looked up first; of the same one the first row counts. */
static int by_length(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->net.net.bits != y->net.net.bits)
		return x->net.net.bits > y->net.net.bits ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void note_key(struct reader *r, const struct pf_row *row, const struct import_from *from)
{
	if (r->access && !pf_row_permits(row->value))
		return;
	import_note(r->notes, from,
	    "the permission of %s was not taken over: it is no network; the guard knows clients by "
	    "their address alone",
	    row->key);
}

static void read_keyed(struct reader *r)
{
	const struct pf_table *t = r->pattern->table;
	struct keyed *all = arena_alloc(r->effort->arena, (t->count + 1) * sizeof(*all));
	size_t count = 0;

	if (all == NULL) {
		r->effort->failed = true;
		return;
	}
	for (size_t i = 0; i < t->count; i++) {
		struct keyed *k = &all[count];

		*k = (struct keyed){.row = &t->rows[i], .order = i};
		k->net.from = pf_from_row(r->pf, r->pattern, k->row, r->name);
		if (key_network(k->row->key, r->access, &k->net.net))
			count++;
		else
			note_key(r, k->row, &k->net.from);
	}
	qsort(all, count, sizeof(*all), by_length);
	for (size_t i = 0; i < count && !r->effort->failed; i++)
		decide(r, &all[i].net, act_of(r, all[i].row, &all[i].net.from));
}

/* --- all kinds ------------------------------------------------------------- */

/* A stranger is as good as any other to a table that holds everybody. */
static void read_static(struct reader *r, const struct import_from *from)
{
	const struct pf_row row = {.key = "",
	    .value = r->pattern->table->count > 0 ? r->pattern->table->rows[0].value : ""};
	struct nets world = {NULL, 0, 0};
	enum act act = act_of(r, &row, from);

	nets_add_world(r->effort, &world, from);
	for (size_t i = 0; i < world.count; i++)
		decide(r, &world.items[i], act);
}

static void note_patterns(struct reader *r)
{
	const struct pf_table *t = r->pattern->table;

	for (size_t i = 0; i < t->count; i++) {
		struct import_from from = pf_from_row(r->pf, r->pattern, &t->rows[i], r->name);

		if (t->rows[i].kind == PF_ROW && (!r->access || pf_row_permits(t->rows[i].value)))
			import_note(r->notes, &from,
			    "the permission of %s was not taken over: the guard has no patterns of "
			    "clients",
			    t->rows[i].key);
	}
}

static void read_table(struct reader *r)
{
	struct import_from from = pf_from_pattern(r->pf, r->pattern, r->name);

	switch (r->pattern->table->kind) {
	case PF_CIDR:
		read_cidr(r);
		break;
	case PF_KEYED:
		read_keyed(r);
		break;
	case PF_STATIC:
		read_static(r, &from);
		break;
	case PF_REGEX:
		note_patterns(r);
		break;
	case PF_OPAQUE:
		pf_note_opaque(r->notes, r->pattern->text, &from, "`networks friends`");
		break;
	}
}

void pf_table_networks(struct nets_effort *e, const struct pf *pf, const struct pf_pattern *p,
    struct import *notes, struct nets *out)
{
	struct reader r = {
	    .effort = e, .pf = pf, .pattern = p, .name = "mynetworks", .notes = notes};

	read_table(&r);
	nets_join(e, out, &r.permitted);
}

void pf_table_access(struct nets_effort *e, const struct pf *pf, const struct pf_pattern *p,
    const char *list, struct import *notes, struct pf_access *out)
{
	struct reader r = {
	    .effort = e, .pf = pf, .pattern = p, .name = list, .notes = notes, .access = true};

	read_table(&r);
	if (r.refused.count > 0)
		import_note(notes, &r.refused.items[0].from,
		    "clients that %s refuses may not relay; that it takes no mail of them at all "
		    "is "
		    "left to Postfix",
		    p->text);
	*out = (struct pf_access){r.permitted, r.refused};
}
