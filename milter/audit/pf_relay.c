/* Can a stranger relay through a listener, and by which element of which list? */
#include <string.h>

#include "audit/pf_audit.h"
#include "audit/pf_repair.h"

enum {
	HELO = PF_KNOWS_HELO,
	SENDER = PF_KNOWS_SENDER | HELO,
	ALL = PF_KNOWS_RECIPIENT | SENDER,
};

/*
 * The lists that smtpd asks before it takes a message, and what it knows then; each can refuse,
 * none can overrule another. At the end there are many recipients, and so none.
 */
static const struct {
	const char *name;
	unsigned at_once, delayed; /* smtpd_delay_reject = no, yes */
} lists[] = {
    {"smtpd_client_restrictions", 0, ALL},
    {"smtpd_helo_restrictions", HELO, ALL},
    {"smtpd_sender_restrictions", SENDER, ALL},
    {"smtpd_relay_restrictions", ALL, ALL},
    {"smtpd_recipient_restrictions", ALL, ALL},
    {"smtpd_data_restrictions", SENDER, SENDER},
    {"smtpd_end_of_data_restrictions", SENDER, SENDER},
};

enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static bool is_relay_list(const char *list)
{
	return strcmp(list, "smtpd_relay_restrictions") == 0 ||
	       strcmp(list, "smtpd_recipient_restrictions") == 0;
}

/*
 * The narrowest of all lists decides. Who says no HELO is not asked for its list. `more` is what is
 * known besides: PF_RECIPIENT_IS_OURS.
 */
static int reach_of(const struct pf_view *v, bool says_helo, unsigned more,
    const struct pf_trust *trust, struct pf_culprits *found)
{
	bool delayed = pf_bool(v, "smtpd_delay_reject", true);
	int total = SEVERITY_HIGH;

	for (size_t i = 0; i < LISTS; i++) {
		unsigned known = more | (delayed ? lists[i].delayed : lists[i].at_once);
		bool relay = is_relay_list(lists[i].name);
		struct pf_way way;
		int best;

		if (!says_helo && strcmp(lists[i].name, "smtpd_helo_restrictions") == 0)
			continue;
		way = pf_walk(v, lists[i].name, says_helo ? known : known & ~(unsigned)HELO, trust,
		    relay ? found : NULL);
		best = way.pass > way.permit ? way.pass : way.permit;
		if (best < total)
			total = best;
	}
	return total;
}

/* The better way for the stranger: with HELO, or without where none is asked for. */
static int total_reach(
    const struct pf_view *v, unsigned more, const struct pf_trust *trust, struct pf_culprits *found)
{
	struct pf_culprits with = {.count = 0}, without = {.count = 0};
	int reach = reach_of(v, true, more, trust, &with), other = WAY_CLOSED;

	if (!pf_bool(v, "smtpd_helo_required", false))
		other = reach_of(v, false, more, trust, &without);
	if (found != NULL)
		*found = other > reach ? without : with;
	return other > reach ? other : reach;
}

/*
 * How far mynetworks let strangers relay: where they open a list that else refuses, and all other
 * lists are open too, by whatever it is.
 */
static int networks_reach(const struct pf_view *v, int networks)
{
	int best = WAY_CLOSED;

	for (size_t i = 0; i < LISTS; i++) {
		struct pf_trust alone = {networks, lists[i].name};
		struct pf_way way;
		int reach;

		way = pf_walk(v, lists[i].name, ALL, &alone, NULL);
		if (way.permit == WAY_CLOSED || way.pass != WAY_CLOSED)
			continue;
		reach = total_reach(v, 0, &alone, NULL);
		if (reach > best)
			best = reach;
	}
	return best;
}

static enum severity capped(int reach, const struct pf_listener *l)
{
	if (l->local && reach > SEVERITY_MEDIUM)
		return SEVERITY_MEDIUM;
	return (enum severity)reach;
}

/* A file that was written for Postfix 2, whose defaults were others. Nobody is served, nothing
 * relayed. */
static void report_old_defaults(struct pf_audit *a, const struct pf_listener *l)
{
	pf_report(a, l, "relay-control-missing", SEVERITY_MEDIUM, "smtpd_relay_restrictions",
	    "Neither smtpd_relay_restrictions nor smtpd_recipient_restrictions is set, and with a "
	    "compatibility_level of 0 no default refuses recipients elsewhere: Postfix does not "
	    "serve "
	    "such a listener (\"specify at least one working instance of reject_unauth_destination "
	    "...\").",
	    pf_with_control(&l->view, "smtpd_relay_restrictions"));
}

/* Neither list has what smtpd asks for: it ends with an error for each client. */
static void report_refusal(struct pf_audit *a, const struct pf_listener *l)
{
	bool relay = pf_is_set(&l->view, "smtpd_relay_restrictions");
	const char *list = relay ? "smtpd_relay_restrictions" : "smtpd_recipient_restrictions";

	if (!relay && !pf_is_set(&l->view, list)) {
		report_old_defaults(a, l);
		return;
	}
	pf_report(a, l, "relay-control-missing", capped(SEVERITY_HIGH, l), list,
	    "Neither smtpd_relay_restrictions nor smtpd_recipient_restrictions refuses recipients "
	    "elsewhere; Postfix does not serve such a listener (\"specify at least one working "
	    "instance of reject_unauth_destination ...\"), and nothing else keeps strangers from "
	    "relaying.",
	    pf_with_control(&l->view, list));
}

static void report_culprits(
    struct pf_audit *a, const struct pf_listener *l, const struct pf_culprits *found, int total)
{
	for (size_t i = 0; i < found->count; i++) {
		const struct pf_culprit *c = &found->items[i];
		int reach = c->severity < total ? c->severity : total;

		/* But for mynetworks, which are told of, it would open nothing. */
		if (reach == WAY_CLOSED)
			continue;
		pf_report_at(a, l, c->id, capped(reach, l), c->file, c->line, c->why,
		    pf_repaired(&l->view, c));
	}
}

static void report_missing(struct pf_audit *a, const struct pf_listener *l, int total)
{
	pf_report(a, l, "relay-control-missing", capped(total, l), "smtpd_relay_restrictions",
	    "Nothing in smtpd_relay_restrictions or smtpd_recipient_restrictions refuses "
	    "recipients elsewhere: strangers may send to where they like.",
	    pf_with_control(&l->view, "smtpd_relay_restrictions"));
}

static bool has_severe(const struct pf_culprits *l, int severity)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].severity >= severity)
			return true;
	return false;
}

/* The word that was meant, or none: but then something else has to refuse. */
static struct pf_instead without_unknown(
    const struct pf_view *v, const char *list, const struct pf_element *e)
{
	const struct pf_culprit c = {.list = list, .index = e->index, .element = e->text};
	struct pf_words w = pf_words_of(v, list);
	const char *near = pf_nearest_restriction(e->text);

	if (near == NULL && is_relay_list(list) && !pf_has_relay_control(v))
		return pf_repaired(v, &c);
	if (e->index < w.count)
		w.instead[e->index] = near == NULL ? "" : near;
	return pf_list_with(v, list, &w, "");
}

static void report_unknown_words(struct pf_audit *a, const struct pf_listener *l)
{
	for (size_t i = 0; i < LISTS; i++) {
		const struct pf_setting *s = pf_set(&l->view, lists[i].name);
		struct pf_element e = {.text = NULL};

		if (s != NULL && pf_unknown_word(&l->view, lists[i].name, &e))
			pf_report_at(a, l, "restriction-unknown", SEVERITY_LOW, s->file,
			    s->line + e.lines,
			    findings_text(a->findings,
				"%s has \"%s\", which is no restriction: Postfix defers all mail "
				"that gets that far, as a server configuration error.",
				lists[i].name, e.text),
			    without_unknown(&l->view, lists[i].name, &e));
	}
}

/* smtpd ends with an error, whether a list has the class or not. */
static void report_empty_classes(struct pf_audit *a, const struct pf_listener *l)
{
	static const char classes[] = "smtpd_restriction_classes";
	const struct pf_view *v = &l->view;
	const char *p = pf_get(v, classes), *name;
	unsigned index = 0;

	for (; (name = pf_word(&v->pf->arena, &p, NULL)) != NULL; index++) {
		if (pf_get(v, name)[0] != '\0')
			continue;
		pf_report(a, l, "syntax", SEVERITY_MEDIUM, pf_is_set(v, name) ? name : classes,
		    findings_text(a->findings,
			"The restriction class \"%s\" is empty or not defined: smtpd does not "
			"start "
			"with it (\"restriction class `%s' needs a definition\"), and no client is "
			"served.",
			name, name),
		    pf_uses(v, name) ? pf_line_for(v, name, "reject_unauth_destination")
				     : pf_list_without(v, classes, index));
	}
}

void pf_audit_relay(struct pf_audit *a, const struct pf_listener *l)
{
	const struct pf_view *v = &l->view;
	struct pf_trust trust = {pf_networks_reach(v), NULL}, none = {WAY_CLOSED, NULL};
	int by_networks = networks_reach(v, trust.networks);
	struct pf_culprits found = {.count = 0};
	int total = total_reach(v, 0, &trust, &found), without = total_reach(v, 0, &none, NULL);

	report_unknown_words(a, l);
	report_empty_classes(a, l);
	if (!pf_has_relay_control(v))
		report_refusal(a, l);
	/* What is wrong with mynetworks counts as much as this listener heeds it. */
	pf_audit_networks(a, l, by_networks > WAY_CLOSED ? capped(by_networks, l) : SEVERITY_LOW);
	if (total == WAY_CLOSED || !pf_has_relay_control(v))
		return;
	report_culprits(a, l, &found, by_networks > without ? without : total);
	if (without > WAY_CLOSED && !has_severe(&found, without))
		report_missing(a, l, without);
}

int pf_ours_reach(const struct pf_audit *a)
{
	int widest = a->listeners.count == 0 ? SEVERITY_HIGH : WAY_CLOSED;

	for (size_t i = 0; i < a->listeners.count; i++) {
		const struct pf_listener *l = &a->listeners.items[i];
		struct pf_trust trust = {pf_networks_reach(&l->view), NULL};
		int reach = total_reach(&l->view, PF_RECIPIENT_IS_OURS, &trust, NULL);

		if (reach != WAY_CLOSED)
			reach = (int)capped(reach, l);
		if (reach > widest)
			widest = reach;
	}
	return widest;
}
