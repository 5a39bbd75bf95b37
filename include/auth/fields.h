/* The header of a message as it was sent, field by field. */
#ifndef AUTH_FIELDS_H
#define AUTH_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

/* Points into the message. */
struct field {
	const char *name; /* without blanks in front of the colon, which RFC 5322 4.5 allows */
	size_t name_len;
	const char *value; /* behind the colon, folding and all, without the last line end */
	size_t value_len;
	size_t offset; /* where the field begins, and how many bytes it has with its line end */
	size_t len;
};

/* Zero-initialise, save `message` and `len`. Lines end in LF or CRLF, as they like. */
struct field_reader {
	const char *message;
	size_t len;
	size_t at;
};

/*
 * The next field; false at the end of the header, which is an empty line or the first line that is
 * no field. A first line of a mailbox ("From x Thu Jan  1 ...") is passed over. `at` is
 * then where the body begins.
 */
bool field_next(struct field_reader *r, struct field *f);

/* Is this its name, in any case? */
bool field_is(const struct field *f, const char *name);

#endif
