/*
 * Where limits are counted. One store for all processes of a daemon: opened by the master,
 * inherited by its children, used from any thread without further ado. It is local, or local and
 * shared with other hosts (limit/shared.h).
 *
 * The local store is a table (limit/table.h) in a file of the state directory: 16 bytes a key and 2
 * more for what is shared. What was charged is in it when the call returns, and survives the end of
 * every process at any moment; the loss of the host's power costs at most what came after the last
 * store_tick().
 */
#ifndef LIMIT_STORE_H
#define LIMIT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/gcra.h"
#include "limit/shared.h"
#include "limit/table.h"
#include "limit/tabletime.h"

struct store;

#define STORE_FILE_NAME "limits.table"
#define STORE_ASIDE_NAME "limits.table.aside" /* what was found there and could not be used */

#define STORE_SLOTS_MIN 1024
#define STORE_SLOTS_MAX (128U << 20)

struct store_options {
	const char *dir; /* the state directory; NULL: memory of this process and its children */
	uint64_t slots;  /* rounded up to a power of two */
	uint64_t gauge_keys;                 /* a process, for limit/gauge.h */
	void (*read_boot)(struct boot *out); /* NULL: the host's clocks; tests have their own */
};

#define STORE_ERROR_MAX 400

/*
 * Opens the file, or makes it. One that is damaged, foreign, older or cut short is renamed
 * to STORE_ASIDE_NAME and replaced; one of another size is copied over, unless what is owed finds
 * no room in a smaller one. What happened is logged. NULL, with words in `error`, when the
 * directory can't be used.
 */
struct store *store_open(const struct store_options *o, char error[STORE_ERROR_MAX]);

/* Unmaps it. What was charged stays in the file. */
void store_close(struct store **s);

/*
 * From now on this process counts together with other hosts. Reads files, connects to nothing.
 * False with words in `error`. `o` must stay.
 */
bool store_share(struct store *s, const struct shared_options *o, char error[STORE_ERROR_MAX]);

struct shared_bans_hooks; /* limit/shared_bans.h */

/* Starts what store_share() prepared: after the last fork() of the process. */
void store_share_start(struct store *s, const struct shared_bans_hooks *hooks);

/*
 * Once a second, by the master: records the clock and writes the table to the disk. May wait for
 * the disk.
 */
void store_tick(struct store *s);

/* The table's time. */
nsec_t store_now(const struct store *s);

/* The wall clock at a time of the table, as things are now. */
usec_t store_wall(const struct store *s, nsec_t t);

/* A limit's identity: its name and one of its windows. Never 0. */
uint64_t store_limit_id(const char *name, usec_t period);

/* The keyed hash of a key of a limit: never 0. Keys may be of any length. */
uint64_t store_tag(const struct store *s, uint64_t limit, const char *key, size_t len);

/* What was charged where, for its refund. */
struct store_receipt {
	uint64_t tag;
	uint64_t cell; /* where it was charged when the key had no slot of its own */
	bool shared;   /* it had none */
	bool remote;   /* it was charged at the server too, under this name */
	unsigned char name[SHARED_NAME_SIZE];
};

/* One thing that an event counts against. */
struct store_item {
	uint64_t limit;
	struct gcra rate; /* where other hosts can't be asked, it becomes this host's share */
	const char *key;  /* any bytes */
	size_t key_len;
	uint64_t units; /* 0: asks only whether one would be admitted */
	bool soft; /* the event goes on when this one is exceeded, and it is then not charged */

	/* What came of it. */
	bool exceeded;
	uint64_t tag;                 /* store_tag() of the key */
	nsec_t before;                /* what it owed before, as far as this host knows */
	uint64_t owed;                /* units, with those of this event, whether admitted or not */
	nsec_t wait;                  /* exceeded: until it would be admitted */
	struct store_receipt receipt; /* tag 0: nothing was charged */
};

/*
 * Charges all items, or none: false when any that is not soft is exceeded. Every item tells
 * what came of it. A charge by another process at the same moment may lead to a refusal that would
 * not have been alone, never to more than the limit.
 */
bool store_charge(struct store *s, struct store_item *items, size_t count, nsec_t now);

/* Gives `amount` (of a gcra_credit) back. */
void store_refund(struct store *s, const struct store_receipt *r, nsec_t amount, nsec_t now);

struct store_refund {
	struct store_receipt receipt;
	nsec_t amount;
};

/* Many, with as few calls to a server as there can be. */
void store_refund_all(struct store *s, const struct store_refund *r, size_t count, nsec_t now);

/* Forgets what a key owes to a limit, here and, soon, at a server; in any process. */
void store_forget(struct store *s, uint64_t limit, const char *key, size_t key_len, nsec_t now);

/* Were limits shared with other hosts, and are they not now? In any process. */
bool store_is_away(const struct store *s);

struct store_usage {
	uint64_t slots, live;
	uint64_t bytes;
};

void store_usage(const struct store *s, struct store_usage *out);

/* What is counted while it lasts: limit/gauge.h. */
struct gauges *store_gauges(const struct store *s);

/* The texts of keys: limit/top.h. */
struct top *store_top(const struct store *s);

/* For files of this layer. */
const struct table *store_table(const struct store *s);
void *store_bans_area(const struct store *s);

#endif
