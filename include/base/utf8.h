/* UTF-8, strictly (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the first character of the `len` (at least 1) bytes at `s` into *c and returns how many
 * bytes it has; 0 when it is none: no surrogates, no overlong forms, nothing above U+10FFFF.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *c);

/*
 * How many columns of a terminal the character takes: 0 for marks that stand on another, 2 for wide
 * and full-width ones (UAX #11), else 1.
 */
size_t utf8_width(uint32_t c);

#endif
