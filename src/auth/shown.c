#include "auth/shown.h"

/* What was found in one more place. False: it is one too many. */
static bool add(struct span *key, enum credential_place place, struct span value)
{
    if (place == CREDENTIAL_ABSENT) {
        return true;
    }
    if (place == CREDENTIAL_MANY || key->ptr != NULL) {
        return false;
    }
    *key = value;
    return true;
}

static enum credential_place find_field(const struct http_fields *fields, struct span name,
                                        struct span *value)
{
    enum credential_place place = CREDENTIAL_ABSENT;

    for (size_t i = 0; i < fields->count; i++) {
        if (span_ieq(fields->items[i].name, name)) {
            if (place == CREDENTIAL_ONE) {
                return CREDENTIAL_MANY;
            }
            place = CREDENTIAL_ONE;
            *value = fields->items[i].value;
        }
    }
    return place;
}

static enum credential_place find_cookie(const struct http_fields *fields, struct span name,
                                         struct span *value)
{
    struct span key = {NULL, 0};
    struct span one = {NULL, 0};

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_COOKIE &&
            !add(&key, credential_find(fields->items[i].value, ';', name, &one), one)) {
            return CREDENTIAL_MANY;
        }
    }
    *value = key;
    return key.ptr != NULL ? CREDENTIAL_ONE : CREDENTIAL_ABSENT;
}

enum credential_place shown_find(const struct http_request *request,
                                 const struct shown_places *places, struct span *value)
{
    struct span found = {NULL, 0};
    struct span one = {NULL, 0};
    bool is_one = true;

    if (places->field != NULL) {
        is_one =
            add(&found, find_field(&request->fields, span_from_cstr(places->field), &one), one);
    }
    if (is_one && places->query != NULL) {
        is_one = add(
            &found, credential_find(request->query, '&', span_from_cstr(places->query), &one), one);
    }
    if (is_one && places->cookie != NULL) {
        is_one =
            add(&found, find_cookie(&request->fields, span_from_cstr(places->cookie), &one), one);
    }
    *value = found;
    return !is_one ? CREDENTIAL_MANY : found.ptr != NULL ? CREDENTIAL_ONE : CREDENTIAL_ABSENT;
}

static void strip_query(struct http_request *request, struct span name, struct arena *arena)
{
    struct span left = credential_remove(request->query, '&', name, arena);
    size_t path = request->target.len - request->query.len;

    if (left.len == request->query.len) {
        return;
    }
    request->target =
        span_from_cstr(arena_printf(arena, "%.*s%.*s", (int)(left.len == 0 ? path - 1 : path),
                                    request->target.ptr, SPAN_ARG(left)));
    request->query = left.len == 0 ? span_make(NULL, 0) : left;
}

static void strip_cookie(struct http_fields *fields, struct span name, struct arena *arena)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        if (field->id == FIELD_COOKIE) {
            field->value = credential_remove(field->value, ';', name, arena);
            field->is_not_sent |= field->value.len == 0;
        }
    }
}

void shown_strip(struct http_request *request, const struct shown_places *places,
                 struct arena *arena)
{
    for (size_t i = 0; places->field != NULL && i < request->fields.count; i++) {
        if (span_ieq(request->fields.items[i].name, span_from_cstr(places->field))) {
            request->fields.items[i].is_not_sent = true;
        }
    }
    if (places->query != NULL && request->query.ptr != NULL) {
        strip_query(request, span_from_cstr(places->query), arena);
    }
    if (places->cookie != NULL) {
        strip_cookie(&request->fields, span_from_cstr(places->cookie), arena);
    }
}
