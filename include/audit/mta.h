/* The mail servers whose configuration can be audited and imported: one row each. */
#ifndef AUDIT_MTA_H
#define AUDIT_MTA_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/finding.h"
#include "audit/import.h"
#include "base/arena.h"

/* What the user asked for, the same for every MTA. */
struct audit_request {
	const char *config_dir;  /* never NULL; audit_own_dir() where none was given */
	bool given;              /* the user named it: this host's own state says nothing of it */
	const char *mta_version; /* as given, "3.7.11"; NULL: to be found */
};

struct audit_mta {
	const char *name;       /* "postfix" */
	const char *config_dir; /* "/etc/postfix" */
	/*
	 * Reads the configuration and adds what it finds. *subject becomes a text in l->arena for
	 * findings_print(). Returns an exit code of base/exit.h: EXIT_OK however bad the findings
	 * are; anything else when there was nothing to judge, told on standard error.
	 */
	int (*audit)(const struct audit_request *r, struct findings *l, const char **subject);
	/* Adds what is to be written, and notes of what could not be read. Exit codes as above. */
	int (*import)(const struct audit_request *r, struct import *i, struct findings *notes);
	/* Where config_dir has no main_file: other places, in this order. NULL: there is none. */
	const char *main_file;   /* "main.cf" */
	const char *environment; /* "MAIL_CONFIG", which names a folder */
	const char *elsewhere;   /* "/usr/local/etc/postfix" */
};

extern const struct audit_mta audit_postfix;  /* postfix.c */
extern const struct audit_mta audit_sendmail; /* sendmail.c */

/* NULL: there is no row of that name. */
const struct audit_mta *audit_mta_find(const char *name);

/* The folder of this host's own configuration; not the caller's to free. */
const char *audit_own_dir(const struct audit_mta *m);

/* "postfix or sendmail", for messages; static. */
const char *audit_mta_names(void);

/*
 * Where the file that the MTA's configuration calls `path` is read. Relative names are looked for
 * in r->config_dir. Where that was given, so is what is named below the MTA's usual directory, and
 * what is named below another folder of that name (/usr/local/etc/postfix) or an instance's
 * (/etc/postfix-out), if it is there; anything else stays. In the arena. NULL: memory is exhausted.
 */
const char *audit_path(
    const struct audit_mta *m, const struct audit_request *r, struct arena *a, const char *path);

/* The longest file of an MTA's configuration that is read, tables included. */
#define AUDIT_FILE_MAX ((size_t)64 << 20)

/*
 * Reads a regular file of at most AUDIT_FILE_MAX bytes into the arena, NUL-terminated. Binary files
 * are read as they are. NULL: *problem says why in words that need not be freed.
 */
char *audit_read(struct arena *a, const char *path, size_t *len, const char **problem);

#endif
