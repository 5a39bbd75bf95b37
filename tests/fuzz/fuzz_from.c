/* The readers of a header and of From: any bytes, as a message and as a field. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/fields.h"
#include "auth/from.h"
#include "base/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct from *f)
{
	char name[NAME_SIZE];

	if ((f->status == FROM_ONE) != (f->domain != NULL) || f->status == FROM_ABSENT)
		abort();
	for (const struct from_address *a = f->addresses; a != NULL; a = a->next) {
		/* Canonical, so that comparing text compares names. */
		if (a->domain[0] != '\0' &&
		    (name_canonical(a->domain, strlen(a->domain), name) != NAME_OK ||
			strcmp(name, a->domain) != 0))
			abort();
		if (f->status == FROM_ONE && strcmp(a->domain, f->domain) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct field_reader r = {.message = (const char *)data, .len = size};
	struct from one = {.status = FROM_ABSENT}, all = one;
	struct arena a = {0};
	struct field f;
	size_t at = 0;

	if (!from_add(&one, &a, (const char *)data, size))
		abort();
	check(&one);
	while (field_next(&r, &f)) {
		if (f.offset < at || f.offset + f.len != r.at || f.len == 0 ||
		    f.value + f.value_len > (const char *)data + r.at)
			abort();
		at = r.at;
		if (!field_is(&f, "From"))
			continue;
		if (!from_add(&all, &a, f.value, f.value_len))
			abort();
		check(&all);
	}
	if (all.fields > 1 && all.status != FROM_REPEATED && all.status != FROM_MALFORMED)
		abort();
	arena_free(&a);
	return 0;
}
