#include "conf/lists.h"

#include <stdlib.h>
#include <string.h>

#include "conf/doc.h"
#include "conf/source.h"

/* --- the sections --- */

static bool keep_written(struct conf_reader *r, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];

	if (v->next != NULL)
		return conf_error(r, &v->next->loc,
		    "found %s; expected a list in braces with commas", conf_found(v->next, found));
	*(const struct conf_value **)field = v;
	return true;
}

static const struct conf_row networks_rows[] = {
    {.key = "members",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct list, members),
	.required = true,
	.read = keep_written,
	.doc = "Addresses, prefixes, other lists as @NAME, and file:PATH with one entry a line."},
    {.key = "i-know",
	.type = CONF_BOOL,
	.offset = offsetof(struct list, known),
	.fallback = "no",
	.doc =
	    "Says to readers that a list that covers the world is meant. The rule that permits it "
	    "must say so as well."},
    {.key = NULL},
};

static const struct conf_row domains_rows[] = {
    {.key = "members",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct list, members),
	.required = true,
	.read = keep_written,
	.doc = "Domains, .domain for all below it, address literals in brackets, other lists as "
	       "@NAME, and file:PATH with one entry a line."},
    {.key = "i-know",
	.type = CONF_BOOL,
	.offset = offsetof(struct list, known),
	.fallback = "no",
	.doc = "Says that a whole top-level domain in the list is meant."},
    {.key = NULL},
};

static const struct conf_schema networks_schema = {.type = "networks",
    .doc = "A named list of networks.",
    .named = true,
    .repeatable = true,
    .size = sizeof(struct list),
    .rows = networks_rows};

static const struct conf_schema domains_schema = {.type = "domains",
    .doc = "A named list of domains.",
    .named = true,
    .repeatable = true,
    .size = sizeof(struct list),
    .rows = domains_rows};

const struct conf_schema *const list_schemas[LIST_KINDS] = {
    [LIST_NETWORKS] = &networks_schema, [LIST_DOMAINS] = &domains_schema};

static const char *const kind_names[LIST_KINDS] = {
    [LIST_NETWORKS] = "list of networks", [LIST_DOMAINS] = "list of domains"};

/* --- names --- */

static int by_name(const void *pa, const void *pb)
{
	const struct list *a = *(const struct list *const *)pa;
	const struct list *b = *(const struct list *const *)pb;

	return strcmp(a->head.name, b->head.name);
}

struct list *lists_find(const struct lists *l, const char *name)
{
	struct list key = {.head = {.name = name}}, *p = &key, **found;

	if (l->count == 0)
		return NULL;
	found = bsearch(&p, l->items, l->count, sizeof(struct list *), by_name);
	return found == NULL ? NULL : *found;
}

static void complain_unknown(
    struct conf_reader *r, const struct conf_value *ref, const struct lists *l)
{
	size_t count = l->count < 1000 ? l->count : 1000;
	const char **known = calloc(count + 1, sizeof(*known));

	for (size_t i = 0; known != NULL && i < count; i++)
		known[i] = l->items[i]->head.name;
	conf_unknown(r, &ref->loc, kind_names[l == &r->doc->lists[LIST_DOMAINS]], ref->text, known,
	    known == NULL ? 0 : count);
	free(known);
}

bool list_check_name(struct conf_reader *r, const struct conf_value *ref)
{
	const struct lists *networks = &r->doc->lists[LIST_NETWORKS];
	const struct lists *domains = &r->doc->lists[LIST_DOMAINS];

	if (lists_find(networks, ref->text) != NULL || lists_find(domains, ref->text) != NULL)
		return true;
	complain_unknown(r, ref, domains->count > 0 ? domains : networks);
	return false;
}

/* The list that `ref` names, built. NULL: told, unless it is only one that is wrong itself. */
static struct list *resolve(
    struct conf_reader *r, enum list_kind kind, const struct conf_value *ref);

/* --- members --- */

/* A set while it is made, of either kind. */
struct maker {
	struct conf_reader *r;
	enum list_kind kind;
	struct netset_builder *networks;
	struct domset_builder *domains;
};

static void add_network(struct maker *m, const char *text, size_t len, const struct conf_loc *where)
{
	int shown = len > 60 ? 60 : (int)len;
	char network[ADDR_TEXT_MAX];
	struct prefix p;

	switch (prefix_parse(text, len, &p)) {
	case PREFIX_OK:
		if (!netset_builder_add(m->networks, &p))
			conf_no_memory(m->r);
		return;
	case PREFIX_BAD_ADDRESS:
		conf_error(m->r, where,
		    "found `%.*s`; expected an address or a network, such as 192.0.2.0/24 or "
		    "2001:db8::/32",
		    shown, text);
		return;
	case PREFIX_BAD_BITS:
		conf_error(m->r, where,
		    "found `%.*s`; expected /0 to /32 after an IPv4 address, /0 to /128 after an "
		    "IPv6 one",
		    shown, text);
		return;
	case PREFIX_HOST_BITS:
		prefix_format(&p, network);
		conf_error(m->r, where,
		    "found `%.*s`, an address within a network; write %s for the network, or the "
		    "address alone",
		    shown, text, network);
		return;
	}
}

static void add_domain(struct maker *m, const char *text, size_t len, const struct conf_loc *where)
{
	const char *reason = NULL;
	int shown = len > 60 ? 60 : (int)len;

	switch (domset_builder_add(m->domains, text, len, &reason)) {
	case DOMSET_OK:
		return;
	case DOMSET_NO_MEMORY:
		conf_no_memory(m->r);
		return;
	case DOMSET_BAD_NAME:
		conf_error(m->r, where,
		    "found `%.*s`; expected a domain, such as example.com or "
		    ".example.com%s%s",
		    shown, text, reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
		return;
	case DOMSET_BAD_LITERAL:
		conf_error(m->r, where,
		    "found `%.*s`; expected an address in brackets, such as "
		    "[192.0.2.1] or [IPv6:2001:db8::1]",
		    shown, text);
		return;
	}
}

static void add_text(struct maker *m, const char *text, size_t len, const struct conf_loc *where)
{
	if (m->kind == LIST_NETWORKS)
		add_network(m, text, len, where);
	else
		add_domain(m, text, len, where);
}

static void add_file(struct maker *m, const struct conf_value *v)
{
	struct conf_loc where = {.file = v->text};
	struct source_line line = {.line = 0};
	struct source s;
	size_t at = 0;

	if (!source_read(&s, v->text, SOURCE_LIST_MAX, &v->loc, m->r->diag))
		return;
	if (!doc_add_file(m->r->doc, v->text))
		conf_no_memory(m->r);
	if (source_is_text(&s, v->text, m->r->diag)) {
		while (source_next_line(&s, &at, &line)) {
			where.line = line.line;
			where.column = line.column;
			add_text(m, line.text, line.len, &where);
		}
	}
	source_free(&s);
}

static void add_list(struct maker *m, const struct conf_value *ref)
{
	const struct list *l = resolve(m->r, m->kind, ref);

	if (l == NULL)
		return;
	if (m->kind == LIST_NETWORKS ? !netset_builder_add_set(m->networks, l->set.networks)
				     : !domset_builder_add_set(m->domains, l->set.domains))
		conf_no_memory(m->r);
}

static void add_value(struct maker *m, const struct conf_value *v)
{
	char found[CONF_FOUND_MAX];

	switch (v->kind) {
	case CONF_WORD:
	case CONF_STRING:
		add_text(m, v->text, strlen(v->text), &v->loc);
		return;
	case CONF_REF:
		add_list(m, v);
		return;
	case CONF_FILE:
		add_file(m, v);
		return;
	case CONF_LIST:
		for (v = v->first; v != NULL; v = v->next)
			add_value(m, v);
		return;
	case CONF_BLOCK:
		conf_error(m->r, &v->loc, "found %s; expected a %s in braces with commas",
		    conf_found(v, found), kind_names[m->kind]);
		return;
	}
}

/*
 * Builds the set of `v`, which the document owns. False: told; the set then has what was right,
 * so that nobody complains of its absence besides.
 */
static bool make_networks(struct conf_reader *r, const struct conf_value *v, struct netset **out)
{
	struct maker m = {.r = r, .kind = LIST_NETWORKS, .networks = netset_builder_new()};
	size_t errors = diag_errors(r->diag);

	*out = NULL;
	if (m.networks == NULL)
		return conf_no_memory(r);
	add_value(&m, v);
	*out = netset_build(&m.networks);
	if (*out == NULL || !doc_own(r->doc, *out, NULL)) {
		*out = NULL;
		return conf_no_memory(r);
	}
	return diag_errors(r->diag) == errors;
}

static bool make_domains(struct conf_reader *r, const struct conf_value *v, struct domset **out)
{
	struct maker m = {.r = r, .kind = LIST_DOMAINS, .domains = domset_builder_new()};
	size_t errors = diag_errors(r->diag);

	*out = NULL;
	if (m.domains == NULL)
		return conf_no_memory(r);
	add_value(&m, v);
	*out = domset_build(&m.domains);
	if (*out == NULL || !doc_own(r->doc, NULL, *out)) {
		*out = NULL;
		return conf_no_memory(r);
	}
	return diag_errors(r->diag) == errors;
}

/* --- lists --- */

static bool refuse_bare_tld(struct conf_reader *r, const struct list *l)
{
	const char *tld = domset_bare_tld(l->set.domains);

	if (tld == NULL || l->known)
		return true;
	return conf_error(r, &l->members->loc,
	    "found `%.80s`, a whole top-level domain, in `domains %.60s`: mail to everybody below "
	    "it "
	    "would count as the list's; write `i-know = yes` in the section if that is meant",
	    tld, l->head.name);
}

static void build(struct conf_reader *r, struct list *l)
{
	bool ok;

	if (l->state != LIST_NEW)
		return;
	l->state = LIST_BUILDING;
	if (l->members == NULL) /* told when the section was read */
		ok = false;
	else if (l->kind == LIST_NETWORKS)
		ok = make_networks(r, l->members, &l->set.networks);
	else
		ok = make_domains(r, l->members, &l->set.domains) && refuse_bare_tld(r, l);
	l->state = ok ? LIST_BUILT : LIST_BAD;
}

static struct list *resolve(
    struct conf_reader *r, enum list_kind kind, const struct conf_value *ref)
{
	enum list_kind other = kind == LIST_NETWORKS ? LIST_DOMAINS : LIST_NETWORKS;
	struct list *l = lists_find(&r->doc->lists[kind], ref->text);

	if (l == NULL) {
		if (lists_find(&r->doc->lists[other], ref->text) != NULL)
			conf_error(r, &ref->loc, "found `@%.60s`, a %s; expected a %s", ref->text,
			    kind_names[other], kind_names[kind]);
		else
			complain_unknown(r, ref, &r->doc->lists[kind]);
		return NULL;
	}
	build(r, l);
	if (l->state == LIST_BUILDING)
		conf_error(
		    r, &ref->loc, "found `@%.60s`, a list that is made of itself", ref->text);
	return l->state == LIST_BUILT ? l : NULL;
}

static bool collect(
    struct conf_reader *r, enum list_kind kind, const struct conf_head *first, struct lists *out)
{
	size_t count = 0;

	for (const struct conf_head *h = first; h != NULL; h = h->next)
		count++;
	out->items = arena_alloc(r->arena, (count + 1) * sizeof(struct list *));
	if (out->items == NULL)
		return conf_no_memory(r);
	/* The heads were made by schema_read() for this layer: nobody else has them yet. */
	for (const struct conf_head *h = first; h != NULL; h = h->next) {
		struct list *l = (struct list *)(uintptr_t)h;

		l->kind = kind;
		if (h->name != NULL)
			out->items[out->count++] = l;
	}
	qsort(out->items, out->count, sizeof(struct list *), by_name);
	return true;
}

void lists_build(struct conf_reader *r, const struct conf_head *const first[LIST_KINDS])
{
	for (int k = 0; k < LIST_KINDS; k++)
		if (!collect(r, (enum list_kind)k, first[k], &r->doc->lists[k]))
			return;
	for (int k = 0; k < LIST_KINDS; k++)
		for (size_t i = 0; i < r->doc->lists[k].count; i++)
			build(r, r->doc->lists[k].items[i]);
}

/* --- values --- */

/* `@name` alone, or a list of just that. */
static const struct conf_value *single_ref(const struct conf_value *v)
{
	if (v->kind == CONF_LIST && v->first != NULL && v->first->next == NULL)
		v = v->first;
	return v->kind == CONF_REF ? v : NULL;
}

/*
 * Where a list is wrong that has been told, and a value that refers to it is not wrong besides:
 * the set is then NULL, and the document is refused anyway.
 */
bool list_read_networks(
    struct conf_reader *r, const struct conf_value *v, const struct netset **out)
{
	const struct conf_value *ref = single_ref(v);
	size_t errors = diag_errors(r->diag);
	struct netset *made = NULL;
	const struct list *l;
	bool ok;

	*out = NULL;
	if (ref == NULL) {
		ok = make_networks(r, v, &made);
		*out = made;
		return ok;
	}
	l = resolve(r, LIST_NETWORKS, ref);
	if (l != NULL)
		*out = l->set.networks;
	return diag_errors(r->diag) == errors;
}

bool list_read_domains(struct conf_reader *r, const struct conf_value *v, const struct domset **out)
{
	const struct conf_value *ref = single_ref(v);
	size_t errors = diag_errors(r->diag);
	struct domset *made = NULL;
	const struct list *l;
	bool ok;

	*out = NULL;
	if (ref == NULL) {
		ok = make_domains(r, v, &made);
		*out = made;
		return ok;
	}
	l = resolve(r, LIST_DOMAINS, ref);
	if (l != NULL)
		*out = l->set.domains;
	return diag_errors(r->diag) == errors;
}
