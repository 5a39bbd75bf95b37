#include "audit/pf_config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "audit/packages.h"
#include "base/exit.h"

static const char blanks[] = " \t\r\n\v\f";

void pf_note(const struct pf *pf, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (pf->findings == NULL)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	findings_note(pf->findings, "%s", text);
}

pf_version pf_version_parse(const char *text)
{
	unsigned part[3] = {0};
	const char *p = text;

	for (size_t i = 0; i < 3 && isdigit((unsigned char)*p); i++) {
		for (; isdigit((unsigned char)*p); p++)
			part[i] = part[i] >= 99 ? 99 : part[i] * 10 + (unsigned)(*p - '0');
		if (part[i] > 99)
			part[i] = 99;
		if (*p == '.')
			p++;
	}
	return part[0] * 10000 + part[1] * 100 + part[2];
}

/* --- where things are set ------------------------------------------------------------ */

static const struct pf_setting *last_of(const struct pf_settings *l, const char *name)
{
	for (size_t i = l->count; i > 0; i--)
		if (strcmp(l->items[i - 1].name, name) == 0)
			return &l->items[i - 1];
	return NULL;
}

const struct pf_setting *pf_set(const struct pf_view *v, const char *name)
{
	const struct pf_setting *s = NULL;

	if (v->service != NULL)
		s = last_of(&v->service->overrides, name);
	return s != NULL ? s : last_of(&v->pf->settings, name);
}

bool pf_is_override(const struct pf_view *v, const struct pf_setting *s)
{
	const struct pf_settings *l = v->service == NULL ? NULL : &v->service->overrides;

	return l != NULL && l->count > 0 && s >= l->items && s < l->items + l->count;
}

bool pf_is_set(const struct pf_view *v, const char *name)
{
	return pf_set(v, name) != NULL;
}

const char *pf_raw_value(const struct pf_view *v, const char *name)
{
	const struct pf_setting *s = pf_set(v, name);

	if (s != NULL)
		return s->value;
	if (strcmp(name, "mail_version") == 0)
		return v->pf->version_text;
	return pf_default(name, v->pf->version);
}

/* --- values -------------------------------------------------------------------------- */

/* A name that begins with a slash is read from that file: myorigin = /etc/mailname. */
static const char *from_file(const struct pf_view *v, const char *path)
{
	const char *plain = audit_path(&audit_postfix, v->pf->request, &v->pf->arena, path);
	const char *problem;
	size_t len;
	char *text;

	if (plain == NULL || (v->pf->request->given && strcmp(plain, path) == 0))
		return "";
	text = audit_read(&v->pf->arena, plain, &len, &problem);
	if (text == NULL)
		return "";
	text[strcspn(text, blanks)] = '\0';
	return text;
}

/* Names that come from the host itself. */
static const char *host_value(const struct pf_view *v, const char *name)
{
	struct arena *a = &v->pf->arena;
	char host[256] = "localhost";
	const char *full, *dot;

	if (!v->pf->request->given && gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	if (strcmp(name, "myhostname") == 0) {
		/* The default of mydomain: a name without a dot is in this one. */
		if (strchr(host, '.') == NULL)
			return arena_printf(a, "%s.localdomain", host);
		return arena_strdup(a, host);
	}
	full = pf_get(v, "myhostname");
	dot = strchr(full, '.');
	return dot == NULL || strchr(dot + 1, '.') == NULL ? (dot == NULL ? "localdomain" : full)
	                                                   : dot + 1;
}

static bool is_host_name(const char *name)
{
	return strcmp(name, "myhostname") == 0 || strcmp(name, "mydomain") == 0;
}

const char *pf_get(const struct pf_view *v, const char *name)
{
	const char *raw = pf_raw_value(v, name), *value;

	if (raw == NULL)
		return "";
	value = pf_expand(v, raw);
	if (strcmp(name, "myorigin") == 0 && value[0] == '/')
		return from_file(v, value);
	return value;
}

bool pf_bool(const struct pf_view *v, const char *name, bool otherwise)
{
	const char *value = pf_get(v, name);

	value += strspn(value, blanks);
	if (strcasecmp(value, "yes") == 0)
		return true;
	return strcasecmp(value, "no") == 0 ? false : otherwise;
}

unsigned long pf_number(const struct pf_view *v, const char *name)
{
	const char *value = pf_get(v, name);

	return strtoul(value, NULL, 10);
}

pf_version pf_compatibility(const struct pf_view *v)
{
	const char *value = pf_get(v, "compatibility_level");

	return pf_version_parse(value + strspn(value, blanks));
}

/* --- loading ------------------------------------------------------------------------- */

/* The defaults that depend on the host are put before everything else. */
static bool add_host_names(struct pf *pf)
{
	struct pf_view v = {pf, NULL};
	static const char *const names[] = {"myhostname", "mydomain"};

	for (size_t i = 0; i < 2; i++) {
		struct pf_settings *l = &pf->settings;
		struct pf_setting *items;
		const char *value;

		if (pf_is_set(&v, names[i]) || !is_host_name(names[i]))
			continue;
		value = host_value(&v, names[i]);
		items = arena_alloc(&pf->arena, (l->count + 1) * sizeof(*items));
		if (items == NULL || value == NULL)
			return false;
		if (l->count > 0)
			memcpy(items + 1, l->items, l->count * sizeof(*items));
		items[0] = (struct pf_setting){names[i], value, pf->main_file, 0};
		l->items = items;
		l->count++;
		l->room = l->count;
	}
	return true;
}

/* "3.7.11-0+deb12u1" of the package is 3.7.11. */
static const char *packaged_version(struct arena *a)
{
	char version[PACKAGE_VERSION_MAX];
	const char *upstream;

	if (!package_installed("", "postfix", version))
		return NULL;
	upstream = strchr(version, ':') == NULL ? version : strchr(version, ':') + 1;
	return arena_strndup(a, upstream, strcspn(upstream, "-+"));
}

/* readme_directory = /usr/share/doc/postfix-2.10.1/README_FILES */
static const char *documented_version(struct pf *pf)
{
	static const char *const names[] = {
	    "readme_directory", "html_directory", "sample_directory"};
	struct pf_view v = {pf, NULL};

	for (size_t i = 0; i < 3; i++) {
		const struct pf_setting *s = pf_set(&v, names[i]);
		const char *p = s == NULL ? NULL : strstr(s->value, "postfix-");

		if (p != NULL && isdigit((unsigned char)p[8]))
			return arena_strndup(&pf->arena, p + 8, strspn(p + 8, "0123456789."));
	}
	return NULL;
}

/* A Postfix does not start with a level that is newer than itself. */
static void assume_version(struct pf *pf)
{
	struct pf_view v = {pf, NULL};
	pf_version level;

	pf->version = PF_VERSION_ASSUMED;
	level = pf_compatibility(&v);
	if (level / 100 <= pf->version / 100 || level >= 990000)
		return;
	pf->version = level;
	pf->version_text = arena_printf(&pf->arena, "%u.%u", level / 10000, level / 100 % 100);
	if (pf->version_text == NULL)
		pf->version_text = "3.7.11";
}

static void find_version(struct pf *pf)
{
	struct pf_view v = {pf, NULL};
	const struct pf_setting *s = pf_set(&v, "mail_version");
	const char *text = pf->request->mta_version;

	if (text == NULL && s != NULL)
		text = s->value;
	if (text == NULL && !pf->request->given)
		text = packaged_version(&pf->arena);
	if (text == NULL)
		text = documented_version(pf);
	if (text != NULL)
		pf->version = pf_version_parse(text);
	pf->version_is_known = pf->version >= 10000;
	pf->version_text = pf->version_is_known ? text : "3.7.11";
	if (!pf->version_is_known)
		assume_version(pf);
}

bool pf_load_text(struct pf *pf, const struct audit_request *r, struct findings *l,
    const char *main_text, size_t main_len, const char *master_text, size_t master_len)
{
	pf->request = r;
	pf->findings = l;
	if (pf->main_file == NULL)
		pf->main_file = "main.cf";
	if (pf->master_file == NULL)
		pf->master_file = "master.cf";
	pf->has_master = master_text != NULL;
	if (!pf_read_main(
		&pf->arena, pf->main_file, main_text, main_len, &pf->settings, &pf->problems))
		return false;
	if (master_text == NULL) {
		master_text = "smtp inet n - y - - smtpd\n";
		master_len = strlen(master_text);
	}
	pf->main_text = main_text;
	pf->main_len = main_len;
	pf->master_text = master_text;
	pf->master_len = master_len;
	if (!pf_read_master(
		&pf->arena, pf->master_file, master_text, master_len, &pf->services, &pf->problems))
		return false;
	find_version(pf);
	return add_host_names(pf);
}

int pf_load(struct pf *pf, const struct audit_request *r, struct findings *l, const char *command)
{
	const char *problem = NULL, *master_problem = NULL;
	size_t main_len = 0, master_len = 0;
	const char *main_text, *master_text;

	*pf = (struct pf){.request = r};
	pf->main_file = arena_printf(&pf->arena, "%s/main.cf", r->config_dir);
	pf->master_file = arena_printf(&pf->arena, "%s/master.cf", r->config_dir);
	if (pf->main_file == NULL || pf->master_file == NULL)
		return EXIT_INTERNAL;
	main_text = audit_read(&pf->arena, pf->main_file, &main_len, &problem);
	master_text = audit_read(&pf->arena, pf->master_file, &master_len, &master_problem);
	if (main_text == NULL) {
		fprintf(
		    stderr, "relay-guard %s: can't read %s: %s\n", command, pf->main_file, problem);
		return EXIT_NO_INPUT;
	}
	if (!pf_load_text(pf, r, l, main_text, main_len, master_text, master_len)) {
		fprintf(stderr, "relay-guard %s: out of memory\n", command);
		return EXIT_INTERNAL;
	}
	if (master_text == NULL)
		pf_note(pf,
		    "%s was not read (%s): one listener, smtp, without overrides is assumed.",
		    pf->master_file, master_problem);
	if (!pf->version_is_known)
		pf_note(pf,
		    "Nothing tells the version of Postfix: the defaults of %s are assumed; name it "
		    "with --mta-version.",
		    pf->version_text);
	return EXIT_OK;
}
