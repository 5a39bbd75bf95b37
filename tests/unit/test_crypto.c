/* Hashes and signatures, and keys in every form that a record may have. */
#include "../lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "auth/crypto.h"

static const uint8_t hash[SHA256_SIZE] = {1, 2, 3};

/* A key in DER: `spki`, or bare. */
struct der {
	unsigned char *bytes;
	size_t len;
};

static struct der encode(EVP_PKEY *key, bool spki)
{
	struct der d = {.bytes = NULL};
	int len = spki ? i2d_PUBKEY(key, &d.bytes) : i2d_PublicKey(key, &d.bytes);

	assert_true(len > 0);
	d.len = (size_t)len;
	return d;
}

enum { BROKEN = 100 }; /* no key */

/* What a key record's reader makes of it: a verdict, or BROKEN. */
static int verify(enum sig_algorithm algorithm, const uint8_t *key, size_t key_len,
    const uint8_t *signature, size_t len, unsigned *bits)
{
	bool no_memory;
	struct sig_key *k = sig_key_read(algorithm, key, key_len, &no_memory);
	int verdict = k == NULL ? BROKEN : (int)sig_verify(k, hash, signature, len);

	assert_false(no_memory);
	*bits = k == NULL ? 0 : sig_key_bits(k);
	sig_key_free(&k);
	assert_null(k);
	return verdict;
}

static unsigned bits_of(enum sig_algorithm algorithm, const uint8_t *key, size_t len)
{
	unsigned bits;

	verify(algorithm, key, len, hash, sizeof(hash), &bits);
	return bits;
}

static EVP_PKEY *rsa_of(size_t bits, const char *exponent)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *e = NULL;

	assert_int_not_equal(BN_hex2bn(&e, exponent), 0);
	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(c, (int)bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, e), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &key), 1);
	EVP_PKEY_CTX_free(c);
	BN_free(e);
	return key;
}

static size_t sign_rsa(EVP_PKEY *key, const EVP_MD *md, uint8_t signature[1024])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	size_t len = 1024;

	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, md), 1);
	assert_int_equal(EVP_PKEY_sign(c, signature, &len, hash, (size_t)EVP_MD_get_size(md)), 1);
	EVP_PKEY_CTX_free(c);
	return len;
}

static void hashes(void **state)
{
	static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf};
	struct sha256 *s = sha256_new();
	uint8_t got[SHA256_SIZE];

	(void)state;
	sha256_add(s, "a", 1);
	sha256_add(s, NULL, 0);
	sha256_add(s, "bc", 2);
	assert_true(sha256_end(s, got));
	assert_memory_equal(got, abc, sizeof(abc));
	sha256_free(&s);
	sha256_free(&s);
	assert_int_equal(sig_algorithm_of("rsa-sha256", 10), SIG_RSA_SHA256);
	assert_int_equal(sig_algorithm_of("ed25519-sha256", 14), SIG_ED25519_SHA256);
	assert_int_equal(sig_algorithm_of("Rsa-SHA256", 10), SIG_UNKNOWN);
	assert_int_equal(sig_algorithm_of("rsa-sha1", 8), SIG_RSA_SHA1);
	assert_int_equal(sig_algorithm_of("rsa-sha25", 9), SIG_UNKNOWN);
}

static void verifies_rsa(void **state)
{
	EVP_PKEY *key = rsa_of(2048, "10001");
	uint8_t signature[1024], other[1024];
	size_t len = sign_rsa(key, EVP_sha256(), signature),
	       sha1 = sign_rsa(key, EVP_sha1(), other);
	unsigned bits;

	(void)state;
	for (int spki = 0; spki < 2; spki++) {
		struct der d = encode(key, spki == 1);
		uint8_t *longer = calloc(1, d.len + 1);

		assert_non_null(longer);
		assert_int_equal(
		    verify(SIG_RSA_SHA256, d.bytes, d.len, signature, len, &bits), SIG_VERIFIES);
		assert_int_equal(bits, 2048);
		assert_int_equal(bits_of(SIG_RSA_SHA256, d.bytes, d.len), 2048);
		signature[9] ^= 1;
		assert_int_equal(
		    verify(SIG_RSA_SHA256, d.bytes, d.len, signature, len, &bits), SIG_DOES_NOT);
		signature[9] ^= 1;
		/* of another length, of another hash, of none */
		assert_int_equal(verify(SIG_RSA_SHA256, d.bytes, d.len, signature, len - 1, &bits),
		    SIG_DOES_NOT);
		assert_int_equal(
		    verify(SIG_RSA_SHA256, d.bytes, d.len, other, sha1, &bits), SIG_DOES_NOT);
		assert_int_equal(verify(SIG_RSA_SHA1, d.bytes, d.len, other, sha1, &bits), BROKEN);
		/* cut anywhere, and followed by something */
		for (size_t n = 0; n < d.len; n++)
			assert_int_equal(bits_of(SIG_RSA_SHA256, d.bytes, n), 0);
		memcpy(longer, d.bytes, d.len);
		assert_int_equal(bits_of(SIG_RSA_SHA256, longer, d.len + 1), 0);
		/* with each byte changed: no harm */
		for (size_t n = 0; n < d.len; n++) {
			longer[n] ^= 0xff;
			verify(SIG_RSA_SHA256, longer, d.len, signature, len, &bits);
			longer[n] ^= 0xff;
		}
		free(longer);
		OPENSSL_free(d.bytes);
	}
	EVP_PKEY_free(key);
}

static void refuses_keys(void **state)
{
	static const struct {
		size_t bits;
		const char *exponent;
		int want;
	} cases[] = {
	    {512, "10001", SIG_VERIFIES},
	    {1023, "10001", SIG_VERIFIES},
	    {1024, "10001", SIG_VERIFIES},
	    {1024, "3", SIG_VERIFIES},
	    {1024, "8000000000000001", SIG_VERIFIES},
	    {1024, "10000000000000001", BROKEN},
	    {4096, "10001", SIG_VERIFIES},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EVP_PKEY *key = rsa_of(cases[i].bits, cases[i].exponent);
		struct der d = encode(key, i % 2 == 0);
		uint8_t signature[1024];
		size_t len = sign_rsa(key, EVP_sha256(), signature);
		unsigned bits;
		int got = verify(SIG_RSA_SHA256, d.bytes, d.len, signature, len, &bits);

		if (got != cases[i].want)
			fail_msg("%zu bits, exponent %s: got %d, want %d", cases[i].bits,
			    cases[i].exponent, got, cases[i].want);
		assert_int_equal(bits, got == BROKEN ? 0 : cases[i].bits);
		OPENSSL_free(d.bytes);
		EVP_PKEY_free(key);
	}
}

static void refuses_other_types(void **state)
{
	EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct der d = encode(keys[i], true);

		assert_int_equal(bits_of(SIG_RSA_SHA256, d.bytes, d.len), 0);
		assert_int_equal(bits_of(SIG_ED25519_SHA256, d.bytes, d.len), 0);
		OPENSSL_free(d.bytes);
		EVP_PKEY_free(keys[i]);
	}
}

static void verifies_ed25519(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t public[32], signature[64];
	size_t public_len = sizeof(public), len = sizeof(signature);
	unsigned bits;

	(void)state;
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &public_len), 1);
	assert_int_equal(EVP_DigestSignInit(c, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(c, signature, &len, hash, sizeof(hash)), 1);
	assert_int_equal(
	    verify(SIG_ED25519_SHA256, public, 32, signature, 64, &bits), SIG_VERIFIES);
	assert_int_equal(bits, 256);
	assert_int_equal(
	    verify(SIG_ED25519_SHA256, public, 32, signature, 63, &bits), SIG_DOES_NOT);
	assert_int_equal(verify(SIG_ED25519_SHA256, public, 31, signature, 64, &bits), BROKEN);
	signature[0] ^= 1;
	assert_int_equal(
	    verify(SIG_ED25519_SHA256, public, 32, signature, 64, &bits), SIG_DOES_NOT);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
}

/* --- memory ------------------------------------------------------------------------ */

static long left = -1; /* allocations of OpenSSL that succeed; -1: all */

static bool may_allocate(void)
{
	if (left > 0)
		left--;
	return left != 0;
}

static void *allocate(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return may_allocate() ? malloc(size) : NULL;
}

static void *reallocate(void *p, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return may_allocate() ? realloc(p, size) : NULL;
}

static void release(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

/* What could not be read for want of memory may be read later: it is no broken key. */
static void no_memory_is_no_broken_key(void **state)
{
	EVP_PKEY *keys[] = {rsa_of(1024, "10001"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	enum sig_algorithm algorithms[] = {SIG_RSA_SHA256, SIG_ED25519_SHA256};
	size_t raw_len = 32;
	uint8_t raw[32];

	(void)state;
	EVP_PKEY_get_raw_public_key(keys[1], raw, &raw_len);
	for (size_t i = 0; i < 2; i++) {
		struct der d = i == 0 ? encode(keys[i], true) : (struct der){raw, sizeof(raw)};
		struct sig_key *k = NULL;
		long n = 0;

		for (; k == NULL; n++) {
			bool no_memory;

			left = n + 1;
			k = sig_key_read(algorithms[i], d.bytes, d.len, &no_memory);
			left = -1;
			if (no_memory == (k != NULL))
				fail_msg("with %ld allocations: %s", n,
				    k == NULL ? "a broken key" : "a key");
		}
		assert_in_range(n, 2, 1000);
		sig_key_free(&k);
		if (i == 0)
			OPENSSL_free(d.bytes);
		EVP_PKEY_free(keys[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(verifies_rsa),
	    cmocka_unit_test(refuses_keys),
	    cmocka_unit_test(refuses_other_types),
	    cmocka_unit_test(verifies_ed25519),
	    cmocka_unit_test(no_memory_is_no_broken_key),
	};

	/* Before OpenSSL has allocated anything. */
	if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
