/*
 * The reader is on the strict side on purpose: it does not say what an odd address means, only
 * that it could mean more than one thing. What that is was measured to differ between MTAs, and
 * between an MTA's text and the place where it sends the mail.
 */
#include "core/mailaddr.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/names.h"
#include "base/utf8.h"

enum { PATH_MAX_LEN = 254 /* RFC 5321 4.5.3.1.3 without < > */, LOCAL_MAX_LEN = 64 };

/* A stretch of the input. */
struct span {
	const char *s;
	size_t len;
};

/* What one pass over the text between the brackets finds. */
struct scan {
	unsigned forms;
	size_t ats;     /* outside of quotes */
	size_t last_at; /* index of the last of them */
	bool quoted;    /* inside of quotes */
};

/* Characters that say the same wherever they stand outside of a literal; 0: part of an atom. */
static unsigned form_of_ascii(unsigned char c)
{
	switch (c) {
	case '%':
		return MAILADDR_PERCENT;
	case '!':
		return MAILADDR_BANG;
	case '"':
		return MAILADDR_QUOTED;
	case '\\':
		return MAILADDR_BACKSLASH;
	case '(':
	case ')':
		return MAILADDR_COMMENT;
	default:
		return c <= ' ' || c == 0x7f ? MAILADDR_CONTROL : 0;
	}
}

static unsigned form_of_wide(uint32_t c)
{
	switch (c) {
	case 0xff20: /* fullwidth and small commercial at */
	case 0xfe6b:
		return MAILADDR_MULTI_AT;
	case 0xff05: /* fullwidth and small percent sign */
	case 0xfe6a:
		return MAILADDR_PERCENT;
	case 0xff01: /* fullwidth and small exclamation mark */
	case 0xfe57:
		return MAILADDR_BANG;
	default:
		return c < 0xa0 ? MAILADDR_CONTROL : 0;
	}
}

/* Reads the character at `i` and returns how many bytes it has. */
static size_t scan_one(struct scan *scan, struct span text, size_t i)
{
	unsigned char c = (unsigned char)text.s[i];
	uint32_t wide = 0;
	size_t n;

	if (c < 0x80) {
		scan->forms |= form_of_ascii(c);
		if (c == '"')
			scan->quoted = !scan->quoted;
		if (c == '@' && !scan->quoted) {
			scan->ats++;
			scan->last_at = i;
		}
		/* An escaped quote neither opens nor closes; an escaped @ still counts as one. */
		return c == '\\' && i + 1 < text.len && text.s[i + 1] == '"' ? 2 : 1;
	}
	n = utf8_decode(text.s + i, text.len - i, &wide);
	scan->forms |= n == 0 ? MAILADDR_BAD_UTF8 : MAILADDR_UTF8 | form_of_wide(wide);
	return n == 0 ? 1 : n;
}

static struct scan scan_text(struct span text)
{
	struct scan scan = {0};

	for (size_t i = 0; i < text.len;)
		i += scan_one(&scan, text, i);
	if (scan.ats > 1)
		scan.forms |= MAILADDR_MULTI_AT;
	return scan;
}

/* Takes the brackets off. Anything beside them is the COMMENT form. */
static struct span unwrap(struct span text, unsigned *forms)
{
	if (text.len >= 2 && text.s[0] == '<' && text.s[text.len - 1] == '>')
		return (struct span){text.s + 1, text.len - 2};
	*forms |= MAILADDR_NO_BRACKETS;
	if (text.len == 0)
		return text;
	if (memchr(text.s, '<', text.len) != NULL || memchr(text.s, '>', text.len) != NULL)
		*forms |= MAILADDR_COMMENT;
	return text;
}

/* Steps over "@a,@b:"; what follows is read only to name what else is odd. */
static struct span skip_route(struct span text, unsigned *forms)
{
	const char *colon;
	size_t skip;

	if (text.len == 0 || text.s[0] != '@')
		return text;
	colon = memchr(text.s, ':', text.len);
	if (colon == NULL)
		return text;
	*forms |= MAILADDR_ROUTE;
	skip = (size_t)(colon - text.s) + 1;
	return (struct span){text.s + skip, text.len - skip};
}

/* RFC 5322 atext, bytes above ASCII (RFC 6531), dots; % and ! are forms of their own. */
static bool is_local_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c >= 0x80 || strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL;
}

static unsigned check_local(struct span local)
{
	unsigned forms = local.len > LOCAL_MAX_LEN ? MAILADDR_LONG_LOCAL : 0;
	bool dot_before = true; /* so that a leading dot is odd */

	if (local.len == 0)
		return MAILADDR_BAD_LOCAL;
	for (size_t i = 0; i < local.len; i++) {
		bool dot = local.s[i] == '.';

		/* strchr() finds the NUL too */
		if (local.s[i] == '\0' || !is_local_char((unsigned char)local.s[i]))
			return forms | MAILADDR_BAD_LOCAL;
		if (dot && dot_before)
			forms |= MAILADDR_ODD_DOTS;
		dot_before = dot;
	}
	return dot_before ? forms | MAILADDR_ODD_DOTS : forms;
}

static unsigned read_literal(struct span domain, struct addr *out)
{
	if (domain.len < 3 || domain.s[domain.len - 1] != ']' ||
	    !addr_parse(domain.s + 1, domain.len - 2, out))
		return MAILADDR_BAD_DOMAIN;
	return MAILADDR_LITERAL;
}

static unsigned read_domain(struct span domain, char name[NAME_SIZE])
{
	enum name_error e;

	if (domain.len == 0)
		return MAILADDR_MULTI_AT | MAILADDR_BAD_DOMAIN;
	e = name_canonical(domain.s, domain.len, name);
	if (e == NAME_TOO_LONG)
		return MAILADDR_TOO_LONG;
	if (e != NAME_OK || !name_is_spelled_out(domain.s, domain.len, name))
		return MAILADDR_BAD_DOMAIN;
	return domain.s[domain.len - 1] == '.' ? MAILADDR_TRAILING_DOT : 0;
}

static bool is_postmaster(struct span local)
{
	return local.len == strlen("postmaster") &&
	       strncasecmp(local.s, "postmaster", local.len) == 0;
}

/* Splits at the last @ and reads both sides. */
static void read_sides(struct span text, const struct scan *scan, struct span *local,
    char name[NAME_SIZE], struct mailaddr *out)
{
	struct span domain;

	*local = (struct span){text.s, scan->ats == 0 ? text.len : scan->last_at};
	/* In a quoted, escaped or routed local part odd characters are no surprise. */
	if (mailaddr_is_single(out))
		out->forms |= check_local(*local);
	if (scan->ats == 0) {
		out->forms |= MAILADDR_NO_DOMAIN | (is_postmaster(text) ? MAILADDR_POSTMASTER : 0U);
		return;
	}
	domain = (struct span){text.s + scan->last_at + 1, text.len - scan->last_at - 1};
	if (domain.len > 0 && domain.s[0] == '[')
		out->forms |= read_literal(domain, &out->literal);
	else
		out->forms |= read_domain(domain, name);
}

/* What is not sure is not shown: nobody shall compare it by mistake. */
static bool finish(struct span local, const char *name, struct arena *a, struct mailaddr *out)
{
	if (!mailaddr_is_single(out)) {
		out->literal = (struct addr){.family = ADDR_NONE};
		return true;
	}
	out->local = arena_strndup(a, local.s, local.len);
	out->domain = *name == '\0' ? "" : arena_strdup(a, name);
	if (out->local != NULL && out->domain != NULL)
		return true;
	*out = (struct mailaddr){.forms = MAILADDR_TOO_LONG, .local = "", .domain = ""};
	return false;
}

bool mailaddr_parse(const char *text, size_t len, struct arena *a, struct mailaddr *out)
{
	struct span inner, local = {text, 0};
	char name[NAME_SIZE] = "";
	struct scan scan;

	*out = (struct mailaddr){.local = "", .domain = ""};
	if (len > MAILADDR_MAX) {
		out->forms = MAILADDR_TOO_LONG;
		return true;
	}
	inner = unwrap((struct span){text, len}, &out->forms);
	if (inner.len == 0) {
		out->forms |= out->forms == 0 ? MAILADDR_NULL : MAILADDR_BAD_LOCAL;
		return true;
	}
	if (inner.len > PATH_MAX_LEN)
		out->forms |= MAILADDR_TOO_LONG;
	inner = skip_route(inner, &out->forms);
	scan = scan_text(inner);
	out->forms |= scan.forms;
	read_sides(inner, &scan, &local, name, out);
	return finish(local, name, a, out);
}

void mailaddr_forms_text(unsigned forms, char *out, size_t size)
{
	static const struct {
		unsigned form;
		const char *name;
	} names[] = {
	    {MAILADDR_NULL, "null address"},
	    {MAILADDR_NO_BRACKETS, "no brackets"},
	    {MAILADDR_NO_DOMAIN, "no domain"},
	    {MAILADDR_POSTMASTER, "postmaster"},
	    {MAILADDR_TRAILING_DOT, "trailing dot"},
	    {MAILADDR_UTF8, "UTF-8"},
	    {MAILADDR_LITERAL, "address literal"},
	    {MAILADDR_ODD_DOTS, "odd dots"},
	    {MAILADDR_LONG_LOCAL, "long local part"},
	    {MAILADDR_PERCENT, "percent"},
	    {MAILADDR_BANG, "bang"},
	    {MAILADDR_ROUTE, "source route"},
	    {MAILADDR_MULTI_AT, "double at"},
	    {MAILADDR_QUOTED, "quoted"},
	    {MAILADDR_BACKSLASH, "backslash"},
	    {MAILADDR_COMMENT, "comment"},
	    {MAILADDR_CONTROL, "control character or blank"},
	    {MAILADDR_BAD_UTF8, "invalid UTF-8"},
	    {MAILADDR_BAD_LOCAL, "invalid local part"},
	    {MAILADDR_BAD_DOMAIN, "invalid domain"},
	    {MAILADDR_TOO_LONG, "too long"},
	};
	size_t used = 0;

	snprintf(out, size, "plain");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i].name);

		if ((forms & names[i].form) == 0 || used + len + 3 > size)
			continue;
		snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ", names[i].name);
		used += len + (used == 0 ? 0 : 2);
	}
}
