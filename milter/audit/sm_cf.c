/* The lines of sendmail.cf. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit/sm_facts.h"
#include "base/strbuf.h"

enum { LINE_MAX_SIZE = 65536, NAME_MAX_SIZE = 128 };

/* Where the reader stands. */
struct reader {
	struct sm *sm;
	const char *file;
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
	while (sm_take(&text, " \t\n", word, sizeof(word)))
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

/*
 * Features that are known by a rule that they alone bring. m4's comment stays where the feature was
 * taken back, and is not there where somebody cleaned up.
 */
static const struct {
	const char *feature, *ruleset, *left; /* without blanks */
} by_rule[] = {{"relay_entire_domain", "Rcpt_ok", "$+<@$*$=m>"},
    {"relay_based_on_MX", "Rcpt_ok", "<$*:$=w.:$*>$*"},
    {"relay_local_from", "Relay_ok", "<?>$+<@$=w>"}, {"relay_mail_from", "Relay_ok", "<@><RELAY>"}};

enum { BY_RULE = sizeof(by_rule) / sizeof(by_rule[0]) };

/* FEATURE(`relay_mail_from', `domain') looks up what is behind the @ as well. */
static bool asks_for_senders_domain(const char *rule)
{
	return strstr(rule, "From>") != NULL &&
	       (strstr(rule, "<D:") != NULL || strstr(rule, "<E:") != NULL);
}

static void read_rule(struct reader *r, const char *text, unsigned line)
{
	char left[64];
	size_t len = 0;

	sm_add(r->sm, SM_RULE, r->sm->ruleset, text, r->file, line);
	for (const char *p = text; *p != '\t' && *p != '\0' && len + 1 < sizeof(left); p++)
		if (*p != ' ')
			left[len++] = *p;
	left[len] = '\0';
	for (size_t i = 0; i < BY_RULE; i++)
		if (strcasecmp(r->sm->ruleset, by_rule[i].ruleset) == 0 &&
		    strcasecmp(left, by_rule[i].left) == 0)
			sm_add(r->sm, SM_FEATURE, by_rule[i].feature, "", r->file, line);
	if (strcasecmp(r->sm->ruleset, "Relay_ok") == 0 && asks_for_senders_domain(text))
		sm_add(r->sm, SM_FEATURE, "relay_mail_from_domain", "", r->file, line);
	if (strchr(text, '\t') == NULL)
		sm_add(r->sm, SM_PROBLEM, "sendmail",
		    "a tab is expected between the two sides of a rule", r->file, line);
}

/* "#####  $Id: access_db.m4,v ...": m4 says so of each file that it took in. */
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
	for (size_t i = 0; i < BY_RULE; i++)
		if (strcmp(name, by_rule[i].feature) == 0)
			return;
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
		if (!sm_take(&text, " \t=#\n", r->sm->ruleset, sizeof(r->sm->ruleset)))
			r->sm->ruleset[0] = '\0';
		break;
	case 'R':
		read_rule(r, text + 1, line);
		break;
	default:
		if ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= '0' && text[0] <= '9'))
			sm_add(r->sm, SM_PROBLEM, "sendmail", "no line of sendmail.cf begins so",
			    r->file, line);
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
