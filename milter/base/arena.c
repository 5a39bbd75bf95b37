#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 4096 };

struct arena_block {
	struct arena_block *next;
	size_t size; /* of data */
	size_t used;
	alignas(max_align_t) char data[];
};

static struct arena_block *block_new(size_t size)
{
	struct arena_block *b = malloc(sizeof(*b) + size);

	if (b == NULL)
		return NULL;
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

/* What is too large for the current block gets one of its own, behind it, so that the current one
 * is used up. */
static struct arena_block *block_for(struct arena *a, size_t size)
{
	struct arena_block *b = a->head;

	if (b != NULL && b->size - b->used >= size)
		return b;
	b = block_new(size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE - sizeof(*b));
	if (b == NULL)
		return NULL;
	if (a->head != NULL && size > BLOCK_SIZE / 4) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		b->next = a->head;
		a->head = b;
	}
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *b;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) / align * align;
	if (a->limit != 0 && (size > a->limit || a->used > a->limit - size))
		return NULL;
	b = block_for(a, size);
	if (b == NULL)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	a->used += size;
	return memset(p, 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : arena_alloc(a, len + 1);

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || (text = arena_alloc(a, (size_t)len + 1)) == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL;

	for (struct arena_block *b = a->head, *next; b != NULL; b = next) {
		next = b->next;
		if (keep == NULL && b->size < BLOCK_SIZE)
			keep = b;
		else
			free(b);
	}
	if (keep != NULL) {
		keep->next = NULL;
		keep->used = 0;
	}
	a->head = keep;
	a->used = 0;
}

void arena_free(struct arena *a)
{
	for (struct arena_block *b = a->head, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	a->head = NULL;
	a->used = 0;
}
