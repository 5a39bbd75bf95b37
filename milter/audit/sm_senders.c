/* Who may relay through Sendmail for the sender's address that he gives: nothing proves it. */
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"

/*
 * Is a sender looked up by this key (the tag is gone)? As user@domain always, as domain with
 * FEATURE(`relay_mail_from', `domain'). Measured: a dot behind is never there, one before it but
 * with FEATURE(`lookupdotdomain'); a user alone, "a@", is not asked for.
 */
static bool is_asked_for(const struct sm *sm, const char *key)
{
	const char *domain = strrchr(key, '@');
	size_t len = strlen(key);

	if (len == 0 || key[len - 1] == '.')
		return false;
	if (domain != NULL)
		return domain > key && domain[1] != '\0';
	if (sm_last(sm, SM_FEATURE, "relay_mail_from_domain") == NULL)
		return false;
	return key[0] != '.' || (sm_last(sm, SM_FEATURE, "lookupdotdomain") != NULL &&
				    sm_last(sm, SM_FEATURE, "relay_hosts_only") == NULL);
}

/* FEATURE(`relay_mail_from') permits whom the access map has as From:... RELAY. */
void sm_audit_senders(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_FEATURE, "relay_mail_from"), *entry = NULL;

	if (f == NULL)
		return;
	if (!a->sm->has_access)
		sm_report(a, "relay-mail-from", SEVERITY_MEDIUM, f,
		    "A From: entry with RELAY in the access map would let whoever uses that sender "
		    "send to where he likes.",
		    sm_without_feature(a, f));
	while ((entry = sm_next(a->sm, entry, SM_ENTRY, NULL)) != NULL) {
		if (strncmp(entry->name, "from:", 5) != 0 ||
		    strcasecmp(entry->value, "RELAY") != 0 || !is_asked_for(a->sm, entry->name + 5))
			continue;
		sm_report(a, "relay-mail-from", SEVERITY_HIGH, entry,
		    findings_text(a->findings,
			"Whoever says that he is %s (MAIL FROM) may send to where he likes; "
			"nothing proves it.",
			entry->name + 5),
		    sm_commented(a, entry));
	}
}
