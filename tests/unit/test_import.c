#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "audit/import.h"
#include "base/netset.h"
#include "check/config.h"

static const struct import_from somewhere = {"main.cf", 3, "mynetworks"};

/* The configuration must be taken by the guard itself. */
static void assert_loads(const struct import *i, size_t domains, size_t networks)
{
	struct strbuf b = {0};
	struct diag *d = diag_new();
	struct config *c;

	assert_true(import_write(i, &b));
	c = config_load_text("imported", strbuf_text(&b), b.len, 0, d);
	if (c == NULL) {
		diag_print(d, stderr);
		print_error("%s\n", strbuf_text(&b));
		fail();
	} else {
		assert_int_equal(domset_size(conf_domains(c->doc, "ours")), domains);
		assert_int_equal(netset_ranges(conf_networks(c->doc, "friends")), networks);
	}
	config_free(&c);
	diag_free(&d);
	strbuf_free(&b);
}

static void network(struct import *i, const char *text)
{
	import_network(i, text, strlen(text), &somewhere);
}

static void domain(struct import *i, const char *text)
{
	import_domain(i, text, strlen(text), &somewhere);
}

/* Who is excepted is asked after before the others. */
static void excluded(void **state)
{
	struct import i = {.source = NULL};
	struct strbuf b = {0};
	const char *except, *office;

	(void)state;
	network(&i, "127.9.0.0/16");
	import_excluded(&i, "[127.9.1.66]", 12, &somewhere);
	import_excluded(&i, "0.0.0.0/0", 9, &somewhere);
	assert_loads(&i, 0, 1);
	assert_true(import_write(&i, &b));
	except = strstr(
	    strbuf_text(&b), "rule except  { client = @excluded  auth = no  action = reject");
	office = strstr(strbuf_text(&b), "rule office");
	assert_true(except != NULL && office != NULL && except < office);
	assert_non_null(strstr(strbuf_text(&b), "\"127.9.1.66/32\""));
	strbuf_free(&b);
	import_free(&i);
}

static void empty(void **state)
{
	struct import i = {.source = NULL};

	(void)state;
	assert_loads(&i, 0, 0);
	import_free(&i);
}

static void full(void **state)
{
	struct import i = {.source = "Postfix 3.7.11\nlisten = evil"};

	(void)state;
	network(&i, "127.0.0.0/8");
	network(&i, "127.0.0.0/8");
	network(&i, "192.0.2.1/24");
	network(&i, "[2001:db8::]/32");
	network(&i, "[::1]");
	domain(&i, "example.com");
	domain(&i, "Example.COM.");
	domain(&i, ".example.com");
	domain(&i, "[192.0.2.1]");
	import_logins(&i, true, &somewhere);
	import_rule(&i, "cert of x",
	    "cert = \"sha256:"
	    "00112233445566778899aabbccddeeff"
	    "00112233445566778899aabbccddeeff\"  action = permit",
	    &somewhere);
	import_mailer(&i, "dovecot-lda", &somewhere);
	import_listener(&i, "smtp", &somewhere);
	import_limit(&i, "smtpd_client_message_rate_limit = 10", &somewhere);
	import_note(&i, NULL, "a note of\nmore than one line }");
	assert_int_equal(i.domains.count, 3);
	assert_int_equal(i.networks.count, 4);
	assert_int_equal(i.notes.count, 1);
	assert_loads(&i, 3, 4);
	import_free(&i);
}

static void refuses(void **state)
{
	static const char *const networks[] = {"0.0.0.0/0", "::/0", "0.0.0.0/1", "hash:/x", ""};
	static const char *const domains[] = {"com", ".", "a b", "x\"y.example", ""};
	struct import i = {.source = NULL};

	(void)state;
	for (size_t k = 0; k < sizeof(networks) / sizeof(networks[0]); k++) {
		network(&i, networks[k]);
		assert_int_equal(i.networks.count, 0);
	}
	for (size_t k = 0; k < sizeof(domains) / sizeof(domains[0]); k++) {
		domain(&i, domains[k]);
		assert_int_equal(i.domains.count, 0);
	}
	assert_int_equal(i.notes.count, 10);
	assert_loads(&i, 0, 0);
	import_free(&i);
}

static void logins_without_tls(void **state)
{
	struct import i = {.source = NULL};

	(void)state;
	import_logins(&i, true, &somewhere);
	assert_true(i.logins_tls);
	import_logins(&i, false, &somewhere);
	assert_false(i.logins_tls);
	import_logins(&i, true, &somewhere);
	assert_false(i.logins_tls);
	import_free(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(empty), cmocka_unit_test(excluded),
	    cmocka_unit_test(full), cmocka_unit_test(refuses),
	    cmocka_unit_test(logins_without_tls)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
