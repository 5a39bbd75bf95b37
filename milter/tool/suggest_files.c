#include "tool/suggest_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "tool/suggest.h"

struct reading {
	const struct command *command;
	struct suggest *suggest;
	const char *path;
	unsigned long line, events, unreadable;
	char text[EVENT_LINE_MAX + 2];
};

/* Only the first of them: a file of another kind has a million. */
static void tell_unreadable(struct reading *r, const char *expected)
{
	struct strbuf b = {0};

	if (r->unreadable++ > 0)
		return;
	escape_text(&b, r->path, strlen(r->path));
	fprintf(stderr, "relay-guard %s: %s:%lu: found no event; expected %s\n", r->command->name,
	    strbuf_text(&b), r->line, expected);
	strbuf_free(&b);
}

static void skip_rest_of_line(FILE *f)
{
	int c;

	do
		c = getc(f);
	while (c != EOF && c != '\n');
}

/* False: no room for more. */
static bool take_line(struct reading *r, FILE *f)
{
	size_t len = strlen(r->text);
	const char *expected;
	struct event_line e;
	bool ok;

	r->line++;
	if (len > 0 && r->text[len - 1] == '\n')
		len--;
	else if (len == sizeof(r->text) - 1)
		skip_rest_of_line(f);
	if (len == 0)
		return true;
	expected = event_line_read(r->text, len, &e);
	if (expected != NULL) {
		tell_unreadable(r, expected);
		return true;
	}
	r->events++;
	ok = suggest_add(r->suggest, &e);
	event_line_free(&e);
	return ok;
}

static int read_file(struct reading *r, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	int code = EXIT_OK;

	if (f == NULL) {
		fprintf(
		    stderr, "relay-guard %s: %s: %s\n", r->command->name, path, strerror(errno));
		return EXIT_NO_INPUT;
	}
	r->path = path;
	r->line = 0;
	while (code == EXIT_OK && fgets(r->text, sizeof(r->text), f) != NULL)
		if (!take_line(r, f)) {
			fprintf(stderr,
			    "relay-guard %s: %s:%lu: memory is exhausted; give fewer events, such "
			    "as those of a month\n",
			    r->command->name, path, r->line);
			code = EXIT_AGAIN;
		}
	if (code == EXIT_OK && ferror(f)) {
		fprintf(
		    stderr, "relay-guard %s: %s: %s\n", r->command->name, path, strerror(errno));
		code = EXIT_NO_INPUT;
	}
	if (!is_stdin)
		fclose(f);
	return code;
}

static int print(const struct reading *r, bool json)
{
	struct strbuf b = {0};
	int code = EXIT_OK;

	if (json)
		suggest_json(r->suggest, &b);
	else
		suggest_text(r->suggest, &b);
	if (b.failed || fputs(strbuf_text(&b), stdout) == EOF || fflush(stdout) != 0) {
		fprintf(stderr, "relay-guard %s: can't write: %s\n", r->command->name,
		    b.failed ? "memory is exhausted" : strerror(errno));
		code = EXIT_INTERNAL;
	}
	strbuf_free(&b);
	return code;
}

static int finish(const struct reading *r, bool json)
{
	if (r->unreadable > 0)
		fprintf(stderr, "relay-guard %s: %lu lines are no events and are left out\n",
		    r->command->name, r->unreadable);
	if (suggest_recipients(r->suggest) > 0)
		return print(r, json);
	fprintf(stderr,
	    "relay-guard %s: none of %lu events is of an accepted recipient; with `events { "
	    "permitted = yes }` they are recorded\n",
	    r->command->name, r->events);
	return EXIT_DATA;
}

int suggest_files(const struct command *c, char **paths, size_t count, bool json)
{
	struct reading *r = calloc(1, sizeof(*r));
	int code = EXIT_OK;

	if (r == NULL || (r->suggest = suggest_new()) == NULL) {
		free(r);
		fprintf(stderr, "relay-guard %s: memory is exhausted\n", c->name);
		return EXIT_INTERNAL;
	}
	r->command = c;
	for (size_t i = 0; i < count && code == EXIT_OK; i++)
		code = read_file(r, paths[i]);
	if (code == EXIT_OK)
		code = finish(r, json);
	suggest_free(&r->suggest);
	free(r);
	return code;
}
