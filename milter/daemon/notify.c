#include "daemon/notify.h"

#include <stdint.h>

#include <systemd/sd-daemon.h>

enum { STATUS_MAX = 1024 };

/* A line break would begin another assignment. */
static void put_status(const char *before, const char *status)
{
	char line[STATUS_MAX];
	size_t n = 0;

	for (; status[n] != '\0' && n + 1 < sizeof(line); n++)
		line[n] = (char)((unsigned char)status[n] < ' ' ? ' ' : status[n]);
	line[n] = '\0';
	sd_notifyf(0, "%sSTATUS=%s", before, line);
}

void notify_ready(const char *status)
{
	put_status("READY=1\n", status);
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=finishing sessions");
}

void notify_status(const char *status)
{
	put_status("", status);
}

usec_t notify_interval(void)
{
	uint64_t timeout = 0;

	return sd_watchdog_enabled(0, &timeout) > 0 ? (usec_t)(timeout / 2) : 0;
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
