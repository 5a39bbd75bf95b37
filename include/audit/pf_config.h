/*
 * Postfix's configuration as its daemons would see it: settings, overrides of one listener,
 * defaults of a version, and macros expanded (postconf(5)).
 */
#ifndef AUDIT_PF_CONFIG_H
#define AUDIT_PF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/finding.h"
#include "audit/mta.h"
#include "audit/pf_file.h"

/* "3.7.11" is 30711. 0: not known. */
typedef unsigned pf_version;

pf_version pf_version_parse(const char *text);

/* The version that is assumed where nothing tells it. */
#define PF_VERSION_ASSUMED ((pf_version)30711)

struct pf_mixed;
struct pf_table;

struct pf {
	struct arena arena;
	const struct audit_request *request;
	struct findings *findings; /* for notes; NULL: they are lost */
	const char *main_file, *master_file;
	struct pf_settings settings;
	struct pf_services services;
	struct pf_problems problems;
	bool has_master;    /* false: master.cf was not there, and the usual listener is assumed */
	pf_version version; /* never 0 */
	bool version_is_known;
	const char *version_text;
	struct pf_table *tables; /* read so far */
	struct pf_mixed *mixed;  /* those that are made of others */
	size_t table_count;
	size_t steps;                        /* of the expansion at hand */
	const char *main_text, *master_text; /* as read; what is written instead is made of them */
	size_t main_len, master_len;
	const char *edited_file,
	    *edited_text; /* the last other file that was looked into for that */
	size_t edited_len;
};

/* main.cf alone (service NULL), or as one service of master.cf sees it. */
struct pf_view {
	struct pf *pf;
	const struct pf_service *service;
};

/*
 * Reads both files. Returns an exit code of base/exit.h, anything but EXIT_OK told on standard
 * error with `command` before it. main.cf must be there, or master.cf at least.
 */
int pf_load(struct pf *pf, const struct audit_request *r, struct findings *l, const char *command);

/* From memory; `master` may be NULL. For tests and fuzzing. False: memory is exhausted. */
bool pf_load_text(struct pf *pf, const struct audit_request *r, struct findings *l,
    const char *main_text, size_t main_len, const char *master_text, size_t master_len);

void pf_free(struct pf *pf);

/*
 * The value of a parameter, expanded, without blanks around it; "" where it has none. In the arena.
 * '\n' in it are only those of its own lines, so that pf_word() can count them.
 */
const char *pf_get(const struct pf_view *v, const char *name);

/* Where it is set: the override of the service, or the last one of main.cf. NULL: nowhere. */
const struct pf_setting *pf_set(const struct pf_view *v, const char *name);

/* Is this setting one of the service's -o options? */
bool pf_is_override(const struct pf_view *v, const struct pf_setting *s);

/* Is it set at all, in main.cf or by the service? */
bool pf_is_set(const struct pf_view *v, const char *name);

/* "yes" without case; what is neither yes nor no is `otherwise`. */
bool pf_bool(const struct pf_view *v, const char *name, bool otherwise);

/* The first word of a number, "0" where it is none. */
unsigned long pf_number(const struct pf_view *v, const char *name);

/* The same, not expanded. NULL: the parameter is not known at all. */
const char *pf_raw_value(const struct pf_view *v, const char *name);

/* Expands the macros of any text as this view sees them: pf_macro.c. */
const char *pf_expand(const struct pf_view *v, const char *text);

/* The value of compatibility_level as a version: "3.6" is 30600, "2" is 20000. */
pf_version pf_compatibility(const struct pf_view *v);

/* The default of a parameter, not expanded: pf_defaults.c. NULL: not known. */
const char *pf_default(const char *name, pf_version version);

/* Adds a note where there is a list of them. */
void pf_note(const struct pf *pf, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
