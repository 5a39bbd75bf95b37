#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void write_again(struct strbuf *b, const struct control_line *l)
{
	control_begin(b, l->word);
	for (size_t i = 0; i < l->count; i++)
		control_text(b, l->fields[i].name, l->fields[i].value);
	control_end(b);
}

/* What was read is written, and read again: the same, but for values that were cut. */
static void compare(const struct control_line *a)
{
	static struct control_line again;
	struct strbuf b = {0};

	write_again(&b, a);
	if (b.failed || b.len > CONTROL_LINE_MAX || memchr(b.data, '\n', b.len - 1) != NULL)
		broken("a line that was written");
	if (control_parse(b.data, b.len - 1, &again) != NULL)
		broken("a line that was written is not read");
	if (strcmp(again.word, a->word) != 0 || again.count > a->count)
		broken("a line that was read again");
	for (size_t i = 0; i < again.count; i++) {
		const struct control_field *f = &again.fields[i], *g = &a->fields[i];

		if (strcmp(f->name, g->name) != 0 ||
		    strncmp(f->value, g->value, strlen(f->value)) != 0)
			broken("a field that was read again");
	}
	strbuf_free(&b);
}

/* Any bytes as a value come back. */
static void value(const uint8_t *data, size_t size)
{
	static struct control_line l;
	struct strbuf b = {0};
	char text[300];
	size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	memcpy(text, data, len);
	text[len] = '\0';
	control_begin(&b, "x");
	control_text(&b, "v", text);
	control_end(&b);
	if (control_parse(b.data, b.len - 1, &l) != NULL ||
	    strcmp(control_value(&l, "v"), text) != 0)
		broken("a value");
	strbuf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct control_line l;
	int code;

	value(data, size);
	if (control_parse((const char *)data, size, &l) != NULL)
		return 0;
	if (l.count > CONTROL_FIELDS_MAX)
		broken("the count of fields");
	(void)control_is_last(&l, &code);
	(void)control_number(&l, "for", 0);
	(void)control_signed(&l, "for", 0);
	compare(&l);
	return 0;
}
