/* Whom to ask about, and how to tell it; the evaluation is auth/spf_eval.c. */
#include "auth/spf.h"

#include <string.h>

#include "auth/spf_eval.h"
#include "base/names.h"

/* Bytes of a local part, or of a HELO name, that macros see. RFC 5321 4.5.3.1 allows 64 and 255. */
enum { PART_MAX = 512 };

const char *spf_result_name(enum spf_result r)
{
	static const char *const names[] = {
	    [SPF_NONE] = "none",
	    [SPF_NEUTRAL] = "neutral",
	    [SPF_PASS] = "pass",
	    [SPF_FAIL] = "fail",
	    [SPF_SOFTFAIL] = "softfail",
	    [SPF_TEMPERROR] = "temperror",
	    [SPF_PERMERROR] = "permerror",
	};

	return names[r];
}

const char *spf_identity_name(enum spf_identity i)
{
	return i == SPF_HELO ? "helo" : "mailfrom";
}

/* --- identities ------------------------------------------------------------------------ */

static const char *or_empty(const char *s)
{
	return s == NULL ? "" : s;
}

/* A name as it is asked for: A-labels where it is not ASCII, without the last dot. */
static const char *domain_copy(struct arena *a, const char *text)
{
	size_t len = strlen(text);
	char name[NAME_SIZE];

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return name_canonical(text, len, name) == NAME_OK ? arena_strdup(a, name)
			                                                  : arena_strdup(a, text);
	}
	if (len > 1 && text[len - 1] == '.')
		len--;
	return arena_strndup(a, text, len);
}

/* HELO where the sender is null (RFC 7208 2.4). */
static enum spf_identity identity_of(const struct spf_query *q, enum spf_identity asked)
{
	return or_empty(q->sender)[0] == '\0' ? SPF_HELO : asked;
}

/* NULL when memory is exhausted. */
static const char *domain_of(const struct spf_query *q, enum spf_identity identity, struct arena *a)
{
	const char *sender = or_empty(q->sender), *at = strrchr(sender, '@');

	if (identity == SPF_HELO)
		return domain_copy(a, or_empty(q->helo));
	return domain_copy(a, at == NULL ? sender : at + 1);
}

static const char *local_of(const struct spf_query *q, enum spf_identity identity, struct arena *a)
{
	const char *sender = or_empty(q->sender), *at = strrchr(sender, '@');
	size_t len = at == NULL ? 0 : (size_t)(at - sender);

	/* RFC 7208 4.3 */
	if (identity == SPF_HELO || len == 0)
		return "postmaster";
	return arena_strndup(a, sender, len < PART_MAX ? len : PART_MAX);
}

/* False when memory is exhausted. */
static bool make_subject(
    const struct spf_query *q, enum spf_identity identity, struct arena *a, struct spf_subject *s)
{
	const char *helo = or_empty(q->helo), *receiver = or_empty(q->receiver);

	s->domain = domain_of(q, identity, a);
	s->local = local_of(q, identity, a);
	s->helo = arena_strndup(a, helo, strnlen(helo, PART_MAX));
	s->receiver = receiver[0] == '\0' ? "unknown" : receiver;
	if (s->domain == NULL || s->local == NULL || s->helo == NULL)
		return false;
	s->sender = arena_printf(a, "%s@%.*s", s->local, NAME_MAX_LEN, s->domain);
	return s->sender != NULL;
}

void spf_prefetch(
    struct resolver *r, struct dns_budget *b, const struct spf_query *q, enum spf_identity identity)
{
	struct arena a = {0};
	const char *domain = domain_of(q, identity_of(q, identity), &a);

	if (domain != NULL && spf_domain_is_checkable(domain))
		dns_prefetch(r, b, domain, DNS_TYPE_TXT);
	arena_free(&a);
}

void spf_check(struct resolver *r, struct dns_budget *b, const struct spf_query *q,
    enum spf_identity identity, struct arena *a, struct spf_outcome *out)
{
	struct spf_subject s;

	*out = (struct spf_outcome){.result = SPF_TEMPERROR,
	    .identity = identity_of(q, identity),
	    .domain = "",
	    .reason = "no memory",
	    .mechanism = ""};
	if (!make_subject(q, out->identity, a, &s))
		return;
	out->domain = s.domain;
	spf_evaluate(r, b, q, &s, a, out);
}
