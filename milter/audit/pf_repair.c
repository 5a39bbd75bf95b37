#include "audit/pf_repair.h"

#include <string.h>

#include "audit/pf_list.h"
#include "base/strbuf.h"

static bool may_follow(const struct pf_culprit *c)
{
	return strncmp(c->element, "check_", 6) == 0 &&
	       strcmp(c->list, "smtpd_recipient_restrictions") == 0;
}

static void add_word(struct strbuf *b, const char *word, bool compact)
{
	if (b->len > 0)
		strbuf_puts(b, compact ? "," : ", ");
	strbuf_puts(b, word);
}

/* The elements but for the culprit, with reject_unauth_destination among them. */
static void repaired_list(
    const struct pf_view *v, const struct pf_culprit *c, bool compact, struct strbuf *b)
{
	struct pf_cursor at = {.text = pf_get(v, c->list)};
	struct pf_element e = {.text = NULL};
	bool control = false, warns = false;

	while (pf_next_element(v, &at, &e)) {
		const struct pf_restriction *r = e.restriction;
		const char *whole = e.argument == NULL
		                        ? e.text
		                        : arena_printf(&v->pf->arena, "%s %s", e.text, e.argument);

		if (e.index == c->index || whole == NULL)
			continue;
		if (r != NULL && r->effect == PF_REFUSES && !control) {
			if (warns)
				continue;
			control = true;
			add_word(b, e.text, compact);
			if (may_follow(c))
				add_word(b, c->element, compact);
			continue;
		}
		warns = r != NULL && r->effect == PF_ONLY_WARNS;
		if (!warns)
			add_word(b, whole, compact);
	}
	if (!control) {
		add_word(b, "reject_unauth_destination", compact);
		if (may_follow(c))
			add_word(b, c->element, compact);
	}
}

const char *pf_repaired(const struct pf_view *v, const struct pf_culprit *c)
{
	const struct pf_setting *s = pf_set(v, c->list);
	bool override = v->service != NULL && s != NULL && strcmp(s->file, v->pf->master_file) == 0;
	struct strbuf b = {0};
	const char *text;

	repaired_list(v, c, override, &b);
	if (!override)
		text = arena_printf(&v->pf->arena, "%s = %s", c->list, strbuf_text(&b));
	else if (strpbrk(strbuf_text(&b), " \t") == NULL)
		text = arena_printf(&v->pf->arena, "-o %s=%s", c->list, strbuf_text(&b));
	else
		text = arena_printf(&v->pf->arena, "-o { %s = %s }", c->list, strbuf_text(&b));
	strbuf_free(&b);
	return text == NULL ? "" : text;
}
