/* The limits of heads, for requests and for responses, and which of them an error is about. */
#ifndef TIDEGATE_GATEWAY_HEAD_LIMITS_H
#define TIDEGATE_GATEWAY_HEAD_LIMITS_H

#include "config/settings.h"
#include "http/h1_parse.h"
#include "http/h2_fields.h"

/* EITHER: in a text for both. */
enum head_of { HEAD_OF_REQUEST, HEAD_OF_RESPONSE, HEAD_OF_EITHER };

struct h1_limits head_limits_h1(const struct limits_settings *limits, enum head_of of);
struct h2_limits head_limits_h2(const struct limits_settings *limits, enum head_of of);

/* What to do about an error: names the limit that struck, if one did. NULL: no limit did, and it is
 * no server's fault in particular. Static. */
const char *head_limits_mend_h1(enum h1_error error, enum head_of of);
const char *head_limits_mend_h2(enum h2_error error, enum head_of of);

#endif
