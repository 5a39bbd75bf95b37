#include "audit/m4_macros.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- macros ---------------------------------------------------------------------- */

static size_t bucket(const char *name)
{
	uint32_t h = 5381;

	for (const char *p = name; *p != '\0'; p++)
		h = h * 33 + (unsigned char)*p;
	return h % M4_BUCKETS;
}

struct m4_entry *m4_entry(const struct m4 *m, const char *name)
{
	struct m4_entry *e = m->buckets[bucket(name)];

	while (e != NULL && strcmp(e->macro.name, name) != 0)
		e = e->next;
	return e;
}

void m4_remove(struct m4 *m, const char *name, bool all)
{
	struct m4_entry **at = &m->buckets[bucket(name)];

	while (*at != NULL && strcmp((*at)->macro.name, name) != 0)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	if (!all && (*at)->below != NULL) {
		struct m4_entry *below = (*at)->below;

		below->next = (*at)->next;
		*at = below;
	} else {
		*at = (*at)->next;
	}
}

void m4_add(struct m4 *m, const char *name, const char *text, m4_run *run, bool bare,
    const struct m4_place *at, bool push)
{
	struct m4_entry *old = m4_entry(m, name), *e = arena_alloc(&m->arena, sizeof(*e));
	const char *own_name = arena_strdup(&m->arena, name);
	const char *own_text = arena_strdup(&m->arena, text);

	if (e == NULL || own_name == NULL || own_text == NULL) {
		m->failed = true;
		return;
	}
	*e = (struct m4_entry){{own_name, own_text, *at}, run, bare, NULL, NULL};
	if (old != NULL) {
		e->below = push ? old : old->below;
		m4_remove(m, name, true);
	}
	e->next = m->buckets[bucket(name)];
	m->buckets[bucket(name)] = e;
}

/* --- calls ------------------------------------------------------------------------- */

static const char *arg(const struct m4_running *r, size_t i)
{
	return i < r->count && r->args[i].text != NULL ? r->args[i].text : "";
}

/* $@ quotes each argument, $* does not. */
static void put_all(struct m4_running *r, size_t from, bool quoted)
{
	for (size_t i = from; i < r->count; i++)
		strbuf_printf(&r->out, "%s%s%s%s", i > from ? "," : "", quoted ? r->m->open : "",
		    arg(r, i), quoted ? r->m->close : "");
}

/* What `$` and this character stand for; false: for themselves. */
static bool put_parameter(struct m4_running *r, char c)
{
	if (c == '0')
		strbuf_puts(&r->out, r->e->macro.name);
	else if (isdigit((unsigned char)c))
		strbuf_puts(&r->out, arg(r, (size_t)(c - '1')));
	else if (c == '*' || c == '@')
		put_all(r, 0, c == '@');
	else if (c == '#')
		strbuf_printf(&r->out, "%zu", r->count);
	else
		return false;
	return true;
}

void m4_run_text(struct m4_running *r)
{
	for (const char *p = r->e->macro.text; *p != '\0'; p++) {
		if (p[0] == '$' && put_parameter(r, p[1]))
			p++;
		else
			strbuf_putc(&r->out, *p);
	}
}

static void run_ifelse(struct m4_running *r)
{
	size_t i = 0;

	while (i + 2 < r->count) {
		if (strcmp(arg(r, i), arg(r, i + 1)) == 0) {
			m4_push(
			    r->m, arg(r, i + 2), strlen(arg(r, i + 2)), &r->args[i + 2].at, true);
			return;
		}
		i += 3;
	}
	if (i < r->count && i > 0 && i + 1 == r->count)
		m4_push(r->m, arg(r, i), strlen(arg(r, i)), &r->args[i].at, true);
}

static void run_ifdef(struct m4_running *r)
{
	size_t i = m4_entry(r->m, arg(r, 0)) != NULL ? 1 : 2;

	if (i < r->count)
		m4_push(r->m, arg(r, i), strlen(arg(r, i)), &r->args[i].at, true);
}

static void include(struct m4_running *r, bool silent)
{
	size_t len = 0;
	const char *file = NULL;
	const char *text =
	    r->m->client->include(r->m->client->user, arg(r, 0), silent, &len, &file, &r->at);
	struct m4_place at = {file, 1};

	if (text != NULL)
		m4_push(r->m, text, len, &at, true);
}

static void run_include(struct m4_running *r)
{
	include(r, false);
}

static void run_sinclude(struct m4_running *r)
{
	include(r, true);
}

static void run_substr(struct m4_running *r)
{
	const char *text = arg(r, 0);
	size_t len = strlen(text), from = strtoul(arg(r, 1), NULL, 10);
	size_t n = r->count > 2 ? strtoul(arg(r, 2), NULL, 10) : len;

	if (from < len)
		strbuf_add(&r->out, text + from, n < len - from ? n : len - from);
}

static void run_translit(struct m4_running *r)
{
	const char *from = arg(r, 1), *to = arg(r, 2);

	for (const char *p = arg(r, 0); *p != '\0'; p++) {
		const char *hit = strchr(from, *p);

		if (hit == NULL)
			strbuf_putc(&r->out, *p);
		else if ((size_t)(hit - from) < strlen(to))
			strbuf_putc(&r->out, to[hit - from]);
	}
}

static void run_len(struct m4_running *r)
{
	strbuf_printf(&r->out, "%zu", strlen(arg(r, 0)));
}

static void run_index(struct m4_running *r)
{
	const char *hit = strstr(arg(r, 0), arg(r, 1));

	strbuf_printf(&r->out, "%ld", hit == NULL ? -1L : (long)(hit - arg(r, 0)));
}

static void run_shift(struct m4_running *r)
{
	put_all(r, 1, true);
}

static void run_incr(struct m4_running *r)
{
	strbuf_printf(&r->out, "%lu", strtoul(arg(r, 0), NULL, 10) + 1);
}

static void run_decr(struct m4_running *r)
{
	strbuf_printf(&r->out, "%ld", (long)(strtoul(arg(r, 0), NULL, 10) - 1));
}

/* A number as far as no operator is in it; anything else is not reckoned out. */
static void run_eval(struct m4_running *r)
{
	const char *text = arg(r, 0);

	if (text[0] != '\0' && strspn(text, "0123456789 ") == strlen(text)) {
		strbuf_puts(&r->out, text);
		return;
	}
	r->m->client->problem(
	    r->m->client->user, &r->at, false, "what depends on eval() is not judged");
	strbuf_putc(&r->out, '0');
}

static void run_esyscmd(struct m4_running *r)
{
	r->m->client->problem(
	    r->m->client->user, &r->at, false, "what a command would print is not judged");
}

void m4_set_word(char word[M4_QUOTE_SIZE], const char *text, const char *otherwise)
{
	snprintf(word, M4_QUOTE_SIZE, "%s", text[0] == '\0' ? otherwise : text);
}

static void run_dnl(struct m4_running *r)
{
	for (int c; (c = m4_peek(r->m)) >= 0;) {
		m4_step(r->m);
		if (c == '\n')
			break;
	}
}

static void run_divert(struct m4_running *r)
{
	m4_flush(r->m);
	r->m->diversion = strtol(arg(r, 0), NULL, 10);
}

static void run_divnum(struct m4_running *r)
{
	strbuf_printf(&r->out, "%ld", r->m->diversion);
}

static void run_changequote(struct m4_running *r)
{
	m4_set_word(r->m->open, arg(r, 0), "`");
	m4_set_word(r->m->close, arg(r, 1), "'");
}

static void run_changecom(struct m4_running *r)
{
	m4_set_word(r->m->comment, arg(r, 0), "");
}

static void run_define(struct m4_running *r)
{
	m4_add(r->m, arg(r, 0), arg(r, 1), m4_run_text, true, &r->at, false);
}

static void run_pushdef(struct m4_running *r)
{
	m4_add(r->m, arg(r, 0), arg(r, 1), m4_run_text, true, &r->at, true);
}

static void run_undefine(struct m4_running *r)
{
	for (size_t i = 0; i < r->count; i++)
		m4_remove(r->m, arg(r, i), true);
}

static void run_popdef(struct m4_running *r)
{
	for (size_t i = 0; i < r->count; i++)
		m4_remove(r->m, arg(r, i), false);
}

static void run_defn(struct m4_running *r)
{
	const struct m4_macro *m = m4_find(r->m, arg(r, 0));

	if (m != NULL)
		strbuf_printf(&r->out, "%s%s%s", r->m->open, m->text, r->m->close);
}

static void run_nothing(struct m4_running *r)
{
	(void)r;
}

void m4_run_hook(struct m4_running *r)
{
	const char *args[M4_ARGS_MAX];
	struct m4_call c = {r->e->macro.name, args, r->count, r->at};

	for (size_t i = 0; i < M4_ARGS_MAX; i++)
		args[i] = arg(r, i);
	r->m->client->call(r->m->client->user, &c);
}

void m4_add_builtins(struct m4 *m)
{
	static const struct m4_place nowhere = {"", 0};
	static const struct {
		const char *name;
		m4_run *run;
		bool bare;
	} builtins[] = {{"define", run_define, false}, {"undefine", run_undefine, false},
	    {"pushdef", run_pushdef, false}, {"popdef", run_popdef, false},
	    {"defn", run_defn, false}, {"ifdef", run_ifdef, false}, {"ifelse", run_ifelse, false},
	    {"dnl", run_dnl, true}, {"divert", run_divert, true}, {"undivert", run_nothing, true},
	    {"divnum", run_divnum, true}, {"changequote", run_changequote, true},
	    {"changecom", run_changecom, true}, {"include", run_include, false},
	    {"sinclude", run_sinclude, false}, {"shift", run_shift, true}, {"len", run_len, false},
	    {"index", run_index, false}, {"substr", run_substr, false},
	    {"translit", run_translit, false}, {"incr", run_incr, false}, {"decr", run_decr, false},
	    {"eval", run_eval, false}, {"esyscmd", run_esyscmd, false},
	    {"syscmd", run_nothing, false}, {"errprint", run_nothing, false},
	    {"m4wrap", run_nothing, false}, {"maketemp", run_nothing, false},
	    {"mkstemp", run_nothing, false}, {"dumpdef", run_nothing, true},
	    {"m4exit", run_nothing, true}};

	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		m4_add(m, builtins[i].name, "", builtins[i].run, builtins[i].bare, &nowhere, false);
}
