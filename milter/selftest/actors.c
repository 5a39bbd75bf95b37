#include "selftest/actors.h"

#include <stdio.h>
#include <string.h>

#include "selftest/way.h"

/* Of documentation (RFC 5737, RFC 3849) and benchmarks (RFC 2544, RFC 5180): nobody's. */
const char *const casting_nobodys_v4[] = {
    "203.0.113.9", "198.51.100.9", "192.0.2.9", "198.18.0.9", NULL};
const char *const casting_nobodys_v6[] = {"2001:db8::9", "2001:2::9", "3fff::9", NULL};

/* Any port but 0, which stands for mail handed in on the host itself. */
enum { CLIENT_PORT = 40000 };

/* --- the rules ------------------------------------------------------------- */

const struct relay_rule *casting_first_rule(const struct config *c)
{
	const struct relay_settings *relay;

	if (c == NULL)
		return NULL;
	relay = (const struct relay_settings *)(const void *)c->settings->relay;
	return relay == NULL ? NULL : (const struct relay_rule *)(const void *)relay->rules;
}

const struct relay_rule *casting_next_rule(const struct relay_rule *rule)
{
	return (const struct relay_rule *)(const void *)rule->head.next;
}

bool casting_permits(const struct relay_rule *rule, usec_t now)
{
	return rule->action == VERDICT_PERMIT && (rule->expires == 0 || now < rule->expires);
}

/* --- building -------------------------------------------------------------- */

const char *casting_keep(struct casting *c, const char *text)
{
	if (text == NULL)
		c->failed = true;
	return text == NULL ? "" : text;
}

void casting_add(struct casting *c, const struct actor *a)
{
	struct plan *p = c->plan;
	struct actor *actors = arena_alloc(&p->arena, (p->actor_count + 1) * sizeof(*actors));

	if (actors == NULL) {
		c->failed = true;
		return;
	}
	if (p->actor_count > 0)
		memcpy(actors, p->actors, p->actor_count * sizeof(*actors));
	actors[p->actor_count] = *a;
	actors[p->actor_count++].place = c->place;
	p->actors = actors;
}

/* The port of the place; that of the world where there is no server between. */
static const char *port_of(struct casting *c)
{
	const struct place *place = c->place;
	struct addr ignored;
	uint16_t port = 0;

	if (place == NULL || place->way == NULL || *place->name == '\0' ||
	    !addr_from_sockaddr((const struct sockaddr *)&place->way->to.addr, &ignored, &port) ||
	    port == 0)
		return "25";
	return casting_keep(c, arena_printf(&c->plan->arena, "%u", (unsigned)port));
}

void casting_set_client(struct casting *c, struct actor *a, const struct addr *client)
{
	char text[ADDR_TEXT_MAX];

	addr_format(client, text);
	a->connect = (struct stage_args){
	    .stage = STAGE_CONNECT,
	    .client_addr = *client,
	    .client_port = CLIENT_PORT,
	    .client_by_socket = true,
	    .client_name = casting_keep(c, arena_printf(&c->plan->arena, "[%s]", text)),
	    .daemon_name = "smtpd",
	    .daemon_addr = "127.0.0.1",
	    .daemon_port = port_of(c),
	};
	a->helo = casting_keep(c,
	    arena_printf(&c->plan->arena, client->family == ADDR_V6 ? "[IPv6:%s]" : "[%s]", text));
	a->mail.stage = STAGE_MAIL;
}

bool casting_is_permitted(const struct casting *c, const struct addr *a)
{
	const struct relay_rule *rule = casting_first_rule(c->config);

	for (; rule != NULL; rule = casting_next_rule(rule))
		if (casting_permits(rule, c->now) && rule->criteria.client.given &&
		    !criteria_prove_trust(&rule->criteria) &&
		    netset_contains(rule->criteria.client.set, a))
			return true;
	return false;
}

bool casting_trusts(const struct config *config, const struct addr *a, usec_t now)
{
	const struct casting c = {.config = config, .now = now};

	return casting_is_permitted(&c, a);
}

/* --- the rules that were never tried --- */

const char *casting_where(struct casting *c, const struct relay_rule *rule)
{
	return casting_keep(
	    c, arena_printf(&c->plan->arena, "%s:%u", rule->head.loc.file, rule->head.loc.line));
}

bool casting_open(struct casting *c)
{
	const struct relay_rule *rule = casting_first_rule(c->config);
	size_t count = 1;

	for (; rule != NULL; rule = casting_next_rule(rule))
		count++;
	c->reasons = arena_alloc(&c->plan->arena, count * sizeof(*c->reasons));
	return c->reasons != NULL;
}

/* Was a client of this rule played, of any family or of one? */
static bool was_cast(const struct casting *c, const char *where, enum addr_family family)
{
	for (size_t i = 0; i < c->plan->actor_count; i++)
		if (strcmp(c->plan->actors[i].where, where) == 0 &&
		    (family == ADDR_NONE ||
			c->plan->actors[i].connect.client_addr.family == family))
			return true;
	return false;
}

/* The family of networks whose clients none of the places is for; ADDR_NONE: all were played. */
static enum addr_family family_left(
    const struct casting *c, const struct relay_rule *rule, const char *where)
{
	const struct netset *set = rule->criteria.client.set;
	struct addr first, last;

	for (size_t i = 0; c->means->any_client && netset_range(set, i, &first, &last); i++)
		if (!was_cast(c, where, first.family))
			return first.family;
	return ADDR_NONE;
}

/* How many networks of a rule none of its clients is from. */
static size_t networks_left(
    const struct casting *c, const struct relay_rule *rule, const char *where)
{
	const struct netset *set = rule->criteria.client.set;
	const struct plan *p = c->plan;
	struct addr first, last;
	size_t left = 0;

	for (size_t i = 0; netset_range(set, i, &first, &last); i++) {
		bool any = false;

		for (size_t k = 0; k < p->actor_count && !any; k++) {
			const struct addr *a = &p->actors[k].connect.client_addr;

			any = strcmp(p->actors[k].where, where) == 0 && a->family == first.family &&
			      memcmp(a->bytes, first.bytes, sizeof(a->bytes)) >= 0 &&
			      memcmp(a->bytes, last.bytes, sizeof(a->bytes)) <= 0;
		}
		left += !any;
	}
	return left;
}

static bool note_networks(struct casting *c, const struct relay_rule *rule, const char *where)
{
	size_t left = networks_left(c, rule, where);

	return left == 0 ||
	       plan_note(c->plan,
		   "%zu of the %zu networks of rule %s (%s) are not tried: their clients can't be "
		   "played from here",
		   left, netset_ranges(rule->criteria.client.set), rule->head.name, where);
}

static bool note_rule(struct casting *c, const struct relay_rule *rule, size_t number)
{
	const char *where = casting_where(c, rule);
	enum addr_family left = ADDR_NONE;

	if (!was_cast(c, where, ADDR_NONE))
		return c->reasons[number] == NULL ||
		       plan_note(c->plan, "rule %s (%s) is not tried: %s", rule->head.name, where,
			   c->reasons[number]);
	if (rule->criteria.client.given && !c->means->any_client)
		return note_networks(c, rule, where);
	if (rule->criteria.client.given && !c->means->everything)
		left = family_left(c, rule, where);
	return left == ADDR_NONE ||
	       plan_note(c->plan,
		   "the IPv%c networks of rule %s (%s) are not tried: no address of the server is "
		   "of that family",
		   left == ADDR_V6 ? '6' : '4', rule->head.name, where);
}

void casting_close(struct casting *c)
{
	const struct relay_rule *rule = casting_first_rule(c->config);

	for (size_t number = 0; rule != NULL; rule = casting_next_rule(rule), number++)
		c->failed = !note_rule(c, rule, number) || c->failed;
}
