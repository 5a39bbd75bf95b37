/*
 * Any sequence of stages with any strings, under the rules of the manual's example. What a stranger
 * may send to is asked again, of a few lines that know nothing of the program's own reading.
 *
 * Input: a byte for the stage, then as many strings, each ended by a newline, as it takes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "check/config.h"
#include "core/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char configuration[] =
    "networks friends { members = { 127.0.0.0/8, 192.0.2.0/24 } }\n"
    "domains ours { members = { example.com, [192.0.2.1] } }\n"
    "events { path = none syslog = no permitted = yes }\n"
    "relay {\n"
    "  rule inbound { to = @ours action = permit }\n"
    "  rule office { client = @friends action = permit }\n"
    "  rule login { auth = yes tls = yes action = permit }\n"
    "  rule partner { cert = \"md5:00112233445566778899aabbccddeeff\" to = partner.example\n"
    "                 action = permit }\n"
    "  rule others { action = reject }\n"
    "}\n";

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* --- the oracle ------------------------------------------------------------ */

/* Our domain after one @, after nothing but plain characters; or the postmaster alone. */
static bool is_plainly_ours(const char *raw)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "#$&'*+-/=?^_`{|}~.";
	static const char *const tails[] = {"@example.com", "@example.com.", "@[192.0.2.1]"};
	char text[2048];
	size_t len = strlen(raw), local = 0;

	if (len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%s", raw);
	if (len > 1 && raw[0] == '<' && raw[len - 1] == '>') {
		memmove(text, raw + 1, len - 2);
		text[len - 2] = '\0';
	}
	while (text[local] != '\0' &&
	       (strchr(plain, text[local]) != NULL || (unsigned char)text[local] >= 0x80))
		local++;
	if (strcasecmp(text, "postmaster") == 0)
		return true;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (local > 0 && strcasecmp(text + local, tails[i]) == 0)
			return true;
	return false;
}

static bool stays_here(const struct stage_args *rcpt)
{
	static const char *const local[] = {"local", "virtual", "discard", "maildrop", "mailman",
	    "dovecot", "cyrus", "cyrusv2", "cyrusbb"};
	const char *at = rcpt->mta.addr == NULL ? NULL : strrchr(rcpt->mta.addr, '@');

	for (size_t i = 0; rcpt->mta.mailer != NULL && i < sizeof(local) / sizeof(local[0]); i++)
		if (strcasecmp(rcpt->mta.mailer, local[i]) == 0)
			return true;
	return at != NULL &&
	       (strncasecmp(at, "@example.com", 12) == 0 || strncmp(at, "@[192.0.2.1]", 12) == 0 ||
		   strncasecmp(at, "@[IPv6:::ffff:", 14) == 0);
}

static bool is_stranger(const struct session *s)
{
	const uint8_t *b = s->client.addr.bytes;
	bool friend = s->client.addr.family == ADDR_V4 &&
	              (b[0] == 127 || (b[0] == 192 && b[1] == 0 && b[2] == 2));

	return !friend && !s->client.local && *s->cred.login == '\0' &&
	       *s->cred.cert_fingerprint == '\0';
}

static void check_permitted(const struct session *s, const struct stage_args *args)
{
	if (s->rcpt.refused_by_mta) {
		require(
		    strcasecmp(args->mta.mailer, "error") == 0, "a refusal is the mailer error");
		require(strlen(args->mta.host) <= 9, "a refusal's host is a code");
		return;
	}
	if (!is_stranger(s))
		return;
	require(s->rcpt.reading == READING_OURS, "a stranger's recipient is read as ours");
	require(is_plainly_ours(args->address), "a stranger's recipient is ours on its face");
	require(stays_here(args), "a stranger's recipient stays with us");
}

/* --- the input ------------------------------------------------------------- */

struct input {
	const uint8_t *data;
	size_t size;
	struct arena arena;
};

/* The next string; NULL when it is empty, as when the MTA says nothing. */
static const char *next(struct input *in)
{
	const uint8_t *end = in->size == 0 ? NULL : memchr(in->data, '\n', in->size);
	size_t len = end == NULL ? in->size : (size_t)(end - in->data);
	char *s = len == 0 ? NULL : arena_strndup(&in->arena, (const char *)in->data, len);
	size_t used = len + (end != NULL);

	in->data += used;
	in->size -= used;
	return s;
}

static void fill_connect(struct input *in, struct stage_args *args)
{
	const char *address = next(in), *port = next(in);

	args->client_name = next(in);
	args->client_by_socket =
	    address != NULL && addr_parse(address, strlen(address), &args->client_addr);
	args->client_port = port == NULL ? 0 : (uint16_t)port[0];
	args->daemon_port = next(in);
}

static void fill(struct input *in, struct stage_args *args)
{
	if (args->stage == STAGE_CONNECT) {
		fill_connect(in, args);
	} else if (args->stage == STAGE_HELO) {
		args->helo = next(in);
	} else if (args->stage == STAGE_MAIL) {
		args->address = next(in);
		args->auth_login = next(in);
		args->auth_mech = next(in);
		args->tls_version = next(in);
		args->cert_fingerprint = next(in);
	} else if (args->stage == STAGE_RCPT) {
		args->address = next(in);
		args->mta.mailer = next(in);
		args->mta.host = next(in);
		args->mta.addr = next(in);
		args->queue_id = next(in);
		if (args->address == NULL)
			args->address = "";
	}
}

static unsigned events;

static void on_event(void *arg, const struct event *e)
{
	(void)arg;
	require(e->verdict != NULL && *e->verdict != '\0', "an event has a verdict");
	events++;
}

static const struct config *configured(void)
{
	static struct config *c;
	struct diag *diag;

	if (c != NULL)
		return c;
	diag = diag_new();
	c = config_load_text("fuzz.conf", configuration, strlen(configuration), USEC_PER_SEC, diag);
	require(c != NULL, "the configuration loads");
	diag_free(&diag);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct session_env env = {.host = "mx", .emit = on_event, .permitted = true};
	struct input in = {data, size, {0}};
	struct session s;

	session_open(&s, &configured()->policy, &env, 1, 0);
	while (in.size > 0) {
		struct stage_args args = {.stage = (enum stage)(in.data[0] % (STAGE_ABORT + 1))};
		struct decision d;

		in.data++;
		in.size--;
		fill(&in, &args);
		events = 0;
		session_event(&s, &args, 0, &d);
		require(d.verdict.kind >= VERDICT_PERMIT, "a decision is made");
		require(d.verdict.kind != VERDICT_UNDECIDED, "a decision is final");
		if (args.stage == STAGE_RCPT) {
			require(events == 1, "each recipient has one event");
			if (d.verdict.kind == VERDICT_PERMIT)
				check_permitted(&s, &args);
		}
	}
	session_close(&s);
	arena_free(&in.arena);
	return 0;
}
