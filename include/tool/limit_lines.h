/* How keys of limits are printed, by `limits` and by `top`. */
#ifndef TOOL_LIMIT_LINES_H
#define TOOL_LIMIT_LINES_H

#include "wire/control.h"

/* One line of a reply to `limits key=` or `top`. `begun` is a bool: false before the first. */
void limit_lines_print(void *begun, const struct control_line *l);

#endif
