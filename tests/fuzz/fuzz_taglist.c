/* The tag list reader: whatever is read lies inside the text, and its values too. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/taglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const struct tag *t)
{
	struct tag_words w = {.tag = t};
	uint8_t *bytes = malloc(t->len + 1);
	uint64_t number;
	size_t len, words = 0;

	if (bytes == NULL)
		return;
	if (tag_base64(t, bytes, t->len, &len) && len > t->len / 4 * 3 + 2)
		abort();
	tag_number(t, 76, &number);
	while (tag_next_word(&w)) {
		if (w.word < t->value || w.word + w.len > t->value + t->len)
			abort();
		words++;
	}
	if (words == 0 || words > t->len + 1)
		abort();
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own, so that every byte beyond it is seen. */
	char *text = malloc(size == 0 ? 1 : size);
	struct taglist l;
	size_t at;

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	if (taglist_read(text, size, &l, &at) == TAGLIST_OK && (l.count == 0 || at != size))
		abort();
	for (size_t i = 0; i < l.count; i++) {
		const struct tag *t = &l.tags[i];

		if (t->raw < text || t->raw + t->raw_len > text + size || t->value < t->raw ||
		    t->value + t->len > t->raw + t->raw_len || t->name_len == 0)
			abort();
		check_values(t);
	}
	free(text);
	return 0;
}
