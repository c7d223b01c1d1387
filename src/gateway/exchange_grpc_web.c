/* gRPC-Web of a client (http/grpc_web.h) is gRPC to the server, and its answer gRPC-Web again. */
#include "gateway/exchange_internal.h"
#include "http/grpc_web.h"
#include "policy/filter_grpc_web.h"

struct exchange_grpc_web {
    struct http_request request; /* as the server gets it */
    enum grpc_web_form asked;
    enum grpc_web_form answered;
    struct grpc_web_text text;
    bool is_wrong;              /* the body is no Base64 */
    struct body_filter *filter; /* of an answer that is gRPC; else NULL */
};

static const struct trouble not_base64 = {
    "bad_grpc_web", "the body of a gRPC-Web request in its text form is no Base64",
    "see what the client sends as application/grpc-web-text"};

static void copy_fields(struct exchange *x, struct exchange_grpc_web *web, struct span suffix)
{
    const struct http_fields *from = &x->request.fields;
    struct http_fields to = {0};

    for (size_t i = 0; i < from->count; i++) {
        const struct http_field *field = &from->items[i];
        struct span value = field->id == FIELD_CONTENT_TYPE
                                ? grpc_web_server_type(suffix, &x->arena)
                                : field->value;

        if (!field->is_not_sent && field->id != FIELD_TE) {
            http_fields_add(&to, &x->arena, field->id, field->name, value);
        }
    }
    http_fields_add(&to, &x->arena, FIELD_TE, SPAN_OF("TE"), SPAN_OF("trailers"));
    web->request.fields = to;
}

static enum grpc_web_form form_of(const struct exchange *x, struct span *suffix)
{
    const struct http_field *type;

    if (LIKELY(!x->route->settings->grpc_web)) {
        return GRPC_WEB_NONE;
    }
    type = http_fields_find(&x->request.fields, FIELD_CONTENT_TYPE);
    return type != NULL ? grpc_web_form_of(type->value, suffix) : GRPC_WEB_NONE;
}

const struct http_request *exchange_grpc_web_begin(struct exchange *x)
{
    struct span suffix = {0};
    enum grpc_web_form form = form_of(x, &suffix);
    const struct http_field *accept;
    struct exchange_grpc_web *web;

    if (form == GRPC_WEB_NONE) {
        return &x->request;
    }
    accept = http_fields_find_name(&x->request.fields, SPAN_OF("Accept"));
    web = arena_calloc(&x->arena, sizeof(*web));
    web->request = x->request;
    web->asked = form;
    web->answered = grpc_web_answer_form(form, accept != NULL ? accept->value : span_make(NULL, 0));
    copy_fields(x, web, suffix);
    if (form == GRPC_WEB_TEXT && web->request.framing == HTTP_FRAMING_LENGTH) {
        web->request.framing = HTTP_FRAMING_CHUNKED; /* it is shorter once it is decoded */
        web->request.has_content_length = false;
    }
    x->grpc_web = web;
    return &web->request;
}

bool exchange_grpc_web_decodes(const struct exchange *x)
{
    return x->grpc_web != NULL && x->grpc_web->asked == GRPC_WEB_TEXT;
}

static void refuse(struct exchange *x)
{
    x->grpc_web->is_wrong = true;
    exchange_refuse(x, 400, false, not_base64.reason, not_base64.detail, not_base64.mend);
}

void exchange_grpc_web_decode(struct exchange *x, struct span bytes)
{
    struct coder_pool *pool = &x->worker->coders;

    /* Where the call is over the exchange may be, too. */
    while (bytes.len != 0 && call_is_open(&x->call) && !x->grpc_web->is_wrong) {
        size_t size;
        char *room = coder_pool_room(pool, &size); /* what is sent stays there until it is gone */
        struct span piece = span_head(bytes, bytes.len < size / 2 ? bytes.len : size / 2);
        size_t len;

        if (!grpc_web_text_decode(&x->grpc_web->text, piece, (unsigned char *)room, &len)) {
            refuse(x);
            return;
        }
        coder_pool_use_room(pool, len);
        if (len != 0) {
            exchange_pass_body(x, span_make(room, len));
        }
        bytes = span_skip(bytes, piece.len);
    }
}

bool exchange_grpc_web_is_whole(struct exchange *x)
{
    if (exchange_grpc_web_decodes(x) && !x->grpc_web->is_wrong &&
        !grpc_web_text_is_whole(&x->grpc_web->text)) {
        refuse(x);
        return false;
    }
    return true;
}

void exchange_grpc_web_head(struct exchange *x)
{
    struct exchange_grpc_web *web = x->grpc_web;
    struct http_field *type =
        (struct http_field *)(uintptr_t)http_fields_find(&x->response.fields, FIELD_CONTENT_TYPE);
    struct span said = type != NULL ? grpc_web_client_type(web->answered, type->value, &x->arena)
                                    : span_make(NULL, 0);

    if (said.ptr == NULL) {
        return;
    }
    type->value = said;
    if (x->response.framing == HTTP_FRAMING_NONE) {
        return; /* a head that is all has the status in its fields */
    }
    x->response.framing = HTTP_FRAMING_CHUNKED;
    x->response.has_content_length = false;
    x->response.content_length = 0;
    web->filter =
        filter_grpc_web_create(web->answered == GRPC_WEB_TEXT, &x->worker->coders, &x->arena);
    exchange_add_filter(x, web->filter);
}

struct http_fields *exchange_grpc_web_trailers(struct exchange *x, struct http_fields *trailers)
{
    struct exchange_grpc_web *web = x->grpc_web;

    if (web->filter == NULL || trailers == NULL) {
        return trailers;
    }
    filter_grpc_web_set_end(web->filter, grpc_web_trailers(trailers, &x->arena));
    return NULL;
}
