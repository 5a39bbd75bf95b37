/* What is read as an address or a prefix is printed, and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(const char *text, size_t len)
{
	char out[ADDR_TEXT_MAX], again[ADDR_TEXT_MAX];
	struct addr a, back;

	if (!addr_parse(text, len, &a)) {
		if (a.family != ADDR_NONE)
			abort();
		return;
	}
	addr_format(&a, out);
	if (!addr_parse(out, strlen(out), &back) || !addr_equal(&a, &back))
		abort();
	addr_format(&back, again);
	if (strcmp(out, again) != 0)
		abort();
}

static void check_prefix(const char *text, size_t len)
{
	char out[ADDR_TEXT_MAX];
	struct prefix p, back;
	enum prefix_error e = prefix_parse(text, len, &p);

	if (e != PREFIX_OK && e != PREFIX_HOST_BITS) {
		if (p.addr.family != ADDR_NONE)
			abort();
		return;
	}
	prefix_format(&p, out);
	if (prefix_parse(out, strlen(out), &back) != PREFIX_OK || back.bits != p.bits ||
	    !addr_equal(&back.addr, &p.addr))
		abort();
	if (!prefix_contains(&p, &p.addr))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its own size, so that a read behind it is seen. */
	char *text = malloc(size);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	check_addr(text, size);
	check_prefix(text, size);
	free(text);
	return 0;
}
