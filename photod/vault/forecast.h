#ifndef PHOTOD_VAULT_FORECAST_H
#define PHOTOD_VAULT_FORECAST_H

#include "photod/vault/vault.h"

/*
 * How many of today's photos end in each month to come, by district.  It
 * reads every child, some at a time: the doors have their turn in between.
 */
void answer_forecast(struct vault *v, struct peer *p, struct message *m);

#endif
