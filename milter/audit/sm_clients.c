/* Which clients Sendmail relays for, and which domains it relays to: class R and the access map. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"
#include "audit/strangers.h"

static void audit_network(
    struct sm_audit *a, const struct sm_fact *f, const char *text, const struct prefix *p)
{
	int reach = strangers_in(p);
	const char *id = "networks-wide";
	const char *why = reach == SEVERITY_LOW ? "that is more than most sites have; whoever else "
	                                          "is in it may send to where he likes."
	                                        : "that is more than one site has; whoever else is "
	                                          "in it may send to where he likes.";

	if (reach == SEVERITY_HIGH) {
		id = "networks-world";
		why = "strangers are in it, and may send to where they like.";
	} else if (reach != WAY_CLOSED && strangers_behind(p)) {
		id = "networks-gateway";
		why = "addresses of container bridges or NAT gateways are in it; if one puts its "
		      "own address in the place of the client's, every stranger may send to where "
		      "he likes.";
	}
	if (reach != WAY_CLOSED)
		sm_report(a, id, (enum severity)reach, f,
		    findings_text(a->findings, "%s may relay: %s", text, why), sm_without(a, f));
}

/* A key, or a word of class R, that Sendmail never looks up. */
static void audit_dead(struct sm_audit *a, const struct sm_fact *f, const char *text)
{
	sm_report(a, "relay-entry-dead", SEVERITY_LOW, f,
	    findings_text(a->findings,
		"%s permits nothing: Sendmail compares whole octets or names (192.0.2, "
		"IPv6:2001:db8, example.org), no masks, no brackets and no wildcards.",
		text),
	    sm_without(a, f));
}

/* With FEATURE(`relay_hosts_only') a name means but itself. */
static void audit_world(
    struct sm_audit *a, const struct sm_fact *f, const char *direction, const char *name)
{
	if (sm_last(a->sm, SM_FEATURE, "relay_hosts_only") != NULL)
		return;
	sm_report(a, "relay-domains-world", SEVERITY_HIGH, f,
	    findings_text(a->findings,
		"Relaying is permitted %s every host below %s, where anybody can have a name.",
		direction, name),
	    sm_without(a, f));
}

/* localhost, a.localdomain: what no stranger's DNS can be called. */
static bool is_private_name(const char *name)
{
	const char *last = strrchr(name, '.');

	return !strangers_below(last == NULL ? name : last + 1);
}

static void audit_by_name(struct sm_audit *a, const struct sm_fact *f, enum severity severity,
    const char *name, const char *instead)
{
	if (!is_private_name(name))
		sm_report(a, "networks-by-name", severity, f,
		    findings_text(a->findings,
			"It permits clients by their names: who controls the DNS of %s, and every "
			"host that has a name there, may send to where he likes.",
			name),
		    instead);
}

/* Class R: clients, by address and by name, and recipients' domains. */
static void audit_class(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(a->sm, f, SM_CLASS, "R")) != NULL) {
		struct prefix p;

		if (strncmp(f->value, "$=", 2) == 0)
			continue;
		if (strpbrk(f->value, "/[]*") != NULL)
			audit_dead(a, f, f->value);
		else if (sm_network(f->value, &p))
			audit_network(a, f, f->value, &p);
		else if (strangers_below(f->value))
			audit_world(a, f, "to, and from,", f->value);
	}
}

/* Keys that no rule of m4 asks for. */
static bool is_dead(const struct sm *sm, const char *key)
{
	size_t len = strlen(key);

	if (len == 0 || key[len - 1] == '.' || strpbrk(key, "/[]*") != NULL ||
	    strcmp(key, "0") == 0)
		return true;
	return key[0] == '.' && sm_last(sm, SM_FEATURE, "lookupdotdomain") == NULL;
}

static void audit_entry(struct sm_audit *a, const struct sm_fact *f)
{
	const char *key = f->name;
	bool connect = strncmp(key, "connect:", 8) == 0, to = strncmp(key, "to:", 3) == 0;
	bool tagged_v6 = strncmp(key, "ipv6:", 5) == 0;
	struct prefix p;

	if (strcasecmp(f->value, "RELAY") != 0)
		return;
	if (strncmp(key, "certissuer:", 11) == 0) {
		sm_report(a, "cert-issuer", SEVERITY_MEDIUM, f,
		    "Every certificate of this authority may relay, whomever it is issued to; "
		    "CertSubject: entries would name who may.",
		    findings_text(a->findings, "%s\tSUBJECT", key));
		return;
	}
	key += connect ? 8 : to ? 3 : 0;
	/* Another tag: From: is the matter of FEATURE(`relay_mail_from'). */
	if ((!connect && !to && !tagged_v6 && strchr(key, ':') != NULL) || strchr(key, '@') != NULL)
		return;
	if (is_dead(a->sm, key))
		audit_dead(a, f, f->name);
	else if (!to && sm_network(key, &p))
		audit_network(a, f, key, &p);
	else if (strangers_below(key))
		audit_world(a, f, connect ? "from" : to ? "to" : "to, and from,", key);
	else if (connect)
		audit_by_name(a, f, SEVERITY_MEDIUM, key, "Connect:192.0.2.1\tRELAY");
	else if (!to)
		audit_by_name(
		    a, f, SEVERITY_MEDIUM, key, findings_text(a->findings, "To:%s\tRELAY", key));
}

void sm_audit_clients(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	audit_class(a);
	while ((f = sm_next(a->sm, f, SM_ENTRY, NULL)) != NULL)
		audit_entry(a, f);
}
