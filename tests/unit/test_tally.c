/* What processes have counted outlives them. */
#include "../lib/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/tally.h"

/* A child that has told `told` and dies; its place is still taken. */
static int die_of(const struct dns_counters *told, size_t count)
{
	int place = tally_take(), status = 0;
	pid_t pid;

	assert_true(place >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		tally_use(place);
		for (size_t i = 0; i < count; i++)
			tally_dns(&told[i]);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return place;
}

static void sums_outlive(void **state)
{
	static const struct dns_counters first[] = {
	    {.lookups = 5, .cached = 1, .in_flight = 5},
	    {.lookups = 9, .cached = 2, .errors = 1, .bogus = 2, .deadlines = 3, .in_flight = 4},
	};
	static const struct dns_counters second[] = {{.lookups = 2, .refused = 7, .in_flight = 1}};
	struct dns_counters sum;
	int places[2];

	(void)state;
	tally_open();
	places[0] = die_of(first, 2);
	places[1] = die_of(second, 1);
	assert_int_not_equal(places[0], places[1]);
	sum = tally_dns_sum();
	assert_int_equal(sum.in_flight, 5);
	tally_give(places[0]);
	tally_give(places[1]);
	sum = tally_dns_sum();
	assert_int_equal(sum.lookups, 11);
	assert_int_equal(sum.cached, 2);
	assert_int_equal(sum.errors, 1);
	assert_int_equal(sum.bogus, 2);
	assert_int_equal(sum.deadlines, 3);
	assert_int_equal(sum.refused, 7);
	assert_int_equal(sum.in_flight, 0);
	/* The next of the same place begins at nothing. */
	tally_give(die_of(second, 1));
	sum = tally_dns_sum();
	assert_int_equal(sum.lookups, 13);
	assert_int_equal(sum.refused, 14);
}

static void without_memory(void **state)
{
	const struct dns_counters now = {.lookups = 1};

	(void)state;
	tally_dns(&now);
	assert_int_equal(tally_dns_sum().lookups, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_memory), /* before the other opens it */
	    cmocka_unit_test(sums_outlive),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
