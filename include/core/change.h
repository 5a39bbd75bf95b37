/*
 * What the MTA is asked to do to a message at its end, as plain values: header fields to add,
 * insert and delete, and quarantine. Bounded in number and size; text from outside can't
 * break out of its field.
 */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"

/* Of one message. More deletions than additions: a stranger may have sent what is to be deleted. */
#define CHANGE_ADDED_MAX 64
#define CHANGE_DELETED_MAX 4096
#define CHANGE_NAME_MAX 128
#define CHANGE_VALUE_MAX 16384
#define CHANGE_HOLD_MAX 250

/* What an MTA may allow. */
enum right {
	RIGHT_ADD_FIELDS = 1 << 0,
	RIGHT_DELETE_FIELDS = 1 << 1,
	RIGHT_QUARANTINE = 1 << 2,
	RIGHT_ALL = (1 << 3) - 1,
};

enum change_kind {
	CHANGE_DELETE,
	CHANGE_ADD, /* at the end of the header */
	CHANGE_INSERT,
};

struct change {
	struct change *next;
	enum change_kind kind;
	unsigned index;   /* INSERT: before this field, 0 is the top; DELETE: of its name, from 1 */
	const char *name; /* printable ASCII, no colon */
	const char *value; /* printable ASCII and tabs, one line; NULL for DELETE */
};

/* What is asked for so far. A copy of the struct is a mark that one can go back to. */
struct changes {
	struct change *first, *last;
	unsigned added, deleted;
	const char *hold; /* why the message goes to quarantine; NULL: it does not */
};

/*
 * Asks for one more. Of `value` line ends that fold it are taken away, other control characters
 * and 8-bit bytes become '?'. What was asked for before is not asked for twice. False when the
 * name is not one, when it is too much (see above), or without memory.
 */
bool changes_add(struct changes *c, struct arena *a, enum change_kind kind, unsigned index,
    const char *name, const char *value);

/* The first reason stays. Anything but printable ASCII becomes '?'. False without memory. */
bool changes_hold(struct changes *c, struct arena *a, const char *reason);

/* Forgets what was asked for since `mark` was copied. */
void changes_go_back(struct changes *c, const struct changes *mark);

/*
 * Brings them in the order in which they are to be carried out: deletions first, of each name
 * the last field first, so that none moves another; the rest as they were asked for. False without
 * memory.
 */
bool changes_sort(struct changes *c, struct arena *a);

/* RIGHT_ bits that are needed. */
unsigned changes_rights(const struct changes *c);

/*
 * Adds the value as it stands behind "Name: ", folded before blanks (RFC 5322 2.2.3) with a
 * bare newline, as libmilter expects it, where a line would become longer than 78.
 */
void change_fold(struct strbuf *b, const struct change *c);

#endif
