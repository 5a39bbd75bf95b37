#include "check/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "check/relay.h"
#include "check/table.h"
#include "conf/units.h"

/* --- readers --- */

static bool is_single_text(const struct conf_value *v)
{
	return v->next == NULL && (v->kind == CONF_WORD || v->kind == CONF_STRING);
}

static bool read_path(struct conf_reader *r, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];

	if (!is_single_text(v) || v->text[0] != '/')
		return conf_error(
		    r, &v->loc, "found %s; expected an absolute path", conf_found(v, found));
	*(const char **)field = v->text;
	return true;
}

static bool read_path_or_none(struct conf_reader *r, const struct conf_value *v, void *field)
{
	if (v->kind == CONF_WORD && v->next == NULL && strcmp(v->text, "none") == 0) {
		*(const char **)field = NULL;
		return true;
	}
	return read_path(r, v, field);
}

/* Where notices go: a file, or "unix:/path". */
static bool read_notices(struct conf_reader *r, const struct conf_value *v, void *field)
{
	const size_t path_max = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	char found[CONF_FOUND_MAX];

	if (!is_single_text(v) || strncmp(v->text, "unix:", 5) != 0)
		return read_path_or_none(r, v, field);
	if (v->text[5] != '/' || strlen(v->text + 5) >= path_max)
		return conf_error(r, &v->loc,
		    "found %s; expected unix:/path, whose path has less than %zu bytes",
		    conf_found(v, found), path_max);
	*(const char **)field = v->text;
	return true;
}

static bool read_mode(struct conf_reader *r, const struct conf_value *v, void *field)
{
	const char *what = is_single_text(v) ? unit_mode(v->text, field) : "a file mode";
	char found[CONF_FOUND_MAX];

	if (what == NULL)
		return true;
	return conf_error(r, &v->loc, "found %s; expected %s", conf_found(v, found), what);
}

/* --- events --- */

static const struct conf_row events_rows[] = {
    {.key = "path",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct events_settings, path),
	.fallback = "\"/var/log/relay-guard/events.jsonl\"",
	.read = read_path_or_none,
	.doc = "The file that gets one line of JSON for each event, or none."},
    {.key = "syslog",
	.type = CONF_BOOL,
	.offset = offsetof(struct events_settings, syslog),
	.fallback = "yes",
	.doc = "Whether events go to syslog, and so to the journal, too."},
    {.key = "permitted",
	.type = CONF_BOOL,
	.offset = offsetof(struct events_settings, permitted),
	.fallback = "no",
	.doc = "Whether recipients that are permitted are recorded as well."},
    {.key = "notices",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct events_settings, notices),
	.read = read_notices,
	.doc = "A file or a socket that gets the events with `notify` as well."},
    {.key = "maillog",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct events_settings, maillog),
	.read = read_path_or_none,
	.doc = "The MTA's log, followed for refusals that the MTA shows to no milter."},
    {.key = NULL},
};

const struct conf_schema events_schema = {.type = "events",
    .doc = "Where every decision is recorded.",
    .implied = true,
    .size = sizeof(struct events_settings),
    .rows = events_rows};

/* --- the top level --- */

static const struct conf_word modes[] = {
    {"enforce", MODE_ENFORCE},
    {"monitor", MODE_MONITOR},
    {NULL, 0},
};

static const struct conf_row settings_rows[] = {
    {.key = "listen",
	.type = CONF_SOCKETS,
	.offset = offsetof(struct settings, listen),
	.fallback = "\"unix:/run/relay-guard/milter.sock\"",
	.doc = "Where the MTA finds the guard: one socket or several."},
    {.key = "control",
	.type = CONF_SOCKET,
	.offset = offsetof(struct settings, control),
	.fallback = "\"" CONFIG_DEFAULT_CONTROL "\"",
	.doc = "The unix socket through which the commands talk to the daemon."},
    {.key = "state",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct settings, state),
	.fallback = "\"/var/lib/relay-guard\"",
	.read = read_path,
	.doc = "The directory of what must outlive the daemon."},
    {.key = "user",
	.type = CONF_TEXT,
	.offset = offsetof(struct settings, user),
	.fallback = "relay-guard",
	.doc = "The user that the workers run as."},
    {.key = "group",
	.type = CONF_TEXT,
	.offset = offsetof(struct settings, group),
	.doc = "The group that the workers run as; the user's own where it is not given."},
    {.key = "pid-file",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct settings, pid_file),
	.read = read_path_or_none,
	.doc = "The file that gets the master's process id; none where it is not given."},
    {.key = "socket-mode",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct settings, socket_mode),
	.fallback = "0660",
	.read = read_mode,
	.doc = "The mode of the unix sockets, in octal."},
    {.key = "socket-group",
	.type = CONF_TEXT,
	.offset = offsetof(struct settings, socket_group),
	.doc = "The group of the unix sockets: one that the MTA is in. The user's own where it "
	       "is not given."},
    {.key = "workers",
	.type = CONF_COUNT,
	.offset = offsetof(struct settings, workers),
	.fallback = "2",
	.min = 1,
	.max = 64,
	.doc = "How many processes serve each socket of `listen`."},
    {.key = "sessions",
	.type = CONF_COUNT,
	.offset = offsetof(struct settings, sessions),
	.fallback = "500",
	.min = 1,
	.max = 100000,
	.doc = "How many sessions a worker has at most; further ones wait."},
    {.key = "drain-time",
	.type = CONF_DURATION,
	.offset = offsetof(struct settings, drain_time),
	.fallback = "10m",
	.min = 1000000,
	.max = (uint64_t)86400 * 1000000,
	.doc = "How long a worker that ends, at a reload or a stop, lets its sessions go on. "
	       "After that a session's next command is answered with 421."},
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = offsetof(struct settings, mode),
	.fallback = "enforce",
	.words = modes,
	.doc = "enforce refuses; monitor refuses nothing and records what would happen."},
    {.key = NULL},
};

static bool same_socket(const struct conf_socket *a, const struct conf_socket *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == CONF_SOCKET_UNIX)
		return strcmp(a->path, b->path) == 0;
	/* Port 0 is another one each time. */
	return a->port != 0 && a->port == b->port && strcmp(a->host, b->host) == 0;
}

struct conf_loc config_place(const struct settings *s, const char *key, size_t n)
{
	const struct conf_entry *e = conf_entry_of(NULL, s, key);
	const struct conf_value *v;

	if (e == NULL)
		return s->head.loc;
	v = e->value->kind == CONF_LIST ? e->value->first : e->value;
	while (n-- > 0 && v->next != NULL)
		v = v->next;
	return v->loc;
}

static bool check_sockets(struct conf_reader *r, const struct settings *s)
{
	const struct conf_socket *all = s->listen.items;
	struct conf_loc at;
	bool ok = true;

	for (size_t i = 1; i < s->listen.count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!same_socket(&all[i], &all[j]))
				continue;
			at = config_place(s, "listen", i);
			ok = conf_error(
			    r, &at, "found \"%s\" again; expected another address", all[i].text);
			break;
		}
	}
	at = config_place(s, "control", 0);
	if (s->control.kind != CONF_SOCKET_UNIX)
		ok = conf_error(r, &at,
		    "found \"%s\" for `control`; expected unix:/path, which the system's "
		    "permissions protect",
		    s->control.text);
	for (size_t i = 0; i < s->listen.count; i++)
		if (same_socket(&all[i], &s->control))
			ok = conf_error(r, &at,
			    "found \"%s\" for `control` and for `listen`; expected two sockets",
			    s->control.text);
	return ok;
}

static size_t count_entries(const struct settings *s)
{
	size_t count = 0;

	for (size_t i = 0; i < check_table_size; i++) {
		const struct conf_head *h = conf_first(s, check_table[i].offset);

		for (; h != NULL; h = h->next)
			count++;
	}
	return count;
}

static bool make_entry(struct conf_reader *r, const struct settings *s, const struct check_row *row,
    const struct conf_head *section, struct policy_entry *out)
{
	size_t errors = diag_errors(r->diag);

	out->check = row->check;
	if (row->make(r, s, section, out)) {
		/* Monitored as a whole, nothing is refused by a part. */
		if (s->mode == MODE_MONITOR)
			out->mode = MODE_MONITOR;
		return true;
	}
	if (diag_errors(r->diag) == errors)
		conf_error(r, &section->loc, "the check `%s` can't be made of this section",
		    row->check->name);
	return false;
}

static bool make_policy(struct conf_reader *r, struct settings *s)
{
	struct policy_entry *entries =
	    arena_alloc(r->arena, (count_entries(s) + 1) * sizeof(*entries));
	struct policy *p = &s->policy;
	bool ok = true;

	if (entries == NULL)
		return conf_no_memory(r);
	p->entries = entries;
	if (s->relay != NULL)
		p->reading = relay_reading_rules(r->doc, s->relay);
	for (size_t i = 0; i < check_table_size; i++) {
		const struct conf_head *h = conf_first(s, check_table[i].offset);

		for (; h != NULL; h = h->next) {
			struct policy_entry *e = &entries[p->count++];

			ok = make_entry(r, s, &check_table[i], h, e) && ok;
			p->stages |= e->stages;
			p->answers |= e->stages & ~e->silent;
			p->facts |= e->facts;
			if (e->mode == MODE_ENFORCE)
				p->rights |= e->rights;
		}
	}
	return ok;
}

static bool finish(struct conf_reader *r, void *section)
{
	struct settings *s = section;
	bool ok = check_sockets(r, s);

	return make_policy(r, s) && ok;
}

static const struct conf_schema root_schema = {.type = NULL,
    .doc = "The configuration of relay-guard.",
    .size = sizeof(struct settings),
    .rows = settings_rows,
    .children = config_children,
    .finish = finish};

const struct conf_schema *config_schema(void)
{
	return &root_schema;
}

/* --- loading --- */

static struct config *config_of(struct conf_doc *doc, struct diag *diag)
{
	struct config *c;

	if (doc == NULL)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		diag_add(diag, DIAG_ERROR, NULL, "out of memory");
		conf_free(&doc);
		return NULL;
	}
	c->doc = doc;
	c->settings = conf_root(doc);
	c->events = (const struct events_settings *)c->settings->events;
	c->policy = c->settings->policy;
	/* An event tells all that a rule could have asked for. */
	if (c->events->path != NULL || c->events->syslog)
		c->policy.facts |= FACT_REFUSED_RECIPIENTS | FACT_QUEUE_ID | FACT_HELO |
		                   FACT_LISTENER | FACT_AUTH | FACT_TLS | FACT_CERT;
	return c;
}

struct config *config_load(const char *path, usec_t now, struct diag *diag)
{
	return config_of(conf_load(path, &root_schema, now, diag), diag);
}

struct config *config_load_text(
    const char *name, const char *text, size_t len, usec_t now, struct diag *diag)
{
	return config_of(conf_load_text(name, text, len, &root_schema, now, diag), diag);
}

struct config *config_load_told(const char *path, int *code)
{
	struct diag *diag = diag_new();
	struct config *c = diag == NULL ? NULL : config_load(path, clock_now(), diag);

	*code = EXIT_OK;
	if (diag != NULL)
		diag_print(diag, stderr);
	else
		*code = EXIT_INTERNAL;
	if (diag != NULL && c == NULL)
		*code = access(path, R_OK) == 0 ? EXIT_CONFIG : EXIT_NO_INPUT;
	diag_free(&diag);
	return c;
}

void config_free(struct config **c)
{
	if (*c == NULL)
		return;
	conf_free(&(*c)->doc);
	free(*c);
	*c = NULL;
}
