/* Strangers: anybody, those who only look as if they were trusted, and those who try to. */
#include <string.h>

#include "selftest/actors.h"
#include "selftest/limited.h"

/* Networks whose neighbours are played. */
enum { NEIGHBOURS_MAX = 4 };

static void add_stranger(struct casting *c, const struct addr *client)
{
	struct actor a = {
	    .name = client->family == ADDR_V6 ? "stranger-v6" : "stranger-v4",
	    .where = "",
	    .kind = ACTOR_STRANGER,
	};

	casting_set_client(c, &a, client);
	casting_add(c, &a);
}

/* The first that no rule permits; where all are permitted, the alarm is due: the first. */
static struct addr made_up(const struct casting *c, const char *const *candidates)
{
	struct addr first = {.family = ADDR_NONE}, a;

	(void)addr_parse(candidates[0], strlen(candidates[0]), &first);
	for (; *candidates != NULL; candidates++)
		if (addr_parse(*candidates, strlen(*candidates), &a) &&
		    !casting_is_permitted(c, &a))
			return a;
	return first;
}

/* --- those who look trusted ------------------------------------------------- */

/* Adds 2^`bit` to an address. False: there is none so high. */
static bool addr_advance(struct addr *a, unsigned bit)
{
	size_t len = a->family == ADDR_V4 ? 4 : 16, i = len - 1 - bit / 8;
	unsigned carry = 1U << bit % 8;

	for (size_t k = i + 1; k-- > 0 && carry > 0; carry >>= 8) {
		carry += a->bytes[k];
		a->bytes[k] = (unsigned char)(carry & 0xff);
	}
	return carry == 0;
}

/* The first address behind the networks that hold `a` in one piece. False: there is none. */
static bool address_behind(const struct netset *set, const struct addr *a, struct addr *out)
{
	unsigned bits = a->family == ADDR_V4 ? 32 : 128, bit = 0;
	struct addr in = *a, next;

	/* Leaps that double while they stay inside, then leaps that halve. */
	while (bit < bits && (next = in, addr_advance(&next, bit)) && netset_contains(set, &next)) {
		in = next;
		bit++;
	}
	while (bit-- > 0) {
		next = in;
		if (addr_advance(&next, bit) && netset_contains(set, &next))
			in = next;
	}
	*out = in;
	return addr_advance(out, 0) && !netset_contains(set, out);
}

static bool is_played(const struct casting *c, const struct addr *a)
{
	for (size_t i = 0; i < c->plan->actor_count; i++)
		if (c->plan->actors[i].place == c->place &&
		    addr_equal(&c->plan->actors[i].connect.client_addr, a))
			return true;
	return false;
}

/* An address next to each network that may relay: a prefix a bit too short lets it in. */
static void cast_neighbours(struct casting *c)
{
	const struct relay_rule *rule = casting_first_rule(c->config);
	size_t count = 0;

	/* They are somebody's, whom a ban would hit. */
	if (!c->means->everything && limited_may_ban(c->config)) {
		c->failed = c->failed || !plan_note(c->plan,
					     "neighbours of the networks that may relay are "
					     "tried through the guard's socket alone, as a limit "
					     "may ban them");
		return;
	}
	for (; rule != NULL && count < NEIGHBOURS_MAX; rule = casting_next_rule(rule)) {
		struct actor a = {
		    .name = "neighbour", .where = "", .kind = ACTOR_STRANGER, .core = true};
		struct addr inside, outside;

		if (!casting_permits(rule, c->now) || !rule->criteria.client.given ||
		    !netset_first_host(rule->criteria.client.set, &inside) ||
		    !address_behind(rule->criteria.client.set, &inside, &outside) ||
		    casting_is_permitted(c, &outside) || is_played(c, &outside))
			continue;
		casting_set_client(c, &a, &outside);
		casting_add(c, &a);
		count++;
	}
}

/* Whoever has the reverse zone of his network can call himself as he likes. */
static void cast_false_name(struct casting *c, const struct addr *client)
{
	struct actor a = {.name = "false-name", .where = "", .kind = ACTOR_STRANGER, .core = true};

	casting_set_client(c, &a, client);
	a.connect.client_name =
	    casting_keep(c, arena_printf(&c->plan->arena, "mail.%s", c->plan->names.ours));
	casting_add(c, &a);
}

static void cast_wrong_login(struct casting *c, const struct addr *client)
{
	struct actor a = {.name = "wrong-login",
	    .where = "",
	    .kind = ACTOR_STRANGER,
	    .core = true,
	    .wrong_login = true};

	casting_set_client(c, &a, client);
	casting_add(c, &a);
}

/* --- all of them ------------------------------------------------------------ */

static void cast_own(struct casting *c)
{
	const struct means *m = c->means;
	char text[ADDR_TEXT_MAX] = "";
	bool any = false;

	for (size_t i = 0; i < m->own_count; i++) {
		if (casting_is_permitted(c, &m->own[i])) {
			addr_format(&m->own[i], text);
			continue;
		}
		add_stranger(c, &m->own[i]);
		if (!any && m->wrong_login)
			cast_wrong_login(c, &m->own[i]);
		any = true;
	}
	/* What holds for a listener is said once, not for each manner of speaking to it. */
	if (!any && c->place->full &&
	    !plan_note(c->plan,
		"%s%sno stranger can be played: %s, where this command connects from, may relay by "
		"the configuration; %s",
		c->place->name, *c->place->name == '\0' ? "" : ": ", text,
		m->no_clients == NULL ? "" : m->no_clients))
		c->failed = true;
}

void cast_strangers(struct casting *c)
{
	struct addr v4, v6;

	if (!c->means->any_client) {
		cast_own(c);
		return;
	}
	v4 = made_up(c, casting_nobodys_v4);
	v6 = made_up(c, casting_nobodys_v6);
	add_stranger(c, &v4);
	add_stranger(c, &v6);
	cast_neighbours(c);
	cast_false_name(c, &v4);
	if (c->means->wrong_login)
		cast_wrong_login(c, &v4);
}
