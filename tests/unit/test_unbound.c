/* The resolver over libunbound, against a server of ours: threads, deadlines, the end. */
#include "../lib/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/resolver.h"
#include "auth/spf.h"

enum { THREADS = 4, ROUNDS = 60 };

static struct {
	int fd;
	char address[40];
	pthread_t thread;
	atomic_bool stop;
	atomic_uint asked;
} server;

/* Answers A by 192.0.2.7 and TXT by an SPF record; names that begin with "drop" not at all. */
static size_t make_answer(uint8_t *p, size_t len)
{
	static const uint8_t a[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
	static const char spf[] = "v=spf1 a:mail.thread.example -all";
	uint8_t txt[80] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, sizeof(spf), sizeof(spf) - 1};
	const uint8_t *rr = a;
	size_t end = 12, rr_len = sizeof(a);

	if (len < 17 || memcmp(p + 13, "drop", 4) == 0)
		return 0;
	while (end < len && p[end] != 0)
		end += p[end] + 1U;
	end += 5;
	if (end > len)
		return 0;
	if (p[end - 3] == 16) {
		memcpy(txt + 13, spf, sizeof(spf) - 1);
		rr = txt;
		rr_len = 12 + sizeof(spf);
	}
	p[2] = 0x81;
	p[3] = 0x80;
	memset(p + 6, 0, 6);
	p[7] = 1;
	memcpy(p + end, rr, rr_len);
	return end + rr_len;
}

static void *serve(void *arg)
{
	struct pollfd fd = {.fd = server.fd, .events = POLLIN};
	uint8_t buf[1024];

	(void)arg;
	while (!server.stop) {
		struct sockaddr_in peer;
		socklen_t size = sizeof(peer);
		ssize_t n;
		size_t len;

		if (poll(&fd, 1, 50) <= 0)
			continue;
		n = recvfrom(server.fd, buf, 512, 0, (struct sockaddr *)&peer, &size);
		server.asked++;
		len = n < 0 ? 0 : make_answer(buf, (size_t)n);
		if (len > 0)
			sendto(server.fd, buf, len, 0, (struct sockaddr *)&peer, size);
	}
	return NULL;
}

static int server_start(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);

	(void)state;
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&a, size) != 0 ||
	    getsockname(server.fd, (struct sockaddr *)&a, &size) != 0)
		return -1;
	snprintf(server.address, sizeof(server.address), "127.0.0.1@%u", ntohs(a.sin_port));
	return pthread_create(&server.thread, NULL, serve, NULL);
}

static int server_stop(void **state)
{
	(void)state;
	server.stop = true;
	pthread_join(server.thread, NULL);
	return close(server.fd);
}

static struct resolver *open_resolver(unsigned cache)
{
	const char *const forward[] = {server.address, NULL};
	const struct resolver_options o = {.forward = forward, .cache = cache};
	const char *error;
	struct resolver *r = resolver_open(&o, &error);

	if (r == NULL)
		fail_msg("%s", error);
	return r;
}

struct job {
	struct resolver *r;
	unsigned number, wrong;
};

static void *ask_names(void *arg)
{
	struct job *job = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct dns_budget b = dns_budget_make(5 * USEC_PER_SEC, 5 * USEC_PER_SEC, 9);
		const struct dns_answer *a;
		struct dns_lookup *other;
		char name[64];

		snprintf(name, sizeof(name), "n%u.thread.example", (i + job->number * 7) % 40);
		/* One that is given up at once, one that nobody collects, one that counts. */
		other = dns_start(job->r, &b, "drop.thread.example", DNS_TYPE_A);
		dns_prefetch(job->r, &b, name, DNS_TYPE_TXT);
		a = dns_query(job->r, &b, name, DNS_TYPE_A);
		job->wrong += a->status != DNS_OK || a->count != 1 ||
		              memcmp(a->records[0].data, "\xc0\x00\x02\x07", 4) != 0;
		dns_answer_unref(&a);
		dns_abandon(&other);
	}
	return NULL;
}

static void *check_senders(void *arg)
{
	struct job *job = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct dns_budget b = dns_budget_make(5 * USEC_PER_SEC, 5 * USEC_PER_SEC, 50);
		struct spf_query q = {
		    .helo = "h", .client = {.family = ADDR_V4, .bytes = {192, 0, 2, 7}}};
		struct spf_outcome o;
		struct arena a = {0};
		char sender[64];

		snprintf(
		    sender, sizeof(sender), "x@s%u.thread.example", (i + job->number * 7) % 20);
		q.sender = sender;
		q.client.bytes[3] = i % 2 == 0 ? 7 : 8;
		spf_prefetch(job->r, &b, &q, SPF_MAILFROM);
		spf_check(job->r, &b, &q, SPF_MAILFROM, &a, &o);
		job->wrong += o.result != (i % 2 == 0 ? SPF_PASS : SPF_FAIL);
		arena_free(&a);
	}
	return NULL;
}

static void run_threads(void *(*work)(void *), unsigned cache)
{
	struct resolver *r = open_resolver(cache);
	struct job jobs[THREADS];
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.r = r, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		if (jobs[i].wrong != 0)
			fail_msg("thread %u: %u of %d are wrong", i, jobs[i].wrong, ROUNDS);
	}
	resolver_close(&r);
}

static void threads_look_up(void **state)
{
	(void)state;
	run_threads(ask_names, 64);
}

static void threads_look_up_almost_without_a_cache(void **state)
{
	(void)state;
	run_threads(ask_names, 1);
}

static void threads_check_spf(void **state)
{
	(void)state;
	run_threads(check_senders, 0);
}

static void deadlines_hold(void **state)
{
	struct resolver *r = open_resolver(0);
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC / 2, 50);
	usec_t begin = clock_monotonic(), took;
	const struct dns_answer *a;

	(void)state;
	/* Ten that were started together cost the time of one; after the budget, nothing waits. */
	struct dns_lookup *l[10];
	char name[32];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "drop%d.example", i);
		l[i] = dns_start(r, &b, name, DNS_TYPE_A);
	}
	for (int i = 0; i < 10; i++) {
		a = dns_collect(&l[i]);
		assert_int_equal(a->status, DNS_DEADLINE);
		dns_answer_unref(&a);
	}
	took = clock_monotonic() - begin;
	assert_in_range(took, 495 * USEC_PER_MSEC, 950 * USEC_PER_MSEC);
	for (int i = 0; i < 20; i++) {
		a = dns_query(r, &b, "drop.example", DNS_TYPE_A);
		assert_int_equal(a->status, DNS_DEADLINE);
		dns_answer_unref(&a);
	}
	took = clock_monotonic() - begin;
	assert_in_range(took, 995 * USEC_PER_MSEC, 1900 * USEC_PER_MSEC);
	assert_int_equal(resolver_counters(r).deadlines, 11);
	resolver_close(&r);
}

static void dead_names_hold_up_no_others(void **state)
{
	struct resolver *r = open_resolver(0);
	struct dns_budget b = dns_budget_make(20 * USEC_PER_SEC, 4 * USEC_PER_SEC, 500);
	struct dns_lookup *l[200];
	const struct dns_answer *a;
	char name[32];
	usec_t begin;

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "drop%d.held.example", i);
		l[i] = dns_start(r, &b, name, DNS_TYPE_TXT);
	}
	begin = clock_monotonic();
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "good%d.held.example", i);
		a = dns_query(r, &b, name, DNS_TYPE_TXT);
		assert_int_equal(a->status, DNS_OK);
		dns_answer_unref(&a);
	}
	/* Under a sanitizer, and on a busy machine. */
	assert_in_range(clock_monotonic() - begin, 0, 3 * USEC_PER_SEC);
	for (int i = 0; i < 200; i++)
		dns_abandon(&l[i]);
	resolver_close(&r);
}

static void a_second_question_is_answered_here(void **state)
{
	struct resolver *r = open_resolver(0);
	struct dns_budget b = dns_budget_make(USEC_PER_SEC, USEC_PER_SEC, 50);
	const struct dns_answer *first = dns_query(r, &b, "twice.example", DNS_TYPE_A), *second;

	(void)state;
	second = dns_query(r, &b, "TWICE.example.", DNS_TYPE_A);
	assert_ptr_equal(first, second);
	assert_int_equal(first->status, DNS_OK);
	assert_false(first->secure);
	assert_int_equal(resolver_counters(r).lookups, 1);
	dns_answer_unref(&first);
	/* It lives as long as somebody holds it, the resolver or not. */
	resolver_close(&r);
	assert_int_equal(second->records[0].data[3], 7);
	dns_answer_unref(&second);
}

static void what_is_wrong_is_told(void **state)
{
	static const char *const bad[] = {"localhost", NULL};
	const struct resolver_options options[] = {
	    {.forward = bad},
	    {.resolv_conf = "/nonexistent"},
	    {.trust_anchor = "/nonexistent"},
	    {.trust_anchor = "/proc/self/cmdline"},
	};
	const char *error;

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		error = NULL;
		if (resolver_open(&options[i], &error) != NULL || error == NULL)
			fail_msg("case %zu was accepted", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(threads_look_up),
	    cmocka_unit_test(threads_look_up_almost_without_a_cache),
	    cmocka_unit_test(threads_check_spf),
	    cmocka_unit_test(deadlines_hold),
	    cmocka_unit_test(dead_names_hold_up_no_others),
	    cmocka_unit_test(a_second_question_is_answered_here),
	    cmocka_unit_test(what_is_wrong_is_told),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
