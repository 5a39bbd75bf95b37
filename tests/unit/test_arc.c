/* ARC: a chain of three sets, whole and broken in every way; its fields one by one. */
#include "../lib/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/arc_chain.h"
#include "../lib/random.h"
#include "auth/arc.h"
#include "auth/arc_field.h"
#include "auth/fields.h"
#include "auth/fixed.h"

static const usec_t NOW = (usec_t)1800000000 * USEC_PER_SEC;

static struct resolver *open_zone(const char *text)
{
	unsigned line;
	struct resolver *r = fixed_open(text, strlen(text), &line);

	if (r == NULL)
		fail_msg("line %u of the zone is wrong", line);
	return r;
}

/* How a message is handed over. */
struct way {
	struct resolver *resolver;
	size_t chunk; /* of the body; 0: all */
	unsigned lookups;
};

static struct arc_outcome check(
    const struct way *w, const char *header, size_t header_len, const char *body, struct arena *a)
{
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, w->lookups);
	struct arc_check *c = arc_check_open(w->resolver, &b, NOW);
	struct field_reader r = {.message = header, .len = header_len};
	size_t len = strlen(body), step = w->chunk == 0 ? len : w->chunk;
	struct arc_outcome o;
	struct field f;

	while (field_next(&r, &f))
		arc_check_header(c, f.name, f.name_len, f.value, f.value_len);
	if (arc_check_end_of_header(c))
		for (size_t at = 0; at < len; at += step)
			arc_check_body(c, body + at, len - at < step ? len - at : step);
	arc_check_finish(c, a, &o);
	arc_check_free(&c);
	assert_null(c);
	assert_non_null(o.reason);
	return o;
}

static void expect(struct resolver *r, const char *header, const char *body, enum arc_result want,
    const char *reason)
{
	const struct way w = {.resolver = r, .lookups = 10};
	struct arena a = {0};
	struct arc_outcome o = check(&w, header, strlen(header), body, &a);

	if (o.result != want || strstr(o.reason, reason) == NULL)
		fail_msg("got %s (%s), want %s (%s)", arc_result_name(o.result), o.reason,
		    arc_result_name(want), reason);
	arena_free(&a);
}

/* --- the chain ------------------------------------------------------------------ */

static void check_pass(const struct way *w, const char *header, const char *body)
{
	struct arena a = {0};
	struct arc_outcome o = check(w, header, strlen(header), body, &a);

	if (o.result != ARC_PASS)
		fail_msg("%s", o.reason);
	assert_false(o.temporary);
	assert_string_equal(arc_outcome_word(&o), "pass");
	assert_true(o.whole);
	assert_int_equal(o.instances, 3);
	assert_int_equal(o.oldest_pass, 2);
	assert_string_equal(o.sets[0].domain, "lists.example.net");
	assert_string_equal(o.sets[0].selector, "big");
	assert_string_equal(o.sets[1].selector, "ed");
	assert_string_equal(o.sets[2].domain, "relay.example.com");
	assert_string_equal(o.sets[0].found.authserv_id, "lists.example.net");
	assert_int_equal(o.sets[2].found.count, 3);
	assert_string_equal(o.sets[0].found.results[1].result, "pass");
	arena_free(&a);
}

static void test_a_chain_passes(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	char header[sizeof(arc_header)], body[sizeof(arc_body)];
	size_t h = 0, b = 0;

	(void)state;
	for (size_t chunk = 0; chunk < 12; chunk++)
		check_pass(&(struct way){r, chunk, 3}, arc_header, arc_body);
	/* LF in place of CRLF. */
	for (const char *p = arc_header; *p != '\0'; p++)
		if (*p != '\r')
			header[h++] = *p;
	for (const char *p = arc_body; *p != '\0'; p++)
		if (*p != '\r')
			body[b++] = *p;
	header[h] = body[b] = '\0';
	check_pass(&(struct way){r, 0, 3}, header, body);
	assert_int_equal(fixed_asked(r), 13 * 3);
	resolver_close(&r);
}

static void test_no_chain(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	struct arena a = {0};
	struct arc_outcome o;

	(void)state;
	expect(r, "From: x@example.org\r\nX-ARC-Seal: i=1\r\n", "x\r\n", ARC_NONE, "no ARC set");
	expect(r, "", "", ARC_NONE, "no ARC set");
	arc_check_header(NULL, "ARC-Seal", 8, " i=1", 4);
	assert_false(arc_check_end_of_header(NULL));
	arc_check_body(NULL, "x", 1);
	arc_check_finish(NULL, &a, &o);
	assert_int_equal(o.result, ARC_FAIL);
	assert_true(o.temporary);
	assert_int_equal(fixed_asked(r), 0);
	resolver_close(&r);
}

static void test_another_body_fails(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	char body[sizeof(arc_body)];

	(void)state;
	memcpy(body, arc_body, sizeof(body));
	body[0] = 'h';
	expect(r, arc_header, body, ARC_FAIL, "ARC-Message-Signature of instance 3: the body was");
	expect(r, arc_header, "", ARC_FAIL, "the body was changed");
	resolver_close(&r);
}

/* The offset of the newest seal's last letters: some of their bits are not of the signature. */
static bool is_slack(size_t at)
{
	const char *end = strstr(arc_header, "oZk=");

	return at >= (size_t)(end - arc_header) && at < (size_t)(end - arc_header) + 4;
}

/* Every byte of a name or a value that is covered: all of the three sets, and four fields. */
static bool is_covered(size_t at)
{
	const char *message_id = strstr(arc_header, "Message-ID:");

	return at < (size_t)(message_id - arc_header);
}

static void test_a_change_of_any_byte_fails(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	const struct way w = {.resolver = r, .lookups = 10};
	size_t len = sizeof(arc_header) - 1;
	char header[sizeof(arc_header)];

	(void)state;
	for (size_t at = 0; at < len; at++) {
		struct arena a = {0};
		struct arc_outcome o;

		if (!is_covered(at) || is_slack(at) || strchr("\r\n ", arc_header[at]) != NULL)
			continue;
		memcpy(header, arc_header, sizeof(header));
		header[at] = (char)(header[at] ^ 1);
		o = check(&w, header, len, arc_body, &a);
		if (o.result == ARC_PASS)
			fail_msg("byte %zu (`%.20s`): %s", at, arc_header + at, o.reason);
		arena_free(&a);
	}
	resolver_close(&r);
}

/* The fields of the header. */
static size_t split(struct field *fields)
{
	struct field_reader r = {.message = arc_header, .len = sizeof(arc_header) - 1};
	size_t count = 0;

	while (field_next(&r, &fields[count]))
		count++;
	return count;
}

static void join(struct strbuf *b, const struct field *f)
{
	strbuf_add(b, arc_header + f->offset, f->len);
}

static void test_fields_taken_away_doubled_and_moved(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	struct field fields[20];
	size_t count = split(fields);

	(void)state;
	assert_int_equal(count, 14);
	for (size_t i = 0; i < 9; i++) {
		struct strbuf without = {0}, doubled = {0}, moved = {0};

		for (size_t k = 0; k < count; k++) {
			if (k != i) {
				join(&without, &fields[k]);
				join(&moved, &fields[k]);
			}
			join(&doubled, &fields[k]);
		}
		join(&doubled, &fields[i]);
		join(&moved, &fields[i]);
		/* Without one of the oldest set the chain is not whole; nor without another. */
		expect(r, strbuf_text(&without), arc_body, ARC_FAIL, "it is missing");
		expect(r, strbuf_text(&doubled), arc_body, ARC_FAIL, "there are two");
		expect(r, strbuf_text(&moved), arc_body, ARC_PASS, "3 sets");
		strbuf_free(&without);
		strbuf_free(&doubled);
		strbuf_free(&moved);
	}
	/* The newest set taken away is a chain too, and the older ones are one. */
	expect(r, arc_header + fields[3].offset, arc_body, ARC_PASS, "2 sets, the newest of lists");
	expect(r, arc_header + fields[6].offset, arc_body, ARC_FAIL, "the body was changed");
	resolver_close(&r);
}

static void test_nothing_is_asked_about_a_broken_chain(void **state)
{
	struct resolver *r = open_zone(arc_zone);

	(void)state;
	expect(r, arc_header + (strstr(arc_header, "ARC-Message") - arc_header), arc_body, ARC_FAIL,
	    "ARC-Seal of instance 3: it is missing");
	assert_int_equal(fixed_asked(r), 0);
	resolver_close(&r);
}

static void test_dns(void **state)
{
	static const struct {
		const char *zone, *reason;
		bool temporary;
	} rows[] = {
	    {"x.example A 192.0.2.1\n", "small._domainkey.relay.example.com does not exist", false},
	    {"small._domainkey.relay.example.com A 192.0.2.1\n", "has no TXT record", false},
	    {"small._domainkey.relay.example.com SERVFAIL\n", "the look-up failed", true},
	    {"small._domainkey.relay.example.com BOGUS\n", "bogus by DNSSEC", true},
	    {"small._domainkey.relay.example.com TIMEOUT\n", "no answer in time", true},
	    {"small._domainkey.relay.example.com TXT \"v=DKIM1; p=\"\n", "revoked", false},
	};
	struct resolver *r;
	struct arena a = {0};
	struct arc_outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = open_zone(rows[i].zone);
		o = check(&(struct way){r, 0, 9}, arc_header, strlen(arc_header), arc_body, &a);
		if (o.result != ARC_FAIL || o.temporary != rows[i].temporary ||
		    strstr(o.reason, rows[i].reason) == NULL)
			fail_msg("row %zu: %s %d", i, o.reason, o.temporary);
		assert_string_equal(arc_outcome_word(&o), rows[i].temporary ? "temperror" : "fail");
		assert_null(o.sets);
		resolver_close(&r);
	}
	/* A budget that does not suffice. */
	r = open_zone(arc_zone);
	o = check(&(struct way){r, 0, 1}, arc_header, strlen(arc_header), arc_body, &a);
	assert_int_equal(o.result, ARC_FAIL);
	assert_true(o.temporary);
	resolver_close(&r);
	arena_free(&a);
}

static void test_limits(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	struct strbuf many = {0};

	(void)state;
	for (int i = 0; i < 10001; i++)
		strbuf_puts(&many, "X: y\r\n");
	expect(r, strbuf_text(&many), arc_body, ARC_NONE, "");
	strbuf_puts(&many, arc_header);
	expect(r, strbuf_text(&many), arc_body, ARC_FAIL, "larger than what is looked at");
	strbuf_reset(&many);
	strbuf_puts(&many, "X: ");
	for (int i = 0; i < 1024 * 1024; i++)
		strbuf_putc(&many, 'y');
	strbuf_puts(&many, "\r\n");
	strbuf_puts(&many, arc_header);
	expect(r, strbuf_text(&many), arc_body, ARC_FAIL, "larger than what is looked at");
	strbuf_free(&many);
	resolver_close(&r);
}

/* Given up at any point, nothing is left behind: the address sanitizer looks. */
static void test_giving_up(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	struct field fields[20];
	size_t count = split(fields);

	(void)state;
	for (size_t until = 0; until < count + 2; until++) {
		struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 10);
		struct arc_check *c = arc_check_open(r, &b, NOW);

		for (size_t i = 0; i < count && i < until; i++)
			arc_check_header(c, fields[i].name, fields[i].name_len, fields[i].value,
			    fields[i].value_len);
		if (until >= count)
			arc_check_end_of_header(c);
		if (until > count)
			arc_check_body(c, "x", 1);
		arc_check_free(&c);
	}
	resolver_close(&r);
}

static void *checks(void *arg)
{
	for (int i = 0; i < 20; i++)
		check_pass(&(struct way){arg, (size_t)i, 3}, arc_header, arc_body);
	return NULL;
}

static void test_many_at_once(void **state)
{
	struct resolver *r = open_zone(arc_zone);
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, checks, r), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	resolver_close(&r);
}

/* --- trust ----------------------------------------------------------------------- */

static bool is_among(void *arg, const char *domain)
{
	for (const char *const *p = arg; *p != NULL; p++)
		if (strcmp(*p, domain) == 0)
			return true;
	return false;
}

static void test_trust(void **state)
{
	const char *both[] = {"relay.example.com", "lists.example.net", NULL};
	const char *newest[] = {"relay.example.com", NULL}, *oldest[] = {"lists.example.net", NULL};
	const char *nobody[] = {NULL};
	struct resolver *r = open_zone(arc_zone);
	struct arena a = {0};
	struct arc_outcome o =
	    check(&(struct way){r, 0, 9}, arc_header, strlen(arc_header), arc_body, &a);

	(void)state;
	assert_ptr_equal(arc_vouched(&o, "example.org", is_among, both), &o.sets[0]);
	assert_null(arc_vouched(&o, "example.com", is_among, both));
	assert_null(arc_vouched(&o, "example.org", is_among, newest));
	assert_null(arc_vouched(&o, "example.org", is_among, oldest));
	assert_null(arc_vouched(&o, "example.org", is_among, nobody));
	o.whole = false;
	assert_null(arc_vouched(&o, "example.org", is_among, both));
	o.whole = true;
	o.result = ARC_FAIL;
	assert_null(arc_vouched(&o, "example.org", is_among, both));
	arena_free(&a);
	resolver_close(&r);
}

/* --- fields --------------------------------------------------------------------------- */

static const struct {
	enum arc_kind kind;
	const char *value;
	unsigned instance;
} instances[] = {
    {ARC_RESULTS, " i=1; x", 1},
    {ARC_RESULTS, "i=50;", 50},
    {ARC_RESULTS, "(a(b)) i (c) =\r\n\t07 (d);x", 7},
    {ARC_RESULTS, "i=51; x", 0},
    {ARC_RESULTS, "i=0; x", 0},
    {ARC_RESULTS, "i=001; x", 0},
    {ARC_RESULTS, "i=1", 0},
    {ARC_RESULTS, "i=1 x;", 0},
    {ARC_RESULTS, "i=;", 0},
    {ARC_RESULTS, "I=1;", 0},
    {ARC_RESULTS, "x; i=1;", 0},
    {ARC_RESULTS, "(i=1;", 0},
    {ARC_RESULTS, "", 0},
    {ARC_SEAL, " a=b; i = 9 ; c=d", 9},
    {ARC_SEAL, "i=(c)9(d)", 9},
    {ARC_SEAL, "i=9; i=9", 0},
    {ARC_SEAL, "i=9; x", 0},
    {ARC_SEAL, "i=100", 0},
    {ARC_SEAL, "a=1", 0},
    {ARC_SIGNATURE, "i=2", 2},
    {ARC_SIGNATURE, "i=-1", 0},
};

static void test_instances(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(instances) / sizeof(instances[0]); i++) {
		const struct canon_field f = {
		    .value = instances[i].value, .value_len = strlen(instances[i].value)};
		const char *wrong;
		unsigned got = arc_instance(instances[i].kind, &f, &wrong);

		if (got != instances[i].instance || (got == 0) != (wrong != NULL))
			fail_msg("`%s`: got %u, want %u", instances[i].value, got,
			    instances[i].instance);
	}
}

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define AMS_TAGS "i=1; a=rsa-sha256; b=AAAA; d=example.org; s=s; h=from; bh=" HASH
#define SEAL_TAGS "i=1; a=rsa-sha256; b=AAAA; d=example.org; s=s"

static const struct {
	enum arc_kind kind;
	const char *value, *wrong; /* NULL: nothing is */
} signatures[] = {
    {ARC_SIGNATURE, AMS_TAGS, NULL},
    {ARC_SIGNATURE, AMS_TAGS "; l=0; q=x:dns/txt; c=simple; t=1; x=1800000001; z=x; v=7", NULL},
    {ARC_SIGNATURE, AMS_TAGS "; x=1799999999", "expired"},
    {ARC_SIGNATURE, AMS_TAGS "; t=2; x=2", "not after"},
    {ARC_SIGNATURE, AMS_TAGS "; t=-1", "t= is no time"},
    {ARC_SIGNATURE, AMS_TAGS "; l=", "l= is no number"},
    {ARC_SIGNATURE, AMS_TAGS "; q=x", "q="},
    {ARC_SIGNATURE, AMS_TAGS "; c=simple/", "c="},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a..b; s=s; h=from; bh=" HASH, "d= is no"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a.; s=s; h=from; bh=" HASH, "d= is no"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a; s=.; h=from; bh=" HASH, "s= is no"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a; s=b; h=to; bh=" HASH, "no From"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a; s=b; h=from:Arc-Seal; bh=" HASH, "ARC-Seal"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=A; d=a; s=b; h=from; bh=" HASH, "b= is not"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a; s=b; h=from; bh=A" HASH, "bh= is not"},
    {ARC_SIGNATURE, "i=1; a=rsa-sha256; b=AAAA; d=a; s=b; h=from", "bh= is missing"},
    {ARC_SEAL, SEAL_TAGS "; cv=none", NULL},
    {ARC_SEAL, SEAL_TAGS "; cv=(a)\r\n pass (b)", NULL},
    {ARC_SEAL, SEAL_TAGS "; cv=none; x=1; l=a; c=b", NULL},
    {ARC_SEAL, SEAL_TAGS "; cv=NONE", "cv= is not"},
    {ARC_SEAL, SEAL_TAGS "; cv=nonefail", "cv= is not"},
    {ARC_SEAL, SEAL_TAGS "; cv=none; h=from", "it has h="},
    {ARC_SEAL, SEAL_TAGS, "cv= is missing"},
    {ARC_SEAL, "i=1; a=rsa-sha1; b=AAAA; d=a; s=b; cv=none", "a= is not"},
    {ARC_SEAL, "i=1; a=Rsa-sha256; b=AAAA; d=a; s=b; cv=none", "a= is not"},
    {ARC_SEAL, "i=1; a=ed25519-sha256; b= ; d=a; s=b; cv=none", "b= is missing"},
    {ARC_SEAL, "i=1; a=ed25519-sha256; b=AAAA; d=a; s=b; cv=none; b=AAAA", "twice"},
};

static void test_signatures(void **state)
{
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct canon_field f = {
		    .value = signatures[i].value, .value_len = strlen(signatures[i].value)};
		struct arc_signature s;
		bool temporary;
		const char *wrong =
		    arc_signature_read(signatures[i].kind, &f, NOW, &a, &s, &temporary);

		assert_false(temporary);
		if (signatures[i].wrong == NULL
			? wrong != NULL
			: wrong == NULL || strstr(wrong, signatures[i].wrong) == NULL)
			fail_msg("`%s`: %s", signatures[i].value, wrong == NULL ? "right" : wrong);
	}
	arena_free(&a);
}

static void test_names_of_keys(void **state)
{
	const char *value =
	    "i=1; a=ed25519-sha256; b=AAAA; d=B\xc3\xbc\x63her.example; s=S.t; cv=pass";
	const struct canon_field f = {.value = value, .value_len = strlen(value)};
	struct arc_signature s;
	struct arena a = {0};
	bool temporary;

	(void)state;
	assert_null(arc_signature_read(ARC_SEAL, &f, NOW, &a, &s, &temporary));
	assert_string_equal(s.key_name, "s.t._domainkey.xn--bcher-kva.example");
	assert_string_equal(s.domain, "xn--bcher-kva.example");
	assert_int_equal(s.chain, ARC_CV_PASS);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_chain_passes),
	    cmocka_unit_test(test_no_chain),
	    cmocka_unit_test(test_another_body_fails),
	    cmocka_unit_test(test_a_change_of_any_byte_fails),
	    cmocka_unit_test(test_fields_taken_away_doubled_and_moved),
	    cmocka_unit_test(test_nothing_is_asked_about_a_broken_chain),
	    cmocka_unit_test(test_dns),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_giving_up),
	    cmocka_unit_test(test_many_at_once),
	    cmocka_unit_test(test_trust),
	    cmocka_unit_test(test_instances),
	    cmocka_unit_test(test_signatures),
	    cmocka_unit_test(test_names_of_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
