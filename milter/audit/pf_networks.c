/* mynetworks, and who may speak for others by XCLIENT. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "audit/pf_audit.h"
#include "audit/pf_pattern.h"
#include "base/netset.h"
#include "base/strbuf.h"

/* What is written where nothing else is left: this host itself. */
static const char LOOPBACK[] = "127.0.0.0/8 [::1]/128";

/* What one entry of a list of networks is to a stranger. */
struct judged {
	int reach;
	const char *id;  /* "networks-world", ...; NULL: nothing to say */
	const char *why; /* what follows "PARAMETER has ENTRY: " */
};

/* 192.0.2.0/24, [2001:db8::]/32; PREFIX_HOST_BITS as prefix_parse(). */
static enum prefix_error read_network(const char *text, struct prefix *p)
{
	char plain[ADDR_TEXT_MAX + 8];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '[' || *text == ']')
			continue;
		if (n == sizeof(plain) - 1)
			return PREFIX_BAD_ADDRESS;
		plain[n++] = *text;
	}
	return prefix_parse(plain, n, p);
}

static struct judged judge_prefix(const struct prefix *p)
{
	int reach = strangers_in(p);

	if (reach == SEVERITY_HIGH)
		return (struct judged){reach, "networks-world",
		    "strangers are in it, and may send to where they like"};
	if (reach == WAY_CLOSED)
		return (struct judged){WAY_CLOSED, NULL, NULL};
	if (strangers_behind(p))
		return (struct judged){reach, "networks-gateway",
		    "addresses of container bridges or NAT gateways are in it; if such a gateway "
		    "puts "
		    "its own address in the place of the client's, every stranger may send to "
		    "where "
		    "he likes"};
	if (reach == SEVERITY_LOW)
		return (struct judged){reach, "networks-wide",
		    "that is more than most sites have; whoever else is in it may send to where he "
		    "likes"};
	return (struct judged){reach, "networks-wide",
	    "that is more than one site has; whoever else is in it may send to where he likes"};
}

/* A name or a pattern of names, and what Postfix would not understand. */
static struct judged judge_word(const char *text)
{
	struct prefix p;

	switch (read_network(text, &p)) {
	case PREFIX_OK:
		return judge_prefix(&p);
	case PREFIX_HOST_BITS:
	case PREFIX_BAD_BITS:
		return (struct judged){WAY_CLOSED, "networks-malformed",
		    "Postfix takes no network with host bits or such a length, and then defers the "
		    "mail of everybody who is in none of the entries before it"};
	case PREFIX_BAD_ADDRESS:
		break;
	}
	if (strangers_below(text))
		return (struct judged){SEVERITY_HIGH, "networks-world",
		    "anybody can have a name below it, and may then send to where he likes"};
	if (strchr(text, '.') != NULL && strpbrk(text, "abcdefghijklmnopqrstuvwxyz") != NULL)
		return (struct judged){SEVERITY_MEDIUM, "networks-by-name",
		    "it permits by the client's name: who controls that name's DNS may send to "
		    "where "
		    "he likes"};
	return (struct judged){WAY_CLOSED, NULL, NULL};
}

/* A key that is asked for an address as a whole, or for a name. */
static struct judged judge_key(const char *key)
{
	struct prefix p;

	if (strchr(key, '/') != NULL && read_network(key, &p) != PREFIX_BAD_ADDRESS)
		return (struct judged){WAY_CLOSED, "networks-malformed",
		    "such a table is asked for single addresses, and a network in it matches "
		    "nothing; it was perhaps meant for a cidr table"};
	return judge_word(key);
}

static struct judged judge_row(const struct pf_table *t, const struct pf_row *row)
{
	static const char *const strangers[] = {"193.99.144.80", "8.8.4.4", "2a00:1450::77"};
	const struct judged all = {SEVERITY_HIGH, "networks-world",
	    "every stranger is in it, and may send to where he likes"};

	if (t->kind == PF_STATIC)
		return all;
	if (t->kind == PF_CIDR)
		return row->negated ? all : judge_prefix(&row->prefix);
	if (t->kind == PF_KEYED)
		return judge_key(row->key);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
		if (pf_lookup(t, strangers[i]) == row)
			return all;
	return (struct judged){WAY_CLOSED, NULL, NULL};
}

/* --- every entry of a list ------------------------------------------------- */

/* Where an entry was found, and what it is. */
struct entry {
	const char *text, *file;
	unsigned line;
	bool elsewhere; /* in a table or a file that the list names */
	bool in_table;
	struct judged judged;
};

typedef void entry_fn(void *user, const struct entry *e);

/* A top-level domain holds the names below it only with a dot, or only without. */
static struct judged with_dot(
    const struct pf_view *v, const char *parameter, const char *text, const struct judged *j)
{
	if (j->reach == SEVERITY_HIGH && strangers_below(text) &&
	    pf_matches_subdomains(v, parameter) == (text[0] == '.'))
		return (struct judged){WAY_CLOSED, NULL, NULL};
	return *j;
}

static void each_entry(const struct pf_view *v, const char *parameter, entry_fn *fn, void *user)
{
	const struct pf_setting *s = pf_set(v, parameter);
	struct pf_patterns l = pf_patterns(v, parameter);

	for (size_t i = 0; i < l.count; i++) {
		const struct pf_pattern *p = &l.items[i];
		struct entry e = {.text = p->text, .file = p->file, .line = p->line};

		if (p->negated)
			continue;
		e.elsewhere = s == NULL || p->file != s->file;
		if (p->table == NULL) {
			e.judged = judge_word(p->text);
			e.judged = with_dot(v, parameter, p->text, &e.judged);
			fn(user, &e);
			continue;
		}
		for (size_t r = 0; r < p->table->count; r++) {
			const struct pf_row *row = &p->table->rows[r];

			if (row->kind != PF_ROW)
				continue;
			e.judged = judge_row(p->table, row);
			if (p->table->kind == PF_KEYED)
				e.judged = with_dot(v, parameter, row->key, &e.judged);
			e.text = p->table->kind == PF_STATIC ? p->text : row->key;
			e.file = row->line == 0 ? p->file : p->table->file;
			e.line = row->line == 0 ? p->line : row->line;
			e.in_table = row->line > 0;
			e.elsewhere = e.elsewhere || e.in_table;
			fn(user, &e);
		}
	}
}

static void keep_worst(void *user, const struct entry *e)
{
	int *worst = user;

	if (e->judged.reach > *worst)
		*worst = e->judged.reach;
}

/* Small networks add up: do all the plain ones together cover the world? */
static bool add_up(const struct pf_view *v, const char *parameter)
{
	struct pf_patterns l = pf_patterns(v, parameter);
	struct netset_builder *b = netset_builder_new();
	struct netset *s = NULL;
	struct prefix p, why;
	bool ok = b != NULL, world;

	for (size_t i = 0; ok && i < l.count; i++)
		if (!l.items[i].negated && l.items[i].table == NULL &&
		    read_network(l.items[i].text, &p) == PREFIX_OK)
			ok = netset_builder_add(b, &p);
	if (ok)
		s = netset_build(&b);
	netset_builder_free(&b);
	world = s != NULL && netset_covers_world(s, &why);
	netset_free(&s);
	return world;
}

/* --- mynetworks_style ------------------------------------------------------ */

static bool is_loopback_only(const struct pf_view *v)
{
	const char *p = pf_get(v, "inet_interfaces"), *word;
	bool any = false;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL) {
		any = true;
		if (strcasecmp(word, "loopback-only") != 0 && strcasecmp(word, "localhost") != 0 &&
		    strncmp(word, "127.", 4) != 0 && strcmp(word, "::1") != 0 &&
		    strcmp(word, "[::1]") != 0)
			return false;
	}
	return any;
}

/* Does `class` make a whole /8 of strangers of one of our own addresses? */
static bool is_class_a(const struct pf_view *v)
{
	const char *p = pf_get(v, "inet_interfaces"), *word;
	struct addr a;

	while ((word = pf_word(&v->pf->arena, &p, NULL)) != NULL)
		if (addr_parse(word, strlen(word), &a) && a.family == ADDR_V4 && a.bytes[0] < 127 &&
		    a.bytes[0] != 10)
			return true;
	return false;
}

/* The style that is in effect, "host" where mynetworks itself is set. */
static const char *style_of(const struct pf_view *v)
{
	if (pf_is_set(v, "mynetworks") || is_loopback_only(v))
		return "host";
	return pf_get(v, "mynetworks_style");
}

static int style_reach(const struct pf_view *v)
{
	const char *style = style_of(v);

	if (strcasecmp(style, "class") == 0)
		return is_class_a(v) ? SEVERITY_HIGH : SEVERITY_MEDIUM;
	return strcasecmp(style, "subnet") == 0 ? SEVERITY_MEDIUM : WAY_CLOSED;
}

int pf_networks_reach(const struct pf_view *v)
{
	int worst = style_reach(v);

	each_entry(v, "mynetworks", keep_worst, &worst);
	return add_up(v, "mynetworks") ? SEVERITY_HIGH : worst;
}

/* --- findings -------------------------------------------------------------- */

struct reporter {
	struct pf_audit *a;
	const struct pf_listener *l;
	const char *parameter;
	struct pf_instead instead;
	enum severity limit;
	unsigned told;
};

/* What to write for a word that is wrong: "" where it has to go. NULL: nothing is wrong. */
static const char *mended_word(struct pf *pf, const char *word)
{
	char text[ADDR_TEXT_MAX];
	struct prefix p;

	if (judge_word(word).id == NULL)
		return NULL;
	if (read_network(word, &p) != PREFIX_HOST_BITS || strangers_in(&p) != WAY_CLOSED)
		return "";
	prefix_format(&p, text);
	return arena_printf(&pf->arena, p.addr.family == ADDR_V6 ? "[%.*s]%s" : "%.*s%s",
	    (int)strcspn(text, "/"), text, text + strcspn(text, "/"));
}

/* Is there something wrong in a table, which can't be changed there? */
static bool is_bad_table(const struct pf_view *v, const char *spec, bool whole)
{
	const struct pf_table *t = pf_table(v, spec);

	for (size_t i = 0; t != NULL && i < t->count; i++)
		if (t->rows[i].kind == PF_ROW && (whole || t->rows[i].line == 0) &&
		    judge_row(t, &t->rows[i]).id != NULL)
			return true;
	return false;
}

/* Is there something wrong in a file of words? */
static bool is_bad_file(const struct pf_view *v, const char *parameter)
{
	struct pf_patterns l = pf_patterns(v, parameter);
	const struct pf_setting *s = pf_set(v, parameter);

	for (size_t i = 0; s != NULL && i < l.count; i++)
		if (l.items[i].table == NULL && l.items[i].file != s->file &&
		    judge_word(l.items[i].text).id != NULL)
			return true;
	return false;
}

/*
 * The list without what is wrong with it; `fallback` where nothing is left. Tables and files, which
 * are changed themselves, go only where `whole` says so.
 */
static struct pf_instead cleaned(
    const struct pf_view *v, const char *parameter, const char *fallback, bool whole)
{
	struct pf_words w = pf_words_of(v, parameter);
	const char *p = pf_get(v, parameter), *word;

	for (size_t i = 0; i < w.count; i++) {
		word = pf_word(&v->pf->arena, &p, NULL);
		if (word == NULL)
			break;
		if (word[0] == '!')
			continue;
		if (pf_is_table(word))
			w.instead[i] = is_bad_table(v, word, whole) ? "" : NULL;
		else if (word[0] == '/')
			w.instead[i] = whole && is_bad_file(v, parameter) ? "" : NULL;
		else
			w.instead[i] = mended_word(v->pf, word);
	}
	return pf_list_with(v, parameter, &w, fallback);
}

/* The list without its larger networks, each of which is no more than somebody's own. */
static struct pf_instead without_large(const struct pf_view *v, const char *parameter)
{
	struct pf_words w = pf_words_of(v, parameter);
	const char *text = pf_get(v, parameter), *word;
	struct prefix p;

	for (size_t i = 0; i < w.count; i++) {
		word = pf_word(&v->pf->arena, &text, NULL);
		if (word != NULL && read_network(word, &p) == PREFIX_OK &&
		    p.bits < (p.addr.family == ADDR_V4 ? 24 : 48) && !addr_is_loopback(&p.addr))
			w.instead[i] = "";
	}
	return pf_list_with(v, parameter, &w, LOOPBACK);
}

/* What to write for an entry: where it stands. */
static struct pf_instead mended(const struct reporter *r, const struct entry *e)
{
	if (!e->elsewhere)
		return r->instead;
	return e->in_table ? pf_comment_out(r->a->pf, e->file, e->line)
	                   : pf_without_word(r->a->pf, e->file, e->line, e->text);
}

static void report_entry(void *user, const struct entry *e)
{
	struct reporter *r = user;
	enum severity severity = SEVERITY_LOW;

	if (e->judged.id == NULL || r->told >= 50)
		return;
	r->told++;
	if (e->judged.reach != WAY_CLOSED)
		severity = (enum severity)e->judged.reach;
	if (severity > r->limit)
		severity = r->limit;
	pf_report_at(r->a, r->l, e->judged.id, severity, e->file, e->line,
	    findings_text(r->a->findings, "%s has %s: %s.", r->parameter, e->text, e->judged.why),
	    mended(r, e));
}

static void report_style(struct pf_audit *a, const struct pf_listener *l, enum severity limit)
{
	const struct pf_view *v = l == NULL ? &a->main : &l->view;
	int reach = style_reach(v);
	const char *style = style_of(v);

	if (reach == WAY_CLOSED)
		return;
	pf_report(a, l, "networks-style", reach > (int)limit ? limit : (enum severity)reach,
	    "mynetworks_style",
	    findings_text(a->findings,
		"mynetworks is not set, and mynetworks_style = %s trusts %s: whoever is in it may "
		"send to where he likes.",
		style,
		strcasecmp(style, "class") == 0
		    ? "the whole class A, B or C network of this host's addresses"
		    : "every host of the subnets that this host is in"),
	    pf_line_for(v, "mynetworks", LOOPBACK));
}

void pf_audit_networks(struct pf_audit *a, const struct pf_listener *l, enum severity limit)
{
	const struct pf_view *v = l == NULL ? &a->main : &l->view;
	struct reporter r = {
	    a, l, "mynetworks", cleaned(v, "mynetworks", LOOPBACK, false), limit, 0};
	int worst = WAY_CLOSED;

	report_style(a, l, limit);
	each_entry(v, "mynetworks", report_entry, &r);
	each_entry(v, "mynetworks", keep_worst, &worst);
	if (worst < SEVERITY_HIGH && add_up(v, "mynetworks"))
		pf_report(a, l, "networks-world", limit, "mynetworks",
		    "The networks of mynetworks together cover a good part of the world: strangers "
		    "are "
		    "in it, and may send to where they like.",
		    without_large(v, "mynetworks"));
}

void pf_audit_xclient(struct pf_audit *a, const struct pf_listener *l)
{
	static const struct {
		const char *parameter, *id, *what;
		enum severity limit;
	} table[] = {
	    {"smtpd_authorized_xclient_hosts", "xclient-wide",
		"they may claim any client's address by XCLIENT, that of a friend too",
		SEVERITY_HIGH},
	    {"smtpd_authorized_xforward_hosts", "xforward-wide",
		"they may have any client's address logged by XFORWARD", SEVERITY_LOW},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct pf_view *v = &l->view;
		int worst = WAY_CLOSED;

		each_entry(v, table[i].parameter, keep_worst, &worst);
		if (worst == WAY_CLOSED)
			continue;
		pf_report(a, l, table[i].id,
		    worst > (int)table[i].limit ? table[i].limit : (enum severity)worst,
		    table[i].parameter,
		    findings_text(a->findings,
			"%s = %s has networks of strangers or of gateways: %s.", table[i].parameter,
			pf_get(v, table[i].parameter), table[i].what),
		    cleaned(v, table[i].parameter, "", true));
	}
}

/* Who may end lines with a bare newline all the same; $mynetworks, which is judged, by default. */
void pf_audit_newline_exceptions(struct pf_audit *a, const struct pf_listener *l)
{
	static const char parameter[] = "smtpd_forbid_bare_newline_exclusions";
	int worst = WAY_CLOSED;

	if (!pf_is_set(&l->view, parameter))
		return;
	each_entry(&l->view, parameter, keep_worst, &worst);
	if (worst == SEVERITY_HIGH)
		pf_report(a, l, "bare-newline", SEVERITY_MEDIUM, parameter,
		    "Strangers are among those who may end lines with a bare newline: one message "
		    "can hide a second one with any sender (SMTP smuggling).",
		    cleaned(&l->view, parameter, "$mynetworks", true));
}
