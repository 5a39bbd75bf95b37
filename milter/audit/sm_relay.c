/* Can a stranger relay through Sendmail? */
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"
#include "audit/strangers.h"

/* --- the rules of sendmail.cf ----------------------------------------------------- */

/* The right-hand side of a rule: LHS, tabs, RHS, tabs, comment. NULL: it has none. */
static const char *right_side(const char *rule)
{
	const char *rhs = strchr(rule, '\t');

	return rhs == NULL ? NULL : rhs + strspn(rhs, "\t\n ");
}

/* Does it end the ruleset, and with what? NULL: it does not. */
static const char *ends_with(const char *rule, char *kind)
{
	const char *rhs = right_side(rule);

	if (rhs == NULL || rhs[0] != '$' || (rhs[1] != '#' && rhs[1] != '@'))
		return NULL;
	*kind = rhs[1];
	return rhs + 2 + strspn(rhs + 2, " ");
}

static bool is_first_word(const char *text, const char *word)
{
	size_t len = strcspn(text, " \t\n$");

	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static bool refuses(const char *answer)
{
	return is_first_word(answer, "error") || is_first_word(answer, "discard") ||
	       is_first_word(answer, "quarantine");
}

static bool matches_all(const char *rule)
{
	size_t len = strcspn(rule, "\t");

	while (len > 0 && rule[len - 1] == ' ')
		len--;
	return len == 2 && memcmp(rule, "$*", 2) == 0;
}

/* Any address: nothing but wildcards, and the signs that part them. */
static bool matches_any_address(const char *rule)
{
	bool wild = false;

	for (const char *p = rule; *p != '\t' && *p != '\0'; p++) {
		if (*p == '$' && p[1] != '\0' && strchr("*+-", p[1]) != NULL) {
			wild = true;
			p++;
		} else if (strchr("<>@. ", *p) == NULL) {
			return false;
		}
	}
	return wild;
}

/* A rule behind one that ends the ruleset for everything is never reached. */
static bool is_reached(const struct sm *sm, const struct sm_fact *f)
{
	const struct sm_fact *before = NULL;
	char kind;

	while ((before = sm_next(sm, before, SM_RULE, f->name)) != NULL && before < f)
		if (matches_all(before->value) && ends_with(before->value, &kind) != NULL)
			return false;
	return true;
}

static bool is_rcpt_ruleset(const char *name)
{
	return strcasecmp(name, "Basic_check_rcpt") == 0 || strcasecmp(name, "check_rcpt") == 0 ||
	       strcasecmp(name, "checkrcpt") == 0;
}

/* Is there the rule by which all that nothing permitted is refused? */
static bool denies(const struct sm *sm)
{
	const struct sm_fact *f = NULL;
	const char *answer;
	char kind;

	while ((f = sm_next(sm, f, SM_RULE, NULL)) != NULL)
		if (is_rcpt_ruleset(f->name) && matches_all(f->value) &&
		    (answer = ends_with(f->value, &kind)) != NULL && kind == '#' && refuses(answer))
			return true;
	return false;
}

static void permits_all(struct sm_audit *a, const struct sm_fact *f)
{
	sm_report(a, "rule-permits-all", SEVERITY_HIGH, f,
	    findings_text(
		a->findings, "This rule of %s permits every recipient that reaches it.", f->name),
	    sm_commented(a, f));
}

/* Rulesets of m4, where somebody may have put a line. */
static void audit_their_rule(
    struct sm_audit *a, const struct sm_fact *f, char kind, const char *answer)
{
	bool theirs = strcasecmp(f->name, "Relay_ok") == 0 || strcasecmp(f->name, "Rcpt_ok") == 0 ||
	              is_rcpt_ruleset(f->name);

	if (!theirs || !matches_all(f->value) || !is_reached(a->sm, f))
		return;
	if (kind == '#' ? !refuses(answer)
			: is_first_word(answer, "RELAY") || is_first_word(answer, "OK"))
		permits_all(a, f);
}

/*
 * Local_check_rcpt and Local_Relay_Auth are the site's own; only $# of them counts. The first is
 * given the recipient, the second the mechanism of the login, nothing where there is none.
 */
static void audit_rule(struct sm_audit *a, const struct sm_fact *f)
{
	char kind;
	const char *answer = ends_with(f->value, &kind);
	bool rcpt = strcasecmp(f->name, "Local_check_rcpt") == 0;

	if (answer == NULL)
		return;
	if (!rcpt && strcasecmp(f->name, "Local_Relay_Auth") != 0) {
		audit_their_rule(a, f, kind, answer);
		return;
	}
	if (kind != '#' || refuses(answer) || !is_reached(a->sm, f))
		return;
	if (matches_all(f->value) || (rcpt && matches_any_address(f->value)))
		permits_all(a, f);
	else if (rcpt)
		sm_report(a, "rule-permits", SEVERITY_MEDIUM, f,
		    findings_text(a->findings,
			"This rule of %s permits recipients, whoever sends to them.", f->name),
		    sm_commented(a, f));
}

/* --- features that open -------------------------------------------------------- */

struct dangerous {
	const char *feature;
	const char *id;
	enum severity severity;
	const char *why;
};

static const struct dangerous dangerous[] = {
    {"promiscuous_relay", "promiscuous-relay", SEVERITY_HIGH,
	"Every stranger may send to where he likes."},
    {"relay_local_from", "relay-local-from", SEVERITY_HIGH,
	"Whoever says that he is one of your users (MAIL FROM) may send to where he likes; nothing "
	"proves it."},
    {"loose_relay_check", "loose-relay-check", SEVERITY_MEDIUM,
	"user%site@relay.example is not looked at a second time: a stranger reaches any site "
	"through each domain that you relay for."},
    {"relay_based_on_MX", "relay-based-on-mx", SEVERITY_MEDIUM,
	"Whoever names this host in the MX of a domain of his own may have mail for it relayed."},
    {"relay_entire_domain", "relay-entire-domain", SEVERITY_MEDIUM,
	"Every host below this host's own domain may send to where he likes, an infected or a "
	"rented one too."},
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
			    sm_commented(a, f));
}

/* Whose domain counts as one's own: class m, of FEATURE(`relay_entire_domain'). */
static void audit_class_m(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(a->sm, f, SM_CLASS, "m")) != NULL)
		if (strangers_below(f->value))
			sm_report(a, "relay-entire-domain", SEVERITY_HIGH, f,
			    findings_text(a->findings,
				"Relaying is permitted to, and from, every host below %s, where "
				"anybody can have a name.",
				f->value),
			    sm_without(a, f));
}

static void audit_features(struct sm_audit *a)
{
	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++) {
		const struct dangerous *d = &dangerous[i];
		const struct sm_fact *f = sm_last(a->sm, SM_FEATURE, d->feature);

		/* Taken back in sendmail.mc: its comment is all that is left of it. */
		if (i == 0 && !a->sm->from_mc && denies(a->sm))
			continue;
		if (f != NULL)
			sm_report(a, d->id, d->severity, f, d->why, sm_without_feature(a, f));
	}
	if (sm_last(a->sm, SM_FEATURE, "relay_entire_domain") != NULL)
		audit_class_m(a);
	audit_source(a);
}

/* --- the denial --------------------------------------------------------------------- */

/* Without a rule that refuses, everything is taken. */
static void audit_denial(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;
	bool is_listening = false;

	if (a->sm->from_mc || sm_last(a->sm, SM_FEATURE, "promiscuous_relay") != NULL ||
	    sm_last(a->sm, SM_FEATURE, "msp") != NULL)
		return;
	if (denies(a->sm))
		return;
	while ((f = sm_next(a->sm, f, SM_DAEMON, NULL)) != NULL)
		is_listening = is_listening || !sm_is_loopback(f->value);
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

/* --- logins --------------------------------------------------------------------------- */

/* AuthOptions: of each word the first letter counts. */
static bool offers_anonymous(const struct sm *sm)
{
	const struct sm_fact *offered = sm_last(sm, SM_OPTION, "AuthMechanisms");

	return offered != NULL && sm_has_word(offered->value, "ANONYMOUS") &&
	       !sm_auth_option(sm, "yacdfm");
}

static void audit_anonymous(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;
	bool is_offered = offers_anonymous(a->sm);
	char kind;

	while ((f = sm_next(a->sm, f, SM_CLASS, "TrustAuthMech")) != NULL)
		if (strcasecmp(f->value, "ANONYMOUS") == 0)
			sm_report(a, "sasl-anonymous", is_offered ? SEVERITY_HIGH : SEVERITY_LOW, f,
			    is_offered ? "Whoever logs in as nobody (AUTH ANONYMOUS) may send to "
					 "where he likes."
				       : "AUTH ANONYMOUS would be trusted; it is not offered now.",
			    sm_without(a, f));
	while (is_offered && (f = sm_next(a->sm, f, SM_RULE, "Local_Relay_Auth")) != NULL) {
		const char *answer = ends_with(f->value, &kind);

		if (answer != NULL && kind == '#' && !refuses(answer) &&
		    (strncmp(f->value, "$+\t", 3) == 0 || strncmp(f->value, "$-\t", 3) == 0))
			sm_report(a, "sasl-anonymous", SEVERITY_HIGH, f,
			    "This rule permits whoever logged in, and AUTH ANONYMOUS is offered to "
			    "nobody in particular.",
			    sm_commented(a, f));
	}
}

/* Where each listener asks for a login (M=a), a stranger does not come as far as RCPT. */
static bool all_ask_for_login(const struct sm *sm)
{
	const struct sm_fact *f = NULL;
	bool any = false;

	while ((f = sm_next(sm, f, SM_DAEMON, NULL)) != NULL) {
		any = true;
		if (!sm_has_modifier(f->value, 'a'))
			return false;
	}
	return any;
}

void sm_audit_relay(struct sm_audit *a)
{
	a->limit = all_ask_for_login(a->sm) ? SEVERITY_MEDIUM : SEVERITY_HIGH;
	audit_features(a);
	audit_denial(a);
	for (const struct sm_fact *f = NULL; (f = sm_next(a->sm, f, SM_RULE, NULL)) != NULL;)
		audit_rule(a, f);
	sm_audit_clients(a);
	sm_audit_senders(a);
	a->limit = SEVERITY_HIGH;
	audit_anonymous(a);
}
