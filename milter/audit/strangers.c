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
 * place of theirs: Docker's pools, Podman's, the CNI's, those of virtual machines behind NAT,
 * carrier grade NAT, and what NAT64 makes of the IPv4 world. Of a single address only the gateway's
 * own counts: any other is taken for a host that was meant.
 */
static const struct {
	const char *network, *gateway; /* gateway "": none that is known */
} translators[] = {{"172.17.0.0/16", "172.17.0.1"}, {"172.18.0.0/15", "172.18.0.1"},
    {"172.20.0.0/14", "172.20.0.1"}, {"172.24.0.0/13", "172.24.0.1"},
    {"192.168.65.0/24", "192.168.65.1"}, {"10.88.0.0/16", "10.88.0.1"},
    {"10.89.0.0/16", "10.89.0.1"}, {"10.42.0.0/16", "10.42.0.1"}, {"10.244.0.0/16", "10.244.0.1"},
    {"10.0.2.0/24", "10.0.2.2"}, {"10.0.3.0/24", "10.0.3.1"}, {"192.168.122.0/24", "192.168.122.1"},
    {"100.64.0.0/10", ""}, {"fd4d:6169:6c63:6f77::/64", "fd4d:6169:6c63:6f77::1"},
    {"64:ff9b::/96", ""}};

/* The first address of one of Docker's networks, which are cut from 172.17.0.0 to 172.31.255.255.
 */
static bool is_docker_gateway(const struct addr *a)
{
	const uint8_t *b = a->bytes;

	return a->family == ADDR_V4 && b[0] == 172 && b[1] >= 17 && b[1] <= 31 && b[3] == 1;
}

bool strangers_behind(const struct prefix *p)
{
	bool single = p->bits == (p->addr.family == ADDR_V4 ? 32 : 128);
	struct addr gateway;

	if (single && is_docker_gateway(&p->addr))
		return true;
	for (size_t i = 0; i < sizeof(translators) / sizeof(translators[0]); i++) {
		const char *own = translators[i].gateway;

		if (single
			? addr_parse(own, strlen(own), &gateway) && addr_equal(&gateway, &p->addr)
			: overlaps(p, translators[i].network))
			return is_private(p) || overlaps(p, "64:ff9b::/96");
	}
	return false;
}

/*
 * What is more than one site has? IPv4: a /24 is what is announced and sold as one, a /22 what a
 * small provider began with, a /20 and more is one's customers. IPv6: a site has a /48 (RFC 6177),
 * a provider a /32 or more.
 */
static int public_reach(const struct prefix *p)
{
	bool v4 = p->addr.family == ADDR_V4;

	if (p->bits <= (v4 ? 8 : 16))
		return SEVERITY_HIGH;
	if (p->bits < (v4 ? 20 : 33))
		return SEVERITY_MEDIUM;
	return p->bits < (v4 ? 24 : 48) ? SEVERITY_LOW : WAY_CLOSED;
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
		return strangers_behind(p) ? SEVERITY_MEDIUM : WAY_CLOSED;
	b = netset_builder_new();
	if (b != NULL && netset_builder_add(b, p))
		s = netset_build(&b);
	netset_builder_free(&b);
	world = s != NULL && netset_covers_world(s, &why);
	netset_free(&s);
	if (world)
		return SEVERITY_HIGH;
	return strangers_behind(p) ? SEVERITY_MEDIUM : public_reach(p);
}
