/* Which of the pages of `errors` stands for a status, and when it may stand in for what a server
 * answers. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_ERROR_PAGES_H
#define TIDEGATE_EDGE_ERROR_PAGES_H

#include "http/message.h"
#include "settings/settings.h"

/* Its own page first, then that of its class (4xx, 5xx). `has`: which of the ERROR_PAGES there are.
 * -1: none. */
int error_page_of(unsigned status, const bool has[ERROR_PAGES]) MUST_CHECK;
/* "404", "5xx"; of the index of errors_settings.pages. */
const char *error_page_status(size_t index);

/* Whether a server's answer with such a status is for a person: of no type, text or HTML. What is
 * for a program (JSON, XML, gRPC, a challenge to be read) stays. */
bool error_page_may_replace(const struct http_response *response) MUST_CHECK;
/* Marks the fields that describe the body that is not sent (RFC 9110 section 8). */
void error_page_drop_fields(struct http_fields *fields);

#endif
