/* Whom a certificate is for. */
#include "../lib/unit.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/strbuf.h"
#include "base/tls.h"

#define IDN "\xc3\xbc.example"

static const struct {
	const char *common_name, *alternatives; /* as openssl.cnf has them; NULL: none */
	const char *host;
	bool names_host;
	const char *subject, *names;
} cases[] = {
    {"mx.example.com", NULL, "mx.example.com", true, "mx.example.com", "mx.example.com"},
    {"mx.example.com", NULL, "MX.Example.COM", true, "mx.example.com", "mx.example.com"},
    {"mx.example.com", NULL, "www.example.com", false, "mx.example.com", "mx.example.com"},
    /* Alternatives count alone, where there are some. */
    {"mx.example.com", "DNS:a.example", "mx.example.com", false, "mx.example.com", "a.example"},
    {"x", "DNS:a.example,DNS:mx.example.com", "mx.example.com", true, "x",
	"a.example, mx.example.com"},
    {NULL, "DNS:mx.example.com", "mx.example.com", true, "mx.example.com", "mx.example.com"},
    {NULL, "email:a@b.example", "mx.example.com", false, "", ""},
    {NULL, NULL, "mx.example.com", false, "", ""},
    /* A star is one whole label. */
    {"x", "DNS:*.example.com", "mx.example.com", true, "x", "*.example.com"},
    {"x", "DNS:*.example.com", "example.com", false, "x", "*.example.com"},
    {"x", "DNS:*.example.com", "a.b.example.com", false, "x", "*.example.com"},
    {"x", "DNS:m*.example.com", "mx.example.com", false, "x", "m*.example.com"},
    {"x", "DNS:*.com", "mx.example.com", false, "x", "*.com"},
    {"x", "DNS:*", "mx.example.com", false, "x", "*"},
    /* An address is none of the names, and no name is an address. */
    {"x", "IP:192.0.2.1,IP:2001:db8::1", "192.0.2.1", true, "x", "192.0.2.1, 2001:db8::1"},
    {"x", "IP:192.0.2.1,IP:2001:db8::1", "2001:db8::1", true, "x", "192.0.2.1, 2001:db8::1"},
    {"192.0.2.1", "DNS:192.0.2.1", "192.0.2.1", false, "192.0.2.1", "192.0.2.1"},
    {"192.0.2.1", NULL, "192.0.2.1", false, "192.0.2.1", "192.0.2.1"},
    {IDN, NULL, "x", false, IDN, IDN},
};

static X509 *make(const char *common_name, const char *alternatives, EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_EXTENSION *e;

	assert_non_null(x);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 60);
	X509_set_pubkey(x, key);
	if (common_name != NULL)
		X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
		    (const unsigned char *)common_name, -1, -1, 0);
	if (alternatives != NULL) {
		e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternatives);
		assert_non_null(e);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void read_back(X509 *x, const char *host, struct tls_peer *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	assert_true(len > 0);
	assert_true(tls_peer_read(der, (size_t)len, host, out));
	/* A part of it is none. */
	assert_false(
	    tls_peer_read(der, (size_t)len - 1, host, &(struct tls_peer){.names_host = true}));
	OPENSSL_free(der);
	X509_free(x);
}

static void names(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned failed = 0;
	struct tls_peer p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		read_back(
		    make(cases[i].common_name, cases[i].alternatives, key), cases[i].host, &p);
		if (p.names_host == cases[i].names_host && strcmp(p.names, cases[i].names) == 0 &&
		    strcmp(p.subject, cases[i].subject) == 0 &&
		    p.common_name_only ==
			(cases[i].common_name != NULL && cases[i].alternatives == NULL))
			continue;
		print_error("case %zu, %s: got %d \"%s\" \"%s\"\n", i, cases[i].host, p.names_host,
		    p.subject, p.names);
		failed++;
	}
	EVP_PKEY_free(key);
	assert_int_equal(failed, 0);
	assert_true(p.not_before < p.not_after);
}

/* More names than there is room for, and one that hides its end behind a NUL. */
static void odd_ones(void **state)
{
	static const unsigned char hidden[] = "mx.example.com\0.evil.example";
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct strbuf many = {0};
	struct tls_peer p;
	X509 *x;

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		strbuf_printf(&many, "%sDNS:host-%u.example.com", i == 0 ? "" : ",", i);
	read_back(make("x", strbuf_text(&many), key), "host-59.example.com", &p);
	assert_true(p.names_host);
	assert_true(strlen(p.names) > 200);
	assert_string_equal(p.names + strlen(p.names) - 5, ", ...");
	x = make(NULL, NULL, key);
	X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_ASC, hidden,
	    sizeof(hidden) - 1, -1, 0);
	X509_sign(x, key, EVP_sha256());
	read_back(x, "mx.example.com", &p);
	assert_false(p.names_host);
	assert_string_equal(p.subject, "");
	EVP_PKEY_free(key);
	strbuf_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(odd_ones),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
