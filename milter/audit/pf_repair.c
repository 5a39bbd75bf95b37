#include "audit/pf_repair.h"

#include <string.h>

#include "audit/pf_list.h"

static const char control[] = "reject_unauth_destination";

/* Where a list refuses recipients elsewhere. */
struct controls {
	size_t real;   /* index of the first word that does; SIZE_MAX: none */
	size_t warned; /* of the first warn_if_reject before such a word; SIZE_MAX: none */
};

static bool may_follow(const struct pf_culprit *c)
{
	return strncmp(c->element, "check_", 6) == 0 &&
	       strcmp(c->list, "smtpd_recipient_restrictions") == 0;
}

static void drop(struct pf_words *w, size_t index)
{
	if (index < w->count)
		w->instead[index] = "";
}

static bool refuses(enum pf_effect effect)
{
	return effect == PF_REFUSES || effect == PF_REFUSES_ELSEWHERE;
}

/* Takes the culprit away (NULL: each bare `permit`), and looks for what refuses. */
static struct controls without_culprit(
    const struct pf_view *v, const char *list, const struct pf_culprit *c, struct pf_words *w)
{
	struct pf_cursor at = {.text = pf_get(v, list)};
	struct pf_element e = {.text = NULL};
	struct controls found = {SIZE_MAX, SIZE_MAX};
	size_t warns = SIZE_MAX;

	while (pf_next_element(v, &at, &e)) {
		enum pf_effect effect = e.restriction == NULL ? PF_PASSES : e.restriction->effect;

		if (c != NULL ? e.index == c->index : effect == PF_PERMITS) {
			for (size_t i = e.index; i < at.index; i++)
				drop(w, i);
			drop(w, warns);
		} else if (refuses(effect) && warns == SIZE_MAX && found.real == SIZE_MAX) {
			found.real = e.index;
		} else if (refuses(effect) && found.warned == SIZE_MAX) {
			found.warned = warns;
		}
		warns = effect == PF_ONLY_WARNS ? e.index : SIZE_MAX;
	}
	return found;
}

/* The list without the culprit (NULL: as above), with a refusal in it, and `more` behind that. */
static struct pf_instead controlled(
    const struct pf_view *v, const char *list, const struct pf_culprit *c, const char *more)
{
	struct pf_words w = pf_words_of(v, list);
	struct controls found = without_culprit(v, list, c, &w);
	struct arena *a = &v->pf->arena;

	if (found.real == SIZE_MAX && found.warned != SIZE_MAX) {
		drop(&w, found.warned);
		found.real = found.warned + 1;
	}
	w.at = found.real;
	w.behind = more;
	if (found.real == SIZE_MAX)
		w.behind = more == NULL ? control : arena_printf(a, "%s %s", control, more);
	return pf_list_with(v, list, &w, control);
}

struct pf_instead pf_repaired(const struct pf_view *v, const struct pf_culprit *c)
{
	return controlled(v, c->list, c, may_follow(c) ? c->element : NULL);
}

struct pf_instead pf_with_control(const struct pf_view *v, const char *list)
{
	if (pf_get(v, list)[0] != '\0')
		return controlled(v, list, NULL, NULL);
	return pf_line_for(v, list,
	    v->service != NULL && pf_is_set(v, list) &&
		    strcmp(pf_set(v, list)->file, v->pf->master_file) == 0
		? "permit_mynetworks,permit_sasl_authenticated,reject_unauth_destination"
		: "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination");
}
