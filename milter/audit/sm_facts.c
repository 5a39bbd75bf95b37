#include "audit/sm_facts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the list of facts --------------------------------------------------------- */

void sm_add(struct sm *sm, enum sm_kind kind, const char *name, const char *value, const char *file,
    unsigned line)
{
	struct sm_fact f = {
	    kind, arena_strdup(&sm->arena, name), arena_strdup(&sm->arena, value), file, line};

	if (sm->count == sm->room) {
		size_t room = sm->room == 0 ? 256 : sm->room * 2;
		struct sm_fact *more = NULL;

		if (room <= 2 * (size_t)SM_FACTS_MAX)
			more = reallocarray(sm->facts, room, sizeof(*more));
		if (more == NULL) {
			sm->failed = true;
			return;
		}
		sm->facts = more;
		sm->room = room;
	}
	if (f.name == NULL || f.value == NULL || sm->count >= SM_FACTS_MAX)
		sm->failed = true;
	else
		sm->facts[sm->count++] = f;
}

/* A class is another than that of the same letter in the other case. */
static bool is_name(const struct sm_fact *f, const char *name)
{
	if (name == NULL)
		return true;
	if (f->kind == SM_OPTION || f->kind == SM_FEATURE)
		return strcasecmp(f->name, name) == 0;
	return strcmp(f->name, name) == 0;
}

const struct sm_fact *sm_next(
    const struct sm *sm, const struct sm_fact *after, enum sm_kind kind, const char *name)
{
	for (size_t i = after == NULL ? 0 : (size_t)(after - sm->facts) + 1; i < sm->count; i++)
		if (sm->facts[i].kind == kind && is_name(&sm->facts[i], name))
			return &sm->facts[i];
	return NULL;
}

const struct sm_fact *sm_last(const struct sm *sm, enum sm_kind kind, const char *name)
{
	for (size_t i = sm->count; i-- > 0;)
		if (sm->facts[i].kind == kind && is_name(&sm->facts[i], name))
			return &sm->facts[i];
	return NULL;
}

const char *sm_option(const struct sm *sm, const char *name, const char *fallback)
{
	const struct sm_fact *f = sm_last(sm, SM_OPTION, name);

	return f == NULL ? fallback : f->value;
}

const char *sm_version(const struct sm *sm)
{
	const struct sm_fact *f = sm_last(sm, SM_MACRO, "Z");

	if (sm->request->mta_version != NULL)
		return sm->request->mta_version;
	return f == NULL ? "" : f->value;
}

/* --- words ------------------------------------------------------------------------ */

const char *sm_word(const char **at, const char *separators, size_t *len)
{
	const char *word = *at + strspn(*at, separators);

	*len = strcspn(word, separators);
	*at = word + *len;
	return *len == 0 ? NULL : word;
}

static void copy_cut(char *out, size_t size, const char *text, size_t len)
{
	len = len < size ? len : size - 1;
	memcpy(out, text, len);
	out[len] = '\0';
}

bool sm_take(const char **at, const char *separators, char *out, size_t size)
{
	size_t len;
	const char *word = sm_word(at, separators, &len);

	if (word == NULL)
		return false;
	copy_cut(out, size, word, len);
	return true;
}

bool sm_equate(const char *list, const char *key, char *out, size_t size)
{
	size_t len, key_len = strlen(key);

	for (const char *word; (word = sm_word(&list, ",", &len)) != NULL;) {
		size_t skip = strspn(word, " \t\n");
		const char *value;

		if (skip >= len)
			continue;
		word += skip;
		len -= skip;
		if (len <= key_len || strncasecmp(word, key, key_len) != 0)
			continue;
		value = word + key_len;
		value += strspn(value, " \t");
		if (*value != '=' || value >= word + len)
			continue;
		value += 1 + strspn(value + 1, " \t");
		len = value > word + len ? 0 : (size_t)(word + len - value);
		while (len > 0 && strchr(" \t\n", value[len - 1]) != NULL)
			len--;
		copy_cut(out, size, value, len);
		return true;
	}
	return false;
}

/* "192.0.2": as many whole numbers as there are octets. */
static bool read_octets(const char *text, struct prefix *out)
{
	uint8_t octets[4] = {0};
	unsigned n = 0;

	for (const char *p = text; n < 4; n++) {
		char *end;
		unsigned long octet;

		if (*p < '0' || *p > '9')
			return false;
		octet = strtoul(p, &end, 10);
		if (octet > 255 || end - p > 3)
			return false;
		octets[n] = (uint8_t)octet;
		if (*end == '\0' || (*end == '.' && end[1] == '\0')) {
			out->addr = (struct addr){.family = ADDR_V4};
			memcpy(out->addr.bytes, octets, sizeof(octets));
			out->bits = (uint8_t)(8 * (n + 1));
			return true;
		}
		if (*end != '.')
			return false;
		p = end + 1;
	}
	return false;
}

/* "IPv6:2001:db8": whole groups; a trailing colon stands for the rest. */
static bool read_groups(const char *text, struct prefix *out)
{
	char whole[ADDR_TEXT_MAX + 8];
	unsigned groups = 1;
	size_t len = strlen(text);
	struct addr a;

	while (len > 0 && text[len - 1] == ':')
		len--;
	if (len == 0 || len > ADDR_TEXT_MAX)
		return false;
	if (addr_parse(text, len, &a)) {
		*out = prefix_of(&a, 128);
		return true;
	}
	for (size_t i = 0; i < len; i++)
		groups += text[i] == ':';
	snprintf(whole, sizeof(whole), "%.*s::", (int)len, text);
	if (groups >= 8 || !addr_parse(whole, strlen(whole), &a))
		return false;
	*out = prefix_of(&a, 16 * groups);
	return true;
}

bool sm_network(const char *text, struct prefix *out)
{
	size_t len = strlen(text);
	char inner[ADDR_TEXT_MAX + 8];

	if (len > 2 && text[0] == '[' && text[len - 1] == ']' && len < sizeof(inner)) {
		snprintf(inner, sizeof(inner), "%.*s", (int)(len - 2), text + 1);
		text = inner;
	}
	if (strncasecmp(text, "IPv6:", 5) == 0)
		return read_groups(text + 5, out);
	return read_octets(text, out);
}

void sm_free(struct sm *sm)
{
	if (sm->source != NULL)
		sm_free(sm->source);
	free(sm->source);
	free(sm->facts);
	arena_free(&sm->arena);
	*sm = (struct sm){.facts = NULL};
}

void sm_place(const struct sm *sm, const struct sm_fact *f, const char **file, unsigned *line)
{
	const struct sm_fact *there = NULL;

	*file = sm->source != NULL ? sm->source->main_file : sm->main_file;
	*line = 0;
	if (f == NULL)
		return;
	while (sm->source != NULL && (there = sm_next(sm->source, there, f->kind, f->name)) != NULL)
		if (there->line > 0 && (f->kind == SM_FEATURE || f->kind == SM_OPTION ||
					   strcmp(there->value, f->value) == 0))
			break;
	/* An option that sendmail.mc does not have is m4's default: it is to be written there. */
	if (there == NULL && sm->source != NULL && f->kind == SM_OPTION)
		return;
	*file = there != NULL ? there->file : f->file;
	*line = there != NULL ? there->line : f->line;
}
