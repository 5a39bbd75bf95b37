/* A position file: what is taken for a position can be one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/maillog_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maillog_state s;
	char *text = malloc(size == 0 ? 1 : size);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	if (maillog_state_parse(text, size, &s) &&
	    (s.offset > INT64_MAX || s.path[0] == '\0' || strchr(s.path, '\n') != NULL ||
		strlen(s.path) >= size)) {
		fprintf(stderr, "broken: a position\n");
		abort();
	}
	free(text);
	return 0;
}
