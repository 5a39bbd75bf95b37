#include "daemon/notify.h"

#include <stdint.h>

#include <systemd/sd-daemon.h>

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
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
	sd_notifyf(0, "STATUS=%s", status);
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
