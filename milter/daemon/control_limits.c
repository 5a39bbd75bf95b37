#include "daemon/control_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "check/bans.h"
#include "check/limit_look.h"
#include "daemon/counters.h"
#include "limit/bans.h"
#include "limit/top.h"

enum { TOP_DEFAULT = 10, TOP_MAX = 100, SEEN_MAX = 4096 };

static const char *const action_names[] = {
    [BAN_REFUSE] = "refuse", [BAN_DEFER] = "defer", [BAN_HOLD] = "hold"};

/* --- lists that may be too long ------------------------------------------------------- */

struct listing {
	struct strbuf *reply;
	struct store *store;
	nsec_t now;
	size_t count, left_out;
};

/* False: the reply has no room for one more line, and the last. */
static bool has_room(struct listing *l)
{
	if (l->reply->len + 2 * (size_t)CONTROL_LINE_MAX <= CONTROL_REPLY_MAX) {
		l->count++;
		return true;
	}
	l->left_out++;
	return false;
}

static void end_list(const struct listing *l, const char *what)
{
	if (l->left_out == 0)
		control_last(l->reply, EXIT_OK, "%zu %s", l->count, what);
	else
		control_last(l->reply, EXIT_OK, "%zu %s, and %zu that are left out", l->count, what,
		    l->left_out);
}

/* False: there is no configuration or no store, which is told. */
static bool begin(struct listing *l, const struct config *c, struct strbuf *reply)
{
	*l = (struct listing){.reply = reply, .store = counters()};
	if (c != NULL && l->store != NULL) {
		l->now = store_now(l->store);
		return true;
	}
	control_last(reply, EXIT_AGAIN,
	    c == NULL ? "the daemon is starting; try again" : "limits and bans are not kept");
	return false;
}

static usec_t wall(const struct listing *l, nsec_t t)
{
	return store_wall(l->store, t);
}

/* --- limits ------------------------------------------------------------------------------- */

static void write_key_parts(struct strbuf *b, const struct limit_key *k)
{
	struct strbuf text = {0};

	for (unsigned i = 0; i < k->count; i++) {
		strbuf_puts(&text, i == 0 ? "" : "+");
		strbuf_puts(&text, limit_part_name(k->parts[i]));
	}
	control_text(b, "counted_by", strbuf_text(&text));
	strbuf_free(&text);
}

static void write_limit(
    struct listing *list, const struct limit_settings *l, const struct limit_window *w)
{
	struct strbuf *b = list->reply;
	char name[LIMIT_COUNT_NAME_MAX];

	if (!has_room(list))
		return;
	limit_count_name(l, name);
	control_begin(b, "limit");
	control_text(b, "name", l->head.name);
	control_text(b, "counts", name);
	write_key_parts(b, &l->key);
	control_count(b, "max", w == NULL ? l->max : w->count);
	if (w != NULL)
		control_time(b, "window_us", w->period / NSEC_PER_USEC);
	if (w != NULL)
		control_count(b, "burst", gcra_burst(&w->rates[0]));
	control_text(b, "on_exceed", limit_action_name(l));
	control_text(b, "mode", l->mode == MODE_MONITOR ? "monitor" : "enforce");
	control_text(b, "where_file", l->head.loc.file == NULL ? "" : l->head.loc.file);
	control_count(b, "where_line", l->head.loc.line);
	control_end(b);
}

static void write_view(struct listing *list, const struct limit_view *v)
{
	struct strbuf *b = list->reply;
	char name[LIMIT_COUNT_NAME_MAX];

	if (!has_room(list))
		return;
	limit_count_name(v->limit, name);
	control_begin(b, "limit");
	control_text(b, "name", v->limit->head.name);
	control_text(b, "key", v->key);
	control_text(b, "counts", name);
	control_count(b, "count", v->count);
	control_count(b, "max", v->max);
	if (v->window != NULL)
		control_time(b, "window_us", v->window->period / NSEC_PER_USEC);
	control_time(b, "wait_us", (v->wait + NSEC_PER_USEC - 1) / NSEC_PER_USEC);
	control_end(b);
}

static void view(void *arg, const struct limit_view *v)
{
	write_view(arg, v);
}

void control_limits(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	const char *key = control_value(l, "key");
	const struct limits *all;
	struct listing list;

	if (!begin(&list, c, reply))
		return;
	all = limits_of(c->settings);
	if (key != NULL && !limits_look(all, list.store, key, list.now, view, &list)) {
		control_last(reply, EXIT_FINDING, "no limit counts by %s", key);
		return;
	}
	for (size_t i = 0; key == NULL && all != NULL && i < all->count; i++) {
		const struct limit_settings *limit = all->items[i];

		if (limit->count.what == COUNT_SESSIONS)
			write_limit(&list, limit, NULL);
		for (size_t w = 0; limit->count.what != COUNT_SESSIONS && w < limit->windows; w++)
			write_limit(&list, limit, &limit->window[w]);
	}
	end_list(&list, "limits");
}

/* --- top ----------------------------------------------------------------------------------- */

struct seen {
	struct limit_view view;
	char key[TOP_KEY_MAX + 1];
};

struct seeing {
	const struct limits *all;
	struct store *store;
	nsec_t now;
	size_t count;
	struct seen *items;
};

static void see(void *arg, uint64_t limit, const char *key, nsec_t until)
{
	struct seeing *s = arg;
	struct seen *one = &s->items[s->count];

	(void)until;
	if (s->count == SEEN_MAX)
		return;
	snprintf(one->key, sizeof(one->key), "%s", key);
	if (limits_look_at(s->all, s->store, limit, one->key, s->now, &one->view) &&
	    one->view.count > 0)
		s->count++;
}

/* By limit and window in the configuration's order; what is nearest to its limit first. */
static int compare(const void *a, const void *b)
{
	const struct limit_view *x = &((const struct seen *)a)->view;
	const struct limit_view *y = &((const struct seen *)b)->view;
	double of_x = (double)x->count / (double)x->max, of_y = (double)y->count / (double)y->max;

	if (x->limit->number != y->limit->number)
		return x->limit->number < y->limit->number ? -1 : 1;
	if (x->window->period != y->window->period)
		return x->window->period < y->window->period ? -1 : 1;
	return of_x > of_y ? -1 : of_x < of_y;
}

static bool is_same(const struct limit_view *x, const struct limit_view *y)
{
	return x->limit == y->limit && x->window->period == y->window->period;
}

void control_top(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	uint64_t most = control_number(l, "count", TOP_DEFAULT), n = 0;
	struct listing list;
	struct seeing s;

	if (!begin(&list, c, reply))
		return;
	s = (struct seeing){.all = limits_of(c->settings),
	    .store = list.store,
	    .now = list.now,
	    .items = malloc(SEEN_MAX * sizeof(*s.items))};
	if (s.items == NULL) {
		control_last(reply, EXIT_AGAIN, "memory is exhausted");
		return;
	}
	top_each(list.store, list.now, see, &s);
	for (size_t i = 0; i < s.count; i++)
		s.items[i].view.key = NULL; /* it moves */
	qsort(s.items, s.count, sizeof(*s.items), compare);
	for (size_t i = 0; i < s.count; i++) {
		n = i > 0 && is_same(&s.items[i - 1].view, &s.items[i].view) ? n + 1 : 1;
		s.items[i].view.key = s.items[i].key;
		if (n <= most && n <= TOP_MAX)
			write_view(&list, &s.items[i].view);
	}
	free(s.items);
	end_list(&list, "keys");
}

/* --- bans ------------------------------------------------------------------------------------- */

static void write_ban(void *arg, const struct ban *ban)
{
	struct listing *list = arg;
	struct strbuf *b = list->reply;

	if (!has_room(list))
		return;
	control_begin(b, "ban");
	control_text(b, "key", ban->key);
	control_text(b, "action", action_names[ban->action]);
	control_time(b, "since", wall(list, ban->since));
	control_time(b, "until", wall(list, ban->until));
	control_text(b, "by", ban->by);
	control_text(b, "reason", ban->reason);
	control_count(b, "strikes", ban->strikes);
	control_end(b);
}

void control_bans(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	struct listing list;

	(void)l;
	if (!begin(&list, c, reply))
		return;
	bans_each(list.store, list.now, write_ban, &list);
	end_list(&list, "bans");
}

/* False: told. */
static bool read_key(const struct control_line *l, char key[BAN_KEY_MAX], struct strbuf *reply)
{
	const char *text = control_value(l, "key");
	const char *expected = ban_key_parse(text == NULL ? "" : text, key);

	if (expected != NULL)
		control_last(reply, EXIT_USAGE, "found the key \"%s\"; expected %s",
		    text == NULL ? "" : text, expected);
	return expected == NULL;
}

static bool read_action(const struct control_line *l, struct ban *b, struct strbuf *reply)
{
	const char *text = control_value(l, "action");

	for (unsigned i = 0; i <= BAN_HOLD; i++) {
		b->action = (enum ban_action)i;
		if (strcmp(text == NULL ? "refuse" : text, action_names[i]) == 0)
			return true;
	}
	control_last(
	    reply, EXIT_USAGE, "found the action \"%s\"; expected refuse, defer or hold", text);
	return false;
}

static bool may_ban(const struct config *c, const char *key, struct strbuf *reply)
{
	const struct bans_settings *s =
	    (const struct bans_settings *)(const void *)c->settings->bans;
	struct prefix p;

	if (!ban_key_prefix(key, &p) || bans_may(&s->never, &p))
		return true;
	control_last(reply, EXIT_FINDING,
	    "%s is never banned: it touches this host's own addresses, the loopback, or the list "
	    "`never-ban`",
	    key);
	return false;
}

void control_ban(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	const char *reason = control_value(l, "reason"), *by = control_value(l, "by");
	uint64_t lasting = control_number(l, "for", 0);
	struct ban b = {.key = ""};
	struct listing list;

	if (!begin(&list, c, reply) || !read_key(l, b.key, reply) || !read_action(l, &b, reply) ||
	    !may_ban(c, b.key, reply))
		return;
	if (lasting == 0 || lasting > (uint64_t)(GCRA_HORIZON / NSEC_PER_USEC)) {
		control_last(reply, EXIT_USAGE, "expected a time of at most ten years");
		return;
	}
	snprintf(b.reason, sizeof(b.reason), "%s", reason == NULL ? "" : reason);
	snprintf(b.by, sizeof(b.by), "%s", by == NULL ? "" : by);
	if (bans_set(list.store, &b, (nsec_t)lasting * NSEC_PER_USEC, false, 0, list.now) !=
	    BAN_SET) {
		control_last(reply, EXIT_AGAIN, "the list of bans is held by another process");
		return;
	}
	log_notice("%s is banned by %s (%s): %s", b.key, b.by, action_names[b.action], b.reason);
	write_ban(&list, &b);
	control_last(reply, EXIT_OK, "%s is banned", b.key);
}

void control_release(const struct config *c, const struct control_line *l, struct strbuf *reply)
{
	char key[BAN_KEY_MAX];
	struct listing list;
	size_t forgiven;
	bool held;

	if (!begin(&list, c, reply) || !read_key(l, key, reply))
		return;
	held = bans_find(list.store, key, list.now, NULL);
	if (held && !bans_release(list.store, key, list.now)) {
		control_last(reply, EXIT_AGAIN, "the list of bans is held by another process");
		return;
	}
	forgiven = held ? limits_forgive(limits_of(c->settings), list.store, key, list.now) : 0;
	if (!held) {
		control_last(reply, EXIT_FINDING, "%s is not banned", key);
		return;
	}
	log_notice("%s is released; %zu limits begin anew for it", key, forgiven);
	control_begin(reply, "released");
	control_text(reply, "key", key);
	control_count(reply, "limits", forgiven);
	control_end(reply);
	control_last(reply, EXIT_OK, "%s is released", key);
}
