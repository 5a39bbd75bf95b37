#include "daemon/control_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "check/limit_look.h"
#include "daemon/control_list.h"
#include "limit/top.h"

enum { TOP_DEFAULT = 10, TOP_MAX = 100, SEEN_MAX = 4096 };

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
    struct control_list *list, const struct limit_settings *l, const struct limit_window *w)
{
	struct strbuf *b = list->reply;
	char name[LIMIT_COUNT_NAME_MAX];

	if (!control_list_has_room(list))
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

static void write_view(struct control_list *list, const struct limit_view *v)
{
	struct strbuf *b = list->reply;
	char name[LIMIT_COUNT_NAME_MAX];

	if (!control_list_has_room(list))
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
	struct control_list list;

	if (!control_list_begin(&list, c, reply))
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
	control_list_end(&list, "limits");
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
	struct control_list list;
	struct seeing s;

	if (!control_list_begin(&list, c, reply))
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
	control_list_end(&list, "keys");
}
