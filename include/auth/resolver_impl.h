/* For what answers look-ups: libunbound, fixed data, a test's own. */
#ifndef AUTH_RESOLVER_IMPL_H
#define AUTH_RESOLVER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "auth/resolver.h"

struct dns_cache;

struct resolver_ops {
	/*
	 * Starts to answer `l` (its name is valid, without the last dot) and calls dns_finish()
	 * once, now or later, from any thread. Takes over one reference to `l`.
	 */
	void (*start)(struct resolver *r, struct dns_lookup *l);
	/* Nobody waits any more; dns_finish() may still be called. May be NULL. */
	void (*cancel)(struct resolver *r, struct dns_lookup *l);
	void (*close)(struct resolver *r);
};

/* The first member of every implementation. */
struct resolver {
	const struct resolver_ops *ops;
	struct dns_cache *cache; /* NULL: none */
	unsigned in_flight_max;
	atomic_uint in_flight;
	atomic_ullong lookups, cached, errors, bogus, deadlines, refused;
};

/* Counted references: one of who collects, one of who answers. */
struct dns_lookup {
	struct resolver *resolver;
	pthread_mutex_t lock;
	pthread_cond_t done;
	const struct dns_answer *answer; /* NULL while nobody answered */
	atomic_uint refs;
	usec_t deadline;
	enum dns_type type;
	/* The implementation's own. */
	int id;
	struct dns_lookup *next, **prev;
	char name[DNS_NAME_SIZE];
};

/* Fills in the common part. False when memory is exhausted. */
bool resolver_init(
    struct resolver *r, const struct resolver_ops *ops, unsigned in_flight, unsigned cache);
void resolver_fini(struct resolver *r);

/* Hands the answer over (NULL: TEMPERROR), and gives back the implementation's reference. */
void dns_finish(struct dns_lookup *l, const struct dns_answer *answer);

/* The implementation's reference, without an answer: after a cancel that won. */
void dns_lookup_unref(struct dns_lookup *l);

/* A copy of `count` records. NULL when memory is exhausted. `status` without records: count 0. */
const struct dns_answer *dns_answer_make(enum dns_status status, bool secure, uint32_t ttl,
    const struct dns_rdata *records, size_t count);

#endif
