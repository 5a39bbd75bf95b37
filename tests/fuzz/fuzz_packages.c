/* dpkg's and apt's lists, and versions: an order is one whichever way it is asked. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/packages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(int order)
{
	return (order > 0) - (order < 0);
}

/* What stands before the first line end, against what stands behind it. */
static void check_order(const char *text)
{
	const char *other = strchr(text, '\n');
	char *first;

	if (other == NULL)
		return;
	first = strndup(text, (size_t)(other - text));
	if (first == NULL)
		return;
	other++;
	if (sign(package_version_order(first, other)) != -sign(package_version_order(other, first)))
		abort();
	if (package_version_order(other, other) != 0)
		abort();
	free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own, so that every byte beyond it is seen. */
	char *exact = malloc(size == 0 ? 1 : size), *text = strndup((const char *)data, size);
	char version[PACKAGE_VERSION_MAX];

	if (exact != NULL && text != NULL) {
		memcpy(exact, data, size);
		if (package_version_in(exact, size, "postfix", true, version) &&
		    !package_version_in(exact, size, "postfix", false, version))
			abort();
		check_order(text);
	}
	free(exact);
	free(text);
	return 0;
}
