#include "base/utf8.h"

#include <uniwidth.h>

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

size_t utf8_width(uint32_t c)
{
	int width = uc_width(c, "UTF-8");

	return width < 0 ? 0 : (size_t)width;
}
