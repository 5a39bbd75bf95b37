/* Any bytes from a server: replies stay inside the buffer, whole or in parts. */
#include <stdint.h>
#include <string.h>

#include "../lib/require.h"
#include "wire/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A welcome, and what is offered in a greeting's reply. */
static void check_words(const struct smtp_reply *r)
{
	static const char *const keywords[] = {"AUTH", "XCLIENT", "STARTTLS", ""};
	const char *rest;
	size_t len;

	(void)smtp_has_version(r->text);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (smtp_ehlo_offers(r, keywords[i], &rest, &len))
			require(
			    rest + len <= r->text + strlen(r->text), "words are inside the text");
}

/* What goes in comes out. */
static void check_challenge(const struct smtp_reply *r)
{
	unsigned char out[64];
	size_t len = smtp_read_base64(r->text, out, sizeof(out));
	struct strbuf again = {0};

	require(len <= sizeof(out), "a challenge fits");
	smtp_write_base64(&again, (const char *)out, len);
	require(len == 0 || again.len == strcspn(r->text, "\r\n "), "a challenge has its length");
	strbuf_free(&again);
}

static void check_reply(const struct smtp_reply *r)
{
	const char *rest;
	size_t len;

	check_words(r);
	check_challenge(r);

	require(r->code >= 200 && r->code <= 599, "a code");
	require(r->lines >= 1 && r->lines <= SMTP_REPLY_LINES_MAX, "lines are counted");
	require(strlen(r->enhanced) < sizeof(r->enhanced), "an enhanced code ends");
	if (smtp_ehlo_offers(r, "AUTH", &rest, &len)) {
		require(rest + len <= r->text + strlen(r->text), "a line is inside the text");
		(void)smtp_has_word(rest, len, "PLAIN");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf lines = {0}, other = {0};
	struct smtp_reply r, early;
	size_t used = 0, early_used = 0;
	enum smtp_read got = smtp_reply_read((const char *)data, size, &lines, &r, &used);

	if (got == SMTP_READ_REPLY) {
		require(used > 0 && used <= size, "a reply is inside the buffer");
		check_reply(&r);
		require(smtp_reply_read((const char *)data, used, &other, &early, &early_used) ==
				SMTP_READ_REPLY &&
			    used == early_used,
		    "what follows changes nothing");
		require(smtp_reply_read((const char *)data, used - 1, &other, &early,
			    &early_used) == SMTP_READ_MORE,
		    "a part is not the whole");
	}
	strbuf_free(&lines);
	strbuf_free(&other);
	return 0;
}
