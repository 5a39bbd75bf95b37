/* Which configuration, whose domains, which server: what the probes' placeholders stand for. */
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/command.h"
#include "base/names.h"
#include "selftest/selftest.h"

/* Nobody's, so that no postmaster is bothered: no message is sent, but its names are looked up. */
static const char *const outsiders[] = {"example.org", "example.net", "example.com", NULL};

/* An address for literals where that of the server is not known. */
#define UNKNOWN_SERVER "192.0.2.25"

/* --- the configuration ----------------------------------------------------- */

static int load(struct selftest *t, const char *path)
{
	int code;

	t->config = config_load_told(path, &code);
	t->config_path = path;
	return code;
}

static bool is_ours(const struct selftest *t, const char *domain)
{
	char name[NAME_SIZE];

	return name_canonical(domain, strlen(domain), name) == NAME_OK &&
	       domset_contains(conf_domains(t->config->doc, "ours"), name);
}

/* The default configuration is that of this host; it says nothing of somebody else's domain. */
int selftest_load(struct selftest *t)
{
	const struct selftest_options *o = &t->o;
	int code = EXIT_OK;

	if (o->config != NULL)
		code = load(t, o->config);
	else if (access(CONFIG_DEFAULT_PATH, F_OK) == 0)
		code = load(t, CONFIG_DEFAULT_PATH);
	if (code != EXIT_OK || t->config == NULL || o->domain == NULL || is_ours(t, o->domain))
		return code;
	/* What the mail server alone takes for its own is a difference like others. */
	if (o->agree)
		return EXIT_OK;
	/* A guard that knows no domain of its own has strangers all the same. */
	if (o->config != NULL && plan_our_domain(&t->arena, t->config) == NULL)
		return EXIT_OK;
	if (o->config != NULL)
		return command_usage(&command_selftest,
		    "found --domain %s; expected one of the list `ours` in %s", o->domain,
		    o->config);
	config_free(&t->config);
	t->config_path = NULL;
	return EXIT_OK;
}

/* --- names ----------------------------------------------------------------- */

/* The first literal of `ours`; ADDR_NONE: it has none. */
static struct addr our_literal(const struct selftest *t)
{
	const struct domset *ours = t->config == NULL ? NULL : conf_domains(t->config->doc, "ours");
	struct addr a = {.family = ADDR_NONE};

	for (size_t i = 0; i < domset_size(ours); i++) {
		const char *entry = domset_entry(ours, i);

		if (entry[0] == '[' && addr_parse(entry + 1, strlen(entry) - 2, &a))
			break;
	}
	return a;
}

/* As it stands in a literal (RFC 5321 4.1.3). */
static const char *server_literal(struct selftest *t)
{
	struct addr a = our_literal(t);
	char text[ADDR_TEXT_MAX];

	if (a.family == ADDR_NONE && t->places.count > 0)
		a = t->places.ways[0].peer;
	if (a.family == ADDR_NONE)
		return UNKNOWN_SERVER;
	addr_format(&a, text);
	return arena_printf(&t->arena, "%s%s", a.family == ADDR_V6 ? "IPv6:" : "", text);
}

static const char *outside_of(const struct selftest *t)
{
	if (t->o.outside != NULL)
		return t->o.outside;
	for (size_t i = 0; outsiders[i] != NULL; i++)
		if (!name_is_at_or_below(t->names.ours, outsiders[i]) &&
		    !plan_names_domain(t->config, outsiders[i], t->now))
			return outsiders[i];
	return NULL;
}

int selftest_choose_domains(struct selftest *t)
{
	struct probe_names *n = &t->names;

	n->ours = t->o.domain;
	if (n->ours == NULL && t->config != NULL)
		n->ours = plan_our_domain(&t->arena, t->config);
	if (n->ours == NULL && t->o.list && t->config == NULL)
		n->ours = "example.com";
	if (n->ours == NULL && t->config == NULL && t->o.milter == NULL &&
	    !selftest_speaks_smtp(&t->o))
		return selftest_fail(EXIT_NO_INPUT,
		    "there is no configuration at " CONFIG_DEFAULT_PATH
		    "; give -c FILE, or --milter ADDR or --smtp HOST with --domain",
		    "");
	if (n->ours == NULL && t->config == NULL)
		return command_usage(&command_selftest,
		    "there is no configuration at " CONFIG_DEFAULT_PATH
		    "; give -c FILE, or --domain with a domain that is ours");
	if (n->ours == NULL)
		return command_usage(&command_selftest,
		    "the list `ours` of %s names no domain; give --domain", t->config_path);
	n->outside = outside_of(t);
	if (n->outside == NULL)
		return command_usage(&command_selftest,
		    "the configuration names all of example.org, example.net and example.com; give "
		    "--outside with a domain that is nobody's here");
	if (t->config != NULL && t->o.outside != NULL && is_ours(t, n->outside))
		return command_usage(&command_selftest,
		    "found --outside %s, which is in the list `ours` of %s; expected a domain that "
		    "is not",
		    n->outside, t->config_path);
	return EXIT_OK;
}

/* What a first session may have told. */
int selftest_choose_server(struct selftest *t)
{
	struct probe_names *n = &t->names;

	const char *host = t->places.count > 0 ? t->places.ways[0].host : "";
	uint32_t nonce = 0;

	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		nonce = (uint32_t)t->now;
	n->host = *host != '\0' ? host : arena_printf(&t->arena, "mail.%s", n->ours);
	n->ip = server_literal(t);
	n->mailbox = t->o.confirm == NULL ? NULL : t->o.confirm_mailbox;
	n->nonce = arena_printf(&t->arena, "%08x", (unsigned)nonce);
	if (n->host == NULL || n->ip == NULL || n->nonce == NULL)
		return selftest_fail(EXIT_INTERNAL, "out of memory", "");
	return EXIT_OK;
}
