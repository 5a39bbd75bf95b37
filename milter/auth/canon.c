#include "auth/canon.h"

#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 64, BUFFER_SIZE = 8192 };

static bool is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* --- header ----------------------------------------------------------------------- */

static void put_simple(struct strbuf *out, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));
		const char *stop = lf == NULL ? end : lf;

		strbuf_add(out, s, (size_t)(stop - s));
		if (lf == NULL)
			return;
		if (lf == s || lf[-1] != '\r')
			strbuf_putc(out, '\r');
		strbuf_putc(out, '\n');
		s = lf + 1;
	}
}

static void put_lower(struct strbuf *out, const char *s, size_t len)
{
	while (len > 0 && is_wsp(s[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		strbuf_putc(out, (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] - 'A' + 'a' : s[i]));
}

/* Is this byte part of a line end? */
static bool is_eol(const char *s, const char *end)
{
	return *s == '\n' || (*s == '\r' && s + 1 < end && s[1] == '\n');
}

static void put_relaxed(struct strbuf *out, const char *s, size_t len)
{
	const char *end = s + len;
	bool first = true, space = false;

	while (s < end) {
		const char *word = s;

		while (s < end && !is_wsp(*s) && !is_eol(s, end))
			s++;
		if (s > word) {
			if (space && !first)
				strbuf_putc(out, ' ');
			strbuf_add(out, word, (size_t)(s - word));
			first = false;
			space = false;
		}
		for (; s < end && (is_wsp(*s) || is_eol(s, end)); s++)
			space = space || is_wsp(*s);
	}
}

void canon_header(struct strbuf *out, enum canon how, const struct canon_field *f)
{
	if (how == CANON_SIMPLE) {
		put_simple(out, f->name, f->name_len);
		strbuf_putc(out, ':');
		put_simple(out, f->value, f->value_len);
	} else {
		put_lower(out, f->name, f->name_len);
		strbuf_putc(out, ':');
		put_relaxed(out, f->value, f->value_len);
	}
}

/* --- body ------------------------------------------------------------------------- */

/* One that somebody wants. */
struct kind {
	enum canon how;
	uint64_t length, left;
	struct sha256 *hash;
	uint8_t result[SHA256_SIZE];
	bool ok;
};

/* How far one canonicalization has come. */
struct stream {
	bool wanted;
	bool started;      /* there was something that is no line end */
	bool cr;           /* a CR came last, and its LF may follow */
	bool space;        /* relaxed: white space that counts if something follows on its line */
	uint64_t newlines; /* that count if something follows */
	uint64_t total;    /* bytes of canonical body, those in the buffer among them */
	size_t used;
	char buffer[BUFFER_SIZE];
};

struct body_hashes {
	struct kind kinds[KINDS_MAX];
	size_t count;
	struct stream streams[2]; /* by enum canon */
};

struct body_hashes *body_hashes_new(void)
{
	return calloc(1, sizeof(struct body_hashes));
}

void body_hashes_free(struct body_hashes **b)
{
	if (*b == NULL)
		return;
	for (size_t i = 0; i < (*b)->count; i++)
		sha256_free(&(*b)->kinds[i].hash);
	free(*b);
	*b = NULL;
}

int body_hashes_want(struct body_hashes *b, enum canon how, uint64_t length)
{
	struct kind *k;

	for (size_t i = 0; i < b->count; i++)
		if (b->kinds[i].how == how && b->kinds[i].length == length)
			return (int)i;
	if (b->count == KINDS_MAX)
		return -1;
	k = &b->kinds[b->count];
	*k = (struct kind){.how = how, .length = length, .left = length, .hash = sha256_new()};
	if (k->hash == NULL)
		return -1;
	b->streams[how].wanted = true;
	return (int)b->count++;
}

static enum canon how_of(const struct body_hashes *b, const struct stream *s)
{
	return s == &b->streams[CANON_RELAXED] ? CANON_RELAXED : CANON_SIMPLE;
}

static void hash(struct body_hashes *b, enum canon how, const char *bytes, size_t len)
{
	for (size_t i = 0; i < b->count; i++) {
		struct kind *k = &b->kinds[i];
		size_t n = k->left < len ? (size_t)k->left : len;

		if (k->how != how)
			continue;
		sha256_add(k->hash, bytes, n);
		if (k->length != BODY_WHOLE)
			k->left -= n;
	}
}

static void flush(struct body_hashes *b, struct stream *s)
{
	hash(b, how_of(b, s), s->buffer, s->used);
	s->used = 0;
}

static void put(struct body_hashes *b, struct stream *s, const char *bytes, size_t len)
{
	s->total += len;
	if (len > BUFFER_SIZE - s->used)
		flush(b, s);
	if (len >= BUFFER_SIZE) {
		hash(b, how_of(b, s), bytes, len);
	} else {
		memcpy(s->buffer + s->used, bytes, len);
		s->used += len;
	}
}

/* Something that is neither a line end nor, where relaxed, white space at the end of a line. */
static void put_text(struct body_hashes *b, struct stream *s, const char *bytes, size_t len)
{
	for (; s->newlines > 0; s->newlines--)
		put(b, s, "\r\n", 2);
	if (s->space)
		put(b, s, " ", 1);
	s->space = false;
	s->started = true;
	put(b, s, bytes, len);
}

/* The next byte at or after `at` where relaxed text is not what it was: a tab, white space before
 * more of it or at the end. */
static const char *next_change(const char *at, const char *end)
{
	while (at < end) {
		if (*at == '\t' || (*at == ' ' && (at + 1 == end || is_wsp(at[1]))))
			return at;
		at++;
	}
	return end;
}

/* A part of a line. */
static void add_text(struct body_hashes *b, struct stream *s, const char *at, const char *end)
{
	if (how_of(b, s) == CANON_SIMPLE) {
		if (at < end)
			put_text(b, s, at, (size_t)(end - at));
		return;
	}
	while (at < end) {
		const char *stop;

		for (; at < end && is_wsp(*at); at++)
			s->space = true;
		stop = next_change(at, end);
		if (stop > at)
			put_text(b, s, at, (size_t)(stop - at));
		at = stop;
	}
}

/* The CR that came last was no part of a line end. */
static void add_cr(struct body_hashes *b, struct stream *s)
{
	static const char cr = '\r';

	add_text(b, s, &cr, &cr + 1);
}

static void add(struct body_hashes *b, struct stream *s, const char *at, const char *end)
{
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const char *stop = lf == NULL ? end : lf;

		if (s->cr && lf != at)
			add_cr(b, s);
		s->cr = stop > at && stop[-1] == '\r';
		add_text(b, s, at, stop - s->cr);
		if (lf == NULL)
			return;
		s->cr = false;
		s->space = false;
		s->newlines++;
		at = lf + 1;
	}
}

void body_hashes_add(struct body_hashes *b, const void *bytes, size_t len)
{
	const char *at = bytes;

	for (size_t i = 0; i < 2; i++)
		if (b->streams[i].wanted && len > 0)
			add(b, &b->streams[i], at, at + len);
}

void body_hashes_end(struct body_hashes *b)
{
	for (size_t i = 0; i < 2; i++) {
		struct stream *s = &b->streams[i];

		if (!s->wanted)
			continue;
		if (s->cr)
			add_cr(b, s);
		s->space = false;
		/* RFC 6376 3.4.3 and 3.4.4: an empty body is a line end, or nothing. */
		if (s->started || how_of(b, s) == CANON_SIMPLE)
			put(b, s, "\r\n", 2);
		flush(b, s);
	}
	for (size_t i = 0; i < b->count; i++)
		b->kinds[i].ok = sha256_end(b->kinds[i].hash, b->kinds[i].result);
}

bool body_hash(const struct body_hashes *b, int number, uint8_t hash[SHA256_SIZE], uint64_t *total)
{
	const struct kind *k = &b->kinds[number];

	memcpy(hash, k->result, SHA256_SIZE);
	*total = b->streams[k->how].total;
	return k->ok;
}
