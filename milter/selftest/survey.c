#include "selftest/survey.h"

#include <ifaddrs.h>
#include <string.h>
#include <unistd.h>

#include "selftest/actors.h"
#include "selftest/domain.h"
#include "selftest/inspect.h"

/*
 * Is this host the server itself, or may it relay, so that what is offered to it is offered to no
 * stranger? Not where it was told to come from an address that is a stranger's.
 */
static bool is_trusted(const struct survey *s, const struct way *w)
{
	bool own = addr_is_loopback(&w->own) || addr_equal(&w->own, &w->peer);

	return (own && w->source.family == ADDR_NONE) ||
	       (s->config != NULL && casting_trusts(s->config, &w->own, s->now));
}

static void look_at_servers(const struct survey *s, struct side_findings *f)
{
	const char *recipient = arena_printf(&f->arena, "<postmaster@%s>", s->names->ours);
	const char *own = s->options->smuggling_to == NULL
	                      ? NULL
	                      : arena_printf(&f->arena, "<%s>", s->options->smuggling_to);
	const char *sender = arena_printf(&f->arena, "<selftest@%s>", s->names->outside);

	const struct smuggling smuggling = {.recipient = own == NULL ? recipient : own,
	    .sender = sender,
	    .nonce = s->names->nonce,
	    .sink = own == NULL ? NULL : s->sink,
	    .wait = s->options->wait};

	if (recipient == NULL || sender == NULL) {
		f->failed = true;
		return;
	}
	for (size_t i = 0; i < s->places->count; i++) {
		const struct place *place = &s->places->all[i];

		/* Each listener once, and not the guard's own socket. */
		if (!place->full || *place->name == '\0')
			continue;
		inspect_server(f, place, is_trusted(s, place->way), s->names->nonce, s->now);
		if (s->options->smuggling)
			inspect_smuggling(f, place, &smuggling);
	}
}

/* --- DNS ---------------------------------------------------------------------------- */

struct addresses {
	struct addr all[PLACES_MAX];
	size_t count;
};

static void add_address(struct addresses *to, const struct addr *a)
{
	for (size_t i = 0; i < to->count; i++)
		if (addr_equal(&to->all[i], a))
			return;
	if (to->count < PLACES_MAX && addr_is_public(a))
		to->all[to->count++] = *a;
}

static void add_own(struct addresses *to)
{
	struct ifaddrs *all = NULL;
	struct addr a;

	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		if (addr_from_sockaddr(i->ifa_addr, &a, NULL))
			add_address(to, &a);
	freeifaddrs(all);
}

/* What the world calls the server: by itself, or else by this host, when it is here. */
static void add_by_name(const struct survey *s, const struct way *w, struct addresses *to)
{
	char own[sizeof(w->host)] = "";
	const char *host = w->host;

	if (*host == '\0' && gethostname(own, sizeof(own) - 1) == 0 && strchr(own, '.') != NULL)
		host = own;
	if (*host != '\0')
		domain_addresses(s->resolver, host, to->all, &to->count, PLACES_MAX);
}

/*
 * The addresses by which the world knows the servers. One that is reached at an address of no
 * meaning elsewhere has those of this host, and, as it may stand behind another, those of its name.
 */
static void find_addresses(const struct survey *s, struct addresses *to)
{
	for (size_t i = 0; i < s->places->count; i++) {
		const struct way *w = &s->places->ways[i];

		if (!s->places->all[i].full)
			continue;
		add_address(to, &w->peer);
		if (addr_is_public(&w->peer))
			continue;
		if (w->peer.family == ADDR_NONE || addr_is_loopback(&w->peer) ||
		    addr_equal(&w->own, &w->peer))
			add_own(to);
		add_by_name(s, w, to);
	}
}

static void look_at_dns(const struct survey *s, struct side_findings *f)
{
	const char *const *lists = s->options->dnsbl_count > 0 ? s->options->dnsbl : dnsbl_usual;
	struct addresses found = {.count = 0};

	find_addresses(s, &found);
	if (found.count == 0)
		side_add(f, SEVERITY_NOTE, s->names->ours, "address-unknown",
		    "No public address of the server is known, of this host or of the name %.100s "
		    "in DNS: whether MX and SPF name it, and whether it is on a block list, is not "
		    "looked at. Give its name or address with --smtp, or use --mx.",
		    s->names->host);
	domain_inspect(
	    f, s->resolver, s->names->ours, s->names->host, found.all, found.count, s->now);
	dnsbl_inspect(f, s->resolver, lists, found.all, found.count);
}

void survey_run(const struct survey *s, struct side_findings *f)
{
	look_at_servers(s, f);
	if (s->resolver != NULL)
		look_at_dns(s, f);
}
