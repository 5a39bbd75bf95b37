#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/strbuf.h"

enum { LINE_MAX_BYTES = 2048 };

static atomic_int threshold = LOG_LEVEL_NOTICE;
static _Atomic(const char *) role;
static atomic_bool to_syslog;

static const struct {
	int priority;
	const char *word;
} levels[] = {
    [LOG_LEVEL_ERROR] = {LOG_ERR, "error: "},
    [LOG_LEVEL_WARNING] = {LOG_WARNING, "warning: "},
    [LOG_LEVEL_NOTICE] = {LOG_NOTICE, ""},
    [LOG_LEVEL_INFO] = {LOG_INFO, ""},
    [LOG_LEVEL_DEBUG] = {LOG_DEBUG, "debug: "},
};

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_set_role(const char *name)
{
	role = name;
}

void log_open_syslog(void)
{
	openlog("relay-guard", LOG_PID | LOG_NDELAY, LOG_MAIL);
	to_syslog = true;
}

/* Under systemd standard error is the journal, which reads <N> as the priority. */
static bool stderr_is_journal(void)
{
	return getenv("JOURNAL_STREAM") != NULL;
}

__attribute__((format(printf, 2, 0))) static void log_line(
    enum log_level level, const char *format, va_list args)
{
	struct strbuf line = {.max = LINE_MAX_BYTES};
	char raw[LINE_MAX_BYTES], prefix[16] = "";
	const char *name = role;
	int len, saved = errno;

	if ((int)level > threshold)
		return;
	len = vsnprintf(raw, sizeof(raw), format, args);
	if (len < 0)
		return;
	if (name != NULL)
		strbuf_printf(&line, "%s: ", name);
	strbuf_puts(&line, levels[level].word);
	escape_text(&line, raw, strnlen(raw, sizeof(raw)));
	if (to_syslog)
		syslog(levels[level].priority, "%s", strbuf_text(&line));
	if (stderr_is_journal())
		snprintf(prefix, sizeof(prefix), "<%d>", levels[level].priority);
	/* With both, the journal would hold each line twice. */
	if (!to_syslog || prefix[0] == '\0')
		fprintf(
		    stderr, "%srelay-guard[%d]: %s\n", prefix, (int)getpid(), strbuf_text(&line));
	strbuf_free(&line);
	errno = saved;
}

#define LOG_FUNCTION(name, level)                                                                  \
	void name(const char *format, ...)                                                         \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, format);                                                            \
		log_line(level, format, args);                                                     \
		va_end(args);                                                                      \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_notice, LOG_LEVEL_NOTICE)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
