#include "auth/dkim_field.h"

#include <string.h>

#include "auth/sig_tags.h"
#include "base/names.h"

/* Clocks of signers are wrong by minutes, if not zones. */
enum { CLOCK_SKEW_S = 3600 };

struct reading {
	const char *value;
	size_t len;
	struct taglist tags;
	struct dkim_field *out;
	struct arena *arena;
	usec_t now;
	bool no_memory;
};

/* --- what is told of every signature -------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value without the white space that folding leaves in it. */
static char *squeeze(struct reading *r, const char *value, size_t len)
{
	char *text = arena_alloc(r->arena, len + 1);
	size_t used = 0;

	if (text == NULL) {
		r->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		if (!is_space(value[i]))
			text[used++] = value[i];
	text[used] = '\0';
	return text;
}

/* A tag's value, however broken the list around it is: who reads of a failure wants to know whose
 * it is. The first where it is twice. */
static const char *told(struct reading *r, char name)
{
	const char *at = r->value, *end = r->value + r->len, *text = NULL;

	while (text == NULL && at != NULL) {
		const char *semicolon = memchr(at, ';', (size_t)(end - at));
		const char *stop = semicolon == NULL ? end : semicolon;

		while (at < stop && is_space(*at))
			at++;
		if (at < stop && *at++ == name) {
			while (at < stop && is_space(*at))
				at++;
			if (at < stop && *at == '=')
				text = squeeze(r, at + 1, (size_t)(stop - at) - 1);
		}
		at = semicolon == NULL ? NULL : semicolon + 1;
	}
	return text == NULL ? "" : text;
}

static void tell(struct reading *r)
{
	r->out->domain = told(r, 'd');
	r->out->selector = told(r, 's');
	r->out->algorithm_text = told(r, 'a');
	r->out->identity = told(r, 'i');
	r->out->b_text = told(r, 'b');
}

/* --- one tag after the other ---------------------------------------------------- */

static const char *check_present(const struct reading *r)
{
	static const struct {
		const char *name, *missing, *empty;
	} required[] = {
	    {"v", "v= is missing", "v= is empty"},
	    {"a", "a= is missing", "a= is empty"},
	    {"b", "b= is missing", "b= is empty"},
	    {"bh", "bh= is missing", "bh= is empty"},
	    {"d", "d= is missing", "d= is empty"},
	    {"h", "h= is missing", "h= is empty"},
	    {"s", "s= is missing", "s= is empty"},
	};

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		const struct tag *t = taglist_get(&r->tags, required[i].name);

		if (t == NULL)
			return required[i].missing;
		if (t->len == 0)
			return required[i].empty;
	}
	return NULL;
}

static const char *read_algorithm(struct reading *r)
{
	const struct tag *a = taglist_get(&r->tags, "a");

	if (!tag_is_exactly(taglist_get(&r->tags, "v"), "1"))
		return "v= is not 1";
	r->out->algorithm = sig_algorithm_of(a->value, a->len);
	if (r->out->algorithm == SIG_UNKNOWN)
		return "a= is no algorithm that is known";
	if (r->out->algorithm == SIG_RSA_SHA1)
		return "rsa-sha1 is historic: such signatures have permanently failed (RFC 8301)";
	return NULL;
}

static const char *read_canonicalization(struct reading *r)
{
	return sig_tags_canonicalization(&r->tags, &r->out->header, &r->out->body);
}

/* The canonical name; NULL when it is none. A dot at its end is none of RFC 6376's. */
static const char *name_of(struct reading *r, const char *text)
{
	size_t len = strlen(text);
	char name[NAME_SIZE];
	const char *copy;

	if (len == 0 || text[len - 1] == '.' || name_canonical(text, len, name) != NAME_OK)
		return NULL;
	copy = arena_strdup(r->arena, name);
	r->no_memory = r->no_memory || copy == NULL;
	return copy;
}

static const char *read_names(struct reading *r)
{
	const struct tag *d = taglist_get(&r->tags, "d"), *s = taglist_get(&r->tags, "s");
	const char *domain, *selector;

	if (strlen(r->out->domain) != d->len || (domain = name_of(r, r->out->domain)) == NULL)
		return "d= is no domain name";
	r->out->domain = domain;
	if (strlen(r->out->selector) != s->len || (selector = name_of(r, r->out->selector)) == NULL)
		return "s= is no selector";
	r->out->selector = selector;
	return sig_tags_key_name(selector, domain, r->arena, &r->out->key_name, &r->no_memory);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 6376 2.11, in place. False at a broken escape. */
static bool decode_quoted_printable(char *text)
{
	char *out = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '=') {
			int high = hex_value(p[1]), low = high < 0 ? -1 : hex_value(p[2]);

			if (low < 0)
				return false;
			*out++ = (char)(high << 4 | low);
			p += 2;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	return true;
}

/* i=: at d= or below. A NUL that is escaped ends what is looked at, and so has no @ behind it. */
static const char *read_identity(struct reading *r)
{
	const struct tag *i = taglist_get(&r->tags, "i");
	const char *at;
	char *text;

	if (i == NULL) {
		r->out->identity = arena_printf(r->arena, "@%s", r->out->domain);
		r->out->identity_domain = r->out->domain;
		r->no_memory = r->no_memory || r->out->identity == NULL;
		return NULL;
	}
	text = squeeze(r, i->value, i->len);
	if (text == NULL)
		return NULL;
	if (!decode_quoted_printable(text))
		return "i= has a broken escape";
	r->out->identity = text;
	at = strrchr(text, '@');
	r->out->identity_domain = at == NULL ? NULL : name_of(r, at + 1);
	if (r->out->identity_domain == NULL)
		return "i= has no domain";
	if (!name_is_at_or_below(r->out->identity_domain, r->out->domain))
		return "i= is not in the domain of d=";
	return NULL;
}

/* RFC 5322 3.6.8 without what tag lists and h= use themselves. */
static bool is_field_name(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (word[i] <= ' ' || word[i] > '~')
			return false;
	return len > 0;
}

static const char *read_header_list(struct reading *r)
{
	struct tag_words w = {.tag = taglist_get(&r->tags, "h")};

	while (tag_next_word(&w))
		if (!is_field_name(w.word, w.len))
			return "h= is no list of field names";
	if (!tag_has_word(w.tag, "from"))
		return "From is not signed";
	r->out->h = *w.tag;
	return NULL;
}

static const char *read_times(struct reading *r)
{
	const struct tag *t = taglist_get(&r->tags, "t"), *x = taglist_get(&r->tags, "x");
	uint64_t now = r->now > 0 ? (uint64_t)(r->now / USEC_PER_SEC) : 0, signed_at, until;

	if (t != NULL && !tag_number(t, SIG_TAGS_DIGITS, &signed_at))
		return "t= is no time";
	if (x != NULL && !tag_number(x, SIG_TAGS_DIGITS, &until))
		return "x= is no time";
	if (t != NULL && x != NULL && until <= signed_at)
		return "x= is not after t=";
	if (x != NULL && until < now)
		return "the signature has expired: x= is over";
	if (t != NULL && signed_at > now + CLOCK_SKEW_S)
		return "the signature is of the future: t= is yet to come";
	return NULL;
}

static const char *read_body(struct reading *r)
{
	return sig_tags_body(&r->tags, &r->out->length, r->out->body_hash);
}

static const char *read_signature(struct reading *r)
{
	return sig_tags_signature(&r->tags, r->arena, &r->out->b, &r->out->signature,
	    &r->out->signature_len, &r->no_memory);
}

static const char *read_tags(struct reading *r)
{
	static const char *(*const steps[])(struct reading *) = {
	    read_algorithm,
	    read_canonicalization,
	    read_names,
	    read_identity,
	    read_header_list,
	    read_times,
	    read_body,
	    read_signature,
	};
	const char *wrong = check_present(r);

	for (size_t i = 0; wrong == NULL && i < sizeof(steps) / sizeof(steps[0]); i++) {
		wrong = steps[i](r);
		if (r->no_memory)
			return "no memory";
	}
	return wrong;
}

const char *dkim_field_read(const char *value, size_t len, usec_t now, struct arena *a,
    struct dkim_field *out, bool *temporary)
{
	struct reading r = {.value = value, .len = len, .out = out, .arena = a, .now = now};
	enum taglist_error e = TAGLIST_OK;
	const char *wrong, *domain;

	*out = (struct dkim_field){
	    .domain = "", .selector = "", .algorithm_text = "", .identity = "", .b_text = ""};
	*temporary = false;
	if (len > DKIM_FIELD_MAX)
		return "the field is too long";
	e = taglist_read(value, len, &r.tags, NULL);
	tell(&r);
	if (e == TAGLIST_OK)
		wrong = read_tags(&r);
	else
		wrong = taglist_error_text(e);
	if (wrong != NULL && (domain = name_of(&r, out->domain)) != NULL)
		out->domain = domain;
	*temporary = r.no_memory;
	return r.no_memory ? "no memory" : wrong;
}
