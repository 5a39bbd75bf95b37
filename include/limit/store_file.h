/*
 * The file of the local store: how it is laid out, opened, checked and replaced. Only files of
 * this layer include this.
 *
 *     offset 0      the head: what never changes, with its sum
 *            1024   the clock, as of an even second     } each with its sum: one that was
 *            2048   the clock, as of an odd second      } being written is not believed
 *            4096   stripes, cells, bans, slots (limit/table.h)
 */
#ifndef LIMIT_STORE_FILE_H
#define LIMIT_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "limit/store.h"

enum {
	STORE_PAGE = 4096,
	STORE_FORMAT = 1,
	STORE_BANS = 4096,
	STORE_BAN_SIZE = 512,
};

/* What the first page says. */
struct store_head {
	uint64_t sets;
	struct siphash_key secret;
	struct tabletime clock; /* the last that was recorded whole */
	uint64_t clock_number;
};

/* The mapping, and where what is in it. */
struct store_map {
	unsigned char *base;
	size_t size;
	struct table table;
	void *bans;
};

/* The bytes of a file with so many sets. */
uint64_t store_file_size(uint64_t sets);

/*
 * Reads the first page of a file of `size` bytes. NULL: it is one; else what is wrong, in words,
 * for "it is WORDS".
 */
const char *store_head_read(
    const unsigned char page[STORE_PAGE], uint64_t size, struct store_head *out);

/* Writes the page, with the first clock. */
void store_head_write(unsigned char page[STORE_PAGE], const struct store_head *h);

/* Records a clock; the one before stays until this one is whole. */
void store_head_record(unsigned char *page, uint64_t number, const struct tabletime *clock);

/* Opens or makes the file, or maps memory. False with words in `error`. */
bool store_file_open(const struct store_options *o, const struct boot *now, struct store_map *map,
    struct store_head *head, char error[STORE_ERROR_MAX]);

#endif
