/* Rules for single texts of what sites and routes say of answers. */
#ifndef TIDEGATE_CONFIG_ANSWER_RULES_H
#define TIDEGATE_CONFIG_ANSWER_RULES_H

#include "base/span.h"
#include "config/complaint.h"

/* An origin (RFC 6454), with a pattern in place of its first labels, or a star for all. */
bool rule_origin(struct span text, struct complaint *complaint) MUST_CHECK;
/* A field's name, or "*". */
bool rule_cors_field(struct span text, struct complaint *complaint) MUST_CHECK;
/* A value of Link (RFC 8288): "</app.css>; rel=preload; as=style". */
bool rule_link(struct span text, struct complaint *complaint) MUST_CHECK;
/* A media type, perhaps with parameters. */
bool rule_media_type(struct span text, struct complaint *complaint) MUST_CHECK;

#endif
