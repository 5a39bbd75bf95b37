#include "limit/shared_bans.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "limit/store_file.h"

static const char *const actions[] = {
    [BAN_REFUSE] = "refuse", [BAN_DEFER] = "defer", [BAN_HOLD] = "hold"};
static const char release[] = "release";

enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

/* --- one ban as text ------------------------------------------------------------- */

static void to_line(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ')
			*s = ' ';
}

size_t shared_ban_format(const struct shared_ban *b, char out[SHARED_BAN_TEXT_MAX])
{
	char by[BAN_BY_MAX], reason[BAN_REASON_MAX];

	snprintf(by, sizeof(by), "%s", b->by);
	snprintf(reason, sizeof(reason), "%s", b->reason);
	to_line(by);
	to_line(reason);
	snprintf(out, SHARED_BAN_TEXT_MAX, "%" PRId64 " %" PRId64 " %s\n%s\n%s", b->until, b->since,
	    b->released ? release : actions[b->action], by, reason);
	return strlen(out);
}

/* Digits up to `end`, and one after it. NULL: none. */
static const char *read_time(const char *at, char end, usec_t *out)
{
	const char *begin = at;

	for (*out = 0; *at >= '0' && *at <= '9'; at++) {
		if (at - begin >= 17)
			return NULL;
		*out = *out * 10 + (*at - '0');
	}
	return at > begin && *at == end ? at + 1 : NULL;
}

static const char *read_action(const char *at, struct shared_ban *out)
{
	size_t len = strcspn(at, "\n");

	out->released = len == strlen(release) && memcmp(at, release, len) == 0;
	for (unsigned i = 0; i < ACTIONS && !out->released; i++) {
		if (len != strlen(actions[i]) || memcmp(at, actions[i], len) != 0)
			continue;
		out->action = (enum ban_action)i;
		return at[len] == '\n' ? at + len + 1 : NULL;
	}
	return out->released && at[len] == '\n' ? at + len + 1 : NULL;
}

bool shared_ban_read(const char *text, size_t len, struct shared_ban *out)
{
	size_t by;

	*out = (struct shared_ban){.until = 0};
	if (len == 0 || strlen(text) != len)
		return false;
	text = read_time(text, ' ', &out->until);
	text = text == NULL ? NULL : read_time(text, ' ', &out->since);
	text = text == NULL ? NULL : read_action(text, out);
	if (text == NULL)
		return false;
	by = strcspn(text, "\n");
	memcpy(out->by, text, by < BAN_BY_MAX ? by : BAN_BY_MAX - 1);
	snprintf(out->reason, sizeof(out->reason), "%s", text[by] == '\0' ? "" : text + by + 1);
	to_line(out->by);
	to_line(out->reason);
	return true;
}

/* --- both sides --------------------------------------------------------------------- */

enum {
	PAGE = 200,           /* fields asked for at a time */
	PAGE_BYTES = 1 << 20, /* of an answer; they may be more */
	PAGES = 200,
	KNOWN = 4 * STORE_BANS,
	OVER = 64, /* taken away at a time */
	TELL = 256,
	SMALL_ANSWER = 1024,
};

/* How long a release stays there. */
static const usec_t release_stays = USEC_PER_SEC * 86400 * 30;

struct known {
	uint64_t tag;
	usec_t since;
};

struct sync {
	struct store *s;
	struct redis_pool *pool;
	const char *hash;
	const struct shared_bans_hooks *hooks;
	usec_t timeout;
	nsec_t now; /* the table's time, and the wall clock at it */
	usec_t wall;
	struct known *known;
	size_t known_count;
	char (*over)[BAN_KEY_MAX];
	size_t over_count;
	char cursor[24];
	unsigned told;
	bool failed;
	struct redis_trouble *why;
};

static uint64_t tag_of(const struct sync *y, const char *key)
{
	return store_tag(y->s, 1, key, strlen(key));
}

static usec_t wall_of(const struct sync *y, nsec_t t)
{
	return y->wall + (t - y->now) / NSEC_PER_USEC;
}

static usec_t since_of(const struct sync *y, const struct ban *b)
{
	return b->wall_since != 0 ? b->wall_since : wall_of(y, b->since);
}

/* --- what the server has -------------------------------------------------------------- */

static void take_over(struct sync *y, const char *key, const struct shared_ban *there,
    const struct ban *here, bool kept)
{
	struct ban b = {
	    .action = there->action,
	    .strikes = kept && here->strikes > 0 ? here->strikes : 1,
	    .since = y->now,
	    .wall_since = there->since,
	    .wall_until = there->until,
	};
	usec_t lasting = there->until - y->wall;

	if (lasting > GCRA_HORIZON / NSEC_PER_USEC)
		lasting = GCRA_HORIZON / NSEC_PER_USEC;
	b.until = y->now + lasting * NSEC_PER_USEC;
	snprintf(b.key, sizeof(b.key), "%s", key);
	snprintf(b.by, sizeof(b.by), "%s", there->by);
	snprintf(b.reason, sizeof(b.reason), "%s", there->reason);
	if (bans_put(y->s, &b, kept ? here->since : 0, y->now))
		log_notice("%s is banned by %s on another host: %s", key, b.by, b.reason);
}

static void release_here(struct sync *y, const char *key, const struct ban *here)
{
	struct ban over = *here;

	over.until = y->now;
	if (!bans_put(y->s, &over, here->since, y->now))
		return;
	log_notice("%s is released by another host", key);
	if (y->hooks->released != NULL)
		y->hooks->released(y->hooks->arg, key);
}

static void read_ban(
    struct sync *y, const struct redis_reply *field, const struct redis_reply *value)
{
	char key[BAN_KEY_MAX];
	struct shared_ban there;
	struct ban here;
	bool kept, counts;

	if (field->kind != REDIS_STRING || value->kind != REDIS_STRING ||
	    field->len >= BAN_KEY_MAX || strlen(field->text) != field->len ||
	    ban_key_parse(field->text, key) != NULL || strcmp(key, field->text) != 0 ||
	    !shared_ban_read(value->text, value->len, &there))
		return;
	if (there.until <= y->wall) {
		if (y->over_count < OVER)
			memcpy(y->over[y->over_count++], key, sizeof(key));
		return;
	}
	if (y->known_count < KNOWN)
		y->known[y->known_count++] = (struct known){tag_of(y, key), there.since};
	kept = bans_get(y->s, key, &here);
	counts = kept && (here.until > y->now || here.released);
	if (counts && since_of(y, &here) >= there.since)
		return;
	if (!there.released && y->hooks->may(y->hooks->arg, key))
		take_over(y, key, &there, &here, kept);
	else if (there.released && counts)
		release_here(y, key, &here);
}

static bool read_page(void *arg, const struct redis_reply *r)
{
	struct sync *y = arg;
	const struct redis_reply *cursor, *all;

	if (r->kind != REDIS_ARRAY || r->count != 2)
		return false;
	cursor = r->items[0];
	all = r->items[1];
	if (cursor->kind != REDIS_STRING || cursor->len == 0 || cursor->len >= sizeof(y->cursor) ||
	    cursor->text[strspn(cursor->text, "0123456789")] != '\0' || all->kind != REDIS_ARRAY ||
	    all->count % 2 != 0)
		return false;
	for (size_t i = 0; i < all->count; i += 2)
		read_ban(y, all->items[i], all->items[i + 1]);
	memcpy(y->cursor, cursor->text, cursor->len + 1);
	return true;
}

static bool call(struct sync *y, struct resp_command *c, size_t most,
    bool (*read)(void *arg, const struct redis_reply *r))
{
	bool done =
	    redis_pool_call(y->pool, c, most, clock_monotonic() + y->timeout, read, y, y->why);

	resp_forget(c);
	y->failed = y->failed || !done;
	return done;
}

static void read_all(struct sync *y)
{
	snprintf(y->cursor, sizeof(y->cursor), "0");
	for (unsigned i = 0; i < PAGES && !y->failed; i++) {
		struct resp_command c = {.count = 0};

		resp_puts(&c, "HSCAN");
		resp_puts(&c, y->hash);
		resp_puts(&c, y->cursor);
		resp_puts(&c, "COUNT");
		resp_number(&c, PAGE);
		if (call(y, &c, PAGE_BYTES, read_page) && strcmp(y->cursor, "0") == 0)
			return;
	}
}

/* --- what it does not know ------------------------------------------------------------- */

static bool read_count(void *arg, const struct redis_reply *r)
{
	(void)arg;
	return r->kind == REDIS_INTEGER;
}

static void take_away(struct sync *y)
{
	struct resp_command c = {.count = 0};

	if (y->over_count == 0 || y->failed)
		return;
	resp_puts(&c, "HDEL");
	resp_puts(&c, y->hash);
	for (size_t i = 0; i < y->over_count; i++)
		resp_puts(&c, y->over[i]);
	(void)call(y, &c, SMALL_ANSWER, read_count);
}

static int by_tag(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static bool is_known(const struct sync *y, const struct ban *b)
{
	const struct known wanted = {tag_of(y, b->key), 0}, *found;

	found = bsearch(&wanted, y->known, y->known_count, sizeof(wanted), by_tag);
	return found != NULL && found->since >= since_of(y, b);
}

static bool tell(struct sync *y, const struct ban *b, const struct shared_ban *there)
{
	char text[SHARED_BAN_TEXT_MAX];
	struct resp_command c = {.count = 0};

	shared_ban_format(there, text);
	resp_puts(&c, "HSET");
	resp_puts(&c, y->hash);
	resp_puts(&c, b->key);
	resp_puts(&c, text);
	return call(y, &c, SMALL_ANSWER, read_count);
}

static void tell_one(void *arg, const struct ban *b)
{
	struct sync *y = arg;
	struct shared_ban there = {
	    .since = since_of(y, b), .released = b->released != 0, .action = b->action};
	struct ban told = *b;

	if (y->failed || is_known(y, b) || y->told++ >= TELL)
		return;
	there.until = b->released          ? y->wall + release_stays
	              : b->wall_until != 0 ? b->wall_until
	                                   : wall_of(y, b->until);
	snprintf(there.by, sizeof(there.by), "%s", b->by);
	snprintf(there.reason, sizeof(there.reason), "%s", b->reason);
	if (!tell(y, b, &there))
		return;
	told.wall_since = there.since;
	told.wall_until = there.until;
	/* One that was changed meanwhile is told the next time. */
	if (b->wall_since == 0)
		(void)bans_put(y->s, &told, b->since, y->now);
}

bool shared_bans_sync(struct store *s, struct redis_pool *pool, const char *hash,
    const struct shared_bans_hooks *hooks, usec_t timeout, struct redis_trouble *why)
{
	struct sync y = {.s = s,
	    .pool = pool,
	    .hash = hash,
	    .hooks = hooks,
	    .timeout = timeout,
	    .now = store_now(s),
	    .why = why};

	y.wall = store_wall(s, y.now);
	y.known = malloc(KNOWN * sizeof(*y.known));
	y.over = malloc(OVER * sizeof(*y.over));
	snprintf(why->text, sizeof(why->text), "memory is exhausted");
	y.failed = y.known == NULL || y.over == NULL;
	read_all(&y);
	if (!y.failed) {
		take_away(&y);
		qsort(y.known, y.known_count, sizeof(*y.known), by_tag);
		bans_each_to_tell(s, y.now, tell_one, &y);
	}
	free(y.known);
	free(y.over);
	return !y.failed;
}
