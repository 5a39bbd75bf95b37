/* Postfix: main.cf, master.cf and the tables that they name. */
#include <stdio.h>
#include <string.h>

#include "audit/mta.h"
#include "audit/packages.h"
#include "audit/pf_audit.h"
#include "audit/pf_import.h"
#include "base/exit.h"

/* --- telling --------------------------------------------------------------- */

void pf_report_at(struct pf_audit *a, const struct pf_listener *l, const char *id,
    enum severity severity, const char *file, unsigned line, const char *why,
    struct pf_instead instead)
{
	findings_add(a->findings, &(struct finding){.id = id,
				      .severity = severity,
				      .file = file,
				      .line = line,
				      .listener = l == NULL ? "" : l->label,
				      .why = why,
				      .instead = instead.text,
				      .of = instead.of});
}

void pf_report(struct pf_audit *a, const struct pf_listener *l, const char *id,
    enum severity severity, const char *parameter, const char *why, struct pf_instead instead)
{
	const struct pf_setting *s = pf_set(l == NULL ? &a->main : &l->view, parameter);

	pf_report_at(a, l, id, severity, s == NULL ? a->pf->main_file : s->file,
	    s == NULL ? 0 : s->line, why, instead);
}

/* --- the two commands ------------------------------------------------------ */

/* Each instance has files of its own: postmulti(1). A copy of one says nothing of the others. */
static void note_instances(const struct pf_audit *a)
{
	const char *p, *folder;

	if (a->pf->request->given)
		return;
	p = pf_get(&a->main, "multi_instance_directories");
	while ((folder = pf_word(&a->pf->arena, &p, NULL)) != NULL)
		pf_note(a->pf,
		    "multi_instance_directories names another instance of Postfix, which was not "
		    "judged: `relay-guard audit postfix --config-dir %s` does.",
		    folder);
}

void pf_audit(struct pf *pf, struct findings *l)
{
	struct pf_audit a = {.pf = pf, .main = {pf, NULL}, .findings = l};

	a.listeners = pf_listeners(pf);
	if (a.listeners.count == 0)
		pf_note(pf, "%s has no listener with smtpd.", pf->master_file);
	for (size_t i = 0; i < a.listeners.count; i++) {
		pf_audit_relay(&a, &a.listeners.items[i]);
		pf_audit_listener(&a, &a.listeners.items[i]);
	}
	pf_audit_postscreen(&a);
	pf_audit_domains(&a);
	pf_audit_host(&a);
	note_instances(&a);
}

void pf_free(struct pf *pf)
{
	pf_tables_free(pf);
	arena_free(&pf->arena);
}

static int audit(const struct audit_request *r, struct findings *l, const char **subject)
{
	struct pf pf;
	int code = pf_load(&pf, r, l, "audit");

	if (code == EXIT_OK) {
		pf_audit(&pf, l);
		if (!r->given)
			package_audit(l, "", "postfix");
		*subject = arena_printf(&l->arena, "postfix %s%s in %s", pf.version_text,
		    pf.version_is_known ? "" : " (assumed)", r->config_dir);
		if (*subject == NULL)
			*subject = "postfix";
	}
	pf_free(&pf);
	return code;
}

static int import(const struct audit_request *r, struct import *i, struct findings *notes)
{
	struct pf pf;
	int code = pf_load(&pf, r, notes, "import");

	if (code == EXIT_OK) {
		pf_import(&pf, i);
	}
	pf_free(&pf);
	return code;
}

const struct audit_mta audit_postfix = {.name = "postfix",
    .config_dir = "/etc/postfix",
    .audit = audit,
    .import = import,
    .main_file = "main.cf",
    .environment = "MAIL_CONFIG",
    .elsewhere = "/usr/local/etc/postfix"};
