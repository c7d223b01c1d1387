/* Parts of days: "08:00" to "18:00" from Monday to Friday. Pure, but for the machine's zone. */
#ifndef TIDEGATE_EDGE_HOURS_H
#define TIDEGATE_EDGE_HOURS_H

#include <stdint.h>

#include "base/span.h"
#include "settings/access_settings.h"

#define HOURS_DAY_MINUTES 1440

struct hours {
    unsigned from; /* minutes since midnight */
    unsigned until;
    unsigned days; /* on which it begins: bit 0 is Monday */
    enum hours_zone zone;
};

/* "08:00", up to "24:00". False: it is none. */
bool hours_parse_time(struct span text, unsigned *minutes) MUST_CHECK;
/* "mon", or "fri-mon"; adds to *days. */
bool hours_parse_days(struct span text, unsigned *days) MUST_CHECK;
/* Of settings that have been checked. */
struct hours hours_make(const struct hours_settings *settings);
/* `wall_s`: seconds since 1970. */
bool hours_have(const struct hours *hours, int64_t wall_s) MUST_CHECK;

#endif
