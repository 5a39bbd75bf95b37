/* The macros of values: $name, ${name?{yes}:{no}}, ${{a} == {b} ? ...} (postconf(5)). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "audit/pf_config.h"
#include "base/strbuf.h"

enum {
	DEPTH_MAX = 20, /* Postfix's own bound on macros within macros is of this size */
	STEPS_MAX = 5000,
	VALUE_MAX = 4 << 20,
};

static const char blanks[] = " \t\r\n\v\f";

static bool expand(const struct pf_view *v, const char *s, size_t len, unsigned depth,
    bool keep_lines, struct strbuf *out);

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The length of what stands within `open` and its partner, from behind the opening one. */
static size_t within(const char *s, size_t len, char open, char close)
{
	unsigned depth = 1;
	size_t n = 0;

	for (; n < len; n++) {
		if (s[n] == open)
			depth++;
		else if (s[n] == close && --depth == 0)
			break;
	}
	return n;
}

static size_t skip_blanks(const char *s, size_t len, size_t at)
{
	while (at < len && strchr(blanks, s[at]) != NULL)
		at++;
	return at;
}

/* A part of a value as text. */
struct span {
	const char *s;
	size_t len;
};

/* `{ text }` at s[*at]: what is within, without blanks around it. False: there is none. */
static bool braced(const char *s, size_t len, size_t *at, struct span *out)
{
	size_t n;

	*at = skip_blanks(s, len, *at);
	if (*at >= len || s[*at] != '{')
		return false;
	n = within(s + *at + 1, len - *at - 1, '{', '}');
	out->s = s + *at + 1;
	out->len = n;
	*at += n + 2;
	if (*at > len)
		*at = len;
	while (out->len > 0 && strchr(blanks, out->s[0]) != NULL) {
		out->s++;
		out->len--;
	}
	while (out->len > 0 && strchr(blanks, out->s[out->len - 1]) != NULL)
		out->len--;
	return true;
}

/* What is behind `?` and `:`: {..} or the rest. */
static void branches(const char *s, size_t len, size_t at, struct span *yes, struct span *no)
{
	char mark = (char)(at < len ? s[at] : '\0');
	struct span *first = mark == ':' ? no : yes;

	*yes = *no = (struct span){"", 0};
	if (mark != '?' && mark != ':')
		return;
	at++;
	if (!braced(s, len, &at, first)) {
		*first = (struct span){s + at, len > at ? len - at : 0};
		return;
	}
	at = skip_blanks(s, len, at);
	if (mark == '?' && at < len && s[at] == ':') {
		at++;
		if (!braced(s, len, &at, no))
			*no = (struct span){s + at, len > at ? len - at : 0};
	}
}

static bool all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static int compare(const char *a, const char *b, bool level)
{
	if (level) {
		pf_version x = pf_version_parse(a), y = pf_version_parse(b);

		return x < y ? -1 : x > y;
	}
	if (all_digits(a) && all_digits(b)) {
		unsigned long x = strtoul(a, NULL, 10), y = strtoul(b, NULL, 10);

		return x < y ? -1 : x > y;
	}
	return strcmp(a, b);
}

static bool holds(const char *op, size_t len, int order)
{
	static const struct {
		const char *op;
		bool less, equal, more;
	} table[] = {{"==", false, true, false}, {"!=", true, false, true},
	    {"<", true, false, false}, {"<=", true, true, false}, {">", false, false, true},
	    {">=", false, true, true}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].op) == len && strncmp(table[i].op, op, len) == 0)
			return order < 0   ? table[i].less
			       : order > 0 ? table[i].more
			                   : table[i].equal;
	return false;
}

/* `{a} OP {b} ? {yes} : {no}` */
static bool expand_condition(
    const struct pf_view *v, const char *s, size_t len, unsigned depth, struct strbuf *out)
{
	struct strbuf left = {.max = VALUE_MAX}, right = {.max = VALUE_MAX};
	struct span a = {"", 0}, b = {"", 0}, yes, no;
	size_t at = 0, op, op_len = 0;
	bool ok, level = false, truth;

	braced(s, len, &at, &a);
	op = at = skip_blanks(s, len, at);
	while (at < len && strchr("=!<>", s[at]) != NULL)
		at++;
	op_len = at - op;
	if (len - at >= 5 && strncmp(s + at, "level", 5) == 0) {
		level = true;
		at += 5;
	}
	braced(s, len, &at, &b);
	at = skip_blanks(s, len, at);
	branches(s, len, at, &yes, &no);
	ok = expand(v, a.s, a.len, depth + 1, false, &left) &&
	     expand(v, b.s, b.len, depth + 1, false, &right);
	truth = holds(s + op, op_len, compare(strbuf_text(&left), strbuf_text(&right), level));
	strbuf_free(&left);
	strbuf_free(&right);
	if (!ok)
		return false;
	return expand(v, truth ? yes.s : no.s, truth ? yes.len : no.len, depth + 1, false, out);
}

/* What stands in ${..} or $(..): NAME, NAME?.., NAME:.., or a condition. */
static bool expand_macro(
    const struct pf_view *v, const char *s, size_t len, unsigned depth, struct strbuf *out)
{
	struct strbuf value = {.max = VALUE_MAX};
	char name[128];
	const char *raw;
	struct span yes, no;
	size_t n = 0, at;
	bool ok = true;

	at = skip_blanks(s, len, 0);
	if (at < len && s[at] == '{')
		return expand_condition(v, s + at, len - at, depth, out);
	s += at;
	len -= at;
	while (n < len && n < sizeof(name) - 1 && is_name_char(s[n]))
		n++;
	memcpy(name, s, n);
	name[n] = '\0';
	raw = pf_raw_value(v, name);
	if (raw != NULL)
		ok = expand(v, raw, strlen(raw), depth + 1, false, &value);
	at = skip_blanks(s, len, n);
	if (at >= len || (s[at] != '?' && s[at] != ':')) {
		strbuf_puts(out, strbuf_text(&value));
	} else {
		bool given = value.len > 0;

		branches(s, len, at, &yes, &no);
		ok = ok && expand(v, given ? yes.s : no.s, given ? yes.len : no.len, depth + 1,
			       false, out);
	}
	strbuf_free(&value);
	return ok;
}

/* `$...` at `s`, the dollar not included; *used becomes how much was taken. */
static bool expand_dollar(const struct pf_view *v, const char *s, size_t len, unsigned depth,
    struct strbuf *out, size_t *used)
{
	size_t n = 0;

	if (len > 0 && (s[0] == '{' || s[0] == '(')) {
		n = within(s + 1, len - 1, s[0], s[0] == '{' ? '}' : ')');
		*used = n + 2 > len ? len : n + 2;
		return expand_macro(v, s + 1, n, depth, out);
	}
	if (len > 0 && s[0] == '$') {
		*used = 1;
		strbuf_putc(out, '$');
		return true;
	}
	while (n < len && is_name_char(s[n]))
		n++;
	*used = n;
	if (n == 0) {
		strbuf_putc(out, '$');
		return true;
	}
	return expand_macro(v, s, n, depth, out);
}

/* False: it does not end, or is too long. */
static bool expand(const struct pf_view *v, const char *s, size_t len, unsigned depth,
    bool keep_lines, struct strbuf *out)
{
	if (depth > DEPTH_MAX || ++v->pf->steps > STEPS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		size_t used = 0;

		if (s[i] != '$') {
			strbuf_putc(out, (char)(s[i] == '\n' && !keep_lines ? ' ' : s[i]));
			continue;
		}
		if (!expand_dollar(v, s + i + 1, len - i - 1, depth, out, &used))
			return false;
		for (size_t k = 0; keep_lines && k < used; k++)
			if (s[i + 1 + k] == '\n')
				strbuf_putc(out, '\n');
		i += used;
	}
	return !out->failed;
}

const char *pf_expand(const struct pf_view *v, const char *text)
{
	struct strbuf b = {.max = VALUE_MAX};
	const char *copy;

	v->pf->steps = 0;
	if (!expand(v, text, strlen(text), 0, true, &b))
		pf_note(v->pf, "The macros of \"%.60s\" do not end; what is beyond was left out.",
		    text);
	while (b.len > 0 && strchr(blanks, b.data[b.len - 1]) != NULL)
		b.data[--b.len] = '\0';
	copy = arena_strdup(&v->pf->arena, strbuf_text(&b));
	strbuf_free(&b);
	return copy == NULL ? "" : copy;
}
