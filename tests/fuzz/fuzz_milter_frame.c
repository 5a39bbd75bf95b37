/* Any bytes from a milter: frames stay inside the buffer, replies are readable or refused. */
#include <stdint.h>
#include <string.h>

#include "../lib/require.h"
#include "wire/milter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_macros(const char *macros, size_t len)
{
	const char *list = NULL;
	size_t list_len = 0;

	if (!milter_macros_wanted(macros, len, MILTER_RCPT, &list, &list_len))
		return;
	require(list >= macros && list + list_len < macros + len, "a list is inside its frame");
	require(memchr(list, '\0', list_len) == NULL, "a list ends at its NUL");
	(void)milter_macro_in(list, list_len, "{rcpt_mailer}");
}

static void check_frame(const struct milter_frame *f)
{
	struct milter_options o;
	struct milter_reply r;
	const char *macros;
	size_t len;

	if (milter_read_negotiate(f, &o, &macros, &len)) {
		require(macros + len == f->payload + f->len, "macros end with the frame");
		check_macros(macros, len);
	}
	if (!milter_read_reply(f, &r))
		return;
	require(strlen(r.text) < sizeof(r.text), "a text ends");
	require(r.command != MILTER_REPLY_CODE || (r.code >= 400 && r.code <= 599),
	    "a refusal has its code");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data;
	struct milter_frame f;
	size_t used = 0;

	while (milter_frame_read(buf, size, &f, &used) == MILTER_READ_FRAME) {
		require(used >= 5 && used <= size, "a frame is inside the buffer");
		require(f.payload + f.len == buf + used, "a payload ends with its frame");
		check_frame(&f);
		buf += used;
		size -= used;
	}
	return 0;
}
