#include "audit/sm_facts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/exit.h"

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

/* --- files of classes, and the access map -------------------------------------------- */

/* "-o /etc/mail/relay-domains %[^\#]": only the path is of use. False: it is no file. */
static bool class_path(const char *value, char *out, size_t size)
{
	size_t len;
	const char *word = sm_word(&value, " \t", &len);

	if (word != NULL && len == 2 && memcmp(word, "-o", 2) == 0)
		word = sm_word(&value, " \t", &len);
	if (word == NULL || word[0] == '|' || word[0] == '@')
		return false;
	copy_cut(out, size, word, len);
	return true;
}

static void read_class(struct sm *sm, const char *name, char *text, const char *file)
{
	unsigned line = 0;

	for (char *at = text, *row; (row = strsep(&at, "\n")) != NULL;) {
		const char *words = row;
		char word[256];

		line++;
		row[strcspn(row, "#")] = '\0';
		while (sm_take(&words, " \t\r", word, sizeof(word)))
			sm_add(sm, SM_CLASS, name, word, file, line);
	}
}

/* The path that Sendmail names and the one that is read, of which the text is put into *text. */
static const char *open_text(struct sm *sm, const char *path, const char *what, char **text)
{
	const char *at = audit_path(&audit_sendmail, sm->request, &sm->arena, path), *problem;
	size_t len;

	*text = at == NULL ? NULL : audit_read(&sm->arena, at, &len, &problem);
	if (at == NULL)
		sm->failed = true;
	else if (*text == NULL)
		findings_note(sm->notes, "%s (%s) is not judged: %s.", at, what, problem);
	else if (memchr(*text, '\0', len) != NULL) {
		findings_note(sm->notes, "%s (%s) is not judged: it is no text.", at, what);
		*text = NULL;
	}
	return at;
}

static void read_class_files(struct sm *sm)
{
	size_t known = sm->count;

	for (size_t i = 0; i < known; i++) {
		struct sm_fact f = sm->facts[i];
		char path[512], what[80], *text;
		const char *at;
		bool optional = strncmp(f.value, "-o", 2) == 0;

		if (f.kind != SM_FILE)
			continue;
		snprintf(what, sizeof(what), "class {%s}", f.name);
		if (!class_path(f.value, path, sizeof(path))) {
			findings_note(sm->notes,
			    "%s:%u: class {%s} comes from a program or a directory (%s), which "
			    "is not asked.",
			    f.file, f.line, f.name, f.value);
			continue;
		}
		/* A file that need not exist, and does not, says nothing. */
		at = audit_path(&audit_sendmail, sm->request, &sm->arena, path);
		if (at != NULL && optional && access(at, F_OK) != 0)
			continue;
		at = open_text(sm, path, what, &text);
		if (at != NULL && text != NULL)
			read_class(sm, f.name, text, at);
	}
}

static void read_access_row(struct sm *sm, char *row, const char *file, unsigned line)
{
	char *value = row + strcspn(row, " \t");
	size_t len;

	if (*row == '#' || *row == '\0' || *value == '\0')
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	for (len = strlen(value); len > 0 && strchr(" \t\r", value[len - 1]) != NULL; len--)
		value[len - 1] = '\0';
	for (char *p = row; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	sm_add(sm, SM_ENTRY, row, value, file, line);
}

/* hash -T<TMPF> -o /etc/mail/access: the last word is the path, of the text as well. */
static void read_access(struct sm *sm)
{
	const struct sm_fact *map = sm_last(sm, SM_MAP, "access");
	const char *path, *file;
	unsigned line = 0;
	char *text;

	if (map == NULL)
		return;
	path = strrchr(map->value, ' ');
	path = path == NULL ? map->value : path + 1;
	if (path[0] != '/') {
		findings_note(sm->notes, "%s:%u: the access map (%s) is no file of text.",
		    map->file, map->line, map->value);
		return;
	}
	file = open_text(sm, path, "the access map", &text);
	if (file == NULL || text == NULL)
		return;
	sm->has_access = true;
	for (char *at = text, *row; (row = strsep(&at, "\n")) != NULL;)
		read_access_row(sm, row, file, ++line);
}

/* --- loading ---------------------------------------------------------------------------- */

static char *read_main(
    struct sm *sm, const char *name, const char **path, size_t *len, const char **problem)
{
	*path = arena_printf(&sm->arena, "%s/%s", sm->request->config_dir, name);
	*problem = "out of memory";
	return *path == NULL ? NULL : audit_read(&sm->arena, *path, len, problem);
}

/* sendmail.mc beside sendmail.cf. Its notes are of no use: what holds is in sendmail.cf. */
static void read_source(struct sm *sm, const char *text, size_t len, const char *path)
{
	struct findings unheard = {.count = 0};

	sm->source = calloc(1, sizeof(*sm->source));
	if (sm->source == NULL) {
		sm->failed = true;
		return;
	}
	*sm->source = (struct sm){
	    .request = sm->request, .notes = &unheard, .main_file = path, .from_mc = true};
	sm_read_mc(sm->source, text, len, path);
	sm->source->notes = NULL;
	findings_free(&unheard);
}

int sm_load(
    struct sm *sm, const struct audit_request *r, struct findings *notes, const char *command)
{
	const char *cf_path, *mc_path, *cf_problem, *mc_problem;
	size_t cf_len = 0, mc_len = 0;
	char *cf, *mc;

	*sm = (struct sm){.request = r, .notes = notes};
	cf = read_main(sm, "sendmail.cf", &cf_path, &cf_len, &cf_problem);
	mc = read_main(sm, "sendmail.mc", &mc_path, &mc_len, &mc_problem);
	if (cf == NULL && mc == NULL) {
		fprintf(stderr,
		    "relay-guard %s: %s/sendmail.cf: %s; sendmail.mc: %s; expected one of them: "
		    "name "
		    "their folder with --config-dir\n",
		    command, r->config_dir, cf_problem, mc_problem);
		return EXIT_NO_INPUT;
	}
	sm->main_file = cf != NULL ? cf_path : mc_path;
	sm->from_mc = cf == NULL;
	if (cf != NULL) {
		sm_read_cf(sm, cf, cf_len, cf_path, 1);
	} else {
		sm_read_mc(sm, mc, mc_len, mc_path);
		findings_note(notes,
		    "There is no sendmail.cf (%s): sendmail.mc was read, without m4. What it "
		    "includes was not.",
		    cf_problem);
	}
	if (cf != NULL && mc != NULL)
		read_source(sm, mc, mc_len, mc_path);
	read_class_files(sm);
	read_access(sm);
	return EXIT_OK;
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

	*file = sm->main_file;
	*line = 0;
	if (f == NULL)
		return;
	while (sm->source != NULL && (there = sm_next(sm->source, there, f->kind, f->name)) != NULL)
		if (there->line > 0 && (f->kind == SM_FEATURE || f->kind == SM_OPTION ||
					   strcmp(there->value, f->value) == 0))
			break;
	*file = there != NULL ? there->file : f->file;
	*line = there != NULL ? there->line : f->line;
}
