#include "config/load.h"
void check_settings(const struct settings *settings, struct config_report *report)
{
    (void)settings;
    (void)report;
}
