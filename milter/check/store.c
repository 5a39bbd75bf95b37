#include "check/store.h"

#include <string.h>

#include "conf/load.h"
#include "conf/source.h"
#include "limit/store.h"

enum { PASSWORD_FILE_MAX = 4096, PREFIX_MAX = 64 };

static struct conf_loc place_of(const struct store_settings *s, const char *key)
{
	const struct conf_entry *e = conf_entry_of(NULL, s, key);

	return e == NULL ? s->head.loc : e->value->loc;
}

static bool read_path(struct conf_reader *r, const struct conf_value *v, void *field)
{
	char found[CONF_FOUND_MAX];

	if (v->next != NULL || (v->kind != CONF_WORD && v->kind != CONF_STRING) ||
	    v->text[0] != '/')
		return conf_error(
		    r, &v->loc, "found %s; expected an absolute path", conf_found(v, found));
	*(const char **)field = v->text;
	return true;
}

static bool read_prefix(struct conf_reader *r, const struct conf_value *v, void *field)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.:_-";
	char found[CONF_FOUND_MAX];

	if (v->next != NULL || (v->kind != CONF_WORD && v->kind != CONF_STRING) ||
	    v->text[0] == '\0' || strlen(v->text) > PREFIX_MAX ||
	    v->text[strspn(v->text, allowed)] != '\0')
		return conf_error(r, &v->loc,
		    "found %s for `prefix`; expected at most %d letters, digits and . : _ -",
		    conf_found(v, found), PREFIX_MAX);
	*(const char **)field = v->text;
	return true;
}

/* --- what is made of it ---------------------------------------------------------- */

/* The first line of the file. NULL: told. */
static const char *read_password(struct conf_reader *r, const struct store_settings *s)
{
	struct conf_loc at = place_of(s, "password-file");
	struct source file;
	const char *password;
	size_t len;

	if (!source_read(&file, s->password_file, PASSWORD_FILE_MAX, &at, r->diag))
		return NULL;
	len = strcspn(file.text, "\r\n");
	password = arena_strndup(r->arena, file.text, len);
	explicit_bzero(file.text, file.len);
	source_free(&file);
	if (password == NULL)
		conf_no_memory(r);
	else if (len == 0)
		conf_error(r, &at, "found no password in %s; expected it on the first line",
		    s->password_file);
	return len == 0 ? NULL : password;
}

static const struct redis_server *make_servers(
    struct conf_reader *r, const struct store_settings *s)
{
	struct redis_server *servers = arena_alloc(r->arena, s->servers.count * sizeof(*servers));

	for (size_t i = 0; servers != NULL && i < s->servers.count; i++) {
		const struct conf_socket *from = &s->servers.items[i];

		servers[i] = (struct redis_server){.host = from->host, .port = from->port};
		if (from->kind == CONF_SOCKET_UNIX)
			servers[i].path = from->path;
	}
	if (servers == NULL)
		conf_no_memory(r);
	return servers;
}

static bool wrong(
    struct conf_reader *r, const struct store_settings *s, const char *key, const char *text)
{
	struct conf_loc at = place_of(s, key);

	return conf_error(r, &at, "%s", text);
}

static bool check_servers(struct conf_reader *r, const struct store_settings *s)
{
	if (s->servers.count == 0)
		return wrong(r, s, "type",
		    "found no `server` in a store of type redis; expected where it is, such as "
		    "\"unix:/run/redis/redis.sock\" or \"inet:192.0.2.7:6379\"");
	if (s->servers.count > REDIS_PLACES)
		return wrong(
		    r, s, "server", "found more than 16 servers; expected at most as many");
	for (size_t i = 0; i < s->servers.count; i++)
		if (s->servers.items[i].kind != CONF_SOCKET_UNIX && s->servers.items[i].port == 0)
			return wrong(
			    r, s, "server", "found port 0; expected the server's, usually 6379");
	if (s->hosts == 0)
		return wrong(r, s, "type",
		    "found no `hosts` in a store of type redis; expected how many hosts share it, "
		    "as each has its share of the limits when it is away");
	return true;
}

static bool check_login(struct conf_reader *r, const struct store_settings *s)
{
	if (s->user != NULL && s->password_file == NULL)
		return wrong(r, s, "user", "found `user` without `password-file`; expected both");
	if (!s->tls && (s->tls_files.authorities != NULL || s->tls_files.cert != NULL ||
			   s->tls_files.key != NULL || s->tls_name != NULL))
		return wrong(r, s, "tls", "found keys of TLS without `tls = yes`; expected it");
	if ((s->tls_files.cert == NULL) != (s->tls_files.key == NULL))
		return wrong(r, s, s->tls_files.cert == NULL ? "tls-key" : "tls-cert",
		    "found one of `tls-cert` and `tls-key`; expected both or none");
	for (size_t i = 0; s->tls && s->tls_name == NULL && i < s->servers.count; i++)
		if (s->servers.items[i].kind == CONF_SOCKET_UNIX)
			return wrong(r, s, "tls",
			    "found `tls = yes` over a unix socket; expected `tls-name`, the name "
			    "in its certificate, too");
	return true;
}

static bool finish(struct conf_reader *r, void *section)
{
	struct store_settings *s = section;
	struct shared_options *o;

	if (s->type == STORE_LOCAL)
		return s->servers.count == 0 ||
		       wrong(r, s, "server",
			   "found `server` in a store of type local; expected `type = redis`");
	if (!check_servers(r, s) || !check_login(r, s))
		return false;
	o = arena_alloc(r->arena, sizeof(*o));
	if (o == NULL)
		return conf_no_memory(r);
	*o = (struct shared_options){
	    .pool = {.count = s->servers.count,
		.servers = make_servers(r, s),
		.sentinel = s->sentinel,
		.greeting = {.user = s->user, .database = (unsigned)s->database},
		.tls_name = s->tls_name,
		.connections = (unsigned)s->connections},
	    .tls = s->tls,
	    .tls_files = s->tls_files,
	    .prefix = s->prefix,
	    .timeout = s->timeout,
	    .retry = s->retry,
	    .hosts = (unsigned)s->hosts,
	    .bans = s->bans,
	};
	s->shared = o;
	if (o->pool.servers == NULL)
		return false;
	if (s->password_file != NULL)
		o->pool.greeting.password = read_password(r, s);
	return s->password_file == NULL || o->pool.greeting.password != NULL;
}

/* --- the section --------------------------------------------------------------------- */

static const struct conf_word type_words[] = {
    {"local", STORE_LOCAL}, {"redis", STORE_REDIS}, {NULL, 0}};

static const struct conf_row rows[] = {
    {.key = "type",
	.type = CONF_ENUM,
	.offset = offsetof(struct store_settings, type),
	.fallback = "local",
	.words = type_words,
	.doc = "local: a table in shared memory, mapped from the file limits.table of the state "
	       "directory. redis: limits of rates are shared with other hosts at a Redis or Valkey "
	       "server; the table is kept beside it."},
    {.key = "slots",
	.type = CONF_COUNT,
	.offset = offsetof(struct store_settings, slots),
	.fallback = "1M",
	.min = STORE_SLOTS_MIN,
	.max = STORE_SLOTS_MAX,
	.doc = "How many keys, rounded up to a power of two, at 18 bytes each. A key needs a slot "
	       "for each rate of each limit, while it owes something. Changes at the next start."},
    {.key = "server",
	.type = CONF_SOCKETS,
	.offset = offsetof(struct store_settings, servers),
	.doc = "Where the server is: \"unix:/path\", \"inet:host:port\" or \"inet6:host:port\", or "
	       "up to 16, of which the next is tried when one fails."},
    {.key = "hosts",
	.type = CONF_COUNT,
	.offset = offsetof(struct store_settings, hosts),
	.max = 10000,
	.doc = "How many hosts share the limits. While the server is away, each has its share."},
    {.key = "bans",
	.type = CONF_BOOL,
	.offset = offsetof(struct store_settings, bans),
	.fallback = "yes",
	.doc = "Whether hosts share bans as well, in a store of type redis."},
    {.key = "database",
	.type = CONF_COUNT,
	.offset = offsetof(struct store_settings, database),
	.fallback = "0",
	.max = 1000000,
	.doc = "The number of the database there."},
    {.key = "user",
	.type = CONF_TEXT,
	.offset = offsetof(struct store_settings, user),
	.doc = "The user of the server's access list; its default user where it is not given."},
    {.key = "password-file",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct store_settings, password_file),
	.read = read_path,
	.doc = "The file whose first line is the password. Read at start and at reload."},
    {.key = "sentinel",
	.type = CONF_TEXT,
	.offset = offsetof(struct store_settings, sentinel),
	.doc = "The servers are sentinels, and this is the name of what they watch."},
    {.key = "tls",
	.type = CONF_BOOL,
	.offset = offsetof(struct store_settings, tls),
	.fallback = "no",
	.doc = "Whether the connection is encrypted and the server's certificate checked."},
    {.key = "tls-authorities",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct store_settings, tls_files.authorities),
	.read = read_path,
	.doc = "The file of certificates that vouch for it; the system's where it is not given."},
    {.key = "tls-cert",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct store_settings, tls_files.cert),
	.read = read_path,
	.doc = "The certificate that is shown to the server."},
    {.key = "tls-key",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct store_settings, tls_files.key),
	.read = read_path,
	.doc = "The key of tls-cert."},
    {.key = "tls-name",
	.type = CONF_TEXT,
	.offset = offsetof(struct store_settings, tls_name),
	.doc = "What the server's certificate must name; the host of `server` where it is not "
	       "given."},
    {.key = "prefix",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct store_settings, prefix),
	.fallback = "relay-guard",
	.read = read_prefix,
	.doc = "What all keys at the server begin with, in braces. Hosts with the same one share "
	       "their limits."},
    {.key = "timeout",
	.type = CONF_DURATION,
	.offset = offsetof(struct store_settings, timeout),
	.fallback = "50ms",
	.min = 1000,
	.max = 2000000,
	.doc = "How long a call may take, connecting included. After three in a row that fail, "
	       "none is made, until one beside the mail succeeds."},
    {.key = "retry",
	.type = CONF_DURATION,
	.offset = offsetof(struct store_settings, retry),
	.fallback = "1s",
	.min = 100000,
	.max = (uint64_t)3600 * 1000000,
	.doc = "How often a server that is away is tried."},
    {.key = "connections",
	.type = CONF_COUNT,
	.offset = offsetof(struct store_settings, connections),
	.fallback = "8",
	.min = 1,
	.max = REDIS_CONNECTIONS_MAX,
	.doc = "How many connections a worker has at most."},
    {.key = NULL},
};

const struct conf_schema store_schema = {
    .type = "store",
    .doc = "Where limits are counted.",
    .implied = true,
    .size = sizeof(struct store_settings),
    .rows = rows,
    .finish = finish,
};
