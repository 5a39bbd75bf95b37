/* Which signatures are looked at, and what is found of them; a field is read by auth/dkim_field.c,
 * a key by auth/dkim_key.c. */
#include "auth/dkim.h"

#include <stdlib.h>
#include <string.h>

#include "auth/canon.h"
#include "auth/crypto.h"
#include "auth/dkim_field.h"
#include "auth/dkim_key.h"
#include "auth/dkim_lib.h"
#include "auth/header_list.h"

enum {
	SIGNATURES_DEFAULT = 10,
	FIELDS_DEFAULT = 10000,
	HEADER_DEFAULT = 4 * 1024 * 1024,
	/* Of signatures that are told of, evaluated or not. */
	TOLD_MAX = 1000,
	/* Records of one name that are tried (RFC 6376 6.1.2). */
	KEYS_MAX = 5,
};

/* One signature of the message. */
struct signature {
	struct signature *next;
	size_t field; /* its number in the header */
	struct dkim_field read;
	bool pending; /* nothing is decided yet */
	struct dkim_signature told;
	int body;                  /* number of its body hash */
	struct dns_lookup *lookup; /* NULL: that of `same` */
	struct signature *same;    /* an earlier one with the same key */
	const struct dns_answer *answer;
};

struct dkim_check {
	struct resolver *resolver;
	struct dns_budget *budget;
	struct dkim_limits limits;
	usec_t now;
	struct arena arena;
	struct header_list *header;
	bool incomplete; /* there was no room for a field */
	size_t signed_fields;
	struct signature *first, **last;
	size_t count;
	unsigned asked;             /* signatures whose keys were asked for */
	struct body_hashes *bodies; /* NULL: the body is not wanted */
};

const char *dkim_result_name(enum dkim_result r)
{
	static const char *const names[] = {
	    [DKIM_NONE] = "none",
	    [DKIM_NEUTRAL] = "neutral",
	    [DKIM_PASS] = "pass",
	    [DKIM_FAIL] = "fail",
	    [DKIM_POLICY] = "policy",
	    [DKIM_TEMPERROR] = "temperror",
	    [DKIM_PERMERROR] = "permerror",
	};

	return names[r];
}

/* --- header ------------------------------------------------------------------------ */

struct dkim_check *dkim_check_open(
    struct resolver *r, struct dns_budget *budget, const struct dkim_limits *limits, usec_t now)
{
	struct dkim_check *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct dkim_check){.resolver = r, .budget = budget, .now = now, .last = &d->first};
	if (limits != NULL)
		d->limits = *limits;
	if (d->limits.signatures == 0)
		d->limits.signatures = SIGNATURES_DEFAULT;
	if (d->limits.key_bits < RSA_BITS_MIN)
		d->limits.key_bits = RSA_BITS_MIN;
	if (d->limits.fields == 0)
		d->limits.fields = FIELDS_DEFAULT;
	if (d->limits.header == 0)
		d->limits.header = HEADER_DEFAULT;
	d->header = header_list_new(d->limits.fields, d->limits.header);
	if (d->header == NULL)
		dkim_check_free(&d);
	return d;
}

static void decide(struct signature *s, enum dkim_result result, const char *reason)
{
	s->pending = false;
	s->told.result = result;
	s->told.reason = reason == NULL ? "no memory" : reason;
}

/* Adds one signature, read as far as it can be. NULL when memory is exhausted. */
static struct signature *add_signature(struct dkim_check *d, size_t field)
{
	const struct canon_field *f = header_list_get(d->header, field);
	struct signature *s = arena_alloc(&d->arena, sizeof(*s));
	bool temporary;
	const char *wrong;

	if (s == NULL)
		return NULL;
	*d->last = s;
	d->last = &s->next;
	d->count++;
	s->field = field;
	s->pending = true;
	wrong = dkim_field_read(f->value, f->value_len, d->now, &d->arena, &s->read, &temporary);
	if (wrong != NULL)
		decide(s, temporary ? DKIM_TEMPERROR : DKIM_PERMERROR, wrong);
	return s;
}

static struct signature *with_same_key(const struct dkim_check *d, const struct signature *s)
{
	for (struct signature *o = d->first; o != s; o = o->next)
		if (o->lookup != NULL && strcmp(o->read.key_name, s->read.key_name) == 0)
			return o;
	return NULL;
}

static void ask_for_key(struct dkim_check *d, struct signature *s)
{
	if (s->lookup != NULL || s->same != NULL)
		return;
	s->same = with_same_key(d, s);
	if (s->same == NULL)
		s->lookup = dns_start(d->resolver, d->budget, s->read.key_name, DNS_TYPE_TXT);
}

/*
 * Takes in a signature. Its key is asked for at once, though it may yet be found that it can't be
 * used: not for more signatures than will be looked at.
 */
static bool take_signature(struct dkim_check *d)
{
	struct signature *s = add_signature(d, header_list_count(d->header) - 1);

	if (s == NULL)
		return false;
	if (s->pending && d->asked < d->limits.signatures) {
		d->asked++;
		ask_for_key(d, s);
	}
	return true;
}

void dkim_check_header(
    struct dkim_check *d, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct canon_field f = {
	    .name = name, .name_len = name_len, .value = value, .value_len = value_len};
	bool is_signature = canon_field_is(&f, "DKIM-Signature");

	if (d == NULL)
		return;
	if (is_signature)
		d->signed_fields++;
	if (d->incomplete)
		return;
	d->incomplete = !header_list_add(d->header, &f) ||
	                (is_signature && d->count < TOLD_MAX && !take_signature(d));
}

static size_t count_words(const struct tag *t, const char *word)
{
	struct tag_words w = {.tag = t};
	size_t count = 0;

	while (tag_next_word(&w))
		count +=
		    canon_field_is(&(struct canon_field){.name = w.word, .name_len = w.len}, word);
	return count;
}

/*
 * What a reader shows as From must be signed. A signature covers the last From fields, and most
 * readers show the first (RFC 6376 8.15).
 */
static void check_from(struct dkim_check *d)
{
	size_t present = 0, covered;

	for (size_t i = 0; i < header_list_count(d->header); i++)
		present += canon_field_is(header_list_get(d->header, i), "From");
	for (struct signature *s = d->first; s != NULL; s = s->next) {
		if (!s->pending)
			continue;
		covered = count_words(&s->read.h, "From");
		if (present == 0)
			decide(s, DKIM_PERMERROR, "the message has no From field");
		else if (covered < present)
			decide(s, DKIM_POLICY,
			    arena_printf(&d->arena,
				"the message has %zu From fields, and only %zu are signed", present,
				covered));
	}
}

/* False when memory is exhausted. */
static bool begin_signature(struct dkim_check *d, struct signature *s)
{
	if (d->bodies == NULL)
		d->bodies = body_hashes_new();
	if (d->bodies == NULL)
		return false;
	s->body = body_hashes_want(d->bodies, s->read.body, s->read.length);
	ask_for_key(d, s);
	return s->body >= 0;
}

/* Looks at no more signatures than the limit allows: the first are the latest. */
static void begin(struct dkim_check *d)
{
	unsigned evaluated = 0;

	for (struct signature *s = d->first; s != NULL; s = s->next) {
		if (!s->pending)
			continue;
		if (evaluated++ >= d->limits.signatures)
			decide(s, DKIM_NEUTRAL,
			    arena_printf(&d->arena,
				"not evaluated: %u signatures are, and this is one more",
				d->limits.signatures));
		else if (!begin_signature(d, s))
			decide(s, DKIM_TEMPERROR, NULL);
	}
}

bool dkim_check_end_of_header(struct dkim_check *d)
{
	if (d == NULL || d->incomplete)
		return false;
	check_from(d);
	begin(d);
	return d->bodies != NULL;
}

void dkim_check_body(struct dkim_check *d, const void *bytes, size_t len)
{
	if (d != NULL && d->bodies != NULL)
		body_hashes_add(d->bodies, bytes, len);
}

/* --- verification ------------------------------------------------------------------ */

/* What is found with one key; `reason` NULL: there is no memory. */
struct finding {
	enum dkim_result result;
	const char *reason;
	unsigned bits;
	bool testing;
	bool with_key; /* it could be used */
};

static struct finding found(enum dkim_result result, const char *reason)
{
	return (struct finding){.result = result, .reason = reason};
}

/* The key was there and fit for use, and this came of it. */
static struct finding found_with(enum dkim_result result, const char *reason, unsigned bits)
{
	return (struct finding){.result = result, .reason = reason, .bits = bits, .with_key = true};
}

/* A key record's key. */
struct key {
	const struct dkim_key *record;
	const struct sig_key *public;
};

static enum sig_verdict verify_by_openssl(
    struct dkim_check *d, const struct signature *s, const struct sig_key *key)
{
	uint8_t hash[SHA256_SIZE];

	if (!header_list_hash(d->header, s->read.header, &s->read.h, &s->read.b, s->field, hash))
		return SIG_FAILED;
	return sig_verify(key, hash, s->read.signature, s->read.signature_len);
}

/* SIG_FAILED: it does not read this right, or refuses it. */
static enum sig_verdict verify_by_library(
    struct dkim_check *d, const struct signature *s, const struct key *key)
{
	const struct dkim_lib_query q = {.field = &s->read,
	    .header = d->header,
	    .self = s->field,
	    .key = key->record,
	    .key_bits = sig_key_bits(key->public)};

	return dkim_lib_reads(&q) ? dkim_lib_verify(&q) : SIG_FAILED;
}

/* Does the signature fit the header? */
static enum sig_verdict verify_header(
    struct dkim_check *d, const struct signature *s, const struct key *key)
{
	enum sig_verdict verdict = SIG_FAILED;

	if (d->limits.verifier == DKIM_BY_LIBOPENDKIM)
		verdict = verify_by_library(d, s, key);
	if (verdict == SIG_FAILED)
		verdict = verify_by_openssl(d, s, key->public);
	return verdict;
}

/* RFC 6376 6.1.3, with a key that may be used. */
static struct finding verify(struct dkim_check *d, const struct signature *s, const struct key *key)
{
	unsigned bits = sig_key_bits(key->public);
	uint8_t hash[SHA256_SIZE];
	uint64_t total;

	if (!body_hash(d->bodies, s->body, hash, &total))
		return found(DKIM_TEMPERROR, NULL);
	if (s->read.length != BODY_WHOLE && s->read.length > total)
		return found(DKIM_PERMERROR,
		    arena_printf(&d->arena, "l= is more than the %llu bytes of the body",
			(unsigned long long)total));
	if (memcmp(hash, s->read.body_hash, SHA256_SIZE) != 0)
		return found_with(
		    DKIM_FAIL, "the body is not what was signed: its hash is another", bits);
	switch (verify_header(d, s, key)) {
	case SIG_VERIFIES:
		return found_with(DKIM_PASS, "", bits);
	case SIG_DOES_NOT:
		return found_with(
		    DKIM_FAIL, "the signature is not one of its key over this header", bits);
	case SIG_FAILED:
		break;
	}
	return found(DKIM_TEMPERROR, NULL);
}

/* RFC 6376 6.1.2, and what comes after it. */
static struct finding verify_with(
    struct dkim_check *d, const struct signature *s, const struct key *key)
{
	unsigned bits = sig_key_bits(key->public);

	if (s->read.algorithm == SIG_RSA_SHA256 && bits < d->limits.key_bits)
		return found(DKIM_POLICY,
		    arena_printf(&d->arena, "the key has %u bits; at least %u are asked for", bits,
			d->limits.key_bits));
	if (bits > RSA_BITS_MAX)
		return found(DKIM_POLICY,
		    arena_printf(&d->arena, "the key has %u bits; at most %d are verified", bits,
			RSA_BITS_MAX));
	if (key->record->no_subdomains && strcmp(s->read.identity_domain, s->read.domain) != 0)
		return found(DKIM_PERMERROR, "i= is below d=, which the key forbids (t=s)");
	return verify(d, s, key);
}

static struct finding verify_with_record(
    struct dkim_check *d, const struct signature *s, const struct dkim_key *record)
{
	bool no_memory;
	struct sig_key *public =
	    sig_key_read(s->read.algorithm, record->data, record->len, &no_memory);
	struct finding f;

	if (public == NULL && no_memory)
		return found(DKIM_TEMPERROR, NULL);
	if (public == NULL)
		return found(DKIM_PERMERROR, "p= of the key record holds no key of its type");
	f = verify_with(d, s, &(struct key){record, public});
	sig_key_free(&public);
	f.testing = record->testing;
	return f;
}

static struct finding verify_by_record(
    struct dkim_check *d, const struct signature *s, const struct dns_rdata *record)
{
	struct dkim_key key;
	const char *wrong;
	bool temporary;
	size_t len;
	char *text;

	if (!dns_rdata_txt(record, &text, &len))
		return found(DKIM_PERMERROR, "the key's TXT record is malformed");
	wrong = dkim_key_read(text, len, s->read.algorithm, &d->arena, &key, &temporary);
	free(text);
	if (wrong != NULL)
		return found(temporary ? DKIM_TEMPERROR : DKIM_PERMERROR, wrong);
	return verify_with_record(d, s, &key);
}

/* Tries one record after the other until one verifies; without one, what is told is of the first
 * that holds a usable key. */
static struct finding verify_by_records(
    struct dkim_check *d, const struct signature *s, const struct dns_answer *answer)
{
	struct finding best = found(DKIM_PERMERROR, "no key: there is no TXT record");

	for (size_t i = 0; i < answer->count && i < KEYS_MAX; i++) {
		struct finding f = verify_by_record(d, s, &answer->records[i]);

		if (i == 0 || f.result == DKIM_PASS || (f.with_key && !best.with_key))
			best = f;
		if (f.result == DKIM_PASS)
			break;
	}
	return best;
}

static const struct dns_answer *answer_of(struct signature *s)
{
	if (s->same != NULL)
		return answer_of(s->same);
	if (s->answer == NULL)
		s->answer = dns_collect(&s->lookup);
	return s->answer;
}

static const char *dns_error_text(enum dns_status s)
{
	if (s == DNS_DEADLINE)
		return "no answer in time";
	return s == DNS_BOGUS ? "the answer is bogus by DNSSEC" : "the look-up failed";
}

static struct finding look_at(struct dkim_check *d, struct signature *s)
{
	const struct dns_answer *answer = answer_of(s);
	const char *name = s->read.key_name;

	switch (answer->status) {
	case DNS_OK:
		return verify_by_records(d, s, answer);
	case DNS_NXDOMAIN:
		return found(
		    DKIM_PERMERROR, arena_printf(&d->arena, "no key: %s does not exist", name));
	case DNS_NODATA:
		return found(
		    DKIM_PERMERROR, arena_printf(&d->arena, "no key: %s has no TXT record", name));
	case DNS_TEMPERROR:
	case DNS_BOGUS:
	case DNS_DEADLINE:
		break;
	}
	return found(DKIM_TEMPERROR,
	    arena_printf(&d->arena, "TXT of %s: %s", name, dns_error_text(answer->status)));
}

static const char *reason_of_pass(
    struct dkim_check *d, const struct signature *s, const struct finding *f, uint64_t total)
{
	struct strbuf b = {0};
	const char *reason;

	strbuf_printf(&b, "verified with the key at %s, %u bits", s->read.key_name, f->bits);
	if (s->read.length < total)
		strbuf_printf(&b, "; l= leaves %llu bytes of the body unsigned",
		    (unsigned long long)(total - s->read.length));
	if (f->testing)
		strbuf_puts(&b, "; the key is for testing (t=y)");
	reason = b.failed ? NULL : arena_strdup(&d->arena, strbuf_text(&b));
	strbuf_free(&b);
	return reason;
}

static void evaluate(struct dkim_check *d, struct signature *s)
{
	struct finding f = look_at(d, s);
	uint8_t hash[SHA256_SIZE];
	uint64_t total;

	s->told.key_bits = f.bits;
	s->told.testing = f.testing;
	if (f.result == DKIM_PASS) {
		body_hash(d->bodies, s->body, hash, &total);
		s->told.usable = s->read.length >= total;
		f.reason = reason_of_pass(d, s, &f, total);
	}
	decide(s, f.result, f.reason);
}

/* --- outcome ----------------------------------------------------------------------- */

/* "" where memory is exhausted. */
static const char *keep(struct arena *a, const char *text)
{
	const char *copy = arena_strdup(a, text);

	return copy == NULL ? "" : copy;
}

static struct dkim_signature copy_of(struct arena *a, const struct signature *s)
{
	struct dkim_signature told = s->told;

	told.domain = keep(a, s->read.domain);
	told.selector = keep(a, s->read.selector);
	told.algorithm = keep(a, s->read.algorithm_text);
	told.identity = keep(a, s->read.identity);
	told.b = keep(a, s->read.b_text);
	told.reason = keep(a, s->told.reason);
	return told;
}

/* What is worth knowing first. */
static unsigned weight(enum dkim_result r)
{
	static const unsigned char weights[] = {
	    [DKIM_NONE] = 0,
	    [DKIM_NEUTRAL] = 1,
	    [DKIM_PERMERROR] = 2,
	    [DKIM_POLICY] = 3,
	    [DKIM_FAIL] = 4,
	    [DKIM_TEMPERROR] = 5,
	    [DKIM_PASS] = 6,
	};

	return weights[r];
}

/* Signatures are there, and nothing of them is known. */
static void tell_one(
    struct arena *a, struct dkim_outcome *out, enum dkim_result result, const char *reason)
{
	struct dkim_signature *one = arena_alloc(a, sizeof(*one));

	*out = (struct dkim_outcome){.result = result, .signatures = one, .count = one != NULL};
	if (one != NULL)
		*one = (struct dkim_signature){.result = result,
		    .domain = "",
		    .selector = "",
		    .algorithm = "",
		    .identity = "",
		    .b = "",
		    .reason = reason};
}

static void tell_all(struct dkim_check *d, struct arena *a, struct dkim_outcome *out)
{
	struct dkim_signature *list = arena_alloc(a, (d->count + 1) * sizeof(*list));

	if (list == NULL) {
		tell_one(a, out, DKIM_TEMPERROR, "no memory");
		return;
	}
	*out = (struct dkim_outcome){.result = DKIM_NONE, .signatures = list};
	for (const struct signature *s = d->first; s != NULL; s = s->next) {
		list[out->count++] = copy_of(a, s);
		if (weight(s->told.result) > weight(out->result))
			out->result = s->told.result;
	}
}

void dkim_check_finish(struct dkim_check *d, struct arena *a, struct dkim_outcome *out)
{
	if (d == NULL) {
		tell_one(a, out, DKIM_TEMPERROR, "no memory");
		return;
	}
	if (d->incomplete && d->signed_fields > 0) {
		if (header_list_is_over(d->header))
			tell_one(
			    a, out, DKIM_POLICY, "the header is larger than what is looked at");
		else
			tell_one(a, out, DKIM_TEMPERROR, "no memory");
		return;
	}
	if (d->bodies != NULL)
		body_hashes_end(d->bodies);
	for (struct signature *s = d->first; s != NULL; s = s->next)
		if (s->pending)
			evaluate(d, s);
	tell_all(d, a, out);
}

void dkim_check_free(struct dkim_check **d)
{
	if (*d == NULL)
		return;
	for (struct signature *s = (*d)->first; s != NULL; s = s->next) {
		dns_abandon(&s->lookup);
		if (s->answer != NULL)
			dns_answer_unref(&s->answer);
	}
	body_hashes_free(&(*d)->bodies);
	header_list_free(&(*d)->header);
	arena_free(&(*d)->arena);
	free(*d);
	*d = NULL;
}
