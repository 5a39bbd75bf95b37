/*
 * A relay-guard configuration in the making: what an MTA's configuration says about who may
 * relay, with where it was said, and what could not be translated.
 */
#ifndef AUDIT_IMPORT_H
#define AUDIT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"

/* Where something was taken from. line 0: no line, a default for example. */
struct import_from {
	const char *file;
	unsigned line;
	const char *what; /* "mynetworks", "relay_domains", "class {R}" */
};

struct import_entry {
	const char *text;
	const char *from; /* "main.cf:12 mynetworks" */
};

struct import_list {
	struct import_entry *items;
	size_t count, room;
};

struct import_rule {
	const char *name;
	const char *body; /* criteria and action, as written in the configuration */
	const char *from;
};

/* Zero-initialise it. Texts are copied. Not thread-safe. */
struct import {
	struct arena arena;
	const char *source; /* "Postfix 3.7.11, /etc/postfix"; for the head; may be NULL */
	bool logins;        /* who has logged in may relay */
	bool logins_tls;    /* ... but only over TLS: the MTA takes no AUTH without */
	const char *logins_from;
	struct import_list networks;  /* `networks friends` */
	struct import_list excluded;  /* `networks excluded`: of them those that are no friends */
	struct import_list domains;   /* `domains ours` */
	struct import_list mailers;   /* of `local-mailers`, besides the defaults */
	struct import_list listeners; /* where the MTA listens; a comment */
	struct import_list limits;    /* the MTA's own limits, which stay with it: a comment */
	struct import_list notes;     /* what can't be expressed, and what to do */
	struct import_rule *rules;    /* between `office` and `others` */
	size_t rule_count, rule_room;
	bool failed;
};

/*
 * Adds an address or a network in any spelling of the guard; host bits are cut. What is no
 * network, and what permits the world (that is an open relay, not a policy), becomes a note.
 */
void import_network(struct import *i, const char *text, size_t len, const struct import_from *from);

/*
 * The same of one that is excepted from the others, wherever they stand: it may relay only as
 * somebody who has logged in.
 */
void import_excluded(
    struct import *i, const char *text, size_t len, const struct import_from *from);

/* A domain, .domain for what is below it, or a literal in brackets. What is none becomes a note. */
void import_domain(struct import *i, const char *text, size_t len, const struct import_from *from);

/*
 * A rule between `login` and the last one: `body` is criteria and action. The name is made a word,
 * and made unique, here.
 */
void import_rule(
    struct import *i, const char *name, const char *body, const struct import_from *from);

/* "inet 587 (submission)". */
void import_listener(struct import *i, const char *text, const struct import_from *from);
void import_mailer(struct import *i, const char *text, const struct import_from *from);
void import_limit(struct import *i, const char *text, const struct import_from *from);
void import_logins(struct import *i, bool tls, const struct import_from *from);
void import_note(struct import *i, const struct import_from *from, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The configuration as text that `relay-guard check` takes. False: memory is exhausted. */
bool import_write(const struct import *i, struct strbuf *to);

void import_free(struct import *i);

#endif
