#include "http/date.h"

#include <stdint.h>

#include "base/clock.h"

static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

#define SECONDS_PER_DAY 86400
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31 23:59:59 */

struct date {
    unsigned year;
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned weekday; /* 0: Sunday */
};

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

/* Days from 1970-01-01 to the first of January; year >= 1970. */
static unsigned days_before_year(unsigned year)
{
    unsigned y = year - 1;

    return (year - 1970) * 365 + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
           (y / 400 - 1969 / 400);
}

static unsigned days_of(const struct date *date)
{
    unsigned days = days_before_year(date->year) + date->day - 1;

    for (unsigned month = 1; month < date->month; month++) {
        days += days_in_month(date->year, month);
    }
    return days;
}

/* 1970-01-01 was a Thursday. */
static unsigned weekday_of(unsigned days)
{
    return (days + 4) % 7;
}

static void date_from_days(unsigned days, struct date *date)
{
    unsigned year = 1970 + days / 366;

    while (days >= days_before_year(year + 1)) {
        year++;
    }
    date->weekday = weekday_of(days);
    days -= days_before_year(year);
    date->year = year;
    date->month = 1;
    while (days >= days_in_month(year, date->month)) {
        days -= days_in_month(year, date->month);
        date->month++;
    }
    date->day = days + 1;
}

static char *put_digits(char *at, unsigned n, int width)
{
    for (int i = width; i-- > 0; n /= 10) {
        at[i] = (char)('0' + n % 10);
    }
    return at + width;
}

void http_date_format(time_t t, char text[HTTP_DATE_SIZE])
{
    int64_t seconds = t < 0 ? 0 : t > LAST_SECOND ? LAST_SECOND : t;
    unsigned of_day = (unsigned)(seconds % SECONDS_PER_DAY);
    struct date date;
    char *at = text;

    date_from_days((unsigned)(seconds / SECONDS_PER_DAY), &date);
    memcpy(at, day_names[date.weekday], 3);
    memcpy(at + 3, ", ", 2);
    at = put_digits(at + 5, date.day, 2);
    *at++ = ' ';
    memcpy(at, month_names + (size_t)(date.month - 1) * 3, 3);
    at[3] = ' ';
    at = put_digits(at + 4, date.year, 4);
    *at++ = ' ';
    at = put_digits(at, of_day / 3600, 2);
    *at++ = ':';
    at = put_digits(at, of_day / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, of_day % 60, 2);
    memcpy(at, " GMT", 5);
}

/* Takes parts off the front of a span; once one fails, all that follow do. */
struct date_reader {
    struct span left;
    bool failed;
};

static void take_text(struct date_reader *r, struct span literal)
{
    if (r->failed || !span_starts_with(r->left, literal)) {
        r->failed = true;
        return;
    }
    r->left = span_skip(r->left, literal.len);
}

static unsigned take_digits(struct date_reader *r, size_t width)
{
    uint64_t n;

    if (r->failed || r->left.len < width || !span_to_u64(span_head(r->left, width), 9999, &n)) {
        r->failed = true;
        return 0;
    }
    r->left = span_skip(r->left, width);
    return (unsigned)n;
}

static unsigned take_month(struct date_reader *r)
{
    for (unsigned i = 0; !r->failed && i < 12 && r->left.len >= 3; i++) {
        if (memcmp(r->left.ptr, month_names + (size_t)i * 3, 3) == 0) {
            r->left = span_skip(r->left, 3);
            return i + 1;
        }
    }
    r->failed = true;
    return 0;
}

/* The whole name, or its first three letters. */
static unsigned take_weekday(struct date_reader *r, bool is_whole)
{
    for (unsigned i = 0; i < 7; i++) {
        struct span name = span_make(day_names[i], is_whole ? strlen(day_names[i]) : 3);
        if (!r->failed && span_starts_with(r->left, name)) {
            r->left = span_skip(r->left, name.len);
            return i;
        }
    }
    r->failed = true;
    return 0;
}

static void take_time(struct date_reader *r, struct date *date)
{
    date->hour = take_digits(r, 2);
    take_text(r, SPAN_OF(":"));
    date->minute = take_digits(r, 2);
    take_text(r, SPAN_OF(":"));
    date->second = take_digits(r, 2);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static void take_fixdate(struct date_reader *r, struct date *date)
{
    date->weekday = take_weekday(r, false);
    take_text(r, SPAN_OF(", "));
    date->day = take_digits(r, 2);
    take_text(r, SPAN_OF(" "));
    date->month = take_month(r);
    take_text(r, SPAN_OF(" "));
    date->year = take_digits(r, 4);
    take_text(r, SPAN_OF(" "));
    take_time(r, date);
    take_text(r, SPAN_OF(" GMT"));
}

/* "Sunday, 06-Nov-94 08:49:37 GMT"; the year is left at its two digits. */
static void take_rfc850(struct date_reader *r, struct date *date)
{
    date->weekday = take_weekday(r, true);
    take_text(r, SPAN_OF(", "));
    date->day = take_digits(r, 2);
    take_text(r, SPAN_OF("-"));
    date->month = take_month(r);
    take_text(r, SPAN_OF("-"));
    date->year = take_digits(r, 2);
    take_text(r, SPAN_OF(" "));
    take_time(r, date);
    take_text(r, SPAN_OF(" GMT"));
}

/* "Sun Nov  6 08:49:37 1994" */
static void take_asctime(struct date_reader *r, struct date *date)
{
    date->weekday = take_weekday(r, false);
    take_text(r, SPAN_OF(" "));
    date->month = take_month(r);
    take_text(r, SPAN_OF(" "));
    if (r->left.len != 0 && r->left.ptr[0] == ' ') {
        r->left = span_skip(r->left, 1);
        date->day = take_digits(r, 1);
    } else {
        date->day = take_digits(r, 2);
    }
    take_text(r, SPAN_OF(" "));
    take_time(r, date);
    take_text(r, SPAN_OF(" "));
    date->year = take_digits(r, 4);
}

/* second = 60 is a leap second, which the grammar allows and time_t has no number for: it is the
 * next minute's first. */
static bool to_time(const struct date *date, bool check_weekday, time_t *t)
{
    if (date->year < 1970 || date->day == 0 || date->day > days_in_month(date->year, date->month) ||
        date->hour > 23 || date->minute > 59 || date->second > 60) {
        return false;
    }
    unsigned days = days_of(date);
    if (check_weekday && weekday_of(days) != date->weekday) {
        return false;
    }
    *t = (time_t)days * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second;
    return true;
}

/* RFC 9110 section 5.6.7: "Recipients of a timestamp value in rfc850-date format, which uses a
 * two-digit year, MUST interpret a timestamp that appears to be more than 50 years in the future as
 * representing the most recent year in the past that had the same last two digits." */
static unsigned full_year(unsigned two_digits, time_t now)
{
    struct date today = {0};

    date_from_days((unsigned)((now < 0             ? 0
                               : now > LAST_SECOND ? LAST_SECOND
                                                   : now) /
                              SECONDS_PER_DAY),
                   &today);
    unsigned year = today.year - today.year % 100 + two_digits;
    return year > today.year + 50 ? year - 100 : year;
}

bool http_date_parse_at(struct span text, time_t now, time_t *t)
{
    struct date_reader reader = {text, false};
    struct date date = {0};
    bool is_rfc850 = false;

    if (text.len < 4) {
        return false;
    }
    if (text.ptr[3] == ',') {
        take_fixdate(&reader, &date);
    } else if (text.ptr[3] == ' ') {
        take_asctime(&reader, &date);
    } else {
        is_rfc850 = true;
        take_rfc850(&reader, &date);
        date.year = full_year(date.year, now);
    }
    return !reader.failed && reader.left.len == 0 && to_time(&date, !is_rfc850, t);
}

bool http_date_parse(struct span text, time_t *t)
{
    return http_date_parse_at(text, clock_wall_s(), t);
}
