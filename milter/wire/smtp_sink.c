#include "wire/smtp_sink.h"

#include <string.h>
#include <strings.h>

void smtp_sink_open(struct smtp_sink *s, struct strbuf *out)
{
	s->in_content = false;
	s->line.max = SMTP_SINK_LINE_MAX;
	s->envelope.max = SMTP_SINK_KEPT_MAX;
	s->content.max = SMTP_SINK_KEPT_MAX;
	strbuf_puts(out, "220 relay-guard self-test ESMTP\r\n");
}

/* What is too long is left out, and fails nothing: a piece of a message is enough. */
static void keep(struct strbuf *b, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && b->len + 1 < b->max; i++)
		if (bytes[i] != '\0')
			strbuf_putc(b, bytes[i]);
}

static void forget(struct smtp_sink *s)
{
	strbuf_reset(&s->envelope);
	strbuf_reset(&s->content);
	s->in_content = false;
}

static bool is_verb(const char *line, const char *verb)
{
	size_t len = strlen(verb);

	return strncasecmp(line, verb, len) == 0 && strchr(" :\r\n", line[len]) != NULL;
}

/* False: the session ends. */
static bool obey(struct smtp_sink *s, const char *line, size_t len, struct strbuf *out)
{
	if (is_verb(line, "EHLO")) {
		forget(s);
		strbuf_puts(out, "250-relay-guard self-test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
				 "250 PIPELINING\r\n");
	} else if (is_verb(line, "MAIL") || is_verb(line, "RCPT")) {
		keep(&s->envelope, line, len);
		strbuf_puts(out, "250 2.0.0 OK\r\n");
	} else if (is_verb(line, "DATA")) {
		s->in_content = true;
		strbuf_puts(out, "354 go on\r\n");
	} else if (is_verb(line, "QUIT")) {
		strbuf_puts(out, "221 2.0.0 bye\r\n");
		return false;
	} else {
		if (is_verb(line, "RSET") || is_verb(line, "HELO"))
			forget(s);
		strbuf_puts(out, "250 2.0.0 OK\r\n");
	}
	return true;
}

static void take(struct smtp_sink *s, struct strbuf *out)
{
	const struct smtp_sink_message m = {strbuf_text(&s->envelope), strbuf_text(&s->content)};

	s->taken(s->arg, &m);
	forget(s);
	strbuf_puts(out, "250 2.0.0 taken\r\n");
}

static bool end_line(struct smtp_sink *s, struct strbuf *out)
{
	const char *line = strbuf_text(&s->line);
	size_t len = s->line.len;
	bool ok = true;

	if (!s->in_content)
		ok = obey(s, line, len, out);
	else if (len == 3 && memcmp(line, ".\r\n", 3) == 0)
		take(s, out);
	else
		keep(&s->content, line, len);
	strbuf_reset(&s->line);
	return ok;
}

bool smtp_sink_feed(struct smtp_sink *s, const char *bytes, size_t len, struct strbuf *out)
{
	while (len > 0) {
		const char *lf = memchr(bytes, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - bytes) + 1;

		strbuf_add(&s->line, bytes, n);
		if (s->line.failed || out->failed)
			return false;
		if (lf != NULL && !end_line(s, out))
			return false;
		bytes += n;
		len -= n;
	}
	return !out->failed;
}

void smtp_sink_close(struct smtp_sink *s)
{
	strbuf_free(&s->line);
	strbuf_free(&s->envelope);
	strbuf_free(&s->content);
}
