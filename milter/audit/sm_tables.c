/* The files that sendmail.cf names: those of classes, and the text of maps. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "audit/sm_facts.h"

/* --- classes ------------------------------------------------------------------- */

/*
 * "-o /etc/mail/relay-domains %[^\#]": the path, and whether the whole line counts: without a
 * format it is its first word. False: it is no file.
 */
static bool class_path(const char *value, char *out, size_t size, bool *whole)
{
	bool there = sm_take(&value, " \t", out, size);

	if (there && strcmp(out, "-o") == 0)
		there = sm_take(&value, " \t", out, size);
	if (!there || out[0] == '|' || strchr(out, '@') != NULL)
		return false;
	*whole = strstr(value, "%[") != NULL;
	return true;
}

static void read_class(struct sm *sm, const char *name, char *text, const char *file, bool whole)
{
	unsigned line = 0;

	for (char *at = text, *row; (row = strsep(&at, "\n")) != NULL;) {
		const char *words = row;
		char word[256];

		line++;
		row[strcspn(row, "#")] = '\0';
		while (sm_take(&words, " \t\r", word, sizeof(word))) {
			sm_add(sm, SM_CLASS, name, word, file, line);
			if (!whole)
				break;
		}
	}
}

/* The path that Sendmail names and the one that is read, of which the text is put into *text. */
static const char *open_text(struct sm *sm, const char *path, const char *what, char **text)
{
	const char *at = audit_path(&audit_sendmail, &sm->own, &sm->arena, path), *problem;
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

static void read_class_file(struct sm *sm, const struct sm_fact *f)
{
	char path[512], what[80], *text;
	const char *at;
	bool optional = strncmp(f->value, "-o", 2) == 0, whole;

	snprintf(what, sizeof(what), "class {%s}", f->name);
	if (!class_path(f->value, path, sizeof(path), &whole)) {
		findings_note(sm->notes,
		    "%s:%u: class {%s} comes from a program or a directory (%s), which "
		    "is not asked.",
		    f->file, f->line, f->name, f->value);
		return;
	}
	/* A file that need not exist, and does not, says nothing. */
	at = audit_path(&audit_sendmail, &sm->own, &sm->arena, path);
	if (at != NULL && optional && access(at, F_OK) != 0)
		return;
	at = open_text(sm, path, what, &text);
	if (at != NULL && text != NULL)
		read_class(sm, f->name, text, at, whole);
}

/* CR$={VirtHost}: what is in the one class is in the other, too. */
static void join_classes(struct sm *sm)
{
	size_t known = sm->count;

	for (size_t i = 0; i < known; i++) {
		struct sm_fact f = sm->facts[i];
		char name[128];

		if (f.kind != SM_CLASS || strncmp(f.value, "$=", 2) != 0)
			continue;
		snprintf(name, sizeof(name), "%s", f.value + 2 + (f.value[2] == '{'));
		name[f.value[2] == '{' ? strcspn(name, "}") : 1] = '\0';
		for (size_t k = 0; k < known; k++) {
			struct sm_fact word = sm->facts[k];

			if (word.kind == SM_CLASS && strcmp(word.name, name) == 0 &&
			    word.value[0] != '$')
				sm_add(sm, SM_CLASS, f.name, word.value, word.file, word.line);
		}
	}
}

/* --- maps: the access map, the virtusertable ------------------------------------- */

/* A name in a certificate keeps its case, in which the guard compares it. */
static void fold_key(char *key)
{
	bool certificate = strncasecmp(key, "cert", 4) == 0 && strchr(key, '/') != NULL;

	for (; *key != '\0' && !(certificate && *key == ':'); key++)
		if (*key >= 'A' && *key <= 'Z')
			*key = (char)(*key - 'A' + 'a');
}

static void read_map_row(
    struct sm *sm, enum sm_kind kind, char *row, const char *file, unsigned line)
{
	char *value = row + strcspn(row, " \t");
	size_t len;

	if (*row == '#' || *row == '\0' || *value == '\0')
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	for (len = strlen(value); len > 0 && strchr(" \t\r", value[len - 1]) != NULL; len--)
		value[len - 1] = '\0';
	fold_key(row);
	sm_add(sm, kind, row, value, file, line);
}

/* hash -T<TMPF> -o /etc/mail/access: the last word is the path, of the text as well. */
static bool read_map(struct sm *sm, const struct sm_fact *map, enum sm_kind kind, const char *what)
{
	const char *words = map->value, *file;
	char path[512] = "", *text;
	unsigned line = 0;
	size_t len;

	while (sm_take(&words, " \t\n", path, sizeof(path)))
		;
	if (path[0] != '/') {
		findings_note(sm->notes, "%s:%u: %s (%s) is no file of text, and is not judged.",
		    map->file, map->line, what, map->value);
		return false;
	}
	len = strlen(path);
	if (len > 3 && strcmp(path + len - 3, ".db") == 0)
		path[len - 3] = '\0';
	file = open_text(sm, path, what, &text);
	if (file == NULL || text == NULL)
		return false;
	for (char *at = text, *row; (row = strsep(&at, "\n")) != NULL;)
		read_map_row(sm, kind, row, file, ++line);
	return true;
}

static void read_access_map(struct sm *sm, const struct sm_fact *map)
{
	sm->has_access = read_map(sm, map, SM_ENTRY, "the access map") || sm->has_access;
}

/* `Kaccess sequence access1 access2` asks other maps, each in its turn. */
static void read_access(struct sm *sm)
{
	const struct sm_fact *map = sm_last(sm, SM_MAP, "access"), *part;
	const char *words;
	char name[128];

	if (map == NULL)
		return;
	words = map->value;
	if (!sm_take(&words, " \t", name, sizeof(name)) || strcmp(name, "sequence") != 0) {
		read_access_map(sm, map);
		return;
	}
	while (sm_take(&words, " \t\n", name, sizeof(name)))
		if (name[0] != '-' && (part = sm_last(sm, SM_MAP, name)) != NULL)
			read_access_map(sm, part);
}

void sm_read_tables(struct sm *sm)
{
	const struct sm_fact *virtuser;
	size_t known = sm->count;

	for (size_t i = 0; i < known; i++) {
		struct sm_fact f = sm->facts[i];

		if (f.kind == SM_FILE)
			read_class_file(sm, &f);
	}
	join_classes(sm);
	read_access(sm);
	virtuser = sm_last(sm, SM_MAP, "virtuser");
	if (virtuser != NULL)
		(void)read_map(sm, virtuser, SM_VIRTUSER, "the virtusertable");
}
