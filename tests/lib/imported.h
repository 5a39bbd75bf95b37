/* What is imported, whatever it was made from, is a configuration. */
#ifndef TESTS_IMPORTED_H
#define TESTS_IMPORTED_H

#include <stdio.h>
#include <stdlib.h>

#include "audit/import.h"
#include "base/strbuf.h"
#include "check/config.h"

/* Aborts when it is none. Frees it. */
static inline void require_configuration(struct import *i)
{
	struct strbuf text = {.max = 1 << 24};
	struct diag *diag = diag_new();
	struct config *c;

	if (diag != NULL && !i->failed && import_write(i, &text)) {
		c = config_load_text("imported", strbuf_text(&text), text.len, 0, diag);
		if (c == NULL) {
			fprintf(stderr, "not a configuration:\n%s\n", strbuf_text(&text));
			diag_print(diag, stderr);
			abort();
		}
		config_free(&c);
	}
	diag_free(&diag);
	strbuf_free(&text);
	import_free(i);
}

#endif
