#include "auth/sig_tags.h"

#include <string.h>

#include "auth/resolver.h"

static bool canon_of(const char *text, size_t len, enum canon *out)
{
	const struct tag t = {.value = text, .len = len};

	*out = tag_is_exactly(&t, "relaxed") ? CANON_RELAXED : CANON_SIMPLE;
	return *out == CANON_RELAXED || tag_is_exactly(&t, "simple");
}

const char *sig_tags_canonicalization(
    const struct taglist *tags, enum canon *header, enum canon *body)
{
	const struct tag *c = taglist_get(tags, "c");
	const char *slash;
	size_t first;

	*header = *body = CANON_SIMPLE;
	if (c == NULL)
		return NULL;
	slash = memchr(c->value, '/', c->len);
	first = slash == NULL ? c->len : (size_t)(slash - c->value);
	if (canon_of(c->value, first, header) &&
	    (slash == NULL || canon_of(slash + 1, c->len - first - 1, body)))
		return NULL;
	return "c= is no canonicalization that is known";
}

const char *sig_tags_body(
    const struct taglist *tags, uint64_t *length, uint8_t body_hash[SHA256_SIZE])
{
	const struct tag *l = taglist_get(tags, "l"), *q = taglist_get(tags, "q");
	size_t len;

	*length = BODY_WHOLE;
	if (l != NULL && !tag_number(l, SIG_TAGS_DIGITS, length))
		return "l= is no number";
	/* As long as it may be, it is a length that was given. */
	if (l != NULL && *length == BODY_WHOLE)
		--*length;
	if (q != NULL && !tag_has_word(q, "dns/txt"))
		return "q= has no way to the key that is known";
	if (!tag_base64(taglist_get(tags, "bh"), body_hash, SHA256_SIZE, &len) ||
	    len != SHA256_SIZE)
		return "bh= is not the base64 of a SHA-256 hash";
	return NULL;
}

const char *sig_tags_signature(const struct taglist *tags, struct arena *a, struct tag *b,
    const uint8_t **signature, size_t *len, bool *no_memory)
{
	uint8_t *bytes;

	*b = *taglist_get(tags, "b");
	bytes = arena_alloc(a, b->len);
	if (bytes == NULL) {
		*no_memory = true;
		return NULL;
	}
	*signature = bytes;
	return tag_base64(b, bytes, b->len, len) && *len > 0 ? NULL : "b= is not base64";
}

const char *sig_tags_key_name(
    const char *selector, const char *domain, struct arena *a, const char **name, bool *no_memory)
{
	*name = arena_printf(a, "%s._domainkey.%s", selector, domain);
	if (*name == NULL) {
		*no_memory = true;
		return NULL;
	}
	return dns_name_is_valid(*name) ? NULL : "s= and d= make a name that is too long for DNS";
}
