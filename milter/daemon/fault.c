#include "daemon/fault.h"

#include <stdarg.h>
#include <stdio.h>

bool fault_set(struct fault *f, int code, const char *format, ...)
{
	va_list args;

	if (f->code != EXIT_OK)
		return false;
	f->code = code;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	return false;
}
