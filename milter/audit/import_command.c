/* `relay-guard import`: a configuration of the guard from that of the mail server. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "audit/mta.h"
#include "base/command.h"

static const struct command *const self = &command_import;

static int read_options(
    int argc, char **argv, const struct audit_mta **mta, struct audit_request *r)
{
	static const struct option known[] = {
	    {"config-dir", required_argument, NULL, 'd'},
	    {"mta-version", required_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		if (c == 'd')
			r->config_dir = optarg;
		else if (c == 'v')
			r->mta_version = optarg;
		else if (c == ':')
			return command_usage(self, "%s needs a value", argv[optind - 1]);
		else
			return command_usage(self, "%s: no such option", argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return command_usage(self, "one mail server is expected: %s", audit_mta_names());
	*mta = audit_mta_find(argv[optind]);
	if (*mta == NULL)
		return command_usage(self, "found the mail server `%s`; expected %s", argv[optind],
		    audit_mta_names());
	r->given = r->config_dir != NULL;
	if (!r->given)
		r->config_dir = audit_own_dir(*mta);
	return EXIT_OK;
}

static int write_out(const struct import *i)
{
	struct strbuf b = {0};
	bool ok = import_write(i, &b) && fwrite(strbuf_text(&b), 1, b.len, stdout) == b.len &&
	          fflush(stdout) == 0;

	strbuf_free(&b);
	if (!ok)
		fputs("relay-guard import: can't write the configuration\n", stderr);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int run(int argc, char **argv)
{
	struct audit_request r = {.config_dir = NULL};
	const struct audit_mta *mta = NULL;
	struct import i = {.source = NULL};
	struct findings notes = {.count = 0};
	int code = read_options(argc, argv, &mta, &r);

	if (code == EXIT_OK && mta != NULL)
		code = mta->import(&r, &i, &notes);
	for (size_t k = 0; k < notes.note_count; k++)
		import_note(&i, NULL, "%s", notes.notes[k]);
	if (code == EXIT_OK)
		code = write_out(&i);
	findings_free(&notes);
	import_free(&i);
	return code;
}

const struct command command_import = {
    .name = "import",
    .arguments = "postfix|sendmail [--config-dir DIR] [--mta-version V]",
    .summary = "writes a configuration of the guard from the mail server's own",
    .details =
	"  --config-dir DIR  reads the files from here; what they name below the usual\n"
	"                    directory (/etc/postfix, /etc/mail) as well; for Sendmail the\n"
	"                    name of a .mc or .cf file will do\n"
	"  --mta-version V   whose defaults hold; else what the files or the packages of\n"
	"                    this host tell\n"
	"\n"
	"The configuration goes to standard output. It decides as the mail server does now;\n"
	"what it can't express is said in its comments.\n",
    .run = run,
};
