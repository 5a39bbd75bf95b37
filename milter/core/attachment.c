#include "core/attachment.h"

#include <stddef.h>

struct attachment {
	struct attachment *next;
	const void *key;
	void *value;
	attachment_end *end;
};

static struct attachment *find(const struct attachments *list, const void *key)
{
	struct attachment *at = list->first;

	while (at != NULL && at->key != key)
		at = at->next;
	return at;
}

static void end_one(const struct attachment *at, bool accepted)
{
	if (at->end != NULL)
		at->end(at->value, accepted);
}

void *attachment_get(const struct attachments *list, const void *key)
{
	const struct attachment *at = find(list, key);

	return at == NULL ? NULL : at->value;
}

bool attachment_put(
    struct attachments *list, struct arena *a, const void *key, void *value, attachment_end *end)
{
	struct attachment *at = find(list, key);

	if (at != NULL) {
		end_one(at, false);
	} else {
		at = arena_alloc(a, sizeof(*at));
		if (at == NULL)
			return false;
		at->next = list->first;
		list->first = at;
	}
	at->key = key;
	at->value = value;
	at->end = end;
	return true;
}

void attachments_end(struct attachments *list, bool accepted)
{
	while (list->first != NULL) {
		const struct attachment *at = list->first;

		list->first = at->next;
		end_one(at, accepted);
	}
}
