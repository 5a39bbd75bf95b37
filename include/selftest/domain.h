/* What DNS says of a domain and of the servers that take its mail. */
#ifndef SELFTEST_DOMAIN_H
#define SELFTEST_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/resolver.h"
#include "selftest/places.h"
#include "selftest/side.h"

#define DOMAIN_SERVERS_MAX 16

/* The servers of a domain in the order in which others try them (RFC 5321 5.1). */
struct domain_servers {
	enum dns_status status;   /* of MX, or of the addresses of the domain itself */
	bool null_mx;             /* RFC 7505: it takes no mail */
	bool implicit;            /* there is no MX */
	bool unknown;             /* the addresses of one could not be looked up */
	char dead[DNS_NAME_SIZE]; /* the first that has no address; "": all have */
	size_t count;             /* addresses, each with port 25 */
	struct target all[DOMAIN_SERVERS_MAX];
};

void domain_servers(struct resolver *r, const char *domain, struct domain_servers *out);

/*
 * MX, SPF and DMARC of the domain: are they there, and do they name these addresses? `host` is what
 * the server calls itself. No address: that is not asked.
 */
void domain_inspect(struct side_findings *f, struct resolver *r, const char *domain,
    const char *host, const struct addr *addresses, size_t count, usec_t now);

/* The public addresses of a host, added behind the *count that are there, each once. */
void domain_addresses(
    struct resolver *r, const char *host, struct addr *all, size_t *count, size_t max);

/* Lists that are asked where the user names none; NULL-terminated. */
extern const char *const dnsbl_usual[];

/*
 * Is one of the addresses on a block list? A list is asked only when it is sane: it lists
 * 127.0.0.2, does not list 127.0.0.1 (RFC 5782 5), and answers no 127.255.255.x, which is an error
 * and no entry. Addresses that are nobody's in public are left out.
 */
void dnsbl_inspect(struct side_findings *f, struct resolver *r, const char *const *zones,
    const struct addr *addresses, size_t count);

#endif
