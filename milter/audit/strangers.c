#include "audit/strangers.h"

#include <string.h>
#include <strings.h>

#include "audit/suffix.h"
#include "base/netset.h"

bool strangers_below(const char *domain)
{
	/* The list has it for reverse names, below which nobody has mail. */
	if (strcasecmp(domain, "arpa") == 0)
		return false;
	return is_public_suffix(domain + (domain[0] == '.'));
}

/* --- networks ------------------------------------------------------------------------------- */

/* Not routed in the world, or never the address of a client of another site. */
static bool is_private(const struct prefix *p)
{
	static const char *const ranges[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	    "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "0.0.0.0/8", "224.0.0.0/3", "::1/128",
	    "fc00::/7", "fe80::/10", "ff00::/8", "::/128"};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct prefix r;

		if (prefix_parse(ranges[i], strlen(ranges[i]), &r) == PREFIX_OK &&
		    r.bits <= p->bits && prefix_contains(&r, &p->addr))
			return true;
	}
	return false;
}

/* Does `p` hold the network or lie within it? */
static bool overlaps(const struct prefix *p, const char *network)
{
	struct prefix r;

	if (prefix_parse(network, strlen(network), &r) != PREFIX_OK ||
	    r.addr.family != p->addr.family)
		return false;
	return prefix_contains(p, &r.addr) || prefix_contains(&r, &p->addr);
}

/*
 * Networks whose clients may be anybody, because a bridge or a gateway puts its own address in the
 * place of theirs: Docker's pool (172.17.0.0/16 to 172.31.0.0/16), Podman's, the CNI's, carrier
 * grade NAT. A single address is taken for a host that was meant.
 */
static bool may_hide_strangers(const struct prefix *p)
{
	static const char *const networks[] = {"172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14",
	    "172.24.0.0/13", "10.88.0.0/16", "10.244.0.0/16", "100.64.0.0/10"};

	if (p->addr.family == ADDR_V4 && p->bits == 32) {
		/* Docker's own gateway is what strangers come from. */
		const uint8_t *b = p->addr.bytes;

		return b[0] == 172 && b[1] >= 17 && b[1] <= 31 && b[2] == 0 && b[3] == 1;
	}
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
		if (overlaps(p, networks[i]))
			return true;
	return false;
}

int strangers_in(const struct prefix *p)
{
	struct netset_builder *b;
	struct netset *s = NULL;
	struct prefix why;
	bool world;

	if (p->addr.family == ADDR_NONE)
		return WAY_CLOSED;
	if (is_private(p))
		return may_hide_strangers(p) ? SEVERITY_MEDIUM : WAY_CLOSED;
	b = netset_builder_new();
	if (b != NULL && netset_builder_add(b, p))
		s = netset_build(&b);
	netset_builder_free(&b);
	world = s != NULL && netset_covers_world(s, &why);
	netset_free(&s);
	if (world || p->bits <= (p->addr.family == ADDR_V4 ? 8 : 16))
		return SEVERITY_HIGH;
	return p->bits < (p->addr.family == ADDR_V4 ? 16 : 32) ? SEVERITY_MEDIUM : WAY_CLOSED;
}
