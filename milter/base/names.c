#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include <idn2.h>

#include "base/utf8.h"

enum { LABEL_MAX = 63 };

/* a-z, 0-9, '-' and '_' (which names of hosts have not, but names in use have). */
static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static enum name_error check_labels(const char *name)
{
	size_t label = 0;

	for (const char *p = name;; p++) {
		if (*p == '.' || *p == '\0') {
			if (label == 0 || label > LABEL_MAX)
				return NAME_BAD_LABEL;
			label = 0;
			if (*p == '\0')
				return NAME_OK;
		} else if (!is_label_char(*p)) {
			return NAME_BAD_LABEL;
		} else {
			label++;
		}
	}
}

/* Lower-cases ASCII; false when there is something else, or no room. */
static bool copy_ascii(const char *text, size_t len, char out[NAME_SIZE])
{
	if (len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return false;
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	}
	out[len] = '\0';
	return true;
}

static enum name_error to_ascii(const char *text, size_t len, char out[NAME_SIZE])
{
	/* The longest name in U-labels: four bytes a character at most. */
	char copy[4 * NAME_SIZE], *ascii = NULL;
	bool fits;

	if (len >= sizeof(copy))
		return NAME_TOO_LONG;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (idn2_to_ascii_8z(copy, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NAME_BAD_IDN;
	fits = copy_ascii(ascii, strlen(ascii), out);
	idn2_free(ascii);
	return fits ? NAME_OK : NAME_TOO_LONG;
}

enum name_error name_canonical(const char *text, size_t len, char out[NAME_SIZE])
{
	enum name_error e = NAME_OK;
	bool ascii = true;

	out[0] = '\0';
	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0)
		return NAME_EMPTY;
	if (memchr(text, '\0', len) != NULL)
		return NAME_BAD_LABEL;
	for (size_t i = 0; i < len && ascii; i++)
		ascii = (unsigned char)text[i] < 0x80;
	if (!ascii)
		e = to_ascii(text, len, out);
	else if (!copy_ascii(text, len, out))
		e = NAME_TOO_LONG;
	if (e == NAME_OK)
		e = check_labels(out);
	if (e != NAME_OK)
		out[0] = '\0';
	return e;
}

/* How many characters, all and beyond ASCII. */
struct count {
	size_t all, wide;
};

static struct count count_of(const char *s, size_t len)
{
	struct count n = {0};

	for (size_t i = 0; i < len; n.all++) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(s + i, len - i, &c);

		n.wide += c >= 0x80;
		i += bytes == 0 ? 1 : bytes;
	}
	return n;
}

static bool is_spelled_out(const char *text, size_t len, const char *name, size_t name_len)
{
	struct count want = count_of(text, len), got;
	char label[LABEL_MAX + 1], *wide = NULL;

	if (want.wide == 0)
		return len == name_len;
	if (name_len > LABEL_MAX)
		return false;
	memcpy(label, name, name_len);
	label[name_len] = '\0';
	if (idn2_to_unicode_8z8z(label, &wide, 0) != IDN2_OK)
		return false;
	got = count_of(wide, strlen(wide));
	idn2_free(wide);
	return want.all == got.all && want.wide == got.wide;
}

bool name_is_spelled_out(const char *text, size_t len, const char *name)
{
	const char *end = text + len - (len > 0 && text[len - 1] == '.');

	for (;;) {
		const char *dot = memchr(text, '.', (size_t)(end - text));
		size_t n = (size_t)((dot == NULL ? end : dot) - text), m = strcspn(name, ".");

		if (!is_spelled_out(text, n, name, m) || (dot == NULL) != (name[m] == '\0'))
			return false;
		if (dot == NULL)
			return true;
		text = dot + 1;
		name += m + 1;
	}
}

const char *name_error_text(enum name_error e)
{
	switch (e) {
	case NAME_OK:
		return "a domain name";
	case NAME_EMPTY:
		return "it is empty";
	case NAME_TOO_LONG:
		return "it is longer than 253 characters";
	case NAME_BAD_LABEL:
		return "a label is empty, longer than 63, or has a character that is none of "
		       "a-z 0-9 - _";
	case NAME_BAD_IDN:
		return "it is not UTF-8, or not a name by IDNA 2008";
	}
	return "";
}

bool name_is_at_or_below(const char *name, const char *parent)
{
	size_t n = strlen(name), p = strlen(parent);

	if (n < p || strcmp(name + (n - p), parent) != 0)
		return false;
	return n == p || name[n - p - 1] == '.';
}

const char *name_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL ? NULL : dot + 1;
}

unsigned name_labels(const char *name)
{
	unsigned n = name[0] != '\0';

	for (; *name != '\0'; name++)
		n += *name == '.';
	return n;
}
