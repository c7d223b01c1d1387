#include "edge/hours.h"

#include <string.h>
#include <time.h>

#define DAYS 7U
#define EVERY_DAY 0x7fU

static int digit(struct span text, size_t at)
{
    return ascii_is_digit(text.ptr[at]) ? text.ptr[at] - '0' : -1;
}

bool hours_parse_time(struct span text, unsigned *minutes)
{
    int d[4];

    if (text.len != 5 || text.ptr[2] != ':') {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        d[i] = digit(text, i + (i >= 2));
        if (d[i] < 0) {
            return false;
        }
    }
    *minutes = (unsigned)(60 * (10 * d[0] + d[1]) + 10 * d[2] + d[3]);
    return d[2] < 6 && *minutes <= HOURS_DAY_MINUTES;
}

static unsigned day_of(struct span text)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

    for (unsigned i = 0; i < DAYS; i++) {
        if (span_ieq(text, span_from_cstr(names[i]))) {
            return i;
        }
    }
    return DAYS;
}

bool hours_parse_days(struct span text, unsigned *days)
{
    size_t dash = span_find(text, '-');
    unsigned first = day_of(span_head(text, dash));
    unsigned last = dash < text.len ? day_of(span_skip(text, dash + 1)) : first;

    if (first == DAYS || last == DAYS) {
        return false;
    }
    for (unsigned day = first;; day = (day + 1) % DAYS) {
        *days |= 1U << day;
        if (day == last) {
            return true;
        }
    }
}

struct hours hours_make(const struct hours_settings *settings)
{
    struct hours hours = {.zone = settings->zone};

    CHECK(hours_parse_time(span_from_cstr(settings->from), &hours.from) &&
          hours_parse_time(span_from_cstr(settings->until), &hours.until));
    for (size_t i = 0; i < settings->days.count; i++) {
        CHECK(hours_parse_days(span_from_cstr(settings->days.items[i]), &hours.days));
    }
    if (hours.days == 0) {
        hours.days = EVERY_DAY;
    }
    return hours;
}

bool hours_have(const struct hours *hours, int64_t wall_s)
{
    time_t second = (time_t)wall_s;
    struct tm parts;
    unsigned minute;
    unsigned today;

    if ((hours->zone == HOURS_LOCAL ? localtime_r(&second, &parts) : gmtime_r(&second, &parts)) ==
        NULL) {
        return false;
    }
    minute = (unsigned)(60 * parts.tm_hour + parts.tm_min);
    today = ((unsigned)parts.tm_wday + DAYS - 1) % DAYS;
    if (hours->from < hours->until) {
        return (hours->days >> today & 1) != 0 && minute >= hours->from && minute < hours->until;
    }
    /* What began today, or yesterday. */
    return ((hours->days >> today & 1) != 0 && minute >= hours->from) ||
           ((hours->days >> (today + DAYS - 1) % DAYS & 1) != 0 && minute < hours->until);
}
