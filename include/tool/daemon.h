/* What the commands that talk to the running daemon have in common. */
#ifndef TOOL_DAEMON_H
#define TOOL_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/strbuf.h"
#include "wire/control.h"

/* An option of one command besides those that all have. One of both is NULL. */
struct daemon_option {
	const char *name;   /* NULL ends the table */
	const char **value; /* it takes a value */
	bool *flag;
};

enum { DAEMON_OPTIONS_MAX = 8 };

struct daemon_call {
	const struct command *command;
	const char *config; /* NULL: the default path, which need not be there */
	const char *socket; /* NULL: what the configuration says */
	bool json;
	size_t count; /* of what is no option */
	char **arguments;
	char text[CONTROL_LINE_MAX]; /* what the last line of the reply says */
	int fd;                      /* daemon_open() */
};

#define DAEMON_ARGUMENTS "[-c FILE | --socket PATH] [--format text|json]"
#define DAEMON_DETAILS                                                                             \
	"  -c FILE             the configuration, which names the socket\n"                        \
	"  --socket PATH       the control socket itself\n"                                        \
	"  --format text|json  how to print the answer\n"

/* False: wrong usage, told; *code is the exit code. At most `most` arguments. */
bool daemon_options(struct daemon_call *d, int argc, char **argv, const struct daemon_option *own,
    size_t most, int *code);

#define DAEMON_TIMEOUT (15 * USEC_PER_SEC)
#define DAEMON_FOREVER INT64_MAX

/* EXIT_OK, or told as by daemon_ask(): for several requests, each by daemon_talk(). */
int daemon_open(struct daemon_call *d);
void daemon_close(struct daemon_call *d);

/*
 * Sends the lines of `request` and hands each line of the reply but the last to `each` (may be
 * NULL), as it comes. Returns the code of the last line, whose text is in d->text; or
 * EXIT_UNAVAILABLE when no daemon answers, EXIT_AGAIN when it is busy or silent for `timeout`. The
 * text of what is not EXIT_OK was printed on standard error.
 */
int daemon_talk(struct daemon_call *d, const struct strbuf *request, usec_t timeout,
    void (*each)(void *arg, const struct control_line *l), void *arg);

/* The same, over a connection of its own. */
int daemon_ask(struct daemon_call *d, const struct strbuf *request, usec_t timeout,
    void (*each)(void *arg, const struct control_line *l), void *arg);

/* Standard output is written. Returns `code`, or EXIT_INTERNAL, told, when it can't be. */
int daemon_flush(const struct daemon_call *d, int code);

#endif
