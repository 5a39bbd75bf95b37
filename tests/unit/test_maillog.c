/* The MTA's log: which lines are refusals, and what happens when the file is rotated or cut. */
#include "../lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sink/maillog.h"

#define STAMP "2026-11-24T03:00:00.123456+01:00 mx sm-mta[12]: "
#define NOW ((usec_t)1795500000 * USEC_PER_SEC)

static void test_lines(void **state)
{
	static const struct {
		const char *line, *client, *recipient;
		unsigned code;
		const char *reply;
	} table[] = {
	    {STAMP "5AO1: ruleset=check_rcpt, arg1=<b@x.example>, relay=h.example [203.0.113.9], "
		   "reject=550 5.7.1 <b@x.example>... Relaying denied",
		"203.0.113.9", "<b@x.example>", 550, "Relaying denied"},
	    {STAMP "ruleset=check_rcpt, arg1=<b@x>, relay=[IPv6:2001:db8::9] (may be forged), "
		   "reject=450 4.7.1 <b@x>... Relaying temporarily denied.",
		"2001:db8::9", "<b@x>", 450, "Relaying temporarily denied."},
	    {STAMP "5AO1: ruleset=check_rcpt, arg1=<\"a, relay=[192.0.2.1], b\"@x>, "
	           "relay=[203.0.113.9], "
		   "reject=550 5.7.1 No",
		"203.0.113.9", "<\"a, relay=[192.0.2.1], b\"@x>", 550, "No"},
	    {"Nov 24 03:00:00 mx sm-mta[12]: 5AO1: ruleset=check_rcpt, arg1=<b@x>, "
	     "relay=[203.0.113.9], "
	     "reject=550 5.7.1 No",
		"203.0.113.9", "<b@x>", 550, "No"},
	    {STAMP "5AO1: ruleset=check_mail, arg1=<b@x>, relay=[203.0.113.9], reject=550 5.7.1 No",
		NULL, NULL, 0, NULL},
	    {STAMP "5AO1: to=<b@x>, relay=y, stat=Sent", NULL, NULL, 0, NULL},
	    {"ruleset=check_rcpt, arg1=<b@x>, relay=[203.0.113.9], reject=550 5.7.1 No", NULL, NULL,
		0, NULL},
	    {STAMP "5AO1: ruleset=check_rcpt, arg1=<b@x>, relay=[203.0.113.9], reject=250 ok", NULL,
		NULL, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct maillog_refusal r;
		bool found = maillog_line(table[i].line, strlen(table[i].line), NOW, &r);

		assert_int_equal(found, table[i].client != NULL);
		if (!found)
			continue;
		assert_string_equal(r.client, table[i].client);
		assert_string_equal(r.recipient, table[i].recipient);
		assert_int_equal(r.code, table[i].code);
		assert_string_equal(r.reply, table[i].reply);
	}
}

struct files {
	char folder[64], log[96], rotated[96], position[96];
	unsigned seen;
};

static void count(void *arg, const struct event *e)
{
	struct files *f = arg;

	assert_string_equal(e->by, "mta");
	f->seen++;
}

static void append(const char *path, int lines)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	for (int i = 0; i < lines; i++)
		fprintf(f,
		    STAMP "5AO1: ruleset=check_rcpt, arg1=<b%d@x>, relay=[203.0.113.9], "
			  "reject=550 5.7.1 Relaying denied\n",
		    i);
	fclose(f);
}

static void setup_files(struct files *f)
{
	*f = (struct files){.folder = "/tmp/test_maillog.XXXXXX"};
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->log, sizeof(f->log), "%s/log", f->folder);
	snprintf(f->rotated, sizeof(f->rotated), "%s/log.1", f->folder);
	snprintf(f->position, sizeof(f->position), "%s/position", f->folder);
}

static void remove_files(const struct files *f)
{
	unlink(f->log);
	unlink(f->rotated);
	unlink(f->position);
	rmdir(f->folder);
}

static struct maillog *reopen(struct files *f, struct maillog *m)
{
	const char *error;

	maillog_close(&m);
	m = maillog_open(f->log, f->position, &error);
	assert_non_null(m);
	return m;
}

static void test_follow(void **state)
{
	struct maillog *m = NULL;
	struct files f;
	FILE *half;

	(void)state;
	setup_files(&f);
	append(f.log, 3);
	m = reopen(&f, m);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 0); /* the first start begins at the end */
	append(f.log, 2);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 2);
	m = reopen(&f, m);
	append(f.log, 1);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 3); /* a restart loses and repeats nothing */
	append(f.log, 1);
	assert_int_equal(rename(f.log, f.rotated), 0);
	append(f.log, 1);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 5); /* rotation: the old file to its end, then the new one */
	append(f.log, 1);
	m = reopen(&f, m);
	assert_int_equal(unlink(f.rotated), 0);
	assert_int_equal(rename(f.log, f.rotated), 0);
	append(f.log, 1);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 7); /* rotated while nobody followed */
	assert_int_equal(truncate(f.log, 0), 0);
	maillog_poll(m, NOW, count, &f);
	append(f.log, 1);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 8); /* cut in place */
	half = fopen(f.log, "a");
	assert_non_null(half);
	fputs(STAMP "5AO1: ruleset=check_rcpt, arg1=<b@x>, relay=[203.0.113.9], rej", half);
	fclose(half);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 8);
	half = fopen(f.log, "a");
	assert_non_null(half);
	fputs("ect=550 5.7.1 Relaying denied\n", half);
	fclose(half);
	maillog_poll(m, NOW, count, &f);
	assert_int_equal(f.seen, 9); /* a line in two writes */
	maillog_close(&m);
	remove_files(&f);
}

static void test_one_follower(void **state)
{
	struct maillog *m = NULL;
	struct files f;
	const char *error;

	(void)state;
	setup_files(&f);
	m = reopen(&f, m);
	assert_null(maillog_open(f.log, f.position, &error));
	maillog_close(&m);
	remove_files(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_follow),
	    cmocka_unit_test(test_one_follower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
