#include "selftest/certificate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static void name_of(const X509_NAME *name, char out[TLS_TEXT_SIZE])
{
	if (X509_NAME_get_text_by_NID(
		(X509_NAME *)(uintptr_t)name, NID_commonName, out, TLS_TEXT_SIZE) < 0)
		out[0] = '\0';
}

static void digest(const X509 *x, const EVP_MD *md, const char *name, char out[FINGERPRINT_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int n = snprintf(out, FINGERPRINT_SIZE, "%s:", name);

	if (X509_digest(x, md, bytes, &len) != 1)
		len = 0;
	for (unsigned i = 0; i < len && n + 3 <= FINGERPRINT_SIZE; i++)
		n += snprintf(out + n, FINGERPRINT_SIZE - (size_t)n, "%02x", (unsigned)bytes[i]);
}

bool certificate_read(
    struct certificate *c, const char *file, const char *key, char error[TLS_TEXT_SIZE])
{
	const struct tls_files files = {NULL, file, key};
	struct tls_trust *trust = tls_trust_new(&files, error);
	FILE *f = trust == NULL ? NULL : fopen(file, "re");
	X509 *x = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);

	tls_trust_free(&trust);
	if (f != NULL)
		(void)fclose(f);
	if (x == NULL)
		return false;
	*c = (struct certificate){.file = file, .key = key};
	name_of(X509_get_subject_name(x), c->subject);
	name_of(X509_get_issuer_name(x), c->issuer);
	(void)X509_NAME_oneline(X509_get_subject_name(x), c->subject_line, TLS_TEXT_SIZE);
	(void)X509_NAME_oneline(X509_get_issuer_name(x), c->issuer_line, TLS_TEXT_SIZE);
	digest(x, EVP_md5(), "md5", c->md5);
	digest(x, EVP_sha1(), "sha1", c->sha1);
	digest(x, EVP_sha256(), "sha256", c->sha256);
	X509_free(x);
	return true;
}

bool certificate_is(const struct certificate *c, const char *criterion)
{
	char wanted[FINGERPRINT_SIZE];

	if (strcmp(criterion, "verified") == 0)
		return true;
	if (strncmp(criterion, "subject:", 8) == 0)
		return strcmp(criterion + 8, c->subject) == 0 ||
		       strcmp(criterion + 8, c->subject_line) == 0;
	if (strncmp(criterion, "issuer:", 7) == 0)
		return strcmp(criterion + 7, c->issuer) == 0 ||
		       strcmp(criterion + 7, c->issuer_line) == 0;
	return fingerprint_canonical(criterion, wanted) &&
	       (strcmp(wanted, c->sha256) == 0 || strcmp(wanted, c->sha1) == 0 ||
		   strcmp(wanted, c->md5) == 0);
}
