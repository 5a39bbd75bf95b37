#include "auth/fields.h"

#include <string.h>
#include <strings.h>

/* Behind the line that begins at `at`. */
static size_t next_line(const struct field_reader *r, size_t at)
{
	const char *end = memchr(r->message + at, '\n', r->len - at);

	return end == NULL ? r->len : (size_t)(end - r->message) + 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The name of the field that begins at `at`; 0 when none begins. *colon is behind it. */
static size_t name_at(const struct field_reader *r, size_t at, size_t *colon)
{
	size_t end = at, name;

	while (end < r->len && r->message[end] > ' ' && r->message[end] < 0x7f &&
	       r->message[end] != ':')
		end++;
	name = end - at;
	while (end < r->len && is_blank(r->message[end]))
		end++;
	*colon = end;
	return end < r->len && r->message[end] == ':' ? name : 0;
}

static bool is_mailbox_line(const struct field_reader *r)
{
	return r->at == 0 && r->len > 5 && memcmp(r->message, "From ", 5) == 0;
}

bool field_next(struct field_reader *r, struct field *f)
{
	size_t colon, name = name_at(r, r->at, &colon), end;

	if (name == 0 && is_mailbox_line(r)) {
		r->at = next_line(r, r->at);
		name = name_at(r, r->at, &colon);
	}
	if (name == 0) {
		/* The empty line belongs neither to the header nor to the body. */
		if (r->at < r->len && r->message[r->at] == '\n')
			r->at++;
		else if (r->len - r->at >= 2 && memcmp(r->message + r->at, "\r\n", 2) == 0)
			r->at += 2;
		return false;
	}
	f->offset = r->at;
	f->name = r->message + r->at;
	f->name_len = name;
	f->value = r->message + colon + 1;
	do
		r->at = next_line(r, r->at);
	while (r->at < r->len && is_blank(r->message[r->at]));
	f->len = r->at - f->offset;
	end = r->at;
	if (end > colon + 1 && r->message[end - 1] == '\n')
		end--;
	if (end > colon + 1 && r->message[end - 1] == '\r')
		end--;
	f->value_len = end - (colon + 1);
	return true;
}

bool field_is(const struct field *f, const char *name)
{
	return strlen(name) == f->name_len && strncasecmp(f->name, name, f->name_len) == 0;
}
