/* How often and how many times at once a client may connect: ClientRate and ClientConn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/nets.h"
#include "audit/sm_audit.h"

static const struct kind {
	const char *tag, *feature, *name;
	const char *count;
} kinds[] = {
    {"clientrate:", "ratecontrol", "client-rate", "connections"},
    {"clientconn:", "conncontrol", "client-sessions", "sessions"},
};

enum { EXCEPT_MAX = 100 };

/* The network of an entry; that of all for an empty key. */
static bool net_of(const struct kind *k, const struct sm_fact *f, struct prefix *p)
{
	const char *key = f->name + strlen(k->tag);

	if (strncmp(f->name, k->tag, strlen(k->tag)) != 0)
		return false;
	*p = (struct prefix){.addr = {.family = ADDR_NONE}};
	return *key == '\0' || sm_network(key, p);
}

static bool is_within(const struct prefix *inner, const struct prefix *outer)
{
	if (outer->addr.family == ADDR_NONE)
		return inner->addr.family != ADDR_NONE;
	return inner->addr.family != ADDR_NONE && inner->bits > outer->bits &&
	       prefix_contains(outer, &inner->addr);
}

/* Entries for single clients have limits of their own, or none. False: there are too many. */
static bool exceptions(
    struct sm *sm, const struct kind *k, const struct prefix *p, struct strbuf *b)
{
	const struct sm_fact *f = NULL;
	char text[ADDR_TEXT_MAX];
	struct prefix inner;
	unsigned count = 0;

	while ((f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL) {
		if (!net_of(k, f, &inner) || !is_within(&inner, p))
			continue;
		prefix_format(&inner, text);
		strbuf_printf(b, "%s%s", count++ == 0 ? "  except = { client = { " : ", ", text);
	}
	if (count > 0)
		strbuf_puts(b, " } }");
	return count <= EXCEPT_MAX && !b->failed;
}

static void import_one(
    struct sm *sm, struct import *i, const struct kind *k, const struct sm_fact *f)
{
	struct import_from where = sm_from(f, "the access map");
	unsigned long n = strtoul(f->value, NULL, 10);
	unsigned long window = strtoul(sm_option(sm, "ConnectionRateWindowSize", "60"), NULL, 10);
	struct strbuf b = {0};
	char text[ADDR_TEXT_MAX];
	struct prefix p;
	bool ok = net_of(k, f, &p) && sm_last(sm, SM_FEATURE, k->feature) != NULL &&
	          strspn(f->value, "0123456789") == strlen(f->value) && n < 1000000000 &&
	          window > 0 && window < 1000000;

	/* 0: no limit. */
	if (ok && n == 0)
		return;
	strbuf_printf(&b, "key = client  count = %s  ", k->count);
	if (strcmp(k->count, "sessions") == 0)
		strbuf_printf(&b, "max = %lu", n);
	else
		strbuf_printf(&b, "rate = %lu/%lus", n, window);
	if (ok && p.addr.family != ADDR_NONE) {
		prefix_format(&p, text);
		strbuf_printf(&b, "  for = { client = %s }", text);
	}
	ok = ok && exceptions(sm, k, &p, &b);
	strbuf_puts(&b, "  on-exceed = defer");
	if (ok) {
		import_limit_section(i, k->name, strbuf_text(&b), &where);
	} else {
		strbuf_reset(&b);
		strbuf_printf(&b, "%s %s", f->name, f->value);
		import_limit(i, strbuf_text(&b), &where);
	}
	strbuf_free(&b);
}

void sm_import_limits(struct sm *sm, struct import *i)
{
	const struct sm_fact *f = NULL,
			     *throttle = sm_last(sm, SM_OPTION, "ConnectionRateThrottle");

	while ((f = sm_next(sm, f, SM_ENTRY, NULL)) != NULL)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (strncmp(f->name, kinds[k].tag, strlen(kinds[k].tag)) == 0)
				import_one(sm, i, &kinds[k], f);
	if (throttle != NULL) {
		struct import_from where = sm_from(throttle, "ConnectionRateThrottle");

		import_limit(i, "connections a second, of all clients together", &where);
	}
}
