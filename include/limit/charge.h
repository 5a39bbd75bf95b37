/*
 * Charging in this host's own table: what limit/store.h does where limits are not shared, and what
 * it does beside the server where they are. The items' tags must be set.
 */
#ifndef LIMIT_CHARGE_H
#define LIMIT_CHARGE_H

#include "limit/store.h"

/* What a charge of its units costs, of the time that the rate refills in. */
nsec_t charge_cost(const struct store_item *it);

/* Notes in the item that it was admitted or not, and owes until `tat`. */
void charge_tell(struct store_item *it, bool admitted, nsec_t tat, nsec_t now);

/* Tells of each what would come of it, and writes nothing. False: not all that are hard fit. */
bool charge_look(const struct table *t, struct store_item *items, size_t count, nsec_t now);

/* False: it is exceeded, and not charged. */
bool charge_one(const struct table *t, struct store_item *it, nsec_t now);

/* All or none, as store_charge(). */
bool charge_all(const struct table *t, struct store_item *items, size_t count, nsec_t now);

void charge_refund(const struct table *t, const struct store_receipt *r, nsec_t amount, nsec_t now);

#endif
