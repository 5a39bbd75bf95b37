/* Networks less others: every address is asked after. */
#include "../lib/unit.h"

#include <string.h>

#include "audit/nets.h"

static const struct import_from somewhere = {"main.cf", 1, "mynetworks"};

static struct arena arena;

static struct net_from net(const char *text)
{
	struct net_from n = {.from = somewhere};

	assert_int_equal(prefix_parse(text, strlen(text), &n.net), PREFIX_OK);
	return n;
}

static struct nets list(struct nets_effort *e, const char *const *texts)
{
	struct nets l = {NULL, 0, 0};

	for (; *texts != NULL; texts++) {
		struct net_from n = net(*texts);

		nets_add(e, &l, &n.net, &n.from);
	}
	return l;
}

static bool has(const struct nets *l, const char *address)
{
	struct addr a;

	assert_true(addr_parse(address, strlen(address), &a));
	for (size_t i = 0; i < l->count; i++)
		if (prefix_contains(&l->items[i].net, &a))
			return true;
	return false;
}

static const struct {
	const char *net, *holes[4];
	size_t pieces;
	const char *in[3], *out[3];
} rows[] = {
    {"10.0.0.0/8", {NULL}, 1, {"10.1.2.3"}, {"11.0.0.1"}},
    {"10.0.0.0/8", {"10.0.0.0/8"}, 0, {NULL}, {"10.1.2.3"}},
    {"10.0.0.0/8", {"0.0.0.0/0"}, 0, {NULL}, {"10.1.2.3"}},
    {"10.1.2.0/24", {"10.1.2.3/32"}, 8, {"10.1.2.2", "10.1.2.4", "10.1.2.255"}, {"10.1.2.3"}},
    {"0.0.0.0/0", {"10.0.0.0/8"}, 8, {"9.255.255.255", "11.0.0.0"}, {"10.0.0.0", "10.255.255.255"}},
    {"10.0.0.0/8", {"2001:db8::/32", "11.0.0.0/8"}, 1, {"10.0.0.0"}, {"11.0.0.1"}},
    {"10.1.2.0/30", {"10.1.2.0/32", "10.1.2.1/32", "10.1.2.2/31"}, 0, {NULL}, {"10.1.2.0"}},
    {"2001:db8::/32", {"2001:db8::1/128"}, 96, {"2001:db8::", "2001:db8::2"}, {"2001:db8::1"}},
    {"::/0", {"::1/128"}, 128, {"::", "::2", "ffff::"}, {"::1"}},
};

static void without(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nets_effort e = {.arena = &arena};
		struct nets holes = list(&e, rows[i].holes), out = {NULL, 0, 0};
		struct net_from n = net(rows[i].net);

		nets_add_without(&e, &out, &n, &holes);
		assert_false(e.failed);
		assert_int_equal(out.count, rows[i].pieces);
		for (size_t k = 0; k < 3 && rows[i].in[k] != NULL; k++)
			assert_true(has(&out, rows[i].in[k]));
		for (size_t k = 0; k < 3 && rows[i].out[k] != NULL; k++)
			assert_false(has(&out, rows[i].out[k]));
	}
}

static void common(void **state)
{
	static const char *const some[] = {"10.1.0.0/16", "10.2.3.0/24", "192.0.2.0/24", NULL};
	struct nets_effort e = {.arena = &arena};
	struct nets l = list(&e, some), out = {NULL, 0, 0};
	struct net_from wide = net("10.0.0.0/8"), narrow = net("10.1.2.0/24"), other = net("::/0");

	(void)state;
	nets_add_common(&e, &out, &wide, &l);
	assert_int_equal(out.count, 2);
	assert_true(has(&out, "10.1.255.1") && has(&out, "10.2.3.4"));
	assert_false(has(&out, "10.2.4.1") || has(&out, "192.0.2.1"));
	out = (struct nets){NULL, 0, 0};
	nets_add_common(&e, &out, &narrow, &l);
	assert_int_equal(out.count, 1);
	assert_false(has(&out, "10.1.3.1"));
	nets_add_common(&e, &out, &other, &l);
	assert_int_equal(out.count, 1);
	assert_true(nets_touch(&e, &l, &wide.net));
	assert_false(nets_touch(&e, &l, &other.net));
}

/* What would take for ever is given up. */
static void too_much(void **state)
{
	struct nets_effort e = {.arena = &arena, .steps = NETS_EFFORT_MAX - 10};
	static const char *const one[] = {"10.1.2.3/32", NULL};
	struct nets holes = list(&e, one), out = {NULL, 0, 0};
	struct net_from n = net("10.0.0.0/8");

	(void)state;
	nets_add_without(&e, &out, &n, &holes);
	assert_true(e.failed);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without), cmocka_unit_test(common), cmocka_unit_test(too_much)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
