/*
 * DNS look-ups with a deadline. One interface for SPF, DKIM keys, DMARC and
 * block lists; behind it libunbound (resolver_open()) or fixed data
 * (fixed_open(), see auth/fixed.h), so that tests need no network.
 *
 * A look-up is started as early as its question is known and collected when
 * the answer is needed; nothing but dns_collect() waits. Everything here is thread-safe.
 */
#ifndef AUTH_RESOLVER_H
#define AUTH_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* RFC 1035 3.2.2, RFC 3596. */
enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
};

enum dns_status {
	DNS_OK,        /* there are records */
	DNS_NODATA,    /* the name exists and has none of this type */
	DNS_NXDOMAIN,  /* the name does not exist, or can't: see dns_name_is_valid() */
	DNS_TEMPERROR, /* SERVFAIL, no server, no memory, too many look-ups at once */
	DNS_BOGUS,     /* DNSSEC says that the answer was altered: an error, never data */
	DNS_DEADLINE,  /* no answer in time */
};

/* "ok", "nodata", "nxdomain", "temperror", "bogus", "deadline". */
const char *dns_status_name(enum dns_status s);

/* Should the question be asked again later? TEMPERROR, BOGUS and DEADLINE. */
bool dns_status_is_error(enum dns_status s);

/* The data of one record as it is in the answer, names in it uncompressed. */
struct dns_rdata {
	const uint8_t *data;
	size_t len;
};

/*
 * Immutable, and shared: whoever got it calls dns_answer_unref() once. CNAMEs were
 * followed: only records of the type that was asked for are here.
 */
struct dns_answer {
	enum dns_status status;
	bool secure; /* DNSSEC validated, with a trust anchor only */
	uint32_t ttl;
	size_t count; /* 0 unless DNS_OK */
	const struct dns_rdata *records;
};

const struct dns_answer *dns_answer_ref(const struct dns_answer *a);
/* *a becomes NULL. */
void dns_answer_unref(const struct dns_answer **a);

/* What one message may cost. Not thread-safe: it belongs to the message. */
struct dns_budget {
	usec_t deadline;   /* clock_monotonic(): nothing is waited for after it */
	usec_t per_lookup; /* the longest wait for one answer */
	unsigned lookups;  /* how many more may be started */
};

/* A budget that begins now. */
struct dns_budget dns_budget_make(usec_t total, usec_t per_lookup, unsigned lookups);

struct resolver;
struct dns_lookup;

/*
 * Starts a look-up. `name` is a name in text, absolute with or without the last dot; bytes that
 * are not letters or digits stand for themselves (no escapes). Never waits. A look-up that
 * could not be started (no budget, no memory, too many) is one that collects as an
 * error; NULL only when memory is exhausted, and dns_collect() takes NULL.
 */
struct dns_lookup *dns_start(
    struct resolver *r, struct dns_budget *b, const char *name, enum dns_type type);

/* Waits for the answer, until the look-up's deadline at most. Never NULL. *l becomes NULL. */
const struct dns_answer *dns_collect(struct dns_lookup **l);

/* Gives a look-up up without waiting. *l becomes NULL. */
void dns_abandon(struct dns_lookup **l);

/* Start and collect in one. */
const struct dns_answer *dns_query(
    struct resolver *r, struct dns_budget *b, const char *name, enum dns_type type);

/*
 * Asks so that a later question finds the answer in the cache. Nobody waits for it; it costs
 * one look-up of the budget.
 */
void dns_prefetch(struct resolver *r, struct dns_budget *b, const char *name, enum dns_type type);

/* Labels of 1 to 63 bytes, at most 253 in all without the last dot; not the root. */
bool dns_name_is_valid(const char *name);

/* --- records -------------------------------------------------------------- */

/* Room for a name in text and its NUL. */
#define DNS_NAME_SIZE 256

/*
 * The name at `offset` of the record (PTR, CNAME: 0; MX: 2) as text without the last dot, "" for
 * the root. False when it is malformed or has a label that text can't show as itself: with a dot,
 * a space or anything that is not printable ASCII in it.
 */
bool dns_rdata_name(const struct dns_rdata *r, size_t offset, char name[DNS_NAME_SIZE]);

/*
 * The strings of a TXT record, joined without anything between them (RFC 7208 3.3, RFC 6376
 * 3.6.2.2). Allocates *text (NUL-terminated; NULs inside are possible, hence *len): free() it.
 * False when it is malformed or memory is exhausted.
 */
bool dns_rdata_txt(const struct dns_rdata *r, char **text, size_t *len);

/* --- counters ------------------------------------------------------------- */

struct dns_counters {
	uint64_t lookups;   /* that were started */
	uint64_t cached;    /* answered by our own cache */
	uint64_t errors;    /* TEMPERROR: SERVFAIL, no server, no memory */
	uint64_t bogus;     /* refused by DNSSEC */
	uint64_t deadlines; /* not answered in time */
	uint64_t refused;   /* over the cap, or over a message's budget */
	uint64_t in_flight; /* that are being answered now */
};

struct dns_counters resolver_counters(const struct resolver *r);

/* --- libunbound ----------------------------------------------------------- */

/* Descriptors that it may hold at once: a port for each question under way, TCP, its own pipes. */
#define RESOLVER_DESCRIPTORS 560

struct resolver_options {
	/* NULL-terminated, "192.0.2.53" or "192.0.2.53@5353". Then nothing else is ever asked. NULL
	 * or empty: the servers of `resolv_conf`. */
	const char *const *forward;
	const char *resolv_conf;  /* NULL: /etc/resolv.conf */
	const char *trust_anchor; /* a file of DS or DNSKEY records; NULL: no validation */
	unsigned in_flight;       /* look-ups at once; 0: 1,000 */
	unsigned cache;           /* answers kept in our own cache; 0: 4,096 */
};

/*
 * Starts a resolver and its two threads: call it after fork. NULL with *error set to words
 * (static) when it can't be.
 */
struct resolver *resolver_open(const struct resolver_options *o, const char **error);

/* Look-ups must have been collected or abandoned. *r becomes NULL. */
void resolver_close(struct resolver **r);

#endif
