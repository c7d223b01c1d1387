/* Private keys that everybody on the machine can read: a warning of `tidegate check`. */
#ifndef TIDEGATE_CERTS_KEY_MODES_H
#define TIDEGATE_CERTS_KEY_MODES_H

#include "config/report.h"

/* Files that cannot be looked at are somebody else's to complain of. */
void key_modes_check(const struct settings *settings, struct config_report *report);

#endif
