#include "selftest/run.h"

#include <pthread.h>
#include <stdlib.h>

/* Sessions that fail in a row before the rest is given up. */
enum { FAILURES_MAX = 4 };

struct job {
	struct row **rows;
	size_t count;
};

struct work {
	const struct way *way;
	pthread_mutex_t lock;
	struct job *jobs;
	size_t count, next, rows, rows_done;
	unsigned failures;
	void (*progress)(void *arg, size_t done, size_t all);
	void *arg;
};

static bool has_failed(const struct job *j)
{
	for (size_t i = 0; i < j->count; i++)
		if (j->rows[i]->result.outcome != OUTCOME_ERROR)
			return false;
	return true;
}

/* What its session's failures left. */
static void give_up(const struct job *j, const char *why)
{
	for (size_t i = 0; i < j->count; i++)
		if (j->rows[i]->result.outcome == OUTCOME_UNTRIED)
			way_set(&j->rows[i]->result, OUTCOME_ERROR, STAGE_CONNECT, why);
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

static void finish_job(struct work *w, const struct job *j)
{
	pthread_mutex_lock(&w->lock);
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
			w->way->run(w->way, j->rows, j->count);
			give_up(j, "not tried: the session failed twice before it");
			finish_job(w, j);
		} else {
			give_up(j, "not tried: one session after another failed");
		}
	}
	return NULL;
}

static void run_jobs(struct work *w)
{
	pthread_t threads[RUN_PARALLEL];
	size_t started = 0;

	/* This thread is one of them, so that it goes on when no other can be started. */
	while (started < RUN_PARALLEL - 1 && started + 1 < w->count &&
	       pthread_create(&threads[started], NULL, worker, w) == 0)
		started++;
	(void)worker(w);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

/* Cuts the rows into sessions: rows of one actor, as many as one can take. */
static size_t cut(struct plan *p, const struct way *way, struct row **rows, struct job *jobs)
{
	size_t count = 0;

	for (size_t i = 0; i < p->row_count; i++) {
		struct job *j = count == 0 ? NULL : &jobs[count - 1];

		rows[i] = &p->rows[i];
		if (j != NULL && j->count < way->per_session && j->rows[0]->actor == rows[i]->actor)
			j->count++;
		else
			jobs[count++] = (struct job){&rows[i], 1};
	}
	return count;
}

bool run_plan(struct plan *p, const struct way *way,
    void (*progress)(void *arg, size_t done, size_t all), void *arg)
{
	struct work w = {.way = way, .rows = p->row_count, .progress = progress, .arg = arg};
	struct row **rows = calloc(p->row_count + 1, sizeof(struct row *));
	bool ok;

	w.jobs = calloc(p->row_count + 1, sizeof(*w.jobs));
	ok = rows != NULL && w.jobs != NULL;
	if (ok) {
		pthread_mutex_init(&w.lock, NULL);
		w.count = cut(p, way, rows, w.jobs);
		run_jobs(&w);
		pthread_mutex_destroy(&w.lock);
	}
	free(w.jobs);
	free(rows);
	return ok;
}
