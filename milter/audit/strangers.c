#include "audit/strangers.h"

#include <string.h>
#include <strings.h>

#include "base/netset.h"

/* Suffixes of more than one label that mail tables are seen with; all single labels count. */
static const char *const suffixes[] = {"ac.id", "ac.in", "ac.jp", "ac.nz", "ac.uk", "ac.za",
    "appspot.com", "asn.au", "azurewebsites.net", "blogspot.com", "cloudfront.net", "co.at",
    "co.id", "co.il", "co.in", "co.jp", "co.ke", "co.kr", "co.nz", "co.th", "co.uk", "co.za",
    "com.ar", "com.au", "com.bd", "com.br", "com.cn", "com.co", "com.eg", "com.gr", "com.hk",
    "com.mx", "com.my", "com.ng", "com.pe", "com.ph", "com.pk", "com.pl", "com.pt", "com.ru",
    "com.sa", "com.sg", "com.tr", "com.tw", "com.ua", "com.ve", "com.vn", "ddns.net", "dyndns.org",
    "edu.au", "edu.cn", "edu.tw", "firebaseapp.com", "github.io", "gitlab.io", "go.jp", "gov.au",
    "gov.br", "gov.cn", "gov.in", "gov.uk", "herokuapp.com", "id.au", "ltd.uk", "me.uk", "ne.jp",
    "net.au", "net.br", "net.cn", "net.in", "net.nz", "net.pl", "net.ru", "net.tr", "net.tw",
    "net.uk", "nhs.uk", "nom.br", "no-ip.org", "or.at", "or.jp", "or.kr", "org.ar", "org.au",
    "org.br", "org.cn", "org.in", "org.mx", "org.nz", "org.pl", "org.ru", "org.tr", "org.tw",
    "org.uk", "org.za", "plc.uk", "sch.uk", "web.app", "web.za"};

/* Single labels that nobody can register below. */
static const char *const private_labels[] = {"localhost", "localdomain", "local", "lan", "home",
    "internal", "intranet", "intern", "corp", "private", "test", "example", "invalid", "domain",
    "localnet", "arpa"};

static bool is_in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(list[i], name) == 0)
			return true;
	return false;
}

bool strangers_below(const char *domain)
{
	if (domain[0] == '.')
		domain++;
	if (domain[0] == '\0')
		return false;
	if (strchr(domain, '.') != NULL)
		return is_in(domain, suffixes, sizeof(suffixes) / sizeof(suffixes[0]));
	if (strspn(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") < 2 ||
	    strcspn(domain, " *?/:@") != strlen(domain))
		return false;
	return !is_in(domain, private_labels, sizeof(private_labels) / sizeof(private_labels[0]));
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
