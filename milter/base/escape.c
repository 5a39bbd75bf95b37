#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* What would act on a terminal or break a line although it is valid UTF-8. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x00ad || c == 0x061c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       /* No characters, and no XML. */
	       c == 0xfffe || c == 0xffff;
}

void escape_json(struct strbuf *b, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	strbuf_putc(b, '"');
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c = 0;

		n = utf8_decode(s + i, len - i, &c);
		if (n == 0) {
			n = 1;
			strbuf_printf(b, "\\udc%02x", p[i]);
		} else if (c == '"' || c == '\\') {
			strbuf_putc(b, '\\');
			strbuf_putc(b, (char)c);
		} else if (is_unsafe(c)) {
			strbuf_printf(b, "\\u%04x", (unsigned)c);
		} else {
			strbuf_add(b, p + i, n);
		}
	}
	strbuf_putc(b, '"');
}

void escape_text(struct strbuf *b, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c = 0;

		n = utf8_decode(s + i, len - i, &c);
		if (n == 0 || is_unsafe(c)) {
			n = n == 0 ? 1 : n;
			for (size_t k = 0; k < n; k++)
				strbuf_printf(b, "\\x%02x", p[i + k]);
		} else if (c == '\\') {
			strbuf_puts(b, "\\\\");
		} else {
			strbuf_add(b, p + i, n);
		}
	}
}

void escape_reply(struct strbuf *b, const char *s, size_t len, size_t max)
{
	for (size_t i = 0; i < len && i < max; i++)
		strbuf_putc(b, (char)(s[i] >= ' ' && s[i] <= '~' ? s[i] : '?'));
}
