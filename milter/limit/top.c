#include "limit/top.h"

#include <string.h>
#include <sys/mman.h>

enum { SETS = 1024, WAYS = 4, WORDS = TOP_KEY_MAX / 8 };

/*
 * Written without a lock, by several at once if it so happens: a reader believes only a text whose
 * hash is the tag.
 */
struct record {
	shared_word tag;
	shared_word limit;
	shared_word until;
	shared_word length;
	shared_word text[WORDS];
};

struct top {
	struct record records[SETS * WAYS];
};

struct top *top_new(void)
{
	void *base = mmap(
	    NULL, sizeof(struct top), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return base == MAP_FAILED ? NULL : base;
}

void top_free(struct top **t)
{
	if (*t != NULL)
		munmap(*t, sizeof(**t));
	*t = NULL;
}

static void put(shared_word *w, uint64_t value)
{
	atomic_store_explicit(w, value, memory_order_relaxed);
}

static uint64_t get(const shared_word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static void write_record(struct record *r, const struct store_item *it)
{
	uint64_t words[WORDS] = {0};

	memcpy(words, it->key, it->key_len);
	put(&r->tag, 0);
	put(&r->limit, it->limit);
	put(&r->length, it->key_len);
	for (unsigned i = 0; i < WORDS; i++)
		put(&r->text[i], words[i]);
}

void top_note(struct store *s, const struct store_item *it, nsec_t now)
{
	struct record *set = &store_top(s)->records[it->tag % SETS * WAYS], *least = set;
	uint64_t until = (uint64_t)now + it->owed * (uint64_t)it->rate.interval;

	if (it->key_len > TOP_KEY_MAX)
		return;
	for (unsigned i = 0; i < WAYS; i++) {
		if (get(&set[i].tag) == it->tag) {
			put(&set[i].until, until);
			return;
		}
		if (get(&set[i].until) < get(&least->until))
			least = &set[i];
	}
	if (get(&least->until) >= until)
		return;
	write_record(least, it);
	put(&least->until, until);
	atomic_store_explicit(&least->tag, it->tag, memory_order_release);
}

void top_each(const struct store *s, nsec_t now,
    void (*each)(void *arg, uint64_t limit, const char *key, nsec_t until), void *arg)
{
	const struct top *t = store_top(s);

	for (unsigned i = 0; i < SETS * WAYS; i++) {
		const struct record *r = &t->records[i];
		uint64_t tag = atomic_load_explicit(&r->tag, memory_order_acquire);
		uint64_t words[WORDS], limit = get(&r->limit), len = get(&r->length);
		nsec_t until = (nsec_t)get(&r->until);
		char text[TOP_KEY_MAX + 1] = "";

		if (tag == 0 || until <= now || len > TOP_KEY_MAX)
			continue;
		for (unsigned k = 0; k < WORDS; k++)
			words[k] = get(&r->text[k]);
		memcpy(text, words, len);
		if (store_tag(s, limit, text, len) == tag)
			each(arg, limit, text, until);
	}
}
