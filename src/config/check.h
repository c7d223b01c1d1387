/* Cross-checks: what is wrong between directives that are each right. No I/O. */
#ifndef TIDEGATE_CONFIG_CHECK_H
#define TIDEGATE_CONFIG_CHECK_H

#include "config/report.h"
#include "settings/settings.h"

void check_settings(const struct settings *settings, struct config_report *report);

#endif
