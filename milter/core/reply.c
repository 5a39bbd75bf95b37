#include "core/reply.h"

#include <string.h>

/* What session.c appends to a reply must still fit. */
enum { MARK_ROOM = 32 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && is_digit(s[n]))
		n++;
	return n;
}

size_t reply_enhanced_length(const char *s)
{
	size_t subject, detail;

	if ((s[0] != '2' && s[0] != '4' && s[0] != '5') || s[1] != '.')
		return 0;
	subject = digits(s + 2, 3);
	if (subject == 0 || s[2 + subject] != '.')
		return 0;
	detail = digits(s + 3 + subject, 3);
	if (detail == 0 || is_digit(s[3 + subject + detail]))
		return 0;
	return 3 + subject + detail;
}

static bool read_enhanced(const char **s, struct reply *r, const char **why)
{
	size_t len = reply_enhanced_length(*s);

	if (len == 0 || ((*s)[len] != ' ' && (*s)[len] != '\0')) {
		memcpy(r->enhanced, r->code < 500 ? "4.7.1" : "5.7.1", sizeof("5.7.1"));
		return true;
	}
	if ((unsigned)((*s)[0] - '0') != r->code / 100U) {
		*why = "an enhanced status code of the same class as the reply code (RFC 3463)";
		return false;
	}
	memcpy(r->enhanced, *s, len);
	*s += len;
	*s += **s == ' ';
	return true;
}

static bool read_text(const char *s, struct reply *r, const char **why)
{
	size_t len = strlen(s);

	if (len == 0 || s[0] == ' ') {
		*why = "words after the codes, one blank before them";
		return false;
	}
	if (len >= sizeof(r->text) - MARK_ROOM) {
		*why = "at most 367 characters of text";
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (s[i] < ' ' || s[i] > '~') {
			*why = "printable ASCII, on one line";
			return false;
		}
	}
	memcpy(r->text, s, len + 1);
	return true;
}

bool reply_parse(const char *s, struct reply *out, const char **why)
{
	struct reply r = {0};

	*out = r;
	if (digits(s, 4) != 3 || (s[0] != '4' && s[0] != '5') || s[1] > '5' || s[3] != ' ') {
		*why = "a reply that begins with a code of 4xx or 5xx and a blank";
		return false;
	}
	r.code = (uint16_t)((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
	s += 4;
	if (!read_enhanced(&s, &r, why) || !read_text(s, &r, why))
		return false;
	*out = r;
	return true;
}

struct reply reply_as_class(const struct reply *r, unsigned class)
{
	struct reply out = *r;

	if (r->code / 100U == class || r->code == 0)
		return out;
	out.code = (uint16_t)(class * 100 + 50);
	if (out.enhanced[0] != '\0')
		out.enhanced[0] = (char)('0' + class);
	return out;
}
