/* The reader of SPF records: any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "auth/spf_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct spf_record_error error;
	struct spf_record r;
	struct arena a = {0};

	if (spf_record_is_spf(text, size)) {
		bool ok = spf_record_read(text, size, &a, &r, &error);

		if (!ok && (error.what == NULL || error.term.text == NULL))
			abort();
		for (size_t i = 0; ok && i < r.count; i++)
			if (r.terms[i].kind == SPF_REDIRECT || r.terms[i].bits4 > 32 ||
			    r.terms[i].bits6 > 128)
				abort();
	}
	arena_free(&a);
	return 0;
}
