/*
 * What the program says of itself (not of the mail: that is an event). Goes
 * to standard error, with a systemd priority prefix when the journal reads it,
 * and to syslog (facility mail) once log_open_syslog() was called.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Messages above `level` are dropped. The default is LOG_LEVEL_NOTICE. */
void log_set_level(enum log_level level);

/* Names the process in every line, e.g. "master" or "worker 2". The string must stay. */
void log_set_role(const char *role);

void log_open_syslog(void);

/*
 * One line; the text is escaped here, so arguments may come from outside.
 * Thread-safe. Longer lines are cut at 2,048 bytes. errno stays as it was.
 */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
