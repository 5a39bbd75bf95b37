#include "selftest/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command.h"
#include "base/names.h"
#include "conf/units.h"
#include "selftest/password.h"

#define TIMEOUT_DEFAULT (10 * USEC_PER_SEC)
#define WAIT_DEFAULT (20 * USEC_PER_SEC)
#define TIME_MAX (600 * USEC_PER_SEC)

static bool wrong(int *code, const char *option, const char *found, const char *expected)
{
	*code =
	    command_usage(&command_selftest, "found %s %s; expected %s", option, found, expected);
	return false;
}

bool selftest_speaks_smtp(const struct selftest_options *o)
{
	return o->target_count > 0 || o->mx;
}

/* --- values ---------------------------------------------------------------- */

/* HOST, HOST:PORT, ADDRESS, [ADDRESS]:PORT. */
static bool set_server(struct target *t, const char *option, const char *text, int *code)
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
	if (end == host || (size_t)(end - host) >= sizeof(t->host) ||
	    (port != NULL && (*port == '\0' || unit_port(port, &t->port) != NULL || t->port == 0)))
		return wrong(code, option, text, "HOST, HOST:PORT or [IPV6]:PORT");
	memcpy(t->host, host, (size_t)(end - host));
	t->host[end - host] = '\0';
	return true;
}

static bool set_smtp(struct selftest_options *o, const char *text, int *code)
{
	if (o->target_count == SELFTEST_TARGETS_MAX)
		return wrong(code, "--smtp", text, "sixteen servers at most");
	return set_server(&o->targets[o->target_count++], "--smtp", text, code);
}

static bool is_plain_address(const char *text, char name[NAME_SIZE])
{
	size_t len =
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+");

	return len > 0 && text[len] == '@' &&
	       name_canonical(text + len + 1, strlen(text + len + 1), name) == NAME_OK;
}

/* Printable, with one @: it is put between angle brackets. */
static bool set_smuggling_to(struct selftest_options *o, const char *text, int *code)
{
	char name[NAME_SIZE];

	o->smuggling = true;
	o->smuggling_to = text;
	return is_plain_address(text, name) ||
	       wrong(code, "--smuggling-to", text, "a plain address of your own: USER@DOMAIN");
}

/* USER@DOMAIN; the parts are kept apart, as the probes put them together anew. */
static bool set_confirm(struct selftest_options *o, const char *text, int *code)
{
	const char *at = strchr(text, '@');
	size_t len = at == NULL ? 0 : (size_t)(at - text);
	char name[NAME_SIZE];

	o->confirm = text;
	if (!is_plain_address(text, name) || len >= sizeof(o->confirm_mailbox))
		return wrong(code, "--confirm", text, "a plain address of your own: USER@DOMAIN");
	memcpy(o->confirm_mailbox, text, len);
	o->confirm_mailbox[len] = '\0';
	o->outside = at + 1;
	return true;
}

/* A number without a unit is seconds. */
static bool set_time(usec_t *out, const char *option, const char *text, int *code)
{
	char seconds[32];
	const char *what;

	snprintf(seconds, sizeof(seconds), "%s%s", text,
	    text[strspn(text, "0123456789")] == '\0' ? "s" : "");
	what = unit_duration(seconds, out);
	if (what != NULL || *out < USEC_PER_MSEC || *out > TIME_MAX)
		return wrong(code, option, text, "a time such as 5s or 500ms, at most 600 seconds");
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

static bool set_proxy(struct selftest_options *o, const char *text, int *code)
{
	o->proxy = strcmp(text, "v1") == 0 ? 1 : strcmp(text, "v2") == 0 ? 2 : 0;
	return o->proxy != 0 || wrong(code, "--proxy", text, "v1 or v2");
}

static bool set_password(struct selftest_options *o, const char *path, int *code)
{
	*code = password_from_file(path, o->password, sizeof(o->password));
	return *code == EXIT_OK;
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
	OPTION_PACE,
	OPTION_CONFIRM,
	OPTION_SINK,
	OPTION_WAIT,
	OPTION_TRANSCRIPT,
	OPTION_SMUGGLING,
	OPTION_SMUGGLING_TO,
	OPTION_REPORT,
	OPTION_MX,
	OPTION_METRICS,
	OPTION_FAILOVER,
	OPTION_ALERT,
	OPTION_NULL_CLIENT,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_PROXY,
	OPTION_DNS,
	OPTION_DNSBL,
	OPTION_RESOLVER,
	OPTION_LIST,
	OPTION_AGREE,
	OPTION_FORMAT,
};

static bool set_resolver(struct selftest_options *o, const char *text, int *code)
{
	const char *at = strchr(text, '@');
	struct addr a;
	uint16_t port;

	o->resolver = text;
	return (addr_parse(text, at == NULL ? strlen(text) : (size_t)(at - text), &a) &&
		   (at == NULL || unit_port(at + 1, &port) == NULL)) ||
	       wrong(code, "--resolver", text, "ADDRESS or ADDRESS@PORT");
}

static bool add_dnsbl(struct selftest_options *o, const char *text, int *code)
{
	char name[NAME_SIZE];

	if (o->dnsbl_count == SELFTEST_DNSBL_MAX ||
	    name_canonical(text, strlen(text), name) != NAME_OK)
		return wrong(code, "--dnsbl", text, "the name of a block list, eight at most");
	o->dnsbl[o->dnsbl_count++] = text;
	o->dns = true;
	return true;
}

/* Those without a value. */
static bool set_switch(struct selftest_options *o, int option)
{
	switch (option) {
	case 'q':
		o->quiet = true;
		return true;
	case 'v':
		o->verbose = true;
		return true;
	case OPTION_LIST:
		o->list = true;
		return true;
	case OPTION_AGREE:
		o->agree = true;
		return true;
	case OPTION_TRANSCRIPT:
		o->transcript = true;
		return true;
	case OPTION_SMUGGLING:
		o->smuggling = true;
		return true;
	case OPTION_FAILOVER:
		o->failover = true;
		return true;
	case OPTION_NULL_CLIENT:
		o->null_client = true;
		return true;
	case OPTION_ALERT:
		o->alert = true;
		return true;
	case OPTION_MX:
		o->mx = true;
		return true;
	case OPTION_DNS:
		o->dns = true;
		return true;
	default:
		return false;
	}
}

static bool set_option(struct selftest_options *o, int option, char *value, int *code)
{
	switch (option) {
	case 'c':
		o->config = value;
		return true;
	case OPTION_DNSBL:
		return add_dnsbl(o, value, code);
	case OPTION_RESOLVER:
		return set_resolver(o, value, code);
	case OPTION_METRICS:
		o->metrics = value;
		return true;
	case OPTION_SMUGGLING_TO:
		return set_smuggling_to(o, value, code);
	case OPTION_CERT:
		o->cert = value;
		return true;
	case OPTION_KEY:
		o->key = value;
		return true;
	case OPTION_PROXY:
		return set_proxy(o, value, code);
	case OPTION_REPORT:
		o->report = value;
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
		return set_time(&o->timeout, "--timeout", value, code);
	case OPTION_CONFIRM:
		return set_confirm(o, value, code);
	case OPTION_SINK:
		return set_server(&o->sink, "--sink", value, code);
	case OPTION_WAIT:
		return set_time(&o->wait, "--wait", value, code);
	case OPTION_PACE:
		return set_time(&o->pace, "--pace", value, code);
	case OPTION_FORMAT:
		return set_format(o, value, code);
	default:
		return set_switch(o, option);
	}
}

int selftest_check_options(struct selftest_options *o)
{
	int code = EXIT_OK;

	if (o->milter != NULL && selftest_speaks_smtp(o))
		code =
		    command_usage(&command_selftest, "--milter and --smtp are two ways; give one");
	else if (!selftest_speaks_smtp(o) && o->source.family != ADDR_NONE)
		code = command_usage(&command_selftest, "--source goes with --smtp");
	else if (!selftest_speaks_smtp(o) && (o->proxy != 0 || o->cert != NULL || o->key != NULL))
		code = command_usage(&command_selftest, "--proxy, --cert and --key go with --smtp");
	else if ((o->cert == NULL) != (o->key == NULL))
		code = command_usage(&command_selftest, "--cert and --key go together");
	else if (o->failover && !selftest_speaks_smtp(o))
		code = command_usage(&command_selftest, "--failover goes with --smtp");
	else if (o->agree && (!selftest_speaks_smtp(o) || o->failover || o->confirm != NULL))
		code = command_usage(&command_selftest,
		    "--agree goes with --smtp, and without --failover and "
		    "--confirm");
	else if (o->failover && o->confirm != NULL)
		code = command_usage(
		    &command_selftest, "--failover and --confirm are two tests; give one");
	else if (o->confirm != NULL && !selftest_speaks_smtp(o))
		code = command_usage(&command_selftest, "--confirm goes with --smtp");
	else if (*o->sink.host != '\0' &&
		 ((o->confirm == NULL && o->smuggling_to == NULL) || o->sink.port == 0))
		code = command_usage(&command_selftest,
		    "--sink goes with --confirm or --smuggling-to, and needs a port: ADDRESS:PORT");
	else if (o->list && o->format != REPORT_TEXT && o->format != REPORT_JSON)
		code = command_usage(&command_selftest, "--list goes with --format text or json");
	if (code == EXIT_OK && o->login != NULL && selftest_speaks_smtp(o) && *o->password == '\0')
		code = password_ask(o->login, o->password, sizeof(o->password));
	return code;
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
	    {"confirm", required_argument, NULL, OPTION_CONFIRM},
	    {"sink", required_argument, NULL, OPTION_SINK},
	    {"wait", required_argument, NULL, OPTION_WAIT},
	    {"pace", required_argument, NULL, OPTION_PACE},
	    {"transcript", no_argument, NULL, OPTION_TRANSCRIPT},
	    {"smuggling-to", required_argument, NULL, OPTION_SMUGGLING_TO},
	    {"smuggling", no_argument, NULL, OPTION_SMUGGLING},
	    {"report", required_argument, NULL, OPTION_REPORT},
	    {"failover", no_argument, NULL, OPTION_FAILOVER},
	    {"cert", required_argument, NULL, OPTION_CERT},
	    {"key", required_argument, NULL, OPTION_KEY},
	    {"proxy", required_argument, NULL, OPTION_PROXY},
	    {"null-client", no_argument, NULL, OPTION_NULL_CLIENT},
	    {"alert", no_argument, NULL, OPTION_ALERT},
	    {"metrics", required_argument, NULL, OPTION_METRICS},
	    {"mx", no_argument, NULL, OPTION_MX},
	    {"dns", no_argument, NULL, OPTION_DNS},
	    {"dnsbl", required_argument, NULL, OPTION_DNSBL},
	    {"resolver", required_argument, NULL, OPTION_RESOLVER},
	    {"list", no_argument, NULL, OPTION_LIST},
	    {"agree", no_argument, NULL, OPTION_AGREE},
	    {"format", required_argument, NULL, OPTION_FORMAT},
	    {"quiet", no_argument, NULL, 'q'},
	    {"verbose", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct selftest_options){.timeout = TIMEOUT_DEFAULT, .wait = WAIT_DEFAULT};
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
	return *code == EXIT_OK;
}
