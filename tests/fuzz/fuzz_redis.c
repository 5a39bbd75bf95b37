/*
 * Replies of a Redis server: any bytes, in pieces of any size, through hiredis' reader and ours.
 * What is taken for an answer is within its bounds, and no byte is read or kept that did not come.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "limit/redis_reply.h"
#include "limit/resp.h"
#include "limit/shared_bans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096, ITEMS = 8 };

static size_t walk(const struct redis_reply *r, unsigned depth)
{
	size_t bytes = 0;

	if (r == NULL || depth > 16)
		abort();
	if (r->kind <= REDIS_ERROR && (r->text == NULL || r->text[r->len] != '\0'))
		abort();
	if (r->kind <= REDIS_ERROR)
		bytes = r->len;
	for (size_t i = 0; r->kind == REDIS_ARRAY && i < r->count; i++)
		bytes += walk(r->items[i], depth + 1);
	return bytes;
}

/* What is read of a ban is written and read as the same. */
static void judge_ban(const struct redis_reply *r)
{
	struct shared_ban b, again;
	char text[SHARED_BAN_TEXT_MAX];

	for (size_t i = 0; r->kind == REDIS_ARRAY && i < r->count; i++)
		judge_ban(r->items[i]);
	if (r->kind != REDIS_STRING || !shared_ban_read(r->text, r->len, &b))
		return;
	if (!shared_ban_read(text, shared_ban_format(&b, text), &again) ||
	    memcmp(&b, &again, sizeof(b)) != 0)
		abort();
}

static void judge(const struct redis_reply *r, size_t fed)
{
	struct redis_verdict out[ITEMS];
	char host[64];
	uint16_t port;
	bool all;

	if (walk(r, 0) > fed)
		abort();
	for (size_t n = 0; n <= ITEMS; n++) {
		if (!redis_reply_verdicts(r, n, &all, out))
			continue;
		for (size_t i = 0; i < n; i++)
			if (out[i].debt < 0 || out[i].debt > 2 * GCRA_HORIZON)
				abort();
	}
	if (redis_reply_moved(r, host, sizeof(host), &port) &&
	    (strlen(host) == 0 || strlen(host) >= sizeof(host) || port == 0))
		abort();
	if (redis_reply_is_status(r, "OK") && redis_reply_is_error(r, "OK"))
		abort();
	judge_ban(r);
	if (redis_reply_words(r) == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct redis_reply *reply = NULL;
	struct resp *r = resp_new();
	size_t piece, fed = 0;

	if (r == NULL || size == 0) {
		resp_free(&r);
		return 0;
	}
	piece = data[0] == 0 ? size : data[0];
	data++;
	size--;
	resp_expect(r, MOST);
	while (size > 0) {
		size_t n = piece < size ? piece : size;
		enum resp_status status = resp_feed(r, (const char *)data, n, &reply);

		data += n;
		size -= n;
		fed += n;
		if (status == RESP_BROKEN) {
			if (*resp_error(r) == '\0')
				abort();
			break;
		}
		if (status == RESP_MORE)
			continue;
		judge(reply, fed);
		/* As if the next were asked for; what came too early is read with it. */
		(void)resp_has_more(r);
		resp_expect(r, MOST);
	}
	resp_free(&r);
	return 0;
}
