#include "selftest/run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Sessions that fail in a row before the rest is given up. */
enum { FAILURES_MAX = 4 };

struct job {
	struct row **rows;
	size_t count;
};

struct work {
	const struct way *way; /* of the place at hand */
	pthread_mutex_t lock;
	struct job *jobs;
	size_t count, next;
	size_t rows, rows_done; /* of the whole plan */
	unsigned failures;
	size_t parallel; /* sessions at once */
	void (*progress)(void *arg, size_t done, size_t all);
	void *arg;
};

static bool has_failed(const struct job *j)
{
	for (size_t i = 0; i < j->count; i++)
		if (!way_has_failed(&j->rows[i]->result))
			return false;
	return true;
}

/* What its session's failures left. */
static void give_up(const struct job *j, const char *why)
{
	for (size_t i = 0; i < j->count; i++) {
		struct result *r = &j->rows[i]->result;

		if (r->outcome != OUTCOME_UNTRIED)
			continue;
		way_set(r, OUTCOME_ERROR, STAGE_CONNECT, why);
		r->given_up = true;
	}
}

static struct job *next_job(struct work *w, bool *go)
{
	struct job *j = NULL;

	pthread_mutex_lock(&w->lock);
	if (w->next < w->count)
		j = &w->jobs[w->next++];
	*go = w->failures < FAILURES_MAX;
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void finish_job(struct work *w, const struct job *j, bool tried)
{
	pthread_mutex_lock(&w->lock);
	if (tried)
		w->failures = has_failed(j) ? w->failures + 1 : 0;
	w->rows_done += j->count;
	if (w->progress != NULL)
		w->progress(w->arg, w->rows_done, w->rows);
	pthread_mutex_unlock(&w->lock);
}

static void *worker(void *arg)
{
	struct work *w = arg;
	struct job *j;
	bool go;

	while ((j = next_job(w, &go)) != NULL) {
		if (go) {
			way_run(w->way, j->rows, j->count);
			give_up(j, "not tried: the session failed twice before it");
		} else {
			give_up(j, "not tried: one session after another failed");
		}
		finish_job(w, j, go);
	}
	return NULL;
}

static void run_jobs(struct work *w)
{
	pthread_t threads[RUN_PARALLEL];
	size_t started = 0;

	/* This thread is one of them, so that it goes on when no other can be started. */
	while (started + 1 < w->parallel && started < RUN_PARALLEL - 1 && started + 1 < w->count &&
	       pthread_create(&threads[started], NULL, worker, w) == 0)
		started++;
	(void)worker(w);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

/* Sendmail makes who greets anew in one session wait: 1 s, 2 s, 4 s. */
static bool can_share(const struct job *j, const struct row *r)
{
	return j->rows[0]->actor == r->actor && strcmp(j->rows[0]->helo, r->helo) == 0;
}

/* Cuts rows into sessions: rows of one actor with one greeting, as many as one can take. */
static size_t cut(struct row **rows, size_t row_count, const struct way *way, struct job *jobs)
{
	size_t count = 0;

	for (size_t i = 0; i < row_count; i++) {
		struct job *j = count == 0 ? NULL : &jobs[count - 1];

		if (j != NULL && j->count < way->per_session && can_share(j, rows[i]))
			j->count++;
		else
			jobs[count++] = (struct job){&rows[i], 1};
	}
	return count;
}

/* How many rows from the first on are of one place. */
static size_t at_one_place(struct row *const *rows, size_t count)
{
	size_t n = 1;

	while (n < count && rows[n]->actor->place == rows[0]->actor->place)
		n++;
	return n;
}

/* Where the server refused some as too much, all that failed there, as if new. */
static size_t take_limited(struct row **rows, size_t count)
{
	size_t n = 0;
	bool limited = false;

	for (size_t i = 0; i < count; i++)
		limited = limited || rows[i]->result.outcome == OUTCOME_LIMITED;
	for (size_t i = 0; limited && i < count; i++) {
		if (!way_has_failed(&rows[i]->result))
			continue;
		rows[n] = rows[i];
		free(rows[n]->transcript);
		rows[n]->transcript = NULL;
		rows[n++]->result = (struct result){.outcome = OUTCOME_UNTRIED};
	}
	return n;
}

static void run_rows(struct work *w, struct row **rows, size_t count, size_t parallel)
{
	w->count = cut(rows, count, w->way, w->jobs);
	w->next = 0;
	w->failures = 0;
	w->parallel = parallel;
	run_jobs(w);
}

static void run_places(struct work *w, struct row **rows, size_t count)
{
	for (size_t done = 0, n, left; done < count; done += n) {
		n = at_one_place(rows + done, count - done);
		w->way = rows[done]->actor->place->way;
		run_rows(w, rows + done, n, w->way->parallel);
		left = w->way->parallel > 1 ? take_limited(rows + done, n) : 0;
		w->rows_done -= left;
		run_rows(w, rows + done, left, 1);
	}
}

bool run_plan(struct plan *p, void (*progress)(void *arg, size_t done, size_t all), void *arg)
{
	struct work w = {.rows = p->row_count, .progress = progress, .arg = arg};
	struct row **rows = calloc(p->row_count + 1, sizeof(struct row *));
	bool ok;

	w.jobs = calloc(p->row_count + 1, sizeof(*w.jobs));
	ok = rows != NULL && w.jobs != NULL;
	if (ok) {
		pthread_mutex_init(&w.lock, NULL);
		for (size_t i = 0; i < p->row_count; i++)
			rows[i] = &p->rows[i];
		run_places(&w, rows, p->row_count);
		pthread_mutex_destroy(&w.lock);
	}
	free(w.jobs);
	free(rows);
	return ok;
}
