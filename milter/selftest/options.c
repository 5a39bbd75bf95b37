#include "selftest/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command.h"
#include "base/names.h"
#include "conf/units.h"

#define PASSWORD_VARIABLE "RELAY_GUARD_PASSWORD"
#define TIMEOUT_DEFAULT (10 * USEC_PER_SEC)
#define TIMEOUT_MAX (600 * USEC_PER_SEC)

enum { SMTP_PORT = 25 };

static bool wrong(int *code, const char *option, const char *found, const char *expected)
{
	*code =
	    command_usage(&command_selftest, "found %s %s; expected %s", option, found, expected);
	return false;
}

/* --- values ---------------------------------------------------------------- */

/* HOST, HOST:PORT, ADDRESS, [ADDRESS]:PORT. */
static bool set_smtp(struct selftest_options *o, const char *text, int *code)
{
	const char *host = text, *end = text + strlen(text), *colon = strchr(text, ':');
	const char *port = NULL;

	if (text[0] == '[' && strchr(text, ']') != NULL) {
		host = text + 1;
		end = strchr(text, ']');
		if (end[1] != '\0')
			port = end[1] == ':' ? end + 2 : "";
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		end = colon;
		port = colon + 1;
	}
	o->smtp = true;
	o->port = SMTP_PORT;
	if (end == host || (size_t)(end - host) >= sizeof(o->host) ||
	    (port != NULL && (*port == '\0' || unit_port(port, &o->port) != NULL || o->port == 0)))
		return wrong(code, "--smtp", text, "HOST, HOST:PORT or [IPV6]:PORT");
	memcpy(o->host, host, (size_t)(end - host));
	o->host[end - host] = '\0';
	return true;
}

static bool set_timeout(struct selftest_options *o, const char *text, int *code)
{
	char seconds[32];
	const char *what;

	snprintf(seconds, sizeof(seconds), "%s%s", text,
	    text[strspn(text, "0123456789")] == '\0' ? "s" : "");
	what = unit_duration(seconds, &o->timeout);
	if (what != NULL || o->timeout < USEC_PER_MSEC || o->timeout > TIMEOUT_MAX)
		return wrong(code, "--timeout", text, "seconds, at most 600");
	return true;
}

static bool set_format(struct selftest_options *o, const char *text, int *code)
{
	static const char *const names[] = {
	    [REPORT_TEXT] = "text",
	    [REPORT_JSON] = "json",
	    [REPORT_TAP] = "tap",
	    [REPORT_JUNIT] = "junit",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			o->format = (enum report_format)i;
			return true;
		}
	}
	return wrong(code, "--format", text, "text, json, tap or junit");
}

static bool set_domain(const char **to, const char *option, const char *text, int *code)
{
	char name[NAME_SIZE];
	enum name_error e = name_canonical(text, strlen(text), name);

	*to = text;
	return e == NAME_OK || wrong(code, option, text, "the name of a domain");
}

static bool set_source(struct selftest_options *o, const char *text, int *code)
{
	return addr_parse(text, strlen(text), &o->source) ||
	       wrong(code, "--source", text, "an IP address of this host");
}

static bool set_password(struct selftest_options *o, const char *path, int *code)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (f == NULL) {
		fprintf(stderr, "relay-guard selftest: can't read %s: %s\n", path, strerror(errno));
		*code = EXIT_NO_INPUT;
		return false;
	}
	ok = fgets(o->password, sizeof(o->password), f) != NULL;
	(void)fclose(f);
	o->password[strcspn(o->password, "\r\n")] = '\0';
	return (ok && *o->password != '\0') ||
	       wrong(code, "--auth-password-file", path, "a file whose first line is the password");
}

/* --- options --------------------------------------------------------------- */

enum {
	OPTION_MILTER = 256,
	OPTION_SMTP,
	OPTION_DOMAIN,
	OPTION_OUTSIDE,
	OPTION_SOURCE,
	OPTION_USER,
	OPTION_PASSWORD,
	OPTION_TIMEOUT,
	OPTION_LIST,
	OPTION_FORMAT,
};

static bool set_option(struct selftest_options *o, int option, char *value, int *code)
{
	switch (option) {
	case 'c':
		o->config = value;
		return true;
	case 'q':
		o->quiet = true;
		return true;
	case 'v':
		o->verbose = true;
		return true;
	case OPTION_LIST:
		o->list = true;
		return true;
	case OPTION_MILTER:
		o->milter = value;
		return true;
	case OPTION_USER:
		o->login = value;
		return true;
	case OPTION_SMTP:
		return set_smtp(o, value, code);
	case OPTION_DOMAIN:
		return set_domain(&o->domain, "--domain", value, code);
	case OPTION_OUTSIDE:
		return set_domain(&o->outside, "--outside", value, code);
	case OPTION_SOURCE:
		return set_source(o, value, code);
	case OPTION_PASSWORD:
		return set_password(o, value, code);
	case OPTION_TIMEOUT:
		return set_timeout(o, value, code);
	case OPTION_FORMAT:
		return set_format(o, value, code);
	default:
		return false;
	}
}

static bool check_password(struct selftest_options *o, int *code)
{
	const char *password = getenv(PASSWORD_VARIABLE);

	if (o->login == NULL || !o->smtp || *o->password != '\0')
		return true;
	if (password == NULL || *password == '\0' || strlen(password) >= sizeof(o->password)) {
		*code = command_usage(&command_selftest,
		    "--auth-user needs a password: in the environment as " PASSWORD_VARIABLE
		    ", or in a file with --auth-password-file");
		return false;
	}
	snprintf(o->password, sizeof(o->password), "%s", password);
	return true;
}

static bool check_options(struct selftest_options *o, int *code)
{
	if (o->milter != NULL && o->smtp)
		*code =
		    command_usage(&command_selftest, "--milter and --smtp are two ways; give one");
	else if (!o->smtp && o->source.family != ADDR_NONE)
		*code = command_usage(&command_selftest, "--source goes with --smtp");
	else if (o->list && o->format != REPORT_TEXT && o->format != REPORT_JSON)
		*code = command_usage(&command_selftest, "--list goes with --format text or json");
	return *code == EXIT_OK && check_password(o, code);
}

bool selftest_read_options(int argc, char **argv, struct selftest_options *o, int *code)
{
	static const struct option longs[] = {
	    {"milter", required_argument, NULL, OPTION_MILTER},
	    {"smtp", required_argument, NULL, OPTION_SMTP},
	    {"domain", required_argument, NULL, OPTION_DOMAIN},
	    {"outside", required_argument, NULL, OPTION_OUTSIDE},
	    {"source", required_argument, NULL, OPTION_SOURCE},
	    {"auth-user", required_argument, NULL, OPTION_USER},
	    {"auth-password-file", required_argument, NULL, OPTION_PASSWORD},
	    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
	    {"list", no_argument, NULL, OPTION_LIST},
	    {"format", required_argument, NULL, OPTION_FORMAT},
	    {"quiet", no_argument, NULL, 'q'},
	    {"verbose", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct selftest_options){.timeout = TIMEOUT_DEFAULT};
	*code = EXIT_OK;
	optind = 0; /* from the start, also where another command has read options before */
	opterr = 0;
	while (*code == EXIT_OK && (c = getopt_long(argc, argv, "+:c:qv", longs, NULL)) != -1) {
		if (c == ':')
			*code =
			    command_usage(&command_selftest, "%s needs a value", argv[optind - 1]);
		else if (c == '?')
			*code = command_usage(
			    &command_selftest, "there is no option %s", argv[optind - 1]);
		else if (!set_option(o, c, optarg, code))
			break;
	}
	if (*code == EXIT_OK && optind < argc)
		*code = command_usage(
		    &command_selftest, "found the argument %s; expected none", argv[optind]);
	return *code == EXIT_OK && check_options(o, code);
}
