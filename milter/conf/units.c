#include "conf/units.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Reads digits at *p and moves *p behind them. False: none, or more than 64 bits. */
static bool read_digits(const char **p, uint64_t *out)
{
	const char *start = *p;
	uint64_t n = 0;

	for (; isdigit((unsigned char)**p); (*p)++) {
		uint64_t digit = (uint64_t)(**p - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return *p != start;
}

static const char *read_scaled(const char *text, uint64_t step, const char *expected, uint64_t *out)
{
	uint64_t n, scale = 1;

	if (!read_digits(&text, &n))
		return expected;
	if (*text == 'k' || *text == 'K')
		scale = step;
	else if (*text == 'M')
		scale = step * step;
	else if (*text == 'G')
		scale = step * step * step;
	else if (*text != '\0')
		return expected;
	if (*text != '\0' && text[1] != '\0')
		return expected;
	if (n > UINT64_MAX / scale)
		return expected;
	*out = n * scale;
	return NULL;
}

const char *unit_count(const char *text, uint64_t *out)
{
	return read_scaled(text, 1000, "a count, such as 20, 5k or 10M", out);
}

const char *unit_size(const char *text, uint64_t *out)
{
	return read_scaled(text, 1024, "a size in bytes, such as 4096, 64k or 10M", out);
}

static const struct time_unit {
	const char *name;
	uint64_t usec;
} time_units[] = {
    {"w", 604800000000},
    {"d", 86400000000},
    {"h", 3600000000},
    {"m", 60000000},
    {"s", 1000000},
    {"ms", 1000},
};

enum { TIME_UNITS = sizeof(time_units) / sizeof(time_units[0]) };

/* The index of the unit that stands at *p, which is moved behind it. TIME_UNITS: none. */
static size_t read_time_unit(const char **p)
{
	size_t len = 0;

	while (isalpha((unsigned char)(*p)[len]))
		len++;
	for (size_t i = 0; i < TIME_UNITS; i++) {
		if (strlen(time_units[i].name) == len &&
		    strncmp(time_units[i].name, *p, len) == 0) {
			*p += len;
			return i;
		}
	}
	return TIME_UNITS;
}

/* A century: longer is a slip, and sums with a point in time can't overflow. */
#define DURATION_MAX ((uint64_t)36525 * 86400000000)

const char *unit_duration(const char *text, usec_t *out)
{
	static const char expected[] = "a duration with its unit (ms s m h d w), such as 30s or 2h";
	uint64_t sum = 0;
	size_t next = 0; /* units come from large to small, each once */

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return NULL;
	}
	do {
		uint64_t n;
		size_t unit;

		if (!read_digits(&text, &n))
			return expected;
		unit = read_time_unit(&text);
		if (unit == TIME_UNITS || unit < next)
			return expected;
		if (n > (DURATION_MAX - sum) / time_units[unit].usec)
			return "a duration of at most a hundred years";
		sum += n * time_units[unit].usec;
		next = unit + 1;
	} while (*text != '\0');
	*out = (usec_t)sum;
	return NULL;
}

const char *unit_rate(const char *text, struct conf_rate *out)
{
	static const char expected[] = "a rate, COUNT/DURATION, such as 100/1h";
	const char *slash = strchr(text, '/');
	struct conf_rate rate;
	char count[32];
	size_t len;

	if (slash == NULL)
		return expected;
	len = (size_t)(slash - text);
	if (len >= sizeof(count))
		return expected;
	memcpy(count, text, len);
	count[len] = '\0';
	if (unit_count(count, &rate.count) != NULL ||
	    unit_duration(slash + 1, &rate.period) != NULL)
		return expected;
	if (rate.count == 0 || rate.period == 0)
		return "a rate of at least one in some time, such as 1/1h";
	*out = rate;
	return NULL;
}

/* Exactly `digits` digits at `text`. */
static bool read_fixed(const char *text, size_t digits, unsigned *out)
{
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		*out = *out * 10 + (unsigned)(text[i] - '0');
	}
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar. */
static int64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
	unsigned before = year - 1;
	int64_t days = (int64_t)before * 365 + before / 4 - before / 100 + before / 400;

	for (unsigned m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1 - 719162; /* 719,162 days from 0001-01-01 to 1970-01-01 */
}

const char *unit_date(const char *text, usec_t *out)
{
	static const char expected[] = "a date, YEAR-MONTH-DAY, such as 2027-01-31";
	unsigned year, month, day;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !read_fixed(text, 4, &year) ||
	    !read_fixed(text + 5, 2, &month) || !read_fixed(text + 8, 2, &day))
		return expected;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return "a day that the calendar has, such as 2027-01-31";
	*out = (days_since_epoch(year, month, day) + 1) * 86400 * USEC_PER_SEC;
	return NULL;
}

const char *unit_mode(const char *text, uint64_t *out)
{
	static const char expected[] = "a file mode in octal digits, such as 0660";
	uint64_t mode = 0;

	if (*text == '\0' || strlen(text) > 4)
		return expected;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '7')
			return expected;
		mode = mode * 8 + (uint64_t)(*text - '0');
	}
	if (mode > 0777)
		return expected;
	*out = mode;
	return NULL;
}

const char *unit_port(const char *text, uint16_t *out)
{
	uint64_t n;

	if (!read_digits(&text, &n) || *text != '\0' || n > UINT16_MAX)
		return "a port, 0 to 65535";
	*out = (uint16_t)n;
	return NULL;
}
