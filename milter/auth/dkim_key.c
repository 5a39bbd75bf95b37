#include "auth/dkim_key.h"

#include <string.h>

#include "auth/taglist.h"

/* Where v= is given it comes first, and is DKIM1 (RFC 6376 3.6.1). */
static bool version_is_right(const struct taglist *l)
{
	const struct tag *v = taglist_get(l, "v");

	return v == NULL || (v == &l->tags[0] && tag_is_exactly(v, "DKIM1"));
}

/* h=: without it every hash will do. */
static bool hash_is_allowed(const struct tag *h, enum sig_algorithm algorithm)
{
	return h == NULL || tag_has_word(h, algorithm == SIG_RSA_SHA1 ? "sha1" : "sha256");
}

static bool type_is(const struct tag *k, enum sig_algorithm algorithm)
{
	if (algorithm == SIG_ED25519_SHA256)
		return tag_is(k, "ed25519");
	return k == NULL || tag_is(k, "rsa");
}

static bool is_for_mail(const struct tag *s)
{
	return s == NULL || tag_has_word(s, "*") || tag_has_word(s, "email");
}

static const char *read_data(
    const struct tag *p, struct arena *a, struct dkim_key *out, bool *temporary)
{
	uint8_t *data;

	if (p->len == 0)
		return "the key is revoked: its p= is empty";
	data = arena_alloc(a, p->len);
	if (data == NULL) {
		*temporary = true;
		return "no memory";
	}
	out->data = data;
	if (!tag_base64(p, data, p->len, &out->len) || out->len == 0)
		return "p= of the key is not base64";
	return NULL;
}

const char *dkim_key_read(const char *record, size_t len, enum sig_algorithm algorithm,
    struct arena *a, struct dkim_key *out, bool *temporary)
{
	struct taglist l;
	enum taglist_error e = taglist_read(record, len, &l, NULL);
	const struct tag *p = taglist_get(&l, "p"), *t = taglist_get(&l, "t");

	*out = (struct dkim_key){.len = 0};
	*temporary = false;
	if (e == TAGLIST_DUPLICATE)
		return "the key record has a tag twice";
	if (e != TAGLIST_OK)
		return "the key record is no list of tags";
	if (!version_is_right(&l))
		return "v= of the key record is not DKIM1, or not its first tag";
	if (p == NULL)
		return "the key record has no p=";
	if (!is_for_mail(taglist_get(&l, "s")))
		return "the key is not for mail: its s= has neither * nor email";
	if (!hash_is_allowed(taglist_get(&l, "h"), algorithm))
		return "the key is not for this hash: its h= has another";
	if (!type_is(taglist_get(&l, "k"), algorithm))
		return "the key is of another type than the signature: its k= is not what a= says";
	out->testing = tag_has_word(t, "y");
	out->no_subdomains = tag_has_word(t, "s");
	return read_data(p, a, out, temporary);
}
