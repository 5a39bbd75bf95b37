#include "core/reading.h"

#include <string.h>
#include <strings.h>

#include "core/reply.h"

static bool is_empty(const char *s)
{
	return s == NULL || *s == '\0';
}

static bool is_local_mailer(const struct mailer_list *list, const char *mailer)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcasecmp(list->names[i], mailer) == 0)
			return true;
	return false;
}

static bool in_list(const struct domset *ours, const struct mailaddr *m)
{
	if ((m->forms & MAILADDR_LITERAL) != 0)
		return domset_contains_literal(ours, &m->literal);
	return *m->domain != '\0' && domset_contains(ours, m->domain);
}

static bool same_domain(const struct mailaddr *a, const struct mailaddr *b)
{
	if (((a->forms ^ b->forms) & MAILADDR_LITERAL) != 0)
		return false;
	if ((a->forms & MAILADDR_LITERAL) != 0)
		return addr_equal(&a->literal, &b->literal);
	return *a->domain != '\0' && strcmp(a->domain, b->domain) == 0;
}

/* What is neither kept by its mailer's name nor refused: where does {rcpt_addr} say it goes? */
static enum keeping keeping_by_address(
    const struct mailaddr *rcpt, const struct mta_view *mta, struct arena *a, const char **why)
{
	bool is_error = strcasecmp(mta->mailer, "error") == 0;
	struct mailaddr there;

	if (is_empty(mta->addr)) {
		*why = "the MTA did not say under which address it passes it on";
		return KEEPING_UNKNOWN;
	}
	if (!mailaddr_parse(mta->addr, strlen(mta->addr), a, &there) ||
	    !mailaddr_is_single(&there) || !same_domain(rcpt, &there)) {
		*why = "the MTA would send it to another domain";
		return KEEPING_AWAY;
	}
	if (is_error && strcmp(rcpt->local, there.local) != 0) {
		*why = "the MTA would return it";
		return KEEPING_AWAY;
	}
	*why = is_error ? "the MTA has it in a virtual alias domain"
	                : "the MTA passes it on under the same domain";
	return KEEPING_KEPT;
}

enum keeping mta_keeps(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const struct mta_view *mta, struct arena *a, const char **why)
{
	if (!mailaddr_is_single(rcpt) || (rcpt->forms & MAILADDR_NULL) != 0) {
		*why = "the address does not have one reading";
		return KEEPING_AWAY;
	}
	if (is_empty(mta->mailer)) {
		*why = "the MTA did not say what it would do with it";
		return KEEPING_UNKNOWN;
	}
	if (is_local_mailer(&rules->local_mailers, mta->mailer)) {
		*why = "the MTA delivers it here";
		return KEEPING_KEPT;
	}
	return keeping_by_address(rcpt, mta, a, why);
}

/* Without a domain there is nothing to compare: the MTA's address must be ours by itself. */
static enum reading reading_of_postmaster(const struct reading_rules *rules,
    const struct mta_view *mta, enum keeping kept, struct arena *a, const char **why)
{
	struct mailaddr there;

	if (kept == KEEPING_KEPT)
		return READING_OURS;
	if (is_empty(mta->mailer) || is_empty(mta->addr))
		return READING_UNKNOWN;
	if (mailaddr_parse(mta->addr, strlen(mta->addr), a, &there) && mailaddr_is_single(&there) &&
	    in_list(rules->ours, &there)) {
		*why = "the MTA gives the postmaster a domain of our list";
		return READING_OURS;
	}
	*why = "the MTA would send the postmaster's mail to another domain";
	return READING_RELAY;
}

enum reading reading_of(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const struct mta_view *mta, enum keeping kept, struct arena *a, const char **why)
{
	if (!mailaddr_is_single(rcpt)) {
		*why = "the address has more than one reading";
		return READING_AMBIGUOUS;
	}
	if ((rcpt->forms & MAILADDR_NULL) != 0) {
		*why = "the null address is no recipient";
		return READING_RELAY;
	}
	if ((rcpt->forms & MAILADDR_POSTMASTER) != 0)
		return reading_of_postmaster(rules, mta, kept, a, why);
	if ((rcpt->forms & MAILADDR_NO_DOMAIN) != 0) {
		*why = "the address has no domain";
		return READING_AMBIGUOUS;
	}
	if (!in_list(rules->ours, rcpt)) {
		*why = "the domain is not in our list";
		return READING_RELAY;
	}
	if (kept == KEEPING_KEPT)
		return READING_OURS;
	return kept == KEEPING_AWAY ? READING_RELAY : READING_UNKNOWN;
}

/* Does the text end in a word with an @, as an address does? */
static bool ends_in_address(const char *s)
{
	const char *at = strrchr(s, '@');

	return at != NULL && strpbrk(at, " \t") == NULL;
}

bool mta_view_is_refusal(const struct mta_view *mta)
{
	size_t code;

	if (is_empty(mta->mailer) || is_empty(mta->host) || is_empty(mta->addr))
		return false;
	code = reply_enhanced_length(mta->host);
	return strcasecmp(mta->mailer, "error") == 0 && code != 0 && mta->host[0] != '2' &&
	       mta->host[code] == '\0' && !ends_in_address(mta->addr);
}

struct mta_view mta_view_assumed(const struct reading_rules *rules, const struct mailaddr *rcpt,
    const char *raw, struct arena *a)
{
	size_t len = strlen(raw);
	struct mta_view view = {.mailer = "smtp"};

	if (mailaddr_is_single(rcpt) &&
	    ((rcpt->forms & MAILADDR_POSTMASTER) != 0 || in_list(rules->ours, rcpt)))
		view.mailer = "local";
	if (len >= 2 && raw[0] == '<' && raw[len - 1] == '>')
		view.addr = arena_strndup(a, raw + 1, len - 2);
	else
		view.addr = arena_strdup(a, raw);
	view.host = rcpt->domain;
	return view;
}

const char *reading_name(enum reading r)
{
	static const char *const names[] = {
	    [READING_UNKNOWN] = "",
	    [READING_OURS] = "ours",
	    [READING_RELAY] = "relay",
	    [READING_AMBIGUOUS] = "ambiguous",
	};

	return names[r];
}
