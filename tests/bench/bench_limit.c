/*
 * Nanoseconds for charging an event to four limits, by how many keys there are, beside a floor in
 * the same run: four increments in a plain hash table of as many keys. And over a Redis server, in
 * whose memory they are: there the floor is a plain SET. Each figure is the best of several
 * rounds, as other work on the machine only adds.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/random.h"
#include "base/clock.h"
#include "base/exit.h"
#include "base/siphash.h"
#include "limit/redis_pool.h"
#include "limit/shared.h"
#include "limit/shared_bans.h"
#include "limit/store.h"
#include "rounds.h"

enum { ROUNDS = 5, STEPS = 200000, LIMITS = 4, KEY_MAX = 40 };

static volatile uint64_t sink;

/* One key in every limit, as many keys a limit as keep the sum at `keys`. */
struct bed {
	struct store *store;
	uint64_t keys;
	uint64_t limits[LIMITS];
	struct gcra rate;
	/* The floor: open addressing, as full as the store's table. */
	uint64_t *plain;
	uint64_t plain_mask;
	struct redis_pool *pool; /* the floor over Redis */
};

static size_t key_of(const struct bed *b, uint64_t number, char out[KEY_MAX])
{
	return (size_t)snprintf(out, KEY_MAX, "user%llu@example.com",
	    (unsigned long long)(number % (b->keys / LIMITS)));
}

static void charge(struct bed *b, uint64_t number)
{
	struct store_item items[LIMITS];
	char key[KEY_MAX];
	size_t len = key_of(b, number, key);

	for (unsigned i = 0; i < LIMITS; i++)
		items[i] = (struct store_item){
		    .limit = b->limits[i], .rate = b->rate, .key = key, .key_len = len, .units = 1};
	sink += store_charge(b->store, items, LIMITS, store_now(b->store));
}

static void increment(struct bed *b, uint64_t number)
{
	static const struct siphash_key secret = {1, 2};
	char key[KEY_MAX];
	size_t len = key_of(b, number, key);

	for (unsigned i = 0; i < LIMITS; i++) {
		uint64_t tag = (siphash(&secret, key, len) + b->limits[i]) | 1;
		uint64_t at = tag & b->plain_mask;

		while (b->plain[2 * at] != 0 && b->plain[2 * at] != tag)
			at = (at + 1) & b->plain_mask;
		b->plain[2 * at] = tag;
		b->plain[2 * at + 1]++;
	}
}

static double best_of(struct bed *b, void (*step)(struct bed *, uint64_t), size_t steps)
{
	uint64_t r = 1;
	usec_t best = 0;

	for (int round = 0; round < bench_rounds(ROUNDS); round++) {
		usec_t start = clock_monotonic(), took;

		for (size_t i = 0; i < steps; i++)
			step(b, random_next(&r));
		took = clock_monotonic() - start;
		if (round == 0 || took < best)
			best = took;
	}
	return (double)best * 1000 / (double)steps;
}

static bool setup(struct bed *b, uint64_t keys)
{
	struct store_options o = {.slots = keys * 2};
	char error[STORE_ERROR_MAX], name[8];
	struct store_usage u;

	*b = (struct bed){.keys = keys, .store = store_open(&o, error)};
	if (b->store == NULL || !gcra_make(1000000, 3600 * USEC_PER_SEC, 0, &b->rate))
		return false;
	for (unsigned i = 0; i < LIMITS; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		b->limits[i] = store_limit_id(name, 1);
	}
	store_usage(b->store, &u);
	b->plain_mask = u.slots - 1;
	b->plain = calloc(u.slots, 2 * sizeof(*b->plain));
	for (uint64_t i = 0; b->plain != NULL && i < keys / LIMITS; i++) {
		charge(b, i);
		increment(b, i);
	}
	return b->plain != NULL;
}

/* --- over Redis ------------------------------------------------------------------ */

enum { REDIS_STEPS = 10000, REDIS_KEYS = 1000000, SHORT_KEYS = 10000, ANSWER = 8192 };

static char folder[] = "/tmp/bench_limit.XXXXXX", path[64];

/* The one that tests unpack, or the host's. */
static pid_t start_server(void)
{
	static const char unpacked[] = "build/redis/usr/bin/redis-server";
	static const char installed[] = "/usr/bin/redis-server";
	const char *binary = access(unpacked, X_OK) == 0 ? unpacked : installed;
	pid_t pid;

	if (access(binary, X_OK) != 0 || mkdtemp(folder) == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/redis.sock", folder);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(EXIT_INTERNAL);
		if (binary == unpacked)
			setenv("LD_LIBRARY_PATH", "build/redis/usr/lib/x86_64-linux-gnu", 1);
		execl(binary, "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
		    "--dir", folder, (char *)NULL);
		_exit(EXIT_INTERNAL);
	}
	for (int i = 0; i < 100 && access(path, F_OK) != 0; i++)
		usleep(50000);
	return pid;
}

static void stop_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(folder);
}

static bool is_ok(void *arg, const struct redis_reply *r)
{
	(void)arg;
	return redis_reply_is_status(r, "OK");
}

static void set(struct bed *b, uint64_t number)
{
	struct resp_command c = {.count = 0};
	struct redis_trouble why;
	char key[KEY_MAX];

	resp_puts(&c, "SET");
	resp_add(&c, key, key_of(b, number, key));
	resp_puts(&c, "1795489200123456 0");
	if (!redis_pool_call(
		b->pool, &c, ANSWER, clock_monotonic() + USEC_PER_SEC, is_ok, NULL, &why))
		fprintf(stderr, "SET: %s\n", why.text);
	resp_forget(&c);
}

static bool read_memory(void *arg, const struct redis_reply *r)
{
	const char *at = r->kind == REDIS_STRING ? strstr(r->text, "used_memory:") : NULL;

	*(double *)arg = at == NULL ? 0 : strtod(at + strlen("used_memory:"), NULL);
	return at != NULL;
}

static double memory(struct bed *b)
{
	struct resp_command c = {.count = 0};
	struct redis_trouble why;
	double bytes = 0;

	resp_puts(&c, "INFO");
	resp_puts(&c, "memory");
	(void)redis_pool_call(
	    b->pool, &c, ANSWER, clock_monotonic() + USEC_PER_SEC, read_memory, &bytes, &why);
	resp_forget(&c);
	return bytes;
}

static int measure_redis(const struct redis_server *server)
{
	const struct shared_options o = {
	    .pool = {.servers = server, .count = 1, .connections = 1},
	    .prefix = "bench",
	    .timeout = 2 * USEC_PER_SEC,
	    .retry = USEC_PER_SEC,
	    .hosts = 1,
	};
	const struct shared_bans_hooks none = {.may = NULL};
	struct bed b;
	char error[STORE_ERROR_MAX];
	double before, after, cost, floor;
	int keys = bench_is_short() ? SHORT_KEYS : REDIS_KEYS;

	/* A debt that lasts: a key that owes nothing any more is gone. */
	if (!setup(&b, (uint64_t)keys) || !gcra_make(1000, 86400 * USEC_PER_SEC, 0, &b.rate) ||
	    !store_share(b.store, &o, error))
		return EXIT_INTERNAL;
	store_share_start(b.store, &none);
	b.pool = redis_pool_new(&o.pool);
	before = memory(&b);
	for (int i = 0; i < keys / LIMITS; i++)
		charge(&b, (uint64_t)i);
	after = memory(&b);
	cost = best_of(&b, charge, REDIS_STEPS);
	floor = best_of(&b, set, REDIS_STEPS);
	printf("\nover Redis, %d keys: charge of 4 %.0f ns, plain SET %.0f ns, ratio %.2f; "
	       "%.0f bytes a key there\n",
	    keys, cost, floor, cost / floor, (after - before) / keys);
	redis_pool_free(&b.pool);
	free(b.plain);
	store_close(&b.store);
	return before > 0 && after > before ? EXIT_OK : EXIT_INTERNAL;
}

static int over_redis(void)
{
	struct redis_server server = {.path = path};
	pid_t pid = start_server();
	int code;

	if (pid <= 0) {
		printf("\nover Redis: not measured, as there is no redis-server here\n");
		return EXIT_OK;
	}
	code = measure_redis(&server);
	stop_server(pid);
	return code;
}

int main(void)
{
	static const uint64_t counts[] = {1000, 10000, 100000, 1000000};
	struct store_usage u;
	struct bed b;

	printf("keys     charge of 4  plain  ratio  bytes a slot\n");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		double cost, floor;

		if (!setup(&b, counts[i]))
			return EXIT_INTERNAL;
		floor = best_of(&b, increment, STEPS);
		cost = best_of(&b, charge, STEPS);
		store_usage(b.store, &u);
		printf("%-8llu %8.0f ns %3.0f ns  %5.2f  %.1f\n", (unsigned long long)counts[i],
		    cost, floor, cost / floor, (double)u.bytes / (double)u.slots);
		free(b.plain);
		store_close(&b.store);
	}
	return over_redis();
}
