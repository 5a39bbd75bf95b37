#include "limit/bans.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/siphash.h"
#include "limit/store_file.h"

/*
 * The area is records of 512 bytes. The first is the list's own: its lock, and which prefix lengths
 * occur. The rest are sets of sixteen. Writers, who are few, hold the lock; readers look at the
 * tag and the end, and copy the rest when its version did not change meanwhile.
 */
enum {
	WAYS = 16,
	SETS = STORE_BANS / WAYS - 1,
	BODY_SIZE = STORE_BAN_SIZE - 24,
	BODY_WORDS = BODY_SIZE / 8,
	TRIES = 1000,
};

struct record {
	shared_word tag;
	shared_word until;
	shared_word version; /* odd while it is written */
	shared_word body[BODY_WORDS];
};

struct list_head {
	shared_word lock;
	shared_word lengths4;    /* bit n: a ban of a /n; 33 bits */
	shared_word lengths6[3]; /* 129 bits */
};

_Static_assert(sizeof(struct record) == STORE_BAN_SIZE, "a record");
_Static_assert(sizeof(struct ban) <= BODY_SIZE, "a ban fits a record");

static struct list_head *head_of(const struct store *s)
{
	return store_bans_area(s);
}

static struct record *set_of(const struct store *s, uint64_t tag)
{
	return (struct record *)store_bans_area(s) + (1 + tag % SETS) * WAYS;
}

static uint64_t tag_of(const struct store *s, const char *key)
{
	static const uint64_t list = UINT64_C(0x62616e73);

	return store_tag(s, list, key, strlen(key));
}

/* --- keys ------------------------------------------------------------------------ */

static const char expected_key[] = "login:NAME, client:PREFIX, or an address or prefix";

void ban_key_of_prefix(const struct prefix *p, char out[BAN_KEY_MAX])
{
	char text[ADDR_TEXT_MAX];

	prefix_format(p, text);
	snprintf(out, BAN_KEY_MAX, "client:%s", text);
}

static void to_lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)(*s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s);
}

void ban_key_of_login(const char *login, char out[BAN_KEY_MAX])
{
	static const struct siphash_key key = {5, 6};
	char copy[1024];
	size_t len;

	snprintf(copy, sizeof(copy), "%s", login);
	to_lower(copy);
	len = strlen(copy);
	if (len < BAN_KEY_MAX - sizeof("login:"))
		snprintf(out, BAN_KEY_MAX, "login:%.*s", BAN_KEY_MAX - 8, copy);
	else
		snprintf(out, BAN_KEY_MAX, "login:%.*s...%016llx", BAN_KEY_MAX - 32, copy,
		    (unsigned long long)siphash(&key, copy, len));
}

const char *ban_key_parse(const char *text, char out[BAN_KEY_MAX])
{
	struct prefix p;

	out[0] = '\0';
	if (strncmp(text, "login:", 6) == 0) {
		if (text[6] == '\0')
			return expected_key;
		ban_key_of_login(text + 6, out);
		return NULL;
	}
	if (strncmp(text, "client:", 7) == 0)
		text += 7;
	switch (prefix_parse(text, strlen(text), &p)) {
	case PREFIX_OK:
	case PREFIX_HOST_BITS:
		ban_key_of_prefix(&p, out);
		return NULL;
	case PREFIX_BAD_BITS:
		return "a prefix length that the address has";
	case PREFIX_BAD_ADDRESS:
		break;
	}
	return expected_key;
}

bool ban_key_prefix(const char *key, struct prefix *out)
{
	return strncmp(key, "client:", 7) == 0 &&
	       prefix_parse(key + 7, strlen(key + 7), out) == PREFIX_OK;
}

/* Bits are set and never cleared: a length that no longer occurs costs a look. */
static void note_length(const struct store *s, const char *key)
{
	struct list_head *h = head_of(s);
	struct prefix p;

	if (!ban_key_prefix(key, &p))
		return;
	if (p.addr.family == ADDR_V4)
		atomic_fetch_or(&h->lengths4, (uint64_t)1 << p.bits);
	else
		atomic_fetch_or(&h->lengths6[p.bits / 64], (uint64_t)1 << p.bits % 64);
}

static bool has_length(const struct store *s, enum addr_family family, unsigned bits)
{
	struct list_head *h = head_of(s);
	uint64_t word = family == ADDR_V4 ? h->lengths4 : h->lengths6[bits / 64];

	return (word >> bits % 64 & 1) != 0;
}

/* --- records ------------------------------------------------------------------------ */

static bool holds(const struct record *r, nsec_t now)
{
	uint64_t until = atomic_load(&r->until);

	return atomic_load(&r->tag) != 0 && word_is_time(until) && (nsec_t)until > now;
}

static void write_record(struct record *r, uint64_t tag, const struct ban *b)
{
	uint64_t words[BODY_WORDS] = {0};

	memcpy(words, b, sizeof(*b));
	atomic_fetch_or(&r->version, 1);
	atomic_store(&r->until, 0);
	atomic_store(&r->tag, tag);
	for (unsigned i = 0; i < BODY_WORDS; i++)
		atomic_store(&r->body[i], words[i]);
	atomic_store(&r->until, (uint64_t)b->until);
	atomic_fetch_add(&r->version, 1);
}

/* What is in a damaged file is shown with care: texts end, numbers are in range. */
static void tidy(struct ban *b)
{
	b->key[BAN_KEY_MAX - 1] = '\0';
	b->reason[BAN_REASON_MAX - 1] = '\0';
	b->by[BAN_BY_MAX - 1] = '\0';
	if ((unsigned)b->action > BAN_HOLD)
		b->action = BAN_REFUSE;
}

/* False: it is being written all the time, or was left half-written. */
static bool read_record(const struct record *r, struct ban *out)
{
	uint64_t words[BODY_WORDS], version;

	for (unsigned tries = 0; tries < TRIES; tries++) {
		version = atomic_load(&r->version);
		for (unsigned i = 0; i < BODY_WORDS; i++)
			words[i] = atomic_load(&r->body[i]);
		if ((version & 1) != 0 || atomic_load(&r->version) != version)
			continue;
		memcpy(out, words, sizeof(*out));
		tidy(out);
		return true;
	}
	return false;
}

static struct record *find(const struct store *s, uint64_t tag)
{
	struct record *set = set_of(s, tag);

	for (unsigned i = 0; i < WAYS; i++)
		if (atomic_load(&set[i].tag) == tag)
			return &set[i];
	return NULL;
}

/* One whose ban is over, the longest ago; else the one that ends first. */
static struct record *choose(const struct store *s, uint64_t tag, nsec_t now)
{
	struct record *r = find(s, tag), *set = set_of(s, tag);

	if (r != NULL)
		return r;
	r = set;
	for (unsigned i = 0; i < WAYS; i++)
		if (!word_is_time(set[i].until) || (set[i].until < r->until))
			r = &set[i];
	if (holds(r, now))
		log_warning("the list of bans is full: one ends before its time");
	return r;
}

/* --- what is done with them ------------------------------------------------------------- */

static nsec_t grown(const struct ban *last, nsec_t lasting, nsec_t longest, unsigned *strikes)
{
	*strikes = last->strikes + 1;
	for (unsigned i = 1; i < *strikes && lasting < longest; i++)
		lasting *= 2;
	return lasting < longest ? lasting : longest;
}

static bool is_remembered(const struct record *r, const struct ban *last, nsec_t now)
{
	nsec_t until = (nsec_t)atomic_load(&r->until);

	return last->strikes > 0 && last->strikes < 1000 && until > now - BAN_MEMORY;
}

enum ban_set bans_set(
    struct store *s, struct ban *b, nsec_t lasting, bool grow, nsec_t longest, nsec_t now)
{
	shared_word *lock = &head_of(s)->lock;
	uint64_t tag = tag_of(s, b->key), mine;
	struct record *r;
	struct ban last;

	if (!table_lock(lock, now, &mine))
		return BAN_BUSY;
	r = choose(s, tag, now);
	b->since = now;
	b->strikes = 1;
	if (grow && r->tag == tag && read_record(r, &last) && strcmp(last.key, b->key) == 0) {
		if (holds(r, now)) {
			*b = last;
			table_unlock(lock, mine);
			return BAN_HOLDS;
		}
		if (is_remembered(r, &last, now))
			lasting = grown(&last, lasting, longest, &b->strikes);
	}
	b->until = now + (lasting < GCRA_HORIZON ? lasting : GCRA_HORIZON);
	note_length(s, b->key);
	write_record(r, tag, b);
	table_unlock(lock, mine);
	return BAN_SET;
}

bool bans_release(struct store *s, const char *key, nsec_t now)
{
	shared_word *lock = &head_of(s)->lock;
	uint64_t tag = tag_of(s, key), mine;
	struct ban last, nobody = {.key = ""};
	struct record *r;
	bool held;

	if (!table_lock(lock, now, &mine))
		return false;
	r = find(s, tag);
	held = r != NULL && holds(r, now);
	if (held && read_record(r, &last) && last.wall_since != 0) {
		nobody = (struct ban){.since = now, .until = now, .released = 1};
		snprintf(nobody.key, sizeof(nobody.key), "%s", last.key);
		write_record(r, tag, &nobody);
	} else if (r != NULL && !(read_record(r, &last) && last.released)) {
		write_record(r, 0, &nobody);
	}
	table_unlock(lock, mine);
	return held;
}

bool bans_find(const struct store *s, const char *key, nsec_t now, struct ban *out)
{
	const struct record *r = find(s, tag_of(s, key));
	struct ban b;

	if (r == NULL || !holds(r, now) || !read_record(r, &b) || strcmp(b.key, key) != 0 ||
	    (uint64_t)b.until != atomic_load(&r->until))
		return false;
	if (out != NULL)
		*out = b;
	return true;
}

bool bans_find_client(const struct store *s, const struct addr *client, nsec_t now, struct ban *out)
{
	unsigned width = client->family == ADDR_V4 ? 32 : 128;
	char key[BAN_KEY_MAX];

	for (unsigned bits = width + 1; client->family != ADDR_NONE && bits-- > 0;) {
		struct prefix p;

		if (!has_length(s, client->family, bits))
			continue;
		p = prefix_of(client, bits);
		ban_key_of_prefix(&p, key);
		if (bans_find(s, key, now, out))
			return true;
	}
	return false;
}

void bans_each(
    const struct store *s, nsec_t now, void (*each)(void *arg, const struct ban *b), void *arg)
{
	const struct record *all = (const struct record *)store_bans_area(s) + WAYS;
	struct ban b;

	for (unsigned i = 0; i < SETS * WAYS; i++)
		if (holds(&all[i], now) && read_record(&all[i], &b))
			each(arg, &b);
}

/* --- for other hosts -------------------------------------------------------------------- */

bool bans_get(const struct store *s, const char *key, struct ban *out)
{
	const struct record *r = find(s, tag_of(s, key));

	return r != NULL && read_record(r, out) && strcmp(out->key, key) == 0;
}

bool bans_put(struct store *s, const struct ban *b, nsec_t since, nsec_t now)
{
	shared_word *lock = &head_of(s)->lock;
	uint64_t tag = tag_of(s, b->key), mine;
	struct ban there = {.since = 0}, nobody = {.key = ""};
	struct record *r;

	if (!table_lock(lock, now, &mine))
		return false;
	if (!bans_get(s, b->key, &there))
		there.since = 0;
	if (there.since == since) {
		r = choose(s, tag, now);
		if (b->until > now)
			note_length(s, b->key);
		write_record(r, b->until > now ? tag : 0, b->until > now ? b : &nobody);
	}
	table_unlock(lock, mine);
	return there.since == since;
}

void bans_each_to_tell(
    const struct store *s, nsec_t now, void (*each)(void *arg, const struct ban *b), void *arg)
{
	const struct record *all = (const struct record *)store_bans_area(s) + WAYS;
	struct ban b;

	for (unsigned i = 0; i < SETS * WAYS; i++)
		if (atomic_load(&all[i].tag) != 0 && read_record(&all[i], &b) &&
		    (holds(&all[i], now) || b.released))
			each(arg, &b);
}
