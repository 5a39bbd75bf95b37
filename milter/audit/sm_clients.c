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

static void audit_by_name(struct sm_audit *a, const struct sm_fact *f, const char *whom,
    const char *name, const char *more, const char *instead)
{
	bool hosts_only = sm_last(a->sm, SM_FEATURE, "relay_hosts_only") != NULL;

	sm_report(a, "networks-by-name", SEVERITY_MEDIUM, f,
	    findings_text(a->findings,
		"%s permits clients by their names: who controls the DNS of %s%s may send to where "
		"he likes%s.",
		whom, name, hosts_only ? "" : ", and every host that has a name there,", more),
	    instead);
}

/* --- class R ------------------------------------------------------------------ */

/* A name by which clients relay as well, and that is no matter of the other findings. */
static bool is_trusted_name(const struct sm_fact *f)
{
	struct prefix p;

	return strpbrk(f->value, "$/[]*") == NULL && !sm_network(f->value, &p) &&
	       !strangers_below(f->value) && !is_private_name(f->value);
}

/* VIRTUSER_DOMAIN puts its words into class R as well: the one that did; NULL: another line. */
static const struct sm_fact *virtual_of(const struct sm *sm, const struct sm_fact *f)
{
	const struct sm_fact *v = NULL;

	while ((v = sm_next(sm, v, SM_CLASS, "VirtHost")) != NULL)
		if (strcmp(v->value, f->value) == 0 && v->line == f->line &&
		    strcmp(v->file, f->file) == 0)
			break;
	return v;
}

/* LOCAL_DOMAIN has the virtusertable asked likewise, and lets no client relay that is below it. */
static const char *as_local(struct sm_audit *a, const struct sm_fact *f)
{
	const char *without = sm_without(a, f);

	if (sm_in_mc(a, f))
		return findings_text(a->findings, "%s\nLOCAL_DOMAIN(`%s')dnl", without, f->value);
	if (strcmp(f->file, a->sm->main_file) == 0)
		return findings_text(a->findings, "%s\nCw%s", without, f->value);
	return without;
}

/* The first name of a file speaks for all of it: a backup MX may have thousands. */
static void audit_file_of_names(struct sm_audit *a, const struct sm_fact *f)
{
	const struct sm_fact *other = NULL, *virtual = virtual_of(a->sm, f);
	size_t count = 0;

	while ((other = sm_next(a->sm, other, SM_CLASS, "R")) != NULL) {
		if (!is_trusted_name(other) || strcmp(other->file, f->file) != 0)
			continue;
		if (count++ == 0 && other != f)
			return;
	}
	audit_by_name(a, virtual != NULL ? virtual : f, "Class R", f->value,
	    findings_text(a->findings,
		virtual != NULL
		    ? "%s; LOCAL_DOMAIN(`%s') takes mail for it without that"
		    : "%s; To:%s RELAY in the access map takes mail for it without that",
		count == 1 ? ""
			   : findings_text(a->findings, " (this file has %zu such names)", count),
		f->value + (f->value[0] == '.')),
	    virtual != NULL ? as_local(a, virtual) : sm_without(a, f));
}

/* Clients, by address and by name, and recipients' domains. */
static void audit_class(struct sm_audit *a)
{
	const struct sm_fact *f = NULL, *named = NULL;

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
		else if (is_trusted_name(f)) {
			if (named == NULL || strcmp(named->file, f->file) != 0)
				audit_file_of_names(a, f);
			named = f;
		}
	}
}

/* --- the access map ------------------------------------------------------------ */

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
	else if (!to && !is_private_name(key))
		audit_by_name(a, f, "It", key, "",
		    connect ? "Connect:192.0.2.1\tRELAY"
			    : findings_text(a->findings, "To:%s\tRELAY", key));
}

void sm_audit_clients(struct sm_audit *a)
{
	const struct sm_fact *f = NULL;

	audit_class(a);
	while ((f = sm_next(a->sm, f, SM_ENTRY, NULL)) != NULL)
		audit_entry(a, f);
}
