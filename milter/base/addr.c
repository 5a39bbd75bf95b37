#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static unsigned family_bits(enum addr_family f)
{
	return f == ADDR_V4 ? 32 : f == ADDR_V6 ? 128 : 0;
}

static void from_v4(const uint8_t bytes[4], struct addr *out)
{
	*out = (struct addr){.family = ADDR_V4};
	memcpy(out->bytes, bytes, 4);
}

static void from_v6(const uint8_t bytes[16], struct addr *out)
{
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		from_v4(bytes + 12, out);
		return;
	}
	*out = (struct addr){.family = ADDR_V6};
	memcpy(out->bytes, bytes, 16);
}

/* Without folding: a prefix needs to see the mapped form. */
static bool parse_plain(const char *text, size_t len, uint8_t bytes[16], enum addr_family *family)
{
	char copy[INET6_ADDRSTRLEN + 1];

	if (len > 5 && strncasecmp(text, "IPv6:", 5) == 0) {
		text += 5;
		len -= 5;
		if (memchr(text, ':', len) == NULL)
			return false;
	}
	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*family = strchr(copy, ':') != NULL ? ADDR_V6 : ADDR_V4;
	return inet_pton(*family == ADDR_V6 ? AF_INET6 : AF_INET, copy, bytes) == 1;
}

bool addr_parse(const char *text, size_t len, struct addr *out)
{
	uint8_t bytes[16];
	enum addr_family family;

	*out = (struct addr){.family = ADDR_NONE};
	if (!parse_plain(text, len, bytes, &family))
		return false;
	if (family == ADDR_V4)
		from_v4(bytes, out);
	else
		from_v6(bytes, out);
	return true;
}

bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out, uint16_t *port)
{
	*out = (struct addr){.family = ADDR_NONE};
	if (port != NULL)
		*port = 0;
	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		from_v4((const uint8_t *)&in.sin_addr, out);
		if (port != NULL)
			*port = ntohs(in.sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		from_v6(in6.sin6_addr.s6_addr, out);
		if (port != NULL)
			*port = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}

void addr_format(const struct addr *a, char text[ADDR_TEXT_MAX])
{
	text[0] = '\0';
	if (a->family == ADDR_V4)
		inet_ntop(AF_INET, a->bytes, text, ADDR_TEXT_MAX);
	else if (a->family == ADDR_V6)
		inet_ntop(AF_INET6, a->bytes, text, ADDR_TEXT_MAX);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool addr_step(struct addr *a, int by)
{
	const uint8_t end = by > 0 ? 0xff : 0;
	size_t i = a->family == ADDR_NONE ? 0 : a->family == ADDR_V4 ? 4 : 16;

	while (i > 0 && a->bytes[i - 1] == end)
		a->bytes[--i] = (uint8_t)~end;
	if (i > 0)
		a->bytes[i - 1] = (uint8_t)(a->bytes[i - 1] + (by > 0 ? 1 : -1));
	return i > 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return (a->family == ADDR_V4 && a->bytes[0] == 127) ||
	       (a->family == ADDR_V6 && memcmp(a->bytes, one, sizeof(one)) == 0);
}

bool addr_is_public(const struct addr *a)
{
	const uint8_t *b = a->bytes;

	if (a->family == ADDR_V6)
		return (b[0] & 0xe0) == 0x20;
	return a->family == ADDR_V4 && b[0] != 0 && b[0] != 10 && b[0] != 127 && b[0] < 224 &&
	       !(b[0] == 172 && (b[1] & 0xf0) == 16) && !(b[0] == 192 && b[1] == 168) &&
	       !(b[0] == 100 && (b[1] & 0xc0) == 64) && !(b[0] == 169 && b[1] == 254);
}

static void clear_host_bits(uint8_t bytes[16], unsigned bits)
{
	if (bits % 8 != 0)
		bytes[bits / 8] &= (uint8_t)(0xff00U >> (bits % 8));
	for (unsigned i = (bits + 7) / 8; i < 16; i++)
		bytes[i] = 0;
}

/* Decimal without sign and without leading zeros, at most `max`. */
static bool parse_bits(const char *text, size_t len, unsigned max, unsigned *out)
{
	unsigned n = 0;

	if (len == 0 || len > 3 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text[i] - '0');
	}
	*out = n;
	return n <= max;
}

enum prefix_error prefix_parse(const char *text, size_t len, struct prefix *out)
{
	const char *slash = memchr(text, '/', len);
	size_t addr_len = slash == NULL ? len : (size_t)(slash - text);
	uint8_t bytes[16] = {0};
	enum addr_family family;
	unsigned bits;
	struct addr whole;

	*out = (struct prefix){.addr = {.family = ADDR_NONE}};
	if (!parse_plain(text, addr_len, bytes, &family))
		return PREFIX_BAD_ADDRESS;
	bits = family_bits(family);
	if (slash != NULL && !parse_bits(slash + 1, len - addr_len - 1, bits, &bits))
		return PREFIX_BAD_BITS;
	if (family == ADDR_V6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		if (bits < 96)
			return PREFIX_BAD_BITS;
		memmove(bytes, bytes + 12, 4);
		memset(bytes + 4, 0, 12);
		family = ADDR_V4;
		bits -= 96;
	}
	whole = (struct addr){.family = family};
	memcpy(whole.bytes, bytes, family == ADDR_V4 ? 4 : 16);
	*out = prefix_of(&whole, bits);
	return addr_equal(&whole, &out->addr) ? PREFIX_OK : PREFIX_HOST_BITS;
}

struct prefix prefix_of(const struct addr *a, unsigned bits)
{
	struct prefix p = {.addr = *a};
	unsigned width = family_bits(a->family);

	p.bits = (uint8_t)(bits > width ? width : bits);
	if (width != 0)
		clear_host_bits(p.addr.bytes, p.bits);
	return p;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	struct prefix q;

	if (a->family == ADDR_NONE || a->family != p->addr.family)
		return false;
	q = prefix_of(a, p->bits);
	return addr_equal(&q.addr, &p->addr);
}

void prefix_format(const struct prefix *p, char text[ADDR_TEXT_MAX])
{
	size_t len;

	addr_format(&p->addr, text);
	len = strlen(text);
	if (len > 0)
		snprintf(text + len, ADDR_TEXT_MAX - len, "/%u", (unsigned)p->bits);
}
