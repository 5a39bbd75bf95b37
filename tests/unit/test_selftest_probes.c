/* The table of probes: what other testers send is in it, and nothing is in it twice. */
#include "../lib/unit.h"

#include <string.h>

#include "selftest/probe.h"

static const struct probe_names names = {
    .ours = "example.com", .outside = "example.org", .host = "mx.example.com", .ip = "192.0.2.1"};

/* Their number, so that none is lost unnoticed; RELAY for strangers. */
enum { PROBES = 139, RELAY = 132, CONTROLS = 5, FRIENDS = 1, GUARD = 1, CORE = 10 };

/* Every recipient that nmap, metasploit, abuse.net, MAPS, Nessus, OpenVAS and others send. */
static const char *const recipients[] = {"<relaytest@{outside}>", "relaytest@{outside}",
    "<relaytest@{outside}.>", "<relaytest%{outside}@[{ip}]>", "<relaytest%{outside}@{host}>",
    "<relaytest%{outside}@{ours}>", "<relaytest%{outside}@localhost>",
    "<relaytest%{outside}@[127.0.0.1]>", "<relaytest%{outside}@[IPv6:::1]>",
    "<relaytest%{outside}@{ip}>", "<relaytest%{outside}%{ours}@{ours}>",
    "<relaytest%{outside}{host}>", "<relaytest%{outside}@>", "<relaytest%{outside}>",
    "<relaytest%[{outside}]@>", "<relaytest@{outside}@>", "<relaytest@[{outside}]@>",
    "<relaytest@[{outside}]>", "<\"relaytest@{outside}\">", "<\"relaytest%{outside}\">",
    "<\"relaytest@{outside}\"@{ours}>", "<\"relaytest@{outside}\"@[{ip}]>",
    "<\"relaytest@{outside}\"@{host}>", "<\"relaytest\\@{outside}\"@{ours}>",
    "<relaytest@{outside}@[{ip}]>", "<relaytest@{outside}@{host}>", "<relaytest@{outside}@{ours}>",
    "<relaytest@{outside}{host}>", "<@[{ip}]:relaytest@{outside}>", "<@{host}:relaytest@{outside}>",
    "<@{ours}:relaytest@{outside}>", "<@{ours},@{host}:relaytest@{outside}>",
    "<@{host}:relaytest%{outside}@{ours}>", "<{host}:relaytest@{outside}>", "<{outside}!relaytest>",
    "<{outside}!relaytest@[{ip}]>", "<{outside}!relaytest@{host}>", "<{outside}!relaytest@{ours}>",
    "<{outside}!relaytest{host}>", "<{ours}!{outside}!relaytest>",
    "<relaytest\xef\xbc\xa0{outside}@{ours}>", "<relaytest@{outside}\r@{ours}>",
    "<relaytest@{outside}", "<relaytest@xn--bcher-kva.{outside}>", "<relaytest@evil{ours}>",
    "<relaytest@no-such-host.{ours}>", "<postmaster@{ours}>", "<postmaster>"};

/* And every sender and greeting. */
static const char *const senders[] = {"<>", "<selftest>", "<selftest@{outside}>",
    "<selftest@{ours}>", "<selftest@{host}>", "<selftest@[{ip}]>", "<selftest@localhost>",
    "<root@localhost>", "<postmaster@{ours}>", "<postmaster@{host}>", "<mailer-daemon@{ours}>",
    "<selftest@no-such-host.{outside}>", "<relaytest@{outside}>", "<SELFTEST@{OURS}>"};
static const char *const greetings[] = {
    "{host}", "{ours}", "localhost", "localhost.localdomain", "[127.0.0.1]", "[{ip}]"};

static const char *to_of(const struct probe *p)
{
	return p->to;
}

static const char *from_of(const struct probe *p)
{
	return p->from;
}

static const char *helo_of(const struct probe *p)
{
	return p->helo == NULL ? "" : p->helo;
}

static unsigned missing(
    const char *const *wanted, size_t count, const char *(*text)(const struct probe *))
{
	unsigned failed = 0;

	for (size_t i = 0; i < count; i++) {
		size_t k = 0;

		while (k < probe_table_size && strcmp(text(&probe_table[k]), wanted[i]) != 0)
			k++;
		if (k == probe_table_size) {
			print_error("there is no probe with %s\n", wanted[i]);
			failed++;
		}
	}
	return failed;
}

static void has_what_others_send(void **state)
{
	unsigned failed = missing(recipients, sizeof(recipients) / sizeof(*recipients), to_of);

	(void)state;
	failed += missing(senders, sizeof(senders) / sizeof(*senders), from_of);
	failed += missing(greetings, sizeof(greetings) / sizeof(*greetings), helo_of);
	assert_int_equal(failed, 0);
}

static void counts(void **state)
{
	size_t kinds[4] = {0}, core = 0;

	(void)state;
	for (size_t i = 0; i < probe_table_size; i++) {
		kinds[probe_table[i].kind]++;
		core += (probe_table[i].flags & PROBE_CORE) != 0;
	}
	assert_int_equal(probe_table_size, PROBES);
	assert_int_equal(kinds[PROBE_RELAY], RELAY);
	assert_int_equal(kinds[PROBE_CONTROL], CONTROLS);
	assert_int_equal(kinds[PROBE_FRIEND], FRIENDS);
	assert_int_equal(kinds[PROBE_GUARD], GUARD);
	assert_int_equal(core, CORE);
}

static bool same(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

static bool is_double(const struct probe *p, const struct probe *q)
{
	return strcmp(p->name, q->name) == 0 || strcmp(p->form, q->form) == 0 ||
	       (same(p->from, q->from) && same(p->to, q->to) && same(p->helo, q->helo) &&
		   same(p->parameters, q->parameters) && p->way == q->way && p->flags == q->flags &&
		   p->kind == q->kind);
}

static void nothing_is_there_twice(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < probe_table_size; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!is_double(&probe_table[i], &probe_table[k]))
				continue;
			print_error("%s is %s\n", probe_table[i].name, probe_table[k].name);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

/* What is sent must be one line, without a placeholder that nobody knows; a CR ends none. */
static void expands(void **state)
{
	struct arena a = {0};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < probe_table_size; i++) {
		const struct probe *p = &probe_table[i];
		const char *texts[] = {p->from, p->to, p->parameters, p->helo, p->domain};

		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++) {
			const char *text = probe_expand(&a, texts[k], &names);

			if (texts[k] == NULL ? text == NULL : strpbrk(text, "{}\n") == NULL)
				continue;
			print_error("%s: got %s\n", p->name, text);
			failed++;
		}
		if ((p->flags & PROBE_NAMES_DOMAIN) != 0)
			assert_non_null(p->domain);
	}
	arena_free(&a);
	assert_int_equal(failed, 0);
}

static void replaces_placeholders(void **state)
{
	static const struct {
		const char *template, *want;
	} rows[] = {
	    {"", ""},
	    {"<@{host}:u%{outside}@[{ip}]>", "<@mx.example.com:u%example.org@[192.0.2.1]>"},
	    {"<U@{OURS}>{OUTSIDE}{ours}", "<U@EXAMPLE.COM>EXAMPLE.ORGexample.com"},
	    {"{nobody} {ours", "{nobody} {ours"},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(probe_expand(&a, rows[i].template, &names), rows[i].want);
	assert_null(probe_expand(&a, NULL, &names));
	assert_string_equal(probe_bare(&a, "<u@example.com>"), "u@example.com");
	assert_string_equal(probe_bare(&a, "<>"), "");
	assert_string_equal(probe_bare(&a, "u@example.com"), "u@example.com");
	assert_string_equal(probe_bare(&a, "<"), "<");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_what_others_send),
	    cmocka_unit_test(counts),
	    cmocka_unit_test(nothing_is_there_twice),
	    cmocka_unit_test(expands),
	    cmocka_unit_test(replaces_placeholders),
	};

	return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
