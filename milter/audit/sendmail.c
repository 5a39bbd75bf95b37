/* Sendmail: sendmail.cf, sendmail.mc, and the classes and the access map that they name. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/packages.h"
#include "audit/sm_audit.h"
#include "base/exit.h"

void sm_report(struct sm_audit *a, const char *id, enum severity severity, const struct sm_fact *f,
    const char *why, const char *instead)
{
	struct finding found = {.id = id,
	    .severity = severity > a->limit ? a->limit : severity,
	    .listener = "",
	    .why = why,
	    .instead = instead};

	sm_place(a->sm, f, &found.file, &found.line);
	findings_add(a->findings, &found);
}

bool sm_has_word(const char *list, const char *word)
{
	size_t len;

	for (const char *w; (w = sm_word(&list, ", \t\n;", &len)) != NULL;)
		if (len == strlen(word) && strncasecmp(w, word, len) == 0)
			return true;
	return false;
}

bool sm_auth_option(const struct sm *sm, const char *letters)
{
	const char *options = sm_option(sm, "AuthOptions", "");
	size_t len;

	for (const char *w; (w = sm_word(&options, ", \t\n", &len)) != NULL;)
		if (strchr(letters, w[0]) != NULL)
			return true;
	return false;
}

/* Sendmail looks at the first letter of a key alone: M=, Modifier=, Modifiers=. */
static bool daemon_value(const char *daemon, char key, char *out, size_t size)
{
	size_t len;

	for (const char *w; (w = sm_word(&daemon, ",", &len)) != NULL;) {
		const char *value;

		w += strspn(w, " \t\n");
		value = strchr(w, '=');
		if (w[0] != key || value == NULL)
			continue;
		value++;
		return sm_take(&value, ", \t\n", out, size);
	}
	return false;
}

bool sm_has_modifier(const char *daemon, char letter)
{
	char modifiers[64];

	return daemon_value(daemon, 'M', modifiers, sizeof(modifiers)) &&
	       strchr(modifiers, letter) != NULL;
}

bool sm_is_loopback(const char *daemon)
{
	char addr[128];

	return daemon_value(daemon, 'A', addr, sizeof(addr)) &&
	       (strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0 ||
		   strcasecmp(addr, "localhost") == 0);
}

static int audit(const struct audit_request *r, struct findings *l, const char **subject)
{
	struct sm sm;
	struct sm_audit a = {.sm = &sm, .findings = l, .limit = SEVERITY_HIGH};
	int code = sm_load(&sm, r, l, "audit");

	if (code == EXIT_OK) {
		const char *version = sm_version(&sm);

		sm_audit_relay(&a);
		sm_audit_host(&a);
		if (!r->given)
			package_audit(l, "", "sendmail-bin");
		l->failed = l->failed || sm.failed;
		*subject = arena_printf(&l->arena, "sendmail%s%s in %s",
		    version[0] == '\0' ? "" : " ", version, r->config_dir);
		if (*subject == NULL)
			*subject = "sendmail";
	}
	sm_free(&sm);
	return code;
}

static int import(const struct audit_request *r, struct import *i, struct findings *notes)
{
	struct sm sm;
	int code = sm_load(&sm, r, notes, "import");

	if (code == EXIT_OK) {
		sm_import(&sm, i);
		i->failed = i->failed || sm.failed;
	}
	sm_free(&sm);
	return code;
}

const struct audit_mta audit_sendmail = {
    .name = "sendmail", .config_dir = "/etc/mail", .audit = audit, .import = import};
