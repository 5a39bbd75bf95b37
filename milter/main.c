/* The table of sub-commands: it dispatches, and it prints the usage. */
#include <stdio.h>
#include <string.h>

#include "base/command.h"

static const struct command *const commands[] = {
    &command_serve,
    &command_check,
    &command_explain,
    &command_selftest,
    &command_audit,
    &command_import,
    &command_verify,
    &command_status,
    &command_top,
    &command_limits,
    &command_bans,
    &command_ban,
    &command_release,
    &command_reload,
    &command_stop,
    NULL,
};

static void print_usage(FILE *to)
{
	fputs("usage: relay-guard COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help       shows this, or with COMMAND, that command's options\n\n"
	      "`relay-guard --version` prints the version.\n",
	    to);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	fprintf(stderr, "relay-guard: `%s` is no command; `relay-guard help` lists them\n", name);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 3 || strcmp(argv[2], "help") == 0) {
		print_usage(stdout);
		return EXIT_OK;
	}
	c = find(argv[2]);
	if (c == NULL)
		return unknown(argv[2]);
	printf(
	    "usage: relay-guard %s %s\n\n%s.\n\n%s", c->name, c->arguments, c->summary, c->details);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("relay-guard " VERSION);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return help(argc, argv);
	c = find(argv[1]);
	return c == NULL ? unknown(argv[1]) : c->run(argc - 1, argv + 1);
}
