#include "audit/pf_list.h"

#include <string.h>
#include <strings.h>

#include "audit/pf_table.h"
#include "conf/schema.h"

/* OK from the tables of MX, NS and A records, and of reverse names, is an error to Postfix. */
static const struct pf_restriction restrictions[] = {
    {"check_ccert_access", PF_BY_CERT_TABLE, true},
    {"check_client_a_access", PF_PASSES, true},
    {"check_client_access", PF_BY_CLIENT, true},
    {"check_client_mx_access", PF_PASSES, true},
    {"check_client_ns_access", PF_PASSES, true},
    {"check_etrn_access", PF_PASSES, true},
    {"check_helo_a_access", PF_PASSES, true},
    {"check_helo_access", PF_BY_HELO, true},
    {"check_helo_mx_access", PF_PASSES, true},
    {"check_helo_ns_access", PF_PASSES, true},
    {"check_policy_service", PF_BY_POLICY, true},
    {"check_recipient_a_access", PF_PASSES, true},
    {"check_recipient_access", PF_BY_RECIPIENT, true},
    {"check_recipient_maps", PF_PASSES, false},
    {"check_recipient_mx_access", PF_PASSES, true},
    {"check_recipient_ns_access", PF_PASSES, true},
    {"check_relay_domains", PF_REFUSES_ELSEWHERE, false},
    {"check_reverse_client_hostname_a_access", PF_PASSES, true},
    {"check_reverse_client_hostname_access", PF_PASSES, true},
    {"check_reverse_client_hostname_mx_access", PF_PASSES, true},
    {"check_reverse_client_hostname_ns_access", PF_PASSES, true},
    {"check_sasl_access", PF_PASSES, true},
    {"check_sender_a_access", PF_PASSES, true},
    {"check_sender_access", PF_BY_SENDER, true},
    {"check_sender_mx_access", PF_PASSES, true},
    {"check_sender_ns_access", PF_PASSES, true},
    {"defer", PF_REFUSES, false},
    {"defer_if_permit", PF_REFUSES, false},
    {"defer_if_reject", PF_PASSES, false},
    {"defer_unauth_destination", PF_REFUSES_ELSEWHERE, false},
    {"permit", PF_PERMITS, false},
    {"permit_auth_destination", PF_PERMITS_OURS, false},
    {"permit_dnswl_client", PF_PASSES, true},
    {"permit_inet_interfaces", PF_PASSES, false},
    {"permit_mx_backup", PF_BY_MX, false},
    {"permit_mynetworks", PF_BY_NETWORKS, false},
    {"permit_naked_ip_address", PF_BY_NAKED_HELO, false},
    {"permit_rhswl_client", PF_PASSES, true},
    {"permit_sasl_authenticated", PF_PASSES, false},
    {"permit_tls_all_clientcerts", PF_BY_ANY_CERT, false},
    {"permit_tls_clientcerts", PF_BY_CERT_LIST, false},
    {"reject", PF_REFUSES, false},
    {"reject_authenticated_sender_login_mismatch", PF_PASSES, false},
    {"reject_invalid_helo_hostname", PF_PASSES, false},
    {"reject_invalid_hostname", PF_PASSES, false},
    {"reject_known_sender_login_mismatch", PF_PASSES, false},
    {"reject_maps_rbl", PF_PASSES, false},
    {"reject_multi_recipient_bounce", PF_PASSES, false},
    {"reject_non_fqdn_helo_hostname", PF_PASSES, false},
    {"reject_non_fqdn_hostname", PF_PASSES, false},
    {"reject_non_fqdn_recipient", PF_PASSES, false},
    {"reject_non_fqdn_sender", PF_PASSES, false},
    {"reject_plaintext_session", PF_PASSES, false},
    {"reject_rbl", PF_PASSES, true},
    {"reject_rbl_client", PF_PASSES, true},
    {"reject_rhsbl_client", PF_PASSES, true},
    {"reject_rhsbl_helo", PF_PASSES, true},
    {"reject_rhsbl_recipient", PF_PASSES, true},
    {"reject_rhsbl_reverse_client", PF_PASSES, true},
    {"reject_rhsbl_sender", PF_PASSES, true},
    {"reject_sender_login_mismatch", PF_PASSES, false},
    {"reject_unauth_destination", PF_REFUSES_ELSEWHERE, false},
    {"reject_unauth_pipelining", PF_PASSES, false},
    {"reject_unauthenticated_sender_login_mismatch", PF_PASSES, false},
    {"reject_unknown_address", PF_PASSES, false},
    {"reject_unknown_client", PF_PASSES, false},
    {"reject_unknown_client_hostname", PF_PASSES, false},
    {"reject_unknown_forward_client_hostname", PF_PASSES, false},
    {"reject_unknown_helo_hostname", PF_PASSES, false},
    {"reject_unknown_hostname", PF_PASSES, false},
    {"reject_unknown_recipient_domain", PF_PASSES, false},
    {"reject_unknown_reverse_client_hostname", PF_PASSES, false},
    {"reject_unknown_sender_domain", PF_PASSES, false},
    {"reject_unlisted_recipient", PF_PASSES, false},
    {"reject_unlisted_sender", PF_PASSES, false},
    {"reject_unverified_recipient", PF_PASSES, false},
    {"reject_unverified_sender", PF_PASSES, false},
    {"sleep", PF_PASSES, true},
    {"warn_if_reject", PF_ONLY_WARNS, false},
};

const struct pf_restriction *pf_restriction(const char *name)
{
	for (size_t i = 0; i < sizeof(restrictions) / sizeof(restrictions[0]); i++)
		if (strcasecmp(restrictions[i].name, name) == 0)
			return &restrictions[i];
	return NULL;
}

bool pf_is_class(const struct pf_view *v, const char *name)
{
	const char *p = pf_get(v, "smtpd_restriction_classes"), *word;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL)
		if (strcasecmp(word, name) == 0)
			return true;
	return false;
}

bool pf_next_element(const struct pf_view *v, struct pf_cursor *at, struct pf_element *e)
{
	struct arena *a = &v->pf->arena;

	e->argument = NULL;
	e->text = pf_word(a, &at->text, &at->lines);
	if (e->text == NULL)
		return false;
	e->lines = at->lines;
	e->index = at->index++;
	e->restriction = pf_restriction(e->text);
	if (e->restriction != NULL && e->restriction->argument) {
		e->argument = pf_word(a, &at->text, &at->lines);
		at->index += e->argument != NULL;
		if (e->argument != NULL && e->restriction->effect != PF_BY_POLICY)
			e->argument = pf_unbrace(a, e->argument);
	}
	return true;
}

const char *pf_policy_default(const struct pf_view *v, const struct pf_element *e)
{
	static const char name[] = "default_action";
	struct arena *a = &v->pf->arena;
	const char *p =
	    e->argument != NULL && e->argument[0] == '{' ? pf_unbrace(a, e->argument) : NULL;
	const char *word, *action = pf_get(v, "smtpd_policy_service_default_action");

	while (p != NULL && (word = pf_word(a, &p, NULL)) != NULL) {
		const char *plain = pf_unbrace(a, word);
		size_t n = strlen(name);

		if (plain == NULL || strncmp(plain, name, n) != 0)
			continue;
		n += strspn(plain + n, " \t");
		if (plain[n] == '=')
			action = plain + n + 1 + strspn(plain + n + 1, " \t");
	}
	return action;
}

/* As smtpd looks for it: `permit` ends the search, what only warns does not count. */
static bool list_has_control(const struct pf_view *v, const char *text, unsigned depth)
{
	static const char *const wanted[] = {"reject_unauth_destination",
	    "defer_unauth_destination", "reject", "defer", "defer_if_permit",
	    "check_relay_domains"};
	const char *word;

	if (depth > PF_NESTING_MAX)
		return false;
	while ((word = pf_word(&v->pf->arena, &text, NULL)) != NULL) {
		if (strcmp(word, "warn_if_reject") == 0) {
			pf_word(&v->pf->arena, &text, NULL);
			continue;
		}
		if (strcmp(word, "permit") == 0)
			return false;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (strcmp(word, wanted[i]) == 0)
				return true;
		if (pf_restriction(word) == NULL && pf_is_class(v, word) &&
		    list_has_control(v, pf_get(v, word), depth + 1))
			return true;
	}
	return false;
}

bool pf_has_relay_control(const struct pf_view *v)
{
	return list_has_control(v, pf_get(v, "smtpd_relay_restrictions"), 0) ||
	       list_has_control(v, pf_get(v, "smtpd_recipient_restrictions"), 0);
}

static bool list_uses(const struct pf_view *v, const char *text, const char *name, unsigned depth)
{
	const char *word;

	if (depth > PF_NESTING_MAX)
		return false;
	while ((word = pf_word(&v->pf->arena, &text, NULL)) != NULL) {
		if (strcasecmp(word, name) == 0)
			return true;
		if (pf_restriction(word) == NULL && pf_is_class(v, word) &&
		    list_uses(v, pf_get(v, word), name, depth + 1))
			return true;
	}
	return false;
}

bool pf_uses(const struct pf_view *v, const char *name)
{
	static const char *const lists[] = {"smtpd_client_restrictions", "smtpd_helo_restrictions",
	    "smtpd_sender_restrictions", "smtpd_relay_restrictions",
	    "smtpd_recipient_restrictions"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (list_uses(v, pf_get(v, lists[i]), name, 0))
			return true;
	return false;
}

bool pf_unknown_word(const struct pf_view *v, const char *parameter, struct pf_element *e)
{
	struct pf_cursor at = {.text = pf_get(v, parameter)};

	while (pf_next_element(v, &at, e))
		if (e->restriction == NULL && !pf_is_table(e->text) && !pf_is_class(v, e->text))
			return true;
	return false;
}

const char *pf_nearest_restriction(const char *word)
{
	const char *names[sizeof(restrictions) / sizeof(restrictions[0])];
	size_t count = sizeof(names) / sizeof(names[0]);

	for (size_t i = 0; i < count; i++)
		names[i] = restrictions[i].name;
	return conf_nearest(word, names, count);
}
