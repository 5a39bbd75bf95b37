#include "auth/header_list.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

/* A field's place in the order by name, and the last of a name first. */
struct entry {
	const char *name;
	size_t len;
	size_t field;
};

struct header_list {
	struct arena arena;
	size_t fields_max, bytes_max, bytes;
	bool over; /* a limit */
	struct canon_field *fields;
	size_t count, room;
	struct entry *sorted; /* NULL while the list is not complete */
	size_t *taken;        /* by the first entry of a name: how many of it */
};

struct header_list *header_list_new(size_t fields_max, size_t bytes_max)
{
	struct header_list *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->fields_max = fields_max;
	l->bytes_max = bytes_max;
	return l;
}

void header_list_free(struct header_list **l)
{
	if (*l == NULL)
		return;
	arena_free(&(*l)->arena);
	free((*l)->fields);
	free((*l)->sorted);
	free((*l)->taken);
	free(*l);
	*l = NULL;
}

static bool make_room(struct header_list *l)
{
	size_t room = l->room == 0 ? 64 : 2 * l->room;
	struct canon_field *fields;

	if (l->count < l->room)
		return true;
	fields = reallocarray(l->fields, room, sizeof(*fields));
	if (fields == NULL)
		return false;
	l->fields = fields;
	l->room = room;
	return true;
}

bool header_list_add(struct header_list *l, const struct canon_field *f)
{
	size_t len = f->name_len + f->value_len;
	char *text;

	if (l->count == l->fields_max || len > l->bytes_max - l->bytes)
		l->over = true;
	if (l->over || !make_room(l))
		return false;
	text = arena_alloc(&l->arena, len + 1);
	if (text == NULL)
		return false;
	l->bytes += len;
	memcpy(text, f->name, f->name_len);
	memcpy(text + f->name_len, f->value, f->value_len);
	l->fields[l->count++] = (struct canon_field){.name = text,
	    .name_len = f->name_len,
	    .value = text + f->name_len,
	    .value_len = f->value_len};
	return true;
}

bool header_list_is_over(const struct header_list *l)
{
	return l->over;
}

size_t header_list_count(const struct header_list *l)
{
	return l->count;
}

const struct canon_field *header_list_get(const struct header_list *l, size_t number)
{
	return &l->fields[number];
}

static size_t name_length(const struct canon_field *f)
{
	size_t len = f->name_len;

	while (len > 0 && (f->name[len - 1] == ' ' || f->name[len - 1] == '\t'))
		len--;
	return len;
}

bool canon_field_is(const struct canon_field *f, const char *name)
{
	size_t len = strlen(name);

	return name_length(f) == len && strncasecmp(f->name, name, len) == 0;
}

/* --- selection -------------------------------------------------------------------- */

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = strncasecmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = compare_names(x->name, x->len, y->name, y->len);

	return order != 0 ? order : (x->field < y->field) - (x->field > y->field);
}

static bool sort(struct header_list *l)
{
	if (l->sorted != NULL)
		return true;
	l->sorted = calloc(l->count + 1, sizeof(*l->sorted));
	l->taken = calloc(l->count + 1, sizeof(*l->taken));
	if (l->sorted == NULL || l->taken == NULL)
		return false;
	for (size_t i = 0; i < l->count; i++)
		l->sorted[i] = (struct entry){
		    .name = l->fields[i].name, .len = name_length(&l->fields[i]), .field = i};
	qsort(l->sorted, l->count, sizeof(*l->sorted), compare);
	return true;
}

/* The first entry of a name, or where it would be. */
static size_t find(const struct header_list *l, const char *name, size_t len)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct entry *e = &l->sorted[middle];

		if (compare_names(e->name, e->len, name, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The next field of a name that is not taken; false when there is none. */
static bool take(struct header_list *l, const char *name, size_t len, size_t self, size_t *field)
{
	size_t first = find(l, name, len);

	while (first < l->count && first + l->taken[first] < l->count) {
		const struct entry *e = &l->sorted[first + l->taken[first]];

		if (compare_names(e->name, e->len, name, len) != 0)
			return false;
		l->taken[first]++;
		if (e->field != self) {
			*field = e->field;
			return true;
		}
	}
	return false;
}

bool header_list_select(
    struct header_list *l, const struct tag *h, size_t self, size_t *selected, size_t *count)
{
	struct tag_words w = {.tag = h};

	*count = 0;
	if (!sort(l))
		return false;
	memset(l->taken, 0, l->count * sizeof(*l->taken));
	while (tag_next_word(&w))
		if (take(l, w.word, w.len, self, &selected[*count]))
			++*count;
	return true;
}

/* --- hash ------------------------------------------------------------------------- */

/* The field without what its b= holds. */
static bool put_own(
    struct strbuf *out, enum canon how, const struct canon_field *f, const struct tag *b)
{
	struct strbuf value = {0};
	struct canon_field own = *f;

	strbuf_add(&value, f->value, (size_t)(b->raw - f->value));
	strbuf_add(
	    &value, b->raw + b->raw_len, f->value_len - (size_t)(b->raw - f->value) - b->raw_len);
	own.value = strbuf_text(&value);
	own.value_len = value.len;
	canon_header(out, how, &own);
	out->failed = out->failed || value.failed;
	strbuf_free(&value);
	return !out->failed;
}

bool header_list_hash(struct header_list *l, enum canon how, const struct tag *h,
    const struct tag *b, size_t self, uint8_t hash[SHA256_SIZE])
{
	size_t *selected = calloc(l->count + 1, sizeof(*selected)), count = 0;
	struct sha256 *s = sha256_new();
	struct strbuf text = {0};
	bool ok = s != NULL && selected != NULL && header_list_select(l, h, self, selected, &count);

	for (size_t i = 0; ok && i < count; i++) {
		strbuf_reset(&text);
		canon_header(&text, how, &l->fields[selected[i]]);
		strbuf_puts(&text, "\r\n");
		ok = !text.failed;
		sha256_add(s, text.data, text.len);
	}
	strbuf_reset(&text);
	ok = ok && put_own(&text, how, &l->fields[self], b);
	if (ok) {
		sha256_add(s, text.data, text.len);
		ok = sha256_end(s, hash);
	}
	sha256_free(&s);
	strbuf_free(&text);
	free(selected);
	return ok;
}
