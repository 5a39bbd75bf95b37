#include "auth/dkim_lib.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opendkim/dkim.h>

#include "base/strbuf.h"

enum {
	IDENTITY_MAX = 250, /* it decodes i= into 256 bytes, and trusts what it finds there */
	NAMES_MAX = 4000,   /* of h=: it forgets what is beyond 4,095 bytes */
	COVERED_MAX = 256,  /* fields: it looks through all of them for each name of h= */
	OWN_MAX = 60000,    /* of the signature's own field: 65,536 */
	KEY_MAX = 700,      /* its record has to fit in 1,024 bytes, in base64 */
};

/* --- what it reads right ---------------------------------------------------------- */

/* It takes VT and FF for white space, ends at NUL, and in relaxed form drops a CR. */
static bool is_clean(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || s[i] == '\v' || s[i] == '\f' ||
		    (s[i] == '\r' && (i + 1 == len || s[i + 1] != '\n')))
			return false;
	return true;
}

/* It knows US-ASCII alone: no RFC 8616. */
static bool is_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

/* It cuts out the value of every tag whose name ends in b, and of b= only without a blank before
 * the equals sign; and it takes names that differ in case alone for the same. */
static bool tag_is_plain(const struct tag *t)
{
	bool is_b = t->name_len == 1 && t->name[0] == 'b';

	for (size_t i = 0; i < t->name_len; i++)
		if (t->name[i] >= 'A' && t->name[i] <= 'Z')
			return false;
	return is_b == (t->raw[-2] == 'b');
}

static bool tags_are_plain(const struct canon_field *own)
{
	const struct tag *i;
	struct taglist l;

	if (taglist_read(own->value, own->value_len, &l, NULL) != TAGLIST_OK)
		return false;
	for (size_t n = 0; n < l.count; n++)
		if (!tag_is_plain(&l.tags[n]))
			return false;
	i = taglist_get(&l, "i");
	return i == NULL || i->len <= IDENTITY_MAX;
}

/* It refuses a header with another name in it. */
static bool name_is_plain(const struct canon_field *f)
{
	for (size_t i = 0; i < f->name_len; i++)
		if (f->name[i] < ' ' || f->name[i] > '~' || f->name[i] == ';')
			return false;
	return true;
}

static bool covered_are_plain(const struct dkim_lib_query *q)
{
	size_t *selected = calloc(header_list_count(q->header) + 1, sizeof(*selected)), count = 0;
	bool ok = selected != NULL &&
	          header_list_select(q->header, &q->field->h, q->self, selected, &count);

	ok = ok && count <= COVERED_MAX;
	for (size_t i = 0; ok && i < count; i++) {
		const struct canon_field *f = header_list_get(q->header, selected[i]);

		ok = name_is_plain(f) && is_clean(f->value, f->value_len);
	}
	free(selected);
	return ok;
}

/* It counts bits by the eight. */
static bool key_is_plain(const struct dkim_lib_query *q)
{
	if (q->key->len > KEY_MAX)
		return false;
	return q->field->algorithm != SIG_RSA_SHA256 ||
	       (q->key_bits >= RSA_BITS_MIN && q->key_bits <= RSA_BITS_MAX);
}

bool dkim_lib_reads(const struct dkim_lib_query *q)
{
	const struct canon_field *own = header_list_get(q->header, q->self);

	/* It would take its own field for one that is covered. */
	return own->value_len <= OWN_MAX && q->field->h.len <= NAMES_MAX &&
	       !tag_has_word(&q->field->h, "DKIM-Signature") &&
	       is_ascii(own->value, own->value_len) && is_clean(own->value, own->value_len) &&
	       tags_are_plain(own) && covered_are_plain(q) && key_is_plain(q);
}

/* --- the library -------------------------------------------------------------------- */

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static DKIM_LIB *library;

static void put_base64(struct strbuf *b, const uint8_t *bytes, size_t len)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t n = (uint32_t)bytes[i] << 16;

		n |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		n |= i + 2 < len ? bytes[i + 2] : 0;

		char four[] = {
		    letters[n >> 18], letters[n >> 12 & 63], letters[n >> 6 & 63], letters[n & 63]};

		if (i + 1 >= len)
			four[2] = '=';
		if (i + 2 >= len)
			four[3] = '=';
		strbuf_add(b, four, sizeof(four));
	}
}

/* The key that the signature needs, whatever else its record said. */
static DKIM_CBSTAT look_up(DKIM *d, DKIM_SIGINFO *sig, unsigned char *buffer, size_t size)
{
	const struct dkim_lib_query *q = dkim_get_user_context(d);
	struct strbuf record = {.max = size - 1};
	bool ok;

	(void)sig;
	strbuf_printf(&record,
	    "v=DKIM1;k=%s;p=", q->field->algorithm == SIG_ED25519_SHA256 ? "ed25519" : "rsa");
	put_base64(&record, q->key->data, q->key->len);
	ok = !record.failed;
	if (ok)
		memcpy(buffer, record.data, record.len + 1);
	strbuf_free(&record);
	return ok ? DKIM_CBSTAT_CONTINUE : DKIM_CBSTAT_ERROR;
}

static void open_library(void)
{
	unsigned flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;
	DKIM_LIB *l = dkim_init(NULL, NULL);

	if (l == NULL)
		return;
	if (dkim_options(l, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) !=
		DKIM_STAT_OK ||
	    dkim_set_key_lookup(l, look_up) != DKIM_STAT_OK) {
		dkim_close(l);
		return;
	}
	library = l;
}

static bool put_field(DKIM *d, struct strbuf *text, enum canon how, const struct canon_field *f)
{
	strbuf_reset(text);
	canon_header(text, how, f);
	return !text->failed && dkim_header(d, (u_char *)text->data, text->len) == DKIM_STAT_OK;
}

/* For each name it takes the last field that it was given: so the first choice comes last. */
static bool put_header(DKIM *d, const struct dkim_lib_query *q)
{
	size_t *selected = calloc(header_list_count(q->header) + 1, sizeof(*selected)), count = 0;
	bool ok = selected != NULL &&
	          header_list_select(q->header, &q->field->h, q->self, selected, &count);
	enum canon how = q->field->header;
	struct strbuf text = {0};

	for (size_t i = count; ok && i > 0; i--)
		ok = put_field(d, &text, how, header_list_get(q->header, selected[i - 1]));
	/* With it there is always one field more than h= selects, which keeps the library from
	 * writing behind its list. */
	ok = ok && put_field(d, &text, how, header_list_get(q->header, q->self));
	strbuf_free(&text);
	free(selected);
	return ok;
}

static enum sig_verdict process(DKIM *d)
{
	DKIM_SIGINFO **list;
	int count;

	if (dkim_eoh(d) != DKIM_STAT_OK || dkim_getsiglist(d, &list, &count) != DKIM_STAT_OK ||
	    count != 1 || dkim_sig_process(d, list[0]) != DKIM_STAT_OK)
		return SIG_FAILED;
	if ((dkim_sig_getflags(list[0]) & DKIM_SIGFLAG_PASSED) != 0)
		return SIG_VERIFIES;
	return dkim_sig_geterror(list[0]) == DKIM_SIGERROR_BADSIG ? SIG_DOES_NOT : SIG_FAILED;
}

enum sig_verdict dkim_lib_verify(const struct dkim_lib_query *q)
{
	enum sig_verdict verdict = SIG_FAILED;
	DKIM_STAT status;
	DKIM *d;

	pthread_once(&opened, open_library);
	d = library == NULL
	        ? NULL
	        : dkim_verify(library, (const unsigned char *)"relay-guard", NULL, &status);
	if (d == NULL)
		return SIG_FAILED;
	dkim_set_user_context(d, (void *)(uintptr_t)q);
	if (put_header(d, q))
		verdict = process(d);
	dkim_free(d);
	return verdict;
}
