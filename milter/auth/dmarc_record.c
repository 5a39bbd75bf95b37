#include "auth/dmarc_record.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct text {
	const char *at;
	size_t len;
};

/* The tags that decide something. `pct`, `rf` and `ri` are unknown tags since RFC 9989. */
enum tag { TAG_ADKIM, TAG_ASPF, TAG_NP, TAG_P, TAG_PSD, TAG_RUA, TAG_SP, TAG_T, TAGS };

static const char *const tag_names[TAGS] = {
    [TAG_ADKIM] = "adkim",
    [TAG_ASPF] = "aspf",
    [TAG_NP] = "np",
    [TAG_P] = "p",
    [TAG_PSD] = "psd",
    [TAG_RUA] = "rua",
    [TAG_SP] = "sp",
    [TAG_T] = "t",
};

/* What stands behind a tag. */
struct found {
	unsigned times;
	struct text value;
};

const char *dmarc_policy_name(enum dmarc_policy p)
{
	static const char *const names[] = {
	    [DMARC_POLICY_NONE] = "none",
	    [DMARC_POLICY_QUARANTINE] = "quarantine",
	    [DMARC_POLICY_REJECT] = "reject",
	};

	return names[p];
}

enum dmarc_policy dmarc_policy_lower(enum dmarc_policy p)
{
	return p == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct text trim(struct text t)
{
	while (t.len > 0 && is_blank(*t.at)) {
		t.at++;
		t.len--;
	}
	while (t.len > 0 && is_blank(t.at[t.len - 1]))
		t.len--;
	return t;
}

/* The text before `c`, which is taken off `rest` with `c` itself; false when nothing is left. */
static bool next_part(struct text *rest, char c, struct text *part)
{
	const char *end;

	if (rest->at == NULL)
		return false;
	end = memchr(rest->at, c, rest->len);
	*part = (struct text){rest->at, end == NULL ? rest->len : (size_t)(end - rest->at)};
	if (end == NULL)
		*rest = (struct text){NULL, 0};
	else
		*rest = (struct text){end + 1, rest->len - part->len - 1};
	return true;
}

/* NAME = VALUE; false when it is not. */
static bool split_tag(struct text part, struct text *name, struct text *value)
{
	struct text rest = part;

	if (!next_part(&rest, '=', name) || rest.at == NULL)
		return false;
	*name = trim(*name);
	*value = trim(rest);
	return true;
}

static bool is(struct text t, const char *word)
{
	return strlen(word) == t.len && strncasecmp(t.at, word, t.len) == 0;
}

/* --- reporting addresses ------------------------------------------------------------ */

static bool is_uri_char(const char *p, size_t left)
{
	if (*p == '%')
		return left > 2 && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]);
	return isalnum((unsigned char)*p) ||
	       (*p != '\0' && strchr("-._~:/?#[]@$&'()*+;=", *p) != NULL);
}

/* The length of "scheme:", 0 when the text does not begin so. */
static size_t scheme_of(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.at[i];

		if (c == ':' && i > 0)
			return i + 1;
		if (!(isalpha(c) || (i > 0 && (isdigit(c) || c == '+' || c == '-' || c == '.'))))
			return 0;
	}
	return 0;
}

/* The obsolete size limit: "!10m". */
static bool is_size(struct text t)
{
	size_t digits = 0;

	while (digits < t.len && isdigit((unsigned char)t.at[digits]))
		digits++;
	if (digits > 0 && digits + 1 == t.len && t.at[digits] != '\0' &&
	    strchr("kmgtKMGT", t.at[digits]) != NULL)
		return true;
	return digits > 0 && digits == t.len;
}

/* RFC 3986; a mailto: has an address too (RFC 6068). */
static bool is_report_uri(struct text t)
{
	struct text uri, size = t;
	size_t scheme;
	const char *at;

	if (!next_part(&size, '!', &uri) || (size.at != NULL && !is_size(size)))
		return false;
	scheme = scheme_of(uri);
	if (scheme == 0 || scheme == uri.len)
		return false;
	for (size_t i = scheme; i < uri.len; i++)
		if (!is_uri_char(uri.at + i, uri.len - i))
			return false;
	if (strncasecmp(uri.at, "mailto:", scheme) != 0)
		return true;
	at = memchr(uri.at, '@', uri.len);
	return at != NULL && at > uri.at + scheme && at + 1 < uri.at + uri.len;
}

static bool has_report_uri(struct text list)
{
	struct text part;

	while (next_part(&list, ',', &part))
		if (is_report_uri(trim(part)))
			return true;
	return false;
}

/* --- values --------------------------------------------------------------------------- */

/* True when the tag is there, once, with this value. */
static bool is_value(const struct found *f, const char *word)
{
	return f->times == 1 && is(f->value, word);
}

static bool read_policy(const struct found *f, enum dmarc_policy *out)
{
	for (int p = DMARC_POLICY_NONE; p <= DMARC_POLICY_REJECT; p++) {
		if (is_value(f, dmarc_policy_name((enum dmarc_policy)p))) {
			*out = (enum dmarc_policy)p;
			return true;
		}
	}
	return false;
}

/* p, sp and np, each standing for the next where that is absent. Returns what is wrong, or NULL. */
static const char *read_policies(const struct found *found, struct dmarc_record *out)
{
	if (found[TAG_P].times == 0)
		return "it has no p";
	if (!read_policy(&found[TAG_P], &out->p))
		return "its p is not valid";
	out->sp = out->p;
	if (found[TAG_SP].times > 0 && !read_policy(&found[TAG_SP], &out->sp))
		return "its sp is not valid";
	out->np = out->sp;
	if (found[TAG_NP].times > 0 && !read_policy(&found[TAG_NP], &out->np))
		return "its np is not valid";
	return NULL;
}

static void read_tags(struct text rest, struct found *found)
{
	struct text part, name, value;

	while (next_part(&rest, ';', &part)) {
		if (!split_tag(part, &name, &value))
			continue;
		for (int i = 0; i < TAGS; i++) {
			if (!is(name, tag_names[i]))
				continue;
			found[i].times++;
			found[i].value = value;
		}
	}
}

bool dmarc_record_read(const char *text, size_t len, struct dmarc_record *out)
{
	struct found found[TAGS] = {{.times = 0}};
	struct text rest = {text, len}, version, name, value;

	*out = (struct dmarc_record){.applies = false};
	/* "v" stands at the very beginning; its value is the one thing whose case counts. */
	if (len == 0 || is_blank(*text) || !next_part(&rest, ';', &version) ||
	    !split_tag(version, &name, &value) || !is(name, "v") || value.len != 6 ||
	    memcmp(value.at, "DMARC1", 6) != 0)
		return false;
	read_tags(rest, found);
	out->strict_dkim = is_value(&found[TAG_ADKIM], "s");
	out->strict_spf = is_value(&found[TAG_ASPF], "s");
	out->testing = is_value(&found[TAG_T], "y");
	if (is_value(&found[TAG_PSD], "y"))
		out->psd = DMARC_PSD_YES;
	else if (is_value(&found[TAG_PSD], "n"))
		out->psd = DMARC_PSD_NO;
	out->fault = read_policies(found, out);
	out->applies = out->fault == NULL ||
	               (found[TAG_RUA].times == 1 && has_report_uri(found[TAG_RUA].value));
	if (out->fault != NULL)
		out->p = out->sp = out->np = DMARC_POLICY_NONE;
	return true;
}
