#include "auth/fixed.h"

#include <stdlib.h>
#include <string.h>

#include "auth/resolver_impl.h"
#include "base/addr.h"
#include "base/arena.h"

enum { CHAIN_MAX = 8, ERROR_ANY = 0, LINE_BYTES_MAX = 70000 };

struct fixed_record {
	const char *name;
	int type; /* of enum dns_type, or ERROR_ANY */
	enum dns_status status;
	struct dns_rdata data;
	const char *target; /* of a CNAME */
	struct fixed_record *next;
};

struct fixed {
	struct resolver base;
	struct arena arena;
	struct fixed_record *first, **last;
	atomic_uint asked;
};

/* What is left of one line. */
struct words {
	const char *at, *end;
};

static struct fixed *of(struct resolver *r)
{
	return (struct fixed *)(void *)r;
}

/* --- reading --------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word; false at the end. */
static bool next_word(struct words *w, const char **word, size_t *len)
{
	while (w->at < w->end && is_blank(*w->at))
		w->at++;
	*word = w->at;
	while (w->at < w->end && !is_blank(*w->at))
		w->at++;
	*len = (size_t)(w->at - *word);
	return *len > 0;
}

static bool is_word(const char *word, size_t len, const char *what)
{
	return strlen(what) == len && strncasecmp(word, what, len) == 0;
}

static const struct {
	const char *word;
	int type;
} types[] = {
    {"A", DNS_TYPE_A},
    {"AAAA", DNS_TYPE_AAAA},
    {"MX", DNS_TYPE_MX},
    {"PTR", DNS_TYPE_PTR},
    {"NS", DNS_TYPE_NS},
    {"CNAME", DNS_TYPE_CNAME},
    {"TXT", DNS_TYPE_TXT},
};

static const struct {
	const char *word;
	enum dns_status status;
} errors[] = {
    {"SERVFAIL", DNS_TEMPERROR},
    {"BOGUS", DNS_BOGUS},
    {"TIMEOUT", DNS_DEADLINE},
};

static bool error_word(const char *word, size_t len, enum dns_status *status)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (is_word(word, len, errors[i].word)) {
			*status = errors[i].status;
			return true;
		}
	}
	return false;
}

static bool type_word(const char *word, size_t len, int *type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (is_word(word, len, types[i].word)) {
			*type = types[i].type;
			return true;
		}
	}
	return false;
}

static char *copy_name(struct arena *a, const char *word, size_t len)
{
	if (len > 0 && word[len - 1] == '.')
		len--;
	return arena_strndup(a, word, len);
}

/* The wire form of a valid name behind `before` bytes. */
static bool put_name(struct arena *a, const char *name, size_t before, struct dns_rdata *out)
{
	size_t len = strlen(name), at = before;
	uint8_t *data = arena_alloc(a, before + len + 2);

	if (data == NULL || (len > 0 && !dns_name_is_valid(name)))
		return false;
	while (len > 0) {
		size_t label = strcspn(name, ".");

		data[at++] = (uint8_t)label;
		memcpy(data + at, name, label);
		at += label;
		name += label;
		if (*name == '\0')
			break;
		name++;
	}
	data[at++] = 0;
	*out = (struct dns_rdata){.data = data, .len = at};
	return true;
}

/* One character of a quoted string, its escape taken away. */
static uint8_t unescape(struct words *w)
{
	char c = *w->at++;

	if (c != '\\' || w->at == w->end)
		return (uint8_t)c;
	if (w->end - w->at >= 3 && w->at[0] >= '0' && w->at[0] <= '2' && w->at[1] >= '0' &&
	    w->at[1] <= '9' && w->at[2] >= '0' && w->at[2] <= '9') {
		int n = (w->at[0] - '0') * 100 + (w->at[1] - '0') * 10 + (w->at[2] - '0');

		w->at += 3;
		return (uint8_t)n;
	}
	return (uint8_t)*w->at++;
}

static bool read_strings(struct arena *a, struct words *w, struct dns_rdata *out)
{
	/* Every string has two quotes, which pay for its length byte. */
	uint8_t *data = arena_alloc(a, (size_t)(w->end - w->at) + 1);
	size_t used = 0;

	if (data == NULL)
		return false;
	for (;;) {
		size_t start = used++, len;

		while (w->at < w->end && is_blank(*w->at))
			w->at++;
		if (w->at == w->end) {
			*out = (struct dns_rdata){.data = data, .len = start};
			return start > 0;
		}
		if (*w->at++ != '"')
			return false;
		while (w->at < w->end && *w->at != '"')
			data[used++] = unescape(w);
		len = used - start - 1;
		if (w->at == w->end || len > 255)
			return false;
		w->at++;
		data[start] = (uint8_t)len;
	}
}

static bool read_address(struct arena *a, struct words *w, int type, struct dns_rdata *out)
{
	size_t len, bytes = type == DNS_TYPE_A ? 4 : 16;
	const char *word;
	struct addr addr;
	uint8_t *data;

	if (!next_word(w, &word, &len) || !addr_parse(word, len, &addr) ||
	    addr.family != (type == DNS_TYPE_A ? ADDR_V4 : ADDR_V6))
		return false;
	data = arena_alloc(a, bytes);
	if (data == NULL)
		return false;
	memcpy(data, addr.bytes, bytes);
	*out = (struct dns_rdata){.data = data, .len = bytes};
	return true;
}

static bool read_name(struct arena *a, struct words *w, struct fixed_record *r)
{
	unsigned preference = 0;
	size_t len, before = r->type == DNS_TYPE_MX ? 2 : 0;
	const char *word;
	uint8_t *data;

	if (r->type == DNS_TYPE_MX) {
		if (!next_word(w, &word, &len) || len > 5)
			return false;
		for (size_t i = 0; i < len; i++) {
			if (word[i] < '0' || word[i] > '9')
				return false;
			preference = preference * 10 + (unsigned)(word[i] - '0');
		}
	}
	if (!next_word(w, &word, &len) || (r->target = copy_name(a, word, len)) == NULL ||
	    !put_name(a, r->target, before, &r->data))
		return false;
	if (before > 0) {
		data = arena_alloc(a, r->data.len);
		if (data == NULL)
			return false;
		memcpy(data, r->data.data, r->data.len);
		data[0] = (uint8_t)(preference >> 8);
		data[1] = (uint8_t)preference;
		r->data.data = data;
	}
	return true;
}

static bool read_data(struct arena *a, struct words *w, struct fixed_record *r)
{
	const char *word;
	size_t len;
	struct words look = *w;

	if (next_word(&look, &word, &len) && error_word(word, len, &r->status)) {
		*w = look;
		return true;
	}
	if (r->type == DNS_TYPE_TXT)
		return read_strings(a, w, &r->data);
	if (r->type == DNS_TYPE_A || r->type == DNS_TYPE_AAAA)
		return read_address(a, w, r->type, &r->data);
	return read_name(a, w, r);
}

static bool read_line(struct fixed *f, struct words w)
{
	struct fixed_record *r;
	const char *word;
	size_t len;

	if (!next_word(&w, &word, &len) || *word == '#' || *word == ';')
		return true;
	r = arena_alloc(&f->arena, sizeof(*r));
	if (r == NULL || (r->name = copy_name(&f->arena, word, len)) == NULL)
		return false;
	do
		if (!next_word(&w, &word, &len))
			return false;
	while ((*word >= '0' && *word <= '9') || is_word(word, len, "IN"));
	if (!error_word(word, len, &r->status) &&
	    (!type_word(word, len, &r->type) || !read_data(&f->arena, &w, r)))
		return false;
	if (next_word(&w, &word, &len))
		return false;
	*f->last = r;
	f->last = &r->next;
	return true;
}

/* --- answering ------------------------------------------------------------- */

static bool is_below(const char *name, const char *parent)
{
	size_t n = strlen(name), p = strlen(parent);

	return n > p && name[n - p - 1] == '.' && strcasecmp(name + n - p, parent) == 0;
}

/* What there is at one name. */
struct found {
	enum dns_status status; /* an error; else NODATA or NXDOMAIN where count is 0 */
	const char *alias;
	size_t count;
};

static struct found find(const struct fixed *f, const char *name, int type, struct dns_rdata *out)
{
	struct found found = {.status = DNS_NXDOMAIN};

	for (const struct fixed_record *r = f->first; r != NULL; r = r->next) {
		if (strcasecmp(r->name, name) != 0) {
			if (found.status == DNS_NXDOMAIN && is_below(r->name, name))
				found.status = DNS_NODATA;
			continue;
		}
		if (r->status != DNS_OK && (r->type == ERROR_ANY || r->type == type))
			return (struct found){.status = r->status};
		if (found.status == DNS_NXDOMAIN)
			found.status = DNS_NODATA;
		if (r->status != DNS_OK)
			continue;
		if (r->type == type && out != NULL)
			out[found.count] = r->data;
		if (r->type == type)
			found.count++;
		else if (r->type == DNS_TYPE_CNAME)
			found.alias = r->target;
	}
	if (found.count > 0)
		found.status = DNS_OK;
	return found;
}

static const struct dns_answer *answer(const struct fixed *f, const char *name, int type)
{
	struct found found = find(f, name, type, NULL);
	const struct dns_answer *a;
	struct dns_rdata *records;

	for (int i = 0; found.count == 0 && found.alias != NULL; i++) {
		if (i == CHAIN_MAX)
			return NULL;
		name = found.alias;
		found = find(f, name, type, NULL);
	}
	records = calloc(found.count + 1, sizeof(*records));
	if (records == NULL)
		return NULL;
	find(f, name, type, records);
	a = dns_answer_make(found.status, false, 0, records, found.count);
	free(records);
	return a;
}

static void start(struct resolver *r, struct dns_lookup *l)
{
	struct fixed *f = of(r);

	atomic_fetch_add(&f->asked, 1);
	dns_finish(l, answer(f, l->name, (int)l->type));
}

static void fixed_close(struct resolver *r)
{
	struct fixed *f = of(r);

	arena_free(&f->arena);
	resolver_fini(r);
	free(f);
}

static const struct resolver_ops ops = {.start = start, .close = fixed_close};

struct resolver *fixed_open(const char *text, size_t len, unsigned *line)
{
	struct fixed *f = calloc(1, sizeof(*f));
	const char *end = text + len;

	*line = 0;
	if (f == NULL || !resolver_init(&f->base, &ops, 1000, 0)) {
		free(f);
		return NULL;
	}
	f->last = &f->first;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		struct words w = {.at = text, .end = eol == NULL ? end : eol};

		++*line;
		if (w.end - w.at > LINE_BYTES_MAX || !read_line(f, w)) {
			fixed_close(&f->base);
			return NULL;
		}
		text = w.end + 1;
	}
	return &f->base;
}

unsigned fixed_asked(const struct resolver *r)
{
	return ((const struct fixed *)(const void *)r)->asked;
}
