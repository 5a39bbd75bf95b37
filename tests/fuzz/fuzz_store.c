/*
 * The state file. Its first page: what is taken for one has a shape that can be mapped. The table:
 * whatever stands in it, limits hold and nobody is locked out for ever.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit/store.h"
#include "limit/store_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct boot host = {{1}, 1000 * USEC_PER_SEC, 1795489200 * USEC_PER_SEC};

static void read_host(struct boot *out)
{
	*out = host;
}

static void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void judge(const unsigned char *page, uint64_t size)
{
	struct store_head h;

	if (store_head_read(page, size, &h) != NULL)
		return;
	if (h.sets == 0 || (h.sets & (h.sets - 1)) != 0 || store_file_size(h.sets) != size ||
	    h.clock.table < 0)
		broken("a head");
	tabletime_offset(&h.clock, &host);
}

static void try_page(const uint8_t *data, size_t size)
{
	unsigned char page[STORE_PAGE] = {0};

	memcpy(page, data, size < STORE_PAGE ? size : STORE_PAGE);
	judge(page, store_file_size(128));
}

/* A good page with some bytes changed, three bytes of input each. */
static void try_changed(const uint8_t *data, size_t size)
{
	struct store_head h = {.sets = 128, .clock_number = 2, .clock = {1, host}};
	unsigned char page[STORE_PAGE];

	store_head_write(page, &h);
	for (; size >= 3; data += 3, size -= 3)
		page[(data[0] | data[1] << 8) % STORE_PAGE] = data[2];
	judge(page, store_file_size(128));
}

static unsigned charges(struct store *s, const char *key, unsigned tries)
{
	struct store_item it = {.limit = 5, .key = key, .key_len = strlen(key), .units = 1};
	unsigned n = 0;

	gcra_make(3, 60 * USEC_PER_SEC, 0, &it.rate);
	while (tries-- > 0)
		n += store_charge(s, &it, 1, store_now(s));
	return n;
}

/* Any words in the set of the key "k", which has one slot of them, or none. */
static void try_table(const uint8_t *data, size_t size)
{
	static struct store *s;
	struct store_options o = {.slots = STORE_SLOTS_MIN, .read_boot = read_host};
	char error[STORE_ERROR_MAX];
	const struct table *t;
	bool has_slot = false;
	uint64_t tag, word;
	unsigned first;

	if (s == NULL && (s = store_open(&o, error)) == NULL)
		abort();
	t = store_table(s);
	tag = store_tag(s, 5, "k", 1);
	for (unsigned i = 0; size >= 9 && i < TABLE_WAYS; i++, data += 9, size -= 9) {
		struct table_slot *slot = &t->slots[(tag & (t->sets - 1)) * TABLE_WAYS + i];

		memcpy(&word, data + 1, sizeof(word));
		slot->tag = (data[0] & 1) != 0 && !has_slot ? tag : tag + ((uint64_t)(i + 1) << 32);
		has_slot = has_slot || slot->tag == tag;
		slot->word = word;
	}
	table_clean(t, store_now(s), (size & 1) != 0);
	first = charges(s, "k", 5);
	if (first > 3 || charges(s, "k", 1) != 0)
		broken("a limit");
	host.uptime += 61 * USEC_PER_SEC;
	if (first != 0 && charges(s, "k", 4) != 3)
		broken("a key is locked out");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		try_page(data + 1, size - 1);
		break;
	case 1:
		try_changed(data + 1, size - 1);
		break;
	default:
		try_table(data + 1, size - 1);
		break;
	}
	return 0;
}
