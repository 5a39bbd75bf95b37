/*
 * A relay-guard configuration in the making: what an MTA's configuration says about who may
 * relay, with where it was said, and what could not be translated.
 */
#ifndef AUDIT_IMPORT_H
#define AUDIT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
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

/* A section of the configuration: `rule`, `limit`. */
struct import_section {
	const char *name;
	const char *body; /* criteria and action, as written in the configuration */
	const char *from;
};

struct import_sections {
	struct import_section *items;
	size_t count, room;
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
	struct import_list not_ours;  /* `domains not-ours`: below one of ours, and none */
	struct import_list mailers;   /* of `local-mailers`, besides the defaults */
	struct import_list listeners; /* where the MTA listens; a comment */
	struct import_list limits;    /* the MTA's own limits, which stay with it: a comment */
	struct import_list notes;     /* what can't be expressed, and what to do */
	struct import_list senders;   /* `sender { logins }`; empty: the section is not written */
	struct import_sections first_rules; /* before all others */
	struct import_sections rules;       /* between `login` and `others` */
	struct import_sections limit_sections;
	const char *listener; /* a port: who may relay there, where it is otherwise; else NULL */
	bool no_inbound;      /* strangers may not even send to what is ours */
	struct import *next;  /* of another listener: its networks, logins and rules alone */
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

/* With brackets, as in [2001:db8::]/32, or without; PREFIX_HOST_BITS as prefix_parse(). */
enum prefix_error import_read_network(const char *text, size_t len, struct prefix *out);

/* A domain, .domain for what is below it, or a literal in brackets. What is none becomes a note. */
void import_domain(struct import *i, const char *text, size_t len, const struct import_from *from);

/* One that is below one of ours, and none of them: only who may relay may send to it. */
void import_not_ours(
    struct import *i, const char *text, size_t len, const struct import_from *from);

/*
 * Can `to` of a rule name it: an address or a domain of plain characters, no whole top-level
 * domain? In a configuration it then needs no more than quotes.
 */
bool import_is_recipient(const char *text);

/*
 * A rule between `login` and the last one: `body` is criteria and action. The name is made a word,
 * and made unique, here.
 */
void import_rule(
    struct import *i, const char *name, const char *body, const struct import_from *from);

/* The same of one that stands before all others. */
void import_first_rule(
    struct import *i, const char *name, const char *body, const struct import_from *from);

/* A limit; it is named like a rule. */
void import_limit_section(
    struct import *i, const char *name, const char *body, const struct import_from *from);

/*
 * A login, and the addresses and domains that it may send as, as relay-guard.conf(5) has them. One
 * and all others may send as nothing else.
 */
void import_sender(
    struct import *i, const char *login, const char *addresses, const struct import_from *from);

/* What holds at one port alone: add to it what differs. NULL: memory is exhausted. Freed with i. */
struct import *import_for_listener(struct import *i, const char *port);

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
