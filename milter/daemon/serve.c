#include <stdio.h>
#include <unistd.h>

#include "base/command.h"
#include "base/log.h"
#include "check/config.h"
#include "daemon/master.h"

static int run(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT_PATH;
	struct config *config;
	int option, code;

	optind = 1;
	while ((option = getopt(argc, argv, "c:")) != -1) {
		if (option != 'c')
			return command_usage(&command_serve, "it takes only -c FILE");
		path = optarg;
	}
	if (optind < argc)
		return command_usage(&command_serve, "\"%s\" is one word too many", argv[optind]);
	config = config_load_told(path, &code);
	if (config == NULL)
		return code;
	log_open_syslog();
	return master_run(path, config);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "[-c FILE]",
    .summary = "runs the daemon in the foreground",
    .details = "  -c FILE  the configuration, " CONFIG_DEFAULT_PATH " by default\n\n"
	       "SIGHUP reloads, SIGTERM finishes the sessions and stops.\n",
    .run = run,
};
