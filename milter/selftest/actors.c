#include "selftest/actors.h"

#include <stdio.h>
#include <string.h>

#include "selftest/certificate.h"
#include "selftest/decide.h"
#include "selftest/login.h"

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
	    .daemon_port = "25",
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

/* --- friends --------------------------------------------------------------- */

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

/* NULL: *out is the client's address. Otherwise why there is none. */
static const char *client_for(struct casting *c, const struct criteria *k, struct addr *out)
{
	if (!c->means->any_client)
		return own_address_in(c->means, k->client.set, k->client.given, out)
		           ? NULL
		           : "its clients can't be played from here";
	if (k->client.given)
		return netset_first_host(k->client.set, out) ? NULL
		                                             : "its list of clients is empty";
	/* Not from a network that another rule permits, so that this one is what decides. */
	for (size_t i = 0; casting_nobodys_v4[i] != NULL; i++)
		if (addr_parse(casting_nobodys_v4[i], strlen(casting_nobodys_v4[i]), out) &&
		    !casting_is_permitted(c, out))
			break;
	return NULL;
}

/* A login that a pattern such as `*@example.com` matches. */
static const char *login_like(struct casting *c, const char *pattern)
{
	const char *star = strchr(pattern, '*');

	if (star == NULL)
		return pattern;
	return casting_keep(
	    c, arena_printf(&c->plan->arena, "%.*sselftest%s", (int)(star - pattern), pattern,
		   star + 1 + strspn(star + 1, "*")));
}

static const char *set_login(struct casting *c, const struct criteria *k, struct actor *a)
{
	const struct means *m = c->means;
	bool asked = k->auth == CRITERION_YES || k->login.given || k->mech.given;

	if (!asked)
		return NULL;
	if (m->login != NULL && k->mech.given && k->mech.texts.count > 0 &&
	    login_find(m->logins, k->mech.texts.items[0]) == LOGINS)
		return "it asks for a way to log in that is not tried here";
	if (m->login != NULL)
		a->mail.auth_login = m->login;
	else if (!m->any_login)
		return "it asks for a login: give --auth-user, where the server offers AUTH";
	else if (k->login.given && k->login.texts.count > 0)
		a->mail.auth_login = login_like(c, k->login.texts.items[0]);
	else
		a->mail.auth_login = "selftest";
	a->mail.auth_mech = k->mech.given && k->mech.texts.count > 0 ? k->mech.texts.items[0]
	                    : m->login != NULL ? login_name(login_find(m->logins, NULL))
	                                       : "PLAIN";
	return NULL;
}

static const char *set_tls(struct casting *c, const struct criteria *k, struct actor *a)
{
	if (k->tls == CRITERION_ANY || k->tls == CRITERION_NO)
		return NULL;
	if (!c->means->everything && !c->means->tls)
		return "it asks for TLS, which the server does not offer here";
	a->mail.tls_version = "TLSv1.3";
	return NULL;
}

/* The one that is at hand, where it is what the rule asks for. */
static const char *show_cert(const struct casting *c, const struct criteria *k, struct actor *a)
{
	const struct certificate *cert = c->means->cert;

	if (cert == NULL)
		return "it asks for a certificate: give --cert and --key, where the server has TLS";
	for (size_t i = 0; i < k->cert.texts.count; i++) {
		const char *wanted = k->cert.texts.items[i];
		bool whole = strstr(wanted, ":/") != NULL;

		if (!certificate_is(cert, wanted))
			continue;
		if (!c->means->tls)
			return "it asks for a certificate, which is shown under TLS alone";
		a->shows_cert = true;
		a->mail.tls_version = "TLSv1.3";
		/* Sendmail tells the whole name: /CN=... */
		a->mail.cert_subject = whole ? cert->subject_line : cert->subject;
		a->mail.cert_issuer = whole ? cert->issuer_line : cert->issuer;
		a->mail.cert_fingerprint = cert->sha256;
		a->mail.verify = "OK";
		return NULL;
	}
	return "it asks for another certificate than that of --cert";
}

static const char *set_cert(struct casting *c, const struct criteria *k, struct actor *a)
{
	const char *cert;

	if (!k->cert.given)
		return NULL;
	if (k->cert.texts.count == 0)
		return "its list of certificates is empty";
	if (!c->means->everything)
		return show_cert(c, k, a);
	cert = k->cert.texts.items[0];
	a->mail.tls_version = "TLSv1.3";
	if (strncmp(cert, "subject:", 8) == 0)
		a->mail.cert_subject = cert + 8;
	else if (strncmp(cert, "issuer:", 7) == 0)
		a->mail.cert_issuer = cert + 7;
	else if (strcmp(cert, "verified") != 0)
		a->mail.cert_fingerprint = strchr(cert, ':') == NULL ? cert : strchr(cert, ':') + 1;
	if (a->mail.cert_fingerprint == NULL)
		a->mail.verify = "OK";
	return NULL;
}

static const char *set_listener(struct casting *c, const struct criteria *k, struct actor *a)
{
	const char *text, *colon;

	if (!k->listener.given)
		return NULL;
	if (!c->means->everything || k->listener.texts.count == 0)
		return "it asks for a listener, which is tried through --milter alone";
	text = k->listener.texts.items[0];
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

static const char *make_friend(struct casting *c, const struct criteria *k, struct actor *a)
{
	static const char *(*const parts[])(struct casting *, const struct criteria *,
	    struct actor *) = {set_login, set_tls, set_cert, set_listener, set_helo, set_addresses};
	struct addr client = {.family = ADDR_NONE};
	const char *why = NULL;

	if (k->local == CRITERION_YES)
		return "it is for mail handed in on the host itself";
	if (k->reading == READING_IS_AMBIGUOUS)
		return "it is for addresses with more than one reading";
	why = client_for(c, k, &client);
	if (why != NULL)
		return why;
	casting_set_client(c, a, &client);
	for (size_t i = 0; why == NULL && i < sizeof(parts) / sizeof(parts[0]); i++)
		why = parts[i](c, k, a);
	return why;
}

/* --- one client for each rule ------------------------------------------------ */

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

static const struct probe *friend_probe(void)
{
	for (size_t i = 0; i < probe_table_size; i++)
		if (probe_table[i].kind == PROBE_FRIEND)
			return &probe_table[i];
	return NULL;
}

static const char *casting_where(struct casting *c, const struct relay_rule *rule)
{
	return casting_keep(
	    c, arena_printf(&c->plan->arena, "%s:%u", rule->head.loc.file, rule->head.loc.line));
}

/* The same client by each way to log in that is offered. */
static void add_logins(struct casting *c, const struct actor *a, const struct criteria *k)
{
	struct actor other = *a;

	casting_add(c, a);
	for (unsigned i = 0; i < LOGINS && a->mail.auth_login != NULL; i++) {
		other.mail.auth_mech = login_name((enum login)i);
		if (c->means->login != NULL && !k->mech.given &&
		    (c->means->logins & LOGIN_BIT(i)) != 0 &&
		    strcmp(other.mail.auth_mech, a->mail.auth_mech) != 0)
			casting_add(c, &other);
	}
}

static void cast_friend(struct casting *c, const struct relay_rule *rule, size_t number)
{
	struct actor a = {.name = rule->head.name, .kind = ACTOR_FRIEND};
	const char *why, *other = NULL, *ignored;
	struct row r;

	a.where = casting_where(c, rule);
	why = make_friend(c, &rule->criteria, &a);
	if (why != NULL) {
		c->reasons[number] = why;
		return;
	}
	if (c->failed || !plan_row(c->plan, &a, friend_probe(), &r)) {
		c->failed = true;
		return;
	}
	if (decide_row(c->config, c->now, &r, &c->plan->arena, &other, &ignored) ||
	    is_permitted_with_tls(c, rule, &r, &a))
		add_logins(c, &a, &rule->criteria);
	else
		c->reasons[number] =
		    casting_keep(c, arena_printf(&c->plan->arena, "rule %s decides before it",
					other == NULL ? "(none)" : other));
}

/* Without a configuration, who has a password, or a certificate, may relay. */
static void cast_certificate(struct casting *c)
{
	struct actor a = {
	    .name = "certificate", .where = "", .kind = ACTOR_FRIEND, .shows_cert = true};
	struct addr client = {.family = ADDR_NONE};
	struct criteria any = {.auth = CRITERION_ANY};

	if (client_for(c, &any, &client) != NULL)
		return;
	casting_set_client(c, &a, &client);
	casting_add(c, &a);
}

static void cast_login(struct casting *c)
{
	struct actor a = {.name = "login", .where = "", .kind = ACTOR_FRIEND};
	struct addr client = {.family = ADDR_NONE};
	struct criteria any = {.auth = CRITERION_YES};

	if (client_for(c, &any, &client) != NULL)
		return;
	casting_set_client(c, &a, &client);
	a.mail.auth_login = c->means->login;
	a.mail.auth_mech = login_name(login_find(c->means->logins, NULL));
	add_logins(c, &a, &any);
}

/* What is for us is in the controls; what is for everybody is in the strangers'. */
static bool is_for_friends(const struct casting *c, const struct relay_rule *rule)
{
	return casting_permits(rule, c->now) && !is_for_ours(&rule->criteria) &&
	       !criteria_is_empty(&rule->criteria);
}

void cast_friends(struct casting *c)
{
	const struct relay_rule *rule = casting_first_rule(c->config);

	if (c->config == NULL && c->means->login != NULL)
		cast_login(c);
	if (c->config == NULL && c->means->cert != NULL && c->means->tls)
		cast_certificate(c);
	for (size_t number = 0; rule != NULL; rule = casting_next_rule(rule), number++)
		if (is_for_friends(c, rule))
			cast_friend(c, rule, number);
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

static bool was_cast(const struct casting *c, const char *where)
{
	for (size_t i = 0; i < c->plan->actor_count; i++)
		if (strcmp(c->plan->actors[i].where, where) == 0)
			return true;
	return false;
}

void casting_close(struct casting *c)
{
	const struct relay_rule *rule = casting_first_rule(c->config);

	for (size_t number = 0; rule != NULL; rule = casting_next_rule(rule), number++) {
		const char *where = casting_where(c, rule);

		if (c->reasons[number] != NULL && !was_cast(c, where) &&
		    !plan_note(c->plan, "rule %s (%s) is not tried: %s", rule->head.name, where,
			c->reasons[number]))
			c->failed = true;
	}
}
