#include "selftest/blame.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/mta.h"
#include "base/exit.h"
#include "core/mailaddr.h"
#include "selftest/way.h"

/* --- what a finding can explain --------------------------------------------- */

/* What lets a row pass by such a finding. */
enum trait {
	TRAIT_ANY,
	TRAIT_FORM,   /* a recipient with more than one reading */
	TRAIT_SENDER, /* a sender that is not the usual one */
	TRAIT_HELO,
	TRAIT_NAME,   /* the name that the client's address has in DNS */
	TRAIT_LOGIN,  /* one who has logged in as nobody */
	TRAIT_FILTER, /* not relaying: the guard is not asked, or not waited for */
	TRAIT_NOTHING,
};

static const struct {
	const char *id; /* or how it begins, with a hyphen at its end */
	enum trait trait;
} traits[] = {
    {"untrusted-routing", TRAIT_FORM},
    {"quoted-routing", TRAIT_FORM},
    {"loose-relay-check", TRAIT_FORM},
    {"rewrite-opens-relay", TRAIT_FORM},
    {"recipient-permits", TRAIT_FORM},
    {"sender-permits", TRAIT_SENDER},
    {"relay-local-from", TRAIT_SENDER},
    {"relay-mail-from", TRAIT_SENDER},
    {"helo-permits", TRAIT_HELO},
    {"client-name-permits", TRAIT_NAME},
    {"networks-by-name", TRAIT_NAME},
    {"relay-entire-domain", TRAIT_NAME},
    {"sasl-anonymous", TRAIT_LOGIN},
    {"milter-", TRAIT_FILTER},
    {"auth-plaintext", TRAIT_NOTHING},
    {"bare-newline", TRAIT_NOTHING},
    {"proxy-protocol", TRAIT_NOTHING},
    {"qmqp-wide", TRAIT_NOTHING},
    {"version-old", TRAIT_NOTHING},
    {"xclient-wide", TRAIT_NOTHING},
    {"xforward-wide", TRAIT_NOTHING},
};

static enum trait trait_of(const char *id)
{
	for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++) {
		size_t len = strlen(traits[i].id);
		bool begins = traits[i].id[len - 1] == '-';

		if (strncmp(id, traits[i].id, begins ? len : len + 1) == 0)
			return traits[i].trait;
	}
	return TRAIT_ANY;
}

/* Or one without a domain, which some servers complete. */
static bool is_odd(const char *to)
{
	struct arena a = {0};
	struct mailaddr m;
	bool odd = !mailaddr_parse(to, strlen(to), &a, &m) || !mailaddr_is_single(&m) ||
	           (m.forms & MAILADDR_NO_DOMAIN) != 0;

	arena_free(&a);
	return odd;
}

static bool has_trait(const struct row *r, enum trait t)
{
	switch (t) {
	case TRAIT_ANY:
		return true;
	case TRAIT_FORM:
		return is_odd(r->to);
	case TRAIT_SENDER:
		return strncmp(r->probe->name, "sender-", 7) == 0;
	case TRAIT_HELO:
		return r->probe->helo != NULL;
	case TRAIT_NAME:
		return strcmp(r->actor->name, "false-name") == 0;
	case TRAIT_LOGIN:
		return r->actor->anonymous;
	case TRAIT_FILTER:
	case TRAIT_NOTHING:
		break;
	}
	return false;
}

/* Is the listener of this port among those of a finding ("smtp, submission"; "": all)? */
static bool is_at(const struct row *r, const char *listeners)
{
	static const struct {
		const char *port, *name;
	} names[] = {
	    {"25", "smtp"}, {"465", "smtps"}, {"465", "submissions"}, {"587", "submission"}};
	struct addr ignored;
	uint16_t port = 0;
	char text[8];

	if (*listeners == '\0')
		return true;
	(void)addr_from_sockaddr(
	    (const struct sockaddr *)&r->actor->place->way->to.addr, &ignored, &port);
	snprintf(text, sizeof(text), "%u", (unsigned)port);
	for (const char *s = listeners; *s != '\0'; s += strspn(s, ", ")) {
		size_t len = strcspn(s, ", "), skip = 0;

		/* ADDRESS:PORT */
		for (size_t i = 0; i < len; i++)
			skip = s[i] == ':' ? i + 1 : skip;
		/* Behind postscreen. */
		if (len == 6 && memcmp(s, "(pass)", 6) == 0 && port == 25)
			return true;
		if (len - skip == strlen(text) && memcmp(s + skip, text, len - skip) == 0)
			return true;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(names[i].port, text) == 0 &&
			    len - skip == strlen(names[i].name) &&
			    memcmp(s + skip, names[i].name, len - skip) == 0)
				return true;
		s += len;
	}
	return false;
}

/* How well it explains the row; 0: not at all. */
static unsigned fitness(const struct row *r, const struct finding *f)
{
	bool filter = r->expected == EXPECT_ASKED || r->expected == EXPECT_DEFERRED;
	enum trait t = trait_of(f->id);

	if (!is_at(r, f->listener))
		return 0;
	if (filter || t == TRAIT_FILTER)
		return filter && t == TRAIT_FILTER ? 1 + (unsigned)f->severity : 0;
	if (t == TRAIT_NOTHING || f->severity < SEVERITY_MEDIUM)
		return 0;
	if (!has_trait(r, t))
		return f->severity == SEVERITY_HIGH ? 1 : 0;
	return 2 + 2 * (unsigned)f->severity + (t != TRAIT_ANY);
}

static const struct finding *best(const struct row *r, const struct findings *l)
{
	const struct finding *found = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < l->count; i++) {
		unsigned fit = fitness(r, &l->items[i]);

		if (fit > most) {
			most = fit;
			found = &l->items[i];
		}
	}
	return found;
}

/* --- rows ------------------------------------------------------------------- */

/* Something passed that should not have. */
static bool is_to_explain(const struct row *r)
{
	if (row_is_suspect(r) || r->confirmed)
		return true;
	return !row_is_right(r) &&
	       (r->result.outcome == OUTCOME_NOT_ASKED || r->result.outcome == OUTCOME_ACCEPTED);
}

static bool set_blame(struct plan *p, struct row *r, const struct finding *f)
{
	struct blame *b = arena_alloc(&p->arena, sizeof(*b));

	if (b == NULL)
		return false;
	b->id = arena_strdup(&p->arena, f->id);
	b->where = f->line == 0 ? arena_strdup(&p->arena, f->file)
	                        : arena_printf(&p->arena, "%s:%u", f->file, f->line);
	b->instead = arena_strdup(&p->arena, f->instead);
	r->blame = b;
	return b->id != NULL && b->where != NULL && b->instead != NULL;
}

bool blame_rows_on(struct plan *p, const struct way *way, const struct findings *l)
{
	for (size_t i = 0; i < p->row_count; i++) {
		struct row *r = &p->rows[i];
		const struct finding *f;

		if (!is_to_explain(r) || (way != NULL && r->actor->place->way != way))
			continue;
		f = best(r, l);
		if (f != NULL && !set_blame(p, r, f))
			return false;
	}
	return true;
}

/* --- the mail server on this host ------------------------------------------- */

static bool is_here(const struct way *w)
{
	return strcmp(w->kind, "smtp") == 0 &&
	       (addr_is_loopback(&w->peer) || addr_equal(&w->own, &w->peer));
}

static bool has_wrong_row(const struct plan *p, const struct way *w)
{
	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i].actor->place->way == w && is_to_explain(&p->rows[i]))
			return true;
	return false;
}

/* The one that welcomed us; NULL: not known, or its configuration is not where it is usual. */
static const struct audit_mta *mta_of(const struct way *w)
{
	static const struct {
		const struct audit_mta *mta;
		const char *word, *file;
	} all[] = {
	    {&audit_postfix, "Postfix", "main.cf"}, {&audit_sendmail, "Sendmail", "sendmail.cf"}};
	char path[256];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", audit_own_dir(all[i].mta), all[i].file);
		if (strstr(w->banner, all[i].word) != NULL && access(path, R_OK) == 0)
			return all[i].mta;
	}
	return NULL;
}

static bool blame_way(struct plan *p, const struct way *w)
{
	const struct audit_mta *mta = mta_of(w);
	struct findings l = {.count = 0};
	struct audit_request request;
	const char *subject = "";
	bool ok = true;

	if (mta == NULL)
		return true;
	request = (struct audit_request){.config_dir = audit_own_dir(mta)};
	if (mta->audit(&request, &l, &subject) == EXIT_OK)
		ok = !l.failed && blame_rows_on(p, w, &l);
	findings_free(&l);
	return ok;
}

bool blame_rows(struct plan *p)
{
	const struct way *last = NULL;

	for (size_t i = 0; i < p->row_count; i++) {
		const struct way *w = p->rows[i].actor->place->way;

		if (w == last || w == NULL)
			continue;
		last = w;
		if (is_here(w) && has_wrong_row(p, w) && !blame_way(p, w))
			return false;
	}
	return true;
}
