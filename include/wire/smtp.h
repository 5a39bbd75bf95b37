/* SMTP lines as a client sees them (RFC 5321): no input or output here. */
#ifndef WIRE_SMTP_H
#define WIRE_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/strbuf.h"

/* A longer line, or more lines in one reply, is SMTP_READ_BAD. RFC 5321 4.5.3.1.5 has 512. */
#define SMTP_LINE_MAX 4096
#define SMTP_REPLY_LINES_MAX 200

enum smtp_read { SMTP_READ_MORE, SMTP_READ_REPLY, SMTP_READ_BAD };

struct smtp_reply {
	unsigned code;     /* 200 to 599 */
	char enhanced[12]; /* "5.7.1", "" when none */
	const char *text;  /* all lines, codes removed, joined by '\n'; points into the caller's
	                      buffer `lines` */
	unsigned lines;
};

/*
 * Looks for one complete (multi-line) reply at the start of `len` bytes. REPLY: *used bytes belong
 * to it; `lines` holds the text. BAD: not SMTP, codes that differ, or a limit exceeded.
 */
enum smtp_read smtp_reply_read(
    const char *buf, size_t len, struct strbuf *lines, struct smtp_reply *out, size_t *used);

/* Does an EHLO reply offer this keyword? *arguments (may be NULL) points at the rest of its line.
 */
bool smtp_ehlo_offers(
    const struct smtp_reply *ehlo, const char *keyword, const char **arguments, size_t *len);

/* "XCLIENT ADDR=... \r\n" with xtext encoding; IPv6 gets its tag. login NULL or "": not sent. */
void smtp_write_xclient(struct strbuf *b, const struct addr *client, const char *name,
    const char *helo, const char *login);

/* xtext (RFC 3461 4). */
void smtp_write_xtext(struct strbuf *b, const char *s, size_t len);

#endif
