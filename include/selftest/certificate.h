/* A client certificate that the self-test may show. */
#ifndef SELFTEST_CERTIFICATE_H
#define SELFTEST_CERTIFICATE_H

#include <stdbool.h>

#include "base/tls.h"
#include "core/fingerprint.h"

struct certificate {
	const char *file, *key; /* PEM */
	/* The whole names, /C=../CN=.., as Sendmail tells them. */
	char subject_line[TLS_TEXT_SIZE], issuer_line[TLS_TEXT_SIZE];
	char subject[TLS_TEXT_SIZE]; /* common names, as Postfix tells them */
	char issuer[TLS_TEXT_SIZE];
	char sha1[FINGERPRINT_SIZE], sha256[FINGERPRINT_SIZE], md5[FINGERPRINT_SIZE];
};

/* False: `error` says which file can't be used, and why. */
bool certificate_read(
    struct certificate *c, const char *file, const char *key, char error[TLS_TEXT_SIZE]);

/*
 * Is it what a rule's `cert` asks for: a fingerprint, subject:NAME, issuer:NAME, or `verified`,
 * which the mail server decides?
 */
bool certificate_is(const struct certificate *c, const char *criterion);

#endif
