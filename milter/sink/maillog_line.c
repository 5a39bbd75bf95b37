#include "sink/maillog_line.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is still to be read. */
struct cursor {
	const char *at, *end;
};

static size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static bool take(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if (left(c) < len || memcmp(c->at, word, len) != 0)
		return false;
	c->at += len;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Exactly `digits` of them, between `low` and `high`. */
static bool take_number(struct cursor *c, unsigned digits, int low, int high, int *out)
{
	int n = 0;

	if (left(c) < digits)
		return false;
	for (unsigned i = 0; i < digits; i++) {
		if (!is_digit(c->at[i]))
			return false;
		n = n * 10 + (c->at[i] - '0');
	}
	c->at += digits;
	*out = n;
	return n >= low && n <= high;
}

/* Up to the next blank, which is eaten; false when that is nothing. */
static bool take_word(struct cursor *c, const char **word, size_t *len)
{
	const char *blank = memchr(c->at, ' ', left(c));

	if (blank == NULL || blank == c->at)
		return false;
	*word = c->at;
	*len = (size_t)(blank - c->at);
	c->at = blank + 1;
	return true;
}

/* --- the time ---------------------------------------------------------------- */

static bool take_clock(struct cursor *c, struct maillog_time *t)
{
	int scale = 100000;

	if (!take_number(c, 2, 0, 23, &t->hour) || !take(c, ":") ||
	    !take_number(c, 2, 0, 59, &t->minute) || !take(c, ":") ||
	    !take_number(c, 2, 0, 60, &t->second))
		return false;
	if (!take(c, "."))
		return true;
	for (; left(c) > 0 && is_digit(*c->at); c->at++, scale /= 10)
		t->usec += (*c->at - '0') * scale;
	return true;
}

static bool take_zone(struct cursor *c, struct maillog_time *t)
{
	int hours, minutes, sign;

	t->has_zone = true;
	if (take(c, "Z"))
		return true;
	sign = take(c, "+") ? 1 : take(c, "-") ? -1 : 0;
	if (sign == 0 || !take_number(c, 2, 0, 23, &hours))
		return false;
	take(c, ":");
	if (!take_number(c, 2, 0, 59, &minutes))
		return false;
	t->zone = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* 2026-11-24T03:00:00.123456+01:00 */
static bool take_rfc3339(struct cursor *c, struct maillog_time *t)
{
	return take_number(c, 4, 1970, 9999, &t->year) && take(c, "-") &&
	       take_number(c, 2, 1, 12, &t->month) && take(c, "-") &&
	       take_number(c, 2, 1, 31, &t->day) && take(c, "T") && take_clock(c, t) &&
	       take_zone(c, t) && take(c, " ");
}

/* Nov 24 03:00:00; the day is padded with a blank. */
static bool take_traditional(struct cursor *c, struct maillog_time *t)
{
	static const char months[12][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	bool ok;

	for (int i = 0; i < 12 && t->month == 0; i++)
		if (take(c, months[i]))
			t->month = i + 1;
	if (t->month == 0 || !take(c, " "))
		return false;
	ok = take(c, " ") ? take_number(c, 1, 1, 9, &t->day) : take_number(c, 2, 1, 31, &t->day);
	return ok && take(c, " ") && take_clock(c, t) && take(c, " ");
}

static bool take_time(struct cursor *c, struct maillog_time *t)
{
	const char *close = left(c) > 0 && *c->at == '<' ? memchr(c->at, '>', left(c)) : NULL;

	if (close != NULL && close - c->at <= 4)
		c->at = close + 1;
	if (left(c) > 0 && is_digit(*c->at))
		return take_rfc3339(c, t);
	return take_traditional(c, t);
}

/* -1 when there is no such day in that year. */
static usec_t time_in_year(const struct maillog_time *t, int year)
{
	struct tm tm = {
	    .tm_year = year - 1900,
	    .tm_mon = t->month - 1,
	    .tm_mday = t->day,
	    .tm_hour = t->hour,
	    .tm_min = t->minute,
	    .tm_sec = t->second,
	    .tm_isdst = -1,
	};
	time_t seconds;

	/* Noon: a leap second or the hour that summer time leaves out must not move the day. */
	struct tm noon = {
	    .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday, .tm_hour = 12};
	(void)timegm(&noon);
	if (noon.tm_mday != t->day)
		return -1;
	seconds = t->has_zone ? timegm(&tm) - t->zone : mktime(&tm);
	return (usec_t)seconds * USEC_PER_SEC + t->usec;
}

usec_t maillog_line_time(const struct maillog_time *t, usec_t now)
{
	const usec_t ahead = 86400 * USEC_PER_SEC;
	time_t seconds = (time_t)(now / USEC_PER_SEC);
	struct tm today;
	usec_t at;

	if (t->year != 0) {
		at = time_in_year(t, t->year);
		return at < 0 ? now : at;
	}
	if (localtime_r(&seconds, &today) == NULL)
		return now;
	/* The clock that wrote may be ahead at New Year; 29 February may be eight years ago. */
	for (int year = today.tm_year + 1901; year > today.tm_year + 1891; year--) {
		at = time_in_year(t, year);
		if (at >= 0 && at <= now + ahead)
			return at;
	}
	return now;
}

/* --- host, program, queue id --------------------------------------------------- */

/* sm-mta[123]: */
static bool is_tag(const char *s, size_t len)
{
	return len > 1 && s[len - 1] == ':';
}

/* Postfix tells a milter of its refusals itself: its lines would be a second record. */
static bool is_postfix(const char *tag, size_t len)
{
	return len >= 7 && memcmp(tag, "postfix", 7) == 0;
}

static bool take_host_and_tag(struct cursor *c, struct maillog_line *out)
{
	const char *tag;
	size_t len;

	if (!take_word(c, &tag, &len))
		return false;
	if (!is_tag(tag, len)) {
		out->host = tag;
		out->host_len = len;
		if (!take_word(c, &tag, &len))
			return false;
	}
	return is_tag(tag, len) && !is_postfix(tag, len);
}

/* "6AO5F03j012118: " or, of a split text, "6AO5F03j012118[2]: " */
static bool take_id(struct cursor *c, struct maillog_line *out)
{
	out->id = c->at;
	while (left(c) > 0 && is_alnum(*c->at))
		c->at++;
	out->id_len = (size_t)(c->at - out->id);
	if (out->id_len == 0 || out->id_len > 32)
		return false;
	if (take(c, "[")) {
		for (; left(c) > 0 && is_digit(*c->at); c->at++)
			if (out->piece < 1000)
				out->piece = out->piece * 10 + (unsigned)(*c->at - '0');
		if (out->piece == 0 || !take(c, "]"))
			return false;
	}
	return take(c, ": ");
}

bool maillog_line_split(const char *text, size_t len, struct maillog_line *out)
{
	static const char more[] = " ...";
	struct cursor c = {text, text + len};

	memset(out, 0, sizeof(*out));
	if (!take_time(&c, &out->time) || !take_host_and_tag(&c, out) || !take_id(&c, out))
		return false;
	out->body = c.at;
	out->body_len = left(&c);
	if (out->piece > 0 && out->body_len >= 4 && memcmp(c.end - 4, more, 4) == 0) {
		out->more = true;
		out->body_len -= 4;
	}
	return true;
}

/* --- the body -------------------------------------------------------------------- */

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The byte that three octal digits stand for; 0 for what Sendmail would not have escaped. */
static unsigned char octal(const char *s)
{
	unsigned n;

	if (!is_octal(s[0]) || s[0] > '3' || !is_octal(s[1]) || !is_octal(s[2]))
		return 0;
	n = (unsigned)(s[0] - '0') << 6 | (unsigned)(s[1] - '0') << 3 | (unsigned)(s[2] - '0');
	return n >= ' ' && n <= '~' ? 0 : (unsigned char)n;
}

/*
 * Takes back what Sendmail does to everything that it logs: \\ for a backslash, \t \n \r, and
 * \ooo for other control characters and for bytes beyond ASCII. Returns the length; `out`
 * has room for `len`.
 */
static size_t unescape(const char *s, size_t len, char *out)
{
	static const char letters[] = "\\tnr", bytes[] = "\\\t\n\r";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const char *letter;

		out[n] = s[i];
		if (s[i] == '\\' && i + 1 < len && s[i + 1] != '\0') {
			letter = strchr(letters, s[i + 1]);
			if (letter != NULL) {
				out[n] = bytes[letter - letters];
				i++;
			} else if (i + 3 < len && octal(s + i + 1) != 0) {
				out[n] = (char)octal(s + i + 1);
				i += 3;
			}
		}
		n++;
	}
	return n;
}

/* Where Sendmail's address scanner is: what is quoted or in a comment ends nothing. */
struct nesting {
	bool quoted;
	unsigned comments, angles;
};

static void step(struct nesting *n, char c)
{
	if (n->comments > 0) {
		if (c == ')')
			n->comments--;
		else if (c == '(')
			n->comments++;
	} else if (c == '"') {
		n->quoted = !n->quoted;
	} else if (n->quoted) {
		return;
	} else if (c == '(') {
		n->comments++;
	} else if (c == '<') {
		n->angles++;
	} else if (c == '>' && n->angles > 0) {
		n->angles--;
	}
}

/*
 * The length of the address at the cursor, which `next` (", relay=") follows; eats both.
 * The address may hold the very same text: in quotes, in a comment or in angle brackets, since
 * Sendmail asks check_rcpt only about what its scanner found balanced.
 */
static bool take_address(struct cursor *c, const char *next, const char **address, size_t *len)
{
	struct nesting n = {0};

	*address = c->at;
	for (; c->at < c->end; c->at++) {
		*len = (size_t)(c->at - *address);
		if (!n.quoted && n.comments == 0 && n.angles == 0 && take(c, next))
			return true;
		if (*c->at == '\\' && c->at + 1 < c->end)
			c->at++;
		else
			step(&n, *c->at);
	}
	return false;
}

static void copy(char *out, size_t size, const char *s, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(out, s, len);
	out[len] = '\0';
}

/* name [203.0.113.9] (may be forged); also user@name, no name, no address. */
static void read_relay(const char *s, size_t len, struct maillog_refusal *out)
{
	static const char forged[] = " (may be forged)";
	const size_t forged_len = sizeof(forged) - 1;
	const char *open, *at;
	struct addr a;

	if (len >= forged_len && memcmp(s + len - forged_len, forged, forged_len) == 0)
		len -= forged_len;
	open = len > 0 && s[len - 1] == ']' ? memrchr(s, '[', len) : NULL;
	if (open != NULL && addr_parse(open + 1, (size_t)(s + len - open) - 2, &a)) {
		addr_format(&a, out->client);
		len = (size_t)(open - s);
		if (len > 0 && s[len - 1] == ' ')
			len--;
	}
	/* What the client's identd claims stands before the name. */
	at = memrchr(s, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - s);
		s = at + 1;
	}
	copy(out->client_name, sizeof(out->client_name), s, len);
}

/* "5.7.1 " of the class of the code. */
static void take_enhanced(struct cursor *c, struct maillog_refusal *out)
{
	const char *word;
	size_t len;
	struct cursor rest = *c;
	unsigned dots = 0;

	if (!take_word(&rest, &word, &len) || len >= sizeof(out->enhanced) ||
	    word[0] - '0' != out->code / 100)
		return;
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '.')
			dots++;
		else if (!is_digit(word[i]))
			return;
	}
	if (dots != 2)
		return;
	copy(out->enhanced, sizeof(out->enhanced), word, len);
	*c = rest;
}

/* 550 5.7.1 <x@y.example>... Relaying denied */
static bool read_reply(struct cursor c, struct maillog_refusal *out)
{
	const char *text;
	int code;

	if (!take_number(&c, 3, 400, 599, &code) || !take(&c, " "))
		return false;
	out->code = (uint16_t)code;
	take_enhanced(&c, out);
	/* The address, which may be shortened, is the client's text; the last "... " ends it. */
	text = c.at;
	for (; left(&c) >= 4; c.at++)
		if (memcmp(c.at, "... ", 4) == 0)
			text = c.at + 4;
	copy(out->reply, sizeof(out->reply), text, (size_t)(c.end - text));
	return true;
}

static bool ends_in(const struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	return left(c) >= len && memcmp(c->end - len, word, len) == 0;
}

static enum maillog_kind read_refusal(struct cursor c, struct maillog_refusal *out)
{
	const char *address, *relay, *reject;
	size_t len;

	if (!take_address(&c, ", relay=", &address, &len))
		return MAILLOG_UNREADABLE;
	relay = c.at;
	reject = memmem(c.at, left(&c), ", reject=", 9);
	if (reject == NULL) {
		/* Ruled out or held, but the client heard yes. */
		bool accepted =
		    ends_in(&c, ", discard") || memmem(c.at, left(&c), ", quarantine=", 13) != NULL;

		return accepted ? MAILLOG_OTHER : MAILLOG_UNREADABLE;
	}
	c.at = reject + 9;
	if (!read_reply(c, out))
		return MAILLOG_UNREADABLE;
	copy(out->recipient, sizeof(out->recipient), address, len);
	read_relay(relay, (size_t)(reject - relay), out);
	return MAILLOG_REFUSAL;
}

enum maillog_kind maillog_body_read(const char *body, size_t len, struct maillog_refusal *out)
{
	char text[2 * MAILLOG_LINE_MAX];
	struct cursor c = {body, body + len};
	const char *address;
	bool refusal = take(&c, "ruleset=check_rcpt, arg1=");

	memset(out, 0, sizeof(*out));
	if ((!refusal && !take(&c, "from=")) || left(&c) > sizeof(text))
		return MAILLOG_OTHER;
	c.end = text + unescape(c.at, left(&c), text);
	c.at = text;
	if (refusal)
		return read_refusal(c, out);
	if (!take_address(&c, ", size=", &address, &len))
		return MAILLOG_OTHER;
	copy(out->sender, sizeof(out->sender), address, len);
	return MAILLOG_SENDER;
}
