#include "auth/spf_macro.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

enum {
	NAME_BYTES = 253, /* RFC 7208 7.3: a longer name loses labels on its left */
	TAIL = 2048,      /* of a long expansion, what is kept: only its end can matter */
	PARTS_MAX = 512,
	VALUE_MAX = 1024,
};

/* One piece of a macro-string. */
struct piece {
	enum { LITERAL, MACRO } kind;
	const char *text; /* LITERAL */
	size_t len;
	char letter; /* lower case */
	bool escape; /* the letter was upper case: URL-escape */
	bool reverse;
	unsigned keep;      /* parts from the right; 0: all */
	char delimiters[8]; /* a set; "" is "." */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	return c;
}

/* The digits, `r` and delimiters of a macro. Returns where its brace closes, or NULL. */
static const char *read_transformers(const char *p, const char *end, struct piece *out)
{
	size_t n = 0;

	if (p < end && is_digit(*p)) {
		for (; p < end && is_digit(*p); p++)
			out->keep = out->keep > PARTS_MAX ? out->keep
			                                  : out->keep * 10 + (unsigned)(*p - '0');
		if (out->keep == 0)
			return NULL;
	}
	if (p < end && lower(*p) == 'r') {
		out->reverse = true;
		p++;
	}
	for (; p < end && *p != '\0' && strchr(".-+,/_=", *p) != NULL; p++)
		if (strchr(out->delimiters, *p) == NULL)
			out->delimiters[n++] = *p;
	return p < end && *p == '}' ? p + 1 : NULL;
}

/* Reads what follows a '%'. */
static const char *read_percent(
    const char *p, const char *end, enum spf_macro_place place, struct piece *out)
{
	static const char letters[] = "slodiphv", all_letters[] = "slodiphvcrt";

	if (p == end)
		return NULL;
	out->kind = LITERAL;
	out->len = 1;
	switch (*p) {
	case '%':
		out->text = "%";
		return p + 1;
	case '_':
		out->text = " ";
		return p + 1;
	case '-':
		out->text = "%20";
		out->len = 3;
		return p + 1;
	case '{':
		break;
	default:
		return NULL;
	}
	if (++p == end || !is_alpha(*p))
		return NULL;
	out->kind = MACRO;
	out->letter = lower(*p);
	out->escape = out->letter != *p;
	if (strchr(place == SPF_MACRO_DOMAIN ? letters : all_letters, out->letter) == NULL)
		return NULL;
	return read_transformers(p + 1, end, out);
}

/* Reads one piece at `p`. Returns what follows it; NULL when it is malformed. */
static const char *read_piece(
    const char *p, const char *end, enum spf_macro_place place, struct piece *out)
{
	const char *start = p;

	memset(out, 0, sizeof(*out));
	if (*p == '%')
		return read_percent(p + 1, end, place, out);
	while (p < end && *p != '%' && *p < 0x7f &&
	       (*p > ' ' || (place == SPF_MACRO_EXPLAIN && *p == ' ')))
		p++;
	out->kind = LITERAL;
	out->text = start;
	out->len = (size_t)(p - start);
	return p > start ? p : NULL;
}

bool spf_macro_check(const char *text, size_t len, enum spf_macro_place place)
{
	const char *end = text + len;
	struct piece piece;

	while (text != NULL && text < end)
		text = read_piece(text, end, place, &piece);
	return text != NULL;
}

/* toplabel of RFC 7208 7.1: letters, digits and inner hyphens, not digits alone. */
static bool is_toplabel(const char *s, size_t len)
{
	bool digits = true;

	for (size_t i = 0; i < len; i++) {
		if (!is_alpha(s[i]) && !is_digit(s[i]) && s[i] != '-')
			return false;
		digits = digits && is_digit(s[i]);
	}
	return len > 0 && !digits && s[0] != '-' && s[len - 1] != '-';
}

bool spf_macro_check_domain(const char *text, size_t len)
{
	const char *end = text + len, *p = text;
	struct piece piece = {.kind = LITERAL};
	bool percent = false;
	size_t n;

	while (p != NULL && p < end) {
		percent = *p == '%';
		p = read_piece(p, end, SPF_MACRO_DOMAIN, &piece);
	}
	if (p == NULL || len == 0)
		return false;
	/* domain-end is a macro-expand, `%%` and its like included ... */
	if (percent)
		return true;
	/* ... or a dot and a label, in the last literal. */
	if (piece.text == NULL)
		return false;
	n = piece.len;
	if (piece.text[n - 1] == '.')
		n--;
	for (size_t i = n; i > 0; i--)
		if (piece.text[i - 1] == '.')
			return is_toplabel(piece.text + i, n - i);
	return false;
}

/* --- expansion -------------------------------------------------------------- */

/* RFC 7208 7.3: the letter i. */
static void put_dotted_address(struct strbuf *b, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (a->family != ADDR_V6) {
		addr_format(a, text);
		strbuf_puts(b, text);
		return;
	}
	for (size_t i = 0; i < sizeof(a->bytes); i++)
		strbuf_printf(
		    b, "%s%X.%X", i > 0 ? "." : "", a->bytes[i] >> 4U, a->bytes[i] & 0xfU);
}

static void put_value(struct strbuf *b, char letter, const struct spf_macro_env *env)
{
	char text[ADDR_TEXT_MAX];

	switch (letter) {
	case 's':
		strbuf_puts(b, env->sender);
		break;
	case 'l':
		strbuf_puts(b, env->local);
		break;
	case 'o':
		strbuf_puts(b, env->sender_domain);
		break;
	case 'd':
		strbuf_puts(b, env->domain);
		break;
	case 'h':
		strbuf_puts(b, env->helo);
		break;
	case 'r':
		strbuf_puts(b, env->receiver);
		break;
	case 'p':
		strbuf_puts(b, env->validated(env->arg, env->domain));
		break;
	case 'i':
		put_dotted_address(b, &env->client);
		break;
	case 'c':
		addr_format(&env->client, text);
		strbuf_puts(b, text);
		break;
	case 'v':
		strbuf_puts(b, env->client.family == ADDR_V6 ? "ip6" : "in-addr");
		break;
	default: /* t */
		strbuf_printf(b, "%" PRId64, env->now / USEC_PER_SEC);
		break;
	}
}

static void put_escaped(struct strbuf *b, const char *s, size_t len, bool escape)
{
	for (size_t i = 0; i < len; i++) {
		/* unreserved of RFC 3986 2.3 */
		if (!escape || is_alpha(s[i]) || is_digit(s[i]) ||
		    (s[i] != '\0' && strchr("-._~", s[i]) != NULL))
			strbuf_putc(b, s[i]);
		else
			strbuf_printf(b, "%%%02X", (unsigned)(unsigned char)s[i]);
	}
}

/* Splits at the delimiters, turns round, keeps the last ones, joins by dots. */
static void put_transformed(struct strbuf *b, const struct piece *m, const char *value)
{
	const char *delimiters = m->delimiters[0] == '\0' ? "." : m->delimiters, *p = value;
	const char *parts[PARTS_MAX];
	size_t lengths[PARTS_MAX], count = 0, first;

	do {
		size_t n = count + 1 < PARTS_MAX ? strcspn(p, delimiters) : strlen(p);

		parts[count] = p;
		lengths[count++] = n;
		p += n;
	} while (*p++ != '\0');
	first = m->keep == 0 || m->keep >= count ? 0 : count - m->keep;
	for (size_t i = first; i < count; i++) {
		/* Reversed, the last `keep` parts are the first ones of the value. */
		size_t k = m->reverse ? count - 1 - i : i;

		if (i > first)
			strbuf_putc(b, '.');
		put_escaped(b, parts[k], lengths[k], m->escape);
	}
}

static void put_macro(struct strbuf *b, const struct piece *m, const struct spf_macro_env *env)
{
	struct strbuf value = {.max = VALUE_MAX};

	put_value(&value, m->letter, env);
	put_transformed(b, m, strbuf_text(&value));
	strbuf_free(&value);
}

bool spf_macro_expand(
    const char *text, size_t len, const struct spf_macro_env *env, struct strbuf *out)
{
	const char *end = text + len;
	struct piece piece;

	while (text < end) {
		text = read_piece(text, end, SPF_MACRO_EXPLAIN, &piece);
		if (text == NULL)
			return false;
		if (piece.kind == MACRO)
			put_macro(out, &piece, env);
		else
			strbuf_add(out, piece.text, piece.len);
	}
	return !out->failed;
}

/* Forgets the front of what is far longer than a name can be. */
static void keep_tail(struct strbuf *b)
{
	if (b->len <= 2 * (size_t)TAIL)
		return;
	memmove(b->data, b->data + b->len - TAIL, TAIL);
	b->data[TAIL] = '\0';
	b->len = TAIL;
}

static void cut_left(const struct strbuf *b, char out[DNS_NAME_SIZE])
{
	const char *name = strbuf_text(b), *dot;
	size_t len = b->len;

	if (len > 0 && name[len - 1] == '.')
		len--;
	while (len > NAME_BYTES && (dot = memchr(name, '.', len)) != NULL) {
		len -= (size_t)(dot + 1 - name);
		name = dot + 1;
	}
	/* One label of that length: no such name, whatever is left of it. */
	if (len > NAME_BYTES)
		len = NAME_BYTES;
	memcpy(out, name, len);
	out[len] = '\0';
}

bool spf_macro_domain(
    const char *text, size_t len, const struct spf_macro_env *env, char out[DNS_NAME_SIZE])
{
	const char *end = text + len;
	struct strbuf b = {0};
	bool ok = true;

	while (ok && text < end) {
		struct piece piece;
		const char *next = read_piece(text, end, SPF_MACRO_DOMAIN, &piece);

		ok = next != NULL && spf_macro_expand(text, (size_t)(next - text), env, &b);
		keep_tail(&b);
		text = next;
	}
	out[0] = '\0';
	if (ok)
		cut_left(&b, out);
	strbuf_free(&b);
	return ok;
}
