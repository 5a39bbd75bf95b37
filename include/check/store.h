/* store { ... }: where limits are counted. */
#ifndef CHECK_STORE_H
#define CHECK_STORE_H

#include "conf/schema.h"
#include "limit/shared.h"

enum { STORE_LOCAL, STORE_REDIS };

struct store_settings {
	struct conf_head head;
	int type;
	uint64_t slots;
	/* Of type redis. */
	struct conf_sockets servers;
	uint64_t hosts, database, connections;
	const char *user, *password_file, *sentinel, *prefix;
	bool tls, bans;
	struct tls_files tls_files;
	const char *tls_name;
	usec_t timeout, retry;

	/* Made of it; NULL: limits are this host's alone. */
	const struct shared_options *shared;
};

extern const struct conf_schema store_schema;

#endif
