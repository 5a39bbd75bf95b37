/* Any bytes from a client: whole or in pieces, the sink takes the same messages. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/smtp_sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(void *arg, const struct smtp_sink_message *m)
{
	struct strbuf *all = arg;

	if (strlen(m->envelope) > SMTP_SINK_KEPT_MAX || strlen(m->content) > SMTP_SINK_KEPT_MAX)
		abort();
	strbuf_printf(all, "[%s][%s]", m->envelope, m->content);
}

/* Feeds `size` bytes, `piece` at a time. */
static void feed(
    const uint8_t *data, size_t size, size_t piece, struct strbuf *out, struct strbuf *messages)
{
	struct smtp_sink s = {.taken = add, .arg = messages};
	bool going = true;

	smtp_sink_open(&s, out);
	for (size_t i = 0; going && i < size; i += piece)
		going = smtp_sink_feed(
		    &s, (const char *)data + i, size - i < piece ? size - i : piece, out);
	smtp_sink_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf out[2] = {{0}}, messages[2] = {{0}};

	feed(data, size, size + 1, &out[0], &messages[0]);
	feed(data, size, 3, &out[1], &messages[1]);
	if (strcmp(strbuf_text(&out[0]), strbuf_text(&out[1])) != 0 ||
	    strcmp(strbuf_text(&messages[0]), strbuf_text(&messages[1])) != 0) {
		fprintf(stderr, "broken: pieces differ from the whole\n");
		abort();
	}
	for (size_t i = 0; i < 2; i++) {
		strbuf_free(&out[i]);
		strbuf_free(&messages[i]);
	}
	return 0;
}
