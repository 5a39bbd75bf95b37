/*
 * The server's side of SMTP, of one that takes every message: bytes in, bytes out, no input or
 * output here. For the self-test, which looks whether its messages come out.
 */
#ifndef WIRE_SMTP_SINK_H
#define WIRE_SMTP_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* A longer line ends the session; what is longer of a message, or its envelope, is cut. */
#define SMTP_SINK_LINE_MAX 4096
#define SMTP_SINK_KEPT_MAX 16384

/* A message that was taken. The texts are NUL-terminated; NULs inside were dropped. */
struct smtp_sink_message {
	const char *envelope; /* the lines of MAIL and RCPT as they came, each with its LF */
	const char *content;  /* as it came, the first bytes of it, without dot-stuffing removed */
};

struct smtp_sink {
	bool in_content;
	struct strbuf line, envelope, content;
	void (*taken)(void *arg, const struct smtp_sink_message *m);
	void *arg;
};

/* *s is zeroed but for `taken` and `arg`. The welcome is added to `out`. */
void smtp_sink_open(struct smtp_sink *s, struct strbuf *out);

/*
 * Takes what the client sent, in pieces as they come, and adds the replies to `out`. A line ends
 * with LF; the content ends with CRLF.CRLF alone. False: QUIT, a line too long, or no memory; the
 * session is over when `out` was sent.
 */
bool smtp_sink_feed(struct smtp_sink *s, const char *bytes, size_t len, struct strbuf *out);

void smtp_sink_close(struct smtp_sink *s);

#endif
