/* Any bytes in every text of an event: the record stays one line, of printable text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/require.h"
#include "core/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t controls(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += (unsigned char)s[i] < ' ' || s[i] == 0x7f;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf json = {0}, text = {0};
	char *s = malloc(size + 1);
	struct event e = {.time = 1};

	require(s != NULL, "memory");
	memcpy(s, data, size);
	s[size] = '\0';
	e.session = e.client = e.client_name = e.helo = e.auth = e.sender = e.recipient = s;
	e.mta_addr = e.reply = s;
	event_json(&e, &json);
	require(json.data[json.len - 1] == '\n' && json.data[json.len - 2] == '}', "an end");
	require(controls(json.data, json.len) == 1, "one line of JSON");
	event_text(&e, &text);
	require(controls(strbuf_text(&text), text.len) == 0, "one line of text");
	free(s);
	strbuf_free(&json);
	strbuf_free(&text);
	return 0;
}
