#include "auth/spf_record.h"

#include <arpa/inet.h>
#include <string.h>

#include "auth/spf_macro.h"

static const char version[] = "v=spf1";

enum { VERSION_LEN = sizeof(version) - 1 };

/* What may follow the name of a mechanism. */
enum argument { NONE, OPTIONAL, REQUIRED };

static const struct {
	const char *name;
	enum spf_mechanism kind;
	enum argument domain;
	bool cidr;
} mechanisms[] = {
    {"all", SPF_ALL, NONE, false},
    {"include", SPF_INCLUDE, REQUIRED, false},
    {"a", SPF_A, OPTIONAL, true},
    {"mx", SPF_MX, OPTIONAL, true},
    {"ptr", SPF_PTR, OPTIONAL, false},
    {"ip4", SPF_IP4, REQUIRED, true},
    {"ip6", SPF_IP6, REQUIRED, true},
    {"exists", SPF_EXISTS, REQUIRED, false},
};

bool spf_mechanism_asks_dns(enum spf_mechanism m)
{
	return m != SPF_ALL && m != SPF_IP4 && m != SPF_IP6;
}

bool spf_record_is_spf(const char *text, size_t len)
{
	return len >= VERSION_LEN && strncasecmp(text, version, VERSION_LEN) == 0 &&
	       (len == VERSION_LEN || text[VERSION_LEN] == ' ');
}

static bool is(const struct spf_text *t, const char *word)
{
	return t->len == strlen(word) && strncasecmp(t->text, word, t->len) == 0;
}

/*
 * Takes "/N" (without leading zeros, up to `max`) off the end of `t`. What looks different stays
 * and is then no domain-spec.
 */
static bool take_length(struct spf_text *t, unsigned max, uint8_t *bits)
{
	unsigned value = 0, scale = 1;
	size_t digits = 0;

	while (digits < t->len && digits < 4 && t->text[t->len - 1 - digits] >= '0' &&
	       t->text[t->len - 1 - digits] <= '9') {
		value += (unsigned)(t->text[t->len - 1 - digits] - '0') * scale;
		scale *= 10;
		digits++;
	}
	if (digits == 0 || digits == 4 || digits == t->len || value > max ||
	    (digits > 1 && t->text[t->len - digits] == '0') || t->text[t->len - 1 - digits] != '/')
		return false;
	*bits = (uint8_t)value;
	t->len -= digits + 1;
	return true;
}

/* dual-cidr-length: [ "/" 0-32 ] [ "//" 0-128 ]. */
static void take_dual_length(struct spf_text *t, uint8_t *bits4, uint8_t *bits6)
{
	struct spf_text rest = *t;

	*bits4 = 32;
	*bits6 = 128;
	if (take_length(&rest, 128, bits6) && rest.len > 0 && rest.text[rest.len - 1] == '/') {
		rest.len--;
		*t = rest;
	} else {
		*bits6 = 128;
	}
	take_length(t, 32, bits4);
}

static const char *read_network(struct spf_term *term, struct spf_text arg)
{
	bool v4 = term->kind == SPF_IP4;
	uint8_t bits = v4 ? 32 : 128;
	struct addr addr = {.family = v4 ? ADDR_V4 : ADDR_V6};
	char text[ADDR_TEXT_MAX];

	take_length(&arg, bits, &bits);
	if (arg.len >= sizeof(text) || memchr(arg.text, '\0', arg.len) != NULL)
		return "an address was expected";
	memcpy(text, arg.text, arg.len);
	text[arg.len] = '\0';
	/* An IPv4-mapped network stays one of IPv6: no client matches it. inet_pton() wants four
	 * decimal numbers, and takes leading zeros for a mistake. */
	if (inet_pton(v4 ? AF_INET : AF_INET6, text, addr.bytes) != 1)
		return v4 ? "an IPv4 address, and a length of 0 to 32 after /, was expected"
		          : "an IPv6 address, and a length of 0 to 128 after /, was expected";
	term->network = prefix_of(&addr, bits);
	return NULL;
}

/* The rest of a mechanism, behind its name. Returns what is wrong, or NULL. */
static const char *read_argument(
    struct spf_term *term, struct spf_text rest, enum argument domain, bool cidr)
{
	bool colon = rest.len > 0 && rest.text[0] == ':';

	if (colon && domain == NONE)
		return "this mechanism takes no domain";
	if (colon && (term->kind == SPF_IP4 || term->kind == SPF_IP6)) {
		rest.text++;
		rest.len--;
		return read_network(term, rest);
	}
	if (cidr)
		take_dual_length(&rest, &term->bits4, &term->bits6);
	if (rest.len == 0)
		return domain == REQUIRED ? "this mechanism needs a value after `:`" : NULL;
	if (!colon)
		return "neither a domain after `:` nor a length after `/`";
	term->domain = (struct spf_text){rest.text + 1, rest.len - 1};
	return spf_macro_check_domain(term->domain.text, term->domain.len)
	           ? NULL
	           : "not a domain, or a macro in it is malformed";
}

static const char *read_mechanism(struct spf_term *term, struct spf_text t)
{
	struct spf_text name = t;

	term->qualifier = '+';
	if (t.len > 0 && t.text[0] != '\0' && strchr("+-~?", t.text[0]) != NULL) {
		term->qualifier = t.text[0];
		name = (struct spf_text){t.text + 1, t.len - 1};
	}
	t = name;
	name.len = 0;
	while (name.len < t.len && t.text[name.len] != ':' && t.text[name.len] != '/')
		name.len++;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (!is(&name, mechanisms[i].name))
			continue;
		term->kind = mechanisms[i].kind;
		return read_argument(term, (struct spf_text){t.text + name.len, t.len - name.len},
		    mechanisms[i].domain, mechanisms[i].cidr);
	}
	return "no such mechanism";
}

/* The length of a modifier's name when `t` is NAME=..., else 0. */
static size_t modifier_name(const struct spf_text *t)
{
	for (size_t i = 0; i < t->len; i++) {
		char c = t->text[i];
		bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (c == '=')
			return i;
		if (!alpha &&
		    (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')))
			return 0;
	}
	return 0;
}

static const char *read_modifier(struct spf_record *r, struct spf_text t, size_t name_len)
{
	struct spf_text name = {t.text, name_len};
	struct spf_text value = {t.text + name_len + 1, t.len - name_len - 1};
	bool redirect = is(&name, "redirect");

	if (!redirect && !is(&name, "exp"))
		return spf_macro_check(value.text, value.len, SPF_MACRO_MODIFIER)
		           ? NULL
		           : "the modifier's value is malformed";
	if ((redirect ? r->redirect.domain.text : r->exp.text) != NULL)
		return "this modifier may stand only once";
	if (!spf_macro_check_domain(value.text, value.len))
		return "not a domain, or a macro in it is malformed";
	if (redirect)
		r->redirect = (struct spf_term){
		    .kind = SPF_REDIRECT, .qualifier = '+', .as_written = t, .domain = value};
	else
		r->exp = value;
	return NULL;
}

/* The next term; false at the end. Only a space is a space. */
static bool next_term(struct spf_text *rest, struct spf_text *term)
{
	while (rest->len > 0 && *rest->text == ' ') {
		rest->text++;
		rest->len--;
	}
	*term = (struct spf_text){rest->text, 0};
	while (term->len < rest->len && term->text[term->len] != ' ')
		term->len++;
	rest->text += term->len;
	rest->len -= term->len;
	return term->len > 0;
}

bool spf_record_read(const char *text, size_t len, struct arena *a, struct spf_record *out,
    struct spf_record_error *error)
{
	struct spf_text rest = {text + VERSION_LEN, len - VERSION_LEN}, count = rest, t;
	struct spf_term *terms;
	size_t n = 0;

	memset(out, 0, sizeof(*out));
	memset(error, 0, sizeof(*error));
	while (next_term(&count, &t))
		n++;
	terms = arena_alloc(a, (n + 1) * sizeof(*terms));
	if (terms == NULL) {
		error->what = "no memory";
		return false;
	}
	out->terms = terms;
	while (next_term(&rest, &t)) {
		size_t name_len = modifier_name(&t);
		struct spf_term *term = &terms[out->count];

		term->as_written = t;
		error->term = t;
		error->what =
		    name_len > 0 ? read_modifier(out, t, name_len) : read_mechanism(term, t);
		if (error->what != NULL)
			return false;
		if (name_len == 0)
			out->count++;
	}
	return true;
}
