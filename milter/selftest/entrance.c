/* Opens the ways in that the command line asks for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/command.h"
#include "core/session.h"
#include "selftest/domain.h"
#include "selftest/selftest.h"

/* Reads ADDR as the configuration would; a bare path is a unix socket. */
static bool read_socket(struct selftest *t, struct conf_socket *out)
{
	struct diag *diag = diag_new();
	struct conf_reader r = {.arena = &t->arena, .diag = diag, .now = t->now};
	struct conf_value v = {.kind = CONF_STRING, .loc = {.file = "--milter"}};
	bool ok;

	v.text =
	    t->o.milter[0] == '/' ? arena_printf(&t->arena, "unix:%s", t->o.milter) : t->o.milter;
	ok =
	    diag != NULL && v.text != NULL && conf_read_value(&r, CONF_SOCKET, "--milter", &v, out);
	diag_free(&diag);
	return ok;
}

static struct place_options place_options(const struct selftest *t)
{
	return (struct place_options){
	    .source = t->o.source,
	    .timeout = t->o.timeout,
	    .pace = t->o.pace,
	    .transcripts = t->o.transcript,
	    .guarded = t->config != NULL,
	    .unguarded = t->o.failover,
	    .no_mail = t->o.null_client,
	    .compared = t->o.agree,
	    .login = t->o.login,
	    .password = t->o.password,
	    .cert = t->cert.file == NULL ? NULL : &t->cert,
	    .proxy = t->o.proxy,
	};
}

/* NULL: it can't be had; that is said where it matters. */
static const char *read_secret(struct selftest *t, char out[SECRET_SIZE])
{
	const char *state;

	if (t->config == NULL)
		return NULL;
	state = t->config->settings->state;
	if (secret_read(state, PROBE_SECRET_NAME, out))
		return out;
	if (t->config->settings->limit != NULL)
		places_note(&t->places,
		    "limits count this test, and may refuse or ban the clients that it plays, as "
		    "%s/" PROBE_SECRET_NAME " can't be read (%s): run it as root, or as the user "
		    "of the guard",
		    state, strerror(errno));
	return NULL;
}

static int open_resolver(struct selftest *t)
{
	const char *const servers[] = {t->o.resolver, NULL};
	const struct resolver_options o = {.forward = servers};
	const char *error = "";

	t->resolver = resolver_open(&o, &error);
	return t->resolver != NULL ? EXIT_OK
	                           : selftest_fail(EXIT_UNAVAILABLE, "DNS can't be asked", error);
}

int selftest_open_milter(struct selftest *t)
{
	struct place_options o = place_options(t);
	struct conf_socket socket;
	char error[WAY_TEXT_SIZE], secret[SECRET_SIZE];
	int code;

	if (t->o.milter == NULL && t->config == NULL) {
		return command_usage(&command_selftest,
		    "there is no configuration at " CONFIG_DEFAULT_PATH
		    " that says where the guard is; give -c FILE, --milter or --smtp");
	} else if (t->o.milter == NULL) {
		socket = t->config->settings->listen.items[0];
	} else if (!read_socket(t, &socket)) {
		return command_usage(&command_selftest,
		    "found --milter %s; expected unix:/path, inet:host:port or inet6:host:port",
		    t->o.milter);
	}
	o.secret = read_secret(t, secret);
	if (t->o.dns && (code = open_resolver(t)) != EXIT_OK)
		return code;
	if (places_add_milter(&t->places, &socket, &o, error))
		return EXIT_OK;
	fprintf(stderr,
	    "relay-guard selftest: no guard answers at %s: %s; is `relay-guard serve` running?\n",
	    socket.text, error);
	return EXIT_UNAVAILABLE;
}

/* Once, whatever names it has. */
static void add_target(struct selftest *t, const struct target *target)
{
	for (size_t i = 0; i < t->o.target_count; i++)
		if (strcmp(t->o.targets[i].host, target->host) == 0 &&
		    t->o.targets[i].port == target->port)
			return;
	t->o.targets[t->o.target_count++] = *target;
}

/* The domain's own servers, as the world finds them. */
static int add_mx(struct selftest *t)
{
	struct domain_servers s;
	size_t i = 0;

	domain_servers(t->resolver, t->names.ours, &s);
	while (i < s.count && t->o.target_count < SELFTEST_TARGETS_MAX)
		add_target(t, &s.all[i++]);
	if (i < s.count)
		places_note(&t->places,
		    "%zu addresses of the servers of %s are not tried: there are too many",
		    s.count - i, t->names.ours);
	if (s.count > 0)
		return EXIT_OK;
	fprintf(stderr, "relay-guard selftest: DNS names no server for the mail of %s (%s)\n",
	    t->names.ours, s.null_mx ? "a null MX" : dns_status_name(s.status));
	return EXIT_UNAVAILABLE;
}

int selftest_open_smtp(struct selftest *t)
{
	char error[TLS_TEXT_SIZE];
	struct place_options o;
	size_t answered = 0;
	int code = EXIT_OK;

	if (t->o.cert != NULL && !certificate_read(&t->cert, t->o.cert, t->o.key, error))
		return selftest_fail(EXIT_NO_INPUT, "the certificate can't be used", error);
	o = place_options(t);
	if (t->o.dns)
		code = open_resolver(t);
	if (code == EXIT_OK && t->o.mx)
		code = add_mx(t);
	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < t->o.target_count; i++)
		answered += places_add_smtp(&t->places, &t->o.targets[i], &o);
	if (answered > 0)
		return EXIT_OK;
	for (size_t i = 0; i < t->places.note_count; i++)
		(void)selftest_fail(EXIT_UNAVAILABLE, "no mail server answers", t->places.notes[i]);
	return EXIT_UNAVAILABLE;
}
