/*
 * The local store: charges, refunds, threads, processes that are killed, floods, damaged files.
 * COUNT (in the environment) makes the long tests longer: 200 kills, ten million keys.
 */
#include "../lib/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/random.h"
#include "base/log.h"
#include "limit/store.h"
#include "limit/store_file.h"

static char dir[64];
static struct boot host; /* what the clocks say, in tests that set them */

static void read_host(struct boot *out)
{
	*out = host;
}

static void pass(usec_t time)
{
	host.uptime += time;
	host.wall += time;
}

static void reboot(usec_t down)
{
	host.id[0]++;
	host.uptime = 5 * USEC_PER_SEC;
	host.wall += down;
}

static unsigned long count_of(unsigned long usual, unsigned long full)
{
	const char *text = getenv("COUNT");

	return text != NULL && strcmp(text, "full") == 0 ? full : usual;
}

static struct store *open_store(uint64_t slots, bool on_disk, bool fake_clock)
{
	struct store_options o = {.dir = on_disk ? dir : NULL,
	    .slots = slots,
	    .read_boot = fake_clock ? read_host : NULL};
	char error[STORE_ERROR_MAX];
	struct store *s = store_open(&o, error);

	if (s == NULL)
		fail_msg("%s", error);
	return s;
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	host = (struct boot){{1}, 1000 * USEC_PER_SEC, 1795489200 * USEC_PER_SEC};
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

static int told = -1; /* standard error, while the log is not wanted */

static void quiet(void)
{
	int fd = open("/dev/null", O_WRONLY);

	told = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static int teardown(void **state)
{
	(void)state;
	if (told >= 0) {
		dup2(told, STDERR_FILENO);
		close(told);
		told = -1;
	}
	unlink(path_of(STORE_FILE_NAME));
	unlink(path_of(STORE_ASIDE_NAME));
	unlink(path_of(STORE_FILE_NAME ".new"));
	return rmdir(dir);
}

static struct gcra per_day(uint64_t count)
{
	struct gcra g = {0, 0};

	assert_true(gcra_make(count, 86400 * USEC_PER_SEC, 0, &g));
	return g;
}

static struct store_item item(const char *limit, uint64_t count, const char *key, uint64_t units)
{
	return (struct store_item){.limit = store_limit_id(limit, 1),
	    .rate = per_day(count),
	    .key = key,
	    .key_len = strlen(key),
	    .units = units};
}

static bool charge(struct store *s, const char *limit, uint64_t count, const char *key)
{
	struct store_item it = item(limit, count, key, 1);

	return store_charge(s, &it, 1, store_now(s));
}

static uint64_t owed(struct store *s, const char *limit, uint64_t count, const char *key)
{
	struct store_item it = item(limit, count, key, 0);

	store_charge(s, &it, 1, store_now(s));
	return it.exceeded ? it.owed - 1 : it.owed;
}

/* --- what is charged --- */

static void together_or_not_at_all(void **state)
{
	struct store *s = open_store(1024, false, true);
	struct store_item items[3] = {
	    item("a", 5, "k", 1), item("b", 3, "k", 1), item("c", 2, "k", 1)};

	(void)state;
	items[2].soft = true;
	for (unsigned i = 0; i < 3; i++)
		assert_true(store_charge(s, items, 3, store_now(s)));
	/* c was exceeded at the third and not charged for it. */
	assert_true(items[2].exceeded);
	assert_int_equal(items[2].owed, 3);
	assert_int_equal(items[2].receipt.tag, 0);
	assert_false(store_charge(s, items, 3, store_now(s)));
	assert_false(items[0].exceeded);
	assert_true(items[1].exceeded);
	assert_int_equal(items[1].owed, 4);
	assert_int_equal(owed(s, "a", 5, "k"), 3);
	assert_int_equal(owed(s, "b", 3, "k"), 3);
	assert_int_equal(owed(s, "c", 2, "k"), 2);
	assert_int_equal(owed(s, "a", 5, "other"), 0);
	store_close(&s);
}

static void refunds(void **state)
{
	struct store *s = open_store(1024, false, true);
	struct store_item it = item("a", 5, "k", 4);
	struct gcra_credit c = {0, 0};

	(void)state;
	assert_true(store_charge(s, &it, 1, store_now(s)));
	gcra_credit_add(&c, &it.rate, 4, store_now(s));
	store_refund(s, &it.receipt, gcra_credit_take(&c, &it.rate, 3, store_now(s)), store_now(s));
	assert_int_equal(owed(s, "a", 5, "k"), 1);
	store_refund(s, &it.receipt, gcra_credit_take_all(&c, store_now(s)), store_now(s));
	store_refund(s, &it.receipt, gcra_credit_take_all(&c, store_now(s)), store_now(s));
	pass(1);
	assert_int_equal(owed(s, "a", 5, "k"), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_true(charge(s, "a", 5, "k"));
	assert_false(charge(s, "a", 5, "k"));
	store_close(&s);
}

static void keys_of_any_length(void **state)
{
	struct store *s = open_store(1024, false, true);
	char *key = calloc(1, 2000);

	(void)state;
	assert_non_null(key);
	for (size_t len = 0; len < 2000; len += 1 + len / 4) {
		struct store_item it = item("a", 1, "", 1);

		memset(key, 'k', len);
		it.key = key;
		it.key_len = len;
		assert_true(store_charge(s, &it, 1, store_now(s)));
		assert_false(store_charge(s, &it, 1, store_now(s)));
	}
	free(key);
	store_close(&s);
}

/* --- what outlives what --- */

static void it_outlives_the_process(void **state)
{
	struct store *s = open_store(1024, true, true);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(charge(s, "a", 5, "k"));
	store_close(&s);
	pass(60 * USEC_PER_SEC);
	host.wall += 365 * 86400 * USEC_PER_SEC; /* the wall clock steps */
	s = open_store(1024, true, true);
	assert_int_equal(owed(s, "a", 5, "k"), 3);
	host.wall -= 2 * 365 * 86400 * USEC_PER_SEC;
	assert_int_equal(owed(s, "a", 5, "k"), 3);
	store_tick(s);
	store_close(&s);
	reboot(86400 * USEC_PER_SEC / 5);
	s = open_store(1024, true, true);
	assert_int_equal(owed(s, "a", 5, "k"), 2);
	store_tick(s);
	store_close(&s);
	reboot(-100 * 86400 * USEC_PER_SEC);
	s = open_store(1024, true, true);
	assert_int_equal(owed(s, "a", 5, "k"), 2);
	assert_true(charge(s, "a", 5, "k"));
	store_close(&s);
	assert_int_equal(access(path_of(STORE_ASIDE_NAME), F_OK), -1);
}

static void it_changes_its_size(void **state)
{
	/* It does not become too small for what it holds. */
	static const uint64_t sizes[] = {65536, 4096, 1024, 2048, 262144};
	struct store *s = open_store(16384, true, true);
	char key[16];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_true(charge(s, "a", 2, key));
		assert_true(charge(s, "a", 2, key));
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		store_close(&s);
		s = open_store(sizes[i], true, true);
		for (unsigned k = 0; k < 500; k++) {
			snprintf(key, sizeof(key), "k%u", k);
			if (charge(s, "a", 2, key))
				fail_msg("%s was forgotten at %llu slots", key,
				    (unsigned long long)sizes[i]);
		}
	}
	store_close(&s);
}

/* --- threads and processes --- */

enum { THREADS = 4, KEYS = 3000, BURST = 5000 };

struct crowd {
	struct store *s;
	atomic_uint hot, once;
};

/* All ask for the same things: one key again and again, many keys once each. */
static void *ask(void *arg)
{
	struct crowd *c = arg;
	unsigned hot = 0, once = 0;
	char key[16];

	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		hot += charge(c->s, "hot", BURST, "hot");
		hot += charge(c->s, "hot", BURST, "hot");
		once += charge(c->s, "once", 1, key);
	}
	atomic_fetch_add(&c->hot, hot);
	atomic_fetch_add(&c->once, once);
	return NULL;
}

/*
 * Never more than the limits. A thread that can't have a lock in time charges what its key shares
 * with others, of whom one may then be refused for nothing: a few, on a host that is very busy.
 */
static void judge(const struct crowd *c)
{
	assert_int_equal(c->hot, BURST);
	assert_in_range(c->once, KEYS - KEYS / 100, KEYS);
}

static void threads(void **state)
{
	struct crowd c = {.s = open_store(16384, false, true)};
	pthread_t all[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&all[i], NULL, ask, &c), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(all[i], NULL);
	judge(&c);
	store_close(&c.s);
}

static void processes(void **state)
{
	struct crowd *c =
	    mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t all[THREADS];
	int status;

	(void)state;
	assert_ptr_not_equal(c, MAP_FAILED);
	c->s = open_store(16384, true, true);
	for (unsigned i = 0; i < THREADS; i++) {
		all[i] = fork();
		if (all[i] == 0) {
			ask(c);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < THREADS; i++) {
		waitpid(all[i], &status, 0);
		assert_int_equal(status, 0);
	}
	judge(c);
	store_close(&c->s);
	munmap(c, sizeof(*c));
}

/* So slow that nothing is paid within the test, with room for all. */
static bool charge_shared(struct store *s, uint64_t units, uint64_t *owed_now)
{
	struct store_item it = item("a", 1, "shared", units);
	bool ok;

	assert_true(gcra_make(1, 100 * USEC_PER_SEC, 3000000, &it.rate));
	ok = store_charge(s, &it, 1, store_now(s));
	*owed_now = it.owed;
	return ok;
}

/* Charges until it is killed, and says of each charge that it was made. */
_Noreturn static void charge_for_ever(struct store *s, atomic_ulong *acknowledged, unsigned who)
{
	uint64_t ignored;
	char key[40];

	for (unsigned i = 0;; i++) {
		if (charge_shared(s, 1, &ignored))
			atomic_fetch_add(acknowledged, 1);
		/* Debts of a tenth of a millisecond: slots are given away all the time. */
		snprintf(key, sizeof(key), "%u.%u", who, i);
		charge(s, "b", 864000000, key);
	}
}

enum { WORKERS = 2 };

static void work_and_be_killed(struct store *s, atomic_ulong *done, unsigned round, long nsec)
{
	struct timespec nap = {0, nsec};
	pid_t pids[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			charge_for_ever(s, done, round * WORKERS + i);
	}
	nanosleep(&nap, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		kill(pids[i], SIGKILL);
	for (unsigned i = 0; i < WORKERS; i++)
		waitpid(pids[i], NULL, 0);
}

/*
 * No acknowledged charge is lost, and at most one event a worker was charged and not acknowledged.
 */
static void killed(void **state)
{
	const unsigned long rounds = count_of(15, 200);
	atomic_ulong *done =
	    mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t r = 7, before = 0, now;
	char key[40];

	(void)state;
	assert_ptr_not_equal(done, MAP_FAILED);
	for (unsigned round = 0; round < rounds; round++) {
		struct store *s = open_store(16384, true, false);

		atomic_store(done, 0);
		work_and_be_killed(s, done, round, 1000000 + (long)random_below(&r, 20000000));
		store_close(&s);
		s = open_store(16384, true, false);
		charge_shared(s, 0, &now);
		if (now < before + *done || now > before + *done + WORKERS)
			fail_msg("round %u: %llu are charged, %llu were before, %lu acknowledged",
			    round, (unsigned long long)now, (unsigned long long)before, *done);
		if (now > 2900000)
			break;
		before = now;
		/* What the killed left behind stops nobody. */
		for (unsigned i = 0; i < 1000; i++) {
			snprintf(key, sizeof(key), "%u,%u", round, i);
			assert_true(charge(s, "b", 864000000, key));
		}
		store_close(&s);
	}
	munmap(done, sizeof(*done));
}

/* A lock whose holder is gone is taken over; one whose holder stands still is gone around. */
static void a_lock_that_is_held(void **state)
{
	struct store *s = open_store(1024, false, true);
	const struct table *t = store_table(s);
	uint64_t ms = (uint64_t)store_now(s) / 1000000;

	(void)state;
	for (unsigned i = 0; i < TABLE_STRIPES; i++)
		t->stripes[i] = (uint64_t)0x3fffff << 42 | ms; /* no process has this id */
	assert_true(charge(s, "a", 1, "k"));
	assert_false(charge(s, "a", 1, "k"));
	for (unsigned i = 0; i < TABLE_STRIPES; i++)
		t->stripes[i] = (uint64_t)getpid() << 42 | ms;
	assert_true(charge(s, "a", 1, "l"));
	assert_false(charge(s, "a", 1, "l"));
	pass(11 * USEC_PER_SEC);
	/* Now it is taken for dead; what it kept homeless is not free to begin again. */
	assert_false(charge(s, "a", 1, "l"));
	store_close(&s);
}

/* --- floods --- */

static unsigned admitted_of(
    struct store *s, const char *limit, uint64_t count, const char *key, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += charge(s, limit, count, key);
	return n;
}

static void a_flood_washes_nothing_out(void **state)
{
	const unsigned long flood = count_of(300000, 10000000);
	struct store *s = open_store(count_of(16384, 1048576), false, true);
	unsigned victims = 100, late = 0;
	struct store_usage usage;
	char key[40];

	(void)state;
	for (unsigned i = 0; i < victims; i++) {
		snprintf(key, sizeof(key), "victim%u", i);
		assert_int_equal(admitted_of(s, "account", 10, key, 11), 10);
	}
	for (unsigned long i = 0; i < flood; i++) {
		snprintf(key, sizeof(key), "flood%lu", i);
		charge(s, "client", 5, key);
		if (i % (flood / 50) == 0)
			for (unsigned v = 0; v < victims; v++) {
				snprintf(key, sizeof(key), "victim%u", v);
				if (charge(s, "account", 10, key))
					fail_msg("%s is free after %lu keys", key, i);
			}
	}
	store_usage(s, &usage);
	assert_true(usage.live >= usage.slots - usage.slots / 20);
	/* Who comes when all is full gets no more than his burst, whether he has a slot or not. */
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "late%u", i);
		late += admitted_of(s, "account", 10, key, 12);
	}
	assert_true(late <= 10 * 1000);
	/* And none again when slots become free: they begin with what was owed. */
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "late%u", i);
		late += admitted_of(s, "account", 10, key, 12);
	}
	assert_true(late <= 10 * 1000);
	store_close(&s);
}

/* A homeless key that finds a slot later has no second burst. */
static void no_second_burst(void **state)
{
	struct store *s = open_store(1024, false, true);
	char key[40];

	(void)state;
	/* Short debts fill the table. */
	for (unsigned i = 0; i < 20000; i++) {
		struct store_item it;

		snprintf(key, sizeof(key), "f%u", i);
		it = item("short", 1, key, 1);
		assert_true(gcra_make(1, 60 * USEC_PER_SEC, 0, &it.rate));
		store_charge(s, &it, 1, store_now(s));
	}
	for (unsigned i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_true(admitted_of(s, "day", 100, key, 100) <= 100);
	}
	pass(61 * USEC_PER_SEC);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		if (admitted_of(s, "day", 100, key, 100) > 0)
			fail_msg("%s has a second burst", key);
	}
	store_close(&s);
}

/* Eight homeless threads ask for one key while slots become free. */
static void *ask_for_one(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; i < 2000; i++)
		atomic_fetch_add(&c->hot, charge(c->s, "hot", 1000, "one"));
	return NULL;
}

static void *make_room(void *arg)
{
	struct crowd *c = arg;
	const struct table *t = store_table(c->s);

	for (uint64_t i = 0; i < t->sets * TABLE_WAYS; i++) {
		uint64_t seen = t->slots[i].word;

		/* As if its time had come, unless it is of the key in question. */
		if (word_is_time(seen) &&
		    t->slots[i].tag != store_tag(c->s, store_limit_id("hot", 1), "one", 3))
			atomic_compare_exchange_strong(&t->slots[i].word, &seen, 1);
	}
	return NULL;
}

static void a_home_is_found(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		struct crowd c = {.s = open_store(1024, false, true)};
		pthread_t all[THREADS + 1];
		char key[40];

		for (unsigned i = 0; i < 5000; i++) {
			snprintf(key, sizeof(key), "f%u", i);
			charge(c.s, "x", 1, key);
		}
		for (unsigned i = 0; i <= THREADS; i++)
			pthread_create(&all[i], NULL, i == THREADS ? make_room : ask_for_one, &c);
		for (unsigned i = 0; i <= THREADS; i++)
			pthread_join(all[i], NULL);
		assert_true(c.hot <= 1000);
		store_close(&c.s);
	}
}

/* --- the file --- */

static unsigned char *read_file(size_t *size)
{
	int fd = open(path_of(STORE_FILE_NAME), O_RDONLY);
	unsigned char *bytes;
	struct stat st;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*size = (size_t)st.st_size;
	bytes = malloc(*size);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *size), *size);
	close(fd);
	return bytes;
}

static void write_file(const unsigned char *bytes, size_t size)
{
	int fd = open(path_of(STORE_FILE_NAME), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void poke(size_t at, unsigned char byte)
{
	int fd = open(path_of(STORE_FILE_NAME), O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* Opens it, whatever is in it; what is charged then must hold. */
static bool opens_and_works(void)
{
	bool aside;
	struct store *s;

	unlink(path_of(STORE_ASIDE_NAME));
	s = open_store(1024, true, true);
	admitted_of(s, "new", 3, "n", 3);
	if (charge(s, "new", 3, "n"))
		fail_msg("no limit holds");
	store_close(&s);
	aside = access(path_of(STORE_ASIDE_NAME), F_OK) == 0;
	return !aside;
}

/* Every byte of the first page, and many behind it. */
static void flipped(void **state)
{
	const size_t clock = sizeof(uint64_t) * 5 + BOOT_ID_SIZE;
	struct store *s = open_store(1024, true, true);
	unsigned char *good;
	uint64_t r = 3;
	size_t size, accepted = 0;

	(void)state;
	quiet();
	charge(s, "a", 5, "k");
	store_tick(s);
	store_close(&s);
	good = read_file(&size);
	assert_int_equal(size, store_file_size(1024 / TABLE_WAYS));
	for (size_t i = 0; i < STORE_PAGE; i++) {
		struct store_head h;
		unsigned char page[STORE_PAGE];

		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(page, good, STORE_PAGE);
			page[i] ^= (unsigned char)(1U << bit);
			accepted += store_head_read(page, size, &h) == NULL;
		}
	}
	/* One clock of the two may be damaged, and nothing else. */
	assert_int_equal(accepted, 2 * 8 * clock);
	for (size_t i = 0; i < STORE_PAGE; i += count_of(41, 1)) {
		write_file(good, size);
		poke(i, good[i] ^ 0x10);
		opens_and_works();
	}
	for (unsigned long i = 0; i < count_of(100, 5000); i++) {
		size_t at = STORE_PAGE + random_below(&r, (uint32_t)(size - STORE_PAGE));

		write_file(good, size);
		for (unsigned k = 0; k < 20; k++, at = (at + 4093) % (size - STORE_PAGE))
			poke(STORE_PAGE + at % (size - STORE_PAGE),
			    (unsigned char)random_below(&r, 256));
		if (!opens_and_works())
			fail_msg("a byte at %zu makes all else be forgotten", at);
	}
	free(good);
}

static void cut(void **state)
{
	struct store *s = open_store(1024, true, true);
	unsigned char *good;
	size_t size;

	(void)state;
	quiet();
	store_close(&s);
	good = read_file(&size);
	for (size_t i = 0; i < size; i += i < STORE_PAGE + 64 ? count_of(97, 1) : 65521) {
		write_file(good, i);
		if (opens_and_works())
			fail_msg("a file cut to %zu bytes is taken for whole", i);
	}
	free(good);
}

static void foreign(void **state)
{
	static const char *const texts[] = {"", "x", "SQLite format 3", "relay-guard lim"};
	unsigned char page[STORE_PAGE];
	struct store_head h;

	(void)state;
	quiet();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file((const unsigned char *)texts[i], strlen(texts[i]));
		assert_false(opens_and_works());
	}
	/* What is no file. */
	unlink(path_of(STORE_FILE_NAME));
	assert_int_equal(symlink("/etc/passwd", path_of(STORE_FILE_NAME)), 0);
	assert_false(opens_and_works());
	unlink(path_of(STORE_FILE_NAME));
	assert_int_equal(mkfifo(path_of(STORE_FILE_NAME), 0600), 0);
	assert_false(opens_and_works());
	/* Another format says so. */
	h = (struct store_head){.sets = 128, .clock_number = 1};
	store_head_write(page, &h);
	assert_null(store_head_read(page, store_file_size(128), &h));
	page[16]++;
	assert_string_equal(store_head_read(page, store_file_size(128), &h), "of a newer format");
	page[16] -= 2;
	assert_string_equal(store_head_read(page, store_file_size(128), &h), "of an older format");
}

/* A time that no charge can have made locks nobody out. */
static void impossible_times(void **state)
{
	struct store *s = open_store(1024, true, true);
	const struct table *t = store_table(s);
	uint64_t seen;

	(void)state;
	assert_true(charge(s, "a", 2, "k"));
	table_find(t, store_tag(s, store_limit_id("a", 1), "k", 1), store_now(s), &seen)->word |=
	    (uint64_t)1 << 61;
	assert_false(charge(s, "a", 2, "k"));
	pass(12 * 3600 * USEC_PER_SEC);
	assert_true(charge(s, "a", 2, "k"));
	table_find(t, store_tag(s, store_limit_id("a", 1), "k", 1), store_now(s), &seen)->word |=
	    (uint64_t)1 << 61;
	store_close(&s);
	s = open_store(1024, true, true);
	assert_int_equal(owed(s, "a", 2, "k"), 0);
	store_close(&s);
}

/* KiB of the table that are resident in this process. */
static unsigned long resident(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long kib = 0, n;
	bool inside = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strchr(line, '-') != NULL && strchr(line, ':') != NULL && line[0] != 'V')
			inside = strstr(line, STORE_FILE_NAME) != NULL;
		if (inside && sscanf(line, "Rss: %lu", &n) == 1)
			kib += n;
	}
	fclose(f);
	return kib;
}

/* 16 MiB of slots are not kept in the memory of who has looked through them. */
static void what_is_not_used_is_not_resident(void **state)
{
	struct store *s = open_store(1048576, true, true);
	struct store_usage usage;

	(void)state;
	assert_in_range(resident(), 0, 1024);
	assert_true(charge(s, "a", 1, "k"));
	assert_in_range(resident(), 1, 1024);
	store_usage(s, &usage);
	assert_int_equal(usage.live, 1);
	assert_in_range(resident(), 0, 1024);
	assert_false(charge(s, "a", 1, "k"));
	store_close(&s);
}

static void no_directory(void **state)
{
	struct store_options o = {.dir = "/nowhere/at/all", .slots = 1024};
	char error[STORE_ERROR_MAX];

	(void)state;
	assert_null(store_open(&o, error));
	assert_string_equal(error,
	    "/nowhere/at/all/limits.table: the state directory can't be opened: "
	    "No such file or directory");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(together_or_not_at_all),
	    ROW(refunds),
	    ROW(keys_of_any_length),
	    ROW(it_outlives_the_process),
	    ROW(it_changes_its_size),
	    ROW(threads),
	    ROW(processes),
	    ROW(killed),
	    ROW(a_lock_that_is_held),
	    ROW(a_flood_washes_nothing_out),
	    ROW(no_second_burst),
	    ROW(a_home_is_found),
	    ROW(impossible_times),
	    ROW(what_is_not_used_is_not_resident),
	    ROW(no_directory),
	    ROW(flipped),
	    ROW(cut),
	    ROW(foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
