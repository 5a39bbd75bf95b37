/*
 * What several hosts count together, at a Redis server. The policy of it: how long a call may
 * take, when no call is made, and what counts meanwhile.
 *
 * Every charge is made in this host's own store as well. So no host alone ever lets more
 * through than the whole limit, whatever the server says or has forgotten; and when it is away,
 * this host goes on with its share of the limit, from what it charged until then. What it charged
 * is told the server with each call, which so learns again what it forgot.
 */
#ifndef LIMIT_SHARED_H
#define LIMIT_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/breaker.h"
#include "limit/gcra.h"
#include "limit/redis_pool.h"
#include "limit/redis_script.h"
#include "limit/table.h"

enum { SHARED_NAME_SIZE = 16 };

/* Everything it points to must stay. */
struct shared_options {
	struct redis_pool_options pool; /* its trust is made of `tls_files` */
	bool tls;
	struct tls_files tls_files;
	const char *prefix; /* of all keys */
	usec_t timeout;     /* a call takes no longer */
	usec_t retry;       /* how often one that is away is tried */
	unsigned hosts;     /* how many share the limits */
	bool bans;          /* they share bans as well */
};

enum { SHARED_ORDERS = 256 };

/* What the processes of a host share, in memory that all have. Zero-initialised it is empty. */
struct shared_board {
	struct breaker breaker;
	_Atomic int64_t duty_at;  /* when one of them has its duty next */
	atomic_bool in_use;       /* by a process that has a server */
	atomic_bool bans_trouble; /* said already */
	shared_word lock;         /* of the rest: table_lock() */
	unsigned orders;
	unsigned char names[SHARED_ORDERS][SHARED_NAME_SIZE]; /* of keys to be forgotten there */
};

/*
 * Has a key forgotten at the server soon, if there is one; in any process. Of more than
 * SHARED_ORDERS at a time, the rest is not.
 */
void shared_forget(
    struct shared_board *board, const unsigned char name[SHARED_NAME_SIZE], nsec_t now);

struct shared;

/* Reads the files of TLS, makes no connection. NULL with words in `error`. */
struct shared *shared_new(
    const struct shared_options *o, struct shared_board *board, char error[TLS_TEXT_SIZE]);

/*
 * Starts the thread that looks for the server: until then it is away. While it is there, the thread
 * of one process calls `duty` every two seconds.
 */
bool shared_start(struct shared *s, void (*duty)(void *arg), void *arg);

struct redis_pool *shared_pool(struct shared *s);

/* Ends the thread too. NULL is none. */
void shared_free(struct shared **s);

unsigned shared_hosts(const struct shared *s);

/* How old an answer may be that comes in time. */
nsec_t shared_slack(const struct shared *s);

/* The name of a key at the server, the same on all hosts: a hash, 128 bits of SHA-256. */
void shared_name(uint64_t limit, const char *key, size_t len, unsigned char name[SHARED_NAME_SIZE]);

/* One thing that is charged. */
struct shared_item {
	unsigned char name[SHARED_NAME_SIZE];
	enum redis_op op;
	nsec_t cost, tolerance;
	nsec_t least; /* what this host knows to be owed */
	/* What came of it. */
	bool fits;
	nsec_t debt;
};

/* Would a call be made now? */
bool shared_is_away(const struct shared *s);

/*
 * All items, atomically. False: there is no answer, and *all and what came of the items say
 * nothing; if the server did it all the same, it counted too much, never too little.
 */
bool shared_call(struct shared *s, struct shared_item *items, size_t count, bool *all);

#endif
