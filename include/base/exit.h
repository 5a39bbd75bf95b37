/* Exit codes: promises to scripts. Numbers as in sysexits. */
#ifndef BASE_EXIT_H
#define BASE_EXIT_H

enum exit_code {
	EXIT_OK = 0,
	EXIT_FINDING = 1, /* a finding, a failed probe, a refusal */
	EXIT_USAGE = 64,
	EXIT_DATA = 65,        /* bad input data */
	EXIT_NO_INPUT = 66,    /* no such input */
	EXIT_UNAVAILABLE = 69, /* a service is not there */
	EXIT_INTERNAL = 70,
	EXIT_AGAIN = 75,  /* try again */
	EXIT_CONFIG = 78, /* wrong configuration */
};

#endif
