/* The audit of Postfix: what its parts share. One file, one subject. */
#ifndef AUDIT_PF_AUDIT_H
#define AUDIT_PF_AUDIT_H

#include "audit/pf_edit.h"
#include "audit/pf_list.h"
#include "audit/pf_restrict.h"

/* An smtpd that clients connect to. */
struct pf_listener {
	struct pf_view view;
	const char *label; /* "smtp", "submission", "smtpd (pass)" */
	bool local;        /* only this host reaches it */
	bool well_known;   /* a port that the world tries: 25, 465, 587 */
};

struct pf_listeners {
	struct pf_listener *items;
	size_t count;
};

/* All of it: adds to `l` what is dangerous in what was loaded. */
void pf_audit(struct pf *pf, struct findings *l);

/* The services of master.cf that are smtpd; behind postscreen too. */
struct pf_listeners pf_listeners(struct pf *pf);

/* The audit at work. */
struct pf_audit {
	struct pf *pf;
	struct pf_view main; /* no listener's */
	struct pf_listeners listeners;
	struct findings *findings;
};

/*
 * Adds a finding at the place where `parameter` is set for the listener (NULL: in main.cf): the
 * override, or main.cf, or main.cf as a whole where it is a default. NULL texts (no memory) become
 * findings->failed.
 */
void pf_report(struct pf_audit *a, const struct pf_listener *l, const char *id,
    enum severity severity, const char *parameter, const char *why, struct pf_instead instead);

/* The same at a place of its own. */
void pf_report_at(struct pf_audit *a, const struct pf_listener *l, const char *id,
    enum severity severity, const char *file, unsigned line, const char *why,
    struct pf_instead instead);

/* pf_networks.c: how far strangers are in mynetworks of this view. */
int pf_networks_reach(const struct pf_view *v);

/* Reports what is wrong with a list of networks; findings are at most `limit`. */
void pf_audit_networks(struct pf_audit *a, const struct pf_listener *l, enum severity limit);
void pf_audit_xclient(struct pf_audit *a, const struct pf_listener *l);
void pf_audit_newline_exceptions(struct pf_audit *a, const struct pf_listener *l);

/* pf_relay.c: can a stranger relay through this listener? */
void pf_audit_relay(struct pf_audit *a, const struct pf_listener *l);

/* How far strangers get at recipients of ours through any listener. */
int pf_ours_reach(const struct pf_audit *a);

/* pf_domains.c: domains that are everybody's, tables that rewrite to anywhere. */
void pf_audit_domains(struct pf_audit *a);

/* pf_listener.c: milters, logins, limits, and what else a listener has. */
void pf_audit_listener(struct pf_audit *a, const struct pf_listener *l);
void pf_audit_postscreen(struct pf_audit *a);

/* pf_host.c: what holds for the host as a whole. */
void pf_audit_host(struct pf_audit *a);

#endif
