/* Cross-origin requests by browsers ("CORS protocol" of the Fetch standard): which origin's pages
 * may read an answer, and the answer to a preflight. Whatever it says, it keeps nobody from asking:
 * the browser keeps the answer from the page. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_CORS_H
#define TIDEGATE_EDGE_CORS_H

#include "base/arena.h"
#include "http/message.h"
#include "settings/settings.h"

/* OPTIONS with Origin and Access-Control-Request-Method; *method: the one that is asked about. */
bool cors_is_preflight(const struct http_request *request, struct span *method) MUST_CHECK;

/* Whether the value of Origin is one of those of the settings. "null", which is anybody's sandbox,
 * is one only where all are. */
bool cors_allows(const struct cors_settings *cors, struct span origin) MUST_CHECK;

/* Fills the fields of the answer to a preflight (204). */
void cors_answer_preflight(const struct cors_settings *cors, const struct http_request *request,
                           struct arena *arena, struct http_fields *fields);
/* The fields of any other answer: what it says of CORS itself is marked as not sent. */
void cors_add(const struct cors_settings *cors, const struct http_request *request,
              struct arena *arena, struct http_fields *fields);

#endif
