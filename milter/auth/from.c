#include "auth/from.h"

#include <string.h>

#include "base/names.h"
#include "base/strbuf.h"

enum {
	/* RFC 5321 allows 64 bytes; what is more is a display name, or nobody's address. */
	LOCAL_MAX = 512,
	DOMAIN_MAX = 4 * NAME_MAX_LEN, /* bytes of a name in U-labels */
	COMMENT_DEPTH_MAX = 100,
};

const char *from_status_name(enum from_status s)
{
	static const char *const names[] = {
	    [FROM_ABSENT] = "absent",
	    [FROM_ONE] = "one",
	    [FROM_NONE] = "none",
	    [FROM_SEVERAL] = "several",
	    [FROM_REPEATED] = "repeated",
	    [FROM_MALFORMED] = "malformed",
	};

	return names[s];
}

/* --- tokens -------------------------------------------------------------------------- */

enum token {
	T_END,
	T_ATOM,
	T_QUOTED,  /* without its quotes, escapes still in it */
	T_LITERAL, /* [...] */
	T_SPECIAL, /* one of ) < > ] : ; @ \ , . */
	T_BROKEN,
};

struct reader {
	struct from *from;
	struct arena *arena;
	const char *at, *end;
	/* The token in hand. */
	enum token token;
	const char *text;
	size_t len;
	const char *broken; /* words: why it is malformed; NULL while it is not */
	bool no_memory;
};

static void breaks(struct reader *r, const char *why)
{
	if (r->broken == NULL)
		r->broken = why;
	r->token = T_BROKEN;
}

static void note(struct reader *r, const char *what)
{
	if (r->from->wrong == NULL)
		r->from->wrong = what;
}

/* Folding is a blank: the lines' ends were CRLF, LF or what an MTA made of them. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 5322 3.2.3, and by RFC 6532 all that is not ASCII. */
static bool is_atext(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x80 || (u > ' ' && u < 0x7f && strchr("()<>[]:;@\\,.\"", c) == NULL);
}

static bool skip_comment(struct reader *r)
{
	unsigned depth = 0;

	for (; r->at < r->end; r->at++) {
		if (*r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		else if (*r->at == '(' && ++depth > COMMENT_DEPTH_MAX)
			return false;
		else if (*r->at == ')' && --depth == 0) {
			r->at++;
			return true;
		}
	}
	return false;
}

/* Blanks and comments: they may stand between any two tokens and mean nothing. */
static bool skip_blanks(struct reader *r)
{
	while (r->at < r->end && (is_blank(*r->at) || *r->at == '(')) {
		if (*r->at != '(')
			r->at++;
		else if (!skip_comment(r))
			return false;
	}
	return true;
}

/* Up to `close`, which is taken too. */
static void take_enclosed(struct reader *r, enum token kind, char close)
{
	r->text = ++r->at;
	for (; r->at < r->end; r->at++) {
		if (*r->at == close) {
			r->token = kind;
			r->len = (size_t)(r->at++ - r->text);
			return;
		}
		if (*r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		else if (kind == T_LITERAL && *r->at == '[')
			break;
	}
	breaks(r, kind == T_QUOTED ? "a quoted string has no end" : "a `[` stands without its `]`");
}

/* The next token into `r`. Once broken, it stays so. */
static void advance(struct reader *r)
{
	if (r->token == T_BROKEN)
		return;
	if (!skip_blanks(r)) {
		breaks(r, "a comment has no end");
		return;
	}
	r->text = r->at;
	r->len = 1;
	if (r->at == r->end) {
		r->token = T_END;
		r->len = 0;
	} else if (*r->at == '"') {
		take_enclosed(r, T_QUOTED, '"');
	} else if (*r->at == '[') {
		take_enclosed(r, T_LITERAL, ']');
	} else if (is_atext(*r->at)) {
		while (r->at < r->end && is_atext(*r->at))
			r->at++;
		r->token = T_ATOM;
		r->len = (size_t)(r->at - r->text);
	} else if ((unsigned char)*r->at < ' ' || *r->at == 0x7f) {
		breaks(r, "a control character");
	} else {
		r->at++;
		r->token = T_SPECIAL;
	}
}

static bool is_special(const struct reader *r, char c)
{
	return r->token == T_SPECIAL && *r->text == c;
}

static bool is_word(const struct reader *r)
{
	return r->token == T_ATOM || r->token == T_QUOTED;
}

/* --- addresses -------------------------------------------------------------------------- */

/* Words and dots: a display name, or the local part of an address. */
struct phrase {
	char local[LOCAL_MAX];
	size_t len;
	unsigned tokens;
	bool wants_word; /* at the beginning, and behind a dot */
	bool is_local;   /* words with one dot between any two */
};

static void phrase_put(struct phrase *p, const char *bytes, size_t len)
{
	if (len > sizeof(p->local) - p->len) {
		p->is_local = false;
		return;
	}
	memcpy(p->local + p->len, bytes, len);
	p->len += len;
}

static void phrase_take(struct phrase *p, const struct reader *r)
{
	bool dot = is_special(r, '.');

	if (dot == p->wants_word || r->token == T_LITERAL)
		p->is_local = false;
	p->wants_word = dot;
	p->tokens++;
	for (size_t i = 0; p->is_local && i < r->len; i++) {
		if (r->token == T_QUOTED && r->text[i] == '\\' && i + 1 < r->len)
			i++;
		/* Folding inside of a quoted string. */
		if (r->text[i] != '\r' && r->text[i] != '\n')
			phrase_put(p, r->text + i, 1);
	}
}

static void read_phrase(struct reader *r, struct phrase *p)
{
	p->len = 0;
	p->tokens = 0;
	p->wants_word = true;
	p->is_local = true;
	while (is_word(r) || r->token == T_LITERAL || is_special(r, '.')) {
		phrase_take(p, r);
		advance(r);
	}
	p->is_local = p->is_local && !p->wants_word && p->len > 0;
}

/* atom *("." atom), with blanks and comments between them (obs-domain). */
static void read_domain(struct reader *r, char name[NAME_SIZE])
{
	struct strbuf b = {.max = DOMAIN_MAX};

	name[0] = '\0';
	if (r->token == T_LITERAL) {
		note(r, "an address in brackets in place of a domain");
		advance(r);
		return;
	}
	while (r->token == T_ATOM) {
		strbuf_add(&b, r->text, r->len);
		advance(r);
		if (!is_special(r, '.'))
			break;
		strbuf_putc(&b, '.');
		advance(r);
		if (r->token != T_ATOM)
			note(r, "a dot at the end of a domain");
	}
	if (b.failed || name_canonical(strbuf_text(&b), b.len, name) != NAME_OK)
		breaks(r, "the text behind @ is not a domain");
	strbuf_free(&b);
}

static void add_address(struct reader *r, const struct phrase *local, const char *domain)
{
	struct from_address *a;

	if (r->token == T_BROKEN)
		return;
	a = arena_alloc(r->arena, sizeof(*a));
	if (a != NULL) {
		a->local = arena_strndup(r->arena, local->local, local->len);
		a->domain = arena_strdup(r->arena, domain);
	}
	if (a == NULL || a->local == NULL || a->domain == NULL) {
		r->no_memory = true;
		breaks(r, "no memory");
		return;
	}
	if (r->from->last == NULL)
		r->from->addresses = a;
	else
		r->from->last->next = a;
	r->from->last = a;
}

/* Whose it is depends on the reader: nobody's domain then, but somebody's address. */
static void add_without_domain(struct reader *r, const struct phrase *local)
{
	note(r, "an address has no domain");
	if (local->is_local)
		add_address(r, local, "");
	else
		breaks(r, "text in < > that is no address");
}

/* The reader stands at @. */
static void read_address(struct reader *r, const struct phrase *local)
{
	char domain[NAME_SIZE];

	if (!local->is_local)
		breaks(r, "the text in front of @ is not a local part");
	advance(r);
	read_domain(r, domain);
	add_address(r, local, domain);
}

/* The reader stands behind "<". Routes (RFC 5322 4.4) lead nowhere any more. */
static void read_angle(struct reader *r, struct phrase *p)
{
	char skipped[NAME_SIZE];

	if (is_special(r, '@')) {
		note(r, "a route in front of an address");
		while (is_special(r, '@') || is_special(r, ',')) {
			bool at = is_special(r, '@');

			advance(r);
			if (at)
				read_domain(r, skipped);
		}
		if (!is_special(r, ':'))
			breaks(r, "a route has no end");
		advance(r);
	}
	read_phrase(r, p);
	if (is_special(r, '@'))
		read_address(r, p);
	else if (p->tokens == 0)
		note(r, "an address is empty");
	else
		add_without_domain(r, p);
	if (!is_special(r, '>'))
		breaks(r, "a `<` stands without its `>`");
	advance(r);
}

/*
 * The reader stands at @. Is this a display name in which nobody can see an address, as in
 * "Jo Doe @ Work <jo@example.com>"? Then it is passed over.
 */
static bool skip_name_with_at(struct reader *r)
{
	struct reader ahead = *r;
	bool after_at = false, dotted = false;

	while (is_word(&ahead) || is_special(&ahead, '.') || is_special(&ahead, '@')) {
		dotted = dotted || (after_at && is_special(&ahead, '.'));
		after_at = is_special(&ahead, '@') || (after_at && is_word(&ahead));
		advance(&ahead);
	}
	if (dotted || !is_special(&ahead, '<'))
		return false;
	*r = ahead;
	note(r, "an @ in a display name that is not quoted");
	return true;
}

/* A mailbox, or what begins a group. Returns true for the latter; the reader stands behind ":". */
static bool read_member(struct reader *r, struct phrase *p, bool in_group)
{
	read_phrase(r, p);
	if (is_special(r, '@') && !skip_name_with_at(r)) {
		read_address(r, p);
		if (!is_special(r, '<'))
			return false;
		note(r, "a display name that is an address and not quoted");
	}
	if (is_special(r, '<')) {
		advance(r);
		read_angle(r, p);
		return false;
	}
	if (is_special(r, ':') && p->tokens > 0) {
		if (in_group)
			note(r, "a colon in a display name that is not quoted");
		advance(r);
		return true;
	}
	if (p->tokens == 0)
		breaks(r, "an address was expected");
	note(r, "a name without an address");
	return false;
}

static void read_list(struct reader *r)
{
	struct phrase *p = arena_alloc(r->arena, sizeof(*p));
	bool in_group = false;

	if (p == NULL) {
		r->no_memory = true;
		breaks(r, "no memory");
		return;
	}
	while (r->token != T_END && r->token != T_BROKEN) {
		if (is_special(r, ',')) {
			advance(r);
		} else if (in_group && is_special(r, ';')) {
			in_group = false;
			advance(r);
			if (r->token != T_END && !is_special(r, ','))
				breaks(r, "text behind a group");
		} else if (read_member(r, p, in_group)) {
			in_group = true;
		} else if (r->token != T_END && !is_special(r, ',') &&
			   !(in_group && is_special(r, ';'))) {
			breaks(r, "text behind an address");
		}
	}
	if (in_group && r->token == T_END)
		note(r, "a group has no end");
}

/* --- the field ------------------------------------------------------------------------- */

static enum from_status status_of(const struct from *f)
{
	const char *first = f->addresses == NULL ? "" : f->addresses->domain;

	for (const struct from_address *a = f->addresses; a != NULL; a = a->next)
		if (strcmp(a->domain, first) != 0)
			return FROM_SEVERAL;
	return first[0] == '\0' ? FROM_NONE : FROM_ONE;
}

bool from_add(struct from *f, struct arena *a, const char *value, size_t len)
{
	struct reader r = {.from = f, .arena = a, .at = value, .end = value + len, .token = T_END};

	if (len > FROM_FIELD_MAX)
		breaks(&r, "the field is too long");
	else if (memchr(value, '\0', len) != NULL)
		breaks(&r, "a NUL");
	advance(&r);
	read_list(&r);
	if (r.broken != NULL) {
		f->wrong = r.broken;
		f->status = FROM_MALFORMED;
	} else if (f->status != FROM_MALFORMED) {
		f->status = f->fields > 0 ? FROM_REPEATED : status_of(f);
	}
	f->fields++;
	f->domain = f->status == FROM_ONE ? f->addresses->domain : NULL;
	return !r.no_memory;
}
