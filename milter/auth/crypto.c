#include "auth/crypto.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
		if (strlen(known[i].name) == len && strncasecmp(known[i].name, text, len) == 0)
			return known[i].algorithm;
	return SIG_UNKNOWN;
}

/*
 * Where the RSAPublicKey is in a SubjectPublicKeyInfo; NULL when it is not one of RSA as everyone
 * writes it. d2i_PUBKEY() takes four times as long as all the rest of a verification.
 */
static const unsigned char *rsa_inside(const unsigned char *at, const unsigned char *end)
{
	static const unsigned char algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
	    0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	long len;
	int tag, class;

	if (ASN1_get_object(&at, &len, &tag, &class, end - at) != V_ASN1_CONSTRUCTED ||
	    tag != V_ASN1_SEQUENCE || end - at != len || len <= (long)sizeof(algorithm) ||
	    memcmp(at, algorithm, sizeof(algorithm)) != 0)
		return NULL;
	at += sizeof(algorithm);
	if (ASN1_get_object(&at, &len, &tag, &class, end - at) != 0 || tag != V_ASN1_BIT_STRING ||
	    end - at != len || len < 2 || *at != 0)
		return NULL;
	return at + 1;
}

/* The key, if nothing follows it. */
static EVP_PKEY *decode_rsa(const uint8_t *key, size_t len)
{
	const unsigned char *end = key + len, *inside = rsa_inside(key, end), *at = inside;
	EVP_PKEY *pkey = NULL;

	if (inside == NULL) {
		at = key;
		pkey = d2i_PUBKEY(NULL, &at, (long)len);
	}
	if (pkey == NULL) {
		/* RFC 6376 3.6.1 says RSAPublicKey, and some that are in use are just that. */
		at = inside == NULL ? key : inside;
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, end - at);
	}
	if (pkey != NULL && at == end)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *read_rsa(const uint8_t *key, size_t len)
{
	EVP_PKEY *pkey = len > RSA_KEY_MAX ? NULL : decode_rsa(key, len);
	BIGNUM *exponent = NULL;
	bool ok = pkey != NULL && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
	          EVP_PKEY_get_bn_param(pkey, "e", &exponent) == 1 &&
	          BN_num_bits(exponent) <= RSA_EXPONENT_BITS_MAX;

	BN_free(exponent);
	if (ok)
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

static EVP_PKEY *read_key(enum sig_algorithm algorithm, const uint8_t *key, size_t len)
{
	if (sha256_algorithm() == NULL)
		return NULL;
	if (algorithm == SIG_RSA_SHA256)
		return read_rsa(key, len);
	if (algorithm == SIG_ED25519_SHA256 && len == ED25519_KEY_SIZE)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, len);
	return NULL;
}

static unsigned bits_of(const EVP_PKEY *key)
{
	int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);

	return bits > 0 ? (unsigned)bits : 0;
}

unsigned sig_key_bits(enum sig_algorithm algorithm, const uint8_t *key, size_t len)
{
	EVP_PKEY *pkey = read_key(algorithm, key, len);
	unsigned bits = bits_of(pkey);

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return bits;
}

static enum sig_verdict verify(enum sig_algorithm algorithm, EVP_PKEY *key,
    const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len, unsigned *bits)
{
	*bits = bits_of(key);
	if (algorithm == SIG_ED25519_SHA256)
		return verify_ed25519(key, hash, signature, len);
	if (*bits < RSA_BITS_MIN)
		return SIG_KEY_SHORT;
	if (*bits > RSA_BITS_MAX)
		return SIG_KEY_LONG;
	return verify_rsa(key, hash, signature, len);
}

enum sig_verdict sig_verify(enum sig_algorithm algorithm, const uint8_t *key, size_t key_len,
    const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len, unsigned *bits)
{
	enum sig_verdict verdict = SIG_KEY_BROKEN;
	EVP_PKEY *pkey = read_key(algorithm, key, key_len);
	unsigned size = 0;

	if (pkey != NULL)
		verdict = verify(algorithm, pkey, hash, signature, len, &size);
	EVP_PKEY_free(pkey);
	/* What OpenSSL noted of a stranger's key stays out of the thread's later errors. */
	ERR_clear_error();
	if (bits != NULL)
		*bits = size;
	return verdict;
}
