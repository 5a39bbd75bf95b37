#include "limit/redis_pool.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "base/addr.h"

enum { HOST_MAX = 256 };

/* Where a server may be. */
struct place {
	struct redis_target target;
	char host[HOST_MAX]; /* what its certificate must name */
	char text[HOST_MAX + 16];
};

struct pooled {
	struct redis *redis;
	unsigned epoch;
	bool used; /* for a call before */
};

struct redis_pool {
	struct redis_pool_options o;
	pthread_mutex_t lock; /* for all that follows */
	pthread_cond_t freed;
	struct place places[REDIS_PLACES];
	size_t places_count, at;
	struct place moved; /* where a cluster said the keys are; target.len 0: nowhere else */
	unsigned epoch;     /* of connections to where calls go now */
	struct pooled idle[REDIS_CONNECTIONS_MAX];
	size_t idle_count, open;
};

/* --- places --------------------------------------------------------------------- */

static bool place_of_path(struct place *p, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&p->target.addr;

	*p = (struct place){.target = {.len = sizeof(*un)}};
	if (strlen(path) >= sizeof(un->sun_path))
		return false;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	snprintf(p->text, sizeof(p->text), "unix:%s", path);
	return true;
}

static void name_place(struct place *p, const char *host, uint16_t port)
{
	snprintf(p->host, sizeof(p->host), "%s", host);
	snprintf(p->text, sizeof(p->text), strchr(host, ':') == NULL ? "%s:%u" : "[%s]:%u", p->host,
	    port);
}

/* False: it is a name. */
static bool place_of_address(struct place *p, const char *host, uint16_t port)
{
	struct addr a;

	if (!addr_parse(host, strlen(host), &a))
		return false;
	*p = (struct place){.target = {.len = 0}};
	if (a.family == ADDR_V4) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)&p->target.addr;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a.bytes, 4);
		p->target.len = sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&p->target.addr;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, a.bytes, 16);
		p->target.len = sizeof(*in6);
	}
	name_place(p, host, port);
	return true;
}

/* Looks a name up. Returns how many places were added. */
static size_t places_of_name(struct place *places, size_t room, const char *host, uint16_t port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL;
	char service[8];
	size_t n = 0;

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &all) != 0)
		return 0;
	for (const struct addrinfo *i = all; i != NULL && n < room; i = i->ai_next) {
		struct place *p = &places[n++];

		*p = (struct place){.target = {.len = i->ai_addrlen}};
		memcpy(&p->target.addr, i->ai_addr, i->ai_addrlen);
		name_place(p, host, port);
	}
	freeaddrinfo(all);
	return n;
}

static size_t places_of_servers(
    const struct redis_pool_options *o, struct place places[REDIS_PLACES], bool names)
{
	size_t n = 0;

	for (size_t i = 0; i < o->count && n < REDIS_PLACES; i++) {
		const struct redis_server *s = &o->servers[i];

		if (s->path != NULL)
			n += place_of_path(&places[n], s->path);
		else if (place_of_address(&places[n], s->host, s->port))
			n++;
		else if (names)
			n += places_of_name(&places[n], REDIS_PLACES - n, s->host, s->port);
	}
	return n;
}

static bool is_same(const struct place *a, const struct place *b)
{
	return a->target.len == b->target.len &&
	       memcmp(&a->target.addr, &b->target.addr, a->target.len) == 0 &&
	       strcmp(a->host, b->host) == 0;
}

/*
 * Under the lock. Calls go on to where they went, if that is still among the places; else
 * connections are opened anew.
 */
static void set_places(struct redis_pool *p, const struct place *places, size_t count)
{
	size_t at = 0;

	if (count == 0)
		return;
	while (at < count && (p->places_count == 0 || !is_same(&places[at], &p->places[p->at])))
		at++;
	if (at == count) {
		at = 0;
		p->moved.target.len = 0;
		p->epoch++;
	}
	memcpy(p->places, places, count * sizeof(*places));
	p->places_count = count;
	p->at = at;
}

/* What was tried failed: the next time it is another, where there is one. */
static void turn_to_next(struct redis_pool *p, unsigned epoch)
{
	pthread_mutex_lock(&p->lock);
	if (epoch == p->epoch && (p->places_count > 1 || p->moved.target.len != 0)) {
		p->at = p->moved.target.len != 0 ? p->at : (p->at + 1) % p->places_count;
		p->moved.target.len = 0;
		p->epoch++;
	}
	pthread_mutex_unlock(&p->lock);
}

/* False: it says a name, which can't be looked up now. */
static bool follow(struct redis_pool *p, const struct redis_reply *r)
{
	char host[HOST_MAX];
	struct place place;
	uint16_t port;

	if (!redis_reply_moved(r, host, sizeof(host), &port) ||
	    !place_of_address(&place, host, port))
		return false;
	pthread_mutex_lock(&p->lock);
	p->moved = place;
	p->epoch++;
	pthread_mutex_unlock(&p->lock);
	return true;
}

/* Under the lock. */
static const struct place *place_now(const struct redis_pool *p)
{
	return p->moved.target.len != 0 ? &p->moved : &p->places[p->at];
}

bool redis_pool_may_move(const struct redis_pool *p)
{
	struct place place;

	for (size_t i = 0; i < p->o.count; i++)
		if (p->o.servers[i].path == NULL &&
		    !place_of_address(&place, p->o.servers[i].host, p->o.servers[i].port))
			return true;
	return p->o.sentinel != NULL;
}

bool redis_pool_is_ready(struct redis_pool *p)
{
	bool ready;

	pthread_mutex_lock(&p->lock);
	ready = p->places_count > 0;
	pthread_mutex_unlock(&p->lock);
	return ready;
}

void redis_pool_where(struct redis_pool *p, char *text, size_t size)
{
	pthread_mutex_lock(&p->lock);
	snprintf(text, size, "%s", p->places_count > 0 ? place_now(p)->text : "no address");
	pthread_mutex_unlock(&p->lock);
}

/* --- opening and closing ---------------------------------------------------------- */

struct redis_pool *redis_pool_new(const struct redis_pool_options *o)
{
	struct redis_pool *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (p == NULL)
		return NULL;
	p->o = *o;
	if (p->o.connections > REDIS_CONNECTIONS_MAX)
		p->o.connections = REDIS_CONNECTIONS_MAX;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->freed, &attr);
	pthread_condattr_destroy(&attr);
	if (o->sentinel == NULL)
		p->places_count = places_of_servers(o, p->places, false);
	return p;
}

void redis_pool_free(struct redis_pool **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->idle_count; i++)
		redis_close(&(*p)->idle[i].redis);
	pthread_cond_destroy(&(*p)->freed);
	pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

/* --- sentinels ------------------------------------------------------------------------ */

enum { SENTINEL_BYTES = 1024 };

static bool read_primary(const struct redis_reply *r, struct place *out)
{
	const struct redis_reply *host, *port;
	unsigned long number;
	char *end;

	if (r == NULL || r->kind != REDIS_ARRAY || r->count != 2)
		return false;
	host = r->items[0];
	port = r->items[1];
	if (host->kind != REDIS_STRING || port->kind != REDIS_STRING || host->len >= HOST_MAX ||
	    strlen(host->text) != host->len || port->len == 0 || port->len > 5)
		return false;
	number = strtoul(port->text, &end, 10);
	if (*end != '\0' || number == 0 || number > 65535)
		return false;
	return place_of_address(out, host->text, (uint16_t)number) ||
	       places_of_name(out, 1, host->text, (uint16_t)number) == 1;
}

static bool ask_sentinel(const struct redis_pool_options *o, const struct place *sentinel,
    usec_t timeout, struct place *out)
{
	struct redis_greeting greeting = {.trust = o->greeting.trust};
	struct redis_target target = sentinel->target;
	usec_t deadline = clock_monotonic() + timeout;
	struct resp_command c = {.count = 0};
	struct redis_trouble why = {""};
	struct redis *r;
	bool found;

	target.name = o->tls_name != NULL ? o->tls_name : sentinel->host;
	r = redis_open(&target, &greeting, deadline, &why);
	if (r == NULL)
		return false;
	resp_puts(&c, "SENTINEL");
	resp_puts(&c, "get-master-addr-by-name");
	resp_puts(&c, o->sentinel);
	found = read_primary(redis_call(r, &c, SENTINEL_BYTES, deadline, &why), out);
	resp_forget(&c);
	redis_close(&r);
	return found;
}

void redis_pool_refresh(struct redis_pool *p, usec_t timeout)
{
	struct place *places = calloc(REDIS_PLACES, sizeof(*places));
	struct place primary;
	bool found = false;
	size_t count;

	if (places == NULL)
		return;
	count = places_of_servers(&p->o, places, true);
	if (p->o.sentinel != NULL) {
		for (size_t i = 0; i < count && !found; i++)
			found = ask_sentinel(&p->o, &places[i], timeout, &primary);
		count = found;
		if (found)
			places[0] = primary;
	}
	pthread_mutex_lock(&p->lock);
	set_places(p, places, count);
	pthread_mutex_unlock(&p->lock);
	free(places);
}

/* --- connections ---------------------------------------------------------------------- */

/* One that is open, or the leave to open one (then ->redis is NULL). False: none in time. */
static bool take(struct redis_pool *p, usec_t deadline, struct pooled *out, struct place *where)
{
	const struct timespec until = {
	    deadline / USEC_PER_SEC, (long)(deadline % USEC_PER_SEC) * 1000};
	bool taken = true;

	pthread_mutex_lock(&p->lock);
	while (taken && p->idle_count == 0 && p->open >= p->o.connections)
		taken = pthread_cond_timedwait(&p->freed, &p->lock, &until) != ETIMEDOUT;
	*out = (struct pooled){.epoch = p->epoch};
	if (taken && p->idle_count > 0)
		*out = p->idle[--p->idle_count];
	else if (taken)
		p->open++;
	*where = *place_now(p);
	pthread_mutex_unlock(&p->lock);
	return taken;
}

static void give_up(struct redis_pool *p, struct pooled *c)
{
	redis_close(&c->redis);
	pthread_mutex_lock(&p->lock);
	p->open--;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

static void put_back(struct redis_pool *p, struct pooled *c)
{
	c->used = true;
	pthread_mutex_lock(&p->lock);
	p->idle[p->idle_count++] = *c;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

static bool is_current(struct redis_pool *p, const struct pooled *c)
{
	bool current;

	pthread_mutex_lock(&p->lock);
	current = c->epoch == p->epoch;
	pthread_mutex_unlock(&p->lock);
	return current;
}

/* A connection to where calls go now; `anew`: none that was used before. */
static bool get(
    struct redis_pool *p, bool anew, usec_t deadline, struct pooled *c, struct redis_trouble *why)
{
	struct place where;

	for (;;) {
		if (!take(p, deadline, c, &where)) {
			snprintf(why->text, sizeof(why->text), "all %u connections are in use",
			    p->o.connections);
			return false;
		}
		if (c->redis == NULL)
			break;
		if (!anew && is_current(p, c) && redis_is_idle(c->redis))
			return true;
		give_up(p, c);
	}
	where.target.name = p->o.tls_name != NULL ? p->o.tls_name
	                    : *where.host != '\0' ? where.host
	                                          : NULL;
	c->redis = redis_open(&where.target, &p->o.greeting, deadline, why);
	if (c->redis != NULL)
		return true;
	give_up(p, c);
	turn_to_next(p, c->epoch);
	return false;
}

bool redis_pool_call(struct redis_pool *p, const struct resp_command *command, size_t most,
    usec_t deadline, bool (*read)(void *arg, const struct redis_reply *r), void *arg,
    struct redis_trouble *why)
{
	const struct redis_reply *reply;
	bool anew = false, followed = false;
	struct pooled c;

	for (;;) {
		if (!get(p, anew, deadline, &c, why))
			return false;
		reply = redis_call(c.redis, command, most, deadline, why);
		/* One that was kept may have died meanwhile: that says nothing of the server. */
		if (reply == NULL && c.used && clock_monotonic() < deadline) {
			anew = true;
			give_up(p, &c);
			continue;
		}
		if (reply != NULL && redis_reply_is_error(reply, "MOVED") && !followed &&
		    follow(p, reply)) {
			followed = true;
			give_up(p, &c);
			continue;
		}
		if (reply != NULL && read(arg, reply)) {
			put_back(p, &c);
			return true;
		}
		if (reply != NULL)
			snprintf(why->text, sizeof(why->text), "%s", redis_reply_words(reply));
		give_up(p, &c);
		turn_to_next(p, c.epoch);
		return false;
	}
}
