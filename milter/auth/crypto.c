#include "auth/crypto.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { ED25519_KEY_SIZE = 32, ED25519_SIGNATURE_SIZE = 64, RSA_KEY_MAX = 16384 /* bytes */ };

/* A public exponent of more bits, which nobody has, makes a verification as slow as a signature. */
enum { RSA_EXPONENT_BITS_MAX = 64 };

struct sha256 {
	EVP_MD_CTX *context;
	bool failed;
};

struct sig_key {
	enum sig_algorithm algorithm;
	EVP_PKEY *pkey;
	unsigned bits;
};

/* --- hashes ----------------------------------------------------------------------- */

/*
 * Looking an algorithm up takes longer than hashing a header, and a lock: done once. NULL when
 * memory is exhausted, which OpenSSL does not survive where it has not begun: it is asked to first.
 */
static const EVP_MD *sha256_algorithm(void)
{
	static _Atomic(EVP_MD *) known;
	EVP_MD *none = NULL, *md = atomic_load(&known);

	if (md != NULL)
		return md;
	if (OPENSSL_init_crypto(0, NULL) == 1 && OSSL_LIB_CTX_get0_global_default() != NULL)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (md == NULL || atomic_compare_exchange_strong(&known, &none, md))
		return md;
	/* Another thread was faster. */
	EVP_MD_free(md);
	return none;
}

struct sha256 *sha256_new(void)
{
	const EVP_MD *algorithm = sha256_algorithm();
	struct sha256 *s = algorithm == NULL ? NULL : calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->context = EVP_MD_CTX_new();
	if (s->context == NULL || EVP_DigestInit_ex2(s->context, algorithm, NULL) != 1)
		sha256_free(&s);
	return s;
}

struct sha256 *sha256_copy(const struct sha256 *s)
{
	struct sha256 *copy = sha256_new();

	if (copy == NULL)
		return NULL;
	copy->failed = s->failed;
	/* A context that was copied by half must not be used. */
	if (EVP_MD_CTX_copy_ex(copy->context, s->context) != 1)
		sha256_free(&copy);
	return copy;
}

void sha256_free(struct sha256 **s)
{
	if (*s == NULL)
		return;
	EVP_MD_CTX_free((*s)->context);
	free(*s);
	*s = NULL;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t len)
{
	if (len > 0 && EVP_DigestUpdate(s->context, bytes, len) != 1)
		s->failed = true;
}

bool sha256_end(struct sha256 *s, uint8_t hash[SHA256_SIZE])
{
	unsigned len = 0;

	return EVP_DigestFinal_ex(s->context, hash, &len) == 1 && len == SHA256_SIZE && !s->failed;
}

/* --- signatures ------------------------------------------------------------------- */

enum sig_algorithm sig_algorithm_of(const char *text, size_t len)
{
	static const struct {
		const char *name;
		enum sig_algorithm algorithm;
	} known[] = {
	    {"rsa-sha1", SIG_RSA_SHA1},
	    {"rsa-sha256", SIG_RSA_SHA256},
	    {"ed25519-sha256", SIG_ED25519_SHA256},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && memcmp(known[i].name, text, len) == 0)
			return known[i].algorithm;
	return SIG_UNKNOWN;
}

/* Steps over the head of one element; its content ends at *stop. False: it is another, or cut. */
static bool enter(
    const unsigned char **at, const unsigned char *end, int want, const unsigned char **stop)
{
	long len = 0;
	int tag, class, form = ASN1_get_object(at, &len, &tag, &class, end - *at);

	/* Any other bit is an error, or a length that is not told. */
	if ((form & ~V_ASN1_CONSTRUCTED) != 0 || tag != want || class != V_ASN1_UNIVERSAL)
		return false;
	*stop = *at + len;
	return true;
}

/*
 * Where the RSAPublicKey is in a key; NULL when it is not one of RSA as everyone writes it.
 * d2i_PUBKEY() takes four times as long as all the rest of a verification.
 */
static const unsigned char *rsa_inside(const unsigned char *key, const unsigned char *end)
{
	static const unsigned char algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
	    0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	const unsigned char *at = key, *stop;

	if (!enter(&at, end, V_ASN1_SEQUENCE, &stop) || stop != end)
		return NULL;
	/* RFC 6376 3.6.1 says RSAPublicKey, and some that are in use are just that. */
	if (at < end && *at == V_ASN1_INTEGER)
		return key;
	if (end - at <= (long)sizeof(algorithm) || memcmp(at, algorithm, sizeof(algorithm)) != 0)
		return NULL;
	at += sizeof(algorithm);
	if (!enter(&at, end, V_ASN1_BIT_STRING, &stop) || stop != end || at >= end || *at != 0)
		return NULL;
	return at + 1;
}

/*
 * Reads how an RSAPublicKey is laid out: two numbers, and nothing behind them. False: it is none.
 * *bits: at most so many has its exponent; EVP_PKEY_get_bn_param() takes a fifth of a verification.
 */
static bool read_layout(const unsigned char *at, const unsigned char *end, size_t *bits)
{
	const unsigned char *stop;

	if (!enter(&at, end, V_ASN1_SEQUENCE, &stop) || stop != end ||
	    !enter(&at, end, V_ASN1_INTEGER, &stop) || at == stop)
		return false;
	at = stop;
	if (!enter(&at, end, V_ASN1_INTEGER, &stop) || at == stop || stop != end)
		return false;
	while (at < stop && *at == 0)
		at++;
	*bits = 8 * (size_t)(stop - at);
	return true;
}

static size_t exponent_bits_of(const EVP_PKEY *pkey)
{
	BIGNUM *exponent = NULL;
	size_t bits = SIZE_MAX;

	if (EVP_PKEY_get_bn_param(pkey, "e", &exponent) == 1)
		bits = (size_t)BN_num_bits(exponent);
	BN_free(exponent);
	return bits;
}

/* NULL when it is no key, or when memory is exhausted, which OpenSSL does not always tell. */
static EVP_PKEY *read_usual_rsa(const unsigned char *at, const unsigned char *end, bool *no_memory)
{
	EVP_PKEY *pkey;
	size_t bits;

	if (!read_layout(at, end, &bits) || bits > RSA_EXPONENT_BITS_MAX)
		return NULL;
	pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, end - at);
	*no_memory = pkey == NULL;
	return pkey;
}

/* The key, if nothing follows it. */
static EVP_PKEY *read_rsa(const uint8_t *key, size_t len, bool *no_memory)
{
	const unsigned char *end = key + len, *inside, *at = key;
	EVP_PKEY *pkey;

	if (len > RSA_KEY_MAX)
		return NULL;
	inside = rsa_inside(key, end);
	if (inside != NULL)
		return read_usual_rsa(inside, end, no_memory);
	pkey = d2i_PUBKEY(NULL, &at, (long)len);
	if (pkey != NULL && at == end && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
	    exponent_bits_of(pkey) <= RSA_EXPONENT_BITS_MAX)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static enum sig_verdict verify_rsa(
    EVP_PKEY *key, const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	enum sig_verdict verdict = SIG_FAILED;

	if (c != NULL && EVP_PKEY_verify_init(c) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(c, sha256_algorithm()) == 1)
		verdict = EVP_PKEY_verify(c, signature, len, hash, SHA256_SIZE) == 1 ? SIG_VERIFIES
		                                                                     : SIG_DOES_NOT;
	EVP_PKEY_CTX_free(c);
	return verdict;
}

/* PureEdDSA over the hash (RFC 8463 3). */
static enum sig_verdict verify_ed25519(
    EVP_PKEY *key, const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	enum sig_verdict verdict = SIG_FAILED;

	if (len != ED25519_SIGNATURE_SIZE)
		verdict = SIG_DOES_NOT;
	else if (c != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1)
		verdict = EVP_DigestVerify(c, signature, len, hash, SHA256_SIZE) == 1
		              ? SIG_VERIFIES
		              : SIG_DOES_NOT;
	EVP_MD_CTX_free(c);
	return verdict;
}

static EVP_PKEY *read_key(
    enum sig_algorithm algorithm, const uint8_t *key, size_t len, bool *no_memory)
{
	EVP_PKEY *pkey = NULL;

	*no_memory = sha256_algorithm() == NULL;
	if (*no_memory)
		return NULL;
	if (algorithm == SIG_RSA_SHA256)
		return read_rsa(key, len, no_memory);
	if (algorithm == SIG_ED25519_SHA256 && len == ED25519_KEY_SIZE) {
		/* Whatever the bytes are. */
		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, len);
		*no_memory = pkey == NULL;
	}
	return pkey;
}

struct sig_key *sig_key_read(
    enum sig_algorithm algorithm, const uint8_t *key, size_t len, bool *no_memory)
{
	EVP_PKEY *pkey = read_key(algorithm, key, len, no_memory);
	struct sig_key *k = pkey == NULL ? NULL : calloc(1, sizeof(*k));
	int bits = pkey == NULL ? 0 : EVP_PKEY_get_bits(pkey);

	/* What OpenSSL noted of a stranger's key stays out of the thread's later errors. */
	ERR_clear_error();
	if (k == NULL || bits <= 0) {
		*no_memory = *no_memory || (pkey != NULL && k == NULL);
		EVP_PKEY_free(pkey);
		free(k);
		return NULL;
	}
	*k = (struct sig_key){.algorithm = algorithm, .pkey = pkey, .bits = (unsigned)bits};
	return k;
}

void sig_key_free(struct sig_key **k)
{
	if (*k == NULL)
		return;
	EVP_PKEY_free((*k)->pkey);
	free(*k);
	*k = NULL;
}

unsigned sig_key_bits(const struct sig_key *k)
{
	return k->bits;
}

enum sig_verdict sig_verify(
    const struct sig_key *k, const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len)
{
	enum sig_verdict verdict = k->algorithm == SIG_ED25519_SHA256
	                               ? verify_ed25519(k->pkey, hash, signature, len)
	                               : verify_rsa(k->pkey, hash, signature, len);

	ERR_clear_error();
	return verdict;
}
