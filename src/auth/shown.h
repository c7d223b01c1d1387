/* Where requests show credentials: a field, a parameter of the query, a cookie. Found there, and
 * taken out before servers see them. */
#ifndef TIDEGATE_AUTH_SHOWN_H
#define TIDEGATE_AUTH_SHOWN_H

#include "base/arena.h"
#include "edge/credential.h"
#include "http/message.h"

struct shown_places {
    const char *field; /* NULL, as the others: none */
    const char *query;
    const char *cookie;
};

/* In all of the places together. */
enum credential_place shown_find(const struct http_request *request,
                                 const struct shown_places *places, struct span *value) MUST_CHECK;
void shown_strip(struct http_request *request, const struct shown_places *places,
                 struct arena *arena);

#endif
