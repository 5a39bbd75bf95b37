/* What one client may do, as limits of the guard (smtpd(8), anvil(8)). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_import.h"

/* "60s", "10m", "1" (seconds). 0: it can't be read. */
static unsigned long seconds(const char *text)
{
	static const char units[] = "smhdw";
	static const unsigned long worth[] = {1, 60, 3600, 86400, 604800};
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	const char *unit = *end == '\0' ? units : strchr(units, *end);

	if (unit == NULL || end == text || n > 10000)
		return 0;
	return n * worth[unit - units];
}

static bool name_is_mynetworks(const char *word)
{
	return strcmp(word, "$mynetworks") == 0 || strcmp(word, "${mynetworks}") == 0 ||
	       strcmp(word, "$(mynetworks)") == 0;
}

/* Whom the limits are not for, as `except`; "" for nobody. Names can't be told. In the arena. */
static const char *exceptions(const struct pf_view *v, struct import *i)
{
	static const char name[] = "smtpd_client_event_limit_exceptions";
	struct arena *a = &v->pf->arena;
	const char *p = pf_raw_value(v, name), *word, *members = "", *comma = "";
	struct import_from from = pf_from_setting(v, name);
	char text[ADDR_TEXT_MAX];
	struct prefix net;

	if (p == NULL)
		p = "$mynetworks";
	/* `friends` are other networks then. */
	if (!pf_uses(v, "permit_mynetworks"))
		p = pf_expand(v, p);
	while (members != NULL && p != NULL && (word = pf_word(a, &p, NULL)) != NULL) {
		if (name_is_mynetworks(word)) {
			members = arena_printf(a, "%s%s@friends", members, comma);
		} else if (import_read_network(word, strlen(word), &net) == PREFIX_OK) {
			prefix_format(&net, text);
			members = arena_printf(a, "%s%s%s", members, comma, text);
		} else {
			import_note(i, &from, "%s was not taken over: it is no network", word);
			continue;
		}
		comma = ", ";
	}
	if (members == NULL || members[0] == '\0')
		return members;
	return arena_printf(a, "  except = { client = { %s } }", members);
}

static const struct {
	const char *parameter, *name;
	const char *count; /* NULL: the guard counts nothing of that kind */
} limits[] = {
    {"smtpd_client_connection_rate_limit", "client-connections", "connections"},
    {"smtpd_client_message_rate_limit", "client-messages", "messages"},
    {"smtpd_client_recipient_rate_limit", "client-recipients", "recipients"},
    {"smtpd_client_connection_count_limit", "client-sessions", "sessions"},
    {"smtpd_client_auth_rate_limit", "client-logins", NULL},
    {"smtpd_client_new_tls_session_rate_limit", "client-tls", NULL},
};

void pf_import_limits(const struct pf_view *v, const char *port, struct import *i)
{
	const char *unit = pf_get(v, "anvil_rate_time_unit");
	unsigned long period = seconds(unit[0] == '\0' ? "60s" : unit);
	const char *except = exceptions(v, i);
	char body[4096], where[40] = "", rate[80];

	for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++) {
		struct import_from from = pf_from_setting(v, limits[k].parameter);
		unsigned long n = pf_number(v, limits[k].parameter);

		if (!pf_is_set(v, limits[k].parameter) || n == 0)
			continue;
		if (port != NULL)
			snprintf(where, sizeof(where), "  for = { listener = %.10s }", port);
		if (strcmp(limits[k].name, "client-sessions") == 0)
			snprintf(rate, sizeof(rate), "max = %lu", n);
		else
			snprintf(rate, sizeof(rate), "rate = %lu/%lus", n, period);
		if (limits[k].count == NULL || period == 0 || n > 1000000000 || except == NULL ||
		    (size_t)snprintf(body, sizeof(body),
			"key = client  count = %s  %s%s%s  on-exceed = defer", limits[k].count,
			rate, where, except) >= sizeof(body)) {
			snprintf(body, sizeof(body), "%lu a client and anvil_rate_time_unit (%lus)",
			    n, period);
			import_limit(i, body, &from);
		} else {
			import_limit_section(i, limits[k].name, body, &from);
		}
	}
}
