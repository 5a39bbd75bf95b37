#include "limit/resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

/* --- commands ------------------------------------------------------------------ */

static bool grow(struct resp_command *c)
{
	size_t room = c->room == 0 ? 64 : 2 * c->room;
	const char **words = arena_alloc(&c->arena, room * sizeof(*words));
	size_t *lens = arena_alloc(&c->arena, room * sizeof(*lens));

	if (words == NULL || lens == NULL)
		return false;
	if (c->count > 0) {
		memcpy(words, c->words, c->count * sizeof(*words));
		memcpy(lens, c->lens, c->count * sizeof(*lens));
	}
	c->words = words;
	c->lens = lens;
	c->room = room;
	return true;
}

void resp_add(struct resp_command *c, const void *bytes, size_t len)
{
	c->failed = c->failed || (c->count == c->room && !grow(c));
	if (c->failed)
		return;
	c->words[c->count] = bytes;
	c->lens[c->count] = len;
	c->count++;
}

void resp_puts(struct resp_command *c, const char *text)
{
	resp_add(c, text, strlen(text));
}

void resp_number(struct resp_command *c, int64_t number)
{
	const char *text = arena_printf(&c->arena, "%lld", (long long)number);

	c->failed = c->failed || text == NULL;
	if (text != NULL)
		resp_puts(c, text);
}

char *resp_bytes(const struct resp_command *c, size_t *len)
{
	char *bytes = NULL;
	int n;

	if (c->failed)
		return NULL;
	n = redisFormatCommandArgv(&bytes, (int)c->count, c->words, c->lens);
	if (n < 0)
		return NULL;
	*len = (size_t)n;
	return bytes;
}

void resp_bytes_free(char *bytes)
{
	redisFreeCommand(bytes);
}

void resp_forget(struct resp_command *c)
{
	arena_free(&c->arena);
	*c = (struct resp_command){.count = 0};
}

/* --- replies --------------------------------------------------------------------- */

enum {
	/* ":0\r\n" */
	BYTES_PER_ITEM = 4,
	/* What a reply of many small items takes for each of its bytes. */
	MEMORY_PER_BYTE = 24,
	MEMORY_SPARE = 4096,
};

struct resp {
	redisReader *reader;
	struct arena arena;
	size_t most, fed;
	char error[160];
};

/* hiredis calls these while it reads; NULL ends the reading. */
static struct redis_reply *make(const redisReadTask *task, enum redis_kind kind)
{
	struct resp *r = task->privdata;
	struct redis_reply *reply = arena_alloc(&r->arena, sizeof(*reply));
	struct redis_reply *in = task->parent == NULL ? NULL : task->parent->obj;

	if (reply == NULL)
		return NULL;
	reply->kind = kind;
	if (in != NULL)
		in->items[task->idx] = reply;
	return reply;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
	struct resp *r = task->privdata;
	struct redis_reply *reply = make(task, task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
					       : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
										  : REDIS_STRING);

	if (reply == NULL)
		return NULL;
	reply->text = arena_strndup(&r->arena, text, len);
	reply->len = len;
	return reply->text == NULL ? NULL : reply;
}

static void *make_array(const redisReadTask *task, int count)
{
	struct resp *r = task->privdata;
	struct redis_reply *reply;

	/* So many can't come in what is left of the reply. */
	if (count < 0 || (size_t)count > r->most / BYTES_PER_ITEM)
		return NULL;
	reply = make(task, REDIS_ARRAY);
	if (reply == NULL || count == 0)
		return reply;
	reply->count = (size_t)count;
	reply->items = arena_alloc(&r->arena, reply->count * sizeof(reply->items[0]));
	return reply->items == NULL ? NULL : reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	struct redis_reply *reply = make(task, REDIS_INTEGER);

	if (reply != NULL)
		reply->integer = value;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, REDIS_NIL);
}

/* All of it goes with the arena. */
static void unmake(void *reply)
{
	(void)reply;
}

static redisReplyObjectFunctions functions = {
    make_string, make_array, make_integer, make_nil, unmake};

struct resp *resp_new(void)
{
	struct resp *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->reader = redisReaderCreateWithFunctions(&functions);
	if (r->reader == NULL) {
		free(r);
		return NULL;
	}
	r->reader->privdata = r;
	return r;
}

void resp_free(struct resp **r)
{
	if (*r == NULL)
		return;
	redisReaderFree((*r)->reader);
	arena_free(&(*r)->arena);
	free(*r);
	*r = NULL;
}

void resp_expect(struct resp *r, size_t most)
{
	arena_reset(&r->arena);
	r->arena.limit = most * MEMORY_PER_BYTE + MEMORY_SPARE;
	r->most = most;
	r->fed = 0;
}

static enum resp_status broken(struct resp *r, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s", why);
	return RESP_BROKEN;
}

enum resp_status resp_feed(
    struct resp *r, const char *bytes, size_t len, const struct redis_reply **out)
{
	void *reply = NULL;

	if (r->error[0] != '\0')
		return RESP_BROKEN;
	if (len > r->most - r->fed)
		return broken(r, "an answer that is longer than any we asked for");
	r->fed += len;
	if (redisReaderFeed(r->reader, bytes, len) != REDIS_OK ||
	    redisReaderGetReply(r->reader, &reply) != REDIS_OK)
		return broken(r, r->reader->err == REDIS_ERR_OOM
				     ? "an answer that is larger than any we asked "
				       "for"
				     : r->reader->errstr);
	*out = reply;
	return reply == NULL ? RESP_MORE : RESP_REPLY;
}

bool resp_has_more(const struct resp *r)
{
	return r->reader->len > r->reader->pos;
}

const char *resp_error(const struct resp *r)
{
	return r->error;
}
