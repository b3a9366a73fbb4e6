#ifndef PHOTOD_PARENT_NOTIFY_H
#define PHOTOD_PARENT_NOTIFY_H

#include <stdint.h>

/* What the service manager is told (sd_notify(3)); silent where there is none. */

/* Started in full; status is for `systemctl status`. */
void notify_ready(const char *status);
void notify_status(const char *status);
void notify_stopping(void);
void notify_watchdog(void);
/* How often notify_watchdog() is due.  0: nobody watches. */
int64_t notify_watchdog_ms(void);

#endif
