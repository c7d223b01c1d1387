#include "gateway/request_copy.h"

static struct span copy(struct arena *arena, struct span text)
{
    return text.ptr != NULL ? arena_copy(arena, text) : text;
}

void request_copy_fields(struct http_fields *to, const struct http_fields *from,
                         struct arena *arena, bool (*leaves_out)(const struct http_field *field))
{
    for (size_t i = 0; i < from->count; i++) {
        const struct http_field *field = &from->items[i];
        if (!field->is_not_sent && (leaves_out == NULL || !leaves_out(field))) {
            http_fields_add(to, arena, field->id, copy(arena, field->name),
                            copy(arena, field->value));
        }
    }
}

void request_copy(struct http_request *to, const struct http_request *from, struct arena *arena,
                  bool (*leaves_out)(const struct http_field *field))
{
    *to = *from;
    to->method_name = copy(arena, from->method_name);
    to->target = copy(arena, from->target);
    to->path = copy(arena, from->path);
    to->query = copy(arena, from->query);
    to->scheme = copy(arena, from->scheme);
    to->authority = copy(arena, from->authority);
    to->host = copy(arena, from->host);
    to->upgrade = to->refused = span_make(NULL, 0);
    to->expects_continue = false;
    to->fields = (struct http_fields){0};
    request_copy_fields(&to->fields, &from->fields, arena, leaves_out);
}
