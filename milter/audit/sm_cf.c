/* The lines of sendmail.cf. */
#include <stdio.h>
#include <string.h>

#include "audit/sm_facts.h"
#include "base/strbuf.h"

enum { LINE_MAX_SIZE = 65536, NAME_MAX_SIZE = 128 };

/* Where the reader stands. */
struct reader {
	struct sm *sm;
	const char *file;
	char ruleset[NAME_MAX_SIZE]; /* "" before the first */
};

/* "w" of `Cwlocalhost`, "VirtHost" of `C{VirtHost} a b`: the name, and what follows it. */
static const char *read_name(const char *text, char name[NAME_MAX_SIZE])
{
	size_t len;

	if (*text != '{') {
		name[0] = *text;
		name[1] = '\0';
		return *text == '\0' ? text : text + 1;
	}
	len = strcspn(text + 1, "}");
	snprintf(name, NAME_MAX_SIZE, "%.*s", (int)(len < NAME_MAX_SIZE ? len : 0), text + 1);
	text += 1 + len;
	return *text == '}' ? text + 1 : text;
}

static void read_option(struct reader *r, const char *text, unsigned line)
{
	char name[NAME_MAX_SIZE];
	size_t len;

	text += strspn(text, " \t");
	len = strcspn(text, "= \t");
	if (len == 0 || len >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	text += len;
	text += strspn(text, " \t");
	if (*text == '=')
		text += 1 + strspn(text + 1, " \t");
	if (strcmp(name, "DaemonPortOptions") == 0)
		sm_add(r->sm, SM_DAEMON, "", text, r->file, line);
	else
		sm_add(r->sm, SM_OPTION, name, text, r->file, line);
}

/* Xrelay-guard, S=unix:/run/relay-guard/milter.sock, F=T */
static void read_filter(struct reader *r, const char *text, unsigned line)
{
	char name[NAME_MAX_SIZE];
	size_t len = strcspn(text, ", \t");

	if (len == 0 || len >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	text += len;
	text += strspn(text, ", \t");
	sm_add(r->sm, SM_FILTER, name, text, r->file, line);
}

static void read_class(struct reader *r, const char *text, unsigned line)
{
	char name[NAME_MAX_SIZE], word[256];

	text = read_name(text, name);
	while (sm_take(&text, " \t", word, sizeof(word)))
		sm_add(r->sm, SM_CLASS, name, word, r->file, line);
}

static void read_named(struct reader *r, enum sm_kind kind, const char *text, unsigned line)
{
	char name[NAME_MAX_SIZE];

	text = read_name(text, name);
	sm_add(r->sm, kind, name, text + strspn(text, " \t"), r->file, line);
}

static void read_map(struct reader *r, const char *text, unsigned line)
{
	char name[NAME_MAX_SIZE];
	size_t len = strcspn(text, " \t");

	if (len == 0 || len >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	text += len;
	sm_add(r->sm, SM_MAP, name, text + strspn(text, " \t"), r->file, line);
}

/* "#####  $Id: relay_mail_from.m4,v ...": m4 says so of each file that it took in. */
static void read_comment(struct reader *r, const char *text, unsigned line)
{
	const char *id = strstr(text, "$Id: ");
	char name[NAME_MAX_SIZE];
	size_t len;

	if (id == NULL)
		return;
	id += strlen("$Id: ");
	len = strcspn(id, ". ");
	if (strncmp(id + len, ".m4,v", 5) != 0 || len >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, id);
	sm_add(r->sm, SM_FEATURE, name, "", r->file, line);
}

static void read_line(struct reader *r, const char *text, unsigned line)
{
	switch (text[0]) {
	case '#':
		read_comment(r, text, line);
		break;
	case 'O':
		read_option(r, text + 1, line);
		break;
	case 'X':
		read_filter(r, text + 1, line);
		break;
	case 'C':
		read_class(r, text + 1, line);
		break;
	case 'F':
		read_named(r, SM_FILE, text + 1, line);
		break;
	case 'D':
		read_named(r, SM_MACRO, text + 1, line);
		break;
	case 'K':
		read_map(r, text + 1, line);
		break;
	case 'S':
		text++;
		if (!sm_take(&text, " \t=#\n", r->ruleset, sizeof(r->ruleset)))
			r->ruleset[0] = '\0';
		break;
	case 'R':
		sm_add(r->sm, SM_RULE, r->ruleset, text + 1, r->file, line);
		break;
	default:
		break;
	}
}

/*
 * A line that begins with a blank goes on with the one before, comments between them or not (they
 * end nothing).
 */
void sm_read_cf(struct sm *sm, const char *text, size_t len, const char *file, unsigned first)
{
	struct reader r = {.sm = sm, .file = file};
	struct strbuf joined = {.max = LINE_MAX_SIZE};
	unsigned line = first, start = first;

	for (size_t at = 0; at < len; line++) {
		const char *row = text + at, *end = memchr(row, '\n', len - at);
		size_t row_len = end == NULL ? len - at : (size_t)(end - row);

		at += row_len + 1;
		if (row_len > 0 && row[row_len - 1] == '\r')
			row_len--;
		if (row_len == 0 || (row[0] != ' ' && row[0] != '\t')) {
			if (joined.len > 0)
				read_line(&r, strbuf_text(&joined), start);
			strbuf_reset(&joined);
			start = line;
		} else if (joined.len > 0) {
			strbuf_putc(&joined, '\n');
		}
		strbuf_add(&joined, row, row_len);
		if (joined.failed) {
			findings_note(sm->notes, "%s:%u: a line of over %d bytes is cut.", file,
			    start, LINE_MAX_SIZE);
			strbuf_free(&joined);
			joined = (struct strbuf){.max = LINE_MAX_SIZE};
		}
	}
	if (joined.len > 0)
		read_line(&r, strbuf_text(&joined), start);
	strbuf_free(&joined);
}
