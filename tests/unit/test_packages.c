#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/packages.h"

static char root[64];

/* Each is lower than the next; as `dpkg --compare-versions` has it. */
static void versions_in_order(void **state)
{
	static const char *const sorted[] = {"3.7~rc1-1", "3.7-1~bpo1", "3.7-1", "3.7-1+b1",
	    "3.7.6-0+deb12u2", "3.7.11-0+deb12u1", "3.7.11-0+deb12u1.1", "3.10.4-1", "3.10.4-1.1",
	    "3.10.4-10", "3.10.4a-1", "99999999999999999999-1", "100000000000000000000-1",
	    "1:0.1-1", "1:0.1-1ubuntu1", "2:0"};
	size_t count = sizeof(sorted) / sizeof(sorted[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < count; k++) {
			int order = package_version_order(sorted[i], sorted[k]);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
	}
	assert_int_equal(package_version_order("0:1.0-0", "1.00"), 0);
}

static void paragraphs(void **state)
{
	static const char status[] =
	    "Package: postfix-sqlite\nStatus: install ok installed\nVersion: 9\n\n"
	    "Package: postfix\nStatus: deinstall ok config-files\nVersion: 9\n\n"
	    "Package: postfix\nStatus: install ok installed\nConffiles:\n Version: 8\n"
	    "Version: 3.7.6-0\n\nPackage: x\nVersion: 9";
	char version[PACKAGE_VERSION_MAX];

	(void)state;
	assert_true(package_version_in(status, strlen(status), "postfix", true, version));
	assert_string_equal(version, "3.7.6-0");
	assert_true(package_version_in(status, strlen(status), "postfix", false, version));
	assert_string_equal(version, "9");
	/* The last line may have no end. */
	assert_true(package_version_in(status, strlen(status), "x", false, version));
	assert_false(package_version_in(status, strlen(status), "x", true, version));
	assert_false(package_version_in(status, 0, "x", false, version));
}

static void write_file(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/var/lib/%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int make_root(void **state)
{
	static const char *const folders[] = {
	    "/var", "/var/lib", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/apt/lists"};
	char full[256];

	(void)state;
	snprintf(root, sizeof(root), "/tmp/packages-XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(full, sizeof(full), "%s%s", root, folders[i]);
		if (mkdir(full, 0755) != 0)
			return -1;
	}
	return 0;
}

static int remove_root(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
}

static void assert_audit(size_t findings, size_t notes, const char *in_why)
{
	struct findings l = {.count = 0};

	package_audit(&l, root, "postfix");
	assert_int_equal(l.count, findings);
	assert_int_equal(l.note_count, notes);
	if (in_why != NULL) {
		assert_string_equal(l.items[0].id, "version-old");
		assert_int_equal(l.items[0].severity, SEVERITY_LOW);
		assert_non_null(strstr(l.items[0].why, "3.7.6-0+deb12u2"));
		assert_non_null(strstr(l.items[0].why, in_why));
	}
	findings_free(&l);
}

static void a_host(void **state)
{
	(void)state;
	assert_audit(0, 0, NULL);
	write_file("dpkg/status",
	    "Package: postfix\nStatus: install ok installed\nVersion: 3.7.6-0+deb12u2\n");
	assert_audit(0, 0, NULL);
	write_file("apt/lists/a_Packages", "Package: postfix\nVersion: 3.7.6-0+deb12u2\n\n");
	assert_audit(0, 0, NULL);
	/* What an upgrade does not take of itself. */
	write_file("apt/lists/x_bookworm-backports_main_Packages",
	    "Package: postfix\nVersion: 3.10.1-1\n\n");
	assert_audit(0, 0, NULL);
	write_file("apt/lists/b_Packages.lz4", "");
	write_file("apt/lists/c_Packages.gz", "");
	assert_audit(0, 1, NULL);
	write_file("apt/lists/security_Packages",
	    "Package: postfix-doc\nVersion: 4\n\nPackage: postfix\nVersion: 3.7.11-0+deb12u1\n");
	assert_audit(1, 1, "3.7.11-0+deb12u1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions_in_order),
	    cmocka_unit_test(paragraphs),
	    cmocka_unit_test_setup_teardown(a_host, make_root, remove_root),
	};

	return cmocka_run_group_tests_name("packages", tests, NULL, NULL);
}
