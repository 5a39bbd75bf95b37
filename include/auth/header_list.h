/*
 * The header of a message, kept until it is known which of its fields a
 * signature covers (RFC 6376 5.4.2). For DKIM and ARC alike.
 */
#ifndef AUTH_HEADER_LIST_H
#define AUTH_HEADER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/canon.h"
#include "auth/taglist.h"

struct header_list;

/* Limits on the number of fields and on their bytes. NULL when memory is exhausted. */
struct header_list *header_list_new(size_t fields_max, size_t bytes_max);
void header_list_free(struct header_list **l);

/* Copies one field. False over a limit, or when memory is exhausted; the list is then not whole. */
bool header_list_add(struct header_list *l, const struct canon_field *f);

/* Was it a limit that made header_list_add() fail? */
bool header_list_is_over(const struct header_list *l);

size_t header_list_count(const struct header_list *l);
const struct canon_field *header_list_get(const struct header_list *l, size_t number);

/* Has the field this name, in any case, with or without blanks in front of the colon? */
bool canon_field_is(const struct canon_field *f, const char *name);

/* No field: of a signature that is not in the list. */
#define HEADER_NO_FIELD SIZE_MAX

/*
 * Which fields h= selects, in its order: for each name the last that is not yet taken, nothing
 * where there is none left, and never number `self`, which is the signature's own. `selected` has
 * room for all fields of the list. The first call comes when the list is complete. False when
 * memory is exhausted.
 */
bool header_list_select(
    struct header_list *l, const struct tag *h, size_t self, size_t *selected, size_t *count);

/*
 * SHA-256 over the fields that h= selects and the signature's own, without what b= holds (RFC 6376
 * 3.7). `b` points into the value of field `self`. False when memory is exhausted.
 */
bool header_list_hash(struct header_list *l, enum canon how, const struct tag *h,
    const struct tag *b, size_t self, uint8_t hash[SHA256_SIZE]);

#endif
