/* A canonical name stays as it is, and a domain set that takes an entry finds it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/domset.h"
#include "base/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *text, size_t len)
{
	char name[NAME_SIZE], again[NAME_SIZE];

	if (name_canonical(text, len, name) != NAME_OK) {
		if (name[0] != '\0')
			abort();
		return;
	}
	if (name[0] == '\0' || name[strlen(name) - 1] == '.' ||
	    name_canonical(name, strlen(name), again) != NAME_OK || strcmp(name, again) != 0)
		abort();
	/* Of a valid A-label, that is: "xn--0" stays as it is too. */
	if (name_is_spelled_out(text, len, name) && !name_is_spelled_out(name, strlen(name), name))
		abort();
	for (const char *p = name; p != NULL; p = name_parent(p))
		if (!name_is_at_or_below(name, p))
			abort();
}

/* Is the set's only entry found, and what it must not hold, not? */
static void check_found(const struct domset *s)
{
	const char *entry = domset_entry(s, 0);
	char below[2 + NAME_SIZE];

	if (entry[0] == '[') {
		struct addr a;

		if (!addr_parse(entry + 1, strlen(entry) - 2, &a) ||
		    !domset_contains_literal(s, &a))
			abort();
		return;
	}
	if (strcmp(entry, ".") == 0) {
		if (!domset_contains(s, "example.com"))
			abort();
		return;
	}
	if (domset_contains(s, entry[0] == '.' ? entry + 1 : entry) != (entry[0] != '.'))
		abort();
	snprintf(below, sizeof(below), "a.%s", entry[0] == '.' ? entry + 1 : entry);
	if (strlen(below) <= NAME_MAX_LEN && domset_contains(s, below) != (entry[0] == '.'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domset_builder *b = domset_builder_new();
	char *text = malloc(size);
	struct domset *s;

	if (text == NULL || b == NULL)
		abort();
	memcpy(text, data, size);
	check_name(text, size);
	domset_builder_add(b, text, size, NULL);
	s = domset_build(&b);
	if (s == NULL || domset_size(s) > 1)
		abort();
	if (domset_size(s) == 1)
		check_found(s);
	domset_free(&s);
	free(text);
	return 0;
}
