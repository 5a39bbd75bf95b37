#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/log.h"
#include "check/config.h"
#include "daemon/master.h"

static int run(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT_PATH;
	struct config *config;
	struct diag *diag;
	int option;

	optind = 1;
	while ((option = getopt(argc, argv, "c:")) != -1) {
		if (option != 'c')
			return command_usage(&command_serve, "it takes only -c FILE");
		path = optarg;
	}
	if (optind < argc)
		return command_usage(&command_serve, "\"%s\" is one word too many", argv[optind]);
	if (access(path, F_OK) != 0) {
		fprintf(stderr, "relay-guard serve: %s: there is no such file\n", path);
		return EXIT_NO_INPUT;
	}
	diag = diag_new();
	config = diag == NULL ? NULL : config_load(path, clock_now(), diag);
	if (diag != NULL)
		diag_print(diag, stderr);
	diag_free(&diag);
	if (config == NULL)
		return EXIT_CONFIG;
	log_open_syslog();
	return master_run(path, config);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "[-c FILE]",
    .summary = "Runs the daemon in the foreground",
    .details = "  -c FILE  the configuration, " CONFIG_DEFAULT_PATH " by default\n\n"
	       "SIGHUP reloads, SIGTERM finishes the sessions and stops.\n",
    .run = run,
};
