/* What the command line of `relay-guard selftest` asks for. */
#ifndef SELFTEST_OPTIONS_H
#define SELFTEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "selftest/report.h"

#define SELFTEST_HOST_SIZE 256
#define SELFTEST_PASSWORD_SIZE 512

struct selftest_options {
	const char *config; /* NULL: the default, if it is there */
	const char *milter; /* as written; NULL: not given */
	bool smtp;
	char host[SELFTEST_HOST_SIZE]; /* of --smtp */
	uint16_t port;
	const char *domain, *outside; /* NULL: not given */
	struct addr source;           /* ADDR_NONE: not given */
	const char *login;
	char password[SELFTEST_PASSWORD_SIZE];
	usec_t timeout;
	bool list, quiet, verbose;
	enum report_format format;
};

/* False: *code is the exit code, and what is wrong was told. */
bool selftest_read_options(int argc, char **argv, struct selftest_options *o, int *code);

#endif
