/* SHA-256, and the signatures that DKIM and ARC use (RFC 6376 3.3, RFC 8463), by OpenSSL. */
#ifndef AUTH_CRYPTO_H
#define AUTH_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

/* A hash in the making. */
struct sha256;

/* NULL when memory is exhausted. */
struct sha256 *sha256_new(void);
/* Of what was added so far; each goes on by itself. NULL as above. */
struct sha256 *sha256_copy(const struct sha256 *s);
void sha256_free(struct sha256 **s);
void sha256_add(struct sha256 *s, const void *bytes, size_t len);
/* Once. False when hashing failed somewhere on the way. */
bool sha256_end(struct sha256 *s, uint8_t hash[SHA256_SIZE]);

enum sig_algorithm {
	SIG_UNKNOWN,
	SIG_RSA_SHA1, /* historic: never verified (RFC 8301 3.1) */
	SIG_RSA_SHA256,
	SIG_ED25519_SHA256,
};

/* "rsa-sha256" and the like, in any case. */
enum sig_algorithm sig_algorithm_of(const char *text, size_t len);

/* RFC 8301 3.2; and what nobody should have to wait for. */
#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 16384

enum sig_verdict {
	SIG_VERIFIES,
	SIG_DOES_NOT,   /* it is not one of this key over this hash */
	SIG_KEY_BROKEN, /* these bytes are no key of the algorithm's type */
	SIG_KEY_SHORT,  /* RSA, below RSA_BITS_MIN */
	SIG_KEY_LONG,   /* RSA, above RSA_BITS_MAX */
	SIG_FAILED,     /* no memory */
};

/* The key's size; 0 when it is no key of the algorithm's type. */
unsigned sig_key_bits(enum sig_algorithm algorithm, const uint8_t *key, size_t len);

/*
 * Does `signature` fit the hash? `key` is what a key record has in p=: for RSA a
 * SubjectPublicKeyInfo, or a bare RSAPublicKey, in DER; for Ed25519 the 32 bytes. *bits, where not
 * NULL, is the key's size, 0 where it is not known.
 */
enum sig_verdict sig_verify(enum sig_algorithm algorithm, const uint8_t *key, size_t key_len,
    const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len, unsigned *bits);

#endif
