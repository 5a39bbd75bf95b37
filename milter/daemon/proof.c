#include "daemon/proof.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"

static const usec_t ready_within = 30 * USEC_PER_SEC;
static const usec_t over_within = 10 * USEC_PER_SEC;

/* What a file was when the configuration had been read from it. */
struct seen_file {
	bool there;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

static struct {
	enum proof_state state;
	usec_t since; /* monotonic, of the state */
	struct generation *generation;
	struct fault fault;
	struct seen_file *files; /* in the order of conf_files() */
} proof;

static void enter(enum proof_state state)
{
	proof.state = state;
	proof.since = clock_monotonic();
}

/* --- the files --------------------------------------------------------------------- */

static struct seen_file look_at(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct seen_file){.there = false};
	return (struct seen_file){true, st.st_dev, st.st_ino, st.st_size, st.st_ctim};
}

static bool is_same(const struct seen_file *a, const struct seen_file *b)
{
	return a->there && b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static struct seen_file *look_at_all(const struct config *config)
{
	const char *const *paths;
	size_t n = conf_files(config->doc, &paths);
	struct seen_file *files = calloc(n + 1, sizeof(*files));

	for (size_t i = 0; files != NULL && i < n; i++)
		files[i] = look_at(paths[i]);
	return files;
}

/* The self-test reads them too, to know what must come out: it has to be the same. */
static bool is_unchanged(struct fault *fault)
{
	const char *const *paths;
	size_t n = conf_files(proof.generation->config->doc, &paths);

	for (size_t i = 0; i < n; i++) {
		struct seen_file now = look_at(paths[i]);

		if (!is_same(&proof.files[i], &now))
			return fault_set(fault, EXIT_AGAIN,
			    "%s: it was changed while the configuration was proved; try again",
			    paths[i]);
	}
	return true;
}

/* --- its life ----------------------------------------------------------------------- */

bool proof_begin(struct config *config, const struct generation *live, struct fault *fault)
{
	struct seen_file *files = look_at_all(config);
	struct generation *g;

	if (files == NULL)
		return fault_set(fault, EXIT_AGAIN, "memory is exhausted");
	g = generation_new_for_proof(config, live, fault);
	if (g == NULL) {
		free(files);
		return false;
	}
	proof.generation = g;
	proof.files = files;
	proof.fault = (struct fault){0};
	enter(PROOF_STARTS);
	return true;
}

static void fail(int code, const char *text)
{
	fault_set(&proof.fault, code, "%s", text);
	enter(PROOF_FAILED);
}

static void look_after_worker(usec_t now, usec_t passed, void (*in_child)(int listener))
{
	struct generation *g = proof.generation;
	usec_t lasts = now - proof.since;

	if (proof.state == PROOF_STARTS)
		generation_fill(g, now, in_child);
	generation_listen(g);
	generation_watch(g, passed);
	if (proof.state == PROOF_STARTS && generation_is_ready(g))
		enter(PROOF_SERVES);
	else if (proof.state == PROOF_STARTS && lasts > ready_within)
		fail(EXIT_UNAVAILABLE, "a new worker did not get ready in time");
	else if (proof.state == PROOF_SERVES && lasts > PROOF_TIME)
		fail(EXIT_AGAIN, "the self-test did not end in time");
	else if (proof.state == PROOF_TAKEN && generation_is_over(g))
		enter(PROOF_OVER);
	else if (proof.state == PROOF_TAKEN && lasts > over_within)
		generation_kill(g);
}

enum proof_state proof_look_after(usec_t now, usec_t passed, void (*in_child)(int listener))
{
	if (proof.state == PROOF_STARTS || proof.state == PROOF_SERVES ||
	    proof.state == PROOF_TAKEN)
		look_after_worker(now, passed, in_child);
	return proof.state;
}

/* A number that is nobody's now, or, in a container, our own. */
void proof_drop_left(const char *state)
{
	const size_t len = strlen(GENERATION_PRIVATE);
	DIR *dir = opendir(state);

	for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		long pid = strncmp(e->d_name, GENERATION_PRIVATE, len) == 0
		               ? strtol(e->d_name + len, NULL, 10)
		               : 0;

		if (pid == (long)getpid() ||
		    (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH))
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir != NULL)
		closedir(dir);
}

enum proof_state proof_state(void)
{
	return proof.state;
}

const struct fault *proof_fault(void)
{
	return &proof.fault;
}

const struct generation *proof_generation(void)
{
	return proof.generation;
}

const char *proof_socket(void)
{
	return proof.generation->listeners.items[0].text;
}

bool proof_reap(pid_t pid, int status, usec_t now)
{
	struct generation *g = proof.generation;

	if (g == NULL || !generation_reap(g, pid, status, now))
		return false;
	if (proof.state == PROOF_STARTS || proof.state == PROOF_SERVES)
		fail(g->fault.code, g->fault.text);
	return true;
}

bool proof_accept(struct fault *fault)
{
	if (!is_unchanged(fault))
		return false;
	generation_drain(proof.generation);
	enter(PROOF_TAKEN);
	return true;
}

static struct generation *let_go(void)
{
	struct generation *g = proof.generation;

	generation_release_sockets(g, NULL);
	free(proof.files);
	proof.files = NULL;
	proof.generation = NULL;
	enter(PROOF_NONE);
	return g;
}

struct config *proof_take(void)
{
	struct generation *g = let_go();
	struct config *c = g->config;

	g->config = NULL;
	generation_free(&g);
	return c;
}

struct generation *proof_drop(void)
{
	return let_go();
}
