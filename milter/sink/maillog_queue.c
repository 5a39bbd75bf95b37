#include "sink/maillog_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

enum state {
	JOINING, /* pieces are missing */
	WAITING, /* whole; the sender may still come */
	READY,
	DEAD, /* it was no refusal after all */
};

struct slot {
	struct maillog_entry entry; /* first: see maillog_queue_next() */
	enum state state;
	usec_t seen;
	unsigned piece; /* the last that came */
	struct strbuf joined;
};

struct maillog_queue {
	struct slot *ring[MAILLOG_QUEUE_MAX];
	size_t first, count;
	uint64_t unreadable;
};

struct maillog_queue *maillog_queue_new(void)
{
	return calloc(1, sizeof(struct maillog_queue));
}

void maillog_queue_free(struct maillog_queue **q)
{
	if (*q == NULL)
		return;
	while ((*q)->count > 0)
		maillog_queue_pop(*q);
	free(*q);
	*q = NULL;
}

size_t maillog_queue_count(const struct maillog_queue *q)
{
	return q->count;
}

uint64_t maillog_queue_unreadable(const struct maillog_queue *q)
{
	return q->unreadable;
}

static struct slot *slot_at(const struct maillog_queue *q, size_t i)
{
	return q->ring[(q->first + i) % MAILLOG_QUEUE_MAX];
}

bool maillog_queue_oldest(const struct maillog_queue *q, uint64_t *out)
{
	if (q->count == 0)
		return false;
	*out = slot_at(q, 0)->entry.offset;
	return true;
}

void maillog_queue_pop(struct maillog_queue *q)
{
	struct slot *s = slot_at(q, 0);

	q->first = (q->first + 1) % MAILLOG_QUEUE_MAX;
	q->count--;
	strbuf_free(&s->joined);
	free(s);
}

static bool is_late(const struct slot *s, usec_t now)
{
	return now < s->seen || now - s->seen >= MAILLOG_WAIT;
}

const struct maillog_entry *maillog_queue_next(struct maillog_queue *q, usec_t now, bool force)
{
	while (q->count > 0) {
		struct slot *s = slot_at(q, 0);
		bool late = force || is_late(s, now);

		if (s->state == READY || (s->state == WAITING && late))
			return &s->entry;
		if (s->state != DEAD && !late)
			return NULL;
		if (s->state == JOINING)
			q->unreadable++;
		maillog_queue_pop(q);
	}
	return NULL;
}

/* --- lines ------------------------------------------------------------------------ */

static bool is_id(const struct slot *s, const struct maillog_line *l)
{
	return strlen(s->entry.id) == l->id_len && memcmp(s->entry.id, l->id, l->id_len) == 0;
}

/* NULL, and counted, when there is no room. */
static struct slot *push(
    struct maillog_queue *q, const struct maillog_line *l, uint64_t offset, usec_t now)
{
	struct slot *s = q->count < MAILLOG_QUEUE_MAX ? calloc(1, sizeof(*s)) : NULL;
	size_t host_len = l->host_len;

	if (s == NULL) {
		q->unreadable++;
		return NULL;
	}
	if (host_len >= sizeof(s->entry.host))
		host_len = sizeof(s->entry.host) - 1;
	if (host_len > 0)
		memcpy(s->entry.host, l->host, host_len);
	memcpy(s->entry.id, l->id, l->id_len);
	s->entry.offset = offset;
	s->entry.time = maillog_line_time(&l->time, now);
	s->seen = now;
	s->joined.max = (size_t)2 * MAILLOG_LINE_MAX;
	q->ring[(q->first + q->count++) % MAILLOG_QUEUE_MAX] = s;
	return s;
}

/* The line at the end of a message names the sender of all that was refused in it. */
static void add_sender(struct maillog_queue *q, const struct maillog_line *l, const char *sender)
{
	for (size_t i = 0; i < q->count; i++) {
		struct slot *s = slot_at(q, i);

		if (s->state != WAITING || !is_id(s, l))
			continue;
		memcpy(s->entry.refusal.sender, sender, strlen(sender) + 1);
		s->state = READY;
	}
}

static void add_whole(struct maillog_queue *q, const struct maillog_line *l, uint64_t offset,
    usec_t now, const struct maillog_refusal *r)
{
	struct slot *s = push(q, l, offset, now);

	if (s == NULL)
		return;
	s->entry.refusal = *r;
	s->state = WAITING;
}

static void add_first_piece(
    struct maillog_queue *q, const struct maillog_line *l, uint64_t offset, usec_t now)
{
	static const char start[] = "ruleset=check_rcpt, ";
	struct slot *s;

	if (l->body_len < strlen(start) || memcmp(l->body, start, strlen(start)) != 0)
		return;
	s = push(q, l, offset, now);
	if (s == NULL)
		return;
	s->piece = 1;
	strbuf_add(&s->joined, l->body, l->body_len);
}

static void add_piece(struct maillog_queue *q, const struct maillog_line *l)
{
	struct slot *s = NULL;
	enum maillog_kind kind;

	for (size_t i = 0; i < q->count; i++) {
		s = slot_at(q, i);
		if (s->state == JOINING && is_id(s, l) && s->piece + 1 == l->piece)
			break;
		s = NULL;
	}
	if (s == NULL)
		return;
	s->piece = l->piece;
	strbuf_add(&s->joined, l->body, l->body_len);
	if (l->more)
		return;
	kind = s->joined.failed
	           ? MAILLOG_UNREADABLE
	           : maillog_body_read(s->joined.data, s->joined.len, &s->entry.refusal);
	s->state = kind == MAILLOG_REFUSAL ? WAITING : DEAD;
	if (kind == MAILLOG_UNREADABLE)
		q->unreadable++;
	strbuf_free(&s->joined);
}

void maillog_queue_line(
    struct maillog_queue *q, const char *line, size_t len, uint64_t offset, usec_t now)
{
	struct maillog_line l;
	struct maillog_refusal r;
	enum maillog_kind kind;

	if (!maillog_line_split(line, len, &l))
		return;
	if (l.piece > 1) {
		add_piece(q, &l);
		return;
	}
	kind = maillog_body_read(l.body, l.body_len, &r);
	if (kind == MAILLOG_SENDER)
		add_sender(q, &l, r.sender);
	else if (l.piece == 1)
		add_first_piece(q, &l, offset, now);
	else if (kind == MAILLOG_REFUSAL)
		add_whole(q, &l, offset, now, &r);
	else if (kind == MAILLOG_UNREADABLE)
		q->unreadable++;
}
