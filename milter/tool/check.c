/* `relay-guard check`: is the configuration right, and what does it say? */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "check/config.h"

struct options {
	const char *path;
	bool dump, json;
};

static void print_json(struct diag *diag)
{
	const struct diag_message *m;
	struct strbuf b = {0};

	strbuf_putc(&b, '[');
	for (size_t i = 0; (m = diag_get(diag, i)) != NULL; i++) {
		strbuf_puts(&b, i == 0 ? "\n{\"file\":" : ",\n{\"file\":");
		escape_json(&b, m->where.file, strlen(m->where.file));
		strbuf_printf(&b,
		    ",\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"text\":", m->where.line,
		    m->where.column, m->severity == DIAG_ERROR ? "error" : "warning");
		escape_json(&b, m->text, strlen(m->text));
		strbuf_putc(&b, '}');
	}
	strbuf_puts(&b, diag_get(diag, 0) == NULL ? "]\n" : "\n]\n");
	fputs(strbuf_text(&b), stdout);
	strbuf_free(&b);
}

static void print_summary(const char *path, const struct diag *diag)
{
	size_t warnings = diag_warnings(diag);

	if (warnings == 0)
		printf("%s: no errors\n", path);
	else
		printf("%s: no errors, %zu warning%s\n", path, warnings, warnings == 1 ? "" : "s");
}

static int print_dump(const struct config *c)
{
	struct strbuf b = {0};
	int code = EXIT_OK;

	conf_dump(c->doc, &b);
	if (b.failed) {
		fputs("relay-guard check: out of memory\n", stderr);
		code = EXIT_INTERNAL;
	} else {
		fputs(strbuf_text(&b), stdout);
	}
	strbuf_free(&b);
	return code;
}

static int report(const struct options *o, const struct config *c, struct diag *diag)
{
	if (o->json)
		print_json(diag);
	else
		diag_print(diag, stderr);
	if (c == NULL)
		return access(o->path, R_OK) == 0 ? EXIT_CONFIG : EXIT_NO_INPUT;
	if (o->dump)
		return print_dump(c);
	if (!o->json)
		print_summary(o->path, diag);
	return EXIT_OK;
}

/* False: *code is the exit code. */
static bool read_options(int argc, char **argv, struct options *o, int *code)
{
	static const struct option longs[] = {{"dump", no_argument, NULL, 'd'},
	    {"format", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	int c;

	*code = EXIT_OK;
	optind = 0; /* from the start, also where another command has read options before */
	opterr = 0;
	while (*code == EXIT_OK && (c = getopt_long(argc, argv, "+:c:", longs, NULL)) != -1) {
		if (c == 'c')
			o->path = optarg;
		else if (c == 'd')
			o->dump = true;
		else if (c == 'f' && strcmp(optarg, "json") == 0)
			o->json = true;
		else if (c == 'f' && strcmp(optarg, "text") == 0)
			o->json = false;
		else if (c == 'f')
			*code = command_usage(
			    &command_check, "found --format %s; expected text or json", optarg);
		else if (c == ':')
			*code = command_usage(&command_check, "%s needs a value", argv[optind - 1]);
		else
			*code = command_usage(
			    &command_check, "there is no option %s", argv[optind - 1]);
	}
	if (*code == EXIT_OK && optind < argc)
		*code = command_usage(&command_check,
		    "found the argument %s; expected none (the file goes with -c)", argv[optind]);
	if (*code == EXIT_OK && o->dump && o->json)
		*code = command_usage(&command_check,
		    "--dump prints the configuration's own syntax; it does not go with --format "
		    "json");
	return *code == EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct options o = {.path = CONFIG_DEFAULT_PATH};
	struct config *c;
	struct diag *diag;
	int code;

	if (!read_options(argc, argv, &o, &code))
		return code;
	diag = diag_new();
	if (diag == NULL) {
		fputs("relay-guard check: out of memory\n", stderr);
		return EXIT_INTERNAL;
	}
	c = config_load(o.path, clock_now(), diag);
	code = report(&o, c, diag);
	config_free(&c);
	diag_free(&diag);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "relay-guard check: can't write: %s\n", strerror(errno));
		code = EXIT_INTERNAL;
	}
	return code;
}

const struct command command_check = {
    .name = "check",
    .arguments = "[-c FILE] [--dump] [--format text|json]",
    .summary = "reads the configuration and says what is wrong",
    .details = "  -c FILE             the configuration (" CONFIG_DEFAULT_PATH ")\n"
	       "  --dump              prints what is in effect, defaults included\n"
	       "  --format text|json  text: errors on standard error; json: on standard output\n",
    .run = run,
};
