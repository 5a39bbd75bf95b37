/*
 * Lines of an MTA's log. First byte odd: the input is the log. Even: the input is
 * an address, which Sendmail would log with what follows; whatever the client put into it, the
 * client that is read must be the one that Sendmail wrote.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/require.h"
#include "base/strbuf.h"
#include "sink/maillog_line.h"
#include "sink/maillog_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (INT64_C(1795500000) * USEC_PER_SEC)

static void drain(struct maillog_queue *q, usec_t now, uint64_t *last)
{
	const struct maillog_entry *x;

	while ((x = maillog_queue_next(q, now, false)) != NULL) {
		require(x->offset > *last, "the order of the log");
		require(x->refusal.code >= 400 && x->refusal.code <= 599, "a refusal's code");
		require(x->time <= NOW * 200, "a time");
		*last = x->offset;
		maillog_queue_pop(q);
	}
}

static void read_log(const char *text, size_t size)
{
	struct maillog_queue *q = maillog_queue_new();
	uint64_t last = 0, offset = 0;
	const char *end = text + size, *newline;

	require(q != NULL, "memory");
	for (; text < end; text = newline + 1) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (newline == NULL)
			break;
		maillog_queue_line(q, text, (size_t)(newline - text), ++offset, NOW);
		drain(q, NOW, &last);
	}
	drain(q, NOW + MAILLOG_WAIT, &last);
	require(maillog_queue_count(q) == 0, "nothing waits for ever");
	maillog_queue_free(&q);
}

/* One character outside quotes; false when Sendmail's scanner stops there. */
static int scan(char c, int *comments, int *angles)
{
	if (c == '(')
		++*comments;
	else if (c == ')')
		--*comments;
	else if (*comments == 0 && c == '<')
		++*angles;
	else if (*comments == 0 && c == '>')
		--*angles;
	return *comments >= 0 && *angles >= 0 && (c != ' ' || *comments > 0 || *angles > 0);
}

/* Does Sendmail's address scanner accept it? It asks check_rcpt about nothing else. */
static int is_balanced(const char *s, size_t len)
{
	int quoted = 0, comments = 0, angles = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"' && comments == 0)
			quoted = !quoted;
		else if (!quoted && !scan(s[i], &comments, &angles))
			return 0;
	}
	return !quoted && comments == 0 && angles == 0 && (len == 0 || s[len - 1] != '\\');
}

/* As Sendmail logs it. */
static void escape(struct strbuf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\\')
			strbuf_puts(b, "\\\\");
		else if (c == '\t')
			strbuf_puts(b, "\\t");
		else if (c < ' ' || c > '~')
			strbuf_printf(b, "\\%03o", c);
		else
			strbuf_putc(b, s[i]);
	}
}

static void read_address(const char *s, size_t len)
{
	struct strbuf b = {0};
	struct maillog_refusal r;

	if (!is_balanced(s, len) || len >= sizeof(r.recipient) || memchr(s, '\n', len) != NULL ||
	    memchr(s, '\r', len) != NULL || memchr(s, '\0', len) != NULL)
		return;
	strbuf_puts(&b, "ruleset=check_rcpt, arg1=");
	escape(&b, s, len);
	strbuf_puts(&b, ", relay=c.example [203.0.113.9] (may be forged), reject=550 5.7.1 ");
	escape(&b, s, len);
	strbuf_puts(&b, "... Relaying denied");
	require(maillog_body_read(b.data, b.len, &r) == MAILLOG_REFUSAL, "a refusal");
	require(strcmp(r.client, "203.0.113.9") == 0, "the client");
	require(strcmp(r.client_name, "c.example") == 0, "the client's name");
	require(strlen(r.recipient) == len && memcmp(r.recipient, s, len) == 0, "the recipient");
	require(strcmp(r.reply, "Relaying denied") == 0, "the reply");
	strbuf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	/* A block of its own size, so that reading beyond its end is seen. */
	text = malloc(size);
	require(text != NULL, "memory");
	memcpy(text, data + 1, size - 1);
	if (data[0] % 2 == 1)
		read_log(text, size - 1);
	else
		read_address(text, size - 1);
	free(text);
	return 0;
}
