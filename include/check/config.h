/* The whole configuration: every section's schema in one table, and the policy made from it. */
#ifndef CHECK_CONFIG_H
#define CHECK_CONFIG_H

#include "base/clock.h"
#include "conf/load.h"
#include "conf/schema.h"
#include "core/policy.h"

#define CONFIG_DEFAULT_PATH "/etc/relay-guard/relay-guard.conf"
#define CONFIG_DEFAULT_CONTROL "unix:/run/relay-guard/control.sock"

/* events { ... } */
struct events_settings {
	struct conf_head head;
	const char *path; /* NULL: none, written as `path = none` */
	bool syslog;
	bool permitted;      /* record accepted recipients too */
	const char *notices; /* where those with `notify` go besides: sink/notices.h; NULL: none */
	const char *maillog; /* the MTA's log to follow; NULL: none */
};

/* What stands at the top level. Rows: milter/check/config.c. */
struct settings {
	struct conf_head head;
	struct conf_sockets listen;
	struct conf_socket control;
	const char *state;
	const char *user;
	const char *group;        /* NULL: the user's own */
	const char *pid_file;     /* NULL: none */
	const char *socket_group; /* of unix sockets; NULL: the user's */
	uint64_t socket_mode;     /* octal as written: 0660 */
	uint64_t workers;         /* a listener */
	uint64_t sessions;        /* at most, a worker */
	usec_t drain_time;
	int mode; /* enum mode */
	const struct conf_head
	    *events; /* struct events_settings; always one, defaults when not written */
	const struct conf_head *resolver;       /* struct dns_settings; always one */
	const struct conf_head *authentication; /* always one */
	const struct conf_head *bans;           /* struct bans_settings; always one */
	const struct conf_head *store;          /* struct store_settings; always one */
	const struct conf_head *limit;          /* struct limit_settings; NULL: none */
	const struct conf_head *relay;
	const struct conf_head *spf, *dkim, *arc, *dmarc, *sender;
	/* one member for each further section type */

	struct policy policy; /* made of the checks when all else is read */
};

/* A loaded configuration and the policy made from it. */
struct config {
	struct conf_doc *doc;
	const struct settings *settings;
	const struct events_settings *events;
	struct policy policy; /* facts also has what the events record */
};

/* NULL when there are errors, told in `diag`. */
struct config *config_load(const char *path, usec_t now, struct diag *diag);
struct config *config_load_text(
    const char *name, const char *text, size_t len, usec_t now, struct diag *diag);

/*
 * For a command: tells what is wrong on standard error. NULL with *code an exit code
 * of base/exit.h: 66 when the file can't be read, 78 when it is wrong.
 */
struct config *config_load_told(const char *path, int *code);
void config_free(struct config **c);

/*
 * Where the `n`th value (from 0) of `key` at the top level stands; line 0 when it is a default.
 */
struct conf_loc config_place(const struct settings *s, const char *key, size_t n);

/* The root schema: for dump, manual and completion. */
const struct conf_schema *config_schema(void);

#endif
