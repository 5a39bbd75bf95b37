/* The command as a user calls it: what it prints, and its exit code. */
#include "../lib/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/command.h"

static const char configuration[] =
    "networks friends { members = { 192.0.2.0/24 } }\n"
    "domains ours { members = { example.com } }\n"
    "relay {\n"
    "  rule inbound { to = @ours action = permit }\n"
    "  rule office { client = @friends action = permit }\n"
    "  rule login { auth = yes tls = TLSv1.2 action = permit }\n"
    "  rule submission { listener = 587 action = defer }\n"
    "  rule old { client = 203.0.113.7 action = permit expires = 2020-01-31 owner = ops }\n"
    "  rule cert { cert = { \"subject:/CN=x\", \"md5:00112233445566778899aabbccddeeff\" }\n"
    "              action = permit }\n"
    "  rule others { action = reject }\n"
    "}\n";

#define STRANGER "--client", "203.0.113.9"

static const struct {
	const char *words[16];
	int code;
	const char *says; /* on standard output; NULL: nothing */
} cases[] = {
    {{STRANGER, "--to", "bob@example.com"}, EXIT_OK, "permit by rule inbound ("},
    {{STRANGER, "--to", "bob@example.com"}, EXIT_OK, "(assumed: an MTA that agrees"},
    {{STRANGER, "--listener", "25", "--to", "v@x.example"}, EXIT_FINDING,
	": 550 5.7.1 Relay access denied\n"},
    {{STRANGER, "--to", "v%x@example.com"}, EXIT_FINDING,
	"reading: ambiguous: the address has more than one reading: percent\n"},
    {{STRANGER, "--to", "v%x@example.com"}, EXIT_FINDING,
	"no: `to` matches no address with more than one reading\n"},
    {{STRANGER, "--to", "<bob@example.com>trailing"}, EXIT_FINDING, "comment"},
    {{STRANGER, "--to", "bob@example.com", "--mailer", "smtp", "--host", "h", "--rcpt-addr",
	 "v@x.example"},
	EXIT_FINDING, "reading: relay: the MTA would send it to another domain\n"},
    {{STRANGER, "--to", "bob@example.com", "--mailer", "smtp"}, EXIT_FINDING,
	"defer by rule inbound"},
    {{STRANGER, "--to", "bob@example.com", "--mailer", "error", "--host", "4.2.0", "--rcpt-addr",
	 "Not now", "--format", "json"},
	EXIT_FINDING, "{\"verdict\":\"defer\",\"by\":\"mta\""},
    {{"--client", "192.0.2.1", "--to", "v@x.example", "--format", "json"}, EXIT_OK,
	"\"verdict\":\"permit\",\"by\":\"guard\",\"reading\":\"relay\",\"check\":\"relay\","
	"\"rule\":\"office\""},
    {{"--client", "local", "--to", "v@x.example"}, EXIT_OK, "handed in on this host"},
    {{STRANGER, "--auth", "alice", "--tls", "TLSv1.3", "--to", "v@x.example"}, EXIT_OK,
	"permit by rule login"},
    {{STRANGER, "--auth", "alice", "--tls", "TLSv1.1", "--to", "v@x.example"}, EXIT_FINDING,
	"no: `tls` does not match"},
    {{STRANGER, "--auth", "alice", "--mech", "ANONYMOUS", "--tls", "TLSv1.3", "--to",
	 "v@x.example"},
	EXIT_FINDING, "no: `auth` does not match"},
    {{STRANGER, "--listener", "587", "--to", "v@x.example"}, EXIT_FINDING,
	"defer by rule submission"},
    {{STRANGER, "--listener", "25", "--cert", "00112233445566778899AABBCCDDEEFF", "--to",
	 "v@x.example"},
	EXIT_OK, "permit by rule cert"},
    {{STRANGER, "--to", "v@x.example"}, EXIT_FINDING, "the MTA did not say on which listener"},
    {{STRANGER, "--to", "v@x.example"}, EXIT_FINDING, "reject by rule others"},
    {{STRANGER, "--to", "v@x.example"}, EXIT_FINDING, "port 25 is assumed"},
    {{"--client", "203.0.113.7", "--to", "v@x.example", "--name", "a.example", "--helo", "b",
	 "--from", "c@d.example", "--listener", "submission"},
	EXIT_FINDING, "defer by rule submission"},
    {{"--client", "1.2.3", "--to", "a@b.example"}, EXIT_USAGE, NULL},
    {{"--to", "a@b.example"}, EXIT_USAGE, NULL},
    {{STRANGER}, EXIT_USAGE, NULL},
    {{STRANGER, "--to"}, EXIT_USAGE, NULL},
    {{STRANGER, "--to", "a@b.example", "more"}, EXIT_USAGE, NULL},
    {{STRANGER, "--to", "a@b.example", "--nonsense"}, EXIT_USAGE, NULL},
    {{STRANGER, "--to", "a@b.example", "--format", "xml"}, EXIT_USAGE, NULL},
    {{STRANGER, "--to", "a@b.example", "--cert", "md5:12"}, EXIT_USAGE, NULL},
    {{STRANGER, "--to", "a@b.example", "--host", "h"}, EXIT_USAGE, NULL},
    {{STRANGER, "--to", "a@b.example", "-c", "/nonexistent/file"}, EXIT_NO_INPUT, NULL},
    {{STRANGER, "--to", "a@b.example", "-c", "/dev/null"}, EXIT_CONFIG, NULL},
};

static char path[] = "/tmp/relay-guard-test-XXXXXX";

static int write_configuration(void **state)
{
	int fd = mkstemp(path);
	ssize_t written = fd < 0 ? -1 : write(fd, configuration, sizeof(configuration) - 1);

	(void)state;
	if (fd >= 0)
		close(fd);
	return written == (ssize_t)sizeof(configuration) - 1 ? 0 : -1;
}

static int remove_configuration(void **state)
{
	(void)state;
	return unlink(path);
}

/* Runs the command with its standard output in `out`, and its talk to standard error dropped. */
static int run_case(const char *const words[16], char *out, size_t size)
{
	char name[] = "explain", option[] = "-c", *argv[20] = {name, option, path};
	int argc = 3, code, saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
	FILE *to = tmpfile(), *nowhere = fopen("/dev/null", "w");
	size_t len;

	assert_true(to != NULL && nowhere != NULL && saved_out >= 0 && saved_err >= 0);
	for (size_t i = 0; i < 16 && words[i] != NULL; i++)
		argv[argc++] = strdup(words[i]);
	fflush(stdout);
	dup2(fileno(to), STDOUT_FILENO);
	dup2(fileno(nowhere), STDERR_FILENO);
	code = command_explain.run(argc, argv);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	rewind(to);
	len = fread(out, 1, size - 1, to);
	out[len] = '\0';
	for (int i = 3; i < argc; i++)
		free(argv[i]);
	fclose(to);
	fclose(nowhere);
	close(saved_out);
	close(saved_err);
	return code;
}

static void prints_and_exits(void **state)
{
	unsigned failed = 0;
	char out[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = run_case(cases[i].words, out, sizeof(out));
		bool said =
		    cases[i].says == NULL ? *out == '\0' : strstr(out, cases[i].says) != NULL;

		if (code != cases[i].code || !said) {
			print_error("row %zu: got %d and\n%s\nwant %d and %s\n", i, code, out,
			    cases[i].code, cases[i].says == NULL ? "nothing" : cases[i].says);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(prints_and_exits)};

	return cmocka_run_group_tests(tests, write_configuration, remove_configuration);
}
