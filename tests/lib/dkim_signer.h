/*
 * Signs messages for tests. Written apart from the guard's own canonicalization, plainly and
 * slowly, so that the two don't share mistakes.
 */
#ifndef TESTS_DKIM_SIGNER_H
#define TESTS_DKIM_SIGNER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/strbuf.h"

/* --- keys --------------------------------------------------------------------------- */

static inline EVP_PKEY *signer_rsa(unsigned bits)
{
	return EVP_RSA_gen(bits);
}

static inline EVP_PKEY *signer_ed25519(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static inline void signer_base64(struct strbuf *out, const unsigned char *bytes, size_t len)
{
	unsigned char *text = malloc(len * 2 + 8);
	int n = text == NULL ? 0 : EVP_EncodeBlock(text, bytes, (int)len);

	strbuf_add(out, text, (size_t)n);
	free(text);
}

/* p= of its record. `bare`: as RSAPublicKey. */
static inline void signer_public(struct strbuf *out, EVP_PKEY *key, bool bare)
{
	unsigned char *der = NULL, raw[32];
	size_t raw_len = sizeof(raw);
	int len;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
		EVP_PKEY_get_raw_public_key(key, raw, &raw_len);
		signer_base64(out, raw, raw_len);
		return;
	}
	len = bare ? i2d_PublicKey(key, &der) : i2d_PUBKEY(key, &der);
	signer_base64(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* --- canonical forms ------------------------------------------------------------------ */

static inline bool signer_is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* One line without its end. */
static inline void signer_line(struct strbuf *out, bool relaxed, const char *line, size_t len)
{
	if (relaxed)
		while (len > 0 && signer_is_wsp(line[len - 1]))
			len--;
	for (size_t i = 0; i < len; i++) {
		if (relaxed && signer_is_wsp(line[i])) {
			if (i == 0 || !signer_is_wsp(line[i - 1]))
				strbuf_putc(out, ' ');
		} else {
			strbuf_putc(out, line[i]);
		}
	}
}

/* Lines end in CRLF, save perhaps the last. */
static inline void signer_body(struct strbuf *out, bool relaxed, const char *body, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *end = memmem(body + at, len - at, "\r\n", 2);
		size_t n = end == NULL ? len - at : (size_t)(end - (body + at));

		signer_line(out, relaxed, body + at, n);
		strbuf_puts(out, "\r\n");
		at += n + 2;
	}
	while (out->len >= 4 && memcmp(out->data + out->len - 4, "\r\n\r\n", 4) == 0)
		out->len -= 2;
	if (out->len == 2 && memcmp(out->data, "\r\n", 2) == 0)
		out->len = 0;
	if (out->len == 0 && !relaxed)
		strbuf_puts(out, "\r\n");
}

/* A field, "Name: value" with CRLF where it is folded, without an end. */
static inline void signer_field(struct strbuf *out, bool relaxed, const char *field, size_t len)
{
	const char *colon = memchr(field, ':', len);
	struct strbuf unfolded = {0};
	size_t start = 0, end;

	if (!relaxed || colon == NULL) {
		strbuf_add(out, field, len);
		return;
	}
	for (const char *p = field; p < colon; p++)
		if (!signer_is_wsp(*p))
			strbuf_putc(out, (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p));
	strbuf_putc(out, ':');
	for (const char *p = colon + 1; p < field + len; p++)
		if (!(*p == '\r' && p + 1 < field + len && p[1] == '\n') &&
		    !(*p == '\n' && p[-1] == '\r'))
			strbuf_putc(&unfolded, *p);
	end = unfolded.len;
	while (start < end && signer_is_wsp(unfolded.data[start]))
		start++;
	if (start < end)
		signer_line(out, true, unfolded.data + start, end - start);
	strbuf_free(&unfolded);
}

/* --- signatures ----------------------------------------------------------------------- */

struct signer {
	EVP_PKEY *key;
	bool relaxed_header, relaxed_body;
	const char
	    *h; /* "from:to": what is hashed, in this order; the caller's tags say the same */
	size_t length; /* of l=; 0: the whole body */
};

/* Adds the last field of this name that is not yet taken. `taken` is by field. */
static inline void signer_select(struct strbuf *out, const struct signer *s, const char *header,
    const char *name, size_t name_len, bool *taken)
{
	const char *best = NULL;
	size_t best_len = 0, number = 0, best_number = 0;

	for (const char *at = header; *at != '\0'; number++) {
		const char *end = at;
		size_t n;

		do {
			end = strstr(end, "\r\n");
			end = end == NULL ? at + strlen(at) : end + 2;
		} while (signer_is_wsp(*end));
		n = (size_t)(end - at);
		if (strncasecmp(at, name, name_len) == 0 && !taken[number] &&
		    at[name_len + strspn(at + name_len, " \t")] == ':') {
			best = at;
			best_len = n;
			best_number = number;
		}
		at = end;
	}
	if (best == NULL)
		return;
	taken[best_number] = true;
	if (best_len >= 2 && memcmp(best + best_len - 2, "\r\n", 2) == 0)
		best_len -= 2;
	signer_field(out, s->relaxed_header, best, best_len);
	strbuf_puts(out, "\r\n");
}

static inline void signer_header(struct strbuf *out, const struct signer *s, const char *header)
{
	bool *taken = calloc(20000, sizeof(*taken));

	for (const char *h = s->h; taken != NULL && *h != '\0';) {
		size_t n = strcspn(h, ":");

		signer_select(out, s, header, h, n, taken);
		h += n;
		h += *h == ':';
	}
	free(taken);
}

/* The template with @BH@ and what stands between brackets replaced, the brackets too. */
static inline void signer_fill(
    struct strbuf *out, const char *template, const char *bh, const char *b)
{
	for (const char *p = template; *p != '\0';) {
		if (strncmp(p, "@BH@", 4) == 0) {
			strbuf_puts(out, bh);
			p += 4;
		} else if (*p == '[') {
			const char *end = strchr(p, ']'), *mark = strstr(p, "@B@");

			if (b != NULL) {
				strbuf_add(out, p + 1, (size_t)(mark - p - 1));
				strbuf_puts(out, b);
				strbuf_add(out, mark + 3, (size_t)(end - mark - 3));
			}
			p = end + 1;
		} else {
			strbuf_putc(out, *p++);
		}
	}
}

static inline void signer_sign(struct strbuf *out, EVP_PKEY *key, const struct strbuf *text)
{
	unsigned char hash[SHA256_DIGEST_LENGTH], sig[4096];
	size_t len = sizeof(sig);
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
		SHA256((const unsigned char *)text->data, text->len, hash);
		EVP_DigestSignInit(c, NULL, NULL, NULL, key);
		EVP_DigestSign(c, sig, &len, hash, sizeof(hash));
	} else {
		EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key);
		EVP_DigestSign(c, sig, &len, (const unsigned char *)text->data, text->len);
	}
	EVP_MD_CTX_free(c);
	signer_base64(out, sig, len);
}

/*
 * Adds the whole field with its CRLF. `template` is "DKIM-Signature: ...; bh=@BH@; b=[ @B@ ]":
 * what stands in brackets is what b= holds. `header`: fields with CRLF, NUL-terminated.
 */
static inline void signer_field_for(struct strbuf *out, const struct signer *s,
    const char *template, const char *header, const char *body, size_t body_len)
{
	struct strbuf canonical = {0}, bh = {0}, own = {0}, text = {0}, b = {0};
	unsigned char hash[SHA256_DIGEST_LENGTH];

	signer_body(&canonical, s->relaxed_body, body, body_len);
	if (s->length > 0 && s->length < canonical.len)
		canonical.len = s->length;
	SHA256((const unsigned char *)strbuf_text(&canonical), canonical.len, hash);
	signer_base64(&bh, hash, sizeof(hash));
	signer_fill(&own, template, strbuf_text(&bh), NULL);
	signer_header(&text, s, header);
	signer_field(&text, s->relaxed_header, own.data, own.len);
	signer_sign(&b, s->key, &text);
	signer_fill(out, template, strbuf_text(&bh), strbuf_text(&b));
	strbuf_puts(out, "\r\n");
	strbuf_free(&canonical);
	strbuf_free(&bh);
	strbuf_free(&own);
	strbuf_free(&text);
	strbuf_free(&b);
}

#endif
