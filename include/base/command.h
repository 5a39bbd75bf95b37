/* One sub-command, one file; the table of all of them is in milter/main.c. */
#ifndef BASE_COMMAND_H
#define BASE_COMMAND_H

#include "base/exit.h"

struct command {
	const char *name;
	const char *arguments; /* "[-c FILE] [--dump]", for the usage */
	const char *summary;   /* one line, no full stop */
	const char *details;   /* the options, one a line, for `help COMMAND` */
	/* argv[0] is the command's name. Returns an exit code of base/exit.h. */
	int (*run)(int argc, char **argv);
};

extern const struct command command_serve;    /* daemon/serve.c */
extern const struct command command_check;    /* tool/check.c */
extern const struct command command_explain;  /* tool/explain.c */
extern const struct command command_selftest; /* selftest/selftest.c */
extern const struct command command_status;   /* tool/status.c */
extern const struct command command_top;      /* tool/top.c */
extern const struct command command_limits;   /* tool/limits.c */
extern const struct command command_bans;     /* tool/bans.c, with the next two */
extern const struct command command_ban;
extern const struct command command_release;
extern const struct command command_reload; /* tool/reload.c */
extern const struct command command_stop;   /* tool/stop.c */
extern const struct command command_verify; /* tool/verify.c */
extern const struct command command_audit;  /* audit/audit.c */
extern const struct command command_import; /* audit/import_command.c */

/* Prints `relay-guard COMMAND: message` and where to look, and returns EXIT_USAGE. */
int command_usage(const struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
