/* Memory of one lifetime: many small allocations, freed as a whole. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

/*
 * An arena is not thread-safe: it belongs to one session, one message or one
 * configuration, and its owner serialises access. Zero-initialise it
 * (`struct arena a = {0}`) or take it over from arena_reset().
 */
struct arena {
	struct arena_block *head;
	size_t used;  /* bytes handed out */
	size_t limit; /* bytes it may hand out, 0: no limit */
};

/* `size` zeroed bytes, aligned for any type. NULL when memory or the limit is exhausted. */
void *arena_alloc(struct arena *a, size_t size);

/* A NUL-terminated copy of `len` bytes at `s`. NULL as arena_alloc(). */
char *arena_strndup(struct arena *a, const char *s, size_t len);

/* A NUL-terminated copy of the string `s`; NULL when `s` is NULL, or as arena_alloc(). */
char *arena_strdup(struct arena *a, const char *s);

/* Formats into the arena. NULL as arena_alloc(). */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets everything but keeps one block for the next use. */
void arena_reset(struct arena *a);

/* Frees everything. The arena is then empty and may be used again. */
void arena_free(struct arena *a);

#endif
