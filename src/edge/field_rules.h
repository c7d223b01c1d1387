/* What is done to the fields of messages that pass: `request_fields` and `response_fields` of a
 * site and of its routes. Built once from the settings, then applied to each message, after what
 * the gateway itself says of it. No I/O.
 *
 * First the site's rules, then the route's, each in this order: remove, set, add, default.
 * Values are of the message as it came, whatever the rules take off it; one that comes out empty
 * makes no field. */
#ifndef TIDEGATE_EDGE_FIELD_RULES_H
#define TIDEGATE_EDGE_FIELD_RULES_H

#include "edge/template.h"
#include "http/message.h"
#include "settings/settings.h"

struct field_rules;

/* Of the site, and of one of its routes (NULL: where no route was found). NULL: there are none. All
 * of it lives in the arena; the texts are those of the settings, which were checked. */
const struct field_rules *field_rules_of_request(const struct site_settings *site,
                                                 const struct route_settings *route,
                                                 struct arena *arena);
const struct field_rules *field_rules_of_response(const struct site_settings *site,
                                                  const struct route_settings *route,
                                                  struct arena *arena);

/* Fields that were there and are to go are marked as those of one hop; new ones live in the arena.
 * In requests a name stands for its other spellings, too, which a server's variables do not tell
 * from it (edge/field_senders.h). is_https: as the client sees it. */
void field_rules_apply(const struct field_rules *rules, bool is_https,
                       const struct template_values *values, struct http_fields *fields,
                       struct arena *arena);
/* Trailers: those that are removed from heads are removed there, too, and so are those that are
 * set. Nothing is added to them. */
void field_rules_apply_to_trailers(const struct field_rules *rules, struct http_fields *trailers);

/* Whether a rule may touch a field of that name in requests (of_request) or responses: not those
 * that the gateway's own work rests on. *instead: what to write; may be NULL. */
bool field_rules_may_name(struct span name, bool of_request, const char **instead);

/* Whether a name fits a pattern of `remove`: with a '*' at its end, what begins so; in any case. */
bool field_rules_pattern_fits(struct span pattern, struct span name);

#endif
