#include "http/own_answer.h"

void own_answer_fields(unsigned status, struct span type, const struct refusal_facts *facts,
                       struct arena *arena, struct http_fields *fields)
{
    if (facts->body.ptr == NULL) {
        http_fields_add(fields, arena, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"), type);
        http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("X-Content-Type-Options"),
                        SPAN_OF("nosniff"));
    }
    http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("Cache-Control"), SPAN_OF("no-store"));
    if (status == 405) {
        http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("Allow"),
                        facts->allow.ptr != NULL ? facts->allow : SPAN_OF(""));
    }
    if (status == 416 && facts->content_range.ptr != NULL) {
        http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("Content-Range"), facts->content_range);
    }
    for (size_t i = 0; facts->more != NULL && i < facts->more->count; i++) {
        const struct http_field *field = &facts->more->items[i];
        http_fields_add(fields, arena, field->id, field->name, field->value);
    }
    if ((status == 429 || status == 503) &&
        http_fields_find_name(fields, SPAN_OF("Retry-After")) == NULL) {
        http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("Retry-After"),
                        SPAN_OF(OWN_ANSWER_RETRY_AFTER));
    }
}
