/* Can a stranger relay through Sendmail? */
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"
#include "audit/strangers.h"

/* --- features that open -------------------------------------------------------- */

struct dangerous {
	const char *feature;
	const char *id;
	enum severity severity;
	const char *why, *instead;
};

static const struct dangerous dangerous[] = {
    {"promiscuous_relay", "promiscuous-relay", SEVERITY_HIGH,
	"Every stranger may send to where he likes.", "dnl FEATURE(`promiscuous_relay')dnl"},
    {"relay_local_from", "relay-local-from", SEVERITY_HIGH,
	"Whoever says that he is one of your users (MAIL FROM) may send to where he likes; nothing "
	"proves it.",
	"dnl FEATURE(`relay_local_from')dnl"},
    {"loose_relay_check", "loose-relay-check", SEVERITY_MEDIUM,
	"user%site@relay.example is not looked at a second time: a stranger reaches any site "
	"through each domain that you relay for.",
	"dnl FEATURE(`loose_relay_check')dnl"},
    {"relay_based_on_MX", "relay-based-on-mx", SEVERITY_MEDIUM,
	"Whoever names this host in the MX of a domain of his own may have mail for it relayed.",
	"RELAY_DOMAIN(`the domains that you are a backup for')dnl"},
    {"relay_entire_domain", "relay-entire-domain", SEVERITY_MEDIUM,
	"Every host below this host's own domain may send to where he likes, an infected or a "
	"rented "
	"one too.",
	"dnl FEATURE(`relay_entire_domain')dnl"},
};

static bool is_dangerous(const char *feature)
{
	if (strcasecmp(feature, "relay_mail_from") == 0)
		return true;
	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
		if (strcasecmp(feature, dangerous[i].feature) == 0)
			return true;
	return false;
}

/* In sendmail.mc, and not in the sendmail.cf that runs: what the next build brings. */
static void audit_source(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	if (a->sm->source == NULL)
		return;
	while ((f = sm_next(a->sm->source, f, SM_FEATURE, NULL)) != NULL)
		if (is_dangerous(f->name) && sm_last(a->sm, SM_FEATURE, f->name) == NULL)
			sm_report(a, "cf-not-built", SEVERITY_MEDIUM, f,
			    findings_text(a->findings,
				"sendmail.mc has FEATURE(`%s'), which sendmail.cf was built "
				"without: the "
				"next build puts it into effect.",
				f->name),
			    findings_text(a->findings, "dnl FEATURE(`%s')dnl", f->name));
}

/* FEATURE(`relay_mail_from') permits whom the access map has as From:... RELAY. */
static void audit_mail_from(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_FEATURE, "relay_mail_from"), *entry = NULL;
	bool used = false;

	if (f == NULL)
		return;
	while ((entry = sm_next(a->sm, entry, SM_ENTRY, NULL)) != NULL) {
		if (strncmp(entry->name, "from:", 5) != 0 ||
		    strncasecmp(entry->value, "RELAY", 5) != 0)
			continue;
		used = true;
		sm_report(a, "relay-mail-from", SEVERITY_HIGH, entry,
		    findings_text(a->findings,
			"Whoever says that he is %s (MAIL FROM) may send to where he likes; "
			"nothing "
			"proves it.",
			entry->name + 5),
		    "dnl FEATURE(`relay_mail_from')dnl");
	}
	if (!used)
		sm_report(a, "relay-mail-from", a->sm->has_access ? SEVERITY_LOW : SEVERITY_MEDIUM,
		    f,
		    "A From: entry with RELAY in the access map would let whoever uses that sender "
		    "send "
		    "to where he likes.",
		    "dnl FEATURE(`relay_mail_from')dnl");
}

static void audit_features(struct sm_audit *a)
{
	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++) {
		const struct dangerous *d = &dangerous[i];
		const struct sm_fact *f = sm_last(a->sm, SM_FEATURE, d->feature);

		if (f != NULL)
			sm_report(a, d->id, d->severity, f, d->why, d->instead);
	}
	audit_mail_from(a);
	audit_source(a);
}

/* --- the rules of sendmail.cf ----------------------------------------------------- */

/* The right-hand side of a rule: LHS, tabs, RHS, tabs, comment. */
static const char *right_side(const char *rule, size_t *len)
{
	const char *rhs = strchr(rule, '\t');

	if (rhs == NULL)
		return NULL;
	rhs += strspn(rhs, "\t\n ");
	*len = strcspn(rhs, "\t");
	return rhs;
}

/* Does it end the ruleset with the answer that the recipient may be relayed to? */
static bool permits(const char *rhs, size_t len)
{
	size_t word;

	if (len < 2 || rhs[0] != '$' || (rhs[1] != '#' && rhs[1] != '@'))
		return false;
	rhs += 2 + strspn(rhs + 2, " ");
	word = strcspn(rhs, " \t\n");
	return (word == 5 && strncasecmp(rhs, "RELAY", 5) == 0) ||
	       (word == 2 && strncasecmp(rhs, "OK", 2) == 0);
}

static bool matches_all(const char *rule)
{
	size_t len = strcspn(rule, "\t");

	return len == 2 && (memcmp(rule, "$*", 2) == 0 || memcmp(rule, "$+", 2) == 0);
}

/* Local_check_rcpt is the site's own; the others are m4's, where somebody may have put a line. */
static void audit_rule(struct sm_audit *a, const struct sm_fact *f)
{
	bool own = strcasecmp(f->name, "Local_check_rcpt") == 0 ||
	           strcasecmp(f->name, "Local_Relay_Auth") == 0;
	bool theirs = strcasecmp(f->name, "Relay_ok") == 0 || strcasecmp(f->name, "Rcpt_ok") == 0 ||
	              strcasecmp(f->name, "Basic_check_rcpt") == 0;
	size_t len;
	const char *rhs = right_side(f->value, &len);

	if (rhs == NULL || !permits(rhs, len) || (own && rhs[1] == '@') || (!own && !theirs))
		return;
	if (matches_all(f->value))
		sm_report(a, "rule-permits-all", SEVERITY_HIGH, f,
		    findings_text(a->findings,
			"This rule of %s permits every recipient that reaches it.", f->name),
		    "");
	else if (own)
		sm_report(a, "rule-permits", SEVERITY_MEDIUM, f,
		    findings_text(a->findings,
			"This rule of %s permits recipients, whoever sends to them.", f->name),
		    "");
}

static bool is_loopback(const char *daemon)
{
	char addr[128];

	return sm_equate(daemon, "Addr", addr, sizeof(addr)) &&
	       (strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0 ||
		   strcasecmp(addr, "localhost") == 0);
}

/* Without "Relaying denied" nothing is ever refused. */
static void audit_denial(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;
	bool is_listening = false;

	if (a->sm->from_mc || sm_last(a->sm, SM_FEATURE, "promiscuous_relay") != NULL ||
	    sm_last(a->sm, SM_FEATURE, "msp") != NULL)
		return;
	while ((f = sm_next(a->sm, f, SM_RULE, NULL)) != NULL)
		if (strstr(f->value, "elaying denied") != NULL)
			return;
	while ((f = sm_next(a->sm, f, SM_DAEMON, NULL)) != NULL)
		is_listening = is_listening || !is_loopback(f->value);
	if (sm_last(a->sm, SM_FEATURE, "nullclient") != NULL)
		sm_report(a, "nullclient-listens", is_listening ? SEVERITY_MEDIUM : SEVERITY_LOW,
		    sm_last(a->sm, SM_FEATURE, "nullclient"),
		    "A null client passes on what it gets to its hub, and asks nobody who he is.",
		    "DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1')dnl");
	else
		sm_report(a, "relay-control-missing", SEVERITY_HIGH, NULL,
		    "No rule refuses to relay: every stranger may send to where he likes.",
		    "# build sendmail.cf anew from sendmail.mc");
}

static void audit_rules(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	audit_denial(a);
	while ((f = sm_next(a->sm, f, SM_RULE, NULL)) != NULL)
		audit_rule(a, f);
}

/* --- networks and domains ------------------------------------------------------------ */

static void audit_network(struct sm_audit *a, const struct sm_fact *f, const char *text,
    const struct prefix *p, const char *instead)
{
	int reach = strangers_in(p);

	if (reach == SEVERITY_HIGH)
		sm_report(a, "networks-world", SEVERITY_HIGH, f,
		    findings_text(a->findings,
			"%s may relay: strangers are in it, and may send to where they like.",
			text),
		    instead);
	else if (reach != WAY_CLOSED && strangers_behind(p))
		sm_report(a, "networks-gateway", SEVERITY_MEDIUM, f,
		    findings_text(a->findings,
			"%s may relay: addresses of container bridges or NAT gateways are in it; "
			"if one "
			"puts its own address in the place of the client's, every stranger may "
			"send to "
			"where he likes.",
			text),
		    instead);
	else if (reach != WAY_CLOSED)
		sm_report(a, "networks-wide", (enum severity)reach, f,
		    findings_text(a->findings,
			"%s may relay: that is more than %s; whoever else is in it may send to "
			"where he likes.",
			text, reach == SEVERITY_LOW ? "most sites have" : "one site has"),
		    instead);
}

/* Class R: clients, by address and by name, and recipients' domains. */
static void audit_class(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(a->sm, f, SM_CLASS, "R")) != NULL) {
		struct prefix p;

		if (sm_network(f->value, &p))
			audit_network(a, f, f->value, &p, "# the networks of your own");
		else if (strangers_below(f->value))
			sm_report(a, "relay-domains-world", SEVERITY_HIGH, f,
			    findings_text(a->findings,
				"Relaying is permitted to, and from, every host below %s, where "
				"anybody "
				"can have a name.",
				f->value),
			    "# the domains that you are a backup for");
	}
}

static void audit_certificates(struct sm_audit *a, const struct sm_fact *f)
{
	sm_report(a, "cert-issuer", SEVERITY_MEDIUM, f,
	    "Every certificate of this authority may relay, whomever it is issued to.",
	    findings_text(
		a->findings, "%s SUBJECT, and CertSubject:... RELAY for each partner", f->name));
}

static void audit_name(struct sm_audit *a, const struct sm_fact *f, const char *key, bool by_client)
{
	if (strangers_below(key))
		sm_report(a, "relay-domains-world", SEVERITY_HIGH, f,
		    findings_text(a->findings,
			"Relaying is permitted %s every host below %s, where anybody can have a "
			"name.",
			by_client ? "from" : "to", key),
		    "# the hosts or domains that are meant, one a line");
	else if (by_client && strchr(key, '.') != NULL)
		sm_report(a, "networks-by-name", SEVERITY_MEDIUM, f,
		    findings_text(a->findings,
			"It permits by the client's name: who controls the DNS of %s may send to "
			"where he "
			"likes.",
			key),
		    "Connect:192.0.2.1 RELAY, the address in place of the name");
}

static void audit_entry(struct sm_audit *a, const struct sm_fact *f)
{
	const char *key = f->name;
	bool connect = strncmp(key, "connect:", 8) == 0, to = strncmp(key, "to:", 3) == 0;
	bool tagged_v6 = strncmp(key, "ipv6:", 5) == 0;
	struct prefix p;

	if (strncasecmp(f->value, "RELAY", 5) != 0)
		return;
	if (strncmp(key, "certissuer:", 11) == 0) {
		audit_certificates(a, f);
		return;
	}
	key += connect ? 8 : to ? 3 : 0;
	/* Another tag: From: is the matter of audit_mail_from(). */
	if (!connect && !to && !tagged_v6 && strchr(key, ':') != NULL)
		return;
	if (!to && sm_network(key, &p))
		audit_network(a, f, key, &p, "Connect:192.0.2 RELAY, with a network of your own");
	else if (strchr(key, '@') == NULL)
		audit_name(a, f, key, connect);
}

/* --- logins --------------------------------------------------------------------------- */

static void audit_anonymous(struct sm_audit *a)
{
	const struct sm_fact *offered = sm_last(a->sm, SM_OPTION, "AuthMechanisms"), *f = NULL;

	while ((f = sm_next(a->sm, f, SM_CLASS, "TrustAuthMech")) != NULL) {
		bool is_offered = offered != NULL && sm_has_word(offered->value, "ANONYMOUS");

		if (strcasecmp(f->value, "ANONYMOUS") != 0)
			continue;
		sm_report(a, "sasl-anonymous", is_offered ? SEVERITY_HIGH : SEVERITY_LOW, f,
		    is_offered
			? "Whoever logs in as nobody (AUTH ANONYMOUS) may send to where he likes."
			: "AUTH ANONYMOUS would be trusted; it is not offered now.",
		    "TRUST_AUTH_MECH(`PLAIN LOGIN')dnl");
	}
}

void sm_audit_relay(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	audit_features(a);
	audit_rules(a);
	audit_class(a);
	while ((f = sm_next(a->sm, f, SM_ENTRY, NULL)) != NULL)
		audit_entry(a, f);
	audit_anonymous(a);
}
