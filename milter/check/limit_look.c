#include "check/limit_look.h"

#include <stdio.h>
#include <string.h>

#include "limit/distinct.h"
#include "limit/gauge.h"

enum { V4_NET = 24, V6_NET = 48 };

const struct limits *limits_of(const struct settings *s)
{
	const struct limit_settings *first = (const struct limit_settings *)(const void *)s->limit;

	return first == NULL ? NULL : first->all;
}

/* --- which keys a text means ---------------------------------------------------------- */

static bool is_client(enum limit_part p)
{
	return p == PART_CLIENT || p == PART_CLIENT_PREFIX || p == PART_CLIENT_NET;
}

static const char *label_of(enum limit_part p)
{
	return is_client(p) ? "client" : limit_part_name(p);
}

static bool has_label(const char *text, const char *label)
{
	size_t len = strlen(label);

	return strncmp(text, label, len) == 0 && text[len] == ':';
}

static bool is_labelled(const char *text)
{
	for (unsigned i = 0; i < LIMIT_PARTS; i++)
		if (has_label(text, label_of((enum limit_part)i)))
			return true;
	return false;
}

/* Has it the labels of the key, in their order? */
static bool has_labels(const struct limit_key *k, const char *text)
{
	for (unsigned i = 0; i < k->count; i++) {
		if (text == NULL || !has_label(text, label_of(k->parts[i])))
			return false;
		text = strchr(text, ' ');
		text = text == NULL ? NULL : text + 1;
	}
	return text == NULL;
}

struct keys {
	size_t count;
	const char *text[LIMIT_SUBJECTS];
};

static void add_prefix(struct keys *out, const struct addr *a, unsigned bits, struct arena *arena)
{
	struct prefix p = prefix_of(a, bits);
	bool whole = p.bits == (a->family == ADDR_V4 ? 32 : 128);
	char text[ADDR_TEXT_MAX];
	const char *key;

	if (whole)
		addr_format(&p.addr, text);
	else
		prefix_format(&p, text);
	key = arena_printf(arena, "client:%s", text);
	if (key != NULL)
		out->text[out->count++] = key;
}

/* An address with the prefixes that cover it; a prefix only where keys have its length. */
static void client_keys(
    enum limit_part part, const struct prefix *p, struct arena *a, struct keys *out)
{
	static const uint8_t v4[] = {32, V4_NET}, v6[] = {128, 64, 56, V6_NET};
	bool is_v4 = p->addr.family == ADDR_V4;
	const uint8_t *widths = is_v4 ? v4 : v6;
	size_t n = is_v4 ? sizeof(v4) : sizeof(v6);

	for (size_t i = 0; i < n; i++) {
		bool due = part == PART_CLIENT_PREFIX || (part == PART_CLIENT && i == 0) ||
		           (part == PART_CLIENT_NET && i == n - 1);

		if (due && (p->bits == widths[i] || p->bits == widths[0]))
			add_prefix(out, &p->addr, widths[i], a);
	}
}

static void find_keys(
    const struct limit_key *k, const char *text, struct arena *a, struct keys *out)
{
	bool labelled = is_labelled(text);
	const char *bare = has_label(text, "client") ? text + strlen("client:") : text, *key;
	struct prefix p;

	out->count = 0;
	if (labelled ? !has_labels(k, text) : k->count > 1)
		return;
	if (k->count == 1 && is_client(k->parts[0])) {
		if (prefix_parse(bare, strlen(bare), &p) == PREFIX_OK)
			client_keys(k->parts[0], &p, a, out);
		return;
	}
	key = limit_key_spelling(k, text, a);
	if (key != NULL)
		out->text[out->count++] = key;
}

/* --- what was counted ---------------------------------------------------------------------- */

/* How much wider than one address the client's prefix in a key is (limit_subject.steps). */
static unsigned steps_of_prefix(const struct prefix *p)
{
	if (p->addr.family == ADDR_V4)
		return p->bits == 32 ? 0 : 2;
	return p->bits > 64 ? 0 : p->bits > 56 ? 1 : p->bits > V6_NET ? 2 : 3;
}

static unsigned steps_of(const struct limit_key *k, const char *key)
{
	static const size_t label = sizeof("client:") - 1;
	struct prefix p;

	for (unsigned i = 0; i < k->count && key != NULL; i++) {
		size_t len = strcspn(key, " ");

		if (k->parts[i] == PART_CLIENT_PREFIX && len > label &&
		    prefix_parse(key + label, len - label, &p) == PREFIX_OK)
			return steps_of_prefix(&p);
		key = key[len] == '\0' ? NULL : key + len + 1;
	}
	return 0;
}

static uint64_t widened(const struct limit_settings *l, unsigned steps)
{
	uint64_t max = l->max;

	while (steps-- > 0 && max < UINT64_MAX / l->widen)
		max *= l->widen;
	return max;
}

static struct distinct distinct_of(const struct limit_window *w, unsigned steps)
{
	return (struct distinct){w->id, gcra_burst(&w->rates[steps]), w->period};
}

/* One more than there are is asked for: no value is empty. */
static void look_distinct(struct store *s, struct limit_view *v, unsigned steps, nsec_t now)
{
	struct distinct d = distinct_of(v->window, steps);

	v->max = d.max;
	v->wait = distinct_admits(s, &d, v->key, strlen(v->key), "", 0, false, now, &v->count)
	              ? 0
	              : d.window;
	if (v->count > 0)
		v->count--;
}

static void look_rate(struct store *s, struct limit_view *v, unsigned steps, nsec_t now)
{
	struct store_item it = {
	    .limit = v->window->id,
	    .rate = v->window->rates[steps],
	    .key = v->key,
	    .key_len = strlen(v->key),
	};

	store_charge(s, &it, 1, now);
	v->max = gcra_burst(&it.rate);
	v->count = it.owed - (it.exceeded && it.owed > 0);
	v->wait = it.wait;
}

static void look_window(struct store *s, struct limit_view *v, nsec_t now)
{
	unsigned steps = steps_of(&v->limit->key, v->key);
	uint64_t tag;

	if (v->window == NULL) {
		tag = store_tag(s, store_limit_id(v->limit->head.name, 0), v->key, strlen(v->key));
		v->count = gauge_count(store_gauges(s), tag);
		v->max = widened(v->limit, steps);
	} else if (v->limit->count.what == COUNT_DISTINCT) {
		look_distinct(s, v, steps, now);
	} else {
		look_rate(s, v, steps, now);
	}
}

/* The windows that hold for a key: its own, or the limit's. */
static const struct limit_window *windows_of(
    const struct limit_settings *l, const char *key, size_t *count)
{
	const struct limit_subject subject = {.text = key, .len = strlen(key)};
	const struct limit_override *o = limit_override_of(l, &subject);

	*count = o == NULL ? l->windows : o->windows;
	return o == NULL ? l->window : o->window;
}

static void look_key(const struct limit_settings *l, struct store *s, const char *key, nsec_t now,
    void (*each)(void *arg, const struct limit_view *v), void *arg)
{
	struct limit_view v = {.limit = l, .key = key};
	const struct limit_window *w;
	size_t windows;

	if (l->count.what == COUNT_SESSIONS) {
		look_window(s, &v, now);
		each(arg, &v);
		return;
	}
	w = windows_of(l, key, &windows);
	for (size_t i = 0; i < windows; i++) {
		v = (struct limit_view){.limit = l, .key = key, .window = &w[i]};
		look_window(s, &v, now);
		each(arg, &v);
	}
}

bool limits_look(const struct limits *all, struct store *s, const char *text, nsec_t now,
    void (*each)(void *arg, const struct limit_view *v), void *arg)
{
	struct arena arena = {0};
	bool found = false;

	for (size_t i = 0; all != NULL && i < all->count; i++) {
		struct keys keys;

		find_keys(&all->items[i]->key, text, &arena, &keys);
		for (size_t k = 0; k < keys.count; k++)
			look_key(all->items[i], s, keys.text[k], now, each, arg);
		found = found || keys.count > 0;
	}
	arena_free(&arena);
	return found;
}

bool limits_look_at(const struct limits *all, struct store *s, uint64_t window, const char *key,
    nsec_t now, struct limit_view *out)
{
	for (size_t i = 0; all != NULL && i < all->count; i++) {
		const struct limit_settings *l = all->items[i];
		const struct limit_window *w;
		size_t windows;

		if (l->count.what == COUNT_SESSIONS || l->count.what == COUNT_DISTINCT)
			continue;
		w = windows_of(l, key, &windows);
		for (size_t k = 0; k < windows; k++) {
			if (w[k].id != window)
				continue;
			*out = (struct limit_view){.limit = l, .key = key, .window = &w[k]};
			look_window(s, out, now);
			return true;
		}
	}
	return false;
}

/* --- what is forgiven ------------------------------------------------------------------------ */

struct forgiving {
	struct store *store;
	nsec_t now;
	size_t count;
};

static void forgive(void *arg, const struct limit_view *v)
{
	struct forgiving *f = arg;
	struct distinct d;

	if (v->limit->on_exceed.action < LIMIT_BAN || v->window == NULL || v->count == 0)
		return;
	f->count++;
	if (v->limit->count.what == COUNT_DISTINCT) {
		d = distinct_of(v->window, steps_of(&v->limit->key, v->key));
		distinct_forget(f->store, &d, v->key, strlen(v->key), f->now);
		return;
	}
	store_forget(f->store, v->window->id, v->key, strlen(v->key), f->now);
}

size_t limits_forgive(const struct limits *all, struct store *s, const char *text, nsec_t now)
{
	struct forgiving f = {.store = s, .now = now};

	limits_look(all, s, text, now, forgive, &f);
	return f.count;
}
