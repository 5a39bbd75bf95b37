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

/* "rsa-sha256" and the like, exactly (RFC 6376 3.2). */
enum sig_algorithm sig_algorithm_of(const char *text, size_t len);

/* RFC 8301 3.2; and what nobody should have to wait for. */
#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 16384

/* A public key that was read. */
struct sig_key;

/*
 * `key` is what a key record has in p=: for RSA a SubjectPublicKeyInfo, or a bare RSAPublicKey, in
 * DER; for Ed25519 the 32 bytes. NULL when these bytes are no key of the algorithm's type, or,
 * where *no_memory is set, when memory is exhausted.
 */
struct sig_key *sig_key_read(
    enum sig_algorithm algorithm, const uint8_t *key, size_t len, bool *no_memory);
void sig_key_free(struct sig_key **k);

unsigned sig_key_bits(const struct sig_key *k);

enum sig_verdict {
	SIG_VERIFIES,
	SIG_DOES_NOT, /* it is not one of this key over this hash */
	SIG_FAILED,   /* no memory */
};

/* Does `signature` fit the hash? A key of any size is used. */
enum sig_verdict sig_verify(
    const struct sig_key *k, const uint8_t hash[SHA256_SIZE], const uint8_t *signature, size_t len);

#endif
