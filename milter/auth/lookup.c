/* What all resolvers share: answers, look-ups that are waited for, and the cache in front. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/resolver.h"
#include "auth/resolver_impl.h"

enum {
	WAYS = 4,       /* entries that may share a place in the cache */
	TTL_MAX = 3600, /* seconds: a mistake in DNS shall not outlive its correction for long */
	TTL_MAX_NONE = 300, /* of NODATA and NXDOMAIN, RFC 2308 5 */
};

/* --- answers --------------------------------------------------------------- */

struct answer_block {
	struct dns_answer answer; /* first: an answer's address is its block's */
	atomic_uint refs;
	bool immortal;
};

static struct answer_block no_records[] = {
    [DNS_OK] = {.immortal = true, .answer = {.status = DNS_TEMPERROR}},
    [DNS_NODATA] = {.immortal = true, .answer = {.status = DNS_NODATA}},
    [DNS_NXDOMAIN] = {.immortal = true, .answer = {.status = DNS_NXDOMAIN}},
    [DNS_TEMPERROR] = {.immortal = true, .answer = {.status = DNS_TEMPERROR}},
    [DNS_BOGUS] = {.immortal = true, .answer = {.status = DNS_BOGUS}},
    [DNS_DEADLINE] = {.immortal = true, .answer = {.status = DNS_DEADLINE}},
};

static const struct dns_answer *answer_none(enum dns_status status)
{
	return &no_records[status].answer;
}

static struct answer_block *block_of(const struct dns_answer *a)
{
	return (struct answer_block *)(uintptr_t)a;
}

const char *dns_status_name(enum dns_status s)
{
	static const char *const names[] = {
	    [DNS_OK] = "ok",
	    [DNS_NODATA] = "nodata",
	    [DNS_NXDOMAIN] = "nxdomain",
	    [DNS_TEMPERROR] = "temperror",
	    [DNS_BOGUS] = "bogus",
	    [DNS_DEADLINE] = "deadline",
	};

	return names[s];
}

bool dns_status_is_error(enum dns_status s)
{
	return s == DNS_TEMPERROR || s == DNS_BOGUS || s == DNS_DEADLINE;
}

const struct dns_answer *dns_answer_make(enum dns_status status, bool secure, uint32_t ttl,
    const struct dns_rdata *records, size_t count)
{
	size_t bytes = 0, used = 0;
	struct answer_block *b;
	struct dns_rdata *own;
	uint8_t *data;

	for (size_t i = 0; i < count; i++)
		bytes += records[i].len;
	b = malloc(sizeof(*b) + count * sizeof(*own) + bytes);
	if (b == NULL)
		return NULL;
	own = (struct dns_rdata *)(b + 1);
	data = (uint8_t *)(own + count);
	for (size_t i = 0; i < count; i++) {
		own[i] = (struct dns_rdata){.data = data + used, .len = records[i].len};
		if (records[i].len > 0)
			memcpy(data + used, records[i].data, records[i].len);
		used += records[i].len;
	}
	b->answer = (struct dns_answer){
	    .status = status, .secure = secure, .ttl = ttl, .count = count, .records = own};
	b->immortal = false;
	atomic_init(&b->refs, 1);
	return &b->answer;
}

const struct dns_answer *dns_answer_ref(const struct dns_answer *a)
{
	if (!block_of(a)->immortal)
		atomic_fetch_add(&block_of(a)->refs, 1);
	return a;
}

void dns_answer_unref(const struct dns_answer **a)
{
	struct answer_block *b = *a == NULL ? NULL : block_of(*a);

	*a = NULL;
	if (b != NULL && !b->immortal && atomic_fetch_sub(&b->refs, 1) == 1)
		free(b);
}

/* --- the cache ------------------------------------------------------------- */

struct cache_entry {
	const struct dns_answer *answer; /* NULL: free */
	char *name;                      /* lower case */
	usec_t expires;
	enum dns_type type;
};

struct dns_cache {
	pthread_mutex_t lock;
	size_t sets;
	struct cache_entry entries[];
};

static struct dns_cache *cache_new(unsigned entries)
{
	size_t sets = entries < WAYS ? 1 : entries / WAYS;
	struct dns_cache *c = calloc(1, sizeof(*c) + sets * WAYS * sizeof(c->entries[0]));

	if (c == NULL)
		return NULL;
	if (pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return NULL;
	}
	c->sets = sets;
	return c;
}

static void entry_clear(struct cache_entry *e)
{
	dns_answer_unref(&e->answer);
	free(e->name);
	e->name = NULL;
}

static void cache_free(struct dns_cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sets * WAYS; i++)
		entry_clear(&c->entries[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* FNV-1a: who floods one set of the cache loses only what the cache had gained. */
static struct cache_entry *cache_set(struct dns_cache *c, const char *name, enum dns_type type)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)type;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (uint64_t)tolower((unsigned char)*p)) * UINT64_C(1099511628211);
	return &c->entries[(h ^ h >> 32) % c->sets * WAYS];
}

static bool entry_is(const struct cache_entry *e, const char *name, enum dns_type type)
{
	return e->answer != NULL && e->type == type && strcasecmp(e->name, name) == 0;
}

static const struct dns_answer *cache_find(
    struct dns_cache *c, const char *name, enum dns_type type, usec_t now)
{
	struct cache_entry *set = cache_set(c, name, type);
	const struct dns_answer *found = NULL;

	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < WAYS && found == NULL; i++)
		if (entry_is(&set[i], name, type) && set[i].expires > now)
			found = dns_answer_ref(set[i].answer);
	pthread_mutex_unlock(&c->lock);
	return found;
}

static void cache_add(struct dns_cache *c, const struct dns_lookup *l, const struct dns_answer *a)
{
	uint32_t max = a->status == DNS_OK ? TTL_MAX : TTL_MAX_NONE;
	struct cache_entry *set = cache_set(c, l->name, l->type), *place = &set[0];
	char *name;

	if (a->ttl == 0 || dns_status_is_error(a->status) || (name = strdup(l->name)) == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	/* The same question, else the entry that ends first (a free one ends at 0). */
	for (int i = 1; i < WAYS && !entry_is(place, l->name, l->type); i++)
		if (entry_is(&set[i], l->name, l->type) || set[i].expires < place->expires)
			place = &set[i];
	entry_clear(place);
	*place = (struct cache_entry){.answer = dns_answer_ref(a),
	    .name = name,
	    .type = l->type,
	    .expires = clock_monotonic() + (usec_t)(a->ttl < max ? a->ttl : max) * USEC_PER_SEC};
	pthread_mutex_unlock(&c->lock);
}

/* --- look-ups -------------------------------------------------------------- */

bool resolver_init(
    struct resolver *r, const struct resolver_ops *ops, unsigned in_flight, unsigned cache)
{
	r->ops = ops;
	r->in_flight_max = in_flight;
	r->cache = cache == 0 ? NULL : cache_new(cache);
	return cache == 0 || r->cache != NULL;
}

void resolver_fini(struct resolver *r)
{
	cache_free(r->cache);
	r->cache = NULL;
}

void resolver_close(struct resolver **r)
{
	if (*r != NULL)
		(*r)->ops->close(*r);
	*r = NULL;
}

struct dns_counters resolver_counters(const struct resolver *r)
{
	return (struct dns_counters){
	    .lookups = r->lookups,
	    .cached = r->cached,
	    .errors = r->errors,
	    .bogus = r->bogus,
	    .deadlines = r->deadlines,
	    .refused = r->refused,
	    .in_flight = r->in_flight,
	};
}

struct dns_budget dns_budget_make(usec_t total, usec_t per_lookup, unsigned lookups)
{
	return (struct dns_budget){
	    .deadline = clock_monotonic() + total, .per_lookup = per_lookup, .lookups = lookups};
}

bool dns_name_is_valid(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && name[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > 63)
			return false;
		label = 0;
	}
	return true;
}

static struct dns_lookup *lookup_new(struct resolver *r, enum dns_type type, usec_t deadline)
{
	struct dns_lookup *l = calloc(1, sizeof(*l));
	pthread_condattr_t monotonic;

	if (l == NULL)
		return NULL;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	l->resolver = r;
	l->type = type;
	l->deadline = deadline;
	atomic_init(&l->refs, 1);
	return l;
}

static void unref(struct dns_lookup *l)
{
	if (atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	dns_answer_unref(&l->answer);
	pthread_cond_destroy(&l->done);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void dns_lookup_unref(struct dns_lookup *l)
{
	atomic_fetch_sub(&l->resolver->in_flight, 1);
	unref(l);
}

void dns_finish(struct dns_lookup *l, const struct dns_answer *answer)
{
	struct resolver *r = l->resolver;

	if (answer == NULL)
		answer = answer_none(DNS_TEMPERROR);
	if (answer->status == DNS_BOGUS)
		atomic_fetch_add(&r->bogus, 1);
	else if (answer->status == DNS_DEADLINE)
		atomic_fetch_add(&r->deadlines, 1);
	else if (answer->status == DNS_TEMPERROR)
		atomic_fetch_add(&r->errors, 1);
	else if (r->cache != NULL)
		cache_add(r->cache, l, answer);
	pthread_mutex_lock(&l->lock);
	l->answer = answer;
	pthread_cond_signal(&l->done);
	pthread_mutex_unlock(&l->lock);
	dns_lookup_unref(l);
}

/* What can be answered without asking; NULL when it can't. */
static const struct dns_answer *answer_now(struct resolver *r, const struct dns_budget *b,
    const char *name, enum dns_type type, usec_t now)
{
	const struct dns_answer *a;

	if (!dns_name_is_valid(name))
		return answer_none(DNS_NXDOMAIN);
	if (r->cache != NULL && (a = cache_find(r->cache, name, type, now)) != NULL) {
		atomic_fetch_add(&r->cached, 1);
		return a;
	}
	if (b->lookups == 0 || b->deadline <= now || r->in_flight >= r->in_flight_max) {
		atomic_fetch_add(&r->refused, 1);
		return answer_none(b->deadline <= now ? DNS_DEADLINE : DNS_TEMPERROR);
	}
	return NULL;
}

struct dns_lookup *dns_start(
    struct resolver *r, struct dns_budget *b, const char *name, enum dns_type type)
{
	usec_t now = clock_monotonic(), deadline = now + b->per_lookup;
	struct dns_lookup *l = lookup_new(r, type, deadline < b->deadline ? deadline : b->deadline);
	size_t len = strlen(name);

	if (l == NULL)
		return NULL;
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (!dns_name_is_valid(name))
		len = 0;
	memcpy(l->name, name, len);
	l->answer = answer_now(r, b, l->name, type, now);
	if (l->answer != NULL)
		return l;
	b->lookups--;
	atomic_fetch_add(&l->refs, 1);
	atomic_fetch_add(&r->in_flight, 1);
	atomic_fetch_add(&r->lookups, 1);
	r->ops->start(r, l);
	return l;
}

static const struct dns_answer *wait_for(struct dns_lookup *l)
{
	const struct timespec until = {
	    .tv_sec = (time_t)(l->deadline / USEC_PER_SEC),
	    .tv_nsec = (long)(l->deadline % USEC_PER_SEC) * 1000,
	};
	const struct dns_answer *a = NULL;

	pthread_mutex_lock(&l->lock);
	while (l->answer == NULL)
		if (pthread_cond_timedwait(&l->done, &l->lock, &until) == ETIMEDOUT)
			break;
	if (l->answer != NULL)
		a = dns_answer_ref(l->answer);
	pthread_mutex_unlock(&l->lock);
	return a;
}

/* Tells the implementation that nobody waits, unless it has answered already. */
static void cancel(struct dns_lookup *l)
{
	bool pending;

	pthread_mutex_lock(&l->lock);
	pending = l->answer == NULL;
	pthread_mutex_unlock(&l->lock);
	if (pending && l->resolver->ops->cancel != NULL)
		l->resolver->ops->cancel(l->resolver, l);
}

const struct dns_answer *dns_collect(struct dns_lookup **l)
{
	struct dns_lookup *look = *l;
	const struct dns_answer *a;

	*l = NULL;
	if (look == NULL)
		return answer_none(DNS_TEMPERROR);
	a = wait_for(look);
	if (a == NULL) {
		atomic_fetch_add(&look->resolver->deadlines, 1);
		cancel(look);
		a = answer_none(DNS_DEADLINE);
	}
	unref(look);
	return a;
}

void dns_abandon(struct dns_lookup **l)
{
	if (*l == NULL)
		return;
	cancel(*l);
	unref(*l);
	*l = NULL;
}

const struct dns_answer *dns_query(
    struct resolver *r, struct dns_budget *b, const char *name, enum dns_type type)
{
	struct dns_lookup *l = dns_start(r, b, name, type);

	return dns_collect(&l);
}

void dns_prefetch(struct resolver *r, struct dns_budget *b, const char *name, enum dns_type type)
{
	struct dns_lookup *l = dns_start(r, b, name, type);

	/* Not cancelled: the answer is wanted, in the cache. */
	if (l != NULL)
		unref(l);
}
