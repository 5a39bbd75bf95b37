/*
 * Microseconds for one DKIM verification with the key in the cache, as on a busy server, beside the
 * floor of any: SHA-256 over the same bytes of header and body. Each figure is the best of several
 * rounds, as other work on the machine only adds.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/dkim_signer.h"
#include "../lib/lasting.h"
#include "auth/crypto.h"
#include "auth/dkim.h"
#include "base/exit.h"
#include "rounds.h"

enum { ROUNDS = 7, CHUNK = 65535, SMALL = 4096, LARGE = 1 << 20 };

static const char header[] = "Received: from mail.example.com (mail.example.com [192.0.2.1])\r\n"
			     "\tby mx.example.net with ESMTPS id 4XyZ123;\r\n"
			     "\tTue, 24 Nov 2026 08:00:00 +0000\r\n"
			     "From: Joe SixPack <joe@example.com>\r\n"
			     "To: Suzie Q <suzie@example.net>\r\n"
			     "Subject: What a message costs\r\n"
			     "Date: Tue, 24 Nov 2026 08:00:00 +0000\r\n"
			     "Message-ID: <20261124080000.1@example.com>\r\n"
			     "MIME-Version: 1.0\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\n";

/* Words and lines as mail has them. */
static void fill_body(struct strbuf *body, size_t size)
{
	while (body->len + 2 < size)
		strbuf_puts(
		    body, body->len % 997 < 70
			      ? "\r\n"
			      : "The quick brown fox jumps over the lazy dog and runs away.  "
				"Then it sleeps.\r\n");
	body->len = size - 2;
	strbuf_puts(body, "\r\n");
}

static void feed(struct dkim_check *d, const struct strbuf *message)
{
	const char *at = message->data, *end = message->data + message->len;

	while (at < end) {
		const char *colon = memchr(at, ':', (size_t)(end - at)), *stop = at;

		do
			stop = (const char *)memmem(stop, (size_t)(end - stop), "\r\n", 2) + 2;
		while (stop < end && (*stop == ' ' || *stop == '\t'));
		dkim_check_header(
		    d, at, (size_t)(colon - at), colon + 1, (size_t)(stop - colon) - 3);
		at = stop;
	}
}

/* What is measured: a hash where there is no resolver. */
struct how {
	struct resolver *resolver;
	struct dkim_limits limits;
};

static enum dkim_result verify(
    const struct how *how, const struct strbuf *message, const struct strbuf *body, struct arena *a)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 10);
	struct dkim_check *d = dkim_check_open(how->resolver, &b, &how->limits, clock_now());
	struct dkim_outcome out;

	feed(d, message);
	if (dkim_check_end_of_header(d))
		for (size_t at = 0; at < body->len; at += CHUNK)
			dkim_check_body(
			    d, body->data + at, body->len - at < CHUNK ? body->len - at : CHUNK);
	dkim_check_finish(d, a, &out);
	dkim_check_free(&d);
	arena_reset(a);
	return out.result;
}

/* The best of some rounds. */
static double best_of(const struct how *how, const struct strbuf *message,
    const struct strbuf *body, int steps, bool *passed)
{
	uint8_t hash[SHA256_SIZE];
	struct arena a = {0};
	usec_t best = 0;

	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t begin = clock_monotonic(), took;

		for (int i = 0; i < steps; i++) {
			struct sha256 *s;

			if (how->resolver != NULL) {
				*passed = verify(how, message, body, &a) == DKIM_PASS;
				continue;
			}
			s = sha256_new();
			sha256_add(s, message->data, message->len);
			sha256_add(s, body->data, body->len);
			sha256_end(s, hash);
			sha256_free(&s);
		}
		took = clock_monotonic() - begin;
		if (round == 0 || took < best)
			best = took;
	}
	arena_free(&a);
	return (double)best / steps;
}

static bool measure(
    struct resolver *r, EVP_PKEY *key, const char *algorithm, const char *c, size_t size)
{
	struct signer s = {.key = key,
	    .relaxed_header = c[0] == 'r',
	    .relaxed_body = strchr(c, '/')[1] == 'r',
	    .h = "from:to:subject:date:message-id"};
	struct strbuf template = {0}, message = {0}, body = {0};
	int steps = size > SMALL ? 40 : 1000;
	const struct how none = {.resolver = NULL}, usual = {.resolver = r},
			 openssl = {.resolver = r, .limits = {.verifier = DKIM_BY_OPENSSL}};
	double took, floor, by_openssl;
	bool passed = false;

	fill_body(&body, size);
	strbuf_printf(&template,
	    "DKIM-Signature: v=1; a=%s; c=%s; d=example.com; s=%s;\r\n h=%s;\r\n bh=@BH@;\r\n "
	    "b=[@B@]",
	    algorithm, c, algorithm, s.h);
	signer_field_for(&message, &s, template.data, header, body.data, body.len);
	strbuf_puts(&message, header);
	floor = best_of(&none, &message, &body, steps, &passed);
	by_openssl = best_of(&openssl, &message, &body, steps, &passed);
	took = best_of(&usual, &message, &body, steps, &passed);
	printf("dkim %-14s %-15s %7zu bytes %8.1f us, %5.1f times its SHA-256 (%.1f us); by "
	       "OpenSSL %8.1f us%s\n",
	    algorithm, c, size, took, took / floor, floor, by_openssl, passed ? "" : "  NO PASS");
	strbuf_free(&template);
	strbuf_free(&message);
	strbuf_free(&body);
	return passed;
}

static void put_key(struct strbuf *zone, const char *selector, const char *type, EVP_PKEY *key)
{
	struct strbuf p = {0};

	signer_public(&p, key, false);
	strbuf_printf(zone, "%s._domainkey.example.com TXT \"v=DKIM1; k=%s; p=\"", selector, type);
	for (size_t i = 0; i < p.len; i += 200)
		strbuf_printf(zone, " \"%.200s\"", p.data + i);
	strbuf_putc(zone, '\n');
	strbuf_free(&p);
}

int main(void)
{
	static const char *const canons[] = {"simple/simple", "relaxed/simple", "relaxed/relaxed"};
	static const size_t sizes[] = {SMALL, LARGE};
	EVP_PKEY *rsa = signer_rsa(2048), *ed25519 = signer_ed25519();
	struct lasting w = {.fixed = NULL};
	struct strbuf zone = {0};
	unsigned line;
	bool ok = true;

	put_key(&zone, "rsa-sha256", "rsa", rsa);
	put_key(&zone, "ed25519-sha256", "ed25519", ed25519);
	w.fixed = fixed_open(zone.data, zone.len, &line);
	if (w.fixed == NULL || !resolver_init(&w.base, &lasting_ops, 10, 256))
		return EXIT_INTERNAL;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t c = 0; c < sizeof(canons) / sizeof(canons[0]); c++) {
			ok = measure(&w.base, rsa, "rsa-sha256", canons[c], sizes[i]) && ok;
			ok = measure(&w.base, ed25519, "ed25519-sha256", canons[c], sizes[i]) && ok;
		}
	resolver_fini(&w.base);
	resolver_close(&w.fixed);
	strbuf_free(&zone);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed25519);
	return ok ? EXIT_OK : EXIT_FINDING;
}
