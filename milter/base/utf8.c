#include "base/utf8.h"

#include <stdbool.h>

size_t utf8_decode(const char *s, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s;
	size_t need = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (need == 1) {
		*c = p[0];
		return 1;
	}
	if (need > len || (need == 4 && (p[0] & 0xf8) != 0xf0))
		return 0;
	*c = p[0] & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if (*c < least[need] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return need;
}

struct range {
	uint32_t first, last;
};

static bool is_in(const struct range *all, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count; i++)
		if (c >= all[i].first && c <= all[i].last)
			return true;
	return false;
}

size_t utf8_width(uint32_t c)
{
	static const struct range marks[] = {
	    {0x0300, 0x036f},
	    {0x0483, 0x0489},
	    {0x0591, 0x05bd},
	    {0x064b, 0x065f},
	    {0x0e34, 0x0e3a},
	    {0x1ab0, 0x1aff},
	    {0x1dc0, 0x1dff},
	    {0x20d0, 0x20ff},
	    {0xfe00, 0xfe0f},
	    {0xfe20, 0xfe2f},
	    {0xe0100, 0xe01ef},
	};
	static const struct range wide[] = {
	    {0x1100, 0x115f},
	    {0x231a, 0x231b},
	    {0x2329, 0x232a},
	    {0x23e9, 0x23ec},
	    {0x2614, 0x2615},
	    {0x2648, 0x2653},
	    {0x26a1, 0x26a1},
	    {0x2705, 0x2705},
	    {0x274c, 0x274c},
	    {0x2753, 0x2757},
	    {0x2e80, 0x303e},
	    {0x3041, 0xa4cf},
	    {0xa960, 0xa97c},
	    {0xac00, 0xd7a3},
	    {0xf900, 0xfaff},
	    {0xfe30, 0xfe6f},
	    {0xff01, 0xff60},
	    {0xffe0, 0xffe6},
	    {0x16fe0, 0x18dff},
	    {0x1aff0, 0x1b2ff},
	    {0x1f004, 0x1f004},
	    {0x1f0cf, 0x1f0cf},
	    {0x1f18e, 0x1f19a},
	    {0x1f200, 0x1f265},
	    {0x1f300, 0x1f64f},
	    {0x1f680, 0x1f6ff},
	    {0x1f7e0, 0x1f7f0},
	    {0x1f900, 0x1faff},
	    {0x20000, 0x3fffd},
	};

	if (c < marks[0].first)
		return 1;
	if (is_in(marks, sizeof(marks) / sizeof(*marks), c))
		return 0;
	return is_in(wide, sizeof(wide) / sizeof(*wide), c) ? 2 : 1;
}
