/* What `relay-guard status` is told, as Prometheus reads it. */
#ifndef TOOL_STATUS_METRICS_H
#define TOOL_STATUS_METRICS_H

#include "base/strbuf.h"
#include "wire/control.h"

/* A line of the reply; `text` is a struct strbuf. Lines that have no numbers of interest add none.
 */
void status_metrics_line(void *text, const struct control_line *l);

/* Ends what the lines have added; `code` is that of the reply: without one, that alone is said. */
void status_metrics_end(struct strbuf *text, int code);

#endif
