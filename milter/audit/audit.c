/* `relay-guard audit`: what is dangerous in the configuration of the mail server itself? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/mta.h"
#include "base/command.h"

struct options {
	const struct audit_mta *mta;
	struct audit_request request;
	enum findings_format format;
};

static const struct command *const self = &command_audit;

static int read_format(const char *text, enum findings_format *format)
{
	if (strcmp(text, "text") == 0)
		*format = FINDINGS_TEXT;
	else if (strcmp(text, "json") == 0)
		*format = FINDINGS_JSON;
	else if (strcmp(text, "sarif") == 0)
		*format = FINDINGS_SARIF;
	else
		return command_usage(self, "--format %s: text, json or sarif was expected", text);
	return EXIT_OK;
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	    {"config-dir", required_argument, NULL, 'd'},
	    {"format", required_argument, NULL, 'f'},
	    {"mta-version", required_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c, code = EXIT_OK;

	optind = 0;
	opterr = 0;
	while (code == EXIT_OK && (c = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		if (c == 'd')
			o->request.config_dir = optarg;
		else if (c == 'v')
			o->request.mta_version = optarg;
		else if (c == 'f')
			code = read_format(optarg, &o->format);
		else if (c == ':')
			code = command_usage(self, "%s needs a value", argv[optind - 1]);
		else
			code = command_usage(self, "%s: no such option", argv[optind - 1]);
	}
	return code;
}

/* Behind the options stands the name of the MTA, and nothing else. */
static int read_mta(int argc, char **argv, struct options *o)
{
	if (optind + 1 != argc)
		return command_usage(self, "one mail server is expected: %s", audit_mta_names());
	o->mta = audit_mta_find(argv[optind]);
	if (o->mta == NULL)
		return command_usage(self, "found the mail server `%s`; expected %s", argv[optind],
		    audit_mta_names());
	o->request.given = o->request.config_dir != NULL;
	if (!o->request.given)
		o->request.config_dir = audit_own_dir(o->mta);
	return EXIT_OK;
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) == 1 && (no == NULL || no[0] == '\0');
}

static int judge(const struct options *o)
{
	struct findings l = {.count = 0};
	const char *subject = o->mta->name;
	int code = o->mta->audit(&o->request, &l, &subject);

	if (code == EXIT_OK && l.failed) {
		fputs("relay-guard audit: out of memory\n", stderr);
		code = EXIT_INTERNAL;
	} else if (code == EXIT_OK) {
		code = findings_severest(&l) == SEVERITY_HIGH ? EXIT_FINDING : EXIT_OK;
		if (!findings_print(&l, subject, o->format, wants_colour(), stdout)) {
			fputs("relay-guard audit: can't write the findings\n", stderr);
			code = EXIT_INTERNAL;
		}
	}
	findings_free(&l);
	return code;
}

static int run(int argc, char **argv)
{
	struct options o = {.mta = NULL};
	int code = read_options(argc, argv, &o);

	if (code == EXIT_OK)
		code = read_mta(argc, argv, &o);
	return code == EXIT_OK && o.mta != NULL ? judge(&o) : code;
}

const struct command command_audit = {
    .name = "audit",
    .arguments = "postfix|sendmail [--config-dir DIR] [--format text|json|sarif] [--mta-version V]",
    .summary = "finds what is dangerous in the mail server's configuration",
    .details = "  --config-dir DIR         reads the files from here; what they name below the\n"
	       "                           usual directory (/etc/postfix, /etc/mail) as well; for\n"
	       "                           Sendmail the name of a .mc or .cf file will do\n"
	       "  --format text|json|sarif default: text\n"
	       "  --mta-version V          whose defaults hold; else what the files or the\n"
	       "                           packages of this host tell\n"
	       "\n"
	       "Only files are read, and nothing is changed. Exit 1 with a finding of severity "
	       "high.\n",
    .run = run,
};
