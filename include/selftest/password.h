/* The password of --auth-user: from a file, the environment or a terminal, never the command line.
 */
#ifndef SELFTEST_PASSWORD_H
#define SELFTEST_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_VARIABLE "RELAY_GUARD_PASSWORD"

/* All return EXIT_OK, or an exit code and have told what is wrong. */

/* The first line of a file; that everybody can read it is told. */
int password_from_file(const char *path, char *out, size_t size);

/* From the environment, or asked for on the terminal without an echo, whatever signal ends that. */
int password_ask(const char *login, char *out, size_t size);

#endif
