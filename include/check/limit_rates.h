/* The rates of a limit, made of what its section has, and its overrides. */
#ifndef CHECK_LIMIT_RATES_H
#define CHECK_LIMIT_RATES_H

#include "check/limit.h"

/*
 * Fills l->window and l->overrides from l->rates, l->burst, l->widen and l->override_texts. False:
 * what is wrong was told, all of the overrides in one go.
 */
bool limit_make_rates(struct conf_reader *r, struct limit_settings *l);

#endif
