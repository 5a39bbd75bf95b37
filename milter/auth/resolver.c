/*
 * libunbound: one context, which has a thread of its own that resolves, and
 * one thread here that takes its answers out. Callers wait in auth/lookup.c, because
 * libunbound's own waiting has no deadline.
 */
#include "auth/resolver.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <unbound.h>

#include "auth/resolver_impl.h"
#include "base/log.h"
#include "base/strbuf.h"

enum { IN_FLIGHT = 1000, CACHE = 4096, CLASS_IN = 1 };

struct unbound {
	struct resolver base;
	struct ub_ctx *ctx;
	pthread_t pump;
	int stop; /* an eventfd: readable when the pump shall end */
	pthread_mutex_t lock;
	struct dns_lookup *asked; /* what libunbound holds, for the end: it forgets them silently */
};

static struct unbound *of(struct resolver *r)
{
	return (struct unbound *)(void *)r;
}

static void remember(struct unbound *u, struct dns_lookup *l)
{
	pthread_mutex_lock(&u->lock);
	l->next = u->asked;
	l->prev = &u->asked;
	if (l->next != NULL)
		l->next->prev = &l->next;
	u->asked = l;
	pthread_mutex_unlock(&u->lock);
}

static void forget(struct unbound *u, struct dns_lookup *l)
{
	pthread_mutex_lock(&u->lock);
	*l->prev = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	pthread_mutex_unlock(&u->lock);
}

static enum dns_status status_of(const struct ub_result *r)
{
	/* First: altered data comes with rcode 0 and with the data. */
	if (r->bogus)
		return DNS_BOGUS;
	if (r->nxdomain)
		return DNS_NXDOMAIN;
	if (r->rcode != 0)
		return DNS_TEMPERROR;
	return r->havedata ? DNS_OK : DNS_NODATA;
}

static const struct dns_answer *answer_of(const struct ub_result *r)
{
	enum dns_status status = status_of(r);
	const struct dns_answer *a;
	struct dns_rdata *records;
	size_t count = 0;

	while (status == DNS_OK && r->data[count] != NULL)
		count++;
	records = calloc(count + 1, sizeof(*records));
	if (records == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		records[i] = (struct dns_rdata){
		    .data = (const uint8_t *)r->data[i], .len = (size_t)r->len[i]};
	a = dns_answer_make(
	    status, r->secure != 0, r->ttl > 0 ? (uint32_t)r->ttl : 0, records, count);
	free(records);
	return a;
}

/* In the pump's thread, inside ub_process(): nothing but ub_resolve_free() may be called. */
static void on_answer(void *arg, int error, struct ub_result *result)
{
	struct dns_lookup *l = arg;

	forget(of(l->resolver), l);
	dns_finish(l, error != 0 || result == NULL ? NULL : answer_of(result));
	ub_resolve_free(result);
}

static void *pump(void *arg)
{
	struct unbound *u = arg;
	struct pollfd fds[] = {
	    {.fd = ub_fd(u->ctx), .events = POLLIN}, {.fd = u->stop, .events = POLLIN}};

	while (fds[1].revents == 0)
		if (poll(fds, 2, -1) > 0 && fds[0].revents != 0)
			ub_process(u->ctx);
	return NULL;
}

/* In a name's text a backslash begins an escape; here every byte stands for itself. */
static void escape_name(struct strbuf *b, const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if (*p > ' ' && *p < 0x7f && strchr("\\\"@();$", *p) == NULL)
			strbuf_putc(b, *p);
		else
			strbuf_printf(b, "\\%03u", (unsigned)(unsigned char)*p);
	}
	/* Absolute. */
	strbuf_putc(b, '.');
}

static void start(struct resolver *r, struct dns_lookup *l)
{
	struct unbound *u = of(r);
	struct strbuf name = {0};

	escape_name(&name, l->name);
	remember(u, l);
	if (name.failed || ub_resolve_async(u->ctx, strbuf_text(&name), (int)l->type, CLASS_IN, l,
			       on_answer, &l->id) != 0) {
		forget(u, l);
		dns_finish(l, NULL);
	}
	strbuf_free(&name);
}

static void cancel(struct resolver *r, struct dns_lookup *l)
{
	/* Not 0: the answer is being delivered at this moment, and on_answer() has its reference.
	 */
	if (ub_cancel(of(r)->ctx, l->id) != 0)
		return;
	forget(of(r), l);
	dns_lookup_unref(l);
}

static void unbound_close(struct resolver *r)
{
	struct unbound *u = of(r);
	const uint64_t one = 1;

	if (write(u->stop, &one, sizeof(one)) == (ssize_t)sizeof(one))
		pthread_join(u->pump, NULL);
	ub_ctx_delete(u->ctx);
	for (struct dns_lookup *l = u->asked, *next; l != NULL; l = next) {
		next = l->next;
		dns_lookup_unref(l);
	}
	pthread_mutex_destroy(&u->lock);
	close(u->stop);
	resolver_fini(r);
	free(u);
}

static const struct resolver_ops ops = {.start = start, .cancel = cancel, .close = unbound_close};

/* --- setting up ------------------------------------------------------------ */

static const struct {
	const char *option, *value;
} settings[] = {
    {"do-not-query-localhost:", "no"},
    /* With the default of 50 ms an answer that took 300 ms was asked for three times. */
    {"infra-cache-min-rtt:", "1000"},
    /* With the library's 16 ports, 16 names of somebody whose servers are dead held up all others.
     * A question is given up soon after nobody waits for it any more, and what a dead name did to
     * the server's reputation is forgotten at once: it is the forwarder's, and all names share it.
     */
    {"outgoing-range:", "512"},
    {"outgoing-num-tcp:", "32"},
    {"outbound-msg-retry:", "3"},
    {"infra-host-ttl:", "1"},
    /* A server that was dead is tried again with every question: else it was not asked for minutes
     * after it had come back. With a lower infra-cache-max-rtt it sometimes was not asked at all.
     */
    {"infra-keep-probing:", "yes"},
    {"cache-max-negative-ttl:", "300"},
    {"msg-cache-size:", "8m"},
    {"rrset-cache-size:", "16m"},
    {"target-fetch-policy:", "0 0 0 0 0"},
    {"edns-buffer-size:", "1232"},
    {"log-servfail:", "no"},
    /* The first ten names of a long answer shall be the same each time. */
    {"rrset-roundrobin:", "no"},
    {NULL, NULL},
};

/* Zones that libunbound answers itself; the server that was named may know better. */
static const char *const built_in[] = {"test.", "invalid.", "onion.", "home.arpa.", "localhost.",
    "127.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", NULL};

static bool set(struct ub_ctx *ctx, const char *option, const char *value)
{
	int e = ub_ctx_set_option(ctx, option, value);

	if (e != 0)
		log_error(
		    "resolver: libunbound refuses `%s %s`: %s", option, value, ub_strerror(e));
	return e == 0;
}

static bool has_servers(const struct resolver_options *o)
{
	return o->forward != NULL && o->forward[0] != NULL;
}

static bool set_servers(struct ub_ctx *ctx, const struct resolver_options *o, const char **error)
{
	int e;

	if (!has_servers(o)) {
		e = ub_ctx_resolvconf(ctx, o->resolv_conf);
		if (e != 0)
			*error = "can't read the system's resolv.conf";
		return e == 0;
	}
	for (size_t i = 0; o->forward[i] != NULL; i++) {
		if (ub_ctx_set_fwd(ctx, o->forward[i]) != 0) {
			*error = "a server is written ADDRESS or ADDRESS@PORT";
			return false;
		}
	}
	/* Reverse names of private addresses. */
	return set(ctx, "unblock-lan-zones:", "yes") && set(ctx, "insecure-lan-zones:", "yes");
}

/* Last: it ends the time of settings, and tells whether they can be used. */
static bool remove_zones(struct ub_ctx *ctx, const struct resolver_options *o)
{
	bool ok = ub_ctx_zone_remove(ctx, "none.relay-guard.invalid.") == 0;

	for (size_t i = 0; ok && has_servers(o) && built_in[i] != NULL; i++)
		ok = ub_ctx_zone_remove(ctx, built_in[i]) == 0;
	return ok;
}

static bool configure(struct ub_ctx *ctx, const struct resolver_options *o, const char **error)
{
	*error = "libunbound refuses a setting (see the log)";
	ub_ctx_debuglevel(ctx, 0);
	for (size_t i = 0; settings[i].option != NULL; i++)
		if (!set(ctx, settings[i].option, settings[i].value))
			return false;
	if (!set(
		ctx, "module-config:", o->trust_anchor != NULL ? "validator iterator" : "iterator"))
		return false;
	if (!set_servers(ctx, o, error))
		return false;
	/* libunbound reads it with the first question only, and then tells nobody. */
	if (o->trust_anchor != NULL &&
	    (access(o->trust_anchor, R_OK) != 0 || ub_ctx_add_ta_file(ctx, o->trust_anchor) != 0)) {
		*error = "can't read the trust anchor";
		return false;
	}
	*error = "can't start libunbound's thread";
	if (ub_ctx_async(ctx, 1) != 0)
		return false;
	*error = "libunbound can't use its settings (is the trust anchor right?)";
	return remove_zones(ctx, o);
}

struct resolver *resolver_open(const struct resolver_options *o, const char **error)
{
	struct unbound *u = calloc(1, sizeof(*u));

	*error = "no memory, or no descriptors";
	if (u == NULL)
		return NULL;
	pthread_mutex_init(&u->lock, NULL);
	u->stop = eventfd(0, EFD_CLOEXEC);
	u->ctx = ub_ctx_create();
	if (u->stop < 0 || u->ctx == NULL || !configure(u->ctx, o, error) ||
	    !resolver_init(&u->base, &ops, o->in_flight == 0 ? IN_FLIGHT : o->in_flight,
		o->cache == 0 ? CACHE : o->cache))
		goto fail;
	if (pthread_create(&u->pump, NULL, pump, u) != 0)
		goto fail;
	return &u->base;
fail:
	ub_ctx_delete(u->ctx);
	if (u->stop >= 0)
		close(u->stop);
	pthread_mutex_destroy(&u->lock);
	resolver_fini(&u->base);
	free(u);
	return NULL;
}
