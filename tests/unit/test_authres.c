/* Authentication-Results: what is written reads back as written, and who claims to be us. */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "../lib/random.h"
#include "auth/authres.h"

/* --- claims ----------------------------------------------------------------- */

struct claim {
	const char *value;
	size_t len; /* 0: strlen() */
	bool ours;
};

#define WITH_NUL(text) text, sizeof(text) - 1

static const struct claim claims[] = {
    {"mx.example.com; spf=pass", 0, true},
    {" mx.example.com;spf=pass", 0, true},
    {"\r\n\tmx.example.com\r\n\t;spf=pass", 0, true},
    {"MX.Example.COM; none", 0, true},
    {"mx.example.com", 0, true},
    {"mx.example.com.; spf=pass", 0, true},
    {".mx..example.com..; spf=pass", 0, true},
    {"mx.example.com 1; spf=pass", 0, true},
    {"mx.example.com/1; spf=pass", 0, true},
    {"mx.example.com (x) 1 (y); spf=pass", 0, true},
    {"(a(b)\\)c) mx.example.com; spf=pass", 0, true},
    {"(a;b)mx.example.com(;); spf=pass", 0, true},
    {"mx.(x)example(y).com; spf=pass", 0, true},
    {"mx . example\t.\r\n com; spf=pass", 0, true},
    {"\"mx.example.com\"; spf=pass", 0, true},
    {"\"mx.exa\"mple.com; spf=pass", 0, true},
    {"\"mx\".\"example\".\"com\"; spf=pass", 0, true},
    {"\"m\\x.example.com\"; spf=pass", 0, true},
    {"mx\\.example.com; spf=pass", 0, true},
    {"\" mx.example.com \"; spf=pass", 0, true},
    {"\"(\" mx.example.com \")\"; spf=pass", 0, true},
    {"\"x;\" mx.example.com; spf=pass", 0, true},
    {"\"mx.example.com;x\"; spf=pass", 0, true},
    {"other.example mx.example.com; spf=pass", 0, true},
    {"user@mx.example.com; spf=pass", 0, true},
    {"\v\fmx.example.com\v; spf=pass", 0, true},
    {WITH_NUL("\0mx.example.com; spf=pass"), true},
    {WITH_NUL("mx.example.com\0.evil.example; spf=pass"), true},
    {WITH_NUL("mx.exam\0ple.com; spf=pass"), true},
    {"mx.example.com\xff; spf=pass", 0, true},
    {"mx.example.com\xa0x; spf=pass", 0, true},
    {"\xc2\xa0mx.example.com; spf=pass", 0, true},
    {"\xe2\x80\x8bmx.example.com; spf=pass", 0, true},
    {"\xef\xbb\xbfmx.example.com; spf=pass", 0, true},
    {"mx.exa\xc2\xadmple.com; spf=pass", 0, true},
    /* Fullwidth letters and stops. */
    {"\xef\xbd\x8dx.example\xef\xbc\x8e\x63om; spf=pass", 0, true},
    {"mx\xe3\x80\x82\x65xample.com; spf=pass", 0, true},
    {"=?utf-8?q?mx=2Eexample=2Ecom?=; spf=pass", 0, true},
    {"", 0, true},
    {"; spf=pass", 0, true},
    {"(mx.example.com); spf=pass", 0, true},
    {"(other.example", 0, true},
    {"other.example (a(b); spf=pass", 0, true},
    {"\"other.example; spf=pass", 0, true},
    {"other.example; spf=pass", 0, false},
    {"example.com; spf=pass", 0, false},
    {"xmx.example.com; spf=pass", 0, false},
    {"mx.example.com.evil.example; spf=pass", 0, false},
    {"mx-example.com; spf=pass", 0, false},
    {"mx.example.co; spf=pass", 0, false},
    {"other.example; spf=pass smtp.mailfrom=mx.example.com", 0, false},
    {"other.example (mx.example.com); spf=pass", 0, false},
    {"(mx.example.com)other.example; spf=pass", 0, false},
    {"other.example 1 (\"); spf=pass", 0, false},
    {"m\xc3\xbcx.example.com; spf=pass", 0, false},
};

static void test_claims(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		const struct claim *c = &claims[i];
		size_t len = c->len == 0 ? strlen(c->value) : c->len;
		bool got = authres_claims(c->value, len, "mx.example.com");

		if (got != c->ours)
			fail_msg("row %zu `%s`: got %d, want %d", i, c->value, got, c->ours);
	}
}

static void test_claims_of_other_names(void **state)
{
	static const char *const ids[] = {
	    "b\xc3\xbc\x63her.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example."};
	static const char *const values[] = {"b\xc3\xbc\x63her.example; none",
	    "B\xc3\x9c\x43HER.EXAMPLE.; none", "xn--bcher-kva.example 1; none",
	    "\"xn--bcher-KVA\".example; none", "b\xc3\xbc(x)cher.example; none",
	    /* u and a combining diaeresis */
	    "bu\xcc\x88\x63her.example; none"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			if (!authres_claims(values[v], strlen(values[v]), ids[i]))
				fail_msg("`%s` claims %s", values[v], ids[i]);
		assert_false(authres_claims("bucher.example; none", 20, ids[i]));
	}
	/* An authserv-id need not be a domain. */
	assert_true(authres_claims("Mail_Gate; none", 15, "mail_gate"));
	assert_true(authres_claims("\"my host\"; none", 15, "my host"));
	assert_false(authres_claims("my; none", 8, "my host"));
}

static const char *one_of(uint64_t *random, const char *const *list)
{
	uint32_t count = 0;

	while (list[count] != NULL)
		count++;
	return list[random_below(random, count)];
}

/* Comments, folding and space that may stand between two parts. */
static void put_between(struct strbuf *b, uint64_t *random)
{
	static const char *const between[] = {"", "", "", " ", "\t", "\r\n ", "\n\t", "(x)",
	    " (a (b; \\) \"c) d) ", "()", "(\r\n evil.example; spf=pass)", NULL};

	strbuf_puts(b, one_of(random, between));
}

/* One spelling of a name of labels. */
static void spell(struct strbuf *b, uint64_t *random, const char *const *labels)
{
	bool whole = random_below(random, 4) == 0;

	put_between(b, random);
	if (whole)
		strbuf_putc(b, '"');
	for (size_t i = 0; labels[i] != NULL; i++) {
		bool quoted = !whole && random_below(random, 4) == 0;

		if (i > 0)
			strbuf_putc(b, '.');
		if (i > 0 && !whole)
			put_between(b, random);
		if (quoted)
			strbuf_putc(b, '"');
		for (const char *p = labels[i]; *p != '\0'; p++) {
			if ((whole || quoted) && random_below(random, 6) == 0)
				strbuf_putc(b, '\\');
			strbuf_putc(b, (char)(random_below(random, 2) == 0 && *p >= 'a' && *p <= 'z'
						  ? *p - 'a' + 'A'
						  : *p));
		}
		if (quoted)
			strbuf_putc(b, '"');
		if (!whole)
			put_between(b, random);
	}
	if (random_below(random, 4) == 0)
		strbuf_putc(b, '.');
	if (whole)
		strbuf_putc(b, '"');
	put_between(b, random);
	if (random_below(random, 3) == 0)
		strbuf_puts(b, " 1");
	put_between(b, random);
	strbuf_puts(b, random_below(random, 4) == 0 ? "" : "; spf=pass smtp.mailfrom=x@y.example");
}

/* However a name is spelled, it claims to be that name, and no other. */
static void test_every_spelling_is_a_claim(void **state)
{
	static const char *const ours[] = {"mx", "example", "com", NULL};
	static const char *const idn[] = {"xn--bcher-kva", "example", NULL};
	static const char *const other[] = {"mx", "example", "org", NULL};
	uint64_t random = 5;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct strbuf b = {0};
		const char *const *labels = i % 3 == 0 ? ours : i % 3 == 1 ? idn : other;

		spell(&b, &random, labels);
		if (authres_claims(strbuf_text(&b), b.len, "mx.example.com") != (labels == ours) ||
		    authres_claims(strbuf_text(&b), b.len, "b\xc3\xbc\x63her.example") !=
			(labels == idn))
			fail_msg("%s", strbuf_text(&b));
		strbuf_free(&b);
	}
}

static void test_endless_values_are_ours(void **state)
{
	char big[70000];

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_true(authres_claims(big, sizeof(big), "mx.example.com"));
	memset(big, '(', sizeof(big));
	assert_true(authres_claims(big, sizeof(big), "mx.example.com"));
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = "\xc3\xbc "[i % 3];
	assert_true(authres_claims(big, sizeof(big), "mx.example.com"));
}

static void test_field_names(void **state)
{
	(void)state;
	assert_true(authres_is_field("Authentication-Results"));
	assert_true(authres_is_field("authentication-RESULTS \t"));
	assert_false(authres_is_field("ARC-Authentication-Results"));
	assert_false(authres_is_field("Authentication-Results-Original"));
	assert_false(authres_is_field(""));
}

/* --- writing ------------------------------------------------------------------ */

static void test_fields(void **state)
{
	const struct spf_query q = {.helo = "mail.example.org",
	    .sender = "joe@example.org",
	    .receiver = "mx.example.com",
	    .client = {.family = ADDR_V4, .bytes = {192, 0, 2, 1}}};
	const struct spf_outcome o = {.result = SPF_PASS,
	    .identity = SPF_MAILFROM,
	    .domain = "example.org",
	    .reason = "ip4:192.0.2.1 of example.org",
	    .mechanism = "ip4:192.0.2.1"};
	struct strbuf received = {0};
	struct authres w;

	(void)state;
	authres_begin(&w, "mx.example.com", "\n\t");
	assert_string_equal(authres_end(&w), "mx.example.com; none");
	authres_free(&w);

	authres_begin(&w, "mx.example.com", "\n\t");
	authres_spf(&w, &q, &o);
	authres_dkim(&w, &(struct authres_dkim){.result = "pass",
			     .domain = "b\xc3\xbc\x63her.example",
			     .selector = "s1",
			     .auid = "@example.org",
			     .algorithm = "rsa-sha256",
			     .b = "ab/defghijk"});
	authres_dmarc(&w,
	    &(struct authres_dmarc){.result = "fail", .from = "example.org", .policy = "reject"});
	authres_arc(
	    &w, &(struct authres_arc){.result = "pass", .oldest_pass = 1, .client = &q.client});
	authres_arc(&w, &(struct authres_arc){.result = "fail"});
	authres_auth(&w, "PLAIN", "joe smith@example.org");
	authres_iprev(&w, "fail", &q.client, "(host).example.org");
	assert_string_equal(authres_end(&w),
	    "mx.example.com;\n\tspf=pass reason=\"ip4:192.0.2.1 of example.org\""
	    "\n\tsmtp.mailfrom=joe@example.org;"
	    "\n\tdkim=pass header.d=xn--bcher-kva.example header.i=@example.org"
	    "\n\theader.s=s1 header.a=rsa-sha256 header.b=\"ab/defgh\";"
	    "\n\tdmarc=fail header.from=example.org policy.dmarc=reject;"
	    "\n\tarc=pass header.oldest-pass=1 smtp.remote-ip=192.0.2.1;"
	    "\n\tarc=fail;"
	    "\n\tauth=pass (PLAIN) smtp.auth=\"joe?smith@example.org\";"
	    "\n\tiprev=fail policy.iprev=192.0.2.1 ([host].example.org)");
	authres_free(&w);

	authres_received_spf(&received, &q, &o, "\n\t");
	assert_string_equal(strbuf_text(&received),
	    "pass (ip4:192.0.2.1 of example.org) receiver=mx.example.com;"
	    "\n\tclient-ip=192.0.2.1; envelope-from=\"joe@example.org\";"
	    "\n\thelo=mail.example.org; mechanism=\"ip4:192.0.2.1\"; identity=mailfrom");
	strbuf_free(&received);
}

/* Bytes that do harm where they are let through. */
static size_t hostile(uint64_t *random, char *out, size_t max)
{
	static const char *const parts[] = {";", "\"", "\\", "(", ")", "\r\n", "\n", "\r\n\r\n",
	    " ", "\t", "dkim=pass", "; dkim=pass header.d=bank.example", "a", "example.com", "@",
	    "=", "\xc3\xbc", "\xff", "\x01", "\x7f", "/", ".", ":", "none", "\"; dmarc=pass (", "%",
	    "\\\""};
	size_t len = 0, want = random_below(random, random_below(random, 20) == 0 ? 600 : 12);

	for (size_t i = 0; i < want; i++) {
		const char *p = parts[random_below(random, sizeof(parts) / sizeof(parts[0]))];
		size_t n = strlen(p);

		if (len + n >= max)
			break;
		memcpy(out + len, p, n);
		len += n;
	}
	out[len] = '\0';
	return len;
}

/* What any reader may do: split lines, split at semicolons. */
static void check_shape(const char *value, size_t results, bool folded)
{
	size_t column = 0, semicolons = 0;

	assert_true(strlen(value) <= AUTHRES_MAX);
	for (const char *p = value; *p != '\0'; p++) {
		semicolons += *p == ';';
		column = *p == '\n' ? 0 : column + 1;
		assert_true(!folded || column < 998);
		if (*p == '\n') {
			assert_int_equal(p[1], '\t');
			assert_int_not_equal(p[2], ' ');
		} else if (*p != '\t') {
			assert_in_range(*p, ' ', '~');
		}
	}
	assert_int_equal(semicolons, results == 0 ? 1 : results);
}

/* What the reader must find in place of `text`. */
static bool is_expected(const char *text, const char *got)
{
	bool wide = false;
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		wide |= (unsigned char)text[i] >= 0x80;
	if (wide) /* It may have become A-labels. */
		return strchr(got, ';') == NULL;
	for (i = 0; text[i] != '\0'; i++) {
		char want =
		    (char)(text[i] > ' ' && text[i] < 0x7f && text[i] != ';' ? text[i] : '?');

		if (got[i] != want)
			return false;
	}
	return got[i] == '\0';
}

enum { HOSTILE = 2000, RESULTS = 6 };

static void check_read_back(const char *value, size_t results, char texts[][HOSTILE])
{
	struct authres_field f;
	struct arena a = {0};

	if (!authres_read(value, strlen(value), &a, &f))
		fail_msg("does not read back: %s", value);
	assert_int_equal(f.count, results);
	for (size_t i = 0; i < results; i++) {
		const char *got = authres_value(&f.results[i], "smtp", "mailfrom");

		assert_string_equal(f.results[i].method, "spf");
		assert_string_equal(f.results[i].result, "fail");
		if (texts[i][0] == '\0' || strlen(texts[i]) > 320)
			assert_null(got);
		else if (got == NULL || !is_expected(texts[i], got))
			fail_msg(
			    "`%s` became `%s` in: %s", texts[i], got == NULL ? "" : got, value);
		assert_in_range(f.results[i].count, 0, 1);
	}
	arena_free(&a);
}

static void test_nothing_can_be_added(void **state)
{
	static char texts[RESULTS][HOSTILE], other[HOSTILE];
	uint64_t random = 8601;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t results = random_below(&random, RESULTS + 1);
		bool folded = random_below(&random, 2) == 0;
		struct authres w;
		const char *value;

		hostile(&random, other, sizeof(other));
		authres_begin(&w, other, folded ? "\n\t" : " ");
		for (size_t i = 0; i < results; i++) {
			hostile(&random, texts[i], sizeof(texts[i]));
			hostile(&random, other, sizeof(other));
			authres_result(&w, "spf", "fail", other);
			hostile(&random, other, sizeof(other));
			authres_comment(&w, other);
			authres_property(&w, "smtp", "mailfrom", texts[i]);
			authres_comment(&w, other);
		}
		value = authres_end(&w);
		assert_non_null(value);
		check_shape(value, results, folded);
		check_read_back(value, results, texts);
		authres_free(&w);
	}
}

static void test_received_spf_stays_one_field(void **state)
{
	static char sender[HOSTILE], helo[HOSTILE], reason[HOSTILE];
	uint64_t random = 7208;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct spf_query q = {.helo = helo,
		    .sender = sender,
		    .receiver = "mx.example.com",
		    .client = {.family = ADDR_V6}};
		struct spf_outcome o = {.reason = reason, .domain = "", .mechanism = helo};
		struct strbuf b = {0};

		hostile(&random, sender, sizeof(sender));
		hostile(&random, helo, sizeof(helo));
		hostile(&random, reason, sizeof(reason));
		authres_received_spf(&b, &q, &o, "\n\t");
		for (const char *p = strbuf_text(&b); *p != '\0'; p++)
			if (*p == '\n')
				assert_int_equal(p[1], '\t');
			else if (*p != '\t')
				assert_in_range(*p, ' ', '~');
		strbuf_free(&b);
	}
}

/* Many results: those that fit are whole. */
static void test_the_length_is_bounded(void **state)
{
	struct authres_field f;
	struct arena a = {0};
	struct authres w;
	const char *value;
	char domain[300];

	(void)state;
	memset(domain, '"', sizeof(domain) - 1);
	domain[sizeof(domain) - 1] = '\0';
	authres_begin(&w, "mx.example.com", "\n\t");
	for (int i = 0; i < 1000; i++) {
		authres_result(&w, "dkim", "fail", NULL);
		authres_property(&w, "header", "d", domain);
	}
	value = authres_end(&w);
	assert_true(strlen(value) <= AUTHRES_MAX);
	assert_true(authres_read(value, strlen(value), &a, &f));
	check_shape(value, f.count, true);
	assert_in_range(f.count, 20, 99);
	for (size_t i = 0; i < f.count; i++)
		assert_string_equal(authres_value(&f.results[i], "header", "d"), domain);
	arena_free(&a);
	authres_free(&w);
}

/* Words of ours that are none: still one result, on lines that are not too long. */
static void test_keywords_stay_keywords(void **state)
{
	static const char *const words[] = {"", "a b; dkim=pass", "\xc3\xbc", "(", "\r\n"};
	static char long_word[2000];
	uint64_t random = 3;

	(void)state;
	memset(long_word, 'x', sizeof(long_word) - 1);
	for (int i = 0; i < 200; i++) {
		const char *pick[4], *value;
		struct authres_field f;
		struct arena a = {0};
		struct authres w;

		for (size_t k = 0; k < 4; k++) {
			uint32_t n = random_below(&random, 6);

			pick[k] = n == 5 ? long_word : words[n];
		}
		authres_begin(&w, "mx.example.com", "\n\t");
		authres_result(&w, pick[0], pick[1], NULL);
		authres_property(&w, pick[2], pick[3], "x");
		value = authres_end(&w);
		check_shape(value, 1, true);
		assert_true(authres_read(value, strlen(value), &a, &f));
		assert_int_equal(f.count, 1);
		assert_int_equal(f.results[0].count, 1);
		arena_free(&a);
		authres_free(&w);
	}
}

/* --- reading ----------------------------------------------------------------------- */

struct reading {
	const char *value,
	    *want; /* "id|method=result ptype.name=value ...|..."; "!" before: false */
};

static const struct reading readings[] = {
    /* RFC 8601 appendix B */
    {"example.org 1; none", "example.org"},
    {"example.com;\r\n   spf=pass smtp.mailfrom=example.net",
	"example.com|spf=pass smtp.mailfrom=example.net"},
    {"example.com;\n auth=pass (cram-md5) smtp.auth=sender@example.net;\n"
     " spf=pass smtp.mailfrom=example.net",
	"example.com|auth=pass smtp.auth=sender@example.net|spf=pass smtp.mailfrom=example.net"},
    {"example.com;\n dkim=pass reason=\"good signature\"\n"
     "  header.i=@mail-router.example.net;\n"
     " dkim=fail reason=\"bad signature\"\n  header.i=@newyork.example.com",
	"example.com|dkim=pass header.i=@mail-router.example.net reason:good signature"
	"|dkim=fail header.i=@newyork.example.com reason:bad signature"},
    {"foo.example.net (foobar) 1 (baz);\n"
     "  dkim (Because I like it) / 1 (One yay) = (wait for it) fail\n"
     "    policy (A dot can go here) . (like that) expired\n"
     "    (this surprised me) = (as I wasn't expecting it) 1362471462",
	"foo.example.net|dkim=fail policy.expired=1362471462"},
    /* as they are seen */
    {"mx.google.com; dkim=pass header.i=@example.com header.s=s1 header.b=\"ab/+c=\";"
     " spf=pass (google.com: domain of a@example.com designates 192.0.2.1 as permitted sender)"
     " smtp.mailfrom=a@example.com; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com",
	"mx.google.com|dkim=pass header.i=@example.com header.s=s1 header.b=ab/+c="
	"|spf=pass smtp.mailfrom=a@example.com|dmarc=pass header.from=example.com"},
    {"mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.1) smtp.rcpttodomain=example.org"
     " smtp.mailfrom=example.com; dmarc=bestguesspass action=none header.from=example.com;"
     " dkim=none (message not signed); arc=none",
	"mx.microsoft.com|spf=pass smtp.rcpttodomain=example.org smtp.mailfrom=example.com"
	"|dmarc=bestguesspass .action=none header.from=example.com|dkim=none|arc=none"},
    {"a.example; spf=pass smtp.mailfrom=\"a b\"@example.com odd; ",
	"a.example|spf=pass smtp.mailfrom=a b@example.com"},
    {"A.example;DKIM=Pass Header.D=Example.com", "A.example|dkim=pass header.d=Example.com"},
    /* faults */
    {"", "!"},
    {"; spf=pass", "!"},
    {"spf=pass smtp.mailfrom=x", "!"},
    {"a.example; spf=pass; dkim", "!a.example|spf=pass"},
    {"a.example; spf=pass smtp.mailfrom=\"x", "!a.example"},
    {"a.example spf=pass", "!a.example"},
};

static void describe(bool ok, const struct authres_field *f, struct strbuf *b)
{
	strbuf_printf(b, "%s%s", ok ? "" : "!", f->authserv_id);
	for (size_t i = 0; i < f->count; i++) {
		const struct authres_entry *e = &f->results[i];

		strbuf_printf(b, "|%s=%s", e->method, e->result);
		for (size_t p = 0; p < e->count; p++)
			strbuf_printf(b, " %s.%s=%s", e->properties[p].ptype, e->properties[p].name,
			    e->properties[p].value);
		if (e->reason != NULL)
			strbuf_printf(b, " reason:%s", e->reason);
	}
}

static void test_readings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		struct authres_field f;
		struct strbuf got = {0};
		struct arena a = {0};
		bool ok = authres_read(readings[i].value, strlen(readings[i].value), &a, &f);

		describe(ok, &f, &got);
		if (strcmp(strbuf_text(&got), readings[i].want) != 0)
			fail_msg(
			    "row %zu: got %s, want %s", i, strbuf_text(&got), readings[i].want);
		strbuf_free(&got);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_claims),
	    cmocka_unit_test(test_claims_of_other_names),
	    cmocka_unit_test(test_every_spelling_is_a_claim),
	    cmocka_unit_test(test_endless_values_are_ours),
	    cmocka_unit_test(test_field_names),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_nothing_can_be_added),
	    cmocka_unit_test(test_received_spf_stays_one_field),
	    cmocka_unit_test(test_the_length_is_bounded),
	    cmocka_unit_test(test_keywords_stay_keywords),
	    cmocka_unit_test(test_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
