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

#endif
