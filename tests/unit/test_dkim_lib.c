/* What libopendkim is given, and what it makes of it. */
#include "../lib/unit.h"

#include <string.h>

#include "../lib/dkim_signer.h"
#include "auth/dkim_lib.h"

static EVP_PKEY *rsa, *ed25519;

struct lib_case {
	const char *template;
	const char *header;
	bool reads;
};

#define FROM "From: a@example.com\r\n"
#define TAGS(more)                                                                                 \
	"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; bh=@BH@; " more "; b=[@B@]"

static const struct lib_case cases[] = {
    {TAGS("h=from"), FROM, true},
    {TAGS("h=from; c=relaxed"), "From:  a\r\n\tb \r\n", true},
    {TAGS("h=from; c=simple"), "From:  a\r\n\tb \r\n", true},
    {TAGS("h=from:from:x:from:to:x"), FROM "X: 1\r\nX: 2\r\n", true},
    {TAGS("h=from; i=x@sub.example.com; t=1600000000; q=dns/txt; l=0; z=From:y"), FROM, true},
    {TAGS("h=from"), "From: \xc3\xa4@example.com\r\n", true},
    {"DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=s; h=from; bh=@BH@; b=[@B@]", FROM,
	true},
    /* b= with a blank, and what looks like b= */
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh=@BH@; b =[@B@]", FROM,
	false},
    {TAGS("h=from; xb=1"), FROM, false},
    {TAGS("h=from; B=1"), FROM, false},
    /* bytes that it takes for others */
    {TAGS("h=from; x_y=\xc3\xa4"), FROM, false},
    {TAGS("h=from; c=relaxed"), "From: a\vb\r\n", false},
    {TAGS("h=from; c=relaxed"), "From: a\fb\r\n", false},
    {TAGS("h=from; c=relaxed"), "From: a\rb\r\n", false},
    {TAGS("h=from:x"), FROM "X: a\x01\r\n", true},
    /* other signatures */
    {TAGS("h=from:DKIM-Signature"), FROM, false},
    {TAGS("h=from:dkim-signature"), FROM "DKIM-Signature: v=1\r\n", false},
};

static struct header_list *read_header(const struct strbuf *message)
{
	struct header_list *l = header_list_new(1000, 1000000);
	const char *at = message->data, *end = at + message->len;

	assert_non_null(l);
	while (at < end) {
		const char *colon = memchr(at, ':', (size_t)(end - at)), *stop = at;

		do
			stop = (const char *)memmem(stop, (size_t)(end - stop), "\r\n", 2) + 2;
		while (stop < end && (*stop == ' ' || *stop == '\t'));
		assert_true(header_list_add(l, &(struct canon_field){.name = at,
						   .name_len = (size_t)(colon - at),
						   .value = colon + 1,
						   .value_len = (size_t)(stop - colon) - 3}));
		at = stop;
	}
	return l;
}

static void read_key(struct arena *a, enum sig_algorithm algorithm, struct dkim_key *key)
{
	bool ed = algorithm == SIG_ED25519_SHA256, temporary;
	struct strbuf record = {0};

	strbuf_printf(&record, "k=%s; p=", ed ? "ed25519" : "rsa");
	signer_public(&record, ed ? ed25519 : rsa, false);
	assert_null(dkim_key_read(record.data, record.len, algorithm, a, key, &temporary));
	strbuf_free(&record);
}

static void check(const struct lib_case *c)
{
	struct strbuf message = {0};
	struct arena a = {0};
	struct dkim_field field;
	struct dkim_key key;
	struct header_list *l;
	const struct canon_field *own;
	struct dkim_lib_query q = {.field = &field, .self = 0, .key = &key, .key_bits = 2048};
	struct signer s = {.key = strstr(c->template, "a=ed") != NULL ? ed25519 : rsa,
	    .relaxed_header = strstr(c->template, "c=r") != NULL};
	struct strbuf h = {0};
	bool temporary, reads;
	const char *wrong;

	strbuf_add(
	    &h, strstr(c->template, " h=") + 3, strcspn(strstr(c->template, " h=") + 3, ";"));
	s.h = h.data;
	signer_field_for(&message, &s, c->template, c->header, "", 0);
	strbuf_puts(&message, c->header);
	q.header = l = read_header(&message);
	own = header_list_get(l, 0);
	wrong = dkim_field_read(own->value, own->value_len, clock_now(), &a, &field, &temporary);
	if (wrong == NULL) {
		read_key(&a, field.algorithm, &key);
		reads = dkim_lib_reads(&q);
		if (reads != c->reads)
			fail_msg("%s: reads it: got %d, want %d", c->template, reads, c->reads);
		if (reads && dkim_lib_verify(&q) != SIG_VERIFIES)
			fail_msg("%s: does not verify", c->template);
	} else if (c->reads) {
		fail_msg("%s: %s", c->template, wrong);
	}
	header_list_free(&l);
	strbuf_free(&message);
	strbuf_free(&h);
	arena_free(&a);
}

static void reads_what_it_reads_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i]);
}

static int make_keys(void **state)
{
	(void)state;
	rsa = signer_rsa(2048);
	ed25519 = signer_ed25519();
	return rsa == NULL || ed25519 == NULL;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed25519);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_it_reads_right),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
