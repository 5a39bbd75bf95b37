#include "limit/redis_reply.h"

#include <string.h>

bool redis_reply_is_status(const struct redis_reply *r, const char *status)
{
	return r->kind == REDIS_STATUS && r->len == strlen(status) &&
	       memcmp(r->text, status, r->len) == 0;
}

bool redis_reply_is_error(const struct redis_reply *r, const char *code)
{
	size_t len = strlen(code);

	return r->kind == REDIS_ERROR && r->len >= len && memcmp(r->text, code, len) == 0 &&
	       (r->len == len || r->text[len] == ' ');
}

/* --- what the script says ---------------------------------------------------- */

static bool read_bool(const struct redis_reply *r, bool *out)
{
	*out = r->integer == 1;
	return r->kind == REDIS_INTEGER && (r->integer == 0 || r->integer == 1);
}

/* No charge can have brought it further than twice the horizon. */
static bool read_debt(const struct redis_reply *r, nsec_t *out)
{
	*out = r->integer;
	return r->kind == REDIS_INTEGER && r->integer >= 0 && r->integer <= 2 * GCRA_HORIZON;
}

bool redis_reply_verdicts(
    const struct redis_reply *r, size_t count, bool *all, struct redis_verdict *out)
{
	if (r->kind != REDIS_ARRAY || r->count != 1 + 2 * count || !read_bool(r->items[0], all))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_bool(r->items[1 + 2 * i], &out[i].fits) ||
		    !read_debt(r->items[2 + 2 * i], &out[i].debt))
			return false;
	return true;
}

/* --- clusters ---------------------------------------------------------------- */

static bool read_number(const char *text, size_t len, unsigned long most, unsigned long *out)
{
	*out = 0;
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (unsigned long)(text[i] - '0');
		if (*out > most)
			return false;
	}
	return true;
}

bool redis_reply_moved(const struct redis_reply *r, char *host, size_t size, uint16_t *port)
{
	const char *slot, *where, *colon;
	unsigned long number;
	size_t len;

	/* A NUL within would end what is read here early. */
	if (!redis_reply_is_error(r, "MOVED") || strlen(r->text) != r->len || r->len < 6)
		return false;
	slot = r->text + strlen("MOVED ");
	where = strchr(slot, ' ');
	colon = where == NULL ? NULL : strrchr(where, ':');
	if (colon == NULL || !read_number(slot, (size_t)(where - slot), 16383, &number))
		return false;
	where++;
	len = (size_t)(colon - where);
	if (len == 0 || len >= size || !read_number(colon + 1, strlen(colon + 1), 65535, &number) ||
	    number == 0)
		return false;
	memcpy(host, where, len);
	host[len] = '\0';
	*port = (uint16_t)number;
	return true;
}

const char *redis_reply_words(const struct redis_reply *r)
{
	return r->kind == REDIS_ERROR && r->len > 0 ? r->text : "an answer to another question";
}
