#include "limit/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* --- the first page ----------------------------------------------------------- */

static const size_t clock_at = 1024, clock_step = 1024;

enum { HEAD_SIZE = 1024 };

static const char magic[16] = "relay-guard lim";

struct head_on_disk {
	char magic[16];
	uint32_t format;
	uint32_t order; /* of bytes: 0x01020304 */
	uint64_t size;
	uint64_t sets;
	uint32_t ways, stripes, classes, sets_per_cell, bans, ban_size;
	uint64_t secret[2];
	uint64_t sum; /* of the first HEAD_SIZE bytes, this one being 0 */
};

struct clock_on_disk {
	uint64_t number;
	int64_t table, uptime, wall;
	uint8_t boot[BOOT_ID_SIZE];
	uint64_t sum;
};

static const struct siphash_key sum_key = {1, 2};

static uint64_t head_sum(const unsigned char page[STORE_PAGE])
{
	unsigned char copy[HEAD_SIZE];

	memcpy(copy, page, HEAD_SIZE);
	memset(copy + offsetof(struct head_on_disk, sum), 0, sizeof(uint64_t));
	return siphash(&sum_key, copy, HEAD_SIZE);
}

static uint64_t clock_sum(const struct clock_on_disk *c)
{
	return siphash(&sum_key, c, offsetof(struct clock_on_disk, sum));
}

static size_t clock_place(uint64_t number)
{
	return clock_at + (size_t)(number % 2) * clock_step;
}

uint64_t store_file_size(uint64_t sets)
{
	return STORE_PAGE + sizeof(shared_word) * (TABLE_STRIPES + table_cells(sets)) +
	       (uint64_t)STORE_BANS * STORE_BAN_SIZE +
	       sets * TABLE_WAYS * sizeof(struct table_slot);
}

static bool is_zero(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* Takes the clock at `place` over when it is whole and newer. */
static void read_clock(const unsigned char *page, size_t place, struct store_head *out)
{
	struct clock_on_disk c;

	memcpy(&c, page + place, sizeof(c));
	if (c.number == 0 || clock_place(c.number) != place || c.sum != clock_sum(&c) ||
	    c.number <= out->clock_number)
		return;
	out->clock_number = c.number;
	out->clock.table = c.table;
	out->clock.boot.uptime = c.uptime;
	out->clock.boot.wall = c.wall;
	memcpy(out->clock.boot.id, c.boot, BOOT_ID_SIZE);
}

/* Centuries: far enough that no sum of them overflows. */
static bool is_sane_time(int64_t t, int64_t unit)
{
	return t >= 0 && t / unit < INT64_C(6000000000);
}

static bool is_sane_clock(const struct tabletime *c)
{
	return is_sane_time(c->table, NSEC_PER_SEC) && is_sane_time(c->boot.uptime, USEC_PER_SEC) &&
	       is_sane_time(c->boot.wall, USEC_PER_SEC);
}

static bool same_shape(const struct head_on_disk *h)
{
	return h->ways == TABLE_WAYS && h->stripes == TABLE_STRIPES &&
	       h->classes == TABLE_CLASSES && h->sets_per_cell == TABLE_SETS_PER_CELL &&
	       h->bans == STORE_BANS && h->ban_size == STORE_BAN_SIZE;
}

const char *store_head_read(
    const unsigned char page[STORE_PAGE], uint64_t size, struct store_head *out)
{
	const size_t clock_end = clock_step - sizeof(struct clock_on_disk);
	struct head_on_disk h;

	memset(out, 0, sizeof(*out));
	memcpy(&h, page, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0)
		return "no table of limits";
	if (h.order != 0x01020304)
		return "from a machine with another order of bytes";
	if (h.format != STORE_FORMAT)
		return h.format < STORE_FORMAT ? "of an older format" : "of a newer format";
	if (h.sum != head_sum(page))
		return "damaged: the sum of its head is wrong";
	if (!same_shape(&h) || h.sets == 0 || (h.sets & (h.sets - 1)) != 0 ||
	    h.sets > STORE_SLOTS_MAX / TABLE_WAYS || h.size != store_file_size(h.sets))
		return "damaged: its head makes no sense";
	if (size != h.size)
		return size < h.size ? "cut short" : "longer than it should be";
	if (!is_zero(page + clock_at + sizeof(struct clock_on_disk), clock_end) ||
	    !is_zero(page + clock_at + clock_step + sizeof(struct clock_on_disk),
		clock_end + STORE_PAGE - clock_at - 2 * clock_step))
		return "damaged: there is something where nothing should be";
	out->sets = h.sets;
	out->secret = (struct siphash_key){h.secret[0], h.secret[1]};
	read_clock(page, clock_place(0), out);
	read_clock(page, clock_place(1), out);
	if (out->clock_number == 0 || !is_sane_clock(&out->clock))
		return "damaged: it has no clock that is whole";
	return NULL;
}

void store_head_record(unsigned char *page, uint64_t number, const struct tabletime *clock)
{
	struct clock_on_disk c = {
	    .number = number,
	    .table = clock->table,
	    .uptime = clock->boot.uptime,
	    .wall = clock->boot.wall,
	};

	memcpy(c.boot, clock->boot.id, BOOT_ID_SIZE);
	c.sum = clock_sum(&c);
	memcpy(page + clock_place(number), &c, sizeof(c));
}

void store_head_write(unsigned char page[STORE_PAGE], const struct store_head *h)
{
	struct head_on_disk d = {
	    .format = STORE_FORMAT,
	    .order = 0x01020304,
	    .size = store_file_size(h->sets),
	    .sets = h->sets,
	    .ways = TABLE_WAYS,
	    .stripes = TABLE_STRIPES,
	    .classes = TABLE_CLASSES,
	    .sets_per_cell = TABLE_SETS_PER_CELL,
	    .bans = STORE_BANS,
	    .ban_size = STORE_BAN_SIZE,
	    .secret = {h->secret.k0, h->secret.k1},
	};

	memcpy(d.magic, magic, sizeof(magic));
	memset(page, 0, STORE_PAGE);
	memcpy(page, &d, sizeof(d));
	d.sum = head_sum(page);
	memcpy(page, &d, sizeof(d));
	store_head_record(page, h->clock_number, &h->clock);
}

/* --- mapping -------------------------------------------------------------------- */

static bool fail(char error[STORE_ERROR_MAX], const char *dir, const char *what)
{
	snprintf(
	    error, STORE_ERROR_MAX, "%s/%s: %s: %s", dir, STORE_FILE_NAME, what, strerror(errno));
	return false;
}

static void place_views(struct store_map *m, uint64_t sets)
{
	const size_t words = TABLE_STRIPES + (size_t)table_cells(sets);
	unsigned char *behind = m->base + STORE_PAGE + words * sizeof(shared_word);

	m->table.sets = sets;
	m->table.stripes = (shared_word *)(void *)(m->base + STORE_PAGE);
	m->table.cells = m->table.stripes + TABLE_STRIPES;
	m->bans = behind;
	m->table.slots =
	    (struct table_slot *)(void *)(behind + (size_t)STORE_BANS * STORE_BAN_SIZE);
}

/* `fd` -1: memory. */
static bool map_it(int fd, uint64_t sets, struct store_map *m)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *base;

	m->size = (size_t)store_file_size(sets);
	base = mmap(NULL, m->size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED)
		return false;
	m->base = base;
	place_views(m, sets);
	return true;
}

/* --- a new file -------------------------------------------------------------------- */

static bool new_head(uint64_t sets, const struct boot *now, struct store_head *h)
{
	uint64_t secret[2];

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return false;
	*h = (struct store_head){.sets = sets,
	    .secret = {secret[0], secret[1]},
	    .clock = {.boot = *now},
	    .clock_number = 2};
	h->clock.table = now->uptime * NSEC_PER_USEC + tabletime_offset(NULL, now);
	return true;
}

/* A file without holes: a hole that can't be filled is a crash in whoever writes to it. */
static int make_file(int dir, const char *name, const struct store_head *h)
{
	unsigned char page[STORE_PAGE];
	int fd, error;

	unlinkat(dir, name, 0);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	store_head_write(page, h);
	error = posix_fallocate(fd, 0, (off_t)store_file_size(h->sets));
	if (error == 0 && pwrite(fd, page, sizeof(page), 0) != (ssize_t)sizeof(page))
		error = errno == 0 ? EIO : errno;
	if (error == 0)
		return fd;
	close(fd);
	unlinkat(dir, name, 0);
	errno = error;
	return -1;
}

static const char new_name[] = STORE_FILE_NAME ".new";

/* Makes the file beside, fills it from `old` (may be NULL), and puts it in place. */
static bool replace(int dir, const struct store_head *h, const struct store_map *old, nsec_t now,
    struct store_map *map)
{
	int fd = make_file(dir, new_name, h), error = 0;

	if (fd < 0)
		return false;
	if (!map_it(fd, h->sets, map)) {
		error = errno;
		close(fd);
		errno = error;
		return false;
	}
	if (old != NULL) {
		memcpy(map->bans, old->bans, (size_t)STORE_BANS * STORE_BAN_SIZE);
		error = table_copy(&map->table, &old->table, now) ? 0 : ENOSPC;
	}
	if (error == 0 && (fsync(fd) != 0 || renameat(dir, new_name, dir, STORE_FILE_NAME) != 0))
		error = errno;
	close(fd);
	if (error == 0)
		return true;
	unlinkat(dir, new_name, 0);
	munmap(map->base, map->size);
	errno = error;
	return false;
}

/* --- the file that is there ------------------------------------------------------------ */

enum found { FOUND_NONE, FOUND_GOOD, FOUND_BAD, FOUND_ERROR };

/* Reads and judges it; *fd is open when it is good. */
static enum found find_file(int dir, struct store_head *h, int *fd, const char **why)
{
	unsigned char page[STORE_PAGE];
	struct stat st;
	ssize_t n;

	*why = "no regular file";
	*fd = openat(dir, STORE_FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0 && errno == ENOENT)
		return FOUND_NONE;
	if (*fd < 0)
		return errno == ELOOP || errno == EISDIR || errno == ENXIO ? FOUND_BAD
		                                                           : FOUND_ERROR;
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
		n = pread(*fd, page, sizeof(page), 0);
		*why = n == (ssize_t)sizeof(page) ? store_head_read(page, (uint64_t)st.st_size, h)
		                                  : "cut short";
		if (*why == NULL && posix_fallocate(*fd, 0, st.st_size) == 0)
			return FOUND_GOOD;
	}
	close(*fd);
	return *why == NULL ? FOUND_ERROR : FOUND_BAD;
}

static bool put_aside(const struct store_options *o, int dir, const char *why)
{
	if (renameat(dir, STORE_FILE_NAME, dir, STORE_ASIDE_NAME) != 0)
		return false;
	log_error("%s/%s: it is %s; it was renamed to %s, and all limits begin anew", o->dir,
	    STORE_FILE_NAME, why, STORE_ASIDE_NAME);
	return true;
}

static bool make_anew(
    int dir, uint64_t sets, const struct boot *now, struct store_map *map, struct store_head *head)
{
	return new_head(sets, now, head) && replace(dir, head, NULL, 0, map);
}

/* Where that fails, the table stays as large as it is. */
static void resize(
    int dir, uint64_t sets, const struct boot *now, struct store_map *map, struct store_head *head)
{
	struct store_head wanted = *head;
	struct store_map larger = {0};
	nsec_t t = now->uptime * NSEC_PER_USEC + tabletime_offset(&head->clock, now);
	unsigned long long from = head->sets * TABLE_WAYS, to = sets * TABLE_WAYS;

	wanted.sets = sets;
	if (!replace(dir, &wanted, map, t, &larger)) {
		log_warning("%s: it stays at %llu slots and can't have %llu: %s", STORE_FILE_NAME,
		    from, to, errno == ENOSPC ? "that is too little room" : strerror(errno));
		return;
	}
	munmap(map->base, map->size);
	*map = larger;
	*head = wanted;
	log_notice("%s: it had %llu slots and has %llu", STORE_FILE_NAME, from, to);
}

static bool open_in(const struct store_options *o, int dir, uint64_t sets, const struct boot *now,
    struct store_map *map, struct store_head *head)
{
	const char *why;
	int fd = -1;
	bool ok;

	switch (find_file(dir, head, &fd, &why)) {
	case FOUND_ERROR:
		return false;
	case FOUND_BAD:
		return put_aside(o, dir, why) && make_anew(dir, sets, now, map, head);
	case FOUND_NONE:
		return make_anew(dir, sets, now, map, head);
	case FOUND_GOOD:
		break;
	}
	ok = map_it(fd, head->sets, map);
	close(fd);
	if (ok && head->sets != sets)
		resize(dir, sets, now, map, head);
	return ok;
}

/* Two masters that start at once must not both replace the file. */
static bool lock_dir(int dir)
{
	const struct timespec nap = {0, 50000000};

	for (unsigned i = 0; i < 100; i++) {
		if (flock(dir, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		nanosleep(&nap, NULL);
	}
	return false;
}

static uint64_t sets_for(uint64_t slots)
{
	uint64_t sets = STORE_SLOTS_MIN / TABLE_WAYS;

	while (sets * TABLE_WAYS < slots && sets * TABLE_WAYS < STORE_SLOTS_MAX)
		sets *= 2;
	return sets;
}

bool store_file_open(const struct store_options *o, const struct boot *now, struct store_map *map,
    struct store_head *head, char error[STORE_ERROR_MAX])
{
	uint64_t sets = sets_for(o->slots);
	bool ok;
	int dir;

	memset(map, 0, sizeof(*map));
	if (o->dir == NULL) {
		ok = new_head(sets, now, head) && map_it(-1, sets, map);
		if (ok)
			store_head_write(map->base, head);
		return ok || fail(error, "(memory)", "can't be mapped");
	}
	dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(error, o->dir, "the state directory can't be opened");
	ok = lock_dir(dir);
	if (!ok)
		fail(error, o->dir, "another process is opening it");
	else if (!(ok = open_in(o, dir, sets, now, map, head)))
		fail(error, o->dir, "can't be opened or made");
	close(dir);
	return ok;
}
