#include "tool/status_metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/exit.h"

enum source {
	FROM_NUMBER,
	FROM_TIME,  /* microseconds since 1970, 0: never */
	FROM_CODE,  /* 1 for EXIT_OK, else 0 */
	FROM_WORD,  /* 1 for `word`, else 0 */
	FROM_TEXT,  /* 1, and the text as label */
	FROM_NAMES, /* the number of every field, its name as label */
};

/* Those of one line together, and of one name together. */
static const struct metric {
	const char *line, *field, *name, *type, *help;
	enum source from;
	const char
	    *label; /* NULL: none; else NAME="VALUE", or of FROM_TEXT and FROM_NAMES its NAME */
	const char *word;
} metrics[] = {
    {"daemon", "version", "build_info", "gauge", "Which version runs.", FROM_TEXT, "version", NULL},
    {"daemon", "started", "start_timestamp_seconds", "gauge", "When the daemon was started.",
	FROM_TIME, NULL, NULL},
    {"daemon", "loaded", "configuration_loaded_timestamp_seconds", "gauge",
	"When the configuration that is in effect was read.", FROM_TIME, NULL, NULL},
    {"daemon", "mode", "enforcing", "gauge",
	"Whether verdicts are enforced, and not only recorded.", FROM_WORD, NULL, "enforce"},
    {"daemon", "workers", "workers", "gauge", "Worker processes that live.", FROM_NUMBER, NULL,
	NULL},
    {"daemon", "sessions", "sessions", "gauge", "Sessions of the mail server at the moment.",
	FROM_NUMBER, NULL, NULL},
    {"daemon", "deaths", "deaths_total", "counter", "Processes that died and were not told to.",
	FROM_NUMBER, NULL, NULL},
    {"reload", "code", "last_reload_success", "gauge", "Whether the last reload went live.",
	FROM_CODE, NULL, NULL},
    {"reload", "at", "last_reload_timestamp_seconds", "gauge", "When the last reload ended.",
	FROM_TIME, NULL, NULL},
    {"events", NULL, "events_total", "counter", "Events, by their verdict.", FROM_NAMES, "verdict",
	NULL},
    {"dns", "lookups", "dns_lookups_total", "counter", "Questions that the cache could not answer.",
	FROM_NUMBER, NULL, NULL},
    {"dns", "cached", "dns_cached_total", "counter", "Questions that the cache answered.",
	FROM_NUMBER, NULL, NULL},
    {"dns", "errors", "dns_failures_total", "counter",
	"Questions without an answer, by the reason.", FROM_NUMBER, "reason=\"error\"", NULL},
    {"dns", "bogus", "dns_failures_total", "counter", NULL, FROM_NUMBER, "reason=\"bogus\"", NULL},
    {"dns", "deadlines", "dns_failures_total", "counter", NULL, FROM_NUMBER, "reason=\"deadline\"",
	NULL},
    {"dns", "refused", "dns_failures_total", "counter", NULL, FROM_NUMBER, "reason=\"refused\"",
	NULL},
    {"dns", "in_flight", "dns_in_flight", "gauge", "Questions that wait for their answer.",
	FROM_NUMBER, NULL, NULL},
    {"store", "keys", "store_keys", "gauge", "Keys that are counted.", FROM_NUMBER, NULL, NULL},
    {"store", "slots", "store_slots", "gauge", "Keys that there is room for.", FROM_NUMBER, NULL,
	NULL},
    {"store", "bytes", "store_size_bytes", "gauge", "Memory of the table of limits.", FROM_NUMBER,
	NULL, NULL},
    {"store", "bans", "bans", "gauge", "Bans and suspensions in effect.", FROM_NUMBER, NULL, NULL},
    {"store", "shared", "store_shared", "gauge",
	"Whether other hosts share the limits at the moment.", FROM_WORD, NULL, "yes"},
};

static void add_head(struct strbuf *b, const char *name, const char *type, const char *help)
{
	strbuf_printf(
	    b, "# HELP relay_guard_%s %s\n# TYPE relay_guard_%s %s\n", name, help, name, type);
}

/* As the text format wants it within quotes. */
static void add_value(struct strbuf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			strbuf_putc(b, '\\');
		if (*text == '\n')
			strbuf_puts(b, "\\n");
		else
			strbuf_putc(b, *text);
	}
}

static void add_sample(
    struct strbuf *b, const struct metric *m, const char *label_value, uint64_t number)
{
	strbuf_printf(b, "relay_guard_%s", m->name);
	if (label_value != NULL) {
		strbuf_printf(b, "{%s=\"", m->label);
		add_value(b, label_value);
		strbuf_puts(b, "\"}");
	} else if (m->label != NULL) {
		strbuf_printf(b, "{%s}", m->label);
	}
	strbuf_printf(b, " %" PRIu64 "\n", number);
}

static void add_names(struct strbuf *b, const struct metric *m, const struct control_line *l)
{
	for (size_t i = 0; i < l->count; i++)
		add_sample(b, m, l->fields[i].name, control_number(l, l->fields[i].name, 0));
}

/* Of what has never been there is no sample. */
static void add_field(struct strbuf *b, const struct metric *m, const struct control_line *l)
{
	const char *text = control_value(l, m->field);
	uint64_t number = control_number(l, m->field, 0);

	if (m->from == FROM_TIME)
		number /= USEC_PER_SEC;
	else if (m->from == FROM_CODE)
		number = number == EXIT_OK;
	else if (m->from == FROM_WORD)
		number = strcmp(text, m->word) == 0;
	else if (m->from == FROM_TEXT)
		number = 1;
	add_sample(b, m, m->from == FROM_TEXT ? text : NULL, number);
}

void status_metrics_line(void *text, const struct control_line *l)
{
	struct strbuf *b = text;

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *m = &metrics[i];

		if (strcmp(m->line, l->word) != 0)
			continue;
		if (m->field != NULL && control_value(l, m->field) == NULL)
			continue;
		if (m->help != NULL)
			add_head(b, m->name, m->type, m->help);
		if (m->from == FROM_NAMES)
			add_names(b, m, l);
		else
			add_field(b, m, l);
	}
}

void status_metrics_end(struct strbuf *text, int code)
{
	if (code != EXIT_OK)
		strbuf_reset(text);
	add_head(text, "up", "gauge", "Whether the daemon has answered.");
	strbuf_printf(text, "relay_guard_up %d\n", code == EXIT_OK ? 1 : 0);
}
