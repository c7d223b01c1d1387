/* Which limit an error of a head is about, in words for whoever sets it. */
#ifndef TIDEGATE_EDGE_HEAD_MEND_H
#define TIDEGATE_EDGE_HEAD_MEND_H

#include "http/h1_parse.h"
#include "http/h2_fields.h"

/* EITHER: in a text for both. */
enum head_of { HEAD_OF_REQUEST, HEAD_OF_RESPONSE, HEAD_OF_EITHER };

/* What to do about an error: names the limit that struck, if one did. NULL: no limit did, and it is
 * no server's fault in particular. Static. */
const char *head_mend_h1(enum h1_error error, enum head_of of);
const char *head_mend_h2(enum h2_error error, enum head_of of);

#endif
