/* Milters, logins, limits, and what else Sendmail shows to the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit/sm_audit.h"
#include "base/strbuf.h"

/* --- milters -------------------------------------------------------------------- */

/* The equates of a filter with F=T in the place of its own F=, if any. */
static const char *with_tempfail(struct sm_audit *a, const char *equates)
{
	const char *out = "";
	size_t len;

	for (const char *w; (w = sm_word(&equates, ",", &len)) != NULL;) {
		size_t skip = strspn(w, " \t\n");

		if (skip < len && w[skip] != 'F')
			out = findings_text(
			    a->findings, "%s%.*s, ", out, (int)(len - skip), w + skip);
	}
	return findings_text(a->findings, "%sF=T", out);
}

static const char *filter_line(struct sm_audit *a, const struct sm_fact *f, const char *equates)
{
	if (sm_in_mc(a, f))
		return findings_text(
		    a->findings, "INPUT_MAIL_FILTER(`%s', `%s')dnl", f->name, equates);
	return findings_text(a->findings, "X%s, %s", f->name, equates);
}

/* R refuses, T defers, 4 hangs up; Sendmail overlooks any other letter. */
static bool fails_closed(const struct sm_fact *filter)
{
	char flags[16];

	return sm_equate(filter->value, "F", flags, sizeof(flags)) && strpbrk(flags, "RT4") != NULL;
}

static void audit_filter(struct sm_audit *a, const struct sm_fact *asked, const char *name)
{
	const struct sm_fact *f = sm_last(a->sm, SM_FILTER, name);

	if (f == NULL)
		sm_report(a, "milter-undefined", SEVERITY_MEDIUM, asked,
		    findings_text(a->findings,
			"The filter %s is asked for, and nowhere defined: Sendmail does not start.",
			name),
		    sm_commented(a, asked));
	else if (!fails_closed(f))
		sm_report(a, "milter-accept", SEVERITY_MEDIUM, f,
		    findings_text(a->findings,
			"Without F=T or F=R mail passes as if the filter %s were not there, "
			"whenever it does not answer.",
			name),
		    filter_line(a, f, with_tempfail(a, f->value)));
}

static void audit_filter_list(
    struct sm_audit *a, const struct sm_fact *asked, const char *list, struct strbuf *used)
{
	char name[128];

	while (sm_take(&list, ",; \t\n", name, sizeof(name))) {
		audit_filter(a, asked, name);
		strbuf_printf(used, " %s ", name);
	}
}

/* The listener's options with these filters in the place of its own. */
static const char *with_filters(
    struct sm_audit *a, const struct sm_fact *daemon, const char *global)
{
	const char *list = daemon->value, *out = "";
	size_t len;

	for (const char *w; (w = sm_word(&list, ",", &len)) != NULL;) {
		size_t skip = strspn(w, " \t\n");

		if (skip < len && w[skip] != 'I')
			out = findings_text(a->findings, "%s%s%.*s", out,
			    out[0] == '\0' ? "" : ", ", (int)(len - skip), w + skip);
	}
	if (global[0] != '\0')
		return out;
	return findings_text(a->findings, "%s, InputMailFilters=relay-guard", out);
}

/* A listener may name filters of its own, or none. */
static void audit_own_filters(
    struct sm_audit *a, const struct sm_fact *daemon, const char *global, struct strbuf *used)
{
	char own[256], name[64];
	bool has_own = sm_equate(daemon->value, "InputMailFilters", own, sizeof(own)) ||
	               sm_equate(daemon->value, "I", own, sizeof(own));
	const char *filters = has_own ? own : global;

	if (has_own)
		audit_filter_list(a, daemon, own, used);
	if (filters[strspn(filters, ",; \t")] != '\0' || used->len == 0)
		return;
	if (!sm_equate(daemon->value, "Name", name, sizeof(name)))
		snprintf(name, sizeof(name), "a listener");
	sm_report(a, "milter-absent", SEVERITY_MEDIUM, daemon,
	    findings_text(a->findings, "%s asks no filter; other listeners do.", name),
	    sm_in_mc(a, daemon) ? findings_text(a->findings, "DAEMON_OPTIONS(`%s')dnl",
				      with_filters(a, daemon, global))
				: findings_text(a->findings, "O DaemonPortOptions=%s",
				      with_filters(a, daemon, global)));
}

/* Defined, and asked by nobody: whoever wrote it believes that it guards. */
static void audit_unused(struct sm_audit *a, const struct strbuf *used)
{
	const struct sm_fact *f = NULL;
	char name[140];

	while ((f = sm_next(a->sm, f, SM_FILTER, NULL)) != NULL) {
		snprintf(name, sizeof(name), " %s ", f->name);
		if (strstr(strbuf_text(used), name) != NULL)
			continue;
		sm_report(a, "milter-unused", SEVERITY_MEDIUM, f,
		    findings_text(
			a->findings, "The filter %s is defined, and no listener asks it.", f->name),
		    sm_in_mc(a, f) ? filter_line(a, f, with_tempfail(a, f->value))
				   : findings_text(a->findings, "%s\nO InputMailFilters=%s",
					 filter_line(a, f, with_tempfail(a, f->value)), f->name));
	}
}

static void audit_filters(struct sm_audit *a)
{
	const struct sm_fact *asked = sm_last(a->sm, SM_OPTION, "InputMailFilters"), *daemon = NULL;
	const char *global = asked == NULL ? "" : asked->value;
	struct strbuf used = {.max = 65536};

	audit_filter_list(a, asked, global, &used);
	/* Twice: the first listener cannot know what the last one has. */
	for (int round = 0; round < 2; round++)
		while ((daemon = sm_next(a->sm, daemon, SM_DAEMON, NULL)) != NULL)
			audit_own_filters(a, daemon, global, &used);
	if (used.len == 0 && sm_next(a->sm, NULL, SM_FILTER, NULL) == NULL)
		sm_report(a, "milter-none", SEVERITY_LOW, NULL,
		    "No filter is asked: no milter guards it.",
		    sm_in_mc(a, NULL)
			? "INPUT_MAIL_FILTER(`relay-guard', "
			  "`S=unix:/run/relay-guard/milter.sock, F=T, T=S:30s;R:30s;E:5m')dnl"
			: "O InputMailFilters=relay-guard\n"
			  "Xrelay-guard, S=unix:/run/relay-guard/milter.sock, F=T, "
			  "T=S:30s;R:30s;E:5m");
	audit_unused(a, &used);
	strbuf_free(&used);
}

/* --- logins ----------------------------------------------------------------------- */

/* Is AUTH offered to somebody before TLS? Not where the port begins with it, or has no AUTH. */
static bool logs_in_plainly(const struct sm *sm)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(sm, f, SM_DAEMON, NULL)) != NULL)
		if (!sm_has_modifier(f->value, 's') && !sm_has_modifier(f->value, 'A'))
			return true;
	return false;
}

/* AuthOptions with p; where there is none yet, a line behind that of the mechanisms. */
static const char *with_options(struct sm_audit *a, const struct sm_fact *place,
    const struct sm_fact *options, const char *flags)
{
	const char *line = sm_define(a, place, "confAUTH_OPTIONS", "AuthOptions",
	    findings_text(a->findings, "%s%sp", flags[0] == '\0' ? "A" : flags, " "));
	const char *kept =
	    sm_define(a, place, "confAUTH_MECHANISMS", "AuthMechanisms", place->value);

	return options != NULL ? line : findings_text(a->findings, "%s\n%s", kept, line);
}

/* Measured: p keeps PLAIN and LOGIN for TLS; a, d, f and m rule them out altogether. */
static void audit_plaintext(struct sm_audit *a)
{
	const struct sm_fact *mechanisms = sm_last(a->sm, SM_OPTION, "AuthMechanisms");
	const struct sm_fact *options = sm_last(a->sm, SM_OPTION, "AuthOptions");
	const char *flags = options == NULL ? "" : options->value;

	if (mechanisms == NULL || sm_auth_option(a->sm, "padfm") || !logs_in_plainly(a->sm) ||
	    (!sm_has_word(mechanisms->value, "PLAIN") && !sm_has_word(mechanisms->value, "LOGIN")))
		return;
	sm_report(a, "auth-plaintext", SEVERITY_MEDIUM, options != NULL ? options : mechanisms,
	    "Passwords are taken without TLS: who listens on the way can send as that user.",
	    with_options(a, options != NULL ? options : mechanisms, options, flags));
}

/* --- hygiene ------------------------------------------------------------------------ */

static bool has_entries(const struct sm *sm, const char *tag)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL)
		if (strncmp(f->name, tag, strlen(tag)) == 0)
			return true;
	return false;
}

static void audit_limits(struct sm_audit *a)
{
	static const char *const features[][2] = {
	    {"ratecontrol", "clientrate:"}, {"conncontrol", "clientconn:"}};

	if (strtoul(sm_option(a->sm, "ConnectionRateThrottle", "0"), NULL, 10) > 0)
		return;
	for (size_t i = 0; i < 2; i++)
		if (sm_last(a->sm, SM_FEATURE, features[i][0]) != NULL &&
		    (!a->sm->has_access || has_entries(a->sm, features[i][1])))
			return;
	sm_report(a, "no-rate-limit", SEVERITY_LOW, NULL,
	    "A client may connect as often as it likes: a stolen account or a guesser of addresses "
	    "is not slowed down (FEATURE(`ratecontrol') with ClientRate: in the access map would "
	    "do it for each client).",
	    sm_define(a, NULL, "confCONNECTION_RATE_THROTTLE", "ConnectionRateThrottle", "15"));
}

static void audit_vrfy(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_OPTION, "PrivacyOptions");
	const char *flags = f == NULL ? "authwarnings" : f->value;
	bool vrfy = sm_has_word(flags, "novrfy"), expn = sm_has_word(flags, "noexpn");

	if (sm_has_word(flags, "goaway") || (vrfy && expn))
		return;
	sm_report(a, "vrfy", SEVERITY_LOW, f,
	    "VRFY and EXPN tell strangers which addresses there are.",
	    sm_define(a, f, "confPRIVACY_FLAGS", "PrivacyOptions",
		findings_text(a->findings, "%s%s%s%s", flags, flags[0] == '\0' ? "" : ",",
		    vrfy   ? ""
		    : expn ? "novrfy"
			   : "novrfy,",
		    expn ? "" : "noexpn")));
}

static void audit_banner(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_OPTION, "SmtpGreetingMessage");

	if (f != NULL && strstr(f->value, "$v") == NULL && strstr(f->value, "$Z") == NULL)
		return;
	sm_report(a, "banner-version", SEVERITY_LOW, f, "The greeting tells strangers the version.",
	    sm_define(a, f, "confSMTP_LOGIN_MSG", "SmtpGreetingMessage", "$j Sendmail; $b"));
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
	/* "8.17.1.9/Debian-2+deb12u2": mended since deb12u1. */
	if (major > 8 || (major == 8 && minor >= 18) ||
	    (strncmp(version, "8.17.", 5) == 0 && strstr(version, "+deb12u") != NULL))
		return;
	sm_report(a, "version-old", SEVERITY_MEDIUM, NULL,
	    findings_text(a->findings,
		"Before 8.18 a bare newline may end a message, and hide a second one in it (SMTP "
		"smuggling, CVE-2023-51765), unless the distribution has mended it (Debian 12 has: "
		"8.17.1.9-2+deb12u1). Found: %s.",
		version),
	    "# Sendmail 8.18.1");
}

/*
 * Srv_Features: measured, with 8.18's letters. O lets other line ends than CR LF end a message, G
 * and U take bare newlines and carriage returns; only O and G together part one message in two.
 */
static void audit_line_ends(
    struct sm_audit *a, const struct sm_fact *f, const char *letters, bool everybody)
{
	bool newline = sm_has_word(letters, "G"), ends = sm_has_word(letters, "O");

	if (!newline && !sm_has_word(letters, "U"))
		return;
	sm_report(a, "bare-newline", newline && ends && everybody ? SEVERITY_MEDIUM : SEVERITY_LOW,
	    f,
	    newline && ends
		? "A bare newline may end a message: behind a server that passes such lines on, "
		  "one "
		  "message can hide a second one with any sender (SMTP smuggling)."
		: "Bare newlines or carriage returns are taken and passed on: the next server may "
		  "find a second message in them (SMTP smuggling).",
	    sm_commented(a, f));
}

static void audit_newlines(struct sm_audit *a)
{
	static const char tag[] = "srv_features:";
	const struct sm_fact *f = NULL;

	while ((f = sm_next(a->sm, f, SM_ENTRY, NULL)) != NULL)
		if (strncmp(f->name, tag, sizeof(tag) - 1) == 0)
			audit_line_ends(a, f, f->value, f->name[sizeof(tag) - 1] == '\0');
	while ((f = sm_next(a->sm, f, SM_RULE, "Local_srv_features")) != NULL) {
		const char *answer = strstr(f->value, "$#");

		if (answer != NULL)
			audit_line_ends(a, f, answer + 2, strncmp(f->value, "$*\t", 3) == 0);
	}
}

static void audit_blame(struct sm_audit *a)
{
	const struct sm_fact *f = sm_last(a->sm, SM_OPTION, "DontBlameSendmail");

	if (f == NULL || strcasecmp(f->value, "safe") == 0 || f->value[0] == '\0')
		return;
	sm_report(a, "unsafe-files", SEVERITY_LOW, f,
	    findings_text(
		a->findings, "Sendmail reads files that others may write (%s).", f->value),
	    sm_define(a, f, "confDONT_BLAME_SENDMAIL", "DontBlameSendmail", "safe"));
}

/* What m4 does not build, or Sendmail does not start with. */
static void audit_problems(struct sm_audit *a, const struct sm *sm)
{
	const struct sm_fact *f = NULL;

	while ((f = sm_next(sm, f, SM_PROBLEM, NULL)) != NULL)
		sm_report(a, "syntax", SEVERITY_MEDIUM, f,
		    findings_text(a->findings,
			strcmp(f->name, "m4") == 0
			    ? "m4 stops here: %s. No sendmail.cf comes of it, and what was built "
			      "before stays."
			    : "Sendmail does not start with this line: %s.",
			f->value),
		    "");
}

void sm_audit_host(struct sm_audit *a)
{
	audit_problems(a, a->sm);
	if (a->sm->source != NULL)
		audit_problems(a, a->sm->source);
	audit_version(a);
	audit_blame(a);
	/* submit.cf serves no port. */
	if (sm_last(a->sm, SM_FEATURE, "msp") != NULL)
		return;
	audit_filters(a);
	audit_plaintext(a);
	audit_limits(a);
	audit_vrfy(a);
	audit_banner(a);
	audit_newlines(a);
}
