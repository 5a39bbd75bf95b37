#include "tool/event_line.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- times ------------------------------------------------------------------------------ */

/* `digits` digits, and what must follow them ('\0': anything). */
static bool take_number(const char **s, unsigned digits, char after, unsigned max, unsigned *out)
{
	*out = 0;
	for (; digits > 0; digits--, ++*s) {
		if (**s < '0' || **s > '9')
			return false;
		*out = *out * 10 + (unsigned)(**s - '0');
	}
	if (*out > max || (after != '\0' && **s != after))
		return false;
	*s += after != '\0';
	return true;
}

/* Days since 1970-01-01 of the Gregorian calendar, years counted from March. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool take_fraction(const char **s, usec_t *out)
{
	usec_t unit = USEC_PER_SEC / 10;

	*out = 0;
	if (**s != '.')
		return true;
	for (++*s; **s >= '0' && **s <= '9'; ++*s, unit /= 10)
		*out += (**s - '0') * unit;
	return true;
}

static bool take_zone(const char **s, int64_t *seconds)
{
	unsigned hour, minute;
	int sign = **s == '-' ? -1 : 1;

	*seconds = 0;
	if (**s == 'Z') {
		++*s;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	++*s;
	if (!take_number(s, 2, ':', 23, &hour) || !take_number(s, 2, '\0', 59, &minute))
		return false;
	*seconds = sign * ((int64_t)hour * 3600 + (int64_t)minute * 60);
	return true;
}

bool event_time_read(const char *text, usec_t *out)
{
	unsigned year, month, day, hour, minute, second;
	int64_t zone, seconds;
	usec_t fraction;

	if (!take_number(&text, 4, '-', 9999, &year) || !take_number(&text, 2, '-', 12, &month) ||
	    !take_number(&text, 2, 'T', 31, &day) || !take_number(&text, 2, ':', 23, &hour) ||
	    !take_number(&text, 2, ':', 59, &minute) || !take_number(&text, 2, '\0', 60, &second) ||
	    month == 0 || day == 0 || !take_fraction(&text, &fraction) ||
	    !take_zone(&text, &zone) || *text != '\0')
		return false;
	seconds = days_of(year, month, day) * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 +
	          second - zone;
	*out = seconds * USEC_PER_SEC + fraction;
	return true;
}

/* --- lines ---------------------------------------------------------------------------------- */

/*
 * The log has a byte that is no UTF-8 as the lone surrogate U+DC80 to U+DCFF, which the library
 * refuses: here it becomes U+0080 to U+00FF. What is escaped by a backslash is left alone.
 */
static char *without_surrogates(const char *line, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, line, len);
	copy[len] = '\0';
	for (size_t i = 0; i + 5 < len; i++) {
		if (copy[i] != '\\')
			continue;
		if (copy[i + 1] == 'u' && (copy[i + 2] == 'd' || copy[i + 2] == 'D') &&
		    (copy[i + 3] == 'c' || copy[i + 3] == 'C'))
			copy[i + 2] = copy[i + 3] = '0';
		i++;
	}
	return copy;
}

static const char *text_of(const json_t *root, const char *key)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text == NULL ? "" : text;
}

const char *event_line_read(const char *line, size_t len, struct event_line *out)
{
	json_error_t error;
	json_t *root;
	char *copy;

	*out = (struct event_line){.root = NULL};
	if (len > EVENT_LINE_MAX)
		return "a line of at most 64 KiB";
	copy = without_surrogates(line, len);
	root = copy == NULL ? NULL : json_loadb(copy, len, JSON_REJECT_DUPLICATES, &error);
	free(copy);
	if (!json_is_object(root)) {
		json_decref(root);
		return "an object of JSON on one line";
	}
	if (!event_time_read(text_of(root, "time"), &out->time)) {
		json_decref(root);
		return "an event with its time";
	}
	*out = (struct event_line){
	    .root = root,
	    .time = out->time,
	    .session = text_of(root, "session"),
	    .message = text_of(root, "message"),
	    .stage = text_of(root, "stage"),
	    .client = text_of(root, "client"),
	    .auth = text_of(root, "auth"),
	    .sender = text_of(root, "sender"),
	    .recipient = text_of(root, "recipient"),
	    .verdict = text_of(root, "verdict"),
	    .by = text_of(root, "by"),
	};
	return NULL;
}

void event_line_free(struct event_line *e)
{
	json_decref(e->root);
	*e = (struct event_line){.root = NULL};
}
