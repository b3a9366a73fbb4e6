#ifndef PHOTOD_WEB_STRANGERS_H
#define PHOTOD_WEB_STRANGERS_H

#include "lawapi/problem.h"

/*
 * Refusals to clients nobody knows are counted by problem; once a minute
 * the vault gets the counts and writes one leaf for each, so that a flood
 * cannot fill the audit log.
 */
#define STRANGERS_PERIOD_MS 60000

void strangers_count(enum problem problem);
/* Sends the counts that are not zero; what cannot be sent counts on. */
void strangers_send(void);

#endif
