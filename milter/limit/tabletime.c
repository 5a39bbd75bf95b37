#include "limit/tabletime.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" */
static void parse_id(const char *text, size_t len, uint8_t id[BOOT_ID_SIZE])
{
	unsigned nibbles = 0;

	memset(id, 0, BOOT_ID_SIZE);
	for (size_t i = 0; i < len && nibbles < 2 * BOOT_ID_SIZE; i++) {
		int d = digit(text[i]);

		if (d < 0)
			continue;
		id[nibbles / 2] = (uint8_t)(id[nibbles / 2] << 4 | d);
		nibbles++;
	}
	if (nibbles < 2 * BOOT_ID_SIZE)
		memset(id, 0, BOOT_ID_SIZE);
}

void boot_read(struct boot *out)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	parse_id(text, n < 0 ? 0 : (size_t)n, out->id);
	out->uptime = clock_boot();
	out->wall = clock_now();
}

static bool same_boot(const struct boot *a, const struct boot *b)
{
	static const uint8_t unknown[BOOT_ID_SIZE];

	return memcmp(a->id, unknown, BOOT_ID_SIZE) != 0 &&
	       memcmp(a->id, b->id, BOOT_ID_SIZE) == 0 && a->uptime <= b->uptime;
}

nsec_t tabletime_offset(const struct tabletime *last, const struct boot *now)
{
	usec_t passed;

	if (last == NULL)
		return (now->wall - now->uptime) * NSEC_PER_USEC;
	if (same_boot(&last->boot, now))
		return last->table - last->boot.uptime * NSEC_PER_USEC;
	passed = now->wall > last->boot.wall ? now->wall - last->boot.wall : 0;
	return last->table + (passed - now->uptime) * NSEC_PER_USEC;
}
