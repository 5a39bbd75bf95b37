#include "daemon/counters.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/exit.h"
#include "base/log.h"
#include "check/bans.h"
#include "check/limit_look.h"
#include "check/store.h"
#include "limit/bans.h"
#include "limit/shared_bans.h"
#include "limit/store.h"

static struct store *store;
static uint64_t opened_slots;
static char opened_in[4096];

/* Sessions have a key in each limit that counts them, a client prefix four. */
enum { GAUGE_KEYS_PER_SESSION = 4 };

/* Writing may wait for the disk, which the master must not. */
static void *keep(void *arg)
{
	const struct timespec second = {1, 0};

	sem_post(arg);
	for (;;) {
		nanosleep(&second, NULL);
		store_tick(store);
	}
	return NULL;
}

/*
 * Waits until it runs: a worker that is forked while a thread comes to life may inherit a lock that
 * nobody gives back.
 */
static void start_keeper(void)
{
	static sem_t runs;
	pthread_t thread;

	if (sem_init(&runs, 0, 0) == 0 && pthread_create(&thread, NULL, keep, &runs) == 0) {
		while (sem_wait(&runs) != 0 && errno == EINTR)
			;
		pthread_detach(thread);
		return;
	}
	log_warning("limits and bans are not written to the disk once a second, as no "
		    "thread can be started; they hold until the next boot");
}

struct store *counters(void)
{
	return store;
}

static void tell_what_waits(const struct settings *s, uint64_t slots)
{
	if (slots != opened_slots || strcmp(s->state, opened_in) != 0)
		log_notice("another `state` or `store` is used from the next start on");
}

bool counters_open(const struct config *config, struct fault *fault)
{
	const struct settings *s = config->settings;
	struct store_options o = {
	    .dir = s->state,
	    .slots = ((const struct store_settings *)(const void *)s->store)->slots,
	    .gauge_keys = s->sessions * GAUGE_KEYS_PER_SESSION,
	};
	char error[STORE_ERROR_MAX];

	if (store != NULL) {
		tell_what_waits(s, o.slots);
		return true;
	}
	store = store_open(&o, error);
	if (store != NULL) {
		opened_slots = o.slots;
		snprintf(opened_in, sizeof(opened_in), "%s", s->state);
		start_keeper();
		return true;
	}
	if (s->limit == NULL) {
		log_warning("there are no bans: %s", error);
		return true;
	}
	return fault_set(fault, EXIT_CONFIG, "%s", error);
}

bool counters_share(const struct config *config, char error[STORE_ERROR_MAX])
{
	const struct shared_options *o =
	    ((const struct store_settings *)(const void *)config->settings->store)->shared;

	return store == NULL || o == NULL || store_share(store, o, error);
}

static bool may_ban(const void *arg, const char *key)
{
	const struct config *c = arg;
	const struct bans_settings *bans =
	    (const struct bans_settings *)(const void *)c->settings->bans;
	struct prefix p;

	return !ban_key_prefix(key, &p) || bans_may(&bans->never, &p);
}

static void forgive(const void *arg, const char *key)
{
	const struct config *c = arg;

	limits_forgive(limits_of(c->settings), store, key, store_now(store));
}

void counters_share_start(const struct config *config)
{
	const struct shared_bans_hooks hooks = {may_ban, forgive, config};

	if (store != NULL)
		store_share_start(store, &hooks);
}
