#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Decodes one character of valid UTF-8 (RFC 3629: no surrogates, no overlong
 * forms, nothing above U+10FFFF) and returns how many bytes it has; 0 when there is none.
 */
static size_t utf8_decode(const unsigned char *s, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t need = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (need == 1) {
		*c = s[0];
		return 1;
	}
	if (need > len || (need == 4 && (s[0] & 0xf8) != 0xf0))
		return 0;
	*c = s[0] & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[need] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return need;
}

/* What would act on a terminal or break a line although it is valid UTF-8. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void escape_json(struct strbuf *b, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	strbuf_putc(b, '"');
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c = 0;

		n = utf8_decode(p + i, len - i, &c);
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

		n = utf8_decode(p + i, len - i, &c);
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
		strbuf_putc(b, s[i] >= ' ' && s[i] <= '~' ? s[i] : '?');
}
