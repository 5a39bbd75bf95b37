#include "limit/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "limit/charge.h"
#include "limit/gauge.h"
#include "limit/shared.h"
#include "limit/shared_bans.h"
#include "limit/store_file.h"
#include "limit/top.h"

struct store {
	struct store_map map;
	struct gauges *gauges;
	struct top *top;
	struct shared_board *board; /* in memory that all processes share */
	struct shared *shared;      /* of this process; NULL: limits are this host's alone */
	bool share_bans;
	struct shared_bans_hooks bans_hooks;
	char bans_hash[80];
	struct siphash_key secret;
	void (*read_boot)(struct boot *out);
	nsec_t offset;  /* of the table's time to the boot clock */
	uint64_t ticks; /* number of the clock that was recorded last */
	bool on_disk;
};

/* --- opening --------------------------------------------------------------------- */

static bool is_new_boot(const struct store_head *h, const struct boot *now)
{
	return memcmp(h->clock.boot.id, now->id, BOOT_ID_SIZE) != 0;
}

/*
 * Looking through all of the table makes it resident in this process, which needs a page of it at a
 * time. What is in it stays, whatever it is mapped from.
 */
static void let_go(const struct store_map *m)
{
	madvise(m->base, m->size, MADV_DONTNEED);
}

static struct shared_board *new_board(void)
{
	void *m = mmap(NULL, sizeof(struct shared_board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return m == MAP_FAILED ? NULL : m;
}

struct store *store_open(const struct store_options *o, char error[STORE_ERROR_MAX])
{
	struct store *s = calloc(1, sizeof(*s));
	struct store_head head;
	struct boot boot;
	size_t wiped;

	error[0] = '\0';
	if (s == NULL)
		return NULL;
	s->read_boot = o->read_boot == NULL ? boot_read : o->read_boot;
	s->read_boot(&boot);
	if (!store_file_open(o, &boot, &s->map, &head, error)) {
		free(s);
		return NULL;
	}
	s->gauges = gauges_new(o->gauge_keys);
	s->top = top_new();
	s->board = new_board();
	if (s->gauges == NULL || s->top == NULL || s->board == NULL) {
		snprintf(error, STORE_ERROR_MAX, "memory is exhausted");
		store_close(&s);
		return NULL;
	}
	s->secret = head.secret;
	s->ticks = head.clock_number;
	s->offset = tabletime_offset(&head.clock, &boot);
	s->on_disk = o->dir != NULL;
	wiped = table_clean(&s->map.table, store_now(s), is_new_boot(&head, &boot));
	let_go(&s->map);
	if (wiped > 0)
		log_warning("%s: %zu times that can't be were wiped", STORE_FILE_NAME, wiped);
	store_tick(s);
	return s;
}

void store_close(struct store **s)
{
	if (*s == NULL)
		return;
	shared_free(&(*s)->shared);
	if ((*s)->board != NULL)
		munmap((*s)->board, sizeof(*(*s)->board));
	gauges_free(&(*s)->gauges);
	top_free(&(*s)->top);
	munmap((*s)->map.base, (*s)->map.size);
	free(*s);
	*s = NULL;
}

bool store_share(struct store *s, const struct shared_options *o, char error[STORE_ERROR_MAX])
{
	char why[TLS_TEXT_SIZE];

	s->shared = shared_new(o, s->board, why);
	if (s->shared == NULL) {
		snprintf(error, STORE_ERROR_MAX, "%s", why);
		return false;
	}
	s->share_bans = o->bans;
	snprintf(s->bans_hash, sizeof(s->bans_hash), "{%.64s}:bans", o->prefix);
	return true;
}

enum { BANS_MS = 1000 };

static void sync_bans(void *arg)
{
	struct store *s = arg;
	struct redis_trouble why = {""};
	bool done = shared_bans_sync(
	    s, shared_pool(s->shared), s->bans_hash, &s->bans_hooks, BANS_MS * USEC_PER_MSEC, &why);

	if (atomic_exchange(&s->board->bans_trouble, !done) == !done)
		return;
	if (done)
		log_notice("store: bans are shared again");
	else
		log_warning("store: bans can't be shared: %s", why.text);
}

void store_share_start(struct store *s, const struct shared_bans_hooks *hooks)
{
	s->bans_hooks = *hooks;
	if (s->shared != NULL)
		(void)shared_start(s->shared, s->share_bans ? sync_bans : NULL, s);
}

/* --- time ---------------------------------------------------------------------------- */

static nsec_t time_of(const struct store *s, const struct boot *b)
{
	return b->uptime * NSEC_PER_USEC + s->offset;
}

nsec_t store_now(const struct store *s)
{
	struct boot b;

	if (s->read_boot == boot_read)
		return clock_boot() * NSEC_PER_USEC + s->offset;
	s->read_boot(&b);
	return time_of(s, &b);
}

usec_t store_wall(const struct store *s, nsec_t t)
{
	struct boot b;

	s->read_boot(&b);
	return b.wall + (t - time_of(s, &b)) / NSEC_PER_USEC;
}

void store_tick(struct store *s)
{
	struct tabletime now;

	gauges_sweep(s->gauges);
	s->read_boot(&now.boot);
	now.table = time_of(s, &now.boot);
	store_head_record(s->map.base, ++s->ticks, &now);
	if (s->on_disk && msync(s->map.base, s->map.size, MS_SYNC) != 0)
		log_warning("%s: it can't be written to the disk", STORE_FILE_NAME);
}

/* --- names ------------------------------------------------------------------------------ */

static uint64_t not_zero(uint64_t x)
{
	return x == 0 ? 1 : x;
}

uint64_t store_limit_id(const char *name, usec_t period)
{
	static const struct siphash_key key = {3, 4};
	uint64_t parts[2] = {siphash(&key, name, strlen(name)), (uint64_t)period};

	return not_zero(siphash(&key, parts, sizeof(parts)));
}

enum { KEY_WHOLE = 248 };

uint64_t store_tag(const struct store *s, uint64_t limit, const char *key, size_t len)
{
	unsigned char bytes[sizeof(limit) + KEY_WHOLE];
	uint64_t digest;

	memcpy(bytes, &limit, sizeof(limit));
	if (len > KEY_WHOLE) {
		digest = siphash(&s->secret, key, len);
		memcpy(bytes + sizeof(limit), &digest, sizeof(digest));
		len = sizeof(digest);
	} else {
		memcpy(bytes + sizeof(limit), key, len);
	}
	return not_zero(siphash(&s->secret, bytes, sizeof(limit) + len));
}

/* --- with other hosts ----------------------------------------------------------------------- */

/*
 * What this host knows is told with some delay: what may be due to that is not insisted on. A soft
 * one that is exceeded here is charged nowhere.
 */
static struct shared_item question(const struct store *s, const struct store_item *it)
{
	bool charges = it->units > 0 && !it->exceeded;
	nsec_t slack = shared_slack(s->shared);
	struct shared_item there = {
	    .op = charges ? (it->soft ? REDIS_CHARGE_SOFT : REDIS_CHARGE)
	                  : (it->soft ? REDIS_LOOK_SOFT : REDIS_LOOK),
	    .cost = charges ? charge_cost(it) : it->rate.interval,
	    .tolerance = it->rate.tolerance,
	    .least = it->before > slack ? it->before - slack : 0,
	};

	shared_name(it->limit, it->key, it->key_len, there.name);
	return there;
}

static bool was_charged(const struct shared_item *there)
{
	return there->fits && (there->op == REDIS_CHARGE || there->op == REDIS_CHARGE_SOFT);
}

/* The receipt of what was charged there, and perhaps here. */
static struct store_receipt receipt_of(const struct store_item *it, const struct shared_item *there)
{
	struct store_receipt r = it->receipt;

	r.remote = was_charged(there);
	memcpy(r.name, there->name, sizeof(r.name));
	return r;
}

static void undo(struct store *s, struct store_item *items, const struct shared_item *there,
    size_t count, nsec_t now)
{
	struct store_refund *all = malloc((count + 1) * sizeof(*all));

	for (size_t i = 0; i < count; i++) {
		if (all != NULL)
			all[i] = (struct store_refund){
			    receipt_of(&items[i], &there[i]), charge_cost(&items[i])};
		items[i].receipt.tag = 0;
	}
	if (all != NULL)
		store_refund_all(s, all, count, now);
	free(all);
}

/*
 * What was charged there is charged here. It is admitted, unless another thread was faster: then it
 * is given back there.
 */
static bool charge_too(struct store *s, struct store_item *items, const struct shared_item *there,
    size_t count, nsec_t now)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].exceeded)
			continue;
		if (charge_one(&s->map.table, &items[i], now)) {
			if (items[i].receipt.tag != 0)
				items[i].receipt = receipt_of(&items[i], &there[i]);
		} else if (items[i].soft) {
			undo(s, &items[i], &there[i], 1, now);
		} else {
			undo(s, items, there, count, now);
			return false;
		}
	}
	return true;
}

/* False: there was no answer; else *pass is what comes of it. */
static bool charge_there(
    struct store *s, struct store_item *items, size_t count, nsec_t now, bool *pass)
{
	struct shared_item *there;
	bool answered;

	*pass = charge_look(&s->map.table, items, count, now);
	if (!*pass)
		return true;
	there = malloc(count * sizeof(*there));
	if (there == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		there[i] = question(s, &items[i]);
	answered = shared_call(s->shared, there, count, pass);
	for (size_t i = 0; answered && i < count; i++)
		if (!items[i].exceeded)
			charge_tell(&items[i], there[i].fits, now + there[i].debt, now);
	if (answered && *pass)
		*pass = charge_too(s, items, there, count, now);
	free(there);
	return answered;
}

/*
 * With other hosts, the server decides; but what this host alone has used up is refused without
 * it. Where it does not answer, this host's share counts, against all that was charged here.
 */
bool store_charge(struct store *s, struct store_item *items, size_t count, nsec_t now)
{
	bool pass;

	for (size_t i = 0; i < count; i++)
		items[i].tag = store_tag(s, items[i].limit, items[i].key, items[i].key_len);
	if (s->shared == NULL || count == 0)
		return charge_all(&s->map.table, items, count, now);
	if (!shared_is_away(s->shared) && charge_there(s, items, count, now, &pass))
		return pass;
	for (size_t i = 0; i < count; i++)
		items[i].rate = gcra_share(&items[i].rate, shared_hosts(s->shared));
	return charge_all(&s->map.table, items, count, now);
}

/* --- giving back ---------------------------------------------------------------------------- */

enum { REFUNDS_A_CALL = 256 };

/* What can't be given back now is not: stricter than it should be, never laxer. */
static void refund_there(struct store *s, const struct store_refund *r, size_t count)
{
	struct shared_item *there = malloc((REFUNDS_A_CALL + 1) * sizeof(*there));
	size_t n = 0;
	bool all;

	for (size_t i = 0; there != NULL && i < count; i++) {
		if (r[i].receipt.remote && r[i].amount > 0) {
			there[n] = (struct shared_item){
			    .op = REDIS_REFUND, .cost = r[i].amount, .tolerance = GCRA_HORIZON};
			memcpy(there[n].name, r[i].receipt.name, sizeof(there[n].name));
			n++;
		}
		if (n == REFUNDS_A_CALL || (n > 0 && i + 1 == count)) {
			(void)shared_call(s->shared, there, n, &all);
			n = 0;
		}
	}
	free(there);
}

void store_refund_all(struct store *s, const struct store_refund *r, size_t count, nsec_t now)
{
	for (size_t i = 0; i < count; i++)
		charge_refund(&s->map.table, &r[i].receipt, r[i].amount, now);
	if (s->shared != NULL)
		refund_there(s, r, count);
}

void store_refund(struct store *s, const struct store_receipt *r, nsec_t amount, nsec_t now)
{
	const struct store_refund one = {*r, amount};

	store_refund_all(s, &one, 1, now);
}

void store_forget(struct store *s, uint64_t limit, const char *key, size_t key_len, nsec_t now)
{
	struct store_receipt r = {.tag = store_tag(s, limit, key, key_len)};
	unsigned char name[SHARED_NAME_SIZE];

	charge_refund(&s->map.table, &r, GCRA_HORIZON, now);
	shared_name(limit, key, key_len, name);
	shared_forget(s->board, name, now);
}

bool store_is_away(const struct store *s)
{
	return breaker_is_open(&s->board->breaker);
}

/* --- for others ------------------------------------------------------------ */

void store_usage(const struct store *s, struct store_usage *out)
{
	out->slots = s->map.table.sets * TABLE_WAYS;
	out->live = table_live(&s->map.table, store_now(s));
	out->bytes = s->map.size;
	let_go(&s->map);
}

struct gauges *store_gauges(const struct store *s)
{
	return s->gauges;
}

struct top *store_top(const struct store *s)
{
	return s->top;
}

const struct table *store_table(const struct store *s)
{
	return &s->map.table;
}

void *store_bans_area(const struct store *s)
{
	return s->map.bans;
}
