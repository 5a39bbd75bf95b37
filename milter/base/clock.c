#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static usec_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (usec_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

usec_t clock_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

usec_t clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

usec_t clock_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void clock_format(usec_t t, char text[CLOCK_TEXT_MAX])
{
	/* Rounds down before 1970, too. */
	usec_t part = (t % USEC_PER_SEC + USEC_PER_SEC) % USEC_PER_SEC;
	time_t seconds = (time_t)(t / USEC_PER_SEC - (t % USEC_PER_SEC < 0));
	unsigned ms = (unsigned)(part / USEC_PER_MSEC);
	char day[24] = "", zone[8] = "";
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	/* +hhmm becomes +hh:mm */
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(text, CLOCK_TEXT_MAX, "%s.%03u%.3s:%.2s", day, ms, zone, zone + 3);
}
