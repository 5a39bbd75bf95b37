/* The rates of a limit, and other ones for single keys. */
#include "check/limit_rates.h"

#include <stdlib.h>
#include <string.h>

#include "conf/units.h"
#include "limit/store.h"

/* --- rates ----------------------------------------------------------------------------------- */

static uint64_t widened(uint64_t n, uint64_t widen, unsigned steps)
{
	while (steps-- > 0)
		n = n > UINT64_MAX / widen ? UINT64_MAX : n * widen;
	return n;
}

/* NULL: made; else what was expected. */
static const char *make_window(const struct limit_settings *l, const struct conf_rate *rate,
    uint64_t burst, uint64_t widen, struct limit_window *w)
{
	*w = (struct limit_window){.id = store_limit_id(l->head.name, rate->period),
	    .count = rate->count,
	    .period = rate->period * NSEC_PER_USEC};
	/* Distinct values are counted by seats: the rate only carries how many. */
	for (unsigned steps = 0; steps < LIMIT_SUBJECTS; steps++) {
		if (l->count.what == COUNT_DISTINCT) {
			w->rates[steps] =
			    (struct gcra){1, (nsec_t)widened(rate->count, widen, steps)};
			if (w->rates[steps].tolerance > 1000000 ||
			    rate->period > GCRA_HORIZON / 1000)
				return "at most 1M different values within at most ten years";
		} else if (!gcra_make(widened(rate->count, widen, steps), rate->period,
			       burst == 0 ? 0 : widened(burst, widen, steps), &w->rates[steps])) {
			return "at most ten million a second, and a burst that is paid off "
			       "within ten years";
		}
	}
	return NULL;
}

static bool make_windows(struct conf_reader *r, struct limit_settings *l)
{
	const char *expected;

	if (l->rates.count > LIMIT_WINDOWS)
		return conf_error(r, &l->head.loc,
		    "found %zu rates in limit `%s`; expected at most %d", l->rates.count,
		    l->head.name, LIMIT_WINDOWS);
	for (size_t i = 0; i < l->rates.count; i++) {
		expected = make_window(
		    l, &l->rates.items[i], i == 0 ? l->burst : 0, l->widen, &l->window[i]);
		if (expected != NULL)
			return conf_error(r, &l->head.loc,
			    "found a rate in limit `%s` that can't be kept; expected %s",
			    l->head.name, expected);
		for (size_t k = 0; k < i; k++)
			if (l->window[k].period == l->window[i].period)
				return conf_error(r, &l->head.loc,
				    "found two rates over the same time in limit `%s`; expected "
				    "one",
				    l->head.name);
	}
	l->windows = l->rates.count;
	return true;
}

/* --- overrides ------------------------------------------------------------- */

/* Takes the last word off `text`; NULL: there is only one. */
static char *take_last(char *text)
{
	char *end = text + strlen(text), *word;

	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	for (word = end; word > text && word[-1] != ' ' && word[-1] != '\t'; word--)
		;
	if (word == text)
		return NULL;
	word[-1] = '\0';
	return word;
}

static bool override_error(
    struct conf_reader *r, const struct limit_settings *l, size_t number, const char *expected)
{
	return conf_error(r, &l->override_texts.locs[number],
	    "found the override \"%.100s\" in limit `%s`; expected %s",
	    l->override_texts.items[number], l->head.name, expected);
}

/*
 * Takes the rates off the end of `text`, or `none`, of which there are no rates; what is left is
 * the key. NULL: done; else what was expected.
 */
static const char *take_rates(char *text, struct conf_rate rates[LIMIT_WINDOWS], size_t *count)
{
	static const char form[] =
	    "a key and up to four rates, such as \"alice 1000/1h 5000/1d\", or \"alice none\"";
	char *word = take_last(text);
	bool none = word != NULL && strcmp(word, "none") == 0;
	struct conf_rate rate;

	*count = 0;
	if (none)
		word = take_last(text);
	for (; word != NULL && unit_rate(word, &rate) == NULL; word = take_last(text)) {
		if (none || *count == LIMIT_WINDOWS)
			return form;
		rates[(*count)++] = rate;
	}
	if (word != NULL && strcmp(word, "none") == 0)
		return form;
	if (word != NULL)
		word[-1] = ' ';
	return none || *count > 0 ? NULL : form;
}

/* As written: a wider prefix has no more than that. NULL: made; else what was expected. */
static const char *make_override_windows(const struct limit_settings *l,
    const struct conf_rate *rates, size_t count, struct limit_override *o)
{
	const char *wrong = NULL;

	/* They were read from behind. */
	for (size_t i = 0; i < count && wrong == NULL; i++) {
		wrong = make_window(l, &rates[count - 1 - i], 0, 1, &o->window[i]);
		for (size_t k = 0; k < i; k++)
			if (o->window[k].period == o->window[i].period)
				wrong = "one rate over the same time";
	}
	o->windows = count;
	return wrong;
}

/* "alice 1000/1h 5000/1d", "192.0.2.0/24 none" */
static bool read_override(
    struct conf_reader *r, const struct limit_settings *l, size_t number, struct limit_override *o)
{
	char *text = arena_strdup(r->arena, l->override_texts.items[number]);
	struct conf_rate rates[LIMIT_WINDOWS];
	const char *wrong;
	size_t count;

	if (text == NULL)
		return conf_no_memory(r);
	wrong = take_rates(text, rates, &count);
	if (wrong == NULL)
		wrong = make_override_windows(l, rates, count, o);
	if (wrong != NULL)
		return override_error(r, l, number, wrong);
	o->number = number;
	o->key = limit_key_spelling(&l->key, text, r->arena);
	if (o->key == NULL)
		return conf_no_memory(r);
	wrong = limit_key_wrong(&l->key, o->key);
	return wrong == NULL || override_error(r, l, number, wrong);
}

static int by_key(const void *a, const void *b)
{
	const struct limit_override *x = a, *y = b;
	int keys = strcmp(x->key, y->key);

	return keys != 0 ? keys : (x->number > y->number) - (x->number < y->number);
}

static bool make_overrides(struct conf_reader *r, struct limit_settings *l)
{
	size_t count = l->override_texts.count;
	bool ok = true;

	if (count == 0)
		return true;
	if (l->count.what == COUNT_SESSIONS)
		return conf_error(r, &l->head.loc,
		    "found `overrides` in limit `%s`; expected none where sessions are counted",
		    l->head.name);
	l->overrides = arena_alloc(r->arena, count * sizeof(*l->overrides));
	if (l->overrides == NULL)
		return conf_no_memory(r);
	for (size_t i = 0; i < count; i++)
		ok = read_override(r, l, i, &l->overrides[i]) && ok;
	if (!ok)
		return false;
	qsort(l->overrides, count, sizeof(*l->overrides), by_key);
	for (size_t i = 1; i < count; i++)
		if (strcmp(l->overrides[i - 1].key, l->overrides[i].key) == 0)
			return override_error(
			    r, l, l->overrides[i].number, "one override for each key");
	l->override_count = count;
	return true;
}

/* --- both --------------------------------------------------------------------- */

bool limit_make_rates(struct conf_reader *r, struct limit_settings *l)
{
	return make_windows(r, l) && make_overrides(r, l);
}
