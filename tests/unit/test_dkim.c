/* DKIM over fixed data: the RFCs' samples, and signatures made here for every rule. */
#include "../lib/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "../lib/dkim_signer.h"
#include "auth/dkim.h"
#include "auth/fixed.h"

#define NOW ((usec_t)1700000000 * USEC_PER_SEC)

static EVP_PKEY *rsa, *other, *small, *ed25519;

/* --- messages --------------------------------------------------------------------------- */

static void put_txt(struct strbuf *zone, const char *name, const char *text)
{
	size_t len = strlen(text);

	strbuf_printf(zone, "%s TXT", name);
	for (size_t i = 0; i < len; i += 200)
		strbuf_printf(zone, " \"%.200s\"", text + i);
	strbuf_puts(zone, len == 0 ? " \"\"\n" : "\n");
}

/* "v=DKIM1; p=@RSA@": the marks @RSA@, @BARE@, @OTHER@, @SMALL@ and @ED@ stand for keys. */
static void put_key(struct strbuf *zone, const char *name, const char *record)
{
	const struct {
		const char *mark;
		EVP_PKEY *key;
		bool bare;
	} marks[] = {{"@RSA@", rsa, false}, {"@BARE@", rsa, true}, {"@OTHER@", other, false},
	    {"@SMALL@", small, false}, {"@ED@", ed25519, false}};
	struct strbuf text = {0};

	while (*record != '\0') {
		size_t i = 0, n = sizeof(marks) / sizeof(marks[0]);

		while (i < n && strncmp(record, marks[i].mark, strlen(marks[i].mark)) != 0)
			i++;
		if (i == n) {
			strbuf_putc(&text, *record++);
		} else {
			signer_public(&text, marks[i].key, marks[i].bare);
			record += strlen(marks[i].mark);
		}
	}
	put_txt(zone, name, strbuf_text(&text));
	strbuf_free(&text);
}

static struct resolver *open_zone(struct strbuf *zone)
{
	unsigned line;
	struct resolver *r = fixed_open(strbuf_text(zone), zone->len, &line);

	if (r == NULL)
		fail_msg("zone: line %u: %s", line, strbuf_text(zone));
	strbuf_free(zone);
	return r;
}

/* Hands every field of `header` (lines with CRLF) over. */
static void feed_header(struct dkim_check *d, const char *header, size_t len)
{
	const char *at = header, *end = header + len;

	while (at < end) {
		const char *colon = memchr(at, ':', (size_t)(end - at)), *stop = at;

		do {
			stop = memmem(stop, (size_t)(end - stop), "\r\n", 2);
			stop = stop == NULL ? end : stop + 2;
		} while (stop < end && (*stop == ' ' || *stop == '\t'));
		assert_non_null(colon);
		dkim_check_header(d, at, (size_t)(colon - at), colon + 1,
		    (size_t)(stop - colon) - (stop[-1] == '\n' ? 3 : 1));
		at = stop;
	}
}

static void check_with(struct resolver *r, const struct dkim_limits *limits, const char *header,
    size_t header_len, const char *body, size_t body_len, struct arena *a, struct dkim_outcome *out)
{
	struct dns_budget b = dns_budget_make(10 * USEC_PER_SEC, USEC_PER_SEC, 50);
	struct dkim_check *d = dkim_check_open(r, &b, limits, NOW);

	feed_header(d, header, header_len);
	if (dkim_check_end_of_header(d))
		dkim_check_body(d, body, body_len);
	dkim_check_finish(d, a, out);
	dkim_check_free(&d);
}

/* By libopendkim, and by OpenSSL: both must find the same. */
static void check(struct resolver *r, const char *header, size_t header_len, const char *body,
    size_t body_len, struct arena *a, struct dkim_outcome *out)
{
	static const struct dkim_limits openssl = {.verifier = DKIM_BY_OPENSSL};
	struct dkim_outcome one;

	check_with(r, NULL, header, header_len, body, body_len, a, out);
	check_with(r, &openssl, header, header_len, body, body_len, a, &one);
	assert_int_equal(out->count, one.count);
	for (size_t i = 0; i < out->count; i++)
		if (out->signatures[i].result != one.signatures[i].result)
			fail_msg("%.60s...: %s (%s), by OpenSSL %s (%s)", header,
			    dkim_result_name(out->signatures[i].result), out->signatures[i].reason,
			    dkim_result_name(one.signatures[i].result), one.signatures[i].reason);
}

/* --- the RFCs' samples --------------------------------------------------------------------- */

static const char rfc8463[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
			      " d=football.example.com; i=@football.example.com;\r\n"
			      " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
			      " subject : date : message-id : from : subject : date;\r\n"
			      " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
			      " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
			      " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
			      "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
			      " d=football.example.com; i=@football.example.com;\r\n"
			      " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
			      " date : message-id : from : subject : date;\r\n"
			      " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
			      " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
			      " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
			      " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
			      "From: Joe SixPack <joe@football.example.com>\r\n"
			      "To: Suzie Q <suzie@shopping.example.net>\r\n"
			      "Subject: Is dinner ready?\r\n"
			      "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
			      "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";

/* With errata 3192 and 4926: two spaces less in the body, and how far the lines are indented. */
static const char rfc6376[] = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
			      "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
			      "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
			      "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
			      "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
			      "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
			      "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
			      "      4bmp/YzhwvcubU4=;\r\n"
			      "Received: from client1.football.example.com  [192.0.2.1]\r\n"
			      "      by submitserver.example.com with SUBMISSION;\r\n"
			      "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
			      "From: Joe SixPack <joe@football.example.com>\r\n"
			      "To: Suzie Q <suzie@shopping.example.net>\r\n"
			      "Subject: Is dinner ready?\r\n"
			      "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
			      "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";

static const char rfc_body[] = "Hi.\r\n\r\n"
			       "We lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";

static struct resolver *open_rfc_zone(void)
{
	struct strbuf zone = {0};

	put_txt(&zone, "brisbane._domainkey.football.example.com",
	    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	put_txt(&zone, "test._domainkey.football.example.com",
	    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3id"
	    "Y6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj"
	    "+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB");
	put_txt(&zone, "brisbane._domainkey.example.com",
	    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg"
	    "1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbt"
	    "o/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB");
	return open_zone(&zone);
}

static void samples_of_the_rfcs(void **state)
{
	struct resolver *r = open_rfc_zone();
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	check(r, rfc8463, sizeof(rfc8463) - 1, rfc_body, sizeof(rfc_body) - 1, &a, &out);
	assert_int_equal(out.result, DKIM_PASS);
	assert_int_equal(out.count, 2);
	assert_string_equal(out.signatures[0].algorithm, "ed25519-sha256");
	assert_string_equal(out.signatures[0].selector, "brisbane");
	assert_string_equal(out.signatures[0].domain, "football.example.com");
	assert_string_equal(out.signatures[0].identity, "@football.example.com");
	assert_int_equal(out.signatures[0].result, DKIM_PASS);
	assert_int_equal(out.signatures[0].key_bits, 256);
	assert_int_equal(out.signatures[1].result, DKIM_PASS);
	assert_int_equal(out.signatures[1].key_bits, 1024);
	assert_true(out.signatures[1].usable);
	assert_memory_equal(out.signatures[1].b, "F45dVWDf", 8);
	check(r, rfc6376, sizeof(rfc6376) - 1, rfc_body, sizeof(rfc_body) - 1, &a, &out);
	if (out.result != DKIM_PASS)
		fail_msg("%s", out.signatures[0].reason);
	assert_string_equal(out.signatures[0].identity, "joe@football.example.com");
	/* A byte more. */
	check(r, rfc6376, sizeof(rfc6376) - 1, "Hi.\r\n!", 6, &a, &out);
	assert_int_equal(out.result, DKIM_FAIL);
	arena_free(&a);
	resolver_close(&r);
}

/* --- signatures made here ------------------------------------------------------------------- */

#define HEADER                                                                                     \
	"From: Joe <joe@example.com>\r\n"                                                          \
	"To: you@example.net\r\n"                                                                  \
	"Subject: a  test\r\n of folding\t\r\n"

#define SIGN "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]"
#define TAGS(more)                                                                                 \
	"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; bh=@BH@; " more "; b=[@B@]"

static struct resolver *open_keys(void)
{
	struct strbuf zone = {0};

	put_key(&zone, "sel._domainkey.example.com", "v=DKIM1; k=rsa; p=@RSA@");
	put_key(&zone, "ed._domainkey.example.com", "v=DKIM1; k=ed25519; p=@ED@");
	put_key(&zone, "bare._domainkey.example.com", "v=DKIM1; p=@BARE@");
	put_key(&zone, "small._domainkey.example.com", "v=DKIM1; p=@SMALL@");
	put_key(&zone, "other._domainkey.example.com", "v=DKIM1; p=@OTHER@");
	put_key(&zone, "two._domainkey.example.com", "v=DKIM1; p=@OTHER@");
	put_key(&zone, "two._domainkey.example.com", "v=DKIM1; p=@RSA@");
	put_key(&zone, "mixed._domainkey.example.com", "v=spf1 -all");
	put_key(&zone, "mixed._domainkey.example.com", "v=DKIM1; p=@RSA@");
	put_key(&zone, "a.b._domainkey.example.com", "p=@RSA@");
	put_key(&zone, "sel._domainkey.xn--bcher-kva.example", "p=@RSA@");
	put_key(&zone, "xn--bcher-kva._domainkey.example.com", "p=@RSA@");
	put_key(&zone, "y._domainkey.example.com", "t=y; p=@RSA@");
	put_key(&zone, "strict._domainkey.example.com", "t=s; p=@RSA@");
	put_key(&zone, "both._domainkey.example.com", "t=s : y; p=@RSA@");
	strbuf_puts(&zone, "alias._domainkey.example.com CNAME sel._domainkey.example.com\n"
			   "loop._domainkey.example.com CNAME loop._domainkey.example.com\n"
			   "dead._domainkey.example.com CNAME nowhere.example.com\n"
			   "servfail._domainkey.example.com SERVFAIL\n"
			   "bogus._domainkey.example.com BOGUS\n"
			   "late._domainkey.example.com TIMEOUT\n"
			   "nodata._domainkey.example.com A 192.0.2.1\n");
	return open_zone(&zone);
}

struct one {
	const char *template;
	enum dkim_result want;
	const char *reason; /* part of it */
};

/* For messages: the key record that is tried. */
static const char *checked_record = "";

/* What the template's h= names, without white space. */
static void read_h(struct strbuf *out, const char *template)
{
	const char *h = template;

	do
		h = strpbrk(h + 1, "hH");
	while (h != NULL && (strchr(" ;:\n", h[-1]) == NULL || h[1 + strspn(h + 1, " ")] != '='));
	for (h = h == NULL ? "" : strchr(h, '=') + 1; *h != '\0' && *h != ';'; h++)
		if (strchr(" \t\r\n", *h) == NULL)
			strbuf_putc(out, *h);
}

/* What the template's c= asks for. */
static void read_c(struct signer *s, const char *template)
{
	const char *c = strstr(template, "c=r"), *slash;

	s->relaxed_header = c != NULL;
	c = c != NULL ? c : strstr(template, "c=s");
	slash = c == NULL ? NULL : strchr(c, '/');
	s->relaxed_body = slash != NULL && slash < c + 12 && slash[1] == 'r';
}

static void check_one(struct resolver *r, const struct one *c, const char *header, const char *body)
{
	struct signer s = {.key = strstr(c->template, "a=ed") != NULL      ? ed25519
	                          : strstr(c->template, "s=small") != NULL ? small
	                                                                   : rsa,
	    .h = ""};
	struct strbuf message = {0}, h = {0};
	struct dkim_outcome out;
	struct arena a = {0};

	read_c(&s, c->template);
	read_h(&h, c->template);
	s.h = strbuf_text(&h);
	signer_field_for(&message, &s, c->template, header, body, strlen(body));
	strbuf_puts(&message, header);
	check(r, message.data, message.len, body, strlen(body), &a, &out);
	if (out.count != 1 || out.result != c->want ||
	    strstr(out.signatures[0].reason, c->reason) == NULL)
		fail_msg("%s %s: got %s (%s), want %s (%s)", c->template, checked_record,
		    dkim_result_name(out.result), out.count == 0 ? "" : out.signatures[0].reason,
		    dkim_result_name(c->want), c->reason);
	if (out.signatures[0].usable && out.result != DKIM_PASS)
		fail_msg("%s: usable, but no pass", c->template);
	arena_free(&a);
	strbuf_free(&message);
	strbuf_free(&h);
}

static const struct one signatures[] = {
    {SIGN, DKIM_PASS, "sel._domainkey.example.com, 2048 bits"},
    {"dkim-signature:v=1;a=rsa-sha256;d=example.com;s=sel;h=from:to;bh=@BH@;b=[@B@]", DKIM_PASS,
	""},
    {"DKIM-Signature : v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    /* white space wherever it may be */
    {"DKIM-Signature:\r\n\tv = 1 ;\r\n a\t=\trsa-sha256; d = example.com ; s=\r\n sel; h = from "
     ":\r\n"
     " to\r\n ; bh = @BH@ ; b\r\n =[ \r\n @B@\r\n\t]; x-y=1",
	DKIM_PERMERROR, "not a list"},
    {"DKIM-Signature:\r\n\tv = 1 ;\r\n a\t=\trsa-sha256; d = example.com ; s=\r\n sel; h = from "
     ":\r\n"
     " to\r\n ; bh = @BH@ ; b\r\n =[ \r\n @B@\r\n\t]; x_y=1 ; ",
	DKIM_PASS, ""},
    {"DKIM-Signature: c=relaxed;\r\n\tv = 1 ;\r\n a\t=\trsa-sha256; d = example.com ; s=\r\n sel;"
     " h = from :\r\n to\r\n ; bh = @BH@ ; b\r\n =[ \r\n @B@\r\n\t]; x_y=1 ; ",
	DKIM_PASS, ""},
    /* b= in other places, and tags that look like it */
    {"DKIM-Signature: b=[@B@]; v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@",
	DKIM_PASS, ""},
    {TAGS("h=from:to; xb=b=c; B=d; b1=; bb=b"), DKIM_PASS, ""},
    {TAGS("h=from:to") ";", DKIM_PASS, ""},
    {TAGS("h=from:to") "; \t", DKIM_PASS, ""},
    /* canonicalization */
    {TAGS("h=from:to; c=simple/simple"), DKIM_PASS, ""},
    {TAGS("h=from:to; c=simple/relaxed"), DKIM_PASS, ""},
    {TAGS("h=from:to; c=relaxed/simple"), DKIM_PASS, ""},
    {TAGS("h=from:to; c=relaxed/relaxed"), DKIM_PASS, ""},
    {TAGS("h=from:to; c=relaxed"), DKIM_PASS, ""},
    {TAGS("h=from:to; c=simple"), DKIM_PASS, ""},
    {TAGS("h=from:to; c=nofws"), DKIM_PERMERROR, "c="},
    {TAGS("h=from:to; c=relaxed/"), DKIM_PERMERROR, "c="},
    {TAGS("h=from:to; c=/relaxed"), DKIM_PERMERROR, "c="},
    {TAGS("h=from:to; c=relaxed/relaxed/relaxed"), DKIM_PERMERROR, "c="},
    {TAGS("h=from:to; c="), DKIM_PERMERROR, "c="},
    /* v= */
    {"DKIM-Signature: a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "v= is missing"},
    {"DKIM-Signature: v=2; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "v= is not 1"},
    {"DKIM-Signature: v=0.5; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "v= is not 1"},
    {"DKIM-Signature: v=01; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "v= is not 1"},
    {"DKIM-Signature: v=; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "v= is empty"},
    /* a= */
    {"DKIM-Signature: v=1; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]", DKIM_PERMERROR,
	"a= is missing"},
    {"DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "RFC 8301"},
    {"DKIM-Signature: v=1; a=rsa-sha512; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "a= is no algorithm"},
    {"DKIM-Signature: v=1; a=rsa; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "a= is no algorithm"},
    /* Values are case-sensitive (RFC 6376 3.2). */
    {"DKIM-Signature: v=1; a=RSA-SHA256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "a= is no algorithm"},
    {TAGS("h=from; c=Relaxed/simple"), DKIM_PERMERROR, "c= is no canonicalization"},
    {TAGS("h=from; c=relaxed/Simple"), DKIM_PERMERROR, "c= is no canonicalization"},
    {TAGS("h=From; c=relaxed/simple"), DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, "256 bits"},
    {"DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "another type"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=ed; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "another type"},
    /* d=, s=, i= */
    {"DKIM-Signature: v=1; a=rsa-sha256; s=sel; h=from:to; bh=@BH@; b=[@B@]", DKIM_PERMERROR,
	"d= is missing"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=; s=sel; h=from:to; bh=@BH@; b=[@B@]", DKIM_PERMERROR,
	"d= is empty"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=EXAMPLE.com; s=SEL; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com.; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "d= is no domain"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=exam ple.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "d= is no domain"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=.example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "d= is no domain"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=a@example.com; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "d= is no domain"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "s= is missing"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "s= is empty"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=../x; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "s= is no selector"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=a.b; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=b\xc3\xbc"
     "cher.example; s=sel; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, "sel._domainkey.xn--bcher-kva.example"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=xn--bcher-kva.example; i=x@b\xc3\xbc"
     "cher.example; s=sel;"
     " h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=b\xc3\xbc"
     "cher; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {TAGS("h=from:to; i=@example.com"), DKIM_PASS, ""},
    {TAGS("h=from:to; i=joe@EXAMPLE.com"), DKIM_PASS, ""},
    {TAGS("h=from:to; i=joe@a.b.example.com"), DKIM_PASS, ""},
    {TAGS("h=from:to; i=j=6Fe=40home@example.com"), DKIM_PASS, ""},
    {TAGS("h=from:to; i=joe@\r\n example.com"), DKIM_PASS, ""},
    {TAGS("h=from:to; i=joe@example.net"), DKIM_PERMERROR, "i= is not in"},
    {TAGS("h=from:to; i=joe@notexample.com"), DKIM_PERMERROR, "i= is not in"},
    {TAGS("h=from:to; i=joe@com"), DKIM_PERMERROR, "i= is not in"},
    {TAGS("h=from:to; i=example.com"), DKIM_PERMERROR, "i= has no domain"},
    {TAGS("h=from:to; i=joe@"), DKIM_PERMERROR, "i= has no domain"},
    {TAGS("h=from:to; i="), DKIM_PERMERROR, "i= has no domain"},
    {TAGS("h=from:to; i=joe@example.com@example.net"), DKIM_PERMERROR, "i= is not in"},
    {TAGS("h=from:to; i=joe=@example.com"), DKIM_PERMERROR, "broken escape"},
    {TAGS("h=from:to; i=joe=4"), DKIM_PERMERROR, "broken escape"},
    {TAGS("h=from:to; i=joe=00@example.com"), DKIM_PERMERROR, "i= has no domain"},
    /* h= */
    {TAGS("x=9999999999"), DKIM_PERMERROR, "h= is missing"},
    {TAGS("h="), DKIM_PERMERROR, "h= is empty"},
    {TAGS("h=to:subject"), DKIM_PERMERROR, "From is not signed"},
    {TAGS("h=to:from-x"), DKIM_PERMERROR, "From is not signed"},
    {TAGS("h=FROM:TO"), DKIM_PASS, ""},
    {TAGS("h=from::to"), DKIM_PERMERROR, "h= is no list"},
    {TAGS("h=from:to:"), DKIM_PERMERROR, "h= is no list"},
    {TAGS("h=:from:to"), DKIM_PERMERROR, "h= is no list"},
    {TAGS("h=from to"), DKIM_PERMERROR, "h= is no list"},
    {TAGS("h=from,to"), DKIM_PERMERROR, "From is not signed"},
    {TAGS("h=from:to:absent:from:to:cc"), DKIM_PASS, ""},
    {TAGS("h=Subject:From:Subject"), DKIM_PASS, ""},
    {TAGS("h=Subject:From; c=relaxed"), DKIM_PASS, ""},
    /* bh= and b= */
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; b=[@B@]", DKIM_PERMERROR,
	"bh= is missing"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=; b=[@B@]",
	DKIM_PERMERROR, "bh= is empty"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=!@BH@; b=[@B@]",
	DKIM_PERMERROR, "bh= is not"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=abcd; b=[@B@]",
	DKIM_PERMERROR, "bh= is not"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to;"
     " bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=[@B@]",
	DKIM_FAIL, "the body is not"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@", DKIM_PERMERROR,
	"b= is missing"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=",
	DKIM_PERMERROR, "b= is empty"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=[*@B@]",
	DKIM_PERMERROR, "b= is not base64"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from:to; bh=@BH@; b=AAAA",
	DKIM_FAIL, "over this header"},
    {"DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; h=from:to; bh=@BH@; b=AAAA",
	DKIM_FAIL, "over this header"},
    /* the list as a whole */
    {TAGS("h=from:to; d=example.com"), DKIM_PERMERROR, "twice"},
    {TAGS("h=from:to; z=a; z=b"), DKIM_PERMERROR, "twice"},
    {TAGS("h=from:to;; c=simple"), DKIM_PERMERROR, "not a list"},
    {TAGS("h=from:to; nonsense"), DKIM_PERMERROR, "not a list"},
    {TAGS("h=from:to; unknown=1; z=From:joe=40x|To:y"), DKIM_PASS, ""},
    {"DKIM-Signature:", DKIM_PERMERROR, "not a list"},
    {"DKIM-Signature: from here", DKIM_PERMERROR, "not a list"},
    /* q= */
    {TAGS("h=from:to; q=dns/txt"), DKIM_PASS, ""},
    {TAGS("h=from:to; q=DNS/TXT"), DKIM_PASS, ""},
    {TAGS("h=from:to; q=x/y : dns/txt"), DKIM_PASS, ""},
    {TAGS("h=from:to; q=dns/other"), DKIM_PERMERROR, "q="},
    {TAGS("h=from:to; q=http"), DKIM_PERMERROR, "q="},
    {TAGS("h=from:to; q="), DKIM_PERMERROR, "q="},
    /* times; now is 1700000000 */
    {TAGS("h=from:to; t=1690000000"), DKIM_PASS, ""},
    {TAGS("h=from:to; t=0"), DKIM_PASS, ""},
    {TAGS("h=from:to; t=1700000100"), DKIM_PASS, ""},
    {TAGS("h=from:to; t=1800000000"), DKIM_PERMERROR, "future"},
    {TAGS("h=from:to; t=99999999999999999999999"), DKIM_PERMERROR, "future"},
    {TAGS("h=from:to; t=soon"), DKIM_PERMERROR, "t= is no time"},
    {TAGS("h=from:to; t=-1"), DKIM_PERMERROR, "t= is no time"},
    {TAGS("h=from:to; t="), DKIM_PERMERROR, "t= is no time"},
    {TAGS("h=from:to; x=1800000000"), DKIM_PASS, ""},
    {TAGS("h=from:to; x=1700000000"), DKIM_PASS, ""},
    {TAGS("h=from:to; x=1699999999"), DKIM_PERMERROR, "expired"},
    {TAGS("h=from:to; x=99999999999999999999999"), DKIM_PASS, ""},
    {TAGS("h=from:to; x=never"), DKIM_PERMERROR, "x= is no time"},
    {TAGS("h=from:to; t=1690000000; x=1690000000"), DKIM_PERMERROR, "x= is not after"},
    {TAGS("h=from:to; t=1690000001; x=1690000000"), DKIM_PERMERROR, "x= is not after"},
    /* keys */
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=bare; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=small; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_POLICY, "the key has 768 bits"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=other; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_FAIL, "over this header"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=two; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=mixed; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=mixed; h=from:to; bh=@BH@; b=AAAA",
	DKIM_FAIL, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=y; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, "testing"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=strict; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=strict; h=from:to; bh=@BH@; b=[@B@];"
     " i=x@Example.com",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=strict; h=from:to; bh=@BH@; b=[@B@];"
     " i=x@sub.example.com",
	DKIM_PERMERROR, "t=s"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=both; h=from:to; bh=@BH@; b=[@B@];"
     " i=x@sub.example.com",
	DKIM_PERMERROR, "t=s"},
    /* DNS */
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=alias; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PASS, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=loop; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_TEMPERROR, ""},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=dead; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "no key"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=absent; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "no key: absent._domainkey.example.com does not exist"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=nodata; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_PERMERROR, "no key: nodata._domainkey.example.com has no TXT"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=servfail; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_TEMPERROR, "failed"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=bogus; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_TEMPERROR, "bogus"},
    {"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=late; h=from:to; bh=@BH@; b=[@B@]",
	DKIM_TEMPERROR, "in time"},
};

static void every_tag(void **state)
{
	struct resolver *r = open_keys();

	(void)state;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		check_one(r, &signatures[i], HEADER, "hello\r\n");
	resolver_close(&r);
}

/* Whose it is, is told of what can't be read too. */
static void broken_fields(void **state)
{
	static const struct {
		const char *value, *domain, *selector, *algorithm;
	} cases[] = {
	    {" v=1; v=1; d=Example.com ; s = S1; a=rsa-sha256", "example.com", "S1", "rsa-sha256"},
	    {"d=a b.com;;s=x", "ab.com", "x", ""},
	    {" bd=x; d =y; d=z", "y", "", ""},
	    {"", "", "", ""},
	    {"d", "", "", ""},
	    {"d;d=", "", "", ""},
	    {"d=\xff;s==", "\xff", "=", ""},
	};
	struct resolver *r = open_rfc_zone();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 5);
		struct dkim_check *d = dkim_check_open(r, &b, NULL, NOW);
		struct dkim_outcome out;
		struct arena a = {0};

		dkim_check_header(d, "DKIM-Signature", 14, cases[i].value, strlen(cases[i].value));
		assert_false(dkim_check_end_of_header(d));
		dkim_check_finish(d, &a, &out);
		assert_int_equal(out.count, 1);
		assert_int_equal(out.result, DKIM_PERMERROR);
		assert_string_equal(out.signatures[0].domain, cases[i].domain);
		assert_string_equal(out.signatures[0].selector, cases[i].selector);
		assert_string_equal(out.signatures[0].algorithm, cases[i].algorithm);
		dkim_check_free(&d);
		arena_free(&a);
	}
	resolver_close(&r);
}

static const struct {
	struct one one;
	const char *header;
} headers[] = {
    {{SIGN, DKIM_PASS, ""}, "From: a@example.com\r\nTo:\r\n"},
    {{SIGN, DKIM_PASS, ""}, "from:a@example.com\r\nTO : x \r\n"},
    {{SIGN, DKIM_PASS, ""}, "From: a@example.com\r\n"},
    {{SIGN, DKIM_PERMERROR, "no From"}, "To: a@example.com\r\n"},
    {{SIGN, DKIM_POLICY, "2 From fields, and only 1"},
	"From: a@example.com\r\nTo: x\r\nfrom : b@example.com\r\n"},
    {{TAGS("h=from:from"), DKIM_PASS, ""},
	"From: a@example.com\r\nTo: x\r\nFrom: b@example.com\r\n"},
    {{TAGS("h=from:to:to:to"), DKIM_PASS, ""}, "From: a@example.com\r\nTo: x\r\nTo: y\r\n"},
    {{TAGS("h=from:to:to; c=relaxed"), DKIM_PASS, ""},
	"To: 1\r\nFrom: a@example.com\r\nTo: 2\r\nTo:  3\r\n"},
    {{TAGS("h=from:x; c=relaxed"), DKIM_PASS, ""}, "From: a@example.com\r\nX: a\v\fb\r\r\n"},
    {{TAGS("h=from:x; c=relaxed"), DKIM_PASS, ""},
	"From: \xc3\xa4@example.com\r\nX: \xff\xfe\r\n \t\r\n"},
    {{TAGS("h=from:x"), DKIM_PASS, ""}, "From: a@example.com\r\nX: \x01\x02\x7f\r\n"},
    /* a signature under another */
    {{TAGS("h=from:dkim-signature"), DKIM_PASS, ""}, "From: a@example.com\r\n"},
};

static void many_headers(void **state)
{
	struct resolver *r = open_keys();

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		check_one(r, &headers[i].one, headers[i].header, "hello\r\n");
	resolver_close(&r);
}

static void every_body(void **state)
{
	static const char *const bodies[] = {"", "\r\n", "\r\n\r\n", "a", "a\r\n", "a\r\n\r\n\r\n",
	    " \t \r\n", "a \t b \r\n\r\n c\r\n\r\n", "a\r\nb", "\r\n\r\na", "a\rb\r\n",
	    "\xff\x01\r\n", "a\r\n.\r\n..\r\n"};
	static const char *const templates[] = {TAGS("h=from; c=simple/simple"),
	    TAGS("h=from; c=simple/relaxed"), TAGS("h=from; c=relaxed/simple"),
	    TAGS("h=from; c=relaxed/relaxed")};
	struct resolver *r = open_keys();

	(void)state;
	for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++)
		for (size_t t = 0; t < sizeof(templates) / sizeof(templates[0]); t++)
			check_one(r, &(struct one){templates[t], DKIM_PASS, ""}, HEADER, bodies[b]);
	resolver_close(&r);
}

/* What happens to a message after it was signed. */
static void changed_messages(void **state)
{
	static const struct {
		const char *c;               /* c= */
		const char *header, *body;   /* that are signed */
		const char *header2, *body2; /* that come in */
		enum dkim_result want;
	} cases[] = {
	    {"simple/simple", HEADER, "a b\r\n", HEADER, "a b\r\n\r\n\r\n", DKIM_PASS},
	    {"simple/simple", HEADER, "a b\r\n", HEADER, "a  b\r\n", DKIM_FAIL},
	    {"simple/simple", HEADER, "a b\r\n", HEADER, "a b \r\n", DKIM_FAIL},
	    {"simple/simple", HEADER, "a b\r\n", HEADER, "", DKIM_FAIL},
	    {"simple/simple", HEADER, "", HEADER, "\r\n", DKIM_PASS},
	    {"simple/simple", HEADER, "a\r\n", HEADER, "a", DKIM_PASS},
	    {"simple/relaxed", HEADER, "a b\r\n", HEADER, "a \t b\t\r\n \r\n", DKIM_PASS},
	    {"simple/relaxed", HEADER, "a b\r\n", HEADER, " a b\r\n", DKIM_FAIL},
	    {"simple/relaxed", HEADER, "", HEADER, " \r\n\t\r\n", DKIM_PASS},
	    {"simple/simple", HEADER, "", "X: 1\r\n" HEADER "Y: 2\r\n", "", DKIM_PASS},
	    {"simple/simple", "From: a\r\nTo: b\r\n", "", "From: a\r\nTo:  b\r\n", "", DKIM_FAIL},
	    {"simple/simple", "From: a\r\nTo: b\r\n", "", "From: a\r\nTo: b \r\n", "", DKIM_FAIL},
	    {"simple/simple", "From: a\r\nTo: b\r\n", "", "from: a\r\nTo: b\r\n", "", DKIM_FAIL},
	    {"simple/simple", "From: a\r\nTo: b\r\n", "", "To: b\r\nFrom: a\r\n", "", DKIM_PASS},
	    {"relaxed/simple", "From: a b\r\nTo: c\r\n", "", "FROM :a \r\n\tb\r\nto:c\t\r\n", "",
		DKIM_PASS},
	    {"relaxed/simple", "From: a b\r\nTo: c\r\n", "", "From: ab\r\nTo: c\r\n", "",
		DKIM_FAIL},
	    {"relaxed/simple", "From: a\r\nTo: b\r\n", "", "From: a\r\nTo: x\r\nTo: b\r\n", "",
		DKIM_PASS},
	    {"relaxed/simple", "From: a\r\nTo: b\r\n", "", "From: a\r\nTo: b\r\nTo: x\r\n", "",
		DKIM_FAIL},
	    {"relaxed/simple", "From: a\r\nTo: b\r\n", "", "From: a\r\n", "", DKIM_FAIL},
	    {"relaxed/simple", "From: a\r\n", "", "From: a\r\nTo: b\r\n", "", DKIM_FAIL},
	    {"relaxed/simple", "From: a\r\n", "", "From: evil\r\nFrom: a\r\n", "", DKIM_POLICY},
	};
	struct resolver *r = open_keys();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signer s = {.key = rsa, .h = "from:to"};
		struct strbuf message = {0}, template = {0};
		struct dkim_outcome out;
		struct arena a = {0};

		strbuf_printf(&template, TAGS("h=from:to; c=%s"), cases[i].c);
		read_c(&s, template.data);
		signer_field_for(&message, &s, template.data, cases[i].header, cases[i].body,
		    strlen(cases[i].body));
		strbuf_puts(&message, cases[i].header2);
		check(
		    r, message.data, message.len, cases[i].body2, strlen(cases[i].body2), &a, &out);
		if (out.result != cases[i].want)
			fail_msg("case %zu, %s: got %s (%s), want %s", i, cases[i].c,
			    dkim_result_name(out.result), out.signatures[0].reason,
			    dkim_result_name(cases[i].want));
		arena_free(&a);
		strbuf_free(&message);
		strbuf_free(&template);
	}
	resolver_close(&r);
}

static void signed_lengths(void **state)
{
	static const struct {
		const char *l, *body, *later;
		enum dkim_result want;
		bool usable;
	} cases[] = {
	    {"7", "hello\r\n", "hello\r\n", DKIM_PASS, true},
	    {"7", "hello\r\n", "hello\r\n\r\n", DKIM_PASS, true},
	    {"7", "hello\r\n", "hello\r\nmore\r\n", DKIM_PASS, false},
	    {"5", "hello\r\n", "hello\r\n", DKIM_PASS, false},
	    {"0", "hello\r\n", "anything\r\n", DKIM_PASS, false},
	    {"8", "hello\r\n", "hello\r\n", DKIM_PERMERROR, false},
	    {"7", "hello\r\n", "hullo\r\nmore\r\n", DKIM_FAIL, false},
	    {"99999999999999999999999999", "hello\r\n", "hello\r\n", DKIM_PERMERROR, false},
	    {"-7", "hello\r\n", "hello\r\n", DKIM_PERMERROR, false},
	    {"7x", "hello\r\n", "hello\r\n", DKIM_PERMERROR, false},
	    {"", "hello\r\n", "hello\r\n", DKIM_PERMERROR, false},
	};
	struct resolver *r = open_keys();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signer s = {
		    .key = rsa, .h = "from", .length = strtoul(cases[i].l, NULL, 10)};
		struct strbuf message = {0}, template = {0};
		const char *body = strcmp(cases[i].l, "0") == 0 ? "" : cases[i].body;
		struct dkim_outcome out;
		struct arena a = {0};

		/* Of l=0, what is hashed is nothing: an empty relaxed body. */
		s.relaxed_body = body[0] == '\0';
		strbuf_printf(&template, TAGS("h=from; c=simple/%s; l=%s"),
		    s.relaxed_body ? "relaxed" : "simple", cases[i].l);
		signer_field_for(&message, &s, template.data, HEADER, body, strlen(body));
		strbuf_puts(&message, HEADER);
		check(
		    r, message.data, message.len, cases[i].later, strlen(cases[i].later), &a, &out);
		if (out.result != cases[i].want || out.signatures[0].usable != cases[i].usable)
			fail_msg("l=%s: got %s (%s), usable %d", cases[i].l,
			    dkim_result_name(out.result), out.signatures[0].reason,
			    out.signatures[0].usable);
		arena_free(&a);
		strbuf_free(&message);
		strbuf_free(&template);
	}
	resolver_close(&r);
}

/* --- key records --------------------------------------------------------------------------- */

static void key_records(void **state)
{
	static const struct {
		const char *record;
		enum dkim_result want;
		const char *reason;
	} cases[] = {
	    {"p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1;p=@RSA@;", DKIM_PASS, ""},
	    {" v = DKIM1 ; k = rsa ; p = @RSA@ ; ", DKIM_PASS, ""},
	    {"v=DKIM1; h=sha256; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; h=sha1 : sha256 : sha3; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; h=sha1; p=@RSA@", DKIM_PERMERROR, "h="},
	    {"v=DKIM1; h=; p=@RSA@", DKIM_PERMERROR, "h="},
	    {"v=DKIM1; s=email; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; s=*; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; s=tlsrpt : email; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; s=tlsrpt; p=@RSA@", DKIM_PERMERROR, "not for mail"},
	    {"v=DKIM1; k=RSA; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; k=dsa; p=@RSA@", DKIM_PERMERROR, "another type"},
	    {"v=DKIM1; k=ed25519; p=@ED@", DKIM_PERMERROR, "another type"},
	    {"v=DKIM1; k=rsa; p=@ED@", DKIM_PERMERROR, "no key of its type"},
	    {"v=DKIM1; g=nobody; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; g=; n=any note; x=y; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; t=y:s:unknown; p=@RSA@", DKIM_PASS, "testing"},
	    {"v=DKIM1; t=; p=@RSA@", DKIM_PASS, ""},
	    {"v=DKIM1; p=", DKIM_PERMERROR, "revoked"},
	    {"v=DKIM1; p= ;", DKIM_PERMERROR, "revoked"},
	    {"v=DKIM1; k=rsa", DKIM_PERMERROR, "no p="},
	    {"", DKIM_PERMERROR, "no list"},
	    {"v=DKIM2; p=@RSA@", DKIM_PERMERROR, "DKIM1"},
	    {"v=dkim1; p=@RSA@", DKIM_PERMERROR, "DKIM1"},
	    {"v=; p=@RSA@", DKIM_PERMERROR, "DKIM1"},
	    {"p=@RSA@; v=DKIM1", DKIM_PERMERROR, "DKIM1"},
	    {"v=DKIM1; p=@RSA@; p=@RSA@", DKIM_PERMERROR, "twice"},
	    {"v=DKIM1; p=%%%%", DKIM_PERMERROR, "base64"},
	    {"v=DKIM1; p=AAAA", DKIM_PERMERROR, "no key of its type"},
	    {"v=DKIM1; p=@RSA@AAAA", DKIM_PERMERROR, ""},
	    {"some text", DKIM_PERMERROR, "no list"},
	    {"v=DKIM1 p=@RSA@", DKIM_PERMERROR, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf zone = {0};
		struct resolver *r;

		put_key(&zone, "sel._domainkey.example.com", cases[i].record);
		r = open_zone(&zone);
		checked_record = cases[i].record;
		check_one(
		    r, &(struct one){SIGN, cases[i].want, cases[i].reason}, HEADER, "hello\r\n");
		resolver_close(&r);
	}
	checked_record = "";
}

/* --- many signatures ----------------------------------------------------------------------- */

static void sign(struct strbuf *out, EVP_PKEY *key, const char *template, const char *h,
    const char *header, const char *body)
{
	struct signer s = {.key = key, .h = h};

	read_c(&s, template);
	signer_field_for(out, &s, template, header, body, strlen(body));
}

static void at_most_ten(void **state)
{
	struct resolver *r = open_keys();
	unsigned before = fixed_asked(r);
	struct strbuf message = {0};
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	/* What can't be evaluated does not count. */
	for (int i = 0; i < 300; i++)
		strbuf_puts(&message, "DKIM-Signature: v=2; broken\r\n");
	for (int i = 0; i < 200; i++)
		sign(&message, rsa,
		    i % 2 == 0
			? "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=absent; h=from;"
			  " bh=@BH@; b=[@B@]"
			: TAGS("h=from"),
		    "from", HEADER, "hello\r\n");
	strbuf_puts(&message, HEADER);
	check(r, message.data, message.len, "hello\r\n", 7, &a, &out);
	assert_int_equal(out.count, 500);
	assert_int_equal(out.result, DKIM_PASS);
	assert_int_equal(out.signatures[0].result, DKIM_PERMERROR);
	assert_int_equal(out.signatures[300].result, DKIM_PERMERROR);
	assert_int_equal(out.signatures[301].result, DKIM_PASS);
	assert_int_equal(out.signatures[309].result, DKIM_PASS);
	assert_int_equal(out.signatures[310].result, DKIM_NEUTRAL);
	assert_non_null(strstr(out.signatures[499].reason, "10 signatures"));
	/* One name is asked for once each time, and there were two. */
	assert_int_equal(fixed_asked(r) - before, 2 * 2);
	arena_free(&a);
	strbuf_free(&message);
	resolver_close(&r);
}

static void limits_as_configured(void **state)
{
	static const struct dkim_limits limits = {.signatures = 1, .key_bits = 4096};
	struct resolver *r = open_keys();
	struct strbuf message = {0};
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	sign(&message, rsa, TAGS("h=from"), "from", HEADER, "");
	sign(&message, ed25519,
	    "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; h=from; bh=@BH@; b=[@B@]",
	    "from", HEADER, "");
	strbuf_puts(&message, HEADER);
	check_with(r, &limits, message.data, message.len, "", 0, &a, &out);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.signatures[0].result, DKIM_POLICY);
	assert_string_equal(
	    out.signatures[0].reason, "the key has 2048 bits; at least 4096 are asked for");
	assert_int_equal(out.signatures[1].result, DKIM_NEUTRAL);
	/* A key of another type has other lengths. */
	check_with(
	    r, &(struct dkim_limits){.key_bits = 4096}, message.data, message.len, "", 0, &a, &out);
	assert_int_equal(out.signatures[0].result, DKIM_POLICY);
	assert_int_equal(out.signatures[1].result, DKIM_PASS);
	arena_free(&a);
	strbuf_free(&message);
	resolver_close(&r);
}

/* A signature may cover others, but never itself. */
static void signatures_over_signatures(void **state)
{
	struct resolver *r = open_keys();
	struct strbuf inner = {0}, message = {0}, header = {0};
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	sign(&inner, ed25519,
	    "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; h=from; bh=@BH@; b=[@B@]",
	    "from", HEADER, "");
	strbuf_printf(&header, "%s%s", inner.data, HEADER);
	sign(&message, rsa, TAGS("h=from:dkim-signature:dkim-signature"),
	    "from:dkim-signature:dkim-signature", header.data, "");
	strbuf_add(&message, header.data, header.len);
	check(r, message.data, message.len, "", 0, &a, &out);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.signatures[0].result, DKIM_PASS);
	assert_int_equal(out.signatures[1].result, DKIM_PASS);
	/* One more breaks it, however broken that is. */
	strbuf_puts(&message, "DKIM-Signature: nothing\r\n");
	check(r, message.data, message.len, "", 0, &a, &out);
	assert_int_equal(out.signatures[0].result, DKIM_FAIL);
	assert_int_equal(out.signatures[1].result, DKIM_PASS);
	arena_free(&a);
	strbuf_free(&inner);
	strbuf_free(&message);
	strbuf_free(&header);
	resolver_close(&r);
}

/* --- the calls ----------------------------------------------------------------------------- */

static void without_signature(void **state)
{
	struct resolver *r = open_keys();
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 50);
	struct dkim_limits limits = {.fields = 3};
	struct dkim_check *d = dkim_check_open(r, &b, NULL, NOW);
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	dkim_check_header(d, "From", 4, " x", 2);
	assert_false(dkim_check_end_of_header(d));
	dkim_check_body(d, "x", 1);
	dkim_check_finish(d, &a, &out);
	assert_int_equal(out.result, DKIM_NONE);
	assert_int_equal(out.count, 0);
	dkim_check_free(&d);

	/* None that can pass: the body is not wanted either. */
	d = dkim_check_open(r, &b, NULL, NOW);
	dkim_check_header(d, "From", 4, " x", 2);
	dkim_check_header(d, "DKIM-Signature", 14, " v=1", 4);
	assert_false(dkim_check_end_of_header(d));
	dkim_check_finish(d, &a, &out);
	assert_int_equal(out.result, DKIM_PERMERROR);
	dkim_check_free(&d);

	/* Larger than what is looked at. */
	d = dkim_check_open(r, &b, &limits, NOW);
	for (int i = 0; i < 4; i++)
		dkim_check_header(d, "X", 1, " x", 2);
	assert_false(dkim_check_end_of_header(d));
	dkim_check_finish(d, &a, &out);
	assert_int_equal(out.result, DKIM_NONE);
	dkim_check_free(&d);
	d = dkim_check_open(r, &b, &limits, NOW);
	for (int i = 0; i < 4; i++)
		dkim_check_header(d, "DKIM-Signature", 14, " x", 2);
	assert_false(dkim_check_end_of_header(d));
	dkim_check_finish(d, &a, &out);
	assert_int_equal(out.result, DKIM_POLICY);
	dkim_check_free(&d);

	/* Given up on the way, and never begun. */
	d = dkim_check_open(r, &b, NULL, NOW);
	feed_header(d, rfc8463, sizeof(rfc8463) - 1);
	assert_true(dkim_check_end_of_header(d));
	dkim_check_free(&d);
	dkim_check_free(&d);
	dkim_check_header(NULL, "X", 1, "", 0);
	assert_false(dkim_check_end_of_header(NULL));
	dkim_check_body(NULL, "", 0);
	dkim_check_finish(NULL, &a, &out);
	assert_int_equal(out.result, DKIM_TEMPERROR);
	arena_free(&a);
	resolver_close(&r);
}

static void budgets(void **state)
{
	struct resolver *r = open_rfc_zone();
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 1);
	struct dkim_check *d = dkim_check_open(r, &b, NULL, NOW);
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	feed_header(d, rfc8463, sizeof(rfc8463) - 1);
	assert_true(dkim_check_end_of_header(d));
	dkim_check_body(d, rfc_body, sizeof(rfc_body) - 1);
	dkim_check_finish(d, &a, &out);
	assert_int_equal(out.signatures[0].result, DKIM_PASS);
	assert_int_equal(out.signatures[1].result, DKIM_TEMPERROR);
	dkim_check_free(&d);
	arena_free(&a);
	resolver_close(&r);
}

/* The memory of the process may grow by far less than the body has bytes. */
static void a_large_body(void **state)
{
	enum { CHUNK = 65536, CHUNKS = 800, GROWTH_KB = 8192 };
	static char chunk[CHUNK];
	struct resolver *r = open_keys();
	struct dns_budget b = dns_budget_make(60 * USEC_PER_SEC, USEC_PER_SEC, 5);
	struct dkim_check *d = dkim_check_open(r, &b, NULL, NOW);
	struct strbuf message = {0};
	struct rusage before, after;
	struct dkim_outcome out;
	struct arena a = {0};

	(void)state;
	sign(&message, rsa, TAGS("h=from; c=relaxed/relaxed"), "from", HEADER, "another\r\n");
	sign(&message, rsa, TAGS("h=from; c=simple/simple"), "from", HEADER, "another\r\n");
	strbuf_puts(&message, HEADER);
	feed_header(d, message.data, message.len);
	assert_true(dkim_check_end_of_header(d));
	/* One line without an end, a line of blanks, and 13 million line ends. */
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < CHUNKS; i++) {
		if (i % (CHUNKS / 4) == 0)
			for (int n = 0; n < CHUNK; n++)
				chunk[n] = i < CHUNKS / 4       ? 'x'
				           : i < CHUNKS / 2     ? " \t"[n % 2]
				           : i < 3 * CHUNKS / 4 ? "\r\n"[n % 2]
				                                : (char)(n % 77 == 0 ? '\n' : 'y');
		dkim_check_body(d, chunk, CHUNK);
	}
	getrusage(RUSAGE_SELF, &after);
	dkim_check_finish(d, &a, &out);
	assert_int_equal(out.result, DKIM_FAIL);
	if (after.ru_maxrss - before.ru_maxrss > GROWTH_KB)
		fail_msg("%ld KB more for %d KB", after.ru_maxrss - before.ru_maxrss,
		    CHUNK / 1024 * CHUNKS);
	dkim_check_free(&d);
	arena_free(&a);
	strbuf_free(&message);
	resolver_close(&r);
}

/* Of this process: what others do meanwhile is not counted. */
static double cpu_seconds(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A header that is made to be slow to look through. */
static void a_large_header(void **state)
{
	struct resolver *r = open_keys();
	struct strbuf message = {0}, template = {0}, h = {0};
	struct dkim_outcome out;
	struct arena a = {0};
	double begin;

	(void)state;
	strbuf_puts(&h, "from");
	for (int i = 0; i < 10000; i++)
		strbuf_puts(&h, ":aa");
	strbuf_printf(&template, TAGS("h=%s"), h.data);
	for (int i = 0; i < 15; i++)
		sign(&message, rsa, template.data, "from:aa:aa:aa", HEADER "aa: b\r\n", "");
	strbuf_puts(&message, HEADER);
	for (int i = 0; i < 9000; i++)
		strbuf_puts(&message, "aa: b\r\n");
	begin = cpu_seconds();
	check(r, message.data, message.len, "", 0, &a, &out);
	assert_int_equal(out.count, 15);
	assert_int_equal(out.result, DKIM_FAIL);
	assert_true(cpu_seconds() - begin < 5);
	arena_free(&a);
	strbuf_free(&message);
	strbuf_free(&template);
	strbuf_free(&h);
	resolver_close(&r);
}

static void *check_often(void *arg)
{
	struct dkim_outcome out;
	struct arena a = {0};

	for (int i = 0; i < 100; i++) {
		check(arg, rfc8463, sizeof(rfc8463) - 1, rfc_body,
		    sizeof(rfc_body) - 1 - (size_t)(i % 2), &a, &out);
		if (out.result != (i % 2 == 0 ? DKIM_PASS : DKIM_FAIL) || out.count != 2)
			return arg;
		arena_reset(&a);
	}
	arena_free(&a);
	return NULL;
}

static void threads_check_at_once(void **state)
{
	struct resolver *r = open_rfc_zone();
	pthread_t threads[4];
	void *failed = NULL;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, check_often, r), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	resolver_close(&r);
}

static int make_keys(void **state)
{
	(void)state;
	rsa = signer_rsa(2048);
	other = signer_rsa(2048);
	small = signer_rsa(768);
	ed25519 = signer_ed25519();
	return rsa == NULL || other == NULL || small == NULL || ed25519 == NULL;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ed25519);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(samples_of_the_rfcs),
	    cmocka_unit_test(every_tag),
	    cmocka_unit_test(broken_fields),
	    cmocka_unit_test(many_headers),
	    cmocka_unit_test(every_body),
	    cmocka_unit_test(changed_messages),
	    cmocka_unit_test(signed_lengths),
	    cmocka_unit_test(key_records),
	    cmocka_unit_test(at_most_ten),
	    cmocka_unit_test(limits_as_configured),
	    cmocka_unit_test(signatures_over_signatures),
	    cmocka_unit_test(without_signature),
	    cmocka_unit_test(budgets),
	    cmocka_unit_test(a_large_body),
	    cmocka_unit_test(a_large_header),
	    cmocka_unit_test(threads_check_at_once),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
