#include "http/grpc_web.h"

#include "base/base64.h"
#include "base/strbuf.h"

#define TYPE "application/grpc"
#define TRAILERS 0x80
#define FRAME_HEAD 5

/* Behind a type come "+proto", parameters, or nothing. */
static bool ends_type(struct span rest)
{
    return rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == ';' || rest.ptr[0] == ' ';
}

enum grpc_web_form grpc_web_form_of(struct span type, struct span *suffix)
{
    static const struct {
        struct span name;
        enum grpc_web_form form;
    } forms[] = {{SPAN(TYPE "-web-text"), GRPC_WEB_TEXT}, {SPAN(TYPE "-web"), GRPC_WEB_BINARY}};

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        *suffix = span_skip(type, span_istarts_with(type, forms[i].name) ? forms[i].name.len : 0);
        if (suffix->len != type.len && ends_type(*suffix)) {
            return forms[i].form;
        }
    }
    return GRPC_WEB_NONE;
}

enum grpc_web_form grpc_web_answer_form(enum grpc_web_form asked, struct span accept)
{
    struct span rest = accept;
    struct span one;
    struct span suffix;

    while (rest.ptr != NULL && span_split(&rest, ',', &one)) {
        if (grpc_web_form_of(span_trim(one), &suffix) == GRPC_WEB_TEXT) {
            return GRPC_WEB_TEXT;
        }
    }
    return asked;
}

struct span grpc_web_server_type(struct span suffix, struct arena *arena)
{
    return span_from_cstr(arena_printf(arena, TYPE "%.*s", SPAN_ARG(suffix)));
}

struct span grpc_web_client_type(enum grpc_web_form form, struct span server_type,
                                 struct arena *arena)
{
    struct span suffix;

    if (!span_istarts_with(server_type, SPAN_OF(TYPE))) {
        return span_make(NULL, 0);
    }
    suffix = span_skip(server_type, sizeof(TYPE) - 1);
    if (!ends_type(suffix)) {
        return span_make(NULL, 0);
    }
    return span_from_cstr(arena_printf(
        arena, TYPE "%s%.*s", form == GRPC_WEB_TEXT ? "-web-text" : "-web", SPAN_ARG(suffix)));
}

struct span grpc_web_trailers(const struct http_fields *trailers, struct arena *arena)
{
    struct strbuf frame;
    struct span made;
    size_t len;

    strbuf_init(&frame);
    for (size_t i = 0; i < FRAME_HEAD; i++) {
        strbuf_add_char(&frame, '\0');
    }
    for (size_t i = 0; i < trailers->count; i++) {
        const struct http_field *field = &trailers->items[i];

        if (field->is_not_sent) {
            continue;
        }
        for (size_t at = 0; at < field->name.len; at++) {
            strbuf_add_char(&frame, ascii_lower(field->name.ptr[at]));
        }
        strbuf_printf(&frame, ":%.*s\r\n", SPAN_ARG(field->value));
    }
    len = frame.len - FRAME_HEAD;
    frame.ptr[0] = (char)TRAILERS;
    for (size_t i = 1; i < FRAME_HEAD; i++) {
        frame.ptr[i] = (char)(len >> (8 * (FRAME_HEAD - 1 - i)) & 0xff);
    }
    made = arena_copy(arena, strbuf_span(&frame));
    strbuf_free(&frame);
    return made;
}

bool grpc_web_text_decode(struct grpc_web_text *text, struct span piece, unsigned char *bytes,
                          size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < piece.len; i++) {
        size_t count;

        text->held[text->count++] = piece.ptr[i];
        if (text->count < sizeof(text->held)) {
            continue;
        }
        text->count = 0;
        if (!base64_decode(BASE64, span_make(text->held, sizeof(text->held)), bytes + *len, 3,
                           &count)) {
            return false;
        }
        *len += count;
    }
    return true;
}
