/* `relay-guard limits --suggest EVENTS...`. */
#ifndef TOOL_SUGGEST_FILES_H
#define TOOL_SUGGEST_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/command.h"

/* Reads the files ("-" is standard input) and prints. Returns an exit code of base/exit.h. */
int suggest_files(const struct command *c, char **paths, size_t count, bool json);

#endif
