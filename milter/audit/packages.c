#include "audit/packages.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "audit/mta.h"

enum { LISTS_MAX = 1000 };

/* --- versions ---------------------------------------------------------------- */

/* '~' stands before the end, letters stand before anything else. */
static int rank(char c)
{
	if (c == '~')
		return -1;
	if (c == '\0' || isdigit((unsigned char)c))
		return 0;
	return isalpha((unsigned char)c) ? (unsigned char)c : (unsigned char)c + 256;
}

static char at(const char *text, size_t len, size_t i)
{
	if (i < len)
		return text[i];
	return '\0';
}

/* Numbers of any length: without zeros in front, the longer one is the larger. */
static int number_order(const char *a, size_t an, size_t *i, const char *b, size_t bn, size_t *k)
{
	int first = 0;

	while (at(a, an, *i) == '0')
		++*i;
	while (at(b, bn, *k) == '0')
		++*k;
	while (isdigit((unsigned char)at(a, an, *i)) && isdigit((unsigned char)at(b, bn, *k))) {
		if (first == 0)
			first = a[*i] - b[*k];
		++*i;
		++*k;
	}
	if (isdigit((unsigned char)at(a, an, *i)))
		return 1;
	return isdigit((unsigned char)at(b, bn, *k)) ? -1 : first;
}

/* By turns what is no number, and a number. */
static int part_order(const char *a, size_t an, const char *b, size_t bn)
{
	size_t i = 0, k = 0;
	int order = 0;

	while (order == 0 && (i < an || k < bn)) {
		while (order == 0 && ((i < an && !isdigit((unsigned char)a[i])) ||
					 (k < bn && !isdigit((unsigned char)b[k])))) {
			order = rank(at(a, an, i)) - rank(at(b, bn, k));
			i += i < an;
			k += k < bn;
		}
		if (order == 0)
			order = number_order(a, an, &i, b, bn, &k);
	}
	return order;
}

struct version {
	const char *epoch, *upstream, *revision;
	size_t epoch_len, upstream_len, revision_len;
};

static struct version version_of(const char *text)
{
	const char *colon = strchr(text, ':'), *dash;
	struct version v = {.epoch = text, .upstream = text};

	if (colon != NULL) {
		v.epoch_len = (size_t)(colon - text);
		v.upstream = colon + 1;
	}
	dash = strrchr(v.upstream, '-');
	v.upstream_len = dash == NULL ? strlen(v.upstream) : (size_t)(dash - v.upstream);
	v.revision = dash == NULL ? "" : dash + 1;
	v.revision_len = strlen(v.revision);
	return v;
}

int package_version_order(const char *a, const char *b)
{
	struct version x = version_of(a), y = version_of(b);
	int order = part_order(x.epoch, x.epoch_len, y.epoch, y.epoch_len);

	if (order == 0)
		order = part_order(x.upstream, x.upstream_len, y.upstream, y.upstream_len);
	if (order == 0)
		order = part_order(x.revision, x.revision_len, y.revision, y.revision_len);
	return order;
}

/* --- paragraphs -------------------------------------------------------------- */

/* The value of a field, if this line is that field. */
static const char *field(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t n = strlen(name);

	if (len <= n || memcmp(line, name, n) != 0)
		return NULL;
	*value_len = len - n;
	return line + n;
}

struct paragraph {
	bool is_it, is_installed;
	char version[PACKAGE_VERSION_MAX];
};

static void read_line(struct paragraph *p, const char *line, size_t len, const char *name)
{
	const char *value;
	size_t n;

	if ((value = field(line, len, "Package: ", &n)) != NULL) {
		p->is_it = n == strlen(name) && memcmp(value, name, n) == 0;
	} else if ((value = field(line, len, "Status: ", &n)) != NULL) {
		p->is_installed = n > 10 && memcmp(value + n - 10, " installed", 10) == 0;
	} else if ((value = field(line, len, "Version: ", &n)) != NULL && n < sizeof(p->version)) {
		memcpy(p->version, value, n);
		p->version[n] = '\0';
	}
}

static void end_paragraph(struct paragraph *p, bool installed, char *highest)
{
	if (p->is_it && p->version[0] != '\0' && (p->is_installed || !installed) &&
	    (highest[0] == '\0' || package_version_order(p->version, highest) > 0))
		memcpy(highest, p->version, sizeof(p->version));
	*p = (struct paragraph){.is_it = false};
}

bool package_version_in(const char *text, size_t len, const char *name, bool installed,
    char version[PACKAGE_VERSION_MAX])
{
	struct paragraph p = {.is_it = false};
	const char *end = text + len;

	version[0] = '\0';
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline == NULL ? (size_t)(end - text) : (size_t)(newline - text);

		if (n == 0)
			end_paragraph(&p, installed, version);
		else
			read_line(&p, text, n, name);
		text += n + (newline != NULL);
	}
	end_paragraph(&p, installed, version);
	return version[0] != '\0';
}

/* --- this host --------------------------------------------------------------- */

/* What stands in the lists that are asked without being told to. */
struct lists {
	char highest[PACKAGE_VERSION_MAX];
	unsigned count;    /* that were read */
	char unread[256];  /* the first that was not, */
	char problem[128]; /* and why; "": all were */
};

static bool version_in_file(
    const char *path, const char *name, bool installed, char *version, const char **problem)
{
	struct arena a = {.head = NULL};
	size_t len;
	const char *text = audit_read(&a, path, &len, problem);
	bool found = text != NULL && package_version_in(text, len, name, installed, version);

	arena_free(&a);
	return found;
}

static bool status_path(char path[1024], const char *root)
{
	return (size_t)snprintf(path, 1024, "%s/var/lib/dpkg/status", root) < 1024;
}

bool package_installed(const char *root, const char *name, char version[PACKAGE_VERSION_MAX])
{
	const char *problem;
	char path[1024];

	return status_path(path, root) && version_in_file(path, name, true, version, &problem);
}

/* Whoever has these lists takes nothing from them by an upgrade, unless he says so. */
static bool is_optional(const char *list)
{
	return strstr(list, "backports") != NULL || strstr(list, "experimental") != NULL ||
	       strstr(list, "proposed") != NULL;
}

static void read_list(struct lists *l, const char *folder, const char *file, const char *name)
{
	const char *end = strstr(file, "_Packages"), *problem = NULL;
	char path[1024], version[PACKAGE_VERSION_MAX];

	if (end == NULL || is_optional(file))
		return;
	end += strlen("_Packages");
	if (*end == '.')
		problem = "it is compressed";
	else if (*end != '\0' ||
		 (size_t)snprintf(path, sizeof(path), "%s/%s", folder, file) >= sizeof(path))
		return;
	else if (version_in_file(path, name, false, version, &problem) &&
		 (l->highest[0] == '\0' || package_version_order(version, l->highest) > 0))
		memcpy(l->highest, version, sizeof(version));
	l->count += problem == NULL;
	if (problem == NULL || l->problem[0] != '\0')
		return;
	snprintf(l->problem, sizeof(l->problem), "%s", problem);
	snprintf(l->unread, sizeof(l->unread), "%s", file);
}

static void read_lists(struct lists *l, const char *root, const char *name)
{
	char folder[512];
	struct dirent *e;
	DIR *d;

	if ((size_t)snprintf(folder, sizeof(folder), "%s/var/lib/apt/lists", root) >=
	    sizeof(folder))
		return;
	d = opendir(folder);
	for (unsigned i = 0; d != NULL && i < LISTS_MAX && (e = readdir(d)) != NULL; i++)
		read_list(l, folder, e->d_name, name);
	if (d != NULL)
		closedir(d);
}

void package_audit(struct findings *l, const char *root, const char *name)
{
	struct lists lists = {.count = 0};
	char installed[PACKAGE_VERSION_MAX], status[1024];

	if (!status_path(status, root) || !package_installed(root, name, installed))
		return;
	read_lists(&lists, root, name);
	if (lists.problem[0] != '\0')
		findings_note(l,
		    "Whether a newer package of %s is available is not wholly known: of apt's "
		    "lists "
		    "%s was not read (%s); `apt list --upgradable` tells.",
		    name, lists.unread, lists.problem);
	if (lists.highest[0] == '\0' || package_version_order(lists.highest, installed) <= 0)
		return;
	findings_add(l,
	    &(struct finding){.id = "version-old",
		.severity = SEVERITY_LOW,
		.file = findings_text(l, "%s", status),
		.listener = "",
		.why = findings_text(l,
		    "The package %s is installed in version %s, and %s is available: what was "
		    "mended "
		    "in between is not mended here. `apt-get install --only-upgrade %s` takes it.",
		    name, installed, lists.highest, name),
		.instead = "",
		.of = {.file = ""}});
}
