/* Fingerprints of certificates: one spelling for each. */
#ifndef CORE_FINGERPRINT_H
#define CORE_FINGERPRINT_H

#include <stdbool.h>

/* Room for "sha512:" and its hex, its NUL included. */
#define FINGERPRINT_SIZE 144

/*
 * "SHA256:AB:CD..." becomes "sha256:abcd...". Without a prefix the length says which it is.
 * False, and "", for what is no fingerprint.
 */
bool fingerprint_canonical(const char *text, char out[FINGERPRINT_SIZE]);

#endif
