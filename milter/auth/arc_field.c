#include "auth/arc_field.h"

#include <string.h>

#include "auth/arc.h"
#include "auth/cfws.h"
#include "auth/header_list.h"
#include "auth/sig_tags.h"
#include "base/names.h"

/* Bytes of a field that is read. */
enum { FIELD_MAX = 65536 };

struct reading {
	struct taglist tags;
	struct arc_signature *out;
	struct arena *arena;
	usec_t now;
	bool no_memory;
};

const char *arc_kind_name(enum arc_kind kind)
{
	static const char *const names[] = {
	    [ARC_RESULTS] = "ARC-Authentication-Results",
	    [ARC_SIGNATURE] = "ARC-Message-Signature",
	    [ARC_SEAL] = "ARC-Seal",
	    [ARC_KINDS] = "",
	};

	return names[kind];
}

enum arc_kind arc_kind_of(const struct canon_field *f)
{
	enum arc_kind kind = ARC_RESULTS;

	while (kind < ARC_KINDS && !canon_field_is(f, arc_kind_name(kind)))
		kind++;
	return kind;
}

/* --- the instance --------------------------------------------------------------- */

/* One or two digits, and where they end. 0 when there are others. */
static unsigned read_position(const char **at, const char *end)
{
	unsigned number = 0, digits = 0;

	for (; *at < end && **at >= '0' && **at <= '9' && digits < 3; ++*at, digits++)
		number = number * 10 + (unsigned)(**at - '0');
	return digits <= 2 ? number : 0;
}

/* Of ARC-Authentication-Results, which is no list of tags. *rest is behind its semicolon. */
static unsigned instance_of_results(const struct canon_field *f, const char **rest)
{
	const char *at = f->value, *end = f->value + f->value_len;
	unsigned instance;

	*rest = end;
	at = cfws_skip(at, end);
	if (at == end || *at != 'i')
		return 0;
	at = cfws_skip(at + 1, end);
	if (at == end || *at != '=')
		return 0;
	at = cfws_skip(at + 1, end);
	instance = read_position(&at, end);
	at = cfws_skip(at, end);
	if (at == end || *at != ';')
		return 0;
	*rest = at + 1;
	return instance;
}

void arc_results_payload(const struct canon_field *f, const char **text, size_t *len)
{
	instance_of_results(f, text);
	*len = (size_t)(f->value + f->value_len - *text);
}

static unsigned instance_of_tag(const struct tag *i)
{
	const char *at, *end;
	unsigned instance;

	if (i == NULL)
		return 0;
	end = i->value + i->len;
	at = cfws_skip(i->value, end);
	instance = read_position(&at, end);
	return cfws_skip(at, end) == end ? instance : 0;
}

unsigned arc_instance(enum arc_kind kind, const struct canon_field *f, const char **wrong)
{
	struct taglist tags;
	enum taglist_error e;
	unsigned instance;
	const char *rest;

	*wrong = NULL;
	if (f->value_len > FIELD_MAX) {
		*wrong = "the field is too long";
		return 0;
	}
	if (kind == ARC_RESULTS) {
		instance = instance_of_results(f, &rest);
	} else {
		e = taglist_read(f->value, f->value_len, &tags, NULL);
		if (e != TAGLIST_OK) {
			*wrong = taglist_error_text(e);
			return 0;
		}
		instance = instance_of_tag(taglist_get(&tags, "i"));
	}
	if (instance >= 1 && instance <= ARC_INSTANCES_MAX)
		return instance;
	*wrong = "i= is missing, or not a number from 1 to 50";
	return 0;
}

/* --- one tag after the other ---------------------------------------------------- */

static const char *check_present(const struct reading *r, const char *const *required)
{
	static const struct {
		const char *name, *missing;
	} texts[] = {
	    {"a", "a= is missing or empty"},
	    {"b", "b= is missing or empty"},
	    {"bh", "bh= is missing or empty"},
	    {"cv", "cv= is missing or empty"},
	    {"d", "d= is missing or empty"},
	    {"h", "h= is missing or empty"},
	    {"s", "s= is missing or empty"},
	};

	for (; *required != NULL; required++) {
		const struct tag *t = taglist_get(&r->tags, *required);

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			if ((t == NULL || t->len == 0) && strcmp(texts[i].name, *required) == 0)
				return texts[i].missing;
	}
	return NULL;
}

static const char *read_algorithm(struct reading *r)
{
	const struct tag *a = taglist_get(&r->tags, "a");

	r->out->algorithm = sig_algorithm_of(a->value, a->len);
	return r->out->algorithm == SIG_RSA_SHA256 || r->out->algorithm == SIG_ED25519_SHA256
	           ? NULL
	           : "a= is not rsa-sha256 or ed25519-sha256";
}

/* The canonical name; NULL when it is none, or memory is exhausted. */
static const char *name_of(struct reading *r, const struct tag *t)
{
	char name[NAME_SIZE];
	const char *copy;

	if (t->value[t->len - 1] == '.' || name_canonical(t->value, t->len, name) != NAME_OK)
		return NULL;
	copy = arena_strdup(r->arena, name);
	r->no_memory |= copy == NULL;
	return copy;
}

static const char *read_names(struct reading *r)
{
	struct arc_signature *out = r->out;

	out->domain = name_of(r, taglist_get(&r->tags, "d"));
	if (out->domain == NULL)
		return "d= is no domain name";
	out->selector = name_of(r, taglist_get(&r->tags, "s"));
	if (out->selector == NULL)
		return "s= is no selector";
	return sig_tags_key_name(
	    out->selector, out->domain, r->arena, &out->key_name, &r->no_memory);
}

static const char *read_signature(struct reading *r)
{
	return sig_tags_signature(&r->tags, r->arena, &r->out->b, &r->out->signature,
	    &r->out->signature_len, &r->no_memory);
}

static const char *read_time(struct reading *r)
{
	const struct tag *t = taglist_get(&r->tags, "t");
	uint64_t at;

	return t != NULL && !tag_number(t, SIG_TAGS_DIGITS, &at) ? "t= is no time" : NULL;
}

/* --- of an ARC-Message-Signature ------------------------------------------------- */

static const char *read_canonicalization(struct reading *r)
{
	return sig_tags_canonicalization(&r->tags, &r->out->header, &r->out->body);
}

static const char *read_expiry(struct reading *r)
{
	const struct tag *t = taglist_get(&r->tags, "t"), *x = taglist_get(&r->tags, "x");
	uint64_t now = r->now > 0 ? (uint64_t)(r->now / USEC_PER_SEC) : 0, at, until;

	if (x == NULL)
		return NULL;
	if (!tag_number(x, SIG_TAGS_DIGITS, &until))
		return "x= is no time";
	if (t != NULL && tag_number(t, SIG_TAGS_DIGITS, &at) && until <= at)
		return "x= is not after t=";
	return until < now ? "it has expired: x= is over" : NULL;
}

static const char *read_header_list(struct reading *r)
{
	struct tag_words w = {.tag = taglist_get(&r->tags, "h")};

	while (tag_next_word(&w))
		if (w.len == 0)
			return "h= has an empty name";
	if (!tag_has_word(w.tag, "from"))
		return "h= has no From";
	/* RFC 8617 4.1.2 */
	if (tag_has_word(w.tag, "arc-seal"))
		return "h= has ARC-Seal, which it must not";
	r->out->h = *w.tag;
	return NULL;
}

static const char *read_body(struct reading *r)
{
	return sig_tags_body(&r->tags, &r->out->length, r->out->body_hash);
}

/* --- of an ARC-Seal ----------------------------------------------------------------- */

static const char *read_chain(struct reading *r)
{
	static const struct {
		const char *word;
		enum arc_chain chain;
	} words[] = {{"none", ARC_CV_NONE}, {"pass", ARC_CV_PASS}, {"fail", ARC_CV_FAIL}};
	const struct tag *cv = taglist_get(&r->tags, "cv");
	const char *end = cv->value + cv->len, *at = cfws_skip(cv->value, end);

	/* RFC 8617 4.1.3 */
	if (taglist_get(&r->tags, "h") != NULL)
		return "it has h=, which a seal must not";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].word);

		if ((size_t)(end - at) < len || memcmp(at, words[i].word, len) != 0 ||
		    cfws_skip(at + len, end) != end)
			continue;
		r->out->chain = words[i].chain;
		return NULL;
	}
	return "cv= is not none, pass or fail";
}

/* --- all of it ------------------------------------------------------------------------ */

typedef const char *step(struct reading *r);

static const char *read_tags(struct reading *r, enum arc_kind kind)
{
	static const char *const of_signature[] = {"a", "b", "bh", "d", "h", "s", NULL};
	static const char *const of_seal[] = {"a", "b", "cv", "d", "s", NULL};
	static step *const signature[] = {read_algorithm, read_canonicalization, read_names,
	    read_header_list, read_time, read_expiry, read_body, read_signature, NULL};
	static step *const seal[] = {
	    read_algorithm, read_chain, read_names, read_time, read_signature, NULL};
	step *const *steps = kind == ARC_SEAL ? seal : signature;
	const char *wrong = check_present(r, kind == ARC_SEAL ? of_seal : of_signature);

	for (; wrong == NULL && !r->no_memory && *steps != NULL; steps++)
		wrong = (*steps)(r);
	return r->no_memory ? "no memory" : wrong;
}

const char *arc_signature_read(enum arc_kind kind, const struct canon_field *f, usec_t now,
    struct arena *a, struct arc_signature *out, bool *temporary)
{
	struct reading r = {.out = out, .arena = a, .now = now};
	enum taglist_error e;
	const char *wrong;

	*out = (struct arc_signature){.domain = NULL};
	e = taglist_read(f->value, f->value_len, &r.tags, NULL);
	wrong = e == TAGLIST_OK ? read_tags(&r, kind) : taglist_error_text(e);
	*temporary = r.no_memory;
	return wrong;
}
