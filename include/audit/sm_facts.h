/*
 * What Sendmail's configuration says, whichever file says it: sendmail.cf, which the daemon reads,
 * or sendmail.mc, which it is made from. A list of facts in the order of the file.
 */
#ifndef AUDIT_SM_FACTS_H
#define AUDIT_SM_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/mta.h"
#include "base/addr.h"
#include "base/arena.h"

enum sm_kind {
	SM_FEATURE,  /* name: "relay_based_on_MX"; value: its further arguments, "" without */
	SM_OPTION,   /* name: as in sendmail.cf, "AuthMechanisms" */
	SM_DAEMON,   /* value: "Name=MTA, Port=587, M=Ea" */
	SM_FILTER,   /* a milter that is defined; name; value: "S=..., F=T" */
	SM_CLASS,    /* a word of class `name`: "w", "R", "TrustAuthMech" */
	SM_FILE,     /* a file of words of class `name` */
	SM_MAP,      /* name: "access"; value: "hash -T<TMPF> /etc/mail/access" */
	SM_RULE,     /* name: its ruleset; value: the rule without its R, tabs kept */
	SM_MACRO,    /* name: "Z" */
	SM_ENTRY,    /* of the access map, in lower case but for the value; name: key */
	SM_PROBLEM,  /* what is not built or not started with; name: "m4" or "sendmail"; value: why
	              */
	SM_VIRTUSER, /* of the virtusertable, likewise */
};

struct sm_fact {
	enum sm_kind kind;
	const char *name, *value; /* never NULL */
	const char *file;
	unsigned line;
};

struct sm {
	const struct audit_request *request;
	struct audit_request own; /* the same, but for its folder where a file was named */
	struct arena arena;
	struct sm_fact *facts;
	size_t count, room;
	struct findings *notes; /* where notes go */
	const char *main_file;  /* sendmail.cf, or sendmail.mc where that is all there is */
	bool from_mc;           /* the facts are from sendmail.mc: no rules, defaults are assumed */
	struct sm *source; /* sendmail.mc beside sendmail.cf: where a change is made; NULL: none */
	char ruleset[128]; /* that the reader is in; "" before the first */
	bool has_access;   /* there is an access map, and its text was read */
	bool failed;       /* memory is exhausted, or it is too much */
};

/* Facts that are kept; beyond it the file is no configuration of a mail server. */
#define SM_FACTS_MAX 200000

/* Texts are copied; `file` is not. */
void sm_add(struct sm *sm, enum sm_kind kind, const char *name, const char *value, const char *file,
    unsigned line);

/* The next fact of this kind and name (NULL: any) behind `after` (NULL: from the start). */
const struct sm_fact *sm_next(
    const struct sm *sm, const struct sm_fact *after, enum sm_kind kind, const char *name);

/* The last one, which holds; NULL: none. Names of options and features are compared without case.
 */
const struct sm_fact *sm_last(const struct sm *sm, enum sm_kind kind, const char *name);

/* The value of an option, `fallback` where it is not set. */
const char *sm_option(const struct sm *sm, const char *name, const char *fallback);

/* The next word of `*at`, parted by any of `separators`, with its length; NULL: no more. */
const char *sm_word(const char **at, const char *separators, size_t *len);

/* Copies the next word, cut where it is longer than `size` - 1; false: no more. */
bool sm_take(const char **at, const char *separators, char *out, size_t size);

/* In a comma list "Name=MTA, Port=587": the value of `key`, in `out`; false when it is not there.
 */
bool sm_equate(const char *list, const char *key, char *out, size_t size);

/* sm_cf.c: the lines of sendmail.cf, or such lines within sendmail.mc from `first` on. */
void sm_read_cf(struct sm *sm, const char *text, size_t len, const char *file, unsigned first);

/* sm_mc.c: sendmail.mc, as m4 would read it, without the files that come with Sendmail. */
void sm_read_mc(struct sm *sm, const char *text, size_t len, const char *file);

/* sm_tables.c: the files of classes, and the access map's text. */
void sm_read_tables(struct sm *sm);

/*
 * sm_load.c. Reads DIR/sendmail.cf, and DIR/sendmail.mc beside it; where neither is there another
 * *.cf or *.mc, which is noted; or the file, where --config-dir names one. Then the files of
 * classes and the access map's text. An exit code: EXIT_OK, or EXIT_NO_INPUT when nothing can be
 * read, told on standard error as from `relay-guard COMMAND`.
 */
int sm_load(
    struct sm *sm, const struct audit_request *r, struct findings *notes, const char *command);
void sm_free(struct sm *sm);

/*
 * Where a fact is to be changed: in sendmail.mc where that has it, else where it was read. NULL
 * gives the file as a whole.
 */
void sm_place(const struct sm *sm, const struct sm_fact *f, const char **file, unsigned *line);

/* The version as "8.17.1.9"; "" when nobody tells. */
const char *sm_version(const struct sm *sm);

/*
 * A key of the access map, or a word of class R, that means addresses: "192.0.2", "10.1.2.3",
 * "IPv6:2001:db8". False: it is a name.
 */
bool sm_network(const char *text, struct prefix *out);

#endif
