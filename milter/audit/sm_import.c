/* A relay-guard configuration that decides as Sendmail does. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"

struct import_from sm_from(const struct sm_fact *f, const char *what)
{
	return (struct import_from){f->file, f->line, what};
}

static void add_domain(struct import *i, const char *name, const struct import_from *where)
{
	import_domain(i, name, strlen(name), where);
}

/* Class w is matched as it stands; its addresses come in brackets. */
static void import_local(struct sm *sm, struct import *i)
{
	static const char *const classes[] = {"w", "VirtHost"};
	const struct import_from built_in = {sm->main_file, 0, "class {w}, always in it"};

	add_domain(i, "localhost", &built_in);
	add_domain(i, "[127.0.0.1]", &built_in);
	for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
		const struct sm_fact *f = NULL;

		while ((f = sm_next(sm, f, SM_CLASS, classes[c])) != NULL) {
			struct import_from where =
			    sm_from(f, c == 0 ? "class {w}" : "class {VirtHost}");

			add_domain(i, f->value, &where);
		}
	}
	import_note(i, &built_in,
	    "Sendmail adds the names of this host to class {w} when it starts; add them to `ours` "
	    "where "
	    "mail comes for them.");
}

void sm_add_network(struct import *i, const struct prefix *p, const struct import_from *where)
{
	char text[ADDR_TEXT_MAX];

	prefix_format(p, text);
	import_network(i, text, strlen(text), where);
}

void sm_add_relay_domain(
    struct sm *sm, struct import *i, const char *name, const struct import_from *where)
{
	char below[256];
	size_t len = strlen(name);

	bool hosts_only = sm_last(sm, SM_FEATURE, "relay_hosts_only") != NULL;

	if (hosts_only && name[0] == '.') {
		import_note(i, where,
		    "%s was not taken over: with relay_hosts_only it matches nothing", name);
		return;
	}
	add_domain(i, name, where);
	if (hosts_only || name[0] == '.' || len + 2 > sizeof(below))
		return;
	below[0] = '.';
	memcpy(below + 1, name, len + 1);
	add_domain(i, below, where);
}

static void import_class_r(struct sm *sm, struct import *i)
{
	const struct sm_fact *f = NULL;
	bool told = false;

	while ((f = sm_next(sm, f, SM_CLASS, "R")) != NULL) {
		struct import_from where = sm_from(f, "class {R}");
		struct prefix p;

		/* Another class, whose words are there as well. */
		if (f->value[0] == '$')
			continue;
		if (sm_network(f->value, &p)) {
			sm_add_network(i, &p, &where);
			continue;
		}
		sm_add_relay_domain(sm, i, f->value, &where);
		if (!told)
			import_note(i, &where,
			    "Clients whose name is in class {R} may relay as well. The guard asks "
			    "for addresses: add theirs to `friends`.");
		told = true;
	}
}

static void import_listeners(struct sm *sm, struct import *i)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(sm, f, SM_DAEMON, NULL)) != NULL) {
		struct import_from where = sm_from(f, "DaemonPortOptions");

		import_listener(i, f->value, &where);
	}
}

static void import_auth(struct sm *sm, struct import *i)
{
	const struct sm_fact *f = sm_last(sm, SM_CLASS, "TrustAuthMech");

	if (f != NULL) {
		struct import_from where = sm_from(f, "TRUST_AUTH_MECH");

		import_logins(i, strchr(sm_option(sm, "AuthOptions", ""), 'p') != NULL, &where);
	}
}

/* What the guard's two lists and its rules can't say. */
static void import_features(struct sm *sm, struct import *i)
{
	static const char *const features[] = {"promiscuous_relay", "relay_local_from",
	    "relay_mail_from", "relay_based_on_MX", "relay_entire_domain", "loose_relay_check"};

	for (size_t k = 0; k < sizeof(features) / sizeof(features[0]); k++) {
		const struct sm_fact *f = sm_last(sm, SM_FEATURE, features[k]);

		if (f != NULL) {
			struct import_from where = sm_from(f, "FEATURE");

			import_note(i, &where,
			    "%s opens the server (see `relay-guard audit sendmail`) and is left "
			    "out.",
			    features[k]);
		}
	}
}

void sm_import(struct sm *sm, struct import *i)
{
	const char *version = sm_version(sm);
	const struct import_from loopback = {sm->main_file, 0, "this host itself, always"};

	i->source = arena_printf(
	    &i->arena, "Sendmail%s%s, %s", version[0] == '\0' ? "" : " ", version, sm->main_file);
	import_network(i, "127.0.0.1", 9, &loopback);
	import_network(i, "::1", 3, &loopback);
	import_local(sm, i);
	import_class_r(sm, i);
	sm_import_access(sm, i);
	sm_import_virtuser(sm, i);
	sm_import_limits(sm, i);
	import_auth(sm, i);
	import_listeners(sm, i);
	import_features(sm, i);
}
