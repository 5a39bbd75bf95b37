/* What the self-test tries: one table of probes, each a template of two addresses. */
#ifndef SELFTEST_PROBE_H
#define SELFTEST_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum probe_kind {
	PROBE_RELAY,   /* to somebody else's domain: refused to strangers */
	PROBE_CONTROL, /* to our own domain: accepted from everybody */
	PROBE_FRIEND,  /* to somebody else's domain, by one who may */
	PROBE_GUARD,   /* is the guard asked at all? Only where an MTA is between */
};

/* Where an MTA that takes everything would send the recipient to. */
enum probe_way {
	WAY_OUTSIDE, /* read as relaytest@{outside} */
	WAY_WRITTEN, /* to the domain as it is written */
	WAY_ONWARD,  /* to our domain's next server, address as it is written: the second hop */
	WAY_HERE,    /* delivered here */
};

enum probe_flag {
	/* The recipient's domain stands in `domain`: the configuration may permit it by name. */
	PROBE_NAMES_DOMAIN = 1 << 0,
	/* RFC 5321 has one reading of it, at our domain: who keeps it does no wrong. */
	PROBE_MAY_BE_KEPT = 1 << 1,
	/* Sent after a recipient of ours in the same message. */
	PROBE_SECOND = 1 << 2,
	/* Tried in every manner of a listener, and by every client; the others by strangers once.
	 */
	PROBE_CORE = 1 << 3,
	/* Whether a refused message can go on all the same: DATA after RCPT was refused. */
	PROBE_DATA = 1 << 4,
	/* With PROBE_DATA: by BDAT (RFC 3030), where it is offered. */
	PROBE_BDAT = 1 << 5,
};

struct probe {
	const char *name; /* unique */
	const char *form; /* what is odd about it, in words */
	/*
	 * What follows MAIL FROM: and RCPT TO:, brackets included. {ours} {outside} {host} {ip}
	 * are replaced, {OURS} and {OUTSIDE} by upper case.
	 */
	const char *from, *to;
	const char *parameters; /* of MAIL; NULL: none */
	const char *helo;       /* NULL: what the client has used so far */
	const char *domain;     /* of the recipient, for PROBE_NAMES_DOMAIN */
	enum probe_kind kind;
	enum probe_way way;
	unsigned flags;
};

extern const struct probe probe_table[];
extern const size_t probe_table_size;

/* What the placeholders stand for. */
struct probe_names {
	const char *ours;    /* a domain of ours */
	const char *outside; /* one that is not */
	const char *host;    /* what the server calls itself */
	const char *ip;      /* its address as in a literal: 192.0.2.1, IPv6:2001:db8::1 */
	const char *nonce;   /* of this run; NULL: none */
	const char *mailbox; /* instead of relaytest; NULL: that */
};

/* NULL for a NULL template, and when memory is exhausted. */
const char *probe_expand(struct arena *a, const char *template, const struct probe_names *names);

/* The address without its outer brackets, as an MTA would name it in {rcpt_addr}. */
const char *probe_bare(struct arena *a, const char *path);

#endif
