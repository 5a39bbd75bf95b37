/* Any bytes from a server: replies stay inside the buffer, whole or in parts. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_reply(const struct smtp_reply *r)
{
	const char *rest;
	size_t len;

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
