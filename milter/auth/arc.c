/*
 * The chain of a message. What can fail before the body is known fails at the end of the header;
 * the rest goes in the order of RFC 8617 5.2: the newest message signature, the seals
 * from the newest to the oldest, and then how far back the message is unchanged.
 */
#include "auth/arc.h"

#include <stdlib.h>
#include <string.h>

#include "auth/arc_field.h"
#include "auth/arc_keys.h"
#include "auth/header_list.h"
#include "base/names.h"

enum { FIELDS_MAX = 10000, HEADER_MAX = 1024 * 1024 };

/* One set of the chain. */
struct link {
	size_t field[ARC_KINDS]; /* numbers in the header, HEADER_NO_FIELD where there is none */
	struct arc_signature signature, seal;
	struct arc_key *signature_key, *seal_key;
	const char *wrong;           /* with the message signature; NULL: it can be evaluated */
	int body;                    /* number of its hash, -1: none */
	uint8_t sealed[SHA256_SIZE]; /* hash of what its seal covers */
};

struct arc_check {
	usec_t now;
	struct arena arena;
	struct header_list *header;
	bool too_large; /* the header went over a limit */
	bool any;       /* there was a field of ARC */
	unsigned instances;
	struct link *links; /* ARC_INSTANCES_MAX of them; NULL: no chain */
	struct arc_keys keys;
	struct body_hashes *bodies; /* NULL: the body is not wanted */
	const char *failed;         /* words; NULL: not yet */
	bool temporary;
};

const char *arc_result_name(enum arc_result r)
{
	static const char *const names[] = {
	    [ARC_NONE] = "none", [ARC_PASS] = "pass", [ARC_FAIL] = "fail"};

	return names[r];
}

const char *arc_outcome_word(const struct arc_outcome *o)
{
	return o->temporary ? "temperror" : arc_result_name(o->result);
}

/* --- the header ------------------------------------------------------------------ */

struct arc_check *arc_check_open(struct resolver *r, struct dns_budget *budget, usec_t now)
{
	struct arc_check *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->now = now;
	c->keys = (struct arc_keys){.resolver = r, .budget = budget, .arena = &c->arena};
	c->header = header_list_new(FIELDS_MAX, HEADER_MAX);
	if (c->header == NULL)
		arc_check_free(&c);
	return c;
}

void arc_check_free(struct arc_check **c)
{
	if (*c == NULL)
		return;
	arc_keys_free(&(*c)->keys);
	body_hashes_free(&(*c)->bodies);
	header_list_free(&(*c)->header);
	arena_free(&(*c)->arena);
	free(*c);
	*c = NULL;
}

void arc_check_header(
    struct arc_check *c, const char *name, size_t name_len, const char *value, size_t value_len)
{
	const struct canon_field f = {
	    .name = name, .name_len = name_len, .value = value, .value_len = value_len};

	if (c == NULL)
		return;
	c->any |= arc_kind_of(&f) != ARC_KINDS;
	if (!c->too_large)
		c->too_large = !header_list_add(c->header, &f);
}

static void fail(struct arc_check *c, const char *why)
{
	if (c->failed != NULL)
		return;
	c->failed = why;
	if (why == NULL) {
		c->failed = "no memory";
		c->temporary = true;
	}
}

static void fail_field(struct arc_check *c, enum arc_kind kind, unsigned instance, const char *why)
{
	/* The first counts, and the others shall not take memory. */
	if (c->failed != NULL)
		return;
	fail(c,
	    arena_printf(&c->arena, "%s of instance %u: %s", arc_kind_name(kind), instance, why));
}

/* --- structure -------------------------------------------------------------------- */

static void place(struct arc_check *c, enum arc_kind kind, size_t number)
{
	const char *wrong;
	unsigned instance = arc_instance(kind, header_list_get(c->header, number), &wrong);
	struct link *link;

	if (instance == 0) {
		if (c->failed == NULL)
			fail(c,
			    arena_printf(&c->arena, "an %s field: %s", arc_kind_name(kind), wrong));
		return;
	}
	if (instance > c->instances)
		c->instances = instance;
	link = &c->links[instance - 1];
	if (link->field[kind] != HEADER_NO_FIELD)
		fail_field(c, kind, instance, "there are two");
	link->field[kind] = number;
}

/* Puts every field of ARC in its place. */
static void collect(struct arc_check *c)
{
	c->links = arena_alloc(&c->arena, ARC_INSTANCES_MAX * sizeof(*c->links));
	if (c->links == NULL) {
		fail(c, NULL);
		return;
	}
	for (size_t i = 0; i < ARC_INSTANCES_MAX; i++) {
		c->links[i].body = -1;
		for (size_t k = 0; k < ARC_KINDS; k++)
			c->links[i].field[k] = HEADER_NO_FIELD;
	}
	for (size_t i = 0; i < header_list_count(c->header); i++) {
		enum arc_kind kind = arc_kind_of(header_list_get(c->header, i));

		if (kind != ARC_KINDS)
			place(c, kind, i);
	}
}

static void check_complete(struct arc_check *c)
{
	for (unsigned i = 1; i <= c->instances; i++)
		for (enum arc_kind k = ARC_RESULTS; k < ARC_KINDS; k++)
			if (c->links[i - 1].field[k] == HEADER_NO_FIELD)
				fail_field(c, k, i, "it is missing");
}

static const struct canon_field *field_of(
    const struct arc_check *c, unsigned instance, enum arc_kind kind)
{
	return header_list_get(c->header, c->links[instance - 1].field[kind]);
}

/* The seal, and what it says of the chain before it (RFC 8617 4.1.3, 5.2). */
static void read_seal(struct arc_check *c, unsigned instance)
{
	struct link *link = &c->links[instance - 1];
	enum arc_chain expected = instance == 1 ? ARC_CV_NONE : ARC_CV_PASS;
	bool temporary;
	const char *wrong = arc_signature_read(
	    ARC_SEAL, field_of(c, instance, ARC_SEAL), c->now, &c->arena, &link->seal, &temporary);

	c->temporary |= temporary;
	if (wrong != NULL)
		fail_field(c, ARC_SEAL, instance, wrong);
	else if (link->seal.chain == ARC_CV_FAIL)
		fail_field(c, ARC_SEAL, instance, "cv=fail: the chain had failed before");
	else if (link->seal.chain != expected)
		fail_field(c, ARC_SEAL, instance,
		    instance == 1 ? "cv= is not none, and it is the first"
				  : "cv= is not pass, and it is not the first");
}

/* Only the newest has to be right: the older ones may well be over what the message was. */
static void read_signature(struct arc_check *c, unsigned instance)
{
	struct link *link = &c->links[instance - 1];
	bool temporary;

	link->wrong = arc_signature_read(ARC_SIGNATURE, field_of(c, instance, ARC_SIGNATURE),
	    c->now, &c->arena, &link->signature, &temporary);
	if (link->wrong == NULL || instance < c->instances)
		return;
	c->temporary |= temporary;
	fail_field(c, ARC_SIGNATURE, instance, link->wrong);
}

static void read_chain(struct arc_check *c)
{
	/* The newest first: where several are wrong, it says most. */
	for (unsigned i = c->instances; i >= 1 && c->failed == NULL; i--) {
		read_seal(c, i);
		read_signature(c, i);
	}
}

/* --- what is hashed --------------------------------------------------------------- */

/* A seal's own field, without what its b= holds. */
static void put_seal(struct strbuf *out, const struct canon_field *f, const struct tag *b)
{
	size_t before = (size_t)(b->raw - f->value), behind = before + b->raw_len;
	struct canon_field own = *f;
	struct strbuf value = {0};

	strbuf_add(&value, f->value, before);
	strbuf_add(&value, f->value + behind, f->value_len - behind);
	own.value = strbuf_text(&value);
	own.value_len = value.len;
	canon_header(out, CANON_RELAXED, &own);
	out->failed |= value.failed;
	strbuf_free(&value);
}

/* Hashes `before` and the seal's own field. */
static bool hash_seal(struct arc_check *c, unsigned instance, const struct sha256 *before)
{
	struct link *link = &c->links[instance - 1];
	struct sha256 *hash = sha256_copy(before);
	struct strbuf text = {0};
	bool ok;

	put_seal(&text, field_of(c, instance, ARC_SEAL), &link->seal.b);
	if (hash != NULL)
		sha256_add(hash, strbuf_text(&text), text.len);
	ok = hash != NULL && !text.failed && sha256_end(hash, link->sealed);
	strbuf_free(&text);
	sha256_free(&hash);
	return ok;
}

static bool add_field(struct sha256 *hash, const struct canon_field *f)
{
	struct strbuf text = {0};
	bool ok;

	canon_header(&text, CANON_RELAXED, f);
	strbuf_puts(&text, "\r\n");
	sha256_add(hash, strbuf_text(&text), text.len);
	ok = !text.failed;
	strbuf_free(&text);
	return ok;
}

/* Each seal covers all sets before it, and its own (RFC 8617 5.1.1). */
static void hash_seals(struct arc_check *c)
{
	struct sha256 *hash = sha256_new();
	bool ok = hash != NULL;

	for (unsigned i = 1; ok && i <= c->instances; i++)
		ok = add_field(hash, field_of(c, i, ARC_RESULTS)) &&
		     add_field(hash, field_of(c, i, ARC_SIGNATURE)) && hash_seal(c, i, hash) &&
		     add_field(hash, field_of(c, i, ARC_SEAL));
	sha256_free(&hash);
	if (!ok)
		fail(c, NULL);
}

/* --- the end of the header ----------------------------------------------------------- */

static void begin_seal(struct arc_check *c, unsigned instance)
{
	struct link *link = &c->links[instance - 1];
	bool full;

	link->seal_key = arc_keys_want(&c->keys, link->seal.key_name, &full);
	if (full)
		fail_field(c, ARC_SEAL, instance, "its key is one more than is looked up");
}

static void begin_signature(struct arc_check *c, unsigned instance)
{
	struct link *link = &c->links[instance - 1];
	bool full;

	/* How far back the message is unchanged is not worth many hashes of a large body: those of
	 * the newest, and of whole bodies in the two canonical forms. */
	if (link->wrong == NULL && instance < c->instances && link->signature.length != BODY_WHOLE)
		link->wrong = "it has l=, and is not the newest";
	if (link->wrong != NULL)
		return;
	link->signature_key = arc_keys_want(&c->keys, link->signature.key_name, &full);
	if (full)
		link->wrong = "its key is one more than is looked up";
	else
		link->body =
		    body_hashes_want(c->bodies, link->signature.body, link->signature.length);
}

/* Asks for what is needed to know the result, and then for what older signatures need. */
static void begin(struct arc_check *c)
{
	c->bodies = body_hashes_new();
	if (c->bodies == NULL) {
		fail(c, NULL);
		return;
	}
	begin_signature(c, c->instances);
	for (unsigned i = c->instances; i >= 1 && c->failed == NULL; i--)
		begin_seal(c, i);
	for (unsigned i = c->instances - 1; i >= 1 && c->failed == NULL; i--)
		begin_signature(c, i);
}

bool arc_check_end_of_header(struct arc_check *c)
{
	if (c == NULL || !c->any)
		return false;
	if (c->too_large)
		fail(c, "the header is larger than what is looked at");
	if (c->failed == NULL)
		collect(c);
	if (c->failed == NULL)
		check_complete(c);
	if (c->failed == NULL)
		read_chain(c);
	if (c->failed == NULL)
		hash_seals(c);
	if (c->failed == NULL)
		begin(c);
	return c->failed == NULL;
}

void arc_check_body(struct arc_check *c, const void *bytes, size_t len)
{
	if (c != NULL && c->bodies != NULL)
		body_hashes_add(c->bodies, bytes, len);
}

/* --- the end of the message ------------------------------------------------------------ */

/* Words that say what is wrong with a message signature; NULL when nothing is. */
static const char *verify_signature(struct arc_check *c, unsigned instance, bool *temporary)
{
	struct link *link = &c->links[instance - 1];
	const struct arc_signature *s = &link->signature;
	uint8_t hash[SHA256_SIZE];
	uint64_t total;

	*temporary = false;
	if (link->wrong != NULL)
		return link->wrong;
	*temporary = true;
	if (link->body < 0 || !body_hash(c->bodies, link->body, hash, &total))
		return "no memory";
	*temporary = false;
	if (s->length != BODY_WHOLE && s->length > total)
		return "l= is more than the body has";
	if (memcmp(hash, s->body_hash, SHA256_SIZE) != 0)
		return "the body was changed: its hash is not bh=";
	if (!header_list_hash(
		c->header, s->header, &s->h, &s->b, link->field[ARC_SIGNATURE], hash)) {
		*temporary = true;
		return "no memory";
	}
	return arc_key_verify(&c->keys, link->signature_key, s, hash, temporary);
}

static void verify_chain(struct arc_check *c)
{
	bool temporary;
	const char *wrong = verify_signature(c, c->instances, &temporary);

	if (wrong != NULL) {
		fail_field(c, ARC_SIGNATURE, c->instances, wrong);
		c->temporary |= temporary;
	}
	for (unsigned i = c->instances; i >= 1 && c->failed == NULL; i--) {
		const struct link *link = &c->links[i - 1];

		wrong =
		    arc_key_verify(&c->keys, link->seal_key, &link->seal, link->sealed, &temporary);
		if (wrong != NULL) {
			fail_field(c, ARC_SEAL, i, wrong);
			c->temporary |= temporary;
		}
	}
}

/* RFC 8617 5.2: since which set the message is as it was. */
static unsigned oldest_pass(struct arc_check *c)
{
	bool temporary;

	for (unsigned i = c->instances - 1; i >= 1; i--)
		if (verify_signature(c, i, &temporary) != NULL)
			return i + 1;
	return 0;
}

static bool covers_whole(const struct arc_check *c)
{
	const struct link *newest = &c->links[c->instances - 1];
	uint8_t hash[SHA256_SIZE];
	uint64_t total;

	return body_hash(c->bodies, newest->body, hash, &total) &&
	       newest->signature.length >= total;
}

/* False when memory is exhausted. */
static bool tell_set(
    const struct arc_check *c, unsigned instance, struct arena *a, struct arc_set *out)
{
	const struct link *link = &c->links[instance - 1];
	const char *payload;
	size_t len;

	out->domain = arena_strdup(a, link->seal.domain);
	out->selector = arena_strdup(a, link->seal.selector);
	arc_results_payload(field_of(c, instance, ARC_RESULTS), &payload, &len);
	/* What can't be read says nothing. */
	if (!authres_read(payload, len, a, &out->found))
		out->found.count = 0;
	return out->domain != NULL && out->selector != NULL;
}

/* NULL when memory is exhausted. */
static const char *reason_of_pass(
    const struct arc_check *c, struct arena *a, const struct arc_outcome *o)
{
	const char *newest = c->links[c->instances - 1].seal.domain, *since = "";

	if (o->oldest_pass != 0)
		since = arena_printf(a, "; unchanged since instance %u", o->oldest_pass);
	if (since == NULL)
		return NULL;
	return arena_printf(a, "%u %s, the newest of %s%s%s", c->instances,
	    c->instances == 1 ? "set" : "sets", newest, since,
	    o->whole ? "" : "; its l= leaves a part of the body unsigned");
}

static bool tell_pass(struct arc_check *c, struct arena *a, struct arc_outcome *out)
{
	struct arc_set *sets = arena_alloc(a, c->instances * sizeof(*sets));

	for (unsigned i = 1; sets != NULL && i <= c->instances; i++)
		if (!tell_set(c, i, a, &sets[i - 1]))
			return false;
	out->result = ARC_PASS;
	out->oldest_pass = oldest_pass(c);
	out->whole = covers_whole(c);
	out->sets = sets;
	out->reason = reason_of_pass(c, a, out);
	return sets != NULL && out->reason != NULL;
}

void arc_check_finish(struct arc_check *c, struct arena *a, struct arc_outcome *out)
{
	*out = (struct arc_outcome){.result = ARC_FAIL, .temporary = true, .reason = "no memory"};
	if (c == NULL)
		return;
	if (!c->any) {
		*out = (struct arc_outcome){.result = ARC_NONE, .reason = "there is no ARC set"};
		return;
	}
	out->instances = c->instances;
	if (c->failed == NULL) {
		body_hashes_end(c->bodies);
		verify_chain(c);
	}
	if (c->failed != NULL) {
		const char *reason = arena_strdup(a, c->failed);

		out->temporary = c->temporary || reason == NULL;
		out->reason = reason == NULL ? "no memory" : reason;
	} else if (tell_pass(c, a, out)) {
		out->temporary = false;
	} else {
		*out = (struct arc_outcome){
		    .result = ARC_FAIL, .temporary = true, .reason = "no memory"};
	}
}

/* --- trust ------------------------------------------------------------------------------ */

static bool found_dmarc_pass(const struct arc_set *set, const char *from)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < set->found.count; i++) {
		const struct authres_entry *e = &set->found.results[i];
		const char *domain = authres_value(e, "header", "from");

		if (strcmp(e->method, "dmarc") == 0 && strcmp(e->result, "pass") == 0 &&
		    domain != NULL && name_canonical(domain, strlen(domain), name) == NAME_OK &&
		    strcmp(name, from) == 0)
			return true;
	}
	return false;
}

const struct arc_set *arc_vouched(const struct arc_outcome *o, const char *from,
    bool (*is_trusted)(void *arg, const char *domain), void *arg)
{
	if (o->result != ARC_PASS || !o->whole)
		return NULL;
	for (unsigned i = o->instances; i >= 1; i--) {
		const struct arc_set *set = &o->sets[i - 1];

		if (!is_trusted(arg, set->domain))
			return NULL;
		if (found_dmarc_pass(set, from))
			return set;
	}
	return NULL;
}
