/* How each type of row reads its value. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "conf/doc.h"
#include "conf/schema.h"
#include "conf/source.h"
#include "conf/units.h"

const char *conf_found(const struct conf_value *v, char out[CONF_FOUND_MAX])
{
	switch (v->kind) {
	case CONF_WORD:
		snprintf(out, CONF_FOUND_MAX, "`%.70s`", v->text);
		break;
	case CONF_STRING:
		snprintf(out, CONF_FOUND_MAX, "\"%.70s\"", v->text);
		break;
	case CONF_REF:
		snprintf(out, CONF_FOUND_MAX, "`@%.70s`", v->text);
		break;
	case CONF_FILE:
		snprintf(out, CONF_FOUND_MAX, "`file:%.65s`", v->text);
		break;
	case CONF_LIST:
		snprintf(out, CONF_FOUND_MAX, "a list");
		break;
	case CONF_BLOCK:
		snprintf(out, CONF_FOUND_MAX, "a block of keys");
		break;
	}
	return out;
}

/* Always false. */
static bool expected(
    struct conf_reader *r, const struct conf_value *v, const char *key, const char *what)
{
	char found[CONF_FOUND_MAX];

	return conf_error(
	    r, &v->loc, "found %s for `%s`; expected %s", conf_found(v, found), key, what);
}

static bool is_text(const struct conf_value *v)
{
	return v->kind == CONF_WORD || v->kind == CONF_STRING;
}

/* --- scalars --- */

static bool read_bool(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, bool *out)
{
	if (v->kind == CONF_WORD && strcmp(v->text, "yes") == 0)
		*out = true;
	else if (v->kind == CONF_WORD && strcmp(v->text, "no") == 0)
		*out = false;
	else
		return expected(r, v, row->key, "yes or no");
	return true;
}

static bool read_enum(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, int *out)
{
	const char *known[32];
	size_t count = 0;
	char what[80];

	for (const struct conf_word *w = row->words; w->word != NULL; w++) {
		if (is_text(v) && strcmp(w->word, v->text) == 0) {
			*out = w->value;
			return true;
		}
		if (count < sizeof(known) / sizeof(known[0]))
			known[count++] = w->word;
	}
	if (!is_text(v))
		return expected(r, v, row->key, "a word");
	snprintf(what, sizeof(what), "word for `%s`,", row->key);
	conf_unknown(r, &v->loc, what, v->text, known, count);
	return false;
}

static void format_bound(enum conf_type type, uint64_t n, char *out, size_t size)
{
	static const struct {
		uint64_t usec;
		const char *name;
	} units[] = {
	    {86400000000, "d"}, {3600000000, "h"}, {60000000, "m"}, {1000000, "s"}, {1000, "ms"}};

	for (size_t i = 0; type == CONF_DURATION && i < sizeof(units) / sizeof(units[0]); i++) {
		if (n >= units[i].usec && n % units[i].usec == 0) {
			snprintf(out, size, "%" PRIu64 "%s", n / units[i].usec, units[i].name);
			return;
		}
	}
	snprintf(out, size, "%" PRIu64, n);
}

static bool in_range(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, uint64_t n)
{
	char least[32], most[32], what[100];

	if (n >= row->min && (row->max == 0 || n <= row->max))
		return true;
	format_bound(row->type, row->min, least, sizeof(least));
	format_bound(row->type, row->max, most, sizeof(most));
	if (row->max == 0)
		snprintf(what, sizeof(what), "at least %s", least);
	else
		snprintf(what, sizeof(what), "%s to %s", least, most);
	return expected(r, v, row->key, what);
}

static bool read_number(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, uint64_t *out)
{
	const char *(*unit)(const char *, uint64_t *) =
	    row->type == CONF_SIZE ? unit_size : unit_count;
	const char *what = is_text(v) ? unit(v->text, out) : "a number";

	return what == NULL ? in_range(r, row, v, *out) : expected(r, v, row->key, what);
}

static bool read_time(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, usec_t *out)
{
	const char *(*unit)(const char *, usec_t *) =
	    row->type == CONF_DATE ? unit_date : unit_duration;
	const char *what = is_text(v) ? unit(v->text, out) : "a word";

	if (what != NULL)
		return expected(r, v, row->key, what);
	return row->type == CONF_DATE || in_range(r, row, v, (uint64_t)*out);
}

static bool read_text(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, const char **out)
{
	if (!is_text(v))
		return expected(r, v, row->key, "a word or a string in quotes");
	*out = v->text;
	return true;
}

/* --- one or a list --- */

/* The first of one value or of a list. */
static const struct conf_value *first_of(const struct conf_value *v)
{
	return v->kind == CONF_LIST ? v->first : v;
}

static size_t count_of(const struct conf_value *v)
{
	size_t n = 0;

	for (v = first_of(v); v != NULL; v = v->next)
		n++;
	return n;
}

/* Room for all items of `v`, at least one; NULL when that is an error, which is told. */
static void *items_for(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, size_t size)
{
	size_t count = count_of(v);
	void *items;

	if (count == 0) {
		expected(r, v, row->key, "at least one entry");
		return NULL;
	}
	items = arena_alloc(r->arena, count * size);
	if (items == NULL)
		conf_no_memory(r);
	return items;
}

static bool read_rates(struct conf_reader *r, const struct conf_row *row,
    const struct conf_value *v, struct conf_rates *out)
{
	struct conf_rate *items = items_for(r, row, v, sizeof(*items));
	bool ok = items != NULL;
	size_t n = 0;

	for (v = first_of(v); items != NULL && v != NULL; v = v->next) {
		const char *what =
		    is_text(v) ? unit_rate(v->text, &items[n]) : "a rate, such as 100/1h";

		if (what != NULL)
			ok = expected(r, v, row->key, what);
		n++;
	}
	*out = (struct conf_rates){.count = n, .items = items};
	return ok;
}

/* Texts while they are collected, as a file brings many. */
struct texts {
	const char **items;
	struct conf_loc *locs;
	size_t count, room;
};

static bool texts_grow(struct conf_reader *r, struct texts *t)
{
	size_t room = t->room == 0 ? 8 : t->room * 2;
	const char **items = arena_alloc(r->arena, room * sizeof(*items));
	struct conf_loc *locs = arena_alloc(r->arena, room * sizeof(*locs));

	if (items == NULL || locs == NULL)
		return conf_no_memory(r);
	if (t->count > 0) {
		memcpy(items, t->items, t->count * sizeof(*items));
		memcpy(locs, t->locs, t->count * sizeof(*locs));
	}
	t->items = items;
	t->locs = locs;
	t->room = room;
	return true;
}

static bool texts_add(
    struct conf_reader *r, struct texts *t, const char *text, const struct conf_loc *loc)
{
	if (t->count == t->room && !texts_grow(r, t))
		return false;
	if (text == NULL)
		return conf_no_memory(r);
	t->locs[t->count] = *loc;
	t->items[t->count++] = text;
	return true;
}

static bool read_text_file(struct conf_reader *r, const struct conf_value *v, struct texts *t)
{
	struct source_line line = {.line = 0};
	struct source s;
	size_t at = 0;
	bool ok;

	if (!source_read(&s, v->text, SOURCE_LIST_MAX, &v->loc, r->diag))
		return false;
	ok = source_is_text(&s, v->text, r->diag) &&
	     (doc_add_file(r->doc, v->text) || conf_no_memory(r));
	while (ok && source_next_line(&s, &at, &line)) {
		struct conf_loc loc = {v->text, line.line, line.column};

		ok = texts_add(r, t, arena_strndup(r->arena, line.text, line.len), &loc);
	}
	source_free(&s);
	return ok;
}

static bool read_text_item(
    struct conf_reader *r, const char *key, const struct conf_value *v, struct texts *t)
{
	if (is_text(v))
		return texts_add(r, t, v->text, &v->loc);
	if (v->kind == CONF_REF)
		return list_check_name(r, v) &&
		       texts_add(r, t, arena_printf(r->arena, "@%s", v->text), &v->loc);
	if (v->kind == CONF_FILE)
		return read_text_file(r, v, t);
	return expected(r, v, key, "a word or a string in quotes");
}

static bool read_texts(struct conf_reader *r, const struct conf_row *row,
    const struct conf_value *v, struct conf_texts *out)
{
	struct texts t = {0};
	bool ok = true;

	if (count_of(v) == 0)
		return expected(r, v, row->key, "at least one entry");
	for (v = first_of(v); v != NULL; v = v->next)
		ok = read_text_item(r, row->key, v, &t) && ok;
	*out = (struct conf_texts){.count = t.count, .items = t.items, .locs = t.locs};
	return ok;
}

/* --- sockets --- */

#define SOCKET_FORMS "unix:/path, inet:host:port or inet6:host:port"

static const char *read_unix(const char *path, struct conf_socket *out)
{
	static const struct sockaddr_un address;

	out->kind = CONF_SOCKET_UNIX;
	out->path = path;
	if (path[0] != '/')
		return "an absolute path, unix:/path";
	if (strlen(path) >= sizeof(address.sun_path))
		return "a path of at most 107 bytes, as unix sockets have no more";
	return NULL;
}

/* host:port, [host]:port, or libmilter's port@host. *host is NULL when memory is exhausted. */
static const char *read_inet(struct arena *a, const char *text, struct conf_socket *out)
{
	const char *at = strchr(text, '@'), *colon = strrchr(text, ':');
	const char *host = text, *port, *end;
	char number[8] = "";

	if (at != NULL) {
		host = at + 1;
		end = host + strlen(host);
		if ((size_t)(at - text) < sizeof(number))
			memcpy(number, text, (size_t)(at - text));
		port = number;
	} else if (colon != NULL) {
		end = colon;
		port = colon + 1;
	} else {
		return "a host and a port, inet:host:port";
	}
	if (end - host > 2 && *host == '[' && end[-1] == ']') {
		host++;
		end--;
	}
	if (host == end)
		return "a host before the port, such as inet:127.0.0.1:8894";
	out->host = arena_strndup(a, host, (size_t)(end - host));
	return unit_port(port, &out->port);
}

const char *conf_socket_parse(const char *text, struct arena *a, struct conf_socket *out)
{
	const char *what = SOCKET_FORMS;

	*out = (struct conf_socket){.text = text};
	if (strncmp(text, "unix:", 5) == 0) {
		what = read_unix(text + 5, out);
	} else if (strncmp(text, "local:", 6) == 0) {
		what = read_unix(text + 6, out);
	} else if (strncmp(text, "inet:", 5) == 0) {
		out->kind = CONF_SOCKET_INET;
		what = read_inet(a, text + 5, out);
	} else if (strncmp(text, "inet6:", 6) == 0) {
		out->kind = CONF_SOCKET_INET6;
		what = read_inet(a, text + 6, out);
	}
	return what;
}

static bool read_socket(
    struct conf_reader *r, const char *key, const struct conf_value *v, struct conf_socket *out)
{
	const char *what = SOCKET_FORMS;

	if (is_text(v))
		what = conf_socket_parse(v->text, r->arena, out);
	if (what != NULL)
		return expected(r, v, key, what);
	if (out->kind != CONF_SOCKET_UNIX && out->host == NULL)
		return conf_no_memory(r);
	return true;
}

static bool read_sockets(struct conf_reader *r, const struct conf_row *row,
    const struct conf_value *v, struct conf_sockets *out)
{
	struct conf_socket *items = items_for(r, row, v, sizeof(*items));
	bool ok = items != NULL;
	size_t n = 0;

	for (v = first_of(v); items != NULL && v != NULL; v = v->next)
		ok = read_socket(r, row->key, v, &items[n++]) && ok;
	*out = (struct conf_sockets){.count = n, .items = items};
	return ok;
}

/* --- all --- */

static bool dispatch(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, void *field)
{
	switch (row->type) {
	case CONF_BOOL:
		return read_bool(r, row, v, field);
	case CONF_ENUM:
		return read_enum(r, row, v, field);
	case CONF_COUNT:
	case CONF_SIZE:
		return read_number(r, row, v, field);
	case CONF_DURATION:
	case CONF_DATE:
		return read_time(r, row, v, field);
	case CONF_RATES:
		return read_rates(r, row, v, field);
	case CONF_TEXT:
		return read_text(r, row, v, field);
	case CONF_TEXTS:
		return read_texts(r, row, v, field);
	case CONF_SOCKET:
		return read_socket(r, row->key, v, field);
	case CONF_SOCKETS:
		return read_sockets(r, row, v, field);
	case CONF_NETWORKS:
		return list_read_networks(r, v, field);
	case CONF_DOMAINS:
		return list_read_domains(r, v, field);
	case CONF_CUSTOM:
		return row->read(r, v, field);
	}
	return false;
}

bool value_read(
    struct conf_reader *r, const struct conf_row *row, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];
	size_t errors = diag_errors(r->diag);

	if (row->type != CONF_CUSTOM && v->next != NULL)
		return conf_error(r, &v->next->loc,
		    "found %s after the value of `%s`; expected the next `key = value`, or a list "
		    "in "
		    "braces with commas",
		    conf_found(v->next, found), row->key);
	if (dispatch(r, row, v, field))
		return true;
	/* A reader that only says no has left the words to us. */
	if (diag_errors(r->diag) == errors)
		expected(r, v, row->key, "another value");
	return false;
}

bool conf_read_value(struct conf_reader *r, enum conf_type type, const char *key,
    const struct conf_value *v, void *field)
{
	const struct conf_row row = {.key = key, .type = type};
	/* An item of a list is followed by the others, which are not its business. */
	struct conf_value single = *v;

	single.next = NULL;
	return type != CONF_ENUM && type != CONF_CUSTOM && value_read(r, &row, &single, field);
}
