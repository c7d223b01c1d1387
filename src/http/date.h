/* Dates as HTTP writes them (RFC 9110 section 5.6.7), without the locale or the time zone. */
#ifndef TIDEGATE_HTTP_DATE_H
#define TIDEGATE_HTTP_DATE_H

#include <stdbool.h>
#include <time.h>

#include "base/span.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL. */
#define HTTP_DATE_SIZE 30

/* IMF-fixdate. A time outside the years 1970 to 9999 becomes the nearer end of them. */
void http_date_format(time_t t, char text[HTTP_DATE_SIZE]);
/* The three forms a recipient must accept: IMF-fixdate, the obsolete RFC 850 form and asctime's.
 * Exact: case, spaces, digits and the day of the month count; the day of the week must be the right
 * one where the year has four digits. Years before 1970 are refused. */
bool http_date_parse(struct span text, time_t *t) MUST_CHECK;
/* The same with the clock given: a two-digit year that seems more than 50 years ahead of `now` is
 * the last past one with these digits. */
bool http_date_parse_at(struct span text, time_t now, time_t *t) MUST_CHECK;

#endif
