/* What is inside a record. All of it was written by strangers. */
#include <stdlib.h>
#include <string.h>

#include "auth/resolver.h"

/* Can this byte of a label be shown as itself? */
static bool is_plain(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}

bool dns_rdata_name(const struct dns_rdata *r, size_t offset, char name[DNS_NAME_SIZE])
{
	size_t used = 0, at = offset;

	name[0] = '\0';
	while (at < r->len && r->data[at] != 0) {
		size_t label = r->data[at++];

		if (label > 63 || label > r->len - at || used + label + 1 > 254)
			goto bad;
		if (used > 0)
			name[used++] = '.';
		for (size_t i = 0; i < label; i++, at++) {
			if (!is_plain(r->data[at]))
				goto bad;
			name[used++] = (char)r->data[at];
		}
	}
	if (at + 1 != r->len)
		goto bad;
	name[used] = '\0';
	return true;
bad:
	name[0] = '\0';
	return false;
}

bool dns_rdata_txt(const struct dns_rdata *r, char **text, size_t *len)
{
	size_t used = 0;
	char *out;

	*text = NULL;
	*len = 0;
	if (r->len == 0 || (out = malloc(r->len + 1)) == NULL)
		return false;
	for (size_t at = 0; at < r->len;) {
		size_t n = r->data[at++];

		if (n > r->len - at) {
			free(out);
			return false;
		}
		memcpy(out + used, r->data + at, n);
		used += n;
		at += n;
	}
	out[used] = '\0';
	*text = out;
	*len = used;
	return true;
}
