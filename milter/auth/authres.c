/* Writes Authentication-Results and Received-SPF: what came from outside can't leave its place. */
#include "auth/authres.h"

#include <stdio.h>
#include <string.h>

#include "base/names.h"

enum {
	VALUE_MAX = 320, /* a mailbox: RFC 5321 4.5.3.1 allows 64, @ and 255 */
	KEYWORD_MAX = 63,
	TEXT_MAX = 200,     /* what is for people */
	LINE_MAX_SOFT = 76, /* RFC 5322 2.1.1 */
	TAB = 8,
	RESULTS_MAX = 100,
	B_SHOWN = 8, /* RFC 6008 3 */
};

/* --- bytes -------------------------------------------------------------------------- */

static void put(struct authres *w, const char *text, size_t len)
{
	if (w->full || w->out.len + len > AUTHRES_MAX) {
		w->full = true;
		return;
	}
	strbuf_add(&w->out, text, len);
	w->column += len;
}

static void put_fold(struct authres *w)
{
	put(w, w->fold, strlen(w->fold));
	w->column = TAB;
}

/* One word that stays on its line, after a space or a fold. */
static void put_word(struct authres *w, const struct strbuf *word)
{
	if (word->failed) {
		w->out.failed = true;
		return;
	}
	if (w->column > TAB && w->column + word->len + 1 > LINE_MAX_SOFT)
		put_fold(w);
	else
		put(w, " ", 1);
	put(w, word->data, word->len);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A keyword of ours; whatever it holds, it stays one. */
static void add_keyword(struct strbuf *b, const char *text)
{
	if (text[0] == '\0')
		strbuf_puts(b, "unknown");
	for (const char *p = text; *p != '\0' && p - text < KEYWORD_MAX; p++)
		strbuf_putc(b, (char)(is_alnum(*p) || *p == '_' ? *p : '-'));
}

/* What readers in use take unquoted: fewer characters than the grammar's tokens have. */
static bool is_bare(const char *text, size_t len)
{
	unsigned ats = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '@' && i + 1 < len)
			ats++;
		else if (!is_alnum(text[i]) && strchr("-._+", text[i]) == NULL)
			return false;
	}
	return len > 0 && ats <= 1;
}

static void add_quoted(struct strbuf *b, const char *text, size_t len)
{
	strbuf_putc(b, '"');
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '"' || c == '\\')
			strbuf_putc(b, '\\');
		/* No spaces, so that folding can't change a value; and many readers split at every
		 * semicolon, quoted or not. */
		strbuf_putc(b, (char)(c > ' ' && c < 0x7f && c != ';' ? c : '?'));
	}
	strbuf_putc(b, '"');
}

static bool is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

static void add_encoded(struct strbuf *b, const char *text, size_t len)
{
	if (is_bare(text, len))
		strbuf_add(b, text, len);
	else
		add_quoted(b, text, len);
}

/* A mailbox or a domain alone, in A-labels where it has others; or anything else. */
static void add_value(struct strbuf *b, const char *text)
{
	const char *at = strrchr(text, '@'), *domain = at == NULL ? text : at + 1;
	char name[NAME_SIZE];
	struct strbuf whole = {0};

	if (is_ascii(domain) || name_canonical(domain, strlen(domain), name) != NAME_OK) {
		add_encoded(b, text, strlen(text));
		return;
	}
	strbuf_add(&whole, text, (size_t)(domain - text));
	strbuf_puts(&whole, name);
	add_encoded(b, strbuf_text(&whole), whole.len);
	b->failed |= whole.failed;
	strbuf_free(&whole);
}

/* Words for people. What could close or open anything becomes something that can't. */
static void add_text(struct strbuf *b, const char *text)
{
	static const char from[] = "\"\\();", to[] = "'/[],";

	for (size_t i = 0; i < TEXT_MAX && text[i] != '\0'; i++) {
		const char *special = strchr(from, text[i]);

		if (special != NULL)
			strbuf_putc(b, to[special - from]);
		else
			strbuf_putc(b, (char)(text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?'));
	}
	if (strlen(text) > TEXT_MAX)
		strbuf_puts(b, "...");
}

static bool is_empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

/* --- the field ------------------------------------------------------------------------ */

void authres_begin(struct authres *w, const char *authserv_id, const char *fold)
{
	struct strbuf id = {0};

	*w = (struct authres){.fold = fold};
	/* The field's name stands before it. */
	w->column = sizeof("Authentication-Results: ") - 1;
	if (is_empty(authserv_id) || strlen(authserv_id) > VALUE_MAX)
		authserv_id = "localhost";
	add_value(&id, authserv_id);
	put(w, strbuf_text(&id), id.len);
	w->out.failed |= id.failed;
	w->start = w->out.len;
	strbuf_free(&id);
}

/* Takes the result back that did not fit. */
static void close_result(struct authres *w)
{
	if (!w->full)
		return;
	w->full = false;
	w->out.len = w->start;
	if (w->out.data != NULL)
		w->out.data[w->start] = '\0';
	if (w->results > 0)
		w->results--;
}

void authres_result(struct authres *w, const char *method, const char *result, const char *reason)
{
	struct strbuf b = {0};

	close_result(w);
	w->start = w->out.len;
	w->full = w->results >= RESULTS_MAX;
	w->results++;
	put(w, ";", 1);
	put_fold(w);
	add_keyword(&b, method);
	strbuf_putc(&b, '=');
	add_keyword(&b, result);
	w->out.failed |= b.failed;
	put(w, strbuf_text(&b), b.len);
	if (!is_empty(reason)) {
		strbuf_reset(&b);
		strbuf_puts(&b, "reason=\"");
		add_text(&b, reason);
		strbuf_putc(&b, '"');
		put_word(w, &b);
	}
	strbuf_free(&b);
}

void authres_property(struct authres *w, const char *ptype, const char *property, const char *value)
{
	struct strbuf b = {0};

	if (is_empty(value) || strlen(value) > VALUE_MAX)
		return;
	add_keyword(&b, ptype);
	strbuf_putc(&b, '.');
	add_keyword(&b, property);
	strbuf_putc(&b, '=');
	add_value(&b, value);
	put_word(w, &b);
	strbuf_free(&b);
}

void authres_comment(struct authres *w, const char *text)
{
	struct strbuf b = {0};

	if (is_empty(text))
		return;
	strbuf_putc(&b, '(');
	add_text(&b, text);
	strbuf_putc(&b, ')');
	put_word(w, &b);
	strbuf_free(&b);
}

const char *authres_end(struct authres *w)
{
	close_result(w);
	if (w->results == 0)
		put(w, "; none", 6);
	return w->out.failed ? NULL : strbuf_text(&w->out);
}

void authres_free(struct authres *w)
{
	strbuf_free(&w->out);
}

/* --- mechanisms ------------------------------------------------------------------------ */

void authres_spf(struct authres *w, const struct spf_query *q, const struct spf_outcome *o)
{
	authres_result(w, "spf", spf_result_name(o->result), o->reason);
	if (o->identity == SPF_HELO)
		authres_property(w, "smtp", "helo", q->helo);
	else
		authres_property(w, "smtp", "mailfrom", q->sender);
}

void authres_dkim(struct authres *w, const struct authres_dkim *d)
{
	char b[B_SHOWN + 1];

	authres_result(w, "dkim", d->result, d->reason);
	authres_property(w, "header", "d", d->domain);
	authres_property(w, "header", "i", d->auid);
	authres_property(w, "header", "s", d->selector);
	authres_property(w, "header", "a", d->algorithm);
	if (d->b == NULL)
		return;
	snprintf(b, sizeof(b), "%s", d->b);
	authres_property(w, "header", "b", b);
}

void authres_dmarc(struct authres *w, const struct authres_dmarc *d)
{
	authres_result(w, "dmarc", d->result, d->reason);
	authres_property(w, "header", "from", d->from);
	authres_property(w, "policy", "dmarc", d->policy);
}

void authres_arc(struct authres *w, const struct authres_arc *d)
{
	char number[12], client[ADDR_TEXT_MAX];

	authres_result(w, "arc", d->result, d->reason);
	if (d->oldest_pass >= 0 && strcmp(d->result, "pass") == 0) {
		snprintf(number, sizeof(number), "%d", d->oldest_pass);
		authres_property(w, "header", "oldest-pass", number);
	}
	if (d->client != NULL) {
		addr_format(d->client, client);
		authres_property(w, "smtp", "remote-ip", client);
	}
}

void authres_auth(struct authres *w, const char *mechanism, const char *login)
{
	authres_result(w, "auth", "pass", NULL);
	authres_comment(w, mechanism);
	authres_property(w, "smtp", "auth", login);
}

void authres_iprev(
    struct authres *w, const char *result, const struct addr *client, const char *name)
{
	char text[ADDR_TEXT_MAX];

	addr_format(client, text);
	authres_result(w, "iprev", result, NULL);
	authres_property(w, "policy", "iprev", text);
	authres_comment(w, name);
}

/* --- Received-SPF ------------------------------------------------------------------------- */

static void put_pair(struct authres *w, const char *key, const char *value, const char *end)
{
	struct strbuf b = {0};

	if (is_empty(value) || strlen(value) > VALUE_MAX)
		return;
	strbuf_printf(&b, "%s=", key);
	/* A mailbox is no dot-atom. */
	if (strchr(value, '@') == NULL)
		add_value(&b, value);
	else
		add_quoted(&b, value, strlen(value));
	strbuf_puts(&b, end);
	put_word(w, &b);
	strbuf_free(&b);
}

void authres_received_spf(
    struct strbuf *b, const struct spf_query *q, const struct spf_outcome *o, const char *fold)
{
	struct authres w = {.fold = fold, .column = sizeof("Received-SPF: ") - 1};
	const char *result = spf_result_name(o->result);
	char client[ADDR_TEXT_MAX];

	addr_format(&q->client, client);
	put(&w, result, strlen(result));
	authres_comment(&w, o->reason);
	put_pair(&w, "receiver", q->receiver, ";");
	put_pair(&w, "client-ip", client, ";");
	put_pair(&w, "envelope-from", q->sender, ";");
	put_pair(&w, "helo", q->helo, ";");
	put_pair(&w, "mechanism", o->mechanism, ";");
	put_pair(&w, "identity", spf_identity_name(o->identity), "");
	if (w.out.failed)
		b->failed = true;
	else
		strbuf_add(b, strbuf_text(&w.out), w.out.len);
	strbuf_free(&w.out);
}
