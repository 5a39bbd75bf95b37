#include "tool/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/siphash.h"
#include "tool/suggest_impl.h"

enum { FIRST_ROOM = 4096, MARK = KEY_KINDS, NET4_BITS = 24, NET6_BITS = 48 };

static const int64_t period_seconds[PERIODS] = {3600, 86400};

struct suggest *suggest_new(void)
{
	struct suggest *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->room = FIRST_ROOM;
	s->buckets = calloc(s->room, sizeof(*s->buckets));
	if (s->buckets == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void suggest_free(struct suggest **s)
{
	if (*s != NULL)
		free((*s)->buckets);
	free(*s);
	*s = NULL;
}

/* --- the table ----------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t seed, const char *text)
{
	const struct siphash_key key = {seed, 1};
	uint64_t h = siphash(&key, text, strlen(text));

	return h == 0 ? 1 : h;
}

static struct bucket *place_of(struct bucket *buckets, size_t room, uint64_t hash)
{
	size_t i = (size_t)hash & (room - 1);

	while (buckets[i].hash != 0 && buckets[i].hash != hash)
		i = (i + 1) & (room - 1);
	return &buckets[i];
}

static bool grow(struct suggest *s)
{
	size_t room = s->room * 2;
	struct bucket *larger;

	if (s->count < s->room / 2)
		return true;
	if (s->count >= SUGGEST_MAX)
		return false;
	larger = calloc(room, sizeof(*larger));
	if (larger == NULL)
		return false;
	for (size_t i = 0; i < s->room; i++)
		if (s->buckets[i].hash != 0)
			*place_of(larger, room, s->buckets[i].hash) = s->buckets[i];
	free(s->buckets);
	s->buckets = larger;
	s->room = room;
	return true;
}

/* NULL: no room. */
static struct bucket *bucket_of(struct suggest *s, uint64_t hash, unsigned kind, unsigned period)
{
	struct bucket *b;

	if (!grow(s))
		return NULL;
	b = place_of(s->buckets, s->room, hash);
	if (b->hash == 0) {
		*b =
		    (struct bucket){.hash = hash, .kind = (uint8_t)kind, .period = (uint8_t)period};
		s->count++;
	}
	return b;
}

/* --- keys of an event ------------------------------------------------------------------------ */

struct texts {
	char of[KEY_KINDS][KEY_MAX]; /* "": it has none */
};

static void lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)(*s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s);
}

/* Without angle brackets; the null sender is "<>", as a limit's key has it. */
static void mailbox(const char *raw, char out[KEY_MAX], char domain[KEY_MAX])
{
	size_t len = strlen(raw);
	bool angled = len > 2 && raw[0] == '<' && raw[len - 1] == '>';
	const char *at;

	len -= angled ? 2 : 0;
	len = len < KEY_MAX ? len : KEY_MAX - 1;
	memcpy(out, raw + angled, len);
	out[len] = '\0';
	lower(out);
	at = strrchr(out, '@');
	snprintf(domain, KEY_MAX, "%s", at == NULL ? out : at + 1);
}

static void find_texts(const struct event_line *e, struct texts *t)
{
	struct addr a;

	memset(t, 0, sizeof(*t));
	snprintf(t->of[KEY_LOGIN], KEY_MAX, "%s", e->auth);
	lower(t->of[KEY_LOGIN]);
	if (addr_parse(e->client, strlen(e->client), &a)) {
		struct prefix p = prefix_of(&a, a.family == ADDR_V4 ? NET4_BITS : NET6_BITS);

		addr_format(&a, t->of[KEY_CLIENT]);
		prefix_format(&p, t->of[KEY_CLIENT_NET]);
	}
	mailbox(e->sender, t->of[KEY_SENDER], t->of[KEY_SENDER_DOMAIN]);
	mailbox(e->recipient, t->of[KEY_RECIPIENT], t->of[KEY_RECIPIENT_DOMAIN]);
}

/* --- counting ------------------------------------------------------------------------------- */

static void add(struct suggest *s, struct bucket *b, enum measure m, const char *key, int64_t at)
{
	struct busiest *most = &s->busiest[b->kind][m][b->period];

	if (b->counts[m] < UINT32_MAX)
		b->counts[m]++;
	if (b->counts[m] <= most->count)
		return;
	most->count = b->counts[m];
	most->at = at;
	snprintf(most->key, sizeof(most->key), "%s", key);
}

static uint64_t bucket_hash(unsigned kind, unsigned period, int64_t number, const char *key)
{
	return hash_text((uint64_t)number * 4096 + (uint64_t)kind * 16 + period, key);
}

/* The login's networks: each once in an hour or day. */
static bool count_network(
    struct suggest *s, const struct texts *t, unsigned period, int64_t number, int64_t at)
{
	uint64_t login = bucket_hash(KEY_LOGIN, period, number, t->of[KEY_LOGIN]);
	uint64_t both = hash_text(login, t->of[KEY_CLIENT_NET]);
	size_t before = s->count;
	struct bucket *b;

	if (t->of[KEY_LOGIN][0] == '\0' || t->of[KEY_CLIENT_NET][0] == '\0')
		return true;
	if (bucket_of(s, both, MARK, period) == NULL)
		return false;
	if (s->count == before)
		return true;
	b = bucket_of(s, login, KEY_LOGIN, period);
	if (b == NULL)
		return false;
	add(s, b, NETWORKS, t->of[KEY_LOGIN], at);
	return true;
}

/* A recipient, and the message it is of. */
struct counted {
	struct texts texts;
	uint64_t message;
	bool is_first; /* of its message */
};

/* Of a message all recipients have one sender, login and client: the first counts it. */
static bool counts_message(const struct counted *c, unsigned kind, const struct bucket *b)
{
	return kind < KEY_RECIPIENT ? c->is_first : b->message != c->message;
}

static bool count_in(struct suggest *s, const struct counted *c, unsigned period, int64_t seconds)
{
	int64_t number = seconds / period_seconds[period], at = number * period_seconds[period];

	for (unsigned kind = 0; kind < KEY_KINDS; kind++) {
		const char *key = c->texts.of[kind];
		struct bucket *b;

		if (*key == '\0')
			continue;
		b = bucket_of(s, bucket_hash(kind, period, number, key), kind, period);
		if (b == NULL)
			return false;
		add(s, b, RECIPIENTS, key, at);
		if (counts_message(c, kind, b))
			add(s, b, MESSAGES, key, at);
		b->message = c->message;
	}
	return count_network(s, &c->texts, period, number, at);
}

static bool is_accepted(const struct event_line *e)
{
	static const char *const verdicts[] = {"permit", "note", "tag", "hold"};

	if (strcmp(e->stage, "rcpt") != 0 || *e->recipient == '\0' || strcmp(e->by, "mta") == 0)
		return false;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strcmp(e->verdict, verdicts[i]) == 0)
			return true;
	return false;
}

/*
 * Which message is it of? Sendmail has a queue id from the start, Postfix from the second recipient
 * on: in a session, what comes without one is the first of its message, or the only one.
 */
static bool find_message(struct suggest *s, const struct event_line *e, struct counted *c)
{
	uint64_t session = hash_text(hash_text(2, e->session), e->sender);
	uint64_t id = *e->message == '\0' ? 0 : hash_text(3, e->message);
	struct bucket *last = bucket_of(s, session, MARK, 0);

	if (last == NULL)
		return false;
	c->is_first =
	    id == 0 || last->counts[0] == 0 || (last->message != 0 && last->message != id);
	last->counts[0] += c->is_first;
	last->message = id;
	c->message = session + last->counts[0];
	return true;
}

bool suggest_add(struct suggest *s, const struct event_line *e)
{
	struct counted c;

	if (!is_accepted(e) || e->time < 0)
		return true;
	if (!find_message(s, e, &c))
		return false;
	find_texts(e, &c.texts);
	if (s->recipients++ == 0)
		s->first = s->last = e->time;
	s->first = e->time < s->first ? e->time : s->first;
	s->last = e->time > s->last ? e->time : s->last;
	return count_in(s, &c, HOUR, e->time / USEC_PER_SEC) &&
	       count_in(s, &c, DAY, e->time / USEC_PER_SEC);
}

uint64_t suggest_recipients(const struct suggest *s)
{
	return s->recipients;
}

/* --- over all keys of a kind --------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The smallest that at least so many of a hundred do not exceed (nearest rank). */
static uint32_t percentile(const uint32_t *sorted, size_t n, unsigned percent)
{
	size_t rank = (n * percent + 99) / 100;

	return n == 0 ? 0 : sorted[rank == 0 ? 0 : rank - 1];
}

bool suggest_summarize(
    const struct suggest *s, unsigned kind, unsigned measure, unsigned period, struct summary *out)
{
	uint32_t *counts = malloc((s->count + 1) * sizeof(*counts));
	size_t n = 0;

	*out = (struct summary){.busiest = &s->busiest[kind][measure][period]};
	if (counts == NULL)
		return false;
	for (size_t i = 0; i < s->room; i++) {
		const struct bucket *b = &s->buckets[i];

		if (b->hash != 0 && b->kind == kind && b->period == period &&
		    b->counts[measure] > 0)
			counts[n++] = b->counts[measure];
	}
	qsort(counts, n, sizeof(*counts), compare);
	out->buckets = n;
	out->p50 = percentile(counts, n, 50);
	out->p95 = percentile(counts, n, 95);
	out->p99 = percentile(counts, n, 99);
	free(counts);
	return true;
}
