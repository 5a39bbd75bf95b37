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

/* "5.123.123" and its NUL. */
#define SMTP_ENHANCED_SIZE 12

enum smtp_read { SMTP_READ_MORE, SMTP_READ_REPLY, SMTP_READ_BAD };

struct smtp_reply {
	unsigned code;                     /* 200 to 599 */
	char enhanced[SMTP_ENHANCED_SIZE]; /* "5.7.1", "" when none */
	const char *text; /* all lines, codes removed, joined by '\n'; points into the caller's
	                     buffer `lines` */
	unsigned lines;
};

/*
 * Looks for one complete (multi-line) reply at the start of `len` bytes. REPLY: *used bytes belong
 * to it; `lines` is emptied and holds the text. BAD: not SMTP, codes that differ, a NUL, or a limit
 * exceeded. Lines may end in LF alone.
 */
enum smtp_read smtp_reply_read(
    const char *buf, size_t len, struct strbuf *lines, struct smtp_reply *out, size_t *used);

/*
 * How many bytes at `s` are an enhanced code (RFC 3463) of the reply's class, the blank behind it
 * included, 0 when there is none. `out` gets the code without the blank.
 */
size_t smtp_enhanced_read(const char *s, size_t len, unsigned code, char out[SMTP_ENHANCED_SIZE]);

/* Does an EHLO reply offer this keyword? *arguments (may be NULL) points at the rest of its line.
 */
bool smtp_ehlo_offers(
    const struct smtp_reply *ehlo, const char *keyword, const char **arguments, size_t *len);

/* Is `word` one of the words of such a rest? Without case. */
bool smtp_has_word(const char *arguments, size_t len, const char *word);

/*
 * Does a welcome name the version of a software? A word behind the host with a number, a dot and a
 * number in it that is no address, no host and no date.
 */
bool smtp_has_version(const char *welcome);

/*
 * What a server challenges with (RFC 2195, RFC 4954): base64 at the start of a reply's text. How
 * many bytes of `out` that are; 0: it is none, or more than `size`.
 */
size_t smtp_read_base64(const char *text, unsigned char *out, size_t size);

/*
 * "XCLIENT ADDR=... \r\n" with xtext encoding (RFC 3461 4); IPv6 gets its tag. NULL or "": not
 * sent.
 */
void smtp_write_xclient(struct strbuf *b, const struct addr *client, const char *name,
    const char *helo, const char *login);

void smtp_write_xtext(struct strbuf *b, const char *s, size_t len);

void smtp_write_base64(struct strbuf *b, const char *s, size_t len);

/* "PROXY TCP4 ...\r\n", or its binary form (haproxy's PROXY protocol 1 and 2). One family. */
void smtp_write_proxy(struct strbuf *b, unsigned version, const struct addr *client,
    uint16_t client_port, const struct addr *server, uint16_t server_port);

/* "AUTH PLAIN ...\r\n" (RFC 4954, RFC 4616). */
void smtp_write_auth_plain(struct strbuf *b, const char *user, const char *password);

#endif
