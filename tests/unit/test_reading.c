#include "../lib/unit.h"

#include <string.h>

#include "core/reading.h"

/* In two pieces, as \xbcc would be one number. */
#define BUECHER                                                                                    \
	"b\xc3\xbc"                                                                                \
	"cher.example"

static const char *const local_names[] = {"local", "virtual", "dovecot"};

static struct domset *ours_new(void)
{
	static const char *const entries[] = {
	    "example.com", ".example.com", "[192.0.2.25]", BUECHER};
	struct domset_builder *b = domset_builder_new();

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		assert_int_equal(
		    domset_builder_add(b, entries[i], strlen(entries[i]), NULL), DOMSET_OK);
	return domset_build(&b);
}

/* What both MTAs say was measured; views that no MTA gives are here because one could. */
static const struct {
	const char *rcpt, *mailer, *host, *addr;
	enum reading want;
} cases[] = {
    /* Postfix: transport, domain, full address */
    {"<bob@example.com>", "local", "example.com", "bob@example.com", READING_OURS},
    {"<bob@example.com>", "virtual", "example.com", "bob@example.com", READING_OURS},
    {"<bob@sub.example.com>", "local", "sub.example.com", "bob@sub.example.com", READING_OURS},
    {"<BOB@EXAMPLE.COM.>", "local", "example.com", "BOB@EXAMPLE.COM", READING_OURS},
    {"bob@example.com", "local", "example.com", "bob@example.com", READING_OURS},
    {"<bob@xn--bcher-kva.example>", "local", "", "bob@xn--bcher-kva.example", READING_OURS},
    {"<bob@" BUECHER ">", "smtp", "mx", "bob@xn--bcher-kva.example", READING_OURS},
    {"<bob@[192.0.2.25]>", "local", "[192.0.2.25]", "bob@[192.0.2.25]", READING_OURS},
    {"<bob@[192.0.2.26]>", "local", "[192.0.2.26]", "bob@[192.0.2.26]", READING_RELAY},
    /* Sendmail: mailer local, no host, the local part; names of mailers without case */
    {"<bob@example.com>", "local", "", "bob", READING_OURS},
    {"<bob@example.com>", "LOCAL", "", "bob", READING_OURS},
    {"<bob@[192.0.2.25]>", "local", "", "bob", READING_OURS},
    /* transport maps, relay_domains, mailertable: on under the same domain */
    {"<bob@example.com>", "smtp", "[10.0.0.1]", "bob@example.com", READING_OURS},
    {"<bob@example.com>", "relay", "[10.0.0.1]", "bob@EXAMPLE.com.", READING_OURS},
    {"<bob@example.com>", "lmtp", "unix:x", "alice@example.com", READING_OURS},
    /* the text says ours, the mail goes elsewhere */
    {"<bob@example.com>", "smtp", "evil.example", "bob@evil.example", READING_RELAY},
    {"<bob@example.com>", "smtp", "evil.example", "bob@sub.example.com", READING_RELAY},
    {"<bob@example.com>", "smtp", "x", "u%evil.example@example.com", READING_RELAY},
    {"<bob@example.com>", "smtp", "x", "\"bob\"@example.com", READING_RELAY},
    {"<bob@example.com>", "smtp", "x", "bob@example.com@example.com", READING_RELAY},
    {"<bob@example.com>", "smtp", "x", "bob", READING_RELAY},
    {"<bob@[192.0.2.25]>", "smtp", "x", "bob@[192.0.2.26]", READING_RELAY},
    {"<bob@[192.0.2.25]>", "smtp", "x", "bob@example.com", READING_RELAY},
    {"<bob@example.com>", "uucp-dom", "h", "h!bob", READING_RELAY},
    {"<u%evil.example@example.com>", "local", "", "u", READING_AMBIGUOUS},
    {"<@example.com:u@evil.example>", "local", "", "u", READING_AMBIGUOUS},
    {"<\"bob\"@example.com>", "local", "", "bob", READING_AMBIGUOUS},
    {"<evil.example!u@example.com>", "smtp", "evil.example", "u@evil.example", READING_AMBIGUOUS},
    /* not ours, whatever the MTA says */
    {"<bob@evil.example>", "local", "", "bob", READING_RELAY},
    {"<bob@evilexample.com>", "smtp", "x", "bob@evilexample.com", READING_RELAY},
    {"<bob@example.com.evil.example>", "smtp", "x", "bob@example.com", READING_RELAY},
    {"<bob@evil.example>", NULL, NULL, NULL, READING_RELAY},
    {"<>", "local", "", "", READING_RELAY},
    /* the MTA did not say */
    {"<bob@example.com>", NULL, NULL, NULL, READING_UNKNOWN},
    {"<bob@example.com>", "", "", "", READING_UNKNOWN},
    {"<bob@example.com>", "smtp", "x", NULL, READING_UNKNOWN},
    {"<bob@example.com>", "smtp", "x", "", READING_UNKNOWN},
    /* Postfix's virtual alias domains */
    {"<bob@example.com>", "error", "User unknown in virtual alias table", "bob@example.com",
	READING_OURS},
    {"<bob@example.com>", "error", "User unknown in virtual alias table", "eve@example.com",
	READING_RELAY},
    {"<bob@example.com>", "error", "5.1.1", "User unknown", READING_RELAY},
    /* the bare postmaster */
    {"<postmaster>", "local", "", "postmaster", READING_OURS},
    {"<Postmaster>", "smtp", "x", "Postmaster@example.com", READING_OURS},
    {"<postmaster>", "error", "User unknown in virtual alias table", "postmaster@example.com",
	READING_OURS},
    {"<postmaster>", "smtp", "x", "postmaster@evil.example", READING_RELAY},
    {"<postmaster>", "smtp", "x", "postmaster", READING_RELAY},
    {"<postmaster>", "smtp", "x", "\"a@b\"@example.com", READING_RELAY},
    {"<postmaster>", NULL, NULL, NULL, READING_UNKNOWN},
    {"<postmaster>", "smtp", "", "", READING_UNKNOWN},
    /* any other without a domain */
    {"<bob>", "local", "", "bob", READING_AMBIGUOUS},
    {"<bob>", "smtp", "x", "bob@example.com", READING_AMBIGUOUS},
};

static enum reading read_case(size_t i, const struct reading_rules *rules, const char **why)
{
	const struct mta_view mta = {cases[i].mailer, cases[i].host, cases[i].addr};
	struct arena a = {0};
	struct mailaddr m;
	enum keeping kept;
	enum reading r;

	assert_true(mailaddr_parse(cases[i].rcpt, strlen(cases[i].rcpt), &a, &m));
	kept = mta_keeps(rules, &m, &mta, &a, why);
	assert_non_null(*why);
	r = reading_of(rules, &m, &mta, kept, &a, why);
	arena_free(&a);
	return r;
}

static void both_must_say_ours(void **state)
{
	struct domset *ours = ours_new();
	const struct reading_rules rules = {ours, {3, local_names}};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = NULL;
		enum reading got = read_case(i, &rules, &why);

		if (got != cases[i].want) {
			print_error("%s -> %s %s %s: got '%s' (%s), want '%s'\n", cases[i].rcpt,
			    cases[i].mailer, cases[i].host, cases[i].addr, reading_name(got), why,
			    reading_name(cases[i].want));
			failed++;
		}
	}
	domset_free(&ours);
	assert_int_equal(failed, 0);
}

static void without_a_list_nothing_is_ours(void **state)
{
	const struct reading_rules rules = {NULL, {3, local_names}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = NULL;
		enum reading got = read_case(i, &rules, &why);

		/* save the bare postmaster, whom the MTA keeps */
		if (got == READING_OURS)
			assert_string_equal(cases[i].addr, "postmaster");
	}
}

static void refusals_of_the_mta(void **state)
{
	static const struct {
		const char *mailer, *host, *addr;
		bool want;
	} views[] = {
	    {"error", "5.7.1", "Relay access denied", true},
	    {"ERROR", "4.2.0", "Greylisted", true},
	    {"error", "5.7.1", "<u@evil.example>: Relay access denied", true},
	    /* what could be a client's own text */
	    {"error", "5.1.1", "u@evil.example", false},
	    {"error", "5.1.1", "a b@evil.example", false},
	    {"error", "User unknown in virtual alias table", "bob@example.com", false},
	    {"error", "5.1.1 User unknown", "bob@example.com", false},
	    {"error", "2.0.0", "Ok", false},
	    {"error", "5.1", "no code", false},
	    {"error", "", "Relay access denied", false},
	    {"error", "5.7.1", "", false},
	    {"error", NULL, NULL, false},
	    {"smtp", "5.7.1", "Relay access denied", false},
	    {"local", "", "bob", false},
	    {NULL, "5.7.1", "Relay access denied", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		const struct mta_view v = {views[i].mailer, views[i].host, views[i].addr};

		if (mta_view_is_refusal(&v) != views[i].want)
			fail_msg("%s %s %s: want %d", v.mailer, v.host, v.addr, views[i].want);
	}
}

static void assumed_views(void **state)
{
	struct domset *ours = ours_new();
	const struct reading_rules rules = {ours, {3, local_names}};
	static const struct {
		const char *raw, *mailer, *addr;
	} want[] = {
	    {"<bob@example.com>", "local", "bob@example.com"},
	    {"<bob@[192.0.2.25]>", "local", "bob@[192.0.2.25]"},
	    {"<postmaster>", "local", "postmaster"},
	    {"<bob@evil.example>", "smtp", "bob@evil.example"},
	    {"<u%evil@example.com>", "smtp", "u%evil@example.com"},
	    {"bob", "smtp", "bob"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct arena a = {0};
		struct mailaddr m;
		struct mta_view v;

		assert_true(mailaddr_parse(want[i].raw, strlen(want[i].raw), &a, &m));
		v = mta_view_assumed(&rules, &m, want[i].raw, &a);
		assert_string_equal(v.mailer, want[i].mailer);
		assert_string_equal(v.addr, want[i].addr);
		arena_free(&a);
	}
	domset_free(&ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_must_say_ours),
	    cmocka_unit_test(without_a_list_nothing_is_ours),
	    cmocka_unit_test(refusals_of_the_mta),
	    cmocka_unit_test(assumed_views),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
