/* The way back from escape_json() and escape_text(), for tests. */
#ifndef TESTS_UNESCAPE_H
#define TESTS_UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* False when there are not `count` hexadecimal digits. */
static inline bool unescape_hex(const char *s, size_t count, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < count; i++) {
		const char *digits = "0123456789abcdef",
			   *d = s[i] == '\0' ? NULL : strchr(digits, s[i]);

		if (d == NULL)
			return false;
		*out = *out << 4 | (uint32_t)(d - digits);
	}
	return true;
}

/* UTF-8 for a character below U+10000; U+DC80 to U+DCFF stand for the bytes 80 to FF. */
static inline size_t unescape_character(uint32_t c, char *out)
{
	size_t n = 0;

	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c >= 0xdc80 && c <= 0xdcff) {
		out[n++] = (char)(c - 0xdc00);
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | c >> 6);
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[n++] = (char)(0xe0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	}
	return n;
}

/* `out` has room for strlen(s) bytes. False when `s` is not one JSON string on one line. */
static inline bool unescape_json(const char *s, char *out, size_t *len)
{
	*len = 0;
	if (*s++ != '"')
		return false;
	for (; *s != '"'; s++) {
		uint32_t c;

		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
		if (*s != '\\') {
			out[(*len)++] = *s;
			continue;
		}
		s++;
		if (*s == '"' || *s == '\\') {
			out[(*len)++] = *s;
			continue;
		}
		if (*s != 'u' || !unescape_hex(s + 1, 4, &c))
			return false;
		if (c >= 0xd800 && c <= 0xdfff && (c < 0xdc80 || c > 0xdcff))
			return false;
		*len += unescape_character(c, out + *len);
		s += 4;
	}
	return s[1] == '\0';
}

static inline bool unescape_text(const char *s, char *out, size_t *len)
{
	*len = 0;
	for (; *s != '\0'; s++) {
		uint32_t c;

		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
		if (*s != '\\') {
			out[(*len)++] = *s;
		} else if (s[1] == '\\') {
			out[(*len)++] = *++s;
		} else if (s[1] == 'x' && unescape_hex(s + 2, 2, &c)) {
			out[(*len)++] = (char)c;
			s += 3;
		} else {
			return false;
		}
	}
	return true;
}

#endif
