#include "core/fingerprint.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	size_t hex;
} digests[] = {
    {"md5", 32},
    {"sha1", 40},
    {"sha256", 64},
    {"sha384", 96},
    {"sha512", 128},
};

enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

/* Copies the hex digits in lower case; 0 when there is anything but these and colons. */
static size_t copy_hex(const char *s, char *out, size_t max)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *s != '\0'; s++) {
		char c = *s;

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (c == ':')
			continue;
		if (n == max || strchr(hex, c) == NULL)
			return 0;
		out[n++] = c;
	}
	return n;
}

/* The digest that is named before the first colon, and *s moved behind it; DIGESTS: none. */
static size_t named_digest(const char **s)
{
	for (size_t i = 0; i < DIGESTS; i++) {
		size_t len = strlen(digests[i].name);

		if (strncasecmp(*s, digests[i].name, len) == 0 && (*s)[len] == ':') {
			*s += len + 1;
			return i;
		}
	}
	return DIGESTS;
}

static size_t digest_of_length(size_t hex)
{
	size_t i = 0;

	while (i < DIGESTS && digests[i].hex != hex)
		i++;
	return i;
}

bool fingerprint_canonical(const char *text, char out[FINGERPRINT_SIZE])
{
	char digits[FINGERPRINT_SIZE];
	size_t which = named_digest(&text);
	size_t len = copy_hex(text, digits, sizeof(digits)), prefix;

	out[0] = '\0';
	if (which == DIGESTS)
		which = digest_of_length(len);
	if (which == DIGESTS || digests[which].hex != len)
		return false;
	prefix = strlen(digests[which].name);
	memcpy(out, digests[which].name, prefix);
	out[prefix] = ':';
	memcpy(out + prefix + 1, digits, len);
	out[prefix + 1 + len] = '\0';
	return true;
}
