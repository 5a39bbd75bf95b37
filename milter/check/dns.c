#include "check/dns.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/fixed.h"
#include "base/addr.h"
#include "base/log.h"
#include "base/strbuf.h"

/* A callback answers within five seconds. */
#define DEADLINE_MAX (4500 * USEC_PER_MSEC)

enum { FIXED_SIZE_MAX = 16 * 1024 * 1024 };

/* --- readers --- */

static bool read_path_or_none(struct conf_reader *r, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];

	if (v->next != NULL || (v->kind != CONF_WORD && v->kind != CONF_STRING) ||
	    (v->text[0] != '/' && strcmp(v->text, "none") != 0))
		return conf_error(r, &v->loc, "found %s; expected an absolute path, or none",
		    conf_found(v, found));
	*(const char **)field = v->text[0] == '/' ? v->text : NULL;
	return true;
}

/* ADDRESS or ADDRESS@PORT. */
static bool is_server(const char *text)
{
	const char *at = strchr(text, '@');
	struct addr a;
	char *end;
	unsigned long port;

	if (!addr_parse(text, at == NULL ? strlen(text) : (size_t)(at - text), &a))
		return false;
	if (at == NULL)
		return true;
	port = strtoul(at + 1, &end, 10);
	return at[1] >= '0' && at[1] <= '9' && *end == '\0' && port >= 1 && port <= 65535;
}

static bool read_forward(struct conf_reader *r, const struct conf_value *v, void *field)
{
	struct conf_texts *servers = field;

	if (!conf_read_value(r, CONF_TEXTS, "forward", v, servers))
		return false;
	for (size_t i = 0; i < servers->count; i++)
		if (!is_server(servers->items[i]))
			return conf_error(r, &v->loc,
			    "found `%.80s` for `forward`; expected an address, or ADDRESS@PORT, "
			    "such as "
			    "\"127.0.0.1@5353\"",
			    servers->items[i]);
	return true;
}

/* --- fixed records --- */

/* False, with errno, when it can't be read. */
static bool read_file(const char *path, struct strbuf *b)
{
	char chunk[65536];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return false;
	b->max = FIXED_SIZE_MAX;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		strbuf_add(b, chunk, n);
	if (b->failed)
		errno = EFBIG;
	if (fclose(f) != 0 || b->failed)
		return false;
	return true;
}

/* NULL, with *line (0: errno says it), when that fails. */
static struct resolver *open_fixed(const char *path, unsigned *line)
{
	struct resolver *r = NULL;
	struct strbuf b = {0};

	*line = 0;
	if (read_file(path, &b))
		r = fixed_open(strbuf_text(&b), b.len, line);
	strbuf_free(&b);
	return r;
}

static bool finish(struct conf_reader *r, void *section)
{
	const struct dns_settings *d = section;
	struct resolver *fixed;
	unsigned line;

	if (d->timeout > d->deadline)
		return conf_error(r, &d->head.loc,
		    "found a `timeout` above the `deadline`; expected at most as much");
	if (d->fixed == NULL)
		return true;
	fixed = open_fixed(d->fixed, &line);
	if (fixed != NULL) {
		resolver_close(&fixed);
		return true;
	}
	if (line == 0)
		return conf_error(
		    r, &d->head.loc, "`fixed`: %s can't be read: %s", d->fixed, strerror(errno));
	return conf_error(r, &d->head.loc,
	    "`fixed`: found no record in line %u of %s; expected NAME TYPE DATA", line, d->fixed);
}

/* --- the section --- */

static const struct conf_row rows[] = {
    {.key = "forward",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct dns_settings, forward),
	.read = read_forward,
	.doc =
	    "The servers to ask, as ADDRESS or ADDRESS@PORT; nothing else is asked then. Those of "
	    "`resolv-conf` where it is not given."},
    {.key = "resolv-conf",
	.type = CONF_TEXT,
	.offset = offsetof(struct dns_settings, resolv_conf),
	.fallback = "\"/etc/resolv.conf\"",
	.doc = "The file that names the system's servers."},
    {.key = "trust-anchor",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct dns_settings, trust_anchor),
	.fallback = "none",
	.read = read_path_or_none,
	.doc =
	    "A file of DS or DNSKEY records: answers are validated then, and an altered one is an "
	    "error, never data."},
    {.key = "fixed",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct dns_settings, fixed),
	.fallback = "none",
	.read = read_path_or_none,
	.doc = "A file of records, one a line as in a zone file, with absolute names. No server is "
	       "asked then: for tests."},
    {.key = "deadline",
	.type = CONF_DURATION,
	.offset = offsetof(struct dns_settings, deadline),
	.fallback = "4s",
	.min = 100 * USEC_PER_MSEC,
	.max = DEADLINE_MAX,
	.doc =
	    "How long the end of a message waits for answers, in all. What is not known then is a "
	    "temporary error."},
    {.key = "timeout",
	.type = CONF_DURATION,
	.offset = offsetof(struct dns_settings, timeout),
	.fallback = "2s",
	.min = 50 * USEC_PER_MSEC,
	.max = DEADLINE_MAX,
	.doc = "How long one answer is waited for. A callback of another session may wait that "
	       "long, too, when DNS is dead."},
    {.key = "lookups",
	.type = CONF_COUNT,
	.offset = offsetof(struct dns_settings, lookups),
	.fallback = "200",
	.min = 20,
	.max = 10000,
	.doc = "How many questions one message may cause."},
    {.key = "in-flight",
	.type = CONF_COUNT,
	.offset = offsetof(struct dns_settings, in_flight),
	.fallback = "1000",
	.min = 10,
	.max = 100000,
	.doc = "How many questions of a worker may be open at once; a further one is a temporary "
	       "error."},
    {.key = "cache",
	.type = CONF_COUNT,
	.offset = offsetof(struct dns_settings, cache),
	.fallback = "4096",
	.min = 16,
	.max = 10000000,
	.doc = "How many answers a worker keeps."},
    {.key = NULL},
};

const struct conf_schema resolver_schema = {
    .type = "resolver",
    .doc = "Who is asked for DNS records, and how long.",
    .implied = true,
    .size = sizeof(struct dns_settings),
    .rows = rows,
    .finish = finish,
};

struct resolver *dns_open(const struct dns_settings *d, const char **error)
{
	const char **servers = calloc(d->forward.count + 1, sizeof(*servers));
	struct resolver_options o = {
	    .forward = servers,
	    .resolv_conf = d->resolv_conf,
	    .trust_anchor = d->trust_anchor,
	    .in_flight = (unsigned)d->in_flight,
	    .cache = (unsigned)d->cache,
	};
	struct resolver *r;
	unsigned line;

	if (servers == NULL) {
		*error = "memory is exhausted";
		return NULL;
	}
	for (size_t i = 0; i < d->forward.count; i++)
		servers[i] = d->forward.items[i];
	if (d->fixed == NULL) {
		r = resolver_open(&o, error);
	} else {
		*error = "the file of fixed records can't be read";
		r = open_fixed(d->fixed, &line);
	}
	free(servers);
	return r;
}

/* --- how long to wait --- */

/* In a row, and from all clients: none who sends with dead domains alone can bring this about while
 * other mail comes in. */
enum { DEAD_AFTER = 12 };

static struct {
	atomic_uint unanswered; /* messages in a row */
	atomic_llong retry_at;  /* clock_monotonic() */
} health;

static bool is_patient(void)
{
	long long now = clock_monotonic(), retry_at;

	if (atomic_load(&health.unanswered) < DEAD_AFTER)
		return true;
	retry_at = atomic_load(&health.retry_at);
	return now >= retry_at &&
	       atomic_compare_exchange_strong(&health.retry_at, &retry_at, now + USEC_PER_SEC);
}

void dns_report(bool answered)
{
	unsigned before;

	if (answered) {
		before = atomic_exchange(&health.unanswered, 0);
		if (before >= DEAD_AFTER)
			log_notice("DNS answers again");
		return;
	}
	before = atomic_fetch_add(&health.unanswered, 1);
	if (before + 1 == DEAD_AFTER)
		log_warning(
		    "DNS does not answer: messages wait for it no longer than %d ms, until it "
		    "is back",
		    (int)(DNS_IMPATIENT / USEC_PER_MSEC));
	if (before > UINT_MAX / 2)
		atomic_store(&health.unanswered, DEAD_AFTER);
}

struct dns_budget dns_budget_of(const struct dns_settings *d)
{
	usec_t total = d->deadline, each = d->timeout;

	if (!is_patient()) {
		total = DNS_IMPATIENT;
		each = each < DNS_IMPATIENT ? each : DNS_IMPATIENT;
	}
	return dns_budget_make(total, each, (unsigned)d->lookups);
}
