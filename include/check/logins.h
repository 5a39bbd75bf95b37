/*
 * Which addresses a login may send as. Each entry is a login, and what it may use:
 *
 *     alice@example.com   alice@example.com, info@example.com
 *     *@example.com       *@example.com, *@lists.example.com
 *     robot               .example.net
 *
 * `*` stands for any characters, in a login and in the local part of an address. A domain alone
 * is every address in it; with a dot before it, every address below it; `*` alone is every address.
 */
#ifndef CHECK_LOGINS_H
#define CHECK_LOGINS_H

#include <stdbool.h>

#include "conf/schema.h"
#include "core/mailaddr.h"

struct logins;

/* For rows of CONF_CUSTOM: an entry, a list of them, file:PATH. The field is a const struct
 * logins *. */
bool logins_read(struct conf_reader *r, const struct conf_value *v, void *field);

/* Is there any entry for it? NULL: none. */
bool logins_knows(const struct logins *l, const char *login);

/*
 * May `login` send as local@domain? All entries of the login count. Compared without case; `domain`
 * is canonical.
 */
bool logins_allows(
    const struct logins *l, const char *login, const char *local, const char *domain);

#endif
