#include <stdlib.h>

#include "tool/suggest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of any bytes; what is an event is counted, and what comes of it can be written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct suggest *s = suggest_new();
	struct strbuf b = {0};
	size_t start = 0;

	if (s == NULL)
		return 0;
	for (size_t i = 0; i <= size; i++) {
		struct event_line e;

		if (i < size && data[i] != '\n')
			continue;
		if (event_line_read((const char *)data + start, i - start, &e) == NULL) {
			if (!suggest_add(s, &e))
				abort();
			event_line_free(&e);
		}
		start = i + 1;
	}
	if (suggest_recipients(s) > 0) {
		suggest_text(s, &b);
		suggest_json(s, &b);
		if (b.failed)
			abort();
	}
	strbuf_free(&b);
	suggest_free(&s);
	return 0;
}
