/* Strangers: anybody, those who only look as if they were trusted, and those who try to. */
#include <string.h>

#include "selftest/actors.h"
#include "selftest/limited.h"

/* Neighbours of networks: at a place where all is tried, and in the other manners. */
enum { NEIGHBOURS_MAX = 8, NEIGHBOURS_FEW = 4 };

static void add_stranger(struct casting *c, const struct addr *client, bool core)
{
	struct actor a = {
	    .name = client->family == ADDR_V6 ? "stranger-v6" : "stranger-v4",
	    .where = "",
	    .kind = ACTOR_STRANGER,
	    .core = core,
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

static bool is_played(const struct casting *c, const struct addr *a)
{
	for (size_t i = 0; i < c->plan->actor_count; i++)
		if (c->plan->actors[i].place == c->place &&
		    addr_equal(&c->plan->actors[i].connect.client_addr, a))
			return true;
	return false;
}

static bool addr_is_nobody(const struct addr *a)
{
	static const struct addr none = {.family = ADDR_NONE};

	return memcmp(a->bytes, none.bytes, sizeof(none.bytes)) == 0;
}

/* The address behind a network (even numbers), or before it. False: there is none. */
static bool neighbour_at(const struct netset *set, size_t number, struct addr *out)
{
	struct addr first, last;
	bool behind = number % 2 == 0;

	if (!netset_range(set, number / 2, &first, &last))
		return false;
	*out = behind ? last : first;
	/* No client is at 0.0.0.0 or [::]. */
	return addr_step(out, behind ? 1 : -1) && (behind || !addr_is_nobody(out));
}

/* Those of one rule with this number. How many are played: 0 or 1. */
static size_t cast_neighbour(struct casting *c, const struct relay_rule *rule, size_t number)
{
	struct actor a = {.name = "neighbour", .where = "", .kind = ACTOR_STRANGER, .core = true};
	struct addr outside;

	if (!casting_permits(rule, c->now) || !rule->criteria.client.given ||
	    !neighbour_at(rule->criteria.client.set, number, &outside) ||
	    casting_is_permitted(c, &outside) || is_played(c, &outside))
		return 0;
	casting_set_client(c, &a, &outside);
	casting_add(c, &a);
	return 1;
}

/* An address next to each network that may relay: a prefix a bit too short lets it in. */
static void cast_neighbours(struct casting *c)
{
	const size_t most = c->place->full ? NEIGHBOURS_MAX : NEIGHBOURS_FEW;
	size_t count = 0;

	/* They are somebody's, whom a ban would hit. */
	if (!c->means->everything && limited_may_ban(c->config)) {
		c->failed = c->failed || !plan_note(c->plan,
					     "neighbours of the networks that may relay are "
					     "tried through the guard's socket alone, as a limit "
					     "may ban them");
		return;
	}
	/* The first of each rule before the second of any. */
	for (size_t number = 0; number < 2 * most; number++) {
		const struct relay_rule *rule = casting_first_rule(c->config);

		for (; rule != NULL && count < most; rule = casting_next_rule(rule))
			count += cast_neighbour(c, rule, number);
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

/* Whom anybody can log in as, where the mail server lets him (RFC 4505). */
static void cast_anonymous(struct casting *c, const struct addr *client)
{
	struct actor a = {.name = "anonymous",
	    .where = "",
	    .kind = ACTOR_STRANGER,
	    .core = true,
	    .anonymous = true};

	casting_set_client(c, &a, client);
	if (c->means->everything) {
		a.mail.auth_login = "anonymous";
		a.mail.auth_mech = "ANONYMOUS";
	}
	casting_add(c, &a);
}

/*
 * Anybody can write a certificate of his own with the names that a rule asks for: what the mail
 * server has not verified proves nothing.
 */
static void cast_false_certificate(struct casting *c, const struct addr *client)
{
	const struct relay_rule *rule = casting_first_rule(c->config);
	struct actor a = {.name = "false-cert", .where = "", .kind = ACTOR_STRANGER, .core = true};
	bool asked = false;

	casting_set_client(c, &a, client);
	a.mail.tls_version = "TLSv1.3";
	a.mail.verify = "FAIL";
	for (; rule != NULL; rule = casting_next_rule(rule)) {
		const struct conf_texts *certs = &rule->criteria.cert.texts;

		for (size_t i = 0; casting_permits(rule, c->now) && i < certs->count; i++) {
			if (strncmp(certs->items[i], "subject:", 8) == 0)
				a.mail.cert_subject = certs->items[i] + 8;
			else if (strncmp(certs->items[i], "issuer:", 7) == 0)
				a.mail.cert_issuer = certs->items[i] + 7;
			else if (strcmp(certs->items[i], "verified") != 0)
				continue;
			asked = true;
		}
	}
	if (asked)
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
		add_stranger(c, &m->own[i], false);
		if (!any && m->wrong_login)
			cast_wrong_login(c, &m->own[i]);
		if (!any && m->anonymous)
			cast_anonymous(c, &m->own[i]);
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

	/* There the means are those of another place, but for where it is connected from. */
	if (!c->means->any_client || c->place->friends_only) {
		cast_own(c);
		return;
	}
	v4 = made_up(c, casting_nobodys_v4);
	v6 = made_up(c, casting_nobodys_v6);
	add_stranger(c, &v4, false);
	add_stranger(c, &v6, false);
	cast_neighbours(c);
	cast_false_name(c, &v4);
	if (c->means->everything)
		cast_false_certificate(c, &v4);
	if (c->means->wrong_login)
		cast_wrong_login(c, &v4);
	if (c->means->everything || c->means->anonymous)
		cast_anonymous(c, &v4);
	/* The mail server may trust this host where the configuration does not. */
	for (size_t i = 0; c->place->compared && i < c->means->own_count; i++)
		if (!casting_is_permitted(c, &c->means->own[i]) && !is_played(c, &c->means->own[i]))
			add_stranger(c, &c->means->own[i], true);
}
