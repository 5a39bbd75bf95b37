#include "tool/daemon_print.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/exit.h"

/* --- JSON ------------------------------------------------------------------------------- */

static bool is_among(const char *word, const char *const *words)
{
	for (; words != NULL && *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static bool is_digits(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len < 19 && strspn(s, "0123456789") == len;
}

/* A key may look like a number and is none. */
static void json_field(struct strbuf *b, const struct control_field *f)
{
	static const char *const times[] = {"at", "started", "loaded", "since", "until", NULL};
	static const char *const texts[] = {
	    "key", "name", "reason", "by", "text", "version", "rate", NULL};
	char when[CLOCK_TEXT_MAX];

	escape_json(b, f->name, strlen(f->name));
	strbuf_putc(b, ':');
	if (is_among(f->name, times) && is_digits(f->value)) {
		long long t = 0;

		(void)sscanf(f->value, "%18lld", &t);
		clock_format(t, when);
		escape_json(b, when, strlen(when));
	} else if (!is_among(f->name, texts) && is_digits(f->value)) {
		strbuf_puts(b, f->value);
	} else {
		escape_json(b, f->value, strlen(f->value));
	}
}

static void json_object(struct strbuf *b, const struct control_line *l)
{
	strbuf_putc(b, '{');
	for (size_t i = 0; i < l->count; i++) {
		if (i > 0)
			strbuf_putc(b, ',');
		json_field(b, &l->fields[i]);
	}
	strbuf_putc(b, '}');
}

static void json_name(struct daemon_json *j, const char *word, const char *plural)
{
	strbuf_printf(&j->b, "%s\n\"%s%s\":", j->any ? "," : "", word, plural);
	j->any = true;
}

static void json_close_array(struct daemon_json *j)
{
	if (j->open[0] != '\0')
		strbuf_puts(&j->b, "]");
	j->open[0] = '\0';
}

void daemon_json_line(void *json, const struct control_line *l)
{
	struct daemon_json *j = json;
	if (j->b.len == 0)
		strbuf_putc(&j->b, '{');
	if (strcmp(j->open, l->word) == 0) {
		strbuf_puts(&j->b, ",\n ");
	} else {
		json_close_array(j);
		json_name(j, l->word, is_among(l->word, j->once) ? "" : "s");
		if (!is_among(l->word, j->once)) {
			strbuf_puts(&j->b, "[\n ");
			memcpy(j->open, l->word, sizeof(j->open));
		}
	}
	json_object(&j->b, l);
}

int daemon_json_end(struct daemon_json *j, const char *const *lists, int code)
{
	char name[CONTROL_WORD_MAX + 8];

	json_close_array(j);
	if (j->b.len == 0)
		strbuf_putc(&j->b, '{');
	for (; lists != NULL && *lists != NULL; lists++) {
		snprintf(name, sizeof(name), "\"%ss\":", *lists);
		if (strstr(strbuf_text(&j->b), name) == NULL) {
			json_name(j, *lists, "s");
			strbuf_puts(&j->b, "[]");
		}
	}
	strbuf_puts(&j->b, "\n}\n");
	if (j->b.failed) {
		fputs("relay-guard: memory is exhausted\n", stderr);
		code = EXIT_INTERNAL;
	} else {
		fputs(strbuf_text(&j->b), stdout);
	}
	strbuf_free(&j->b);
	return code;
}

/* --- a terminal --------------------------------------------------------------------------- */

const char *daemon_field(const struct control_line *l, const char *name, char out[DAEMON_FIELD_MAX])
{
	const char *value = control_value(l, name);
	struct strbuf b = {0};

	if (value != NULL)
		escape_text(&b, value, strlen(value));
	snprintf(out, DAEMON_FIELD_MAX, "%s", strbuf_text(&b));
	strbuf_free(&b);
	return out;
}

const char *daemon_time(const struct control_line *l, const char *name, char out[CLOCK_TEXT_MAX])
{
	int64_t t = control_signed(l, name, 0);

	if (t == 0)
		snprintf(out, CLOCK_TEXT_MAX, "never");
	else
		clock_format(t, out);
	return out;
}

const char *daemon_duration(usec_t t, char out[DAEMON_DURATION_MAX])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t left = t / USEC_PER_SEC;
	struct strbuf b = {0};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (left / units[i].seconds > 0)
			strbuf_printf(
			    &b, "%lld%c", (long long)(left / units[i].seconds), units[i].unit);
		left %= units[i].seconds;
	}
	if (b.len == 0)
		strbuf_puts(&b, t <= 0 ? "0" : "<1s");
	snprintf(out, DAEMON_DURATION_MAX, "%s", strbuf_text(&b));
	strbuf_free(&b);
	return out;
}
