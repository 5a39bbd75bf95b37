/* IP addresses and prefixes (RFC 4291, RFC 5952, RFC 4632). */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

enum addr_family { ADDR_NONE, ADDR_V4, ADDR_V6 };

/*
 * Network byte order; a V4 address uses the first four bytes and the rest are
 * zero. IPv4-mapped IPv6 (::ffff:192.0.2.1) never occurs here: whatever makes
 * an addr folds it to V4.
 */
struct addr {
	uint8_t bytes[16];
	enum addr_family family;
};

/* Host bits are zero. bits: 0 to 32 for V4, 0 to 128 for V6. */
struct prefix {
	struct addr addr;
	uint8_t bits;
};

/* Room for the longest text of an address or a prefix, its NUL included. */
#define ADDR_TEXT_MAX 48

/*
 * Reads an address of exactly `len` bytes: 192.0.2.1, 2001:db8::1, and with
 * the `IPv6:` tag of RFC 5321 4.1.3 in any case. No zone identifiers, no leading zeros
 * or short forms in IPv4. False, and *out is ADDR_NONE, for anything else.
 */
bool addr_parse(const char *text, size_t len, struct addr *out);

/* False, and ADDR_NONE, for anything but AF_INET and AF_INET6. *port may be NULL. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out, uint16_t *port);

/* RFC 5952 text; "" for ADDR_NONE. */
void addr_format(const struct addr *a, char text[ADDR_TEXT_MAX]);

bool addr_equal(const struct addr *a, const struct addr *b);

/* Becomes the next address (`by` is 1) or the one before (-1). False: there is none in its family.
 */
bool addr_step(struct addr *a, int by);

bool addr_is_loopback(const struct addr *a);

/*
 * Can it be somebody's in the public Internet? Not those of RFC 1918, 6598 and 3927, loopback,
 * multicast and reserved ones, unique local and link-local ones.
 */
bool addr_is_public(const struct addr *a);

enum prefix_error {
	PREFIX_OK,
	PREFIX_BAD_ADDRESS,
	PREFIX_BAD_BITS,
	PREFIX_HOST_BITS, /* 192.0.2.1/24: *out holds the network, 192.0.2.0/24 */
};

/*
 * Reads ADDRESS or ADDRESS/BITS. A mapped prefix of /96 or longer
 * (::ffff:192.0.2.0/120) is folded to V4, a shorter one (::ffff:0:0/90) is
 * PREFIX_BAD_BITS. ::/0 and other short prefixes that reach over the mapped
 * range are V6 and contain no V4 address.
 */
enum prefix_error prefix_parse(const char *text, size_t len, struct prefix *out);

/* The prefix of `bits` that covers `a`. bits above the family's width: the address itself. */
struct prefix prefix_of(const struct addr *a, unsigned bits);

bool prefix_contains(const struct prefix *p, const struct addr *a);
void prefix_format(const struct prefix *p, char text[ADDR_TEXT_MAX]);

#endif
