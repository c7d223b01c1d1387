/* Credentials in a request's query and cookies: found, and taken out before servers see them. Pure.
 */
#ifndef TIDEGATE_EDGE_CREDENTIAL_H
#define TIDEGATE_EDGE_CREDENTIAL_H

#include "base/arena.h"
#include "base/span.h"

enum credential_place {
    CREDENTIAL_ABSENT,
    CREDENTIAL_ONE,
    CREDENTIAL_MANY /* two readers could take two of them for the one */
};

/* Of all pairs NAME=VALUE between `separator` ('&' of a query, ';' of cookies) the one whose name
 * this is, with regard to case and as it is written. *value is a part of `text`. */
enum credential_place credential_find(struct span text, char separator, struct span name,
                                      struct span *value) MUST_CHECK;
/* The next pair, which is off `text` then, as `find` sees it: what has no '=' has an empty value.
 * False: there is no more. */
bool credential_next(struct span *text, char separator, struct span *name,
                     struct span *value) MUST_CHECK;
/* The text without the pairs of that name. Empty: nothing is left. */
struct span credential_remove(struct span text, char separator, struct span name,
                              struct arena *arena) MUST_CHECK;

#endif
