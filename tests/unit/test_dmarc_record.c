/* DMARC policy records (RFC 9989 4.7, 4.8, 4.10.1). */
#include "../lib/unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/dmarc_record.h"

/* "-" for what is no DMARC record; else p sp np, then flags, "unusable" where it does not apply. */
static void describe(const char *text, char *out, size_t size)
{
	struct dmarc_record r;

	if (!dmarc_record_read(text, strlen(text), &r)) {
		snprintf(out, size, "-");
		return;
	}
	snprintf(out, size, "%s %s %s%s%s%s%s%s%s", dmarc_policy_name(r.p), dmarc_policy_name(r.sp),
	    dmarc_policy_name(r.np), r.psd == DMARC_PSD_YES ? " psd=y" : "",
	    r.psd == DMARC_PSD_NO ? " psd=n" : "", r.strict_dkim ? " adkim=s" : "",
	    r.strict_spf ? " aspf=s" : "", r.testing ? " t=y" : "", r.applies ? "" : " unusable");
}

static const struct {
	const char *text, *want;
} cases[] = {
    /* the version */
    {"v=DMARC1; p=none", "none none none"},
    {"v=DMARC1;p=reject", "reject reject reject"},
    {"v=DMARC1 ;p=reject;", "reject reject reject"},
    {"v\t= DMARC1\t;\tp\t=\treject\t;\t", "reject reject reject"},
    {"V=DMARC1; p=reject", "reject reject reject"},
    {"v=dmarc1; p=reject", "-"},
    {"v=DMARC1p=reject", "-"},
    {"v=DMARC1 p=reject", "-"},
    {"v=DMARC2; p=reject", "-"},
    {"v=DMARC10; p=reject", "-"},
    {"v=DMARC; p=reject", "-"},
    {" v=DMARC1; p=reject", "-"},
    {"p=reject; v=DMARC1", "-"},
    {"; v=DMARC1; p=reject", "-"},
    {"DMARC1; p=reject", "-"},
    {"v=spf1 -all", "-"},
    {"v", "-"},
    {"v=", "-"},
    {"", "-"},
    /* policies */
    {"v=DMARC1; p=quarantine; sp=none", "quarantine none none"},
    {"v=DMARC1; p=quarantine; np=reject", "quarantine quarantine reject"},
    {"v=DMARC1; np=reject; sp=none; p=quarantine", "quarantine none reject"},
    {"v=DMARC1; p=Reject; SP=NONE", "reject none none"},
    {"v=DMARC1; p = reject ; sp\t=\tnone ", "reject none none"},
    /* none that is valid: with an address for reports it counts as none, without as nothing */
    {"v=DMARC1", "none none none unusable"},
    {"v=DMARC1;", "none none none unusable"},
    {"v=DMARC1; rua=mailto:d@example.com", "none none none"},
    {"v=DMARC1; sp=reject; rua=mailto:d@example.com", "none none none"},
    {"v=DMARC1; p=bogus", "none none none unusable"},
    {"v=DMARC1; p=", "none none none unusable"},
    {"v=DMARC1; p=reject none", "none none none unusable"},
    {"v=DMARC1; p=rejected", "none none none unusable"},
    {"v=DMARC1; p=bogus; rua=mailto:d@example.com", "none none none"},
    {"v=DMARC1; p=reject; sp=bogus", "none none none unusable"},
    {"v=DMARC1; p=reject; sp=bogus; rua=mailto:d@example.com", "none none none"},
    {"v=DMARC1; p=reject; np=bogus", "none none none unusable"},
    {"v=DMARC1; p=reject; sp=none; np=; rua=mailto:d@example.com", "none none none"},
    {"v=DMARC1; p=bogus; adkim=s; psd=n; rua=mailto:d@example.com", "none none none psd=n adkim=s"},
    /* addresses for reports */
    {"v=DMARC1; rua=d@example.com", "none none none unusable"},
    {"v=DMARC1; rua=mailto:", "none none none unusable"},
    {"v=DMARC1; rua=mailto:d", "none none none unusable"},
    {"v=DMARC1; rua=", "none none none unusable"},
    {"v=DMARC1; rua=://example.com", "none none none unusable"},
    {"v=DMARC1; rua=1http://example.com", "none none none unusable"},
    {"v=DMARC1; rua=mailto:a b@example.com", "none none none unusable"},
    {"v=DMARC1; rua=mailto:a%4@example.com", "none none none unusable"},
    {"v=DMARC1; rua=mailto:a%zz@example.com", "none none none unusable"},
    {"v=DMARC1; rua=mailto:a%21@example.com", "none none none"},
    {"v=DMARC1; rua=https://example.com/dmarc?x=1", "none none none"},
    {"v=DMARC1; rua=MAILTO:d@example.com!10m", "none none none"},
    {"v=DMARC1; rua=mailto:d@example.com!", "none none none unusable"},
    {"v=DMARC1; rua=mailto:d@example.com!10mb", "none none none unusable"},
    {"v=DMARC1; rua=bad , mailto:d@example.com", "none none none"},
    {"v=DMARC1; rua=bad,,mailto:d@example.com!1g , worse", "none none none"},
    {"v=DMARC1; ruf=mailto:d@example.com", "none none none unusable"},
    /* what is not valid is as if it were not there */
    {"v=DMARC1; p=reject; adkim=s; aspf=s", "reject reject reject adkim=s aspf=s"},
    {"v=DMARC1; p=reject; adkim=S; aspf=r", "reject reject reject adkim=s"},
    {"v=DMARC1; p=reject; adkim=x; aspf=strict", "reject reject reject"},
    {"v=DMARC1; p=reject; psd=y; t=y", "reject reject reject psd=y t=y"},
    {"v=DMARC1; p=reject; psd=n; t=n", "reject reject reject psd=n"},
    {"v=DMARC1; p=reject; psd=u; t=yes", "reject reject reject"},
    {"v=DMARC1; p=reject; psd=x; t=", "reject reject reject"},
    {"v=DMARC1; p=reject; pct=0; rf=x; ri=y; fo=z", "reject reject reject"},
    {"v=DMARC1; p=reject; pct", "reject reject reject"},
    {"v=DMARC1;;; p=reject;;", "reject reject reject"},
    {"v=DMARC1; =; p=reject; =x; garbage", "reject reject reject"},
    {"v=DMARC1; x=a=b=c; p=reject", "reject reject reject"},
    {"v=DMARC1; p=reject; caf\xc3\xa9=\x01", "reject reject reject"},
    /* twice */
    {"v=DMARC1; p=reject; p=none", "none none none unusable"},
    {"v=DMARC1; p=reject; p=reject; rua=mailto:d@example.com", "none none none"},
    {"v=DMARC1; p=reject; adkim=s; adkim=s", "reject reject reject"},
    {"v=DMARC1; p=reject; x=1; x=2", "reject reject reject"},
};

static void records(void **state)
{
	char got[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		describe(cases[i].text, got, sizeof(got));
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("`%s`: got %s, want %s", cases[i].text, got, cases[i].want);
	}
}

static void a_nul_is_no_end(void **state)
{
	static const char text[] = "v=DMARC1; p=reject\0; sp=none";
	struct dmarc_record r;

	(void)state;
	assert_true(dmarc_record_read(text, sizeof(text) - 1, &r));
	assert_false(r.applies);
}

static void faults_are_told(void **state)
{
	static const char text[] = "v=DMARC1; p=reject; np=x; rua=mailto:d@example.com";
	struct dmarc_record r;

	(void)state;
	assert_true(dmarc_record_read(text, sizeof(text) - 1, &r));
	assert_string_equal(r.fault, "its np is not valid");
	assert_true(dmarc_record_read("v=DMARC1;p=none", 15, &r));
	assert_null(r.fault);
}

static void one_level_lower(void **state)
{
	(void)state;
	assert_int_equal(dmarc_policy_lower(DMARC_POLICY_REJECT), DMARC_POLICY_QUARANTINE);
	assert_int_equal(dmarc_policy_lower(DMARC_POLICY_QUARANTINE), DMARC_POLICY_NONE);
	assert_int_equal(dmarc_policy_lower(DMARC_POLICY_NONE), DMARC_POLICY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records),
	    cmocka_unit_test(a_nul_is_no_end),
	    cmocka_unit_test(faults_are_told),
	    cmocka_unit_test(one_level_lower),
	};

	return cmocka_run_group_tests_name("dmarc_record", tests, NULL, NULL);
}
