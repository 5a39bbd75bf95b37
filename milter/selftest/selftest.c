#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/command.h"
#include "check/config.h"
#include "conf/schema.h"
#include "selftest/output.h"
#include "selftest/plan.h"
#include "selftest/transport.h"

enum { PARALLEL_SESSIONS = 8, PASSWORD_MAX = 256 };

struct options {
	const char *conf, *milter, *smtp, *domain, *outside, *source, *user, *password_file,
	    *format;
	const char *timeout;
	int list;
};

struct job {
	pthread_t thread;
	transport_fn *run;
	const struct transport_options *transport;
	struct trial *trials;
	size_t count;
	bool threaded;
};

static const struct command *const self = &command_selftest;

static bool read_options(int argc, char **argv, struct options *o)
{
	const struct {
		const char *name;
		const char **value;
	} table[] = {
	    {"conf", &o->conf},
	    {"milter", &o->milter},
	    {"smtp", &o->smtp},
	    {"domain", &o->domain},
	    {"outside", &o->outside},
	    {"source", &o->source},
	    {"auth-user", &o->user},
	    {"auth-password-file", &o->password_file},
	    {"format", &o->format},
	    {"timeout", &o->timeout},
	};
	enum { COUNT = sizeof(table) / sizeof(table[0]) };
	struct option list[COUNT + 2] = {{0}};
	int c;

	for (int i = 0; i < COUNT; i++)
		list[i] = (struct option){table[i].name, required_argument, NULL, i + 1};
	list[COUNT] = (struct option){"list", no_argument, &o->list, 1};
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:", list, NULL)) != -1) {
		if (c == 'c')
			o->conf = optarg;
		else if (c >= 1 && c <= COUNT)
			*table[c - 1].value = optarg;
		else if (c != 0)
			return false;
	}
	return optind == argc;
}

static bool read_format(const char *text, enum output_format *out)
{
	static const char *const names[] = {"text", "json", "tap", "junit"};

	*out = OUTPUT_TEXT;
	for (int i = 0; text != NULL && i < 4; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum output_format)i;
			return true;
		}
	return text == NULL;
}

/* HOST, HOST:PORT, [ADDRESS]:PORT; port 25 where none is given. */
static bool read_smtp(const char *text, struct conf_socket *out)
{
	static char host[256];
	const char *colon = strrchr(text, ':'), *end = text + strlen(text);
	unsigned long port = 25;
	char *rest;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
		text++;
	} else if (colon != NULL && strchr(text, ':') == colon) {
		end = colon;
	} else {
		colon = NULL;
	}
	if (colon != NULL) {
		port = strtoul(colon + 1, &rest, 10);
		if (*rest != '\0' || port == 0 || port > 65535)
			return false;
	}
	if (end == text || (size_t)(end - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*out = (struct conf_socket){CONF_SOCKET_INET, NULL, host, (uint16_t)port, host};
	return true;
}

/* From a file or the environment; never from the command line, which others can see. */
static const char *read_password(const struct options *o)
{
	static char password[PASSWORD_MAX];
	const char *from_environment = getenv("RELAY_GUARD_PASSWORD");
	FILE *f;

	if (o->password_file == NULL)
		return from_environment;
	f = fopen(o->password_file, "re");
	if (f == NULL)
		return NULL;
	if (fgets(password, sizeof(password), f) == NULL)
		password[0] = '\0';
	fclose(f);
	password[strcspn(password, "\r\n")] = '\0';
	return password;
}

static void *run_job(void *arg)
{
	struct job *j = arg;

	j->run(j->transport, j->trials, j->count);
	return NULL;
}

/* One session an actor, some at a time. */
static bool run_trials(struct plan *p, transport_fn *run, const struct transport_options *t)
{
	struct job jobs[PLAN_ACTORS_MAX];
	size_t n = 0, first = 0;

	for (size_t i = 0; i < p->count; i += jobs[n++].count) {
		jobs[n] =
		    (struct job){.run = run, .transport = t, .trials = &p->trials[i], .count = 1};
		while (i + jobs[n].count < p->count &&
		       p->trials[i + jobs[n].count].actor == p->trials[i].actor)
			jobs[n].count++;
	}
	for (size_t i = 0; i < n; i++) {
		jobs[i].threaded = pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]) == 0;
		if (!jobs[i].threaded)
			run_job(&jobs[i]);
		for (; first <= i && (i + 1 == n || i + 1 - first >= PARALLEL_SESSIONS); first++)
			if (jobs[first].threaded)
				pthread_join(jobs[first].thread, NULL);
	}
	return n > 0;
}

/* Loads the configuration. NULL with *code 0: there is none, and none is needed. */
static struct config *load(const struct options *o, int *code)
{
	const char *path = o->conf == NULL ? CONFIG_DEFAULT_PATH : o->conf;

	*code = EXIT_OK;
	if (access(path, F_OK) != 0) {
		if (o->conf == NULL && o->domain != NULL &&
		    (o->smtp != NULL || o->milter != NULL || o->list))
			return NULL;
		fprintf(stderr,
		    "relay-guard selftest: %s: there is no such file; give -c FILE, or --domain "
		    "with --smtp or --milter\n",
		    path);
		*code = EXIT_NO_INPUT;
		return NULL;
	}
	return config_load_told(path, code);
}

/* Where the trials go; an exit code, EXIT_OK when it is known. */
static int choose_transport(const struct options *o, const struct config *config,
    struct transport_options *t, transport_fn **run)
{
	unsigned long seconds = o->timeout == NULL ? 10 : strtoul(o->timeout, NULL, 10);

	if (seconds == 0 || seconds > 3600)
		return command_usage(self, "--timeout takes 1 to 3600 seconds");
	t->timeout_ms = (unsigned)seconds * 1000;
	if (o->source != NULL && !addr_parse(o->source, strlen(o->source), &t->source))
		return command_usage(self, "--source \"%s\": an IP address is expected", o->source);
	if (o->smtp != NULL && o->milter != NULL)
		return command_usage(self, "--smtp and --milter exclude each other");
	*run = o->smtp != NULL ? transport_smtp : transport_milter;
	if (o->smtp != NULL)
		return read_smtp(o->smtp, &t->to)
		           ? EXIT_OK
		           : command_usage(
				 self, "--smtp \"%s\": HOST or HOST:PORT is expected", o->smtp);
	if (o->milter != NULL) {
		static struct arena arena;
		const char *expected = conf_socket_parse(o->milter, &arena, &t->to);

		return expected == NULL ? EXIT_OK
		                        : command_usage(self, "--milter \"%s\": expected %s",
					      o->milter, expected);
	}
	if (config == NULL || config->settings->listen.count == 0)
		return command_usage(self, "give --milter or --smtp, or a configuration");
	t->to = config->settings->listen.items[0];
	return EXIT_OK;
}

static int test(const struct options *o, const struct config *config, enum output_format format)
{
	struct transport_options t = {.source = {.family = ADDR_NONE}};
	struct plan_options po = {.config = config, .smtp = o->smtp != NULL, .user = o->user};
	struct plan *p = calloc(1, sizeof(*p));
	struct output_counts n;
	transport_fn *run = NULL;
	const char *error = "memory is exhausted";
	int code = choose_transport(o, config, &t, &run);

	po.password = read_password(o);
	po.family = t.source.family;
	po.names = (struct probe_names){.ours = o->domain, .outside = o->outside};
	if (code != EXIT_OK || p == NULL || !plan_make(p, &po, &error)) {
		if (code == EXIT_OK)
			code = command_usage(self, "%s", error);
		free(p);
		return code;
	}
	t.names = p->names;
	run_trials(p, run, &t);
	output_trials(p, format, isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL, stdout);
	n = output_count(p);
	code = n.errors == p->count ? EXIT_UNAVAILABLE : n.wrong > 0 ? EXIT_FINDING : EXIT_OK;
	plan_free(p);
	free(p);
	return code;
}

static int list_probes(
    const struct options *o, const struct config *config, enum output_format format)
{
	struct plan_options po = {.config = config, .names = {o->domain, o->outside, NULL, NULL}};
	struct plan *p = calloc(1, sizeof(*p));
	const char *error = "memory is exhausted";

	if (p == NULL || !plan_make(p, &po, &error)) {
		free(p);
		return command_usage(self, "%s", error);
	}
	output_probes(&p->names, format, stdout);
	plan_free(p);
	free(p);
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct options o = {0};
	enum output_format format;
	struct config *config;
	int code;

	if (!read_options(argc, argv, &o))
		return command_usage(self, "an option or a word is not understood");
	if (!read_format(o.format, &format))
		return command_usage(self, "--format takes text, json, tap or junit");
	config = load(&o, &code);
	if (code != EXIT_OK)
		return code;
	code = o.list ? list_probes(&o, config, format) : test(&o, config, format);
	config_free(&config);
	return code;
}

const struct command command_selftest = {
    .name = "selftest",
    .arguments = "[-c FILE] [--milter ADDR | --smtp HOST[:PORT]] [OPTION...]",
    .summary = "proves what strangers and friends can do",
    .details =
	"  -c FILE                    the configuration, " CONFIG_DEFAULT_PATH " by default\n"
	"  --milter ADDR              asks the guard at this socket; the first `listen` by "
	"default\n"
	"  --smtp HOST[:PORT]         asks the mail server\n"
	"  --domain DOMAIN            a domain of ours; the first of `domains ours` by default\n"
	"  --outside DOMAIN           a domain that is not ours\n"
	"  --source ADDR              with --smtp: where strangers come from without XCLIENT\n"
	"  --auth-user USER           with --smtp: tries a login too\n"
	"  --auth-password-file FILE  its password; else from RELAY_GUARD_PASSWORD\n"
	"  --timeout SECONDS          for each answer, 10 by default\n"
	"  --list                     prints the probes and tries none\n"
	"  --format F                 text, json, tap or junit\n",
    .run = run,
};
