#include "../lib/unit.h"

#include <pthread.h>
#include <string.h>

#include "base/names.h"

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "abc"
#define N253 L63 "." L63 "." L63 "." L60 "a"

static const struct {
	const char *text, *want;
	enum name_error error;
} names[] = {
    {"example.com", "example.com", NAME_OK},
    {"EXAMPLE.Com", "example.com", NAME_OK},
    {"example.com.", "example.com", NAME_OK},
    {"com", "com", NAME_OK},
    {"a-b.example", "a-b.example", NAME_OK},
    {"_dmarc.example.com", "_dmarc.example.com", NAME_OK},
    {"xn--bcher-kva.example", "xn--bcher-kva.example", NAME_OK},
    {"XN--BCHER-KVA.example", "xn--bcher-kva.example", NAME_OK},
    {"b\xc3\xbc\x63her.example", "xn--bcher-kva.example", NAME_OK},
    {"B\xc3\x9c\x43HER.EXAMPLE.", "xn--bcher-kva.example", NAME_OK},
    /* u and a combining diaeresis */
    {"bu\xcc\x88\x63her.example", "xn--bcher-kva.example", NAME_OK},
    /* sharp s stays itself: non-transitional */
    {"fa\xc3\x9f.de", "xn--fa-hia.de", NAME_OK},
    {"_dmarc.b\xc3\xbc\x63her.example", "_dmarc.xn--bcher-kva.example", NAME_OK},
    {"xn--bcher-kva.b\xc3\xbc\x63her", "xn--bcher-kva.xn--bcher-kva", NAME_OK},
    {"\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp", NAME_OK},
    /* ideographic full stop */
    {"\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "xn--r8jz45g.jp", NAME_OK},
    {L63 ".com", L63 ".com", NAME_OK},
    {N253, N253, NAME_OK},
    {N253 ".", N253, NAME_OK},
    {"", "", NAME_EMPTY},
    {".", "", NAME_EMPTY},
    {"..", "", NAME_BAD_LABEL},
    {".example.com", "", NAME_BAD_LABEL},
    {"example..com", "", NAME_BAD_LABEL},
    {"example.com..", "", NAME_BAD_LABEL},
    {"exa mple.com", "", NAME_BAD_LABEL},
    {" example.com", "", NAME_BAD_LABEL},
    {"example.com\n", "", NAME_BAD_LABEL},
    {"user@example.com", "", NAME_BAD_LABEL},
    {"a%b.example", "", NAME_BAD_LABEL},
    {"a!b.example", "", NAME_BAD_LABEL},
    {"[192.0.2.1]", "", NAME_BAD_LABEL},
    {"2001:db8::1", "", NAME_BAD_LABEL},
    {"*.example.com", "", NAME_BAD_LABEL},
    {L63 "d.com", "", NAME_BAD_LABEL},
    {N253 "b", "", NAME_TOO_LONG},
    {"example.\xff", "", NAME_BAD_IDN},
    {"b\xc3.example", "", NAME_BAD_IDN},
    {"b\xed\xa0\x80.example", "", NAME_BAD_IDN},
    {"b\xc0\xae.example", "", NAME_BAD_IDN},
    /* account of: mapped to a/c */
    {"x\xe2\x84\x80.example", "", NAME_BAD_LABEL},
    /* right-to-left and left-to-right letters in one label */
    {"\xd7\x90"
     "a.example",
	"", NAME_BAD_IDN},
};

static void test_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = names[i].text;
		char got[NAME_SIZE] = "untouched", again[NAME_SIZE];
		enum name_error e = name_canonical(text, strlen(text), got);

		if (e != names[i].error || strcmp(got, names[i].want) != 0)
			fail_msg("\"%s\": got %d \"%s\", want %d \"%s\"", text, (int)e, got,
			    (int)names[i].error, names[i].want);
		if (e == NAME_OK &&
		    (name_canonical(got, strlen(got), again) != NAME_OK || strcmp(got, again) != 0))
			fail_msg("\"%s\": \"%s\" is not canonical", text, got);
	}
}

static void test_canonical_is_bounded(void **state)
{
	static const char nul[] = "example\0.com";
	char out[NAME_SIZE], large[5000];

	(void)state;
	assert_int_equal(name_canonical("example.computer", 11, out), NAME_OK);
	assert_string_equal(out, "example.com");
	assert_int_equal(name_canonical(nul, sizeof(nul) - 1, out), NAME_BAD_LABEL);
	assert_string_equal(out, "");
	memset(large, 'a', sizeof(large));
	assert_int_equal(name_canonical(large, sizeof(large), out), NAME_TOO_LONG);
	memset(large, 0xc3, sizeof(large));
	assert_int_equal(name_canonical(large, sizeof(large), out), NAME_TOO_LONG);
	assert_int_equal(name_canonical(NULL, 0, out), NAME_EMPTY);
}

static void test_spelled_out(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
	    {"example.com", true},
	    {"EXAMPLE.com.", true},
	    {"xn--bcher-kva.example", true},
	    {"b\xc3\xbc\x63her.example", true},
	    {"B\xc3\x9c\x43HER.Example.", true},
	    {"xn--bcher-kva.b\xc3\xbc\x63her.example", true},
	    {"fa\xc3\x9f.example", true},
	    {"\xe4\xbe\x8b\xe3\x81\x88.jp", true},
	    /* a combining diaeresis */
	    {"bu\xcc\x88\x63her.example", false},
	    /* a capital sharp s, which newer libraries map to another name than older ones */
	    {"fa\xe1\xba\x9e.example", false},
	    /* full stops: ideographic, fullwidth, halfwidth ideographic */
	    {"example\xe3\x80\x82\x63om", false},
	    {"example\xef\xbc\x8e\x63om", false},
	    {"example\xef\xbd\xa1\x63om", false},
	    {"\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", false},
	    /* a fullwidth e, a circled e, the sign of kelvins */
	    {"\xef\xbd\x85xample.com", false},
	    {"\xe2\x93\x94xample.com", false},
	    {"\xe2\x84\xaa.example", false},
	    /* what is left out: a soft hyphen, a blank without width, a variation selector */
	    {"exa\xc2\xadmple.com", false},
	    {"exa\xe2\x80\x8bmple.com", false},
	    {"example.com\xef\xb8\x8f", false},
	    {"b\xc3\xbc\x63\xc2\xadher.example", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		char name[NAME_SIZE];

		if (name_canonical(text, strlen(text), name) != NAME_OK)
			fail_msg("%s: no name", text);
		if (name_is_spelled_out(text, strlen(text), name) != cases[i].want)
			fail_msg(
			    "%s as %s: got %d, want %d", text, name, !cases[i].want, cases[i].want);
	}
	/* The whole of it is compared, and no more. */
	assert_true(name_is_spelled_out("example.computer", 11, "example.com"));
	assert_false(name_is_spelled_out("example.com", 11, "www.example.com"));
	assert_false(name_is_spelled_out("www.example.com", 15, "www.example"));
}

static void test_error_text(void **state)
{
	(void)state;
	for (enum name_error e = NAME_OK; e <= NAME_BAD_IDN; e++)
		assert_true(strlen(name_error_text(e)) > 5);
}

static const struct {
	const char *name, *parent;
	bool want;
} below[] = {
    {"example.com", "example.com", true},
    {"mail.example.com", "example.com", true},
    {"a.b.example.com", "example.com", true},
    {"badexample.com", "example.com", false},
    {"example.com", "mail.example.com", false},
    {"com", "example.com", false},
    {"example.com.org", "example.com", false},
};

static void test_below(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
		if (name_is_at_or_below(below[i].name, below[i].parent) != below[i].want)
			fail_msg("%s below %s: got %d, want %d", below[i].name, below[i].parent,
			    !below[i].want, below[i].want);
}

static void test_parent(void **state)
{
	(void)state;
	assert_string_equal(name_parent("a.b.c"), "b.c");
	assert_string_equal(name_parent("b.c"), "c");
	assert_null(name_parent("c"));
	assert_int_equal(name_labels(""), 0);
	assert_int_equal(name_labels("c"), 1);
	assert_int_equal(name_labels("a.b.c"), 3);
}

static void *canonical_often(void *arg)
{
	char out[NAME_SIZE];

	for (unsigned i = 0; i < 500; i++)
		if (name_canonical("b\xc3\xbc\x63her.example", 15, out) != NAME_OK ||
		    strcmp(out, "xn--bcher-kva.example") != 0)
			return arg;
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	int mark;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, canonical_often, &mark), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_canonical),
	    cmocka_unit_test(test_canonical_is_bounded),
	    cmocka_unit_test(test_spelled_out),
	    cmocka_unit_test(test_error_text),
	    cmocka_unit_test(test_below),
	    cmocka_unit_test(test_parent),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
