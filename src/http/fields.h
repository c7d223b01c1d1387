/* Sets of field ids, for the parsers of this folder: a bit for each, as in http_fields.present. */
#ifndef TIDEGATE_HTTP_FIELDS_H
#define TIDEGATE_HTTP_FIELDS_H

#include "http/message.h"

#define FIELD_BIT(id) (UINT64_C(1) << (id))

/* See field_table.h for what the traits mean. */
extern const uint64_t http_fields_hop_by_hop;
extern const uint64_t http_fields_fixed;

/* Makes room for one more, in the arena. */
void http_fields_grow(struct http_fields *fields, struct arena *arena);

/* Takes the Content-Length fields of a response for one, where all say the same number (RFC 9110
 * section 8.6): the first is left, as one number. False: they do not; *refused is which. */
bool http_merge_lengths(struct http_fields *fields, uint64_t *length,
                        struct span *refused) MUST_CHECK;

/* Of the last field with that id: the one too many, of those that must be alone. ptr NULL: none. */
struct span http_fields_last_value(const struct http_fields *fields, enum http_field_id id);

/* Whether a field may stand in trailers (RFC 9110 section 6.5.1). */
bool http_field_may_be_trailer(const struct http_field *field);

#endif
