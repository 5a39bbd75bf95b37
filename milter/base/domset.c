#include "base/domset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/names.h"

/*
 * Entries are strings as they would be written, so that their first character
 * tells the three kinds apart: sorted by bytes and unique for those who list
 * them, and hashed for those who ask. Hashes run from the end of a string to its start: one pass
 * over a name gives the hash of every tail that may be a subtree. The hash has no secret: who sends
 * names can't choose what is in the table, and the longest run of it bounds a look-up.
 */
struct slot {
	uint32_t hash;
	uint32_t entry; /* its number plus one, 0: free */
};

struct domset {
	struct arena arena;
	size_t count;
	const char **entries;
	const char *first;  /* see domset_first_name() */
	struct slot *slots; /* open addressing, at most half full; NULL in an empty set */
	uint32_t mask;
	bool has_root; /* "." is an entry */
};

struct domset_builder {
	struct arena arena;
	size_t count, cap;
	const char **entries;
	const char *first;
};

struct domset_builder *domset_builder_new(void)
{
	return calloc(1, sizeof(struct domset_builder));
}

static bool is_plain_name(const char *entry)
{
	return entry[0] != '.' && entry[0] != '[' && strcmp(entry, "localhost") != 0;
}

static enum domset_error add_text(struct domset_builder *b, const char *entry)
{
	char *copy;

	if (b->count == b->cap) {
		size_t cap = b->cap == 0 ? 16 : b->cap * 2;
		const char **larger = realloc(b->entries, cap * sizeof(*larger));

		if (larger == NULL)
			return DOMSET_NO_MEMORY;
		b->entries = larger;
		b->cap = cap;
	}
	copy = arena_strdup(&b->arena, entry);
	if (copy == NULL)
		return DOMSET_NO_MEMORY;
	b->entries[b->count++] = copy;
	if (b->first == NULL && is_plain_name(copy))
		b->first = copy;
	return DOMSET_OK;
}

static void literal_text(const struct addr *a, char text[ADDR_TEXT_MAX + 2])
{
	char plain[ADDR_TEXT_MAX];
	size_t len;

	addr_format(a, plain);
	len = strlen(plain);
	text[0] = '[';
	memcpy(text + 1, plain, len);
	memcpy(text + 1 + len, "]", 2);
}

static enum domset_error add_literal(
    struct domset_builder *b, const char *text, size_t len, const char **reason)
{
	char entry[ADDR_TEXT_MAX + 2];
	struct addr a;

	if (len < 3 || text[len - 1] != ']' || !addr_parse(text + 1, len - 2, &a)) {
		*reason = "there is no IP address between its brackets";
		return DOMSET_BAD_LITERAL;
	}
	literal_text(&a, entry);
	return add_text(b, entry);
}

enum domset_error domset_builder_add(
    struct domset_builder *b, const char *text, size_t len, const char **reason)
{
	char entry[1 + NAME_SIZE] = ".";
	const char *ignored;
	bool subtree = len > 1 && text[0] == '.';
	enum name_error e;

	if (reason == NULL)
		reason = &ignored;
	*reason = "memory is exhausted";
	if (len > 0 && text[0] == '[')
		return add_literal(b, text, len, reason);
	/* A lone dot is the root: all names. */
	if (len == 1 && text[0] == '.')
		return add_text(b, ".");
	e = name_canonical(text + subtree, len - subtree, entry + 1);
	if (e != NAME_OK) {
		*reason = name_error_text(e);
		return DOMSET_BAD_NAME;
	}
	return add_text(b, subtree ? entry : entry + 1);
}

bool domset_builder_add_set(struct domset_builder *b, const struct domset *s)
{
	/* Its entries come sorted; the order in which they were added is gone but for this. */
	if (b->first == NULL && s != NULL && s->first != NULL && add_text(b, s->first) != DOMSET_OK)
		return false;
	for (size_t i = 0; s != NULL && i < s->count; i++)
		if (add_text(b, s->entries[i]) != DOMSET_OK)
			return false;
	return true;
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* FNV-1a, a byte at a time. */
#define HASH_START 0xcbf29ce484222325U

static uint64_t hash_step(uint64_t h, char c)
{
	return (h ^ (unsigned char)c) * 0x100000001b3U;
}

/* The upper half of the product with an odd constant depends on all bits of `h`. */
static uint32_t hash_end(uint64_t h)
{
	h ^= h >> 32;
	return (uint32_t)(h * 0x9e3779b97f4a7c15U >> 32);
}

static uint32_t hash_text(const char *s, size_t len)
{
	uint64_t h = HASH_START;

	while (len > 0)
		h = hash_step(h, s[--len]);
	return hash_end(h);
}

static bool build_slots(struct domset *s)
{
	size_t size = 4;

	if (s->count == 0)
		return true;
	if (s->count > UINT32_MAX / 4)
		return false;
	while (size < s->count * 2)
		size *= 2;
	s->slots = calloc(size, sizeof(*s->slots));
	if (s->slots == NULL)
		return false;
	s->mask = (uint32_t)(size - 1);
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t hash = hash_text(s->entries[i], strlen(s->entries[i]));
		uint32_t at = hash & s->mask;

		while (s->slots[at].entry != 0)
			at = (at + 1) & s->mask;
		s->slots[at] = (struct slot){hash, i + 1};
		s->has_root = s->has_root || strcmp(s->entries[i], ".") == 0;
	}
	return true;
}

struct domset *domset_build(struct domset_builder **b)
{
	struct domset *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->arena = (*b)->arena;
		s->entries = (*b)->entries;
		s->first = (*b)->first;
		if ((*b)->count > 0)
			qsort(s->entries, (*b)->count, sizeof(*s->entries), compare);
		for (size_t i = 0; i < (*b)->count; i++)
			if (s->count == 0 || strcmp(s->entries[s->count - 1], s->entries[i]) != 0)
				s->entries[s->count++] = s->entries[i];
		(*b)->entries = NULL;
		(*b)->arena = (struct arena){0};
		if (!build_slots(s))
			domset_free(&s);
	}
	domset_builder_free(b);
	return s;
}

void domset_builder_free(struct domset_builder **b)
{
	if (*b == NULL)
		return;
	arena_free(&(*b)->arena);
	free((*b)->entries);
	free(*b);
	*b = NULL;
}

void domset_free(struct domset **s)
{
	if (*s == NULL)
		return;
	arena_free(&(*s)->arena);
	free((*s)->entries);
	free((*s)->slots);
	free(*s);
	*s = NULL;
}

static bool has(const struct domset *s, uint32_t hash, const char *text, size_t len)
{
	for (uint32_t at = hash & s->mask; s->slots[at].entry != 0; at = (at + 1) & s->mask) {
		const char *entry = s->entries[s->slots[at].entry - 1];

		if (s->slots[at].hash == hash && strncmp(entry, text, len) == 0 &&
		    entry[len] == '\0')
			return true;
	}
	return false;
}

bool domset_contains(const struct domset *s, const char *name)
{
	size_t len = strlen(name);
	uint64_t h = HASH_START;

	if (s == NULL || s->count == 0 || len == 0 || len > NAME_MAX_LEN)
		return false;
	if (s->has_root)
		return true;
	/* ".c", then ".b.c" for "a.b.c", and last the name itself. */
	for (size_t i = len; i-- > 0;) {
		h = hash_step(h, name[i]);
		if (i == 0 || name[i] == '.')
			if (has(s, hash_end(h), name + i, len - i))
				return true;
	}
	return false;
}

bool domset_contains_literal(const struct domset *s, const struct addr *a)
{
	char entry[ADDR_TEXT_MAX + 2];

	if (s == NULL || s->count == 0 || a->family == ADDR_NONE)
		return false;
	literal_text(a, entry);
	return has(s, hash_text(entry, strlen(entry)), entry, strlen(entry));
}

size_t domset_size(const struct domset *s)
{
	return s == NULL ? 0 : s->count;
}

/* Reserved for private use, so that no stranger has mail there: RFC 6761, RFC 6762, ICANN 2024. */
static bool is_private_label(const char *label)
{
	static const char *const labels[] = {
	    "localhost", "localdomain", "local", "internal", "test", "example", "invalid"};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(label, labels[i]) == 0)
			return true;
	return false;
}

const char *domset_bare_tld(const struct domset *s)
{
	for (size_t i = 0; s != NULL && i < s->count; i++) {
		const char *e = s->entries[i], *name = e[0] == '.' ? e + 1 : e;

		if (e[0] != '[' && strchr(name, '.') == NULL && !is_private_label(name))
			return e;
	}
	return NULL;
}

const char *domset_entry(const struct domset *s, size_t i)
{
	return s != NULL && i < s->count ? s->entries[i] : NULL;
}

const char *domset_first_name(const struct domset *s)
{
	return s == NULL ? NULL : s->first;
}
