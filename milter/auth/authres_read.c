/* Reads Authentication-Results that others wrote (RFC 8601 2.2). */
#include <string.h>
#include <strings.h>

#include "auth/authres.h"
#include "auth/cfws.h"

enum { RESULTS_MAX = 100, PROPERTIES_MAX = 50, STRING_MAX = 1024 };

/* What is left of the value. */
struct cursor {
	const char *at, *end;
	struct arena *arena;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_cfws(struct cursor *c)
{
	c->at = cfws_skip(c->at, c->end);
}

static bool next_is(struct cursor *c, char want)
{
	skip_cfws(c);
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	skip_cfws(c);
	return true;
}

static bool is_keyword(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* Letters, digits, '-' and '_', lower-cased. NULL where there is none, or no memory. */
static const char *read_keyword(struct cursor *c)
{
	const char *start = c->at;
	char *text;

	while (c->at < c->end && is_keyword(*c->at))
		c->at++;
	if (c->at == start || c->at - start > STRING_MAX)
		return NULL;
	text = arena_strndup(c->arena, start, (size_t)(c->at - start));
	for (char *p = text; p != NULL && *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	return text;
}

/* A quoted string, a run of anything else, or both: "local part"@domain. */
static const char *read_value(struct cursor *c)
{
	char text[STRING_MAX];
	size_t len = 0;
	bool quoted = false;

	for (; c->at < c->end && *c->at != '\0' && len < sizeof(text); c->at++) {
		if (*c->at == '"') {
			quoted = !quoted;
			continue;
		}
		if (!quoted && (is_space(*c->at) || *c->at == ';' || *c->at == '('))
			break;
		if (quoted && *c->at == '\\' && c->at + 1 < c->end && c->at[1] != '\0')
			c->at++;
		if (*c->at != '\r' && *c->at != '\n')
			text[len++] = *c->at;
	}
	if (quoted || len == sizeof(text))
		return NULL;
	return arena_strndup(c->arena, text, len);
}

static void skip_word(struct cursor *c)
{
	while (c->at < c->end && !is_space(*c->at) && *c->at != ';' && *c->at != '(')
		c->at++;
}

/* ptype.property=value. True too where there was only a word, which is passed over. */
static bool read_pair(struct cursor *c, struct authres_pair *out)
{
	const char *name = read_keyword(c);

	*out = (struct authres_pair){.ptype = ""};
	if (name != NULL && next_is(c, '.')) {
		out->ptype = name;
		name = read_keyword(c);
	}
	if (name == NULL || !next_is(c, '=')) {
		skip_word(c);
		return true;
	}
	out->name = name;
	out->value = read_value(c);
	return out->value != NULL;
}

static bool read_entry(struct cursor *c, struct authres_entry *e)
{
	struct authres_pair pairs[PROPERTIES_MAX], *kept;

	*e = (struct authres_entry){.method = read_keyword(c)};
	if (e->method != NULL && next_is(c, '/')) {
		read_keyword(c);
		skip_cfws(c);
	}
	if (e->method == NULL || !next_is(c, '=') || (e->result = read_keyword(c)) == NULL)
		return false;
	for (skip_cfws(c); c->at < c->end && *c->at != ';'; skip_cfws(c)) {
		if (*c->at == '\0' || e->count == PROPERTIES_MAX || !read_pair(c, &pairs[e->count]))
			return false;
		if (pairs[e->count].name == NULL)
			continue;
		if (pairs[e->count].ptype[0] == '\0' && strcmp(pairs[e->count].name, "reason") == 0)
			e->reason = pairs[e->count].value;
		else
			e->count++;
	}
	kept = arena_alloc(c->arena, (e->count + 1) * sizeof(*kept));
	if (kept == NULL)
		return false;
	memcpy(kept, pairs, e->count * sizeof(*kept));
	e->properties = kept;
	return true;
}

/* "none" in place of all results. */
static bool is_none(struct cursor *c)
{
	struct cursor look = *c;
	const char *word = read_keyword(&look);

	skip_cfws(&look);
	if (word == NULL || strcmp(word, "none") != 0 || look.at < look.end)
		return false;
	*c = look;
	return true;
}

static bool read_id(struct cursor *c, struct authres_field *out)
{
	bool quoted;

	skip_cfws(c);
	quoted = c->at < c->end && *c->at == '"';
	out->authserv_id = read_value(c);
	if (out->authserv_id == NULL || out->authserv_id[0] == '\0')
		return false;
	/* A result where the name should be. */
	if (!quoted && strchr(out->authserv_id, '=') != NULL)
		return false;
	skip_cfws(c);
	/* The version. */
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return true;
}

bool authres_read(const char *value, size_t len, struct arena *a, struct authres_field *out)
{
	struct cursor c = {.at = value, .end = value + len, .arena = a};
	struct authres_entry *entries = arena_alloc(a, RESULTS_MAX * sizeof(*entries));

	*out = (struct authres_field){.authserv_id = "", .results = entries};
	if (entries == NULL || !read_id(&c, out)) {
		out->authserv_id = "";
		return false;
	}
	while (next_is(&c, ';')) {
		if (c.at == c.end || is_none(&c))
			break;
		if (out->count == RESULTS_MAX || !read_entry(&c, &entries[out->count]))
			return false;
		out->count++;
	}
	return c.at == c.end;
}

const char *authres_value(const struct authres_entry *e, const char *ptype, const char *name)
{
	for (size_t i = 0; i < e->count; i++)
		if (strcmp(e->properties[i].ptype, ptype) == 0 &&
		    strcmp(e->properties[i].name, name) == 0)
			return e->properties[i].value;
	return NULL;
}
