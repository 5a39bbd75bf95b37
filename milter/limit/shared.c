#include "limit/shared.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/sha.h>

#include "base/log.h"

enum {
	/* "{prefix}:" and 32 digits. */
	PREFIX_MAX = 64,
	KEY_MAX = PREFIX_MAX + 4 + 2 * SHARED_NAME_SIZE,
	/* ":1\r\n:", 19 digits, "\r\n" */
	BYTES_PER_ANSWER = 32,
	ERROR_BYTES = 1024,
	REFRESH_SECONDS = 60,
	STEP_MS = 100,
	/* Of a debt above 104 days, in nanoseconds. */
	ROUNDING = 256,
	ASK_SENTINEL_MS = 1000,
	DUTY_MS = 2000,
};

struct shared {
	struct shared_options o;
	struct shared_board *board;
	struct breaker *breaker; /* the board's */
	struct tls_trust *trust; /* NULL: no TLS */
	struct redis_pool *pool;
	char sha[REDIS_SHA_SIZE];
	char clock_key[KEY_MAX];
	pthread_t attendant;
	pthread_mutex_t lock;
	pthread_cond_t ends;
	bool attended, ending;
	void (*duty)(void *arg);
	void *duty_arg;
	/* It was away: where it is now must be found out before this process calls it. */
	atomic_bool lost;
};

/* --- names ---------------------------------------------------------------------- */

void shared_name(uint64_t limit, const char *key, size_t len, unsigned char name[SHARED_NAME_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH], inner[sizeof(limit) + sizeof(hash)];

	for (unsigned i = 0; i < sizeof(limit); i++)
		inner[i] = (unsigned char)(limit >> 8 * i);
	SHA256((const unsigned char *)key, len, inner + sizeof(limit));
	SHA256(inner, sizeof(inner), hash);
	memcpy(name, hash, SHARED_NAME_SIZE);
}

/* The braces make it one slot of a cluster: what is charged together must be on one server. */
static void key_of(const struct shared *s, const unsigned char *name, char out[KEY_MAX])
{
	int n = snprintf(out, KEY_MAX, "{%.*s}:", PREFIX_MAX, s->o.prefix);

	for (unsigned i = 0; i < SHARED_NAME_SIZE; i++)
		snprintf(out + n + (size_t)2 * i, 3, "%02x", name[i]);
}

/* --- calls ------------------------------------------------------------------------ */

/* One call on its way. */
struct asking {
	struct shared_item *items;
	size_t count;
	bool *all;
	struct redis_verdict *verdicts;
	bool in_full; /* the script itself is sent, not its name */
	bool unknown; /* the server does not have the script yet */
};

static bool is_hard(const struct shared_item *it)
{
	return it->op == REDIS_LOOK || it->op == REDIS_CHARGE;
}

/* An answer that contradicts itself is none. */
static bool read_verdicts(void *arg, const struct redis_reply *r)
{
	struct asking *a = arg;
	bool all = true;

	a->unknown = !a->in_full && redis_reply_is_error(r, "NOSCRIPT");
	if (a->unknown)
		return true;
	if (!redis_reply_verdicts(r, a->count, a->all, a->verdicts))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct shared_item *it = &a->items[i];

		all = all && (a->verdicts[i].fits || !is_hard(it));
		if (it->op != REDIS_REFUND && a->verdicts[i].debt > it->tolerance + ROUNDING)
			return false;
	}
	return all == *a->all;
}

/* The script by its name, or in full. */
static void compose(
    const struct shared *s, const struct asking *a, char *keys, struct resp_command *c)
{
	resp_puts(c, a->in_full ? "EVAL" : "EVALSHA");
	resp_puts(c, a->in_full ? redis_script : s->sha);
	resp_number(c, (int64_t)a->count + 1);
	resp_puts(c, s->clock_key);
	for (size_t i = 0; i < a->count; i++) {
		key_of(s, a->items[i].name, keys + i * KEY_MAX);
		resp_puts(c, keys + i * KEY_MAX);
	}
	for (size_t i = 0; i < a->count; i++) {
		resp_number(c, a->items[i].op);
		resp_number(c, a->items[i].cost);
		resp_number(c, a->items[i].tolerance);
		resp_number(c, a->items[i].least);
	}
}

static bool ask(struct shared *s, struct asking *a, usec_t deadline, struct redis_trouble *why)
{
	size_t most = (a->count + 1) * BYTES_PER_ANSWER + ERROR_BYTES;
	char *keys = malloc((a->count + 1) * KEY_MAX);
	bool answered = false;

	snprintf(why->text, sizeof(why->text), "memory is exhausted");
	a->verdicts = malloc((a->count + 1) * sizeof(*a->verdicts));
	while (!answered && keys != NULL && a->verdicts != NULL) {
		struct resp_command c = {.count = 0};

		compose(s, a, keys, &c);
		answered = redis_pool_call(s->pool, &c, most, deadline, read_verdicts, a, why);
		resp_forget(&c);
		if (!answered)
			break;
		a->in_full = a->unknown;
		answered = !a->unknown;
	}
	for (size_t i = 0; answered && i < a->count; i++) {
		a->items[i].fits = a->verdicts[i].fits;
		a->items[i].debt = a->verdicts[i].debt;
	}
	free(a->verdicts);
	free(keys);
	return answered;
}

static bool call(struct shared *s, struct shared_item *items, size_t count, bool *all)
{
	struct asking a = {.items = items, .count = count, .all = all};
	struct redis_trouble why = {""};
	char where[300];

	if (ask(s, &a, clock_monotonic() + s->o.timeout, &why)) {
		if (breaker_succeeded(s->breaker, clock_boot())) {
			redis_pool_where(s->pool, where, sizeof(where));
			log_notice("store: Redis at %s is back: limits are shared again", where);
		}
		return true;
	}
	if (breaker_failed(s->breaker, s->o.retry, clock_boot())) {
		redis_pool_where(s->pool, where, sizeof(where));
		log_warning("store: Redis at %s is away: %s; limits are counted on this host "
			    "alone, by its share, 1 of %u, until it is back",
		    where, why.text, s->o.hosts);
	}
	return false;
}

bool shared_is_away(const struct shared *s)
{
	return breaker_is_open(s->breaker) || atomic_load(&s->lost) || !s->attended ||
	       !redis_pool_is_ready(s->pool);
}

bool shared_call(struct shared *s, struct shared_item *items, size_t count, bool *all)
{
	return !shared_is_away(s) && call(s, items, count, all);
}

struct redis_pool *shared_pool(struct shared *s)
{
	return s->pool;
}

unsigned shared_hosts(const struct shared *s)
{
	return s->o.hosts;
}

nsec_t shared_slack(const struct shared *s)
{
	return s->o.timeout * NSEC_PER_USEC;
}

/* --- the attendant ------------------------------------------------------------------- */

/* Sleeps for a step; true when it is to end. */
static bool is_over(struct shared *s)
{
	struct timespec until;
	bool over;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += STEP_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&s->lock);
	if (!s->ending)
		(void)pthread_cond_timedwait(&s->ends, &s->lock, &until);
	over = s->ending;
	pthread_mutex_unlock(&s->lock);
	return over;
}

/* --- orders ------------------------------------------------------------------------ */

void shared_forget(
    struct shared_board *board, const unsigned char name[SHARED_NAME_SIZE], nsec_t now)
{
	uint64_t mine;

	if (!atomic_load(&board->in_use) || !table_lock(&board->lock, now, &mine))
		return;
	if (board->orders < SHARED_ORDERS)
		memcpy(board->names[board->orders++], name, SHARED_NAME_SIZE);
	table_unlock(&board->lock, mine);
}

static void carry_out_orders(struct shared *s)
{
	struct shared_item *items = calloc(SHARED_ORDERS, sizeof(*items));
	nsec_t now = clock_boot() * NSEC_PER_USEC;
	unsigned count = 0;
	uint64_t mine;
	bool all;

	if (items == NULL || !table_lock(&s->board->lock, now, &mine)) {
		free(items);
		return;
	}
	for (; count < s->board->orders && count < SHARED_ORDERS; count++) {
		items[count] = (struct shared_item){
		    .op = REDIS_REFUND, .cost = GCRA_HORIZON, .tolerance = GCRA_HORIZON};
		memcpy(items[count].name, s->board->names[count], SHARED_NAME_SIZE);
	}
	s->board->orders = 0;
	table_unlock(&s->board->lock, mine);
	if (count > 0 && !shared_call(s, items, count, &all))
		for (unsigned i = 0; i < count; i++)
			shared_forget(s->board, items[i].name, now);
	free(items);
}

/* One process of the host at a time has it. */
static void do_duty(struct shared *s)
{
	int64_t due = atomic_load(&s->board->duty_at), now = clock_boot();

	if (shared_is_away(s) || now < due ||
	    !atomic_compare_exchange_strong(
		&s->board->duty_at, &due, now + DUTY_MS * USEC_PER_MSEC))
		return;
	carry_out_orders(s);
	if (s->duty != NULL)
		s->duty(s->duty_arg);
}

/* --- its thread ----------------------------------------------------------------------- */

/* Nobody's mail waits for what may take long: names, sentinels, a server that may be back. */
static void *attend(void *arg)
{
	struct shared *s = arg;
	bool moves = redis_pool_may_move(s->pool), all;
	usec_t refresh_at = 0;

	do {
		usec_t now = clock_boot();
		bool open = breaker_is_open(s->breaker);
		bool probes = breaker_take_probe(s->breaker, s->o.retry, now);

		if (open && moves)
			atomic_store(&s->lost, true);
		if (now >= refresh_at || probes || !redis_pool_is_ready(s->pool) ||
		    (!open && atomic_load(&s->lost))) {
			redis_pool_refresh(s->pool, ASK_SENTINEL_MS * USEC_PER_MSEC);
			refresh_at = clock_boot() + REFRESH_SECONDS * USEC_PER_SEC;
		}
		if (!open)
			atomic_store(&s->lost, false);
		if (probes && redis_pool_is_ready(s->pool))
			(void)call(s, NULL, 0, &all);
		do_duty(s);
	} while (!is_over(s));
	return NULL;
}

bool shared_start(struct shared *s, void (*duty)(void *arg), void *arg)
{
	s->duty = duty;
	s->duty_arg = arg;
	s->attended = true;
	if (pthread_create(&s->attendant, NULL, attend, s) == 0)
		return true;
	s->attended = false;
	log_warning("store: no thread can be started to look for Redis: limits are counted on "
		    "this host alone, by its share");
	return false;
}

/* --- opening and closing ---------------------------------------------------------- */

struct shared *shared_new(
    const struct shared_options *o, struct shared_board *board, char error[TLS_TEXT_SIZE])
{
	struct shared *s = calloc(1, sizeof(*s));
	struct redis_pool_options pool = o->pool;
	pthread_condattr_t attr;

	snprintf(error, TLS_TEXT_SIZE, "memory is exhausted");
	if (s == NULL)
		return NULL;
	s->o = *o;
	s->board = board;
	s->breaker = &board->breaker;
	atomic_store(&board->in_use, true);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->ends, &attr);
	pthread_condattr_destroy(&attr);
	redis_script_sha(s->sha);
	snprintf(s->clock_key, sizeof(s->clock_key), "{%.*s}:clock", PREFIX_MAX, o->prefix);
	if (o->tls)
		s->trust = tls_trust_new(&o->tls_files, error);
	pool.greeting.trust = s->trust;
	s->pool = o->tls && s->trust == NULL ? NULL : redis_pool_new(&pool);
	if (s->pool == NULL)
		shared_free(&s);
	return s;
}

void shared_free(struct shared **s)
{
	if (*s == NULL)
		return;
	if ((*s)->attended) {
		pthread_mutex_lock(&(*s)->lock);
		(*s)->ending = true;
		pthread_cond_signal(&(*s)->ends);
		pthread_mutex_unlock(&(*s)->lock);
		pthread_join((*s)->attendant, NULL);
	}
	redis_pool_free(&(*s)->pool);
	tls_trust_free(&(*s)->trust);
	pthread_cond_destroy(&(*s)->ends);
	pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}
