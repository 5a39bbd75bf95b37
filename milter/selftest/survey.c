#include "selftest/survey.h"

#include "selftest/actors.h"
#include "selftest/domain.h"
#include "selftest/inspect.h"

/*
 * Is this host the server itself, or may it relay, so that what is offered to it is offered to no
 * stranger?
 */
static bool is_trusted(const struct survey *s, const struct way *w)
{
	return addr_is_loopback(&w->own) || addr_equal(&w->own, &w->peer) ||
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

static void look_at_dns(const struct survey *s, struct side_findings *f)
{
	const char *const *lists = s->options->dnsbl_count > 0 ? s->options->dnsbl : dnsbl_usual;
	struct addr all[PLACES_MAX];
	size_t count = 0, k;

	for (size_t i = 0; i < s->places->count; i++) {
		const struct addr *a = &s->places->ways[i].peer;

		k = 0;
		while (k < count && !addr_equal(&all[k], a))
			k++;
		if (k == count && a->family != ADDR_NONE)
			all[count++] = *a;
	}
	domain_inspect(f, s->resolver, s->names->ours, s->names->host, all, count, s->now);
	dnsbl_inspect(f, s->resolver, lists, all, count);
}

void survey_run(const struct survey *s, struct side_findings *f)
{
	look_at_servers(s, f);
	if (s->resolver != NULL)
		look_at_dns(s, f);
}
