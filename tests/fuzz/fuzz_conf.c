/* The configuration: any text is read or refused; what is read dumps to a fixpoint. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/rich_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the input names on this host is not the input's. */
static bool names_files(const char *text, size_t size)
{
	return memmem(text, size, "file:", 5) != NULL || memmem(text, size, "include", 7) != NULL;
}

static struct conf_doc *load(const char *text, size_t size, struct strbuf *dump)
{
	struct diag *d = diag_new();
	struct conf_doc *doc;

	if (d == NULL)
		abort();
	doc = conf_load_text("fuzz", text, size, &rich_schema, 0, d);
	if ((doc == NULL) != (diag_errors(d) > 0))
		abort();
	for (size_t i = 0; diag_get(d, i) != NULL; i++)
		if (diag_text(d, i)[0] == '\0')
			abort();
	diag_free(&d);
	if (doc != NULL)
		conf_dump(doc, dump);
	return doc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct strbuf first = {0}, second = {0};
	struct conf_doc *doc, *again;

	if (names_files(text, size))
		return 0;
	doc = load(text, size, &first);
	if (doc != NULL) {
		again = load(strbuf_text(&first), first.len, &second);
		if (again == NULL || strcmp(strbuf_text(&first), strbuf_text(&second)) != 0)
			abort();
		conf_free(&again);
	}
	conf_free(&doc);
	strbuf_free(&first);
	strbuf_free(&second);
	return 0;
}
