/* What holds for the host as a whole: its version, other ways in, and what Postfix would not take.
 */
#include <string.h>
#include <strings.h>

#include "audit/pf_audit.h"
#include "audit/pf_pattern.h"

/* --- version --------------------------------------------------------------- */

/* The first release of each branch in which SMTP smuggling can be forbidden. */
static const struct {
	pf_version branch, fixed;
	const char *text;
} fixes[] = {{30500, 30523, "3.5.23"}, {30600, 30613, "3.6.13"}, {30700, 30709, "3.7.9"},
    {30800, 30804, "3.8.4"}};

static void audit_version(struct pf_audit *a)
{
	const struct pf *pf = a->pf;
	const char *fixed = NULL;

	if (!pf->version_is_known)
		return;
	for (size_t i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
		if (pf->version / 100 == fixes[i].branch / 100 && pf->version < fixes[i].fixed)
			fixed = fixes[i].text;
	if (pf->version < 30500)
		fixed = "3.5.23, or better one of a branch that is still maintained";
	if (fixed == NULL)
		return;
	pf_report_at(a, NULL, "version-old", SEVERITY_MEDIUM, pf->main_file, 0,
	    findings_text(a->findings,
		"Postfix %s can't forbid bare newlines, by which one message can hide a second one "
		"with any sender (SMTP smuggling, CVE-2023-51764); distributions may have repaired "
		"it under this number. It is mended from %s on.",
		pf->version_text, fixed),
	    pf_no_line());
}

/* --- QMQP ------------------------------------------------------------------ */

static bool is_wide(const char *word)
{
	struct prefix p;

	return strncmp(word, "static:", 7) == 0 ||
	       (prefix_parse(word, strlen(word), &p) == PREFIX_OK &&
		   strangers_in(&p) == SEVERITY_HIGH);
}

/* The clients of qmqpd without those that are too many. */
static struct pf_instead narrow_clients(const struct pf_view *v)
{
	static const char name[] = "qmqpd_authorized_clients";
	struct pf_words w = pf_words_of(v, name);
	const char *p = pf_get(v, name), *word;

	for (size_t i = 0; i < w.count && (word = pf_word(&v->pf->arena, &p, NULL)) != NULL; i++)
		w.instead[i] = is_wide(word) ? "" : NULL;
	return pf_list_with(v, name, &w, "127.0.0.1");
}

static void audit_qmqp(struct pf_audit *a)
{
	for (size_t i = 0; i < a->pf->services.count; i++) {
		const struct pf_service *s = &a->pf->services.items[i];
		struct pf_listener l = {.view = {a->pf, s}, .label = s->name};
		struct pf_patterns hosts;

		if (strcmp(s->command, "qmqpd") != 0 || strcmp(s->type, "inet") != 0)
			continue;
		hosts = pf_patterns(&l.view, "qmqpd_authorized_clients");
		for (size_t k = 0; k < hosts.count; k++) {
			const char *text = hosts.items[k].text;

			if (is_wide(text) && !hosts.items[k].negated)
				pf_report(a, &l, "qmqp-wide", SEVERITY_HIGH,
				    "qmqpd_authorized_clients",
				    findings_text(a->findings,
					"qmqpd takes mail to anywhere from %s: strangers are in "
					"it, and may send to where they like.",
					text),
				    narrow_clients(&l.view));
		}
	}
}

/* --- what Postfix would not take, and what is said twice ------------------- */

static void audit_problems(struct pf_audit *a)
{
	for (size_t i = 0; i < a->pf->problems.count; i++) {
		const struct pf_problem *p = &a->pf->problems.items[i];

		pf_report_at(a, NULL, "syntax", SEVERITY_MEDIUM, p->file, p->line,
		    findings_text(a->findings,
			"Postfix does not start with this line (%s); until it is right, a reload "
			"keeps what was loaded before.",
			p->what),
		    pf_comment_out(a->pf, p->file, p->line));
	}
}

/* The last one holds: which is easily overlooked. */
static void audit_duplicates(
    struct pf_audit *a, const struct pf_settings *l, const struct pf_listener *listener)
{
	const struct pf_view *v = listener == NULL ? &a->main : &listener->view;

	for (size_t i = 0; i < l->count; i++) {
		const struct pf_setting *s = &l->items[i], *last = NULL;

		for (size_t k = i + 1; k < l->count; k++)
			if (strcmp(l->items[k].name, s->name) == 0)
				last = &l->items[k];
		if (last == NULL || strcmp(last->value, s->value) == 0 || s->line == 0)
			continue;
		pf_report_at(a, listener, "defined-twice", SEVERITY_LOW, s->file, s->line,
		    findings_text(a->findings,
			"%s is set again in line %u: only that holds, this one does not.", s->name,
			last->line),
		    pf_without_setting(v, s));
	}
}

static void audit_compatibility(struct pf_audit *a)
{
	pf_version level = pf_compatibility(&a->main);

	if (level >= 30000 && level / 100 > a->pf->version / 100 && a->pf->version_is_known)
		pf_report(a, NULL, "compatibility-level", SEVERITY_LOW, "compatibility_level",
		    findings_text(a->findings,
			"This level is newer than Postfix %s, which then does not start.",
			a->pf->version_text),
		    pf_line_for(&a->main, "compatibility_level",
			findings_text(a->findings, "%u.%u", a->pf->version / 10000,
			    a->pf->version / 100 % 100)));
}

/* --- recipients that are not there ----------------------------------------- */

static void audit_hygiene(struct pf_audit *a)
{
	const struct pf_view *v = &a->main;

	if (pf_is_set(v, "local_recipient_maps") && pf_get(v, "local_recipient_maps")[0] == '\0' &&
	    pf_get(v, "mydestination")[0] != '\0')
		pf_report(a, NULL, "unlisted-recipients", SEVERITY_LOW, "local_recipient_maps",
		    "Mail is taken for every name in mydestination, and returned later: bounces go "
		    "to "
		    "whoever was named as the sender.",
		    pf_line_for(v, "local_recipient_maps", "proxy:unix:passwd.byname $alias_maps"));
	if (!pf_bool(v, "smtpd_reject_unlisted_recipient", true))
		pf_report(a, NULL, "unlisted-recipients", SEVERITY_LOW,
		    "smtpd_reject_unlisted_recipient",
		    "Mail is taken for recipients that are not there, and returned later: bounces "
		    "go "
		    "to whoever was named as the sender.",
		    pf_line_for(v, "smtpd_reject_unlisted_recipient", "yes"));
	if (!pf_bool(v, "disable_vrfy_command", false) && pf_is_set(v, "disable_vrfy_command"))
		pf_report(a, NULL, "vrfy", SEVERITY_LOW, "disable_vrfy_command",
		    "VRFY tells strangers which recipients there are.",
		    pf_line_for(v, "disable_vrfy_command", "yes"));
}

void pf_audit_host(struct pf_audit *a)
{
	audit_version(a);
	audit_qmqp(a);
	audit_problems(a);
	audit_compatibility(a);
	audit_hygiene(a);
	audit_duplicates(a, &a->pf->settings, NULL);
	for (size_t i = 0; i < a->listeners.count; i++)
		audit_duplicates(
		    a, &a->listeners.items[i].view.service->overrides, &a->listeners.items[i]);
}
