#include "base/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/addr.h"

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	char error[TLS_TEXT_SIZE];
};

static bool is_address(const char *host)
{
	struct addr a;

	return addr_parse(host, strlen(host), &a);
}

struct tls *tls_new(int fd, const char *host)
{
	struct tls *t = calloc(1, sizeof(*t));
	char name[256]; /* the library's macro takes no constant */

	if (t == NULL)
		return NULL;
	t->context = SSL_CTX_new(TLS_client_method());
	if (t->context != NULL) {
		(void)SSL_CTX_set_default_verify_paths(t->context);
		SSL_CTX_set_verify(t->context, SSL_VERIFY_NONE, NULL);
		/* What an old server speaks is to be tested too. */
		SSL_CTX_set_security_level(t->context, 0);
		(void)SSL_CTX_set_min_proto_version(t->context, TLS1_VERSION);
		SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE);
		t->ssl = SSL_new(t->context);
	}
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1)
		tls_free(&t);
	if (t == NULL || host == NULL || is_address(host))
		return t;
	snprintf(name, sizeof(name), "%s", host);
	(void)SSL_set_tlsext_host_name(t->ssl, name);
	return t;
}

bool tls_show(struct tls *t, const char *cert, const char *key)
{
	if (SSL_use_certificate_chain_file(t->ssl, cert) == 1 &&
	    SSL_use_PrivateKey_file(t->ssl, key, SSL_FILETYPE_PEM) == 1)
		return true;
	snprintf(t->error, sizeof(t->error), "%.60s, %.60s: %s", cert, key,
	    ERR_reason_error_string(ERR_peek_last_error()));
	return false;
}

/* --- only those whom we trust ------------------------------------------------------- */

struct tls_trust {
	SSL_CTX *context;
};

static const char *library_error(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text == NULL ? "failed" : text;
}

static bool read_files(SSL_CTX *context, const struct tls_files *f, char error[TLS_TEXT_SIZE])
{
	const char *file = f->authorities;
	bool read;

	read = file == NULL ? SSL_CTX_set_default_verify_paths(context) == 1
	                    : SSL_CTX_load_verify_locations(context, file, NULL) == 1;
	if (read && f->cert != NULL) {
		file = f->cert;
		read = SSL_CTX_use_certificate_chain_file(context, file) == 1;
	}
	if (read && f->key != NULL) {
		file = f->key;
		read = SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1;
	}
	if (!read)
		snprintf(error, TLS_TEXT_SIZE, "%.100s: %s",
		    file == NULL ? "the system's authorities" : file, library_error());
	return read;
}

struct tls_trust *tls_trust_new(const struct tls_files *f, char error[TLS_TEXT_SIZE])
{
	struct tls_trust *t = calloc(1, sizeof(*t));

	snprintf(error, TLS_TEXT_SIZE, "memory is exhausted");
	if (t == NULL)
		return NULL;
	ERR_clear_error();
	t->context = SSL_CTX_new(TLS_client_method());
	if (t->context == NULL || !read_files(t->context, f, error)) {
		tls_trust_free(&t);
		return NULL;
	}
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE);
	return t;
}

void tls_trust_free(struct tls_trust **t)
{
	if (*t == NULL)
		return;
	SSL_CTX_free((*t)->context);
	free(*t);
	*t = NULL;
}

static bool expect_host(SSL *ssl, const char *host)
{
	char name[256]; /* the library's macro takes no constant */

	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	snprintf(name, sizeof(name), "%s", host);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls *tls_new_trusted(int fd, const char *host, const struct tls_trust *trust)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->ssl = SSL_new(trust->context);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1 || !expect_host(t->ssl, host))
		tls_free(&t);
	return t;
}

/* --- moving bytes ------------------------------------------------------------------- */

/* Of a certificate it is told what is wrong with it. */
static const char *words_of(const struct tls *t, unsigned long code)
{
	long trust = SSL_get_verify_result(t->ssl);

	if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && trust != X509_V_OK)
		return X509_verify_cert_error_string(trust);
	return ERR_reason_error_string(code);
}

/* What the library's result of one call means. */
static enum io_status status_of(struct tls *t, int result)
{
	unsigned long code;
	const char *words;

	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_NONE:
		return IO_DONE;
	case SSL_ERROR_WANT_READ:
		return IO_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return IO_CLOSED;
	default:
		break;
	}
	code = ERR_peek_error();
	if (code == 0)
		return IO_CLOSED;
	words = words_of(t, code);
	snprintf(t->error, sizeof(t->error), "TLS: %s", words == NULL ? "failed" : words);
	return IO_FAILED;
}

enum io_status tls_handshake(struct tls *t)
{
	ERR_clear_error();
	return status_of(t, SSL_connect(t->ssl));
}

enum io_status tls_read(struct tls *t, char *buf, size_t size, size_t *done)
{
	ERR_clear_error();
	return status_of(t, SSL_read_ex(t->ssl, buf, size, done));
}

enum io_status tls_write(struct tls *t, const char *bytes, size_t len, size_t *done)
{
	ERR_clear_error();
	return status_of(t, SSL_write_ex(t->ssl, bytes, len, done));
}

const char *tls_error(const struct tls *t)
{
	return t->error;
}

/* --- the certificate -------------------------------------------------------- */

static usec_t time_of(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (usec_t)timegm(&tm) * USEC_PER_SEC : 0;
}

static bool names(X509 *cert, const char *host)
{
	if (is_address(host))
		return X509_check_ip_asc(cert, host, 0) == 1;
	return X509_check_host(cert, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* As UTF-8, whatever it is stored as. False: there is none, or it has a NUL. */
static bool read_text(const ASN1_STRING *s, char *out, size_t size)
{
	unsigned char *text = NULL;
	int len = s == NULL ? -1 : ASN1_STRING_to_UTF8(&text, s);
	bool ok = len > 0 && memchr(text, '\0', (size_t)len) == NULL;

	if (ok) {
		size_t n = (size_t)len < size ? (size_t)len : size - 1;

		memcpy(out, text, n);
		out[n] = '\0';
	}
	OPENSSL_free(text);
	return ok;
}

static bool read_common_name(X509 *cert, char out[TLS_TEXT_SIZE])
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	return at >= 0 && read_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), out,
			      TLS_TEXT_SIZE);
}

/* One alternative name; false: it is neither a host's name nor an address. */
static bool read_alternative(const GENERAL_NAME *n, char out[TLS_TEXT_SIZE])
{
	struct addr a = {.family = ADDR_NONE};

	if (n->type == GEN_DNS)
		return read_text(n->d.dNSName, out, TLS_TEXT_SIZE);
	if (n->type != GEN_IPADD || (n->d.iPAddress->length != 4 && n->d.iPAddress->length != 16))
		return false;
	a.family = n->d.iPAddress->length == 4 ? ADDR_V4 : ADDR_V6;
	memcpy(a.bytes, n->d.iPAddress->data, (size_t)n->d.iPAddress->length);
	addr_format(&a, out);
	return true;
}

static void add_name(struct tls_peer *out, const char *name)
{
	size_t used = strlen(out->names), len = strlen(name);

	if (used + 2 + len + sizeof(", ...") <= sizeof(out->names))
		snprintf(out->names + used, sizeof(out->names) - used, "%s%s",
		    used == 0 ? "" : ", ", name);
	else if (used < 3 || strcmp(out->names + used - 3, "...") != 0)
		snprintf(out->names + used, sizeof(out->names) - used, ", ...");
}

static void read_names(X509 *cert, struct tls_peer *out)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char name[TLS_TEXT_SIZE];

	(void)read_common_name(cert, out->subject);
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		if (!read_alternative(sk_GENERAL_NAME_value(all, i), name))
			continue;
		if (*out->subject == '\0')
			snprintf(out->subject, sizeof(out->subject), "%s", name);
		add_name(out, name);
	}
	out->common_name_only = *out->names == '\0' && *out->subject != '\0';
	if (out->common_name_only)
		add_name(out, out->subject);
	GENERAL_NAMES_free(all);
}

static void read_certificate(X509 *cert, const char *host, struct tls_peer *out)
{
	read_names(cert, out);
	out->names_host = host != NULL && names(cert, host);
	out->not_before = time_of(X509_get0_notBefore(cert));
	out->not_after = time_of(X509_get0_notAfter(cert));
}

/* Of its own dates the caller speaks; those of its authorities are a reason like others. */
static bool is_about_dates(X509 *cert, long trust)
{
	return (trust == X509_V_ERR_CERT_HAS_EXPIRED &&
		   X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) ||
	       (trust == X509_V_ERR_CERT_NOT_YET_VALID &&
		   X509_cmp_current_time(X509_get0_notBefore(cert)) > 0);
}

bool tls_peer(const struct tls *t, const char *host, struct tls_peer *out)
{
	X509 *cert = SSL_get1_peer_certificate(t->ssl);
	long trust = SSL_get_verify_result(t->ssl);

	*out = (struct tls_peer){.distrust = NULL};
	snprintf(out->version, sizeof(out->version), "%s", SSL_get_version(t->ssl));
	if (cert == NULL)
		return false;
	read_certificate(cert, host, out);
	if (trust != X509_V_OK && !is_about_dates(cert, trust))
		out->distrust = X509_verify_cert_error_string(trust);
	X509_free(cert);
	return true;
}

bool tls_peer_read(const unsigned char *der, size_t len, const char *host, struct tls_peer *out)
{
	X509 *cert = d2i_X509(NULL, &der, (long)len);

	*out = (struct tls_peer){.distrust = "nobody has shown it"};
	if (cert == NULL)
		return false;
	read_certificate(cert, host, out);
	X509_free(cert);
	return true;
}

void tls_free(struct tls **t)
{
	if (*t == NULL)
		return;
	SSL_free((*t)->ssl);
	SSL_CTX_free((*t)->context);
	free(*t);
	*t = NULL;
}
