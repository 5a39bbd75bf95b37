/* The import of Postfix's configuration: what its parts share. */
#ifndef AUDIT_PF_IMPORT_H
#define AUDIT_PF_IMPORT_H

#include "audit/import.h"
#include "audit/nets.h"
#include "audit/pf_audit.h"
#include "audit/pf_pattern.h"

/* Adds whom this Postfix permits to relay, and which domains are its own. */
void pf_import(struct pf *pf, struct import *i);

/* Where something stands; files below the configuration's directory are called without it. */
struct import_from pf_from_setting(const struct pf_view *v, const char *name);
struct import_from pf_from_pattern(
    const struct pf *pf, const struct pf_pattern *p, const char *name);
struct import_from pf_from_row(
    const struct pf *pf, const struct pf_pattern *p, const struct pf_row *row, const char *name);

/* The port that a milter hears of; NULL where the files don't say it. */
const char *pf_port(struct pf *pf, const struct pf_service *s);

/* What to do about a table that is not in a file: add what it holds to `what`. */
void pf_note_opaque(
    struct import *i, const char *spec, const struct import_from *from, const char *what);

/* pf_import_table.c: tables that clients are looked up in. */

/* What each address comes to; what is in none of them goes on. */
struct pf_access {
	struct nets permitted, refused;
};

/* The networks that a table in mynetworks holds: its values are not looked at. */
void pf_table_networks(struct nets_effort *e, const struct pf *pf, const struct pf_pattern *p,
    struct import *notes, struct nets *out);

/* check_client_access: addresses alone, as the guard knows no names of clients. */
void pf_table_access(struct nets_effort *e, const struct pf *pf, const struct pf_pattern *p,
    const char *list, struct import *notes, struct pf_access *out);

/* Is the action of a row a plain permission? */
bool pf_row_permits(const char *value);

/* pf_import_logins.c: smtpd_sender_login_maps. */
void pf_import_logins(struct pf *pf, const struct pf_listeners *l, struct import *i);

/* pf_import_limits.c: smtpd_client_*_limit. `port` is the listener's, NULL: all have it. */
void pf_import_limits(const struct pf_view *v, const char *port, struct import *i);

#endif
