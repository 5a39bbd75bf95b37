/* Friends: clients that the rules of the configuration are for. */
#include <string.h>

#include "selftest/actors.h"
#include "selftest/decide.h"
#include "selftest/way.h"

/* Of one rule, at a place where all is tried. */
enum { CLIENTS_MAX = 32 };

/* --- what a rule asks for ---------------------------------------------------- */

static bool own_address_in(
    const struct means *m, const struct netset *set, bool given, struct addr *out)
{
	for (size_t i = 0; i < m->own_count; i++) {
		if (given && !netset_contains(set, &m->own[i]))
			continue;
		*out = m->own[i];
		return true;
	}
	return false;
}

static size_t host_count(const struct netset *set)
{
	return 2 * netset_ranges(set);
}

/* The lowest and the highest address that a host of each network may have, by turns. */
static bool host_at(const struct netset *set, size_t n, struct addr *out)
{
	struct addr last, low;

	if (!netset_range(set, n / 2, out, &last))
		return false;
	low = *out;
	if (!addr_equal(&low, &last))
		(void)addr_step(&low, 1);
	/* The last of an IPv4 network is everybody's. */
	if (last.family == ADDR_V4 && !addr_equal(&low, &last))
		(void)addr_step(&last, -1);
	*out = n % 2 == 0 ? low : last;
	return true;
}

/* Of a long list some are tried, evenly from its first to its last. */
static size_t spread(size_t n, size_t of, size_t count)
{
	return count <= of ? n : n * (count - 1) / (of - 1);
}

/* NULL: *out is the client's address. Otherwise why there is none. */
static const char *client_for(
    struct casting *c, const struct criteria *k, size_t number, struct addr *out)
{
	if (!c->means->any_client)
		return own_address_in(c->means, k->client.set, k->client.given, out)
		           ? NULL
		           : "its clients can't be played from here";
	if (k->client.given)
		return host_at(k->client.set,
			   spread(number, CLIENTS_MAX, host_count(k->client.set)), out)
		           ? NULL
		           : "its list of clients is empty";
	/* Not from a network that another rule permits, so that this one is what decides. */
	for (size_t i = 0; casting_nobodys_v4[i] != NULL; i++)
		if (addr_parse(casting_nobodys_v4[i], strlen(casting_nobodys_v4[i]), out) &&
		    !casting_is_permitted(c, out))
			break;
	return NULL;
}

static const char *set_listener(
    struct casting *c, const struct criteria *k, const struct picks *picks, struct actor *a)
{
	const char *text, *colon;

	if (!k->listener.given)
		return NULL;
	if (k->listener.texts.count == 0)
		return "its list of listeners is empty";
	for (size_t i = 0; i < k->listener.texts.count && !c->means->everything; i++)
		if (strcmp(k->listener.texts.items[i], a->connect.daemon_port) == 0)
			return NULL;
	if (!c->means->everything)
		return "it asks for another listener; it is tried there, or through --milter";
	text = k->listener.texts.items[picks->number[PICK_LISTENER]];
	colon = strrchr(text, ':');
	if (text[strspn(text, "0123456789")] == '\0') {
		a->connect.daemon_port = text;
	} else if (colon == NULL) {
		a->connect.daemon_name = text;
	} else {
		a->connect.daemon_port = colon + 1;
		a->connect.daemon_addr = casting_keep(
		    c, text[0] == '['
			   ? arena_strndup(&c->plan->arena, text + 1, (size_t)(colon - text) - 2)
			   : arena_strndup(&c->plan->arena, text, (size_t)(colon - text)));
	}
	return NULL;
}

/* A name that an entry of a list of domains holds. */
static const char *name_in(struct casting *c, const struct domset *set)
{
	const char *entry = domset_entry(set, 0);

	if (entry[0] != '.')
		return entry;
	return casting_keep(
	    c, arena_printf(&c->plan->arena, "selftest%s", entry[1] == '\0' ? "" : entry));
}

static const char *set_helo(struct casting *c, const struct criteria *k, struct actor *a)
{
	if (!k->helo.given)
		return NULL;
	if (domset_size(k->helo.set) == 0)
		return "its list of greetings is empty";
	a->helo = name_in(c, k->helo.set);
	return NULL;
}

static const char *address_text(struct casting *c, const struct mailaddr *m)
{
	char literal[ADDR_TEXT_MAX];

	addr_format(&m->literal, literal);
	if (m->literal.family != ADDR_NONE)
		return casting_keep(c, arena_printf(&c->plan->arena, "<%s@[%s%s]>", m->local,
					   m->literal.family == ADDR_V6 ? "IPv6:" : "", literal));
	return casting_keep(c, arena_printf(&c->plan->arena, "<%s@%s>", m->local, m->domain));
}

/* An address that such a criterion matches; NULL: it names none but the null sender. */
static const char *address_in(
    struct casting *c, const struct addresses_criterion *k, const char *local)
{
	if (k->count > 0)
		return address_text(c, &k->addresses[0]);
	if (domset_size(k->domains) > 0)
		return casting_keep(
		    c, arena_printf(&c->plan->arena, "<%s@%s>", local, name_in(c, k->domains)));
	return NULL;
}

static const char *set_addresses(struct casting *c, const struct criteria *k, struct actor *a)
{
	if (k->from.given) {
		a->from = address_in(c, &k->from, "selftest");
		if (a->from == NULL && !k->from.null)
			return "its list of senders is empty";
		if (a->from == NULL)
			a->from = "<>";
	}
	if (k->to.given) {
		a->to = address_in(c, &k->to, "relaytest");
		if (a->to == NULL)
			return "its list of recipients is empty";
	}
	return NULL;
}

static bool is_for_ours(const struct criteria *k)
{
	return k->to.ours || k->reading == READING_IS_OURS;
}

static const char *make_friend(
    struct casting *c, const struct criteria *k, const struct picks *picks, struct actor *a)
{
	struct addr client = {.family = ADDR_NONE};
	const char *why = NULL;

	if (k->local == CRITERION_YES)
		return "it is for mail handed in on the host itself";
	if (k->reading == READING_IS_AMBIGUOUS)
		return "it is for addresses with more than one reading";
	why = client_for(c, k, picks->number[PICK_CLIENT], &client);
	if (why != NULL)
		return why;
	casting_set_client(c, a, &client);
	why = credentials_set(c, k, picks, a);
	if (why == NULL)
		why = set_listener(c, k, picks, a);
	if (why == NULL)
		why = set_helo(c, k, a);
	return why == NULL ? set_addresses(c, k, a) : why;
}

/* How many clients differ in this alone; what can't be played counts as one. */
static size_t pick_count(const struct casting *c, const struct criteria *k, enum pick pick)
{
	size_t count = 1;

	if (pick == PICK_CLIENT && (c->place->full || c->place->friends_only) &&
	    c->means->any_client && k->client.given)
		count = host_count(k->client.set);
	else if (pick == PICK_LISTENER && c->means->everything && k->listener.given)
		count = k->listener.texts.count;
	else if (pick != PICK_CLIENT && pick != PICK_LISTENER)
		count = credentials_count(c, k, pick);
	return count < CLIENTS_MAX ? count : CLIENTS_MAX;
}

/* --- those whom each rule permits --------------------------------------------- */

/* A rule that does not ask for TLS may stand behind one that turns those without away. */
static bool is_permitted_with_tls(
    struct casting *c, const struct relay_rule *rule, struct row *r, struct actor *a)
{
	const char *ignored;

	if (!c->means->everything || a->mail.tls_version != NULL ||
	    rule->criteria.tls == CRITERION_NO)
		return false;
	a->mail.tls_version = "TLSv1.3";
	r->actor = a;
	return decide_row(c->config, c->now, r, &c->plan->arena, &ignored, &ignored);
}

static const struct probe *find_probe(enum probe_kind kind)
{
	size_t i = 0;

	while (i + 1 < probe_table_size && probe_table[i].kind != kind)
		i++;
	return &probe_table[i];
}

static bool is_played(const struct casting *c, const struct actor *a)
{
	const struct plan *p = c->plan;
	struct addr client = a->connect.client_addr;

	for (size_t i = 0; i < p->actor_count; i++)
		if (p->actors[i].place == c->place && strcmp(p->actors[i].where, a->where) == 0 &&
		    p->actors[i].kind == a->kind &&
		    addr_equal(&p->actors[i].connect.client_addr, &client) &&
		    p->actors[i].picked == a->picked)
			return true;
	return false;
}

/*
 * Who comes by IPv6 never meets a listener for IPv4, and a mail server need not know his network
 * there. The first client of a rule is played all the same.
 */
static bool can_come(const struct casting *c, const struct actor *a, const struct picks *picks)
{
	const struct way *w = c->place->way;

	return picks->number[PICK_CLIENT] == 0 || c->means->everything || w == NULL ||
	       w->proxy != 0 || w->peer.family == a->connect.client_addr.family;
}

/* NULL: he may relay, and is played. Otherwise why not. */
static const char *cast_friend(
    struct casting *c, const struct relay_rule *rule, const struct picks *picks, size_t picked)
{
	struct actor a = {.name = rule->head.name, .kind = ACTOR_FRIEND, .picked = picked};
	const char *why, *other = NULL, *ignored;
	struct row r;

	a.where = casting_where(c, rule);
	why = make_friend(c, &rule->criteria, picks, &a);
	if (why != NULL || is_played(c, &a) || !can_come(c, &a, picks))
		return why;
	if (c->failed || !plan_row(c->plan, &a, find_probe(PROBE_FRIEND), &r)) {
		c->failed = true;
		return NULL;
	}
	if (!decide_row(c->config, c->now, &r, &c->plan->arena, &other, &ignored) &&
	    !is_permitted_with_tls(c, rule, &r, &a))
		return casting_keep(c, arena_printf(&c->plan->arena, "rule %s decides before it",
					   other == NULL ? "(none)" : other));
	casting_add(c, &a);
	return NULL;
}

static void tell_of_networks(struct casting *c, const struct relay_rule *rule)
{
	size_t hosts = host_count(rule->criteria.client.set);

	if (hosts > CLIENTS_MAX && pick_count(c, &rule->criteria, PICK_CLIENT) == CLIENTS_MAX &&
	    !plan_note(c->plan,
		"rule %s (%s) names %zu networks: of their first and last addresses %d are tried",
		rule->head.name, casting_where(c, rule), hosts / 2, CLIENTS_MAX))
		c->failed = true;
}

/* One client with the first of all that the rule names, then those who differ in one thing. */
static void cast_rule(struct casting *c, const struct relay_rule *rule, size_t number)
{
	struct picks picks = {{0}};
	size_t picked = 0;

	c->reasons[number] = cast_friend(c, rule, &picks, picked);
	for (int pick = 0; pick < PICKS && !c->failed; pick++) {
		size_t count = pick_count(c, &rule->criteria, (enum pick)pick);

		for (size_t i = 1; i < count && !c->failed; i++) {
			picks = (struct picks){{0}};
			picks.number[pick] = i;
			(void)cast_friend(c, rule, &picks, pick == PICK_CLIENT ? picked : ++picked);
		}
	}
	tell_of_networks(c, rule);
}

/* --- those whom a rule names, and who may not ----------------------------------- */

/* Is each listener that is named at an address of loopback, where no stranger comes? */
static bool is_behind_loopback(const struct conf_texts *listeners)
{
	for (size_t i = 0; i < listeners->count; i++) {
		const char *text = listeners->items[i], *colon = strrchr(text, ':');
		size_t bracket = text[0] == '[';
		struct addr at;

		if (colon == NULL ||
		    !addr_parse(text + bracket, (size_t)(colon - text) - 2 * bracket, &at) ||
		    !addr_is_loopback(&at))
			return false;
	}
	return listeners->count > 0;
}

/* `i-know = yes`: it asks for nothing that a stranger could not have. */
static bool is_for_anybody(const struct criteria *k)
{
	struct prefix ignored;

	return !criteria_prove_trust(k) && !is_behind_loopback(&k->listener.texts) &&
	       (!k->client.given || netset_covers_world(k->client.set, &ignored));
}

/*
 * Strangers with what a rule asks of them: one that permits anybody at a listener, under TLS, by a
 * greeting.
 */
static void cast_anybody(struct casting *c, const struct relay_rule *rule)
{
	const struct criteria *k = &rule->criteria;
	struct actor a = {
	    .name = rule->head.name, .where = "", .kind = ACTOR_STRANGER, .core = true};
	const struct picks first = {{0}};

	if (make_friend(c, k, &first, &a) == NULL)
		casting_add(c, &a);
}

/*
 * Clients of a network that a rule turns away; and who may send to one destination tries another.
 * What becomes of their mail for us is the configuration's affair.
 */
static void cast_confined(struct casting *c, const struct relay_rule *rule)
{
	const struct criteria *k = &rule->criteria;
	struct actor a = {.name = rule->head.name,
	    .where = "",
	    .kind = ACTOR_STRANGER,
	    .core = true,
	    .confined = true};
	const struct picks first = {{0}};
	const char *ignored;
	struct row r;

	if (c->failed || is_for_ours(k) ||
	    !(rule->action == VERDICT_PERMIT ? k->to.given : k->client.given) ||
	    make_friend(c, k, &first, &a) != NULL)
		return;
	if (!plan_row(c->plan, &a, find_probe(PROBE_RELAY), &r))
		c->failed = true;
	else if (!decide_row(c->config, c->now, &r, &c->plan->arena, &ignored, &ignored))
		casting_add(c, &a);
}

/* --- all of them ---------------------------------------------------------------- */

/* Without a configuration, who has a password, or a certificate, may relay. */
static void cast_certificate(struct casting *c)
{
	struct actor a = {
	    .name = "certificate", .where = "", .kind = ACTOR_FRIEND, .shows_cert = true};
	struct addr client = {.family = ADDR_NONE};
	struct criteria any = {.auth = CRITERION_ANY};

	if (client_for(c, &any, 0, &client) != NULL)
		return;
	casting_set_client(c, &a, &client);
	casting_add(c, &a);
}

static void cast_login(struct casting *c)
{
	struct criteria any = {.auth = CRITERION_YES};
	struct addr client = {.family = ADDR_NONE};
	struct picks picks = {{0}};
	size_t count = credentials_count(c, &any, PICK_MECH);

	if (client_for(c, &any, 0, &client) != NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		struct actor a = {.name = "login", .where = "", .kind = ACTOR_FRIEND};

		picks.number[PICK_MECH] = i;
		casting_set_client(c, &a, &client);
		if (credentials_set(c, &any, &picks, &a) == NULL)
			casting_add(c, &a);
	}
}

/* What is for us is in the controls; what is for everybody is in the strangers'. */
static bool is_for_some(const struct casting *c, const struct relay_rule *rule)
{
	return casting_permits(rule, c->now) && !is_for_ours(&rule->criteria) &&
	       !criteria_is_empty(&rule->criteria);
}

/* Does a client of this place log in, or show a certificate? */
static bool has_one_with(const struct casting *c, bool cert)
{
	const struct plan *p = c->plan;

	for (size_t i = 0; i < p->actor_count; i++)
		if (p->actors[i].place == c->place &&
		    (cert ? p->actors[i].shows_cert : p->actors[i].mail.auth_login != NULL))
			return true;
	return false;
}

/* Who proves something that no rule asks for: without a configuration, or to compare with it. */
static void cast_unasked(struct casting *c)
{
	if (c->config != NULL && !c->place->compared)
		return;
	if (c->means->login != NULL && !has_one_with(c, false))
		cast_login(c);
	if (c->means->cert != NULL && c->means->tls && !has_one_with(c, true))
		cast_certificate(c);
}

void cast_friends(struct casting *c)
{
	const struct relay_rule *rule = casting_first_rule(c->config);

	for (size_t number = 0; rule != NULL; rule = casting_next_rule(rule), number++) {
		if (is_for_some(c, rule) && is_for_anybody(&rule->criteria))
			cast_anybody(c, rule);
		else if (is_for_some(c, rule))
			cast_rule(c, rule, number);
	}
	cast_unasked(c);
	for (rule = casting_first_rule(c->config); rule != NULL; rule = casting_next_rule(rule))
		cast_confined(c, rule);
}
