/* The limits of heads, for requests and for responses. */
#ifndef TIDEGATE_EDGE_HEAD_LIMITS_H
#define TIDEGATE_EDGE_HEAD_LIMITS_H

#include "edge/head_mend.h"
#include "http/h1_parse.h"
#include "http/h2_fields.h"
#include "settings/settings.h"

struct h1_limits head_limits_h1(const struct limits_settings *limits, enum head_of of);
struct h2_limits head_limits_h2(const struct limits_settings *limits, enum head_of of);

#endif
