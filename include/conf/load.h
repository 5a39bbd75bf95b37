/* From a file to a checked document. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "conf/diag.h"
#include "conf/schema.h"

/* A loaded configuration: immutable, shared by all threads. */
struct conf_doc;

/*
 * Reads `path`, its includes and its list files against the root schema. `networks` and
 * `domains` sections are always known; they are this layer's own. NULL when
 * anything is an error (told in `diag`); warnings alone don't stop it. `now` is for what
 * expires. Never exits, never prints.
 */
struct conf_doc *conf_load(
    const char *path, const struct conf_schema *root, usec_t now, struct diag *diag);

/* The same from memory; `name` stands for the file in messages. Relative includes are errors. For
 * tests and fuzzing. */
struct conf_doc *conf_load_text(const char *name, const char *text, size_t len,
    const struct conf_schema *root, usec_t now, struct diag *diag);

/*
 * The text of `key` at the top level of `path` and its includes, whatever else is wrong elsewhere
 * in it: for who needs one thing of a configuration that somebody is writing at the moment. False:
 * it is not written, is no single text, or does not fit.
 */
bool conf_peek(const char *path, const char *key, char *out, size_t size);

void conf_free(struct conf_doc **doc);

/* The struct that the root schema describes. */
const void *conf_root(const struct conf_doc *doc);

/* For what is built from the configuration and lives as long. */
struct arena *conf_arena(struct conf_doc *doc);

/* The named lists; NULL when there is none of that name. */
const struct netset *conf_networks(const struct conf_doc *doc, const char *name);
const struct domset *conf_domains(const struct conf_doc *doc, const char *name);

/* Every file that was read, for change detection and for the dump. */
size_t conf_files(const struct conf_doc *doc, const char *const **paths);

/*
 * The effective configuration, defaults included, in its own syntax. It
 * loads to the same configuration: dumping that again gives the same text.
 */
void conf_dump(const struct conf_doc *doc, struct strbuf *to);

#endif
