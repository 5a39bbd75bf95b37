/* Whatever the bytes: one line of valid UTF-8 that decodes to them. */
#include <stdlib.h>
#include <string.h>

#include "../lib/unescape.h"
#include "base/escape.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c;

		n = utf8_decode(s + i, len - i, &c);
		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = {0};
	char *text = malloc(size), *back = malloc(size * 6 + 2);
	size_t len;

	if (text == NULL || back == NULL)
		abort();
	memcpy(text, data, size);

	escape_json(&b, text, size);
	check_line(b.data, b.len);
	if (!unescape_json(strbuf_text(&b), back, &len) || len != size ||
	    memcmp(back, text, size) != 0)
		abort();

	strbuf_reset(&b);
	escape_text(&b, text, size);
	check_line(strbuf_text(&b), b.len);
	if (!unescape_text(strbuf_text(&b), back, &len) || len != size ||
	    memcmp(back, text, size) != 0)
		abort();

	strbuf_reset(&b);
	escape_reply(&b, text, size, 100);
	if (b.len != (size < 100 ? size : 100))
		abort();
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] < ' ' || b.data[i] > '~')
			abort();
	strbuf_free(&b);
	free(text);
	free(back);
	return 0;
}
