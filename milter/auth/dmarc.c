/*
 * The walk up the tree (RFC 9989 4.10), what it says of the policy (4.10.1), and alignment
 * (4.10.2). Every name is asked for once in a message, however many walks lead over it.
 */
#include "auth/dmarc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/strbuf.h"

enum {
	STEPS_MAX = 8,      /* queries of one walk */
	SHORTCUT = 7,       /* labels that are left of a name with more of them than that */
	REASON_MAX = 16384, /* bytes */
	EXISTS_TYPES = 3,
};

const char *dmarc_result_name(enum dmarc_result r)
{
	static const char *const names[] = {
	    [DMARC_NONE] = "none",
	    [DMARC_PASS] = "pass",
	    [DMARC_FAIL] = "fail",
	    [DMARC_TEMPERROR] = "temperror",
	};

	return names[r];
}

/* --- names that were asked for ----------------------------------------------------- */

enum node_state {
	NODE_ASKED,
	NODE_EMPTY, /* no record, or several */
	NODE_FOUND,
	NODE_ERROR,
};

struct node {
	const char *name;
	struct dns_lookup *lookup; /* of NODE_ASKED */
	enum node_state state;
	enum dns_status status;
	unsigned records; /* that say v=DMARC1 */
	struct dmarc_record record;
	struct node *next;
};

struct dmarc_lookup {
	struct resolver *resolver;
	struct arena arena;
	const char *domain;
	struct node *nodes;
	struct strbuf reason;
};

#define QUESTION_SIZE (sizeof("_dmarc.") + NAME_SIZE)

static void make_question(char question[QUESTION_SIZE], const char *name)
{
	snprintf(question, QUESTION_SIZE, "_dmarc.%s", name);
}

/* The node of a name, which is asked for if it was not yet. NULL when memory is exhausted. */
static struct node *node_at(struct dmarc_lookup *l, struct dns_budget *b, const char *name)
{
	char question[QUESTION_SIZE];
	struct node *n;

	for (n = l->nodes; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0)
			return n;
	n = arena_alloc(&l->arena, sizeof(*n));
	if (n == NULL || (n->name = arena_strdup(&l->arena, name)) == NULL)
		return NULL;
	make_question(question, name);
	n->lookup = dns_start(l->resolver, b, question, DNS_TYPE_TXT);
	n->next = l->nodes;
	l->nodes = n;
	return n;
}

static void read_record(struct node *n, const struct dns_rdata *r)
{
	struct dmarc_record record;
	char *text;
	size_t len;

	if (!dns_rdata_txt(r, &text, &len))
		return;
	if (dmarc_record_read(text, len, &record)) {
		n->records++;
		n->record = record;
	}
	free(text);
}

static void node_collect(struct node *n)
{
	const struct dns_answer *answer;

	if (n->state != NODE_ASKED)
		return;
	answer = dns_collect(&n->lookup);
	n->status = answer->status;
	for (size_t i = 0; i < answer->count; i++)
		read_record(n, &answer->records[i]);
	if (dns_status_is_error(answer->status))
		n->state = NODE_ERROR;
	else
		n->state = n->records == 1 ? NODE_FOUND : NODE_EMPTY;
	dns_answer_unref(&answer);
}

/* --- walks ----------------------------------------------------------------------------- */

/* The last `labels` labels of a name that has as many. */
static const char *suffix(const char *name, unsigned labels)
{
	for (unsigned n = name_labels(name); n > labels; n--)
		name = name_parent(name);
	return name;
}

/* The name that is asked for next; NULL at the end. */
static const char *step_up(const char *name)
{
	return name_labels(name) > SHORTCUT ? suffix(name, SHORTCUT) : name_parent(name);
}

struct walk {
	const char *start;
	const struct node *found[STEPS_MAX]; /* the longest name first */
	unsigned count;
	bool stopped;             /* at psd=y or psd=n, which is the last of `found` */
	const struct node *error; /* that ended it; NULL: none */
};

/* Asks for all of it at once. */
static void ask_ahead(struct dmarc_lookup *l, struct dns_budget *b, const char *start)
{
	for (const char *name = start; name != NULL; name = step_up(name))
		node_at(l, b, name);
}

static void tell_step(struct strbuf *b, const struct node *n)
{
	const struct dmarc_record *r = &n->record;

	strbuf_printf(b, "_dmarc.%s: ", n->name);
	if (n->state == NODE_ERROR)
		strbuf_printf(b, "DNS %s", dns_status_name(n->status));
	else if (n->records > 1)
		strbuf_printf(b, "%u records, which count as none", n->records);
	else if (n->records == 1)
		strbuf_printf(b, "a record with p=%s sp=%s np=%s%s%s%s%s", dmarc_policy_name(r->p),
		    dmarc_policy_name(r->sp), dmarc_policy_name(r->np),
		    r->psd == DMARC_PSD_YES ? " psd=y" : "", r->psd == DMARC_PSD_NO ? " psd=n" : "",
		    r->testing ? " t=y" : "", r->applies ? "" : " (not usable)");
	else
		strbuf_puts(b, n->status == DNS_NXDOMAIN ? "no such name" : "no record");
	if (n->records == 1 && r->fault != NULL)
		strbuf_printf(b, " because %s", r->fault);
	strbuf_puts(b, "; ");
}

/* Goes up until a record says where to stop. False when memory is exhausted. */
static bool walk_up(struct dmarc_lookup *l, struct dns_budget *b, const char *start, struct walk *w)
{
	*w = (struct walk){.start = start};
	ask_ahead(l, b, start);
	for (const char *name = start; name != NULL && !w->stopped; name = step_up(name)) {
		struct node *n = node_at(l, b, name);

		if (n == NULL)
			return false;
		if (n->state == NODE_ASKED) {
			node_collect(n);
			tell_step(&l->reason, n);
		}
		if (n->state == NODE_ERROR) {
			w->error = n;
			return true;
		}
		if (n->state == NODE_FOUND) {
			w->found[w->count++] = n;
			w->stopped = n->record.psd != DMARC_PSD_UNKNOWN;
		}
	}
	return true;
}

/* RFC 9989 4.10.2; NULL when the walk ended in an error. */
static const char *organizational_domain(const struct walk *w)
{
	const struct node *last = w->count == 0 ? NULL : w->found[w->count - 1];

	if (w->error != NULL)
		return NULL;
	if (last == NULL)
		return w->start;
	if (last->record.psd == DMARC_PSD_YES && strcmp(last->name, w->start) != 0)
		return suffix(w->start, name_labels(last->name) + 1);
	return last->name;
}

/* --- policy ------------------------------------------------------------------------------ */

/* What is evaluated. Answers that were not needed are given up with the lookup. */
struct evaluation {
	struct dmarc_lookup *lookup;
	struct dns_budget *budget;
	struct walk walk; /* of the Author Domain */
	const char *organizational;
	const struct node *policy; /* NULL: none applies */
	unsigned walks;
	bool no_memory;
	struct dmarc_outcome *out;
};

static const struct node *found_at(const struct walk *w, const char *name)
{
	for (unsigned i = 0; i < w->count; i++)
		if (strcmp(w->found[i]->name, name) == 0)
			return w->found[i];
	return NULL;
}

/* The Author Domain's record, its Organizational Domain's, or its public suffix's. */
static const struct node *find_policy(const struct evaluation *e)
{
	const struct node *n = found_at(&e->walk, e->walk.start);

	if (n == NULL && e->organizational != NULL)
		n = found_at(&e->walk, e->organizational);
	if (n == NULL && e->walk.stopped)
		n = e->walk.found[e->walk.count - 1];
	return n;
}

/*
 * Does the domain exist (RFC 9989 3.2.13)? NXDOMAIN for one type is so for all; but behind a CNAME
 * it speaks of another name, and some servers say it of a type that they do not know.
 */
static enum dns_status existence(struct dmarc_lookup *l, struct dns_budget *b)
{
	static const enum dns_type types[EXISTS_TYPES] = {DNS_TYPE_A, DNS_TYPE_CNAME, DNS_TYPE_MX};
	struct dns_lookup *lookups[EXISTS_TYPES];
	enum dns_status found = DNS_TEMPERROR;

	for (int i = 0; i < EXISTS_TYPES; i++)
		lookups[i] = dns_start(l->resolver, b, l->domain, types[i]);
	for (int i = 0; i < EXISTS_TYPES; i++) {
		const struct dns_answer *answer = dns_collect(&lookups[i]);

		if (answer->status == DNS_OK || answer->status == DNS_NODATA)
			found = DNS_OK;
		else if (answer->status == DNS_NXDOMAIN && found != DNS_OK)
			found = DNS_NXDOMAIN;
		dns_answer_unref(&answer);
	}
	return found;
}

/* What the record asks for the Author Domain. False when DNS can't tell. */
static bool read_policy(struct evaluation *e)
{
	const struct dmarc_record *r = &e->policy->record;
	struct strbuf *reason = &e->lookup->reason;
	enum dns_status exists = DNS_OK;
	const char *tag = "p";

	e->out->policy = r->p;
	if (strcmp(e->policy->name, e->walk.start) != 0) {
		tag = "sp";
		e->out->policy = r->sp;
		if (r->np != r->sp)
			exists = existence(e->lookup, e->budget);
		if (exists == DNS_NXDOMAIN) {
			tag = "np";
			e->out->policy = r->np;
			strbuf_printf(reason, "%s does not exist; ", e->walk.start);
		}
	}
	e->out->testing = r->testing;
	if (r->testing)
		e->out->policy = dmarc_policy_lower(e->out->policy);
	strbuf_printf(reason, "%s of %s asks for %s%s; ", tag, e->policy->name,
	    dmarc_policy_name(e->out->policy), r->testing ? " (t=y)" : "");
	if (exists == DNS_TEMPERROR)
		strbuf_printf(reason, "DNS can't tell whether %s exists; ", e->walk.start);
	return exists != DNS_TEMPERROR;
}

/* --- alignment --------------------------------------------------------------------------- */

enum alignment { NOT_ALIGNED, ALIGNED, ALIGNMENT_UNKNOWN };

/* By Organizational Domains. */
static enum alignment align_relaxed(struct evaluation *e, const char *name)
{
	struct strbuf *reason = &e->lookup->reason;
	const char *organizational;
	struct walk w;

	if (e->organizational == NULL) {
		/* It has at least one label with every name that can be aligned. */
		const char *top = suffix(e->walk.start, 1);

		return name_is_at_or_below(name, top) ? ALIGNMENT_UNKNOWN : NOT_ALIGNED;
	}
	/* A name's Organizational Domain is at the name or above it. */
	if (!name_is_at_or_below(name, e->organizational))
		return NOT_ALIGNED;
	if (e->walks >= DMARC_WALKS_MAX) {
		strbuf_puts(reason, "too many identifiers; ");
		return NOT_ALIGNED;
	}
	e->walks++;
	if (!walk_up(e->lookup, e->budget, name, &w)) {
		e->no_memory = true;
		return ALIGNMENT_UNKNOWN;
	}
	organizational = organizational_domain(&w);
	if (organizational == NULL)
		return ALIGNMENT_UNKNOWN;
	if (strcmp(organizational, e->organizational) == 0)
		return ALIGNED;
	strbuf_printf(reason, "%s belongs to %s; ", name, organizational);
	return NOT_ALIGNED;
}

static enum alignment align(
    struct evaluation *e, const char *how, const struct dmarc_identifier *i, bool strict)
{
	struct strbuf *reason = &e->lookup->reason;
	const char *domain = i->domain == NULL ? "" : i->domain;
	enum alignment alignment = NOT_ALIGNED;
	char name[NAME_SIZE];

	if (name_canonical(domain, strlen(domain), name) != NAME_OK)
		return NOT_ALIGNED;
	if (strcmp(name, e->walk.start) == 0)
		alignment = ALIGNED;
	else if (!strict)
		alignment = align_relaxed(e, name);
	strbuf_printf(reason, "%s %s for %s, which is %s%s; ", how,
	    i->auth == DMARC_AUTH_PASSED ? "passed" : "may yet pass", name,
	    alignment == ALIGNED             ? "aligned"
	    : alignment == ALIGNMENT_UNKNOWN ? "aligned or not: DNS can't tell"
					     : "not aligned",
	    strict ? " (strict)" : "");
	return alignment;
}

/* True when it is aligned and passed; *unsure is set where that can't be ruled out. */
static bool counts(struct evaluation *e, const char *how, const struct dmarc_identifier *i,
    bool strict, bool *unsure)
{
	enum alignment a;

	if (i->auth == DMARC_AUTH_FAILED)
		return false;
	a = align(e, how, i, strict);
	if (a == ALIGNED && i->auth == DMARC_AUTH_PASSED)
		return true;
	if (a != NOT_ALIGNED)
		*unsure = true;
	return false;
}

/* --- the result ---------------------------------------------------------------------------- */

static enum dmarc_result judge_identifiers(struct evaluation *e, const struct dmarc_query *q)
{
	const struct dmarc_record *r = &e->policy->record;
	bool unsure = false;

	e->out->spf_aligned = counts(e, "SPF", &q->spf, r->strict_spf, &unsure);
	for (size_t i = 0; i < q->dkim_count && !e->out->dkim_aligned; i++)
		e->out->dkim_aligned = counts(e, "DKIM", &q->dkim[i], r->strict_dkim, &unsure);
	if (e->out->spf_aligned || e->out->dkim_aligned)
		return DMARC_PASS;
	if (unsure)
		return DMARC_TEMPERROR;
	strbuf_puts(&e->lookup->reason, "no aligned identifier has passed; ");
	return DMARC_FAIL;
}

static enum dmarc_result judge(struct evaluation *e, const struct dmarc_query *q)
{
	struct strbuf *reason = &e->lookup->reason;
	enum dmarc_result result;
	bool known;

	if (!walk_up(e->lookup, e->budget, e->lookup->domain, &e->walk)) {
		e->no_memory = true;
		return DMARC_TEMPERROR;
	}
	e->walks = 1;
	e->organizational = organizational_domain(&e->walk);
	e->policy = find_policy(e);
	/* The Author Domain's own record applies whatever is above it; nothing else does. */
	if (e->policy == NULL || strcmp(e->policy->name, e->walk.start) != 0)
		if (e->walk.error != NULL)
			return DMARC_TEMPERROR;
	if (e->policy == NULL || !e->policy->record.applies) {
		strbuf_puts(reason,
		    e->policy == NULL ? "no record applies; " : "the record asks for no DMARC; ");
		e->policy = NULL;
		return DMARC_NONE;
	}
	e->out->published = e->policy->record.p;
	known = read_policy(e);
	result = judge_identifiers(e, q);
	return result == DMARC_FAIL && !known ? DMARC_TEMPERROR : result;
}

/* The outcome's strings move to the caller's arena. False when memory is exhausted. */
static bool hand_over(struct evaluation *e, struct arena *a)
{
	struct dmarc_outcome *out = e->out;
	struct strbuf *reason = &e->lookup->reason;
	size_t len = reason->len >= 2 ? reason->len - 2 : 0;

	out->domain = arena_strdup(a, e->lookup->domain);
	out->record_domain = e->policy == NULL ? NULL : arena_strdup(a, e->policy->name);
	out->organizational_domain = arena_strdup(a, e->organizational);
	out->reason = arena_strndup(a, strbuf_text(reason), len);
	return !e->no_memory && out->domain != NULL && out->reason != NULL &&
	       (out->record_domain != NULL || e->policy == NULL) &&
	       (out->organizational_domain != NULL || e->organizational == NULL);
}

/* --- the face ----------------------------------------------------------------------------- */

void dmarc_prefetch(struct resolver *r, struct dns_budget *b, const char *domain)
{
	char start[NAME_SIZE], question[QUESTION_SIZE];

	if (name_canonical(domain, strlen(domain), start) != NAME_OK)
		return;
	for (const char *name = start; name != NULL; name = step_up(name)) {
		make_question(question, name);
		dns_prefetch(r, b, question, DNS_TYPE_TXT);
	}
}

struct dmarc_lookup *dmarc_start(struct resolver *r, struct dns_budget *b, const char *domain)
{
	struct dmarc_lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->resolver = r;
	l->reason.max = REASON_MAX;
	l->domain = arena_strndup(&l->arena, domain, strnlen(domain, NAME_MAX_LEN));
	if (l->domain == NULL)
		dmarc_abandon(&l);
	else
		ask_ahead(l, b, l->domain);
	return l;
}

void dmarc_abandon(struct dmarc_lookup **l)
{
	struct dmarc_lookup *look = *l;

	*l = NULL;
	if (look == NULL)
		return;
	for (struct node *n = look->nodes; n != NULL; n = n->next)
		dns_abandon(&n->lookup);
	strbuf_free(&look->reason);
	arena_free(&look->arena);
	free(look);
}

static const struct dmarc_outcome no_memory = {.result = DMARC_TEMPERROR, .reason = "no memory"};

void dmarc_finish(struct dmarc_lookup **l, struct dns_budget *b, const struct dmarc_query *q,
    struct arena *a, struct dmarc_outcome *out)
{
	struct evaluation e = {.lookup = *l, .budget = b, .out = out};

	*out = no_memory;
	if (*l == NULL)
		return;
	out->result = judge(&e, q);
	if (!hand_over(&e, a))
		*out = no_memory;
	dmarc_abandon(l);
}

void dmarc_check(struct resolver *r, struct dns_budget *b, const struct from *from,
    const struct dmarc_query *q, struct arena *a, struct dmarc_outcome *out)
{
	static const char *const reasons[] = {
	    [FROM_ABSENT] = "the message has no From field",
	    [FROM_NONE] = "From names no domain",
	    [FROM_SEVERAL] = "From names several domains",
	    [FROM_REPEATED] = "the message has several From fields",
	    [FROM_MALFORMED] = "From can't be read",
	};
	struct dmarc_lookup *l;

	if (from->status == FROM_ONE) {
		l = dmarc_start(r, b, from->domain);
		dmarc_finish(&l, b, q, a, out);
		return;
	}
	*out = (struct dmarc_outcome){.result = DMARC_NONE, .reason = reasons[from->status]};
	if (from->wrong != NULL)
		out->reason = arena_printf(a, "%s: %s", reasons[from->status], from->wrong);
	if (out->reason == NULL)
		*out = no_memory;
}
