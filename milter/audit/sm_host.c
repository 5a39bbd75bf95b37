/* Milters, logins, limits, and what else Sendmail shows to the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"

/* --- milters -------------------------------------------------------------------- */

static void audit_filter(struct sm_audit *a, const char *name)
{
	const struct sm_fact *f = sm_last(a->sm, SM_FILTER, name);
	char flag[8];

	if (f == NULL) {
		sm_report(a, "milter-undefined", SEVERITY_MEDIUM,
		    sm_last(a->sm, SM_OPTION, "InputMailFilters"),
		    findings_text(
			a->findings, "The filter %s is asked for, and nowhere defined.", name),
		    findings_text(
			a->findings, "INPUT_MAIL_FILTER(`%s', `S=unix:..., F=T')dnl", name));
		return;
	}
	if (sm_equate(f->value, "F", flag, sizeof(flag)) && strpbrk(flag, "RrTt4") != NULL)
		return;
	sm_report(a, "milter-accept", SEVERITY_MEDIUM, f,
	    findings_text(a->findings,
		"Without F= mail passes as if the filter %s were not there, whenever it does not "
		"answer.",
		name),
	    findings_text(a->findings, "INPUT_MAIL_FILTER(`%s', `%s, F=T')dnl", name, f->value));
}

/* A listener may name filters of its own, or none. */
static void audit_own_filters(struct sm_audit *a, const struct sm_fact *daemon, const char *global)
{
	char own[256], name[64];

	if (global[0] == '\0' || !sm_equate(daemon->value, "InputMailFilters", own, sizeof(own)))
		return;
	if (!sm_equate(daemon->value, "Name", name, sizeof(name)))
		snprintf(name, sizeof(name), "a listener");
	if (own[0] == '\0')
		sm_report(a, "milter-absent", SEVERITY_MEDIUM, daemon,
		    findings_text(
			a->findings, "%s asks no filter; other listeners ask %s.", name, global),
		    findings_text(a->findings, "InputMailFilters=%s", global));
}

static void audit_filters(struct sm_audit *a)
{
	const char *names = sm_option(a->sm, "InputMailFilters", ""), *at = names;
	const struct sm_fact *daemon = NULL;
	char name[128];

	if (names[strspn(names, ", \t")] == '\0')
		sm_report(a, "milter-none", SEVERITY_LOW, NULL,
		    "No filter is asked: no milter guards it.",
		    "INPUT_MAIL_FILTER(`relay-guard', `S=unix:/run/relay-guard/milter.sock, F=T, "
		    "T=S:30s;R:30s;E:5m')dnl");
	while (sm_take(&at, ",; \t", name, sizeof(name)))
		audit_filter(a, name);
	while ((daemon = sm_next(a->sm, daemon, SM_DAEMON, NULL)) != NULL)
		audit_own_filters(a, daemon, names);
}

/* --- logins ----------------------------------------------------------------------- */

static void audit_plaintext(struct sm_audit *a)
{
	const struct sm_fact *mechanisms = sm_last(a->sm, SM_OPTION, "AuthMechanisms");
	const char *flags = sm_option(a->sm, "AuthOptions", "");

	if (mechanisms == NULL || strpbrk(flags, "py") != NULL ||
	    (!sm_has_word(mechanisms->value, "PLAIN") && !sm_has_word(mechanisms->value, "LOGIN")))
		return;
	sm_report(a, "auth-plaintext", SEVERITY_MEDIUM, mechanisms,
	    "Passwords are taken without TLS: who listens on the way can send as that user.",
	    flags[0] == '\0'
		? "define(`confAUTH_OPTIONS', `A p y')dnl"
		: findings_text(a->findings, "define(`confAUTH_OPTIONS', `%s p y')dnl", flags));
}

/* --- hygiene ------------------------------------------------------------------------ */

static void audit_limits(struct sm_audit *a)
{
	if (strtoul(sm_option(a->sm, "ConnectionRateThrottle", "0"), NULL, 10) > 0 ||
	    sm_last(a->sm, SM_FEATURE, "ratecontrol") != NULL ||
	    sm_last(a->sm, SM_FEATURE, "conncontrol") != NULL)
		return;
	sm_report(a, "no-rate-limit", SEVERITY_LOW, NULL,
	    "A client may connect as often as it likes: a stolen account or a guesser of addresses "
	    "is "
	    "not slowed down.",
	    "FEATURE(`ratecontrol', `nodelay', `terminate')dnl");
}

static void audit_vrfy(struct sm_audit *a)
{
	const char *flags = sm_option(a->sm, "PrivacyOptions", "");

	if (sm_has_word(flags, "goaway") ||
	    (sm_has_word(flags, "novrfy") && sm_has_word(flags, "noexpn")))
		return;
	sm_report(a, "vrfy", SEVERITY_LOW, sm_last(a->sm, SM_OPTION, "PrivacyOptions"),
	    "VRFY and EXPN tell strangers which addresses there are.",
	    "define(`confPRIVACY_FLAGS', `authwarnings,novrfy,noexpn,restrictqrun')dnl");
}

static void audit_banner(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_OPTION, "SmtpGreetingMessage");

	if (f != NULL && strstr(f->value, "$v") == NULL && strstr(f->value, "$Z") == NULL)
		return;
	sm_report(a, "banner-version", SEVERITY_LOW, f, "The greeting tells strangers the version.",
	    "define(`confSMTP_LOGIN_MSG', `$j Sendmail; $b')dnl");
}

/* 8.18 parts a message at CR LF . CR LF alone; before it, others could smuggle one inside another.
 */
static void audit_version(struct sm_audit *a)
{
	const char *version = sm_version(a->sm);
	unsigned major = 0, minor = 0;

	if (version[0] == '\0' || sscanf(version, "%u.%u", &major, &minor) != 2) {
		findings_note(a->findings, "The version is not known; name it with --mta-version.");
		return;
	}
	if (major > 8 || (major == 8 && minor >= 18))
		return;
	sm_report(a, "version-old", SEVERITY_MEDIUM, NULL,
	    findings_text(a->findings,
		"Before 8.18 a bare newline may end a message, and hide a second one in it, unless "
		"the "
		"distribution has mended it (Debian 12 has: 8.17.1.9-2+deb12u1). Found: %s.",
		version),
	    "");
}

static void audit_blame(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_OPTION, "DontBlameSendmail");

	if (f == NULL || strcasecmp(f->value, "safe") == 0 || f->value[0] == '\0')
		return;
	sm_report(a, "unsafe-files", SEVERITY_LOW, f,
	    findings_text(
		a->findings, "Sendmail reads files that others may write (%s).", f->value),
	    "define(`confDONT_BLAME_SENDMAIL', `safe')dnl");
}

void sm_audit_host(struct sm_audit *a)
{
	audit_filters(a);
	audit_plaintext(a);
	audit_limits(a);
	audit_vrfy(a);
	audit_banner(a);
	audit_version(a);
	audit_blame(a);
}
