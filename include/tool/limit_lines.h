/* How keys of limits are printed, by `limits` and by `top`. */
#ifndef TOOL_LIMIT_LINES_H
#define TOOL_LIMIT_LINES_H

#include "wire/control.h"

void limit_lines_head(void);

/* One line of a reply to `limits key=` or `top`. */
void limit_lines_print(const struct control_line *l);

#endif
