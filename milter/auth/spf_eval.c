/*
 * The evaluator: fetches and reads records, expands macros, keeps the limits
 * of RFC 7208 4.6.4 over the whole evaluation, and knows what each name
 * that libspf2 sees (auth/spf_lib.h) stands for.
 */
#include "auth/spf_eval.h"

#include <stdlib.h>
#include <string.h>

#include "auth/spf_lib.h"
#include "auth/spf_macro.h"
#include "auth/spf_record.h"
#include "base/escape.h"

enum {
	TERMS_MAX = 10, /* RFC 7208 4.6.4 */
	VOIDS_MAX = 2,
	HOSTS_MAX = 10, /* MX and PTR names looked at */
	RECORDS_MAX = TERMS_MAX + 2,
	/* Behind the eleventh term that asks DNS nothing can be reached; then all and redirect. */
	STEPS_MAX = TERMS_MAX + 3,
	EXPLANATION_MAX = 1000,
	TEXT_MAX = 200, /* of a term in a reason */
};

/* One record in use. */
struct used_record {
	struct spf_record record;
	const char *domain;
	const struct used_step *by; /* the include or redirect that led here; NULL: the first */
	struct spf_step *steps;
	size_t count;
	unsigned first_id;
};

struct used_step {
	const struct spf_term *term;
	struct used_record *record;
	const char *target; /* the name it asks for */
	const char *const *hosts;
	size_t host_count;
};

struct eval {
	struct resolver *resolver;
	struct dns_budget *budget;
	struct arena *arena;
	const struct spf_query *query;
	struct spf_outcome *out;
	struct spf_macro_env macros;

	struct used_record records[RECORDS_MAX];
	size_t record_count;
	struct used_step steps[RECORDS_MAX * STEPS_MAX];
	const struct used_record *top; /* the first, or where redirects led: its exp counts */
	struct used_step *current;
	bool is_void; /* the current step has been counted as void */

	bool names_known;
	const char *names[HOSTS_MAX]; /* validated names of the client */
	size_t name_count;

	/* An error ends it all; what the library then says is of no interest. */
	bool halted;
	enum spf_result halt;
	const char *reason; /* NULL: no memory */
};

/* --- words ------------------------------------------------------------------- */

/* Text from a record, made safe and short. NULL when memory is exhausted. */
static const char *quote(struct eval *e, const char *text, size_t len)
{
	struct strbuf b = {0};
	const char *copy = NULL;

	escape_text(&b, text, len < TEXT_MAX ? len : TEXT_MAX);
	if (len > TEXT_MAX)
		strbuf_puts(&b, "...");
	if (!b.failed)
		copy = arena_strndup(e->arena, strbuf_text(&b), b.len);
	strbuf_free(&b);
	return copy;
}

static const char *quote_name(struct eval *e, const char *name)
{
	const char *q = quote(e, name, strlen(name));

	return q == NULL ? "" : q;
}

static const char *quote_term(struct eval *e, const struct used_step *s)
{
	const char *q = quote(e, s->term->as_written.text, s->term->as_written.len);

	return q == NULL ? "" : q;
}

/* Ends the evaluation; the first reason stands. Always false, for callers to return. */
static bool halt(struct eval *e, enum spf_result result, const char *reason)
{
	if (e->halted)
		return false;
	e->halted = true;
	e->halt = result;
	e->reason = reason;
	return false;
}

static bool halt_dns(struct eval *e, const char *name, enum dns_type type, enum dns_status status)
{
	const char *what = status == DNS_BOGUS      ? "DNSSEC finds the answer altered"
	                   : status == DNS_DEADLINE ? "no answer in time"
	                                            : "DNS has an error";
	const char *record = type == DNS_TYPE_TXT    ? "TXT"
	                     : type == DNS_TYPE_MX   ? "MX"
	                     : type == DNS_TYPE_AAAA ? "AAAA"
	                                             : "A";

	return halt(e, SPF_TEMPERROR,
	    arena_printf(e->arena, "%s of %s: %s", record, quote_name(e, name), what));
}

/* --- DNS ---------------------------------------------------------------------- */

static const struct dns_answer *ask(struct eval *e, const char *name, enum dns_type type)
{
	return dns_query(e->resolver, e->budget, name, type);
}

/* A step whose question has no answer: two are allowed (RFC 7208 4.6.4). */
static bool count_void(struct eval *e, enum dns_status status)
{
	if (status != DNS_NODATA && status != DNS_NXDOMAIN)
		return true;
	if (e->is_void || e->current == NULL)
		return true;
	e->is_void = true;
	if (++e->out->voids <= VOIDS_MAX)
		return true;
	return halt(e, SPF_PERMERROR,
	    arena_printf(e->arena,
		"more than two terms ask for what is not there (%s of %s is the third)",
		quote_term(e, e->current), quote_name(e, e->current->record->domain)));
}

static enum dns_type address_type(const struct addr *client)
{
	return client->family == ADDR_V6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
}

static bool address_of(const struct dns_rdata *r, enum dns_type type, struct addr *out)
{
	size_t want = type == DNS_TYPE_AAAA ? 16 : 4;

	if (r->len != want)
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->bytes, r->data, want);
	out->family = type == DNS_TYPE_AAAA ? ADDR_V6 : ADDR_V4;
	return true;
}

static bool answer_has(const struct dns_answer *answer, enum dns_type type, const struct addr *a)
{
	struct addr one;

	for (size_t i = 0; i < answer->count; i++)
		if (address_of(&answer->records[i], type, &one) && addr_equal(&one, a))
			return true;
	return false;
}

static void reverse_name(const struct addr *a, char out[DNS_NAME_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	struct strbuf b = {.max = DNS_NAME_SIZE - 1};

	if (a->family == ADDR_V6) {
		for (size_t i = 16; i-- > 0;)
			strbuf_printf(
			    &b, "%c.%c.", hex[a->bytes[i] & 0xfU], hex[a->bytes[i] >> 4U]);
		strbuf_puts(&b, "ip6.arpa");
	} else {
		for (size_t i = 4; i-- > 0;)
			strbuf_printf(&b, "%u.", a->bytes[i]);
		strbuf_puts(&b, "in-addr.arpa");
	}
	memcpy(out, strbuf_text(&b), b.len);
	out[b.len] = '\0';
	strbuf_free(&b);
}

static bool is_at_or_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n >= d && strcasecmp(name + n - d, domain) == 0 &&
	       (n == d || name[n - d - 1] == '.');
}

/* The client's names, the first ten, not yet validated. Errors are no names (RFC 7208 5.5). */
static size_t client_names(struct eval *e, const char *names[HOSTS_MAX])
{
	char reverse[DNS_NAME_SIZE], name[DNS_NAME_SIZE];
	const struct dns_answer *answer;
	size_t count = 0;

	reverse_name(&e->query->client, reverse);
	answer = ask(e, reverse, DNS_TYPE_PTR);
	count_void(e, answer->status);
	for (size_t i = 0; i < answer->count && i < HOSTS_MAX; i++)
		if (dns_rdata_name(&answer->records[i], 0, name) && name[0] != '\0' &&
		    (names[count] = arena_strdup(e->arena, name)) != NULL)
			count++;
	dns_answer_unref(&answer);
	return count;
}

static bool is_validated(struct eval *e, const char *name)
{
	enum dns_type type = address_type(&e->query->client);
	const struct dns_answer *answer = ask(e, name, type);
	bool yes = answer_has(answer, type, &e->query->client);

	dns_answer_unref(&answer);
	return yes;
}

/* The macro p: the domain itself if it is one of the names, else one below it, else any. */
static const char *validated(void *arg, const char *domain)
{
	struct eval *e = arg;
	const char *below = NULL;

	if (!e->names_known) {
		const char *all[HOSTS_MAX];
		size_t count = client_names(e, all);

		e->names_known = true;
		for (size_t i = 0; i < count; i++)
			if (is_validated(e, all[i]))
				e->names[e->name_count++] = all[i];
	}
	for (size_t i = 0; i < e->name_count; i++) {
		if (strcasecmp(e->names[i], domain) == 0)
			return e->names[i];
		if (below == NULL && is_at_or_below(e->names[i], domain))
			below = e->names[i];
	}
	if (below != NULL)
		return below;
	return e->name_count > 0 ? e->names[0] : "unknown";
}

/* --- records ------------------------------------------------------------------- */

bool spf_domain_is_checkable(const char *domain)
{
	/* Not an address literal, and more than one label. */
	return domain[0] != '[' && strchr(domain, '.') != NULL && dns_name_is_valid(domain);
}

/* The one SPF record among TXT records, copied. 0, 1, or more of them. */
static size_t select_record(
    struct eval *e, const struct dns_answer *answer, const char **text, size_t *len)
{
	size_t found = 0, n;
	char *joined;

	for (size_t i = 0; i < answer->count; i++) {
		if (!dns_rdata_txt(&answer->records[i], &joined, &n))
			continue;
		if (spf_record_is_spf(joined, n)) {
			found++;
			*text = arena_strndup(e->arena, joined, n);
			*len = n;
		}
		free(joined);
	}
	return found;
}

/* Does this step decide without DNS, and does it match? */
static bool is_decided(const struct eval *e, const struct spf_term *t)
{
	return t->kind == SPF_ALL || ((t->kind == SPF_IP4 || t->kind == SPF_IP6) &&
					 prefix_contains(&t->network, &e->query->client));
}

static unsigned mask_of(const struct eval *e, const struct spf_term *t)
{
	bool v6 = e->query->client.family == ADDR_V6;
	unsigned bits = v6 ? t->bits6 : t->bits4;

	if (t->kind != SPF_A && t->kind != SPF_MX)
		return 0;
	return bits == (v6 ? 128U : 32U) ? 0 : bits;
}

static bool add_step(struct eval *e, struct used_record *r, const struct spf_term *t)
{
	unsigned id = r->first_id + (unsigned)r->count;

	e->steps[id] = (struct used_step){.term = t, .record = r};
	r->steps[r->count++] = (struct spf_step){
	    .id = id, .kind = t->kind, .qualifier = t->qualifier, .bits = mask_of(e, t)};
	return r->count < STEPS_MAX;
}

/* What libspf2 has to walk: terms that ask DNS, until one that decides. */
static bool make_steps(struct eval *e, struct used_record *r)
{
	size_t i = 0, asking = 0;

	r->steps = arena_alloc(e->arena, STEPS_MAX * sizeof(*r->steps));
	if (r->steps == NULL)
		return halt(e, SPF_TEMPERROR, NULL);
	for (; i < r->record.count; i++) {
		const struct spf_term *t = &r->record.terms[i];
		bool decides = is_decided(e, t);

		if (!decides && !spf_mechanism_asks_dns(t->kind))
			continue;
		if (!add_step(e, r, t) || decides || ++asking > TERMS_MAX)
			return true;
	}
	if (r->record.redirect.domain.text != NULL)
		add_step(e, r, &r->record.redirect);
	return true;
}

static bool read_record(struct eval *e, struct used_record *r, const char *text, size_t len)
{
	struct spf_record_error error;

	if (text == NULL)
		return halt(e, SPF_TEMPERROR, NULL);
	if (spf_record_read(text, len, e->arena, &r->record, &error))
		return make_steps(e, r);
	if (error.term.text == NULL)
		return halt(e, SPF_TEMPERROR, NULL);
	return halt(e, SPF_PERMERROR,
	    arena_printf(e->arena, "`%s` in the record of %s: %s",
		quote(e, error.term.text, error.term.len), quote_name(e, r->domain), error.what));
}

/* None: for the first record that is the result, else an error (RFC 7208 5.2, 6.1). */
static bool halt_none(struct eval *e, const struct used_record *r, const char *why)
{
	if (r->by == NULL)
		return halt(
		    e, SPF_NONE, arena_printf(e->arena, "%s %s", quote_name(e, r->domain), why));
	return halt(e, SPF_PERMERROR,
	    arena_printf(e->arena, "%s %s (%s of %s)", quote_name(e, r->domain), why,
		quote_term(e, r->by), quote_name(e, r->by->record->domain)));
}

static bool fetch_record(struct eval *e, struct used_record *r)
{
	const struct dns_answer *answer;
	const char *text = NULL;
	size_t len = 0, found;
	bool ok;

	if (!spf_domain_is_checkable(r->domain))
		return halt_none(e, r, "is not a name that can have an SPF record");
	answer = ask(e, r->domain, DNS_TYPE_TXT);
	if (dns_status_is_error(answer->status)) {
		ok = halt_dns(e, r->domain, DNS_TYPE_TXT, answer->status);
	} else if ((found = select_record(e, answer, &text, &len)) == 1) {
		ok = read_record(e, r, text, len);
	} else if (found == 0) {
		ok = halt_none(
		    e, r, answer->status == DNS_NXDOMAIN ? "does not exist" : "has no SPF record");
	} else {
		ok = halt(e, SPF_PERMERROR,
		    arena_printf(
			e->arena, "%s has more than one SPF record", quote_name(e, r->domain)));
	}
	dns_answer_unref(&answer);
	return ok;
}

/* NULL when it ended in an error. */
static struct used_record *open_record(
    struct eval *e, const char *domain, const struct used_step *by)
{
	struct used_record *r = &e->records[e->record_count];

	if (e->record_count == RECORDS_MAX) {
		halt(e, SPF_PERMERROR, "too many records");
		return NULL;
	}
	*r = (struct used_record){
	    .domain = domain, .by = by, .first_id = (unsigned)e->record_count * STEPS_MAX};
	e->record_count++;
	if (!fetch_record(e, r))
		return NULL;
	if (by == NULL || (by->term->kind == SPF_REDIRECT && by->record == e->top))
		e->top = r;
	return r;
}

/* --- what the library asks ------------------------------------------------------- */

static struct used_step *step_of(struct eval *e, unsigned id)
{
	return &e->steps[id];
}

static bool on_record(void *arg, unsigned id, const struct spf_step **steps, size_t *count)
{
	struct eval *e = arg;
	struct used_step *s = step_of(e, id);
	struct used_record *r = open_record(e, s->target, s);

	if (r == NULL)
		return false;
	*steps = r->steps;
	*count = r->count;
	return true;
}

static bool find_target(struct eval *e, struct used_step *s)
{
	char name[DNS_NAME_SIZE];

	s->target = s->record->domain;
	if (s->term->domain.text == NULL)
		return true;
	e->macros.domain = s->record->domain;
	if (!spf_macro_domain(s->term->domain.text, s->term->domain.len, &e->macros, name) ||
	    (s->target = arena_strdup(e->arena, name)) == NULL)
		return halt(e, SPF_TEMPERROR, NULL);
	return !e->halted;
}

static bool on_enter(void *arg, unsigned id)
{
	struct eval *e = arg;
	struct used_step *s = step_of(e, id);

	e->current = s;
	e->is_void = false;
	if (!spf_mechanism_asks_dns(s->term->kind))
		return true;
	if (e->out->terms == TERMS_MAX)
		return halt(e, SPF_PERMERROR,
		    arena_printf(e->arena, "more than ten terms ask DNS (%s of %s is the eleventh)",
			quote_term(e, s), quote_name(e, s->record->domain)));
	e->out->terms++;
	return find_target(e, s);
}

static int by_preference(const void *a, const void *b)
{
	const struct dns_rdata *x = a, *y = b;

	return memcmp(x->data, y->data, 2);
}

/* The hosts of an MX, best first. One more than ten is enough for the library to see. */
static bool find_exchangers(struct eval *e, struct used_step *s)
{
	const struct dns_answer *answer = ask(e, s->target, DNS_TYPE_MX);
	struct dns_rdata *sorted = arena_alloc(e->arena, (answer->count + 1) * sizeof(*sorted));
	const char **hosts = arena_alloc(e->arena, (HOSTS_MAX + 1) * sizeof(*hosts));
	char name[DNS_NAME_SIZE];
	size_t count = 0;
	bool ok = sorted != NULL && hosts != NULL;

	if (!ok)
		halt(e, SPF_TEMPERROR, NULL);
	else if (dns_status_is_error(answer->status))
		ok = halt_dns(e, s->target, DNS_TYPE_MX, answer->status);
	else
		ok = count_void(e, answer->status);
	for (size_t i = 0; ok && i < answer->count; i++)
		if (answer->records[i].len > 2)
			sorted[count++] = answer->records[i];
	if (count > 0)
		qsort(sorted, count, sizeof(*sorted), by_preference);
	for (size_t i = 0; ok && i < count && s->host_count <= HOSTS_MAX; i++) {
		/* A name that no text can show has no addresses either; it counts all the same. */
		dns_rdata_name(&sorted[i], 2, name);
		hosts[s->host_count] = arena_strdup(e->arena, name);
		ok = hosts[s->host_count++] != NULL || halt(e, SPF_TEMPERROR, NULL);
	}
	s->hosts = hosts;
	dns_answer_unref(&answer);
	return ok;
}

/* Of the client's names those that are in the domain: others can't match. */
static bool find_own_names(struct eval *e, struct used_step *s)
{
	const char **hosts = arena_alloc(e->arena, HOSTS_MAX * sizeof(*hosts));
	size_t count;

	if (hosts == NULL)
		return halt(e, SPF_TEMPERROR, NULL);
	count = client_names(e, hosts);
	for (size_t i = 0; i < count; i++)
		if (is_at_or_below(hosts[i], s->target))
			hosts[s->host_count++] = hosts[i];
	s->hosts = hosts;
	return !e->halted;
}

static bool on_hosts(void *arg, unsigned id, size_t *count)
{
	struct eval *e = arg;
	struct used_step *s = step_of(e, id);
	bool ok = true;

	if (s->hosts == NULL)
		ok = s->term->kind == SPF_PTR ? find_own_names(e, s) : find_exchangers(e, s);
	*count = s->host_count;
	return ok;
}

/* A mask of 0 bits matches every address; the library does not know it. */
static bool matches_all(const struct eval *e, const struct spf_term *t)
{
	return (t->kind == SPF_A || t->kind == SPF_MX) &&
	       (e->query->client.family == ADDR_V6 ? t->bits6 : t->bits4) == 0;
}

static bool copy_addresses(struct eval *e, const struct used_step *s,
    const struct dns_answer *answer, enum dns_type type, const struct addr **list, size_t *count)
{
	struct addr *own = arena_alloc(e->arena, (answer->count + 1) * sizeof(*own));

	if (own == NULL)
		return halt(e, SPF_TEMPERROR, NULL);
	*count = 0;
	for (size_t i = 0; i < answer->count; i++)
		if (address_of(&answer->records[i], type, &own[*count]))
			++*count;
	if (*count > 0 && matches_all(e, s->term))
		own[0] = e->query->client;
	*list = own;
	return true;
}

static bool on_addresses(void *arg, unsigned id, int host, const struct addr **list, size_t *count)
{
	struct eval *e = arg;
	struct used_step *s = step_of(e, id);
	const char *name = host < 0 ? s->target : s->hosts[host];
	enum dns_type type =
	    s->term->kind == SPF_EXISTS ? DNS_TYPE_A : address_type(&e->query->client);
	const struct dns_answer *answer;
	bool ok;

	*count = 0;
	/* The null MX of RFC 7505, or a name with odd bytes. */
	if (name[0] == '\0' && host >= 0)
		return true;
	answer = ask(e, name, type);
	if (!dns_status_is_error(answer->status))
		ok = count_void(e, answer->status) &&
		     copy_addresses(e, s, answer, type, list, count);
	else
		ok = s->term->kind == SPF_PTR || halt_dns(e, name, type, answer->status);
	dns_answer_unref(&answer);
	return ok;
}

static const struct spf_lib_calls calls = {
    .record = on_record,
    .enter = on_enter,
    .hosts = on_hosts,
    .addresses = on_addresses,
};

/* --- the explanation (RFC 7208 6.2) ------------------------------------------------ */

static const char *explain_text(struct eval *e, const char *text, size_t len)
{
	struct strbuf b = {.max = EXPLANATION_MAX}, safe = {0};
	const char *copy = NULL;

	/* The local part and the HELO name may hold anything. */
	if (spf_macro_check(text, len, SPF_MACRO_EXPLAIN) &&
	    spf_macro_expand(text, len, &e->macros, &b)) {
		escape_reply(&safe, strbuf_text(&b), b.len, EXPLANATION_MAX);
		if (!safe.failed)
			copy = arena_strndup(e->arena, strbuf_text(&safe), safe.len);
	}
	strbuf_free(&b);
	strbuf_free(&safe);
	return copy;
}

static const char *explain(struct eval *e)
{
	const struct used_record *r = e->top;
	const struct dns_answer *answer;
	const char *explanation = NULL;
	char name[DNS_NAME_SIZE], *text;
	size_t len;

	if (r == NULL || r->record.exp.text == NULL)
		return NULL;
	/* No term is evaluated any more: nothing here is counted. */
	e->current = NULL;
	e->macros.domain = r->domain;
	if (!spf_macro_domain(r->record.exp.text, r->record.exp.len, &e->macros, name))
		return NULL;
	answer = ask(e, name, DNS_TYPE_TXT);
	if (answer->count == 1 && dns_rdata_txt(&answer->records[0], &text, &len)) {
		explanation = explain_text(e, text, len);
		free(text);
	}
	dns_answer_unref(&answer);
	return explanation;
}

/* --- the result ---------------------------------------------------------------------- */

/* "-all of a.example, by include:a.example of b.example" */
static const char *reason_matched(struct eval *e)
{
	const char *reason = "";

	for (const struct used_step *s = e->current; s != NULL && reason != NULL; s = s->record->by)
		reason =
		    arena_printf(e->arena, "%s%s%s of %s", reason, reason[0] == '\0' ? "" : ", by ",
			quote_term(e, s), quote_name(e, s->record->domain));
	return reason;
}

/* The term whose qualifier is the result: what decided inside of an include only made that match.
 */
static const char *mechanism_matched(struct eval *e)
{
	const struct used_step *s = e->current;
	const char *text;

	while (s->record->by != NULL && s->record->by->term->kind == SPF_INCLUDE)
		s = s->record->by;
	text = arena_strndup(e->arena, s->term->as_written.text, s->term->as_written.len);
	return text == NULL ? "" : text;
}

static void walk(struct eval *e, const struct used_record *first)
{
	struct spf_outcome *out = e->out;
	enum spf_lib_end end =
	    spf_lib_walk(&calls, e, &e->query->client, first->steps, first->count, &out->result);

	if (e->halted)
		return;
	switch (end) {
	case SPF_LIB_MATCHED:
		out->reason = reason_matched(e);
		out->mechanism = mechanism_matched(e);
		break;
	case SPF_LIB_NO_MATCH:
		out->reason =
		    arena_printf(e->arena, "no term of %s matches", quote_name(e, e->top->domain));
		break;
	case SPF_LIB_LIMIT:
		halt(e, SPF_PERMERROR,
		    arena_printf(e->arena, "%s of %s has more than ten hosts",
			quote_term(e, e->current), quote_name(e, e->current->record->domain)));
		return;
	case SPF_LIB_STOPPED:
		halt(e, SPF_TEMPERROR, NULL);
		return;
	}
	if (out->result == SPF_FAIL)
		out->explanation = explain(e);
}

/* False when it was halted. */
static bool evaluate(struct eval *e, const struct spf_subject *s)
{
	const struct spf_query *q = e->query;
	struct used_record *first;

	if (q->client.family == ADDR_NONE)
		return halt(e, SPF_NONE, "the client's address is not known");
	e->macros = (struct spf_macro_env){
	    .sender = s->sender,
	    .local = s->local,
	    .sender_domain = s->domain,
	    .domain = s->domain,
	    .helo = s->helo,
	    .receiver = s->receiver,
	    .client = q->client,
	    .now = q->now,
	    .validated = validated,
	    .arg = e,
	};
	first = open_record(e, s->domain, NULL);
	if (first == NULL)
		return false;
	walk(e, first);
	return !e->halted;
}

void spf_evaluate(struct resolver *r, struct dns_budget *b, const struct spf_query *q,
    const struct spf_subject *s, struct arena *a, struct spf_outcome *out)
{
	struct eval *e = arena_alloc(a, sizeof(*e));

	if (e == NULL)
		return;
	e->resolver = r;
	e->budget = b;
	e->arena = a;
	e->query = q;
	e->out = out;
	if (!evaluate(e, s)) {
		out->result = e->halt;
		out->reason = e->reason;
		out->mechanism = "";
		out->explanation = NULL;
	}
	if (out->reason == NULL)
		out->reason = "no memory";
}
