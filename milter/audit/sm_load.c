/* Which files are Sendmail's configuration, and reading them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/sm_facts.h"
#include "base/exit.h"

/* More files than these in one folder are not looked at. */
enum { STEMS_MAX = 200 };

/* What is known before anything is read. */
struct place {
	const char *cf, *mc; /* paths; NULL: there is none */
	const char *stems[STEMS_MAX];
	size_t count;
};

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* "submit" and "host.submit": what a local user's sendmail reads, which serves nobody. */
static bool is_submission(const char *stem)
{
	return strcmp(stem, "submit") == 0 || ends_with(stem, ".submit");
}

static bool is_file(struct sm *sm, const char *stem, const char *suffix, const char **path)
{
	struct stat st;

	*path = arena_printf(&sm->arena, "%s/%s%s", sm->own.config_dir, stem, suffix);
	sm->failed = sm->failed || *path == NULL;
	if (*path != NULL && stat(*path, &st) == 0 && S_ISREG(st.st_mode))
		return true;
	*path = NULL;
	return false;
}

static void use_stem(struct sm *sm, struct place *p, const char *stem)
{
	is_file(sm, stem, ".cf", &p->cf);
	is_file(sm, stem, ".mc", &p->mc);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the folder's *.mc and *.cf, each once, in the order of the alphabet. */
static void find_stems(struct sm *sm, struct place *p)
{
	DIR *d = opendir(sm->own.config_dir);
	const struct dirent *e;
	size_t kept = 0;

	while (d != NULL && p->count < STEMS_MAX && (e = readdir(d)) != NULL) {
		char *stem;

		if (e->d_name[0] == '.' ||
		    (!ends_with(e->d_name, ".mc") && !ends_with(e->d_name, ".cf")))
			continue;
		stem = arena_strndup(&sm->arena, e->d_name, strlen(e->d_name) - 3);
		if (stem != NULL)
			p->stems[p->count++] = stem;
		sm->failed = sm->failed || stem == NULL;
	}
	if (d != NULL)
		closedir(d);
	qsort(p->stems, p->count, sizeof(p->stems[0]), by_name);
	for (size_t i = 0; i < p->count; i++)
		if (i == 0 || strcmp(p->stems[i], p->stems[kept - 1]) != 0)
			p->stems[kept++] = p->stems[i];
	p->count = kept;
}

static bool is_better(const char *stem, const char *than)
{
	if (is_submission(stem) != is_submission(than))
		return !is_submission(stem);
	/* FreeBSD's own example stands beside HOST.mc, which is made from it. */
	return strcmp(than, "freebsd") == 0;
}

/* sendmail.cf and sendmail.mc, or, where neither is there, the one that looks most like them. */
static void find_in_folder(struct sm *sm, struct place *p)
{
	const char *best = NULL;

	use_stem(sm, p, "sendmail");
	if (p->cf != NULL && p->mc != NULL)
		return;
	find_stems(sm, p);
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->stems[i], "sendmail") != 0 &&
		    (best == NULL || is_better(p->stems[i], best)))
			best = p->stems[i];
	if (best == NULL || p->mc != NULL)
		return;
	if (p->cf == NULL) {
		use_stem(sm, p, best);
	} else if (!is_submission(best) && is_file(sm, best, ".mc", &p->mc)) {
		/* It is the source only if there is no other that could be. */
		for (size_t i = 0; i < p->count; i++)
			if (p->stems[i] != best && strcmp(p->stems[i], "sendmail") != 0 &&
			    strcmp(p->stems[i], "freebsd") != 0 && !is_submission(p->stems[i]))
				p->mc = NULL;
	}
}

/* The file itself was named: what lies beside it is read from its folder. */
static void use_file(struct sm *sm, struct place *p)
{
	const char *path = sm->request->config_dir, *slash = strrchr(path, '/');
	char *stem;

	sm->own.config_dir = ".";
	if (slash != NULL)
		sm->own.config_dir =
		    arena_strndup(&sm->arena, path, slash == path ? 1 : (size_t)(slash - path));
	stem = arena_strdup(&sm->arena, slash == NULL ? path : slash + 1);
	if (sm->own.config_dir == NULL || stem == NULL) {
		sm->failed = true;
		sm->own.config_dir = ".";
	} else if (ends_with(stem, ".cf")) {
		p->cf = path;
		stem[strlen(stem) - 3] = '\0';
		is_file(sm, stem, ".mc", &p->mc);
	} else {
		p->mc = path;
	}
}

/* A file without .cf in its name may still be one: it tells its level first, as in `V10/Berkeley`.
 */
static bool is_cf(const char *text)
{
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line[0] == 'V' && line[1] >= '1' && line[1] <= '9')
			return true;
		if (strncmp(line, "FEATURE(", 8) == 0 || strncmp(line, "divert(", 7) == 0)
			return false;
	}
	return false;
}

/* Which of several was read, and which were not. */
static void note_others(struct sm *sm, const struct place *p, const char *read)
{
	const char *name = strrchr(read, '/');
	struct strbuf others = {.max = 500};
	size_t len;

	name = name == NULL ? read : name + 1;
	len = strlen(name) - 3;
	for (size_t i = 0; i < p->count; i++)
		if (strlen(p->stems[i]) != len || strncmp(p->stems[i], name, len) != 0)
			strbuf_printf(&others, "%s%s", others.len == 0 ? "" : ", ", p->stems[i]);
	if (others.len > 0)
		findings_note(sm->notes,
		    "%s is read; others that are there are not (%s): name one with "
		    "--config-dir FILE.",
		    read, strbuf_text(&others));
	else
		findings_note(sm->notes, "No file there is called sendmail: %s is read.", read);
	strbuf_free(&others);
}

/* sendmail.mc beside sendmail.cf. Its notes are of no use: what holds is in sendmail.cf. */
static void read_source(struct sm *sm, const char *text, size_t len, const char *path)
{
	struct findings unheard = {.count = 0};

	sm->source = calloc(1, sizeof(*sm->source));
	if (sm->source == NULL) {
		sm->failed = true;
		return;
	}
	*sm->source = (struct sm){
	    .request = sm->request, .notes = &unheard, .main_file = path, .from_mc = true};
	sm->source->own = sm->own;
	sm_read_mc(sm->source, text, len, path);
	sm->source->notes = NULL;
	findings_free(&unheard);
}

static int nothing_there(const struct sm *sm, const char *problem, const char *command)
{
	fprintf(stderr,
	    "relay-guard %s: %s: %s; expected a folder with sendmail.cf, sendmail.mc or another "
	    "*.mc, or such a file: name it with --config-dir\n",
	    command, sm->request->config_dir, problem);
	return EXIT_NO_INPUT;
}

/* Reads what was found. */
static int read_place(struct sm *sm, const struct place *p, const char *command)
{
	const char *cf_problem = "there is no sendmail.cf or *.mc", *mc_problem = cf_problem;
	size_t cf_len = 0, mc_len = 0;
	char *cf = p->cf == NULL ? NULL : audit_read(&sm->arena, p->cf, &cf_len, &cf_problem);
	char *mc = p->mc == NULL ? NULL : audit_read(&sm->arena, p->mc, &mc_len, &mc_problem);

	if (cf == NULL && mc == NULL)
		return nothing_there(sm, p->mc != NULL ? mc_problem : cf_problem, command);
	if (cf == NULL && is_cf(mc)) {
		sm->main_file = p->mc;
		sm_read_cf(sm, mc, mc_len, p->mc, 1);
	} else if (cf != NULL) {
		sm->main_file = p->cf;
		sm_read_cf(sm, cf, cf_len, p->cf, 1);
		if (mc != NULL)
			read_source(sm, mc, mc_len, p->mc);
	} else {
		sm->main_file = p->mc;
		sm->from_mc = true;
		sm_read_mc(sm, mc, mc_len, p->mc);
		findings_note(sm->notes, "%s is judged, without the files that m4 would add: %s.",
		    p->mc, p->cf == NULL ? "there is no sendmail.cf" : cf_problem);
	}
	if (p->count > 0 && !ends_with(sm->main_file, "/sendmail.cf") &&
	    !ends_with(sm->main_file, "/sendmail.mc"))
		note_others(sm, p, sm->main_file);
	return EXIT_OK;
}

int sm_load(
    struct sm *sm, const struct audit_request *r, struct findings *notes, const char *command)
{
	struct place p = {.count = 0};
	struct stat st;
	int code;

	*sm = (struct sm){.notes = notes};
	sm->request = r;
	sm->own = *r;
	if (stat(r->config_dir, &st) != 0)
		return nothing_there(sm, strerror(errno), command);
	if (!S_ISDIR(st.st_mode))
		use_file(sm, &p);
	else
		find_in_folder(sm, &p);
	code = read_place(sm, &p, command);
	if (code == EXIT_OK)
		sm_read_tables(sm);
	return code;
}
