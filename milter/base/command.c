#include "base/command.h"

#include <stdarg.h>
#include <stdio.h>

int command_usage(const struct command *c, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "relay-guard %s: ", c->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nusage: relay-guard %s %s\nSee `relay-guard help %s`.\n", c->name,
	    c->arguments, c->name);
	return EXIT_USAGE;
}
