/* Cross-origin requests (edge/cors.h), and the 103 of the configuration (RFC 8297). */
#include "edge/cors.h"

#include "gateway/exchange_internal.h"
#include "gateway/generation.h"

/* Of the route, else of the site that is known by now. */
static const struct cors_settings *cors_of(const struct exchange *x)
{
    return x->route != NULL  ? x->route->cors
           : x->site != NULL ? x->site->settings->answers.cors
                             : NULL;
}

void exchange_answer_preflight(struct exchange *x)
{
    struct http_fields fields = {0};

    cors_answer_preflight(x->route->cors, &x->request, &x->arena, &fields);
    x->is_preflight = true;
    exchange_answer_with(x, 204, &fields, span_make(NULL, 0));
}

void exchange_add_cors(struct exchange *x)
{
    const struct cors_settings *cors = cors_of(x);

    if (cors != NULL && !x->is_preflight) {
        cors_add(cors, &x->request, &x->arena, &x->response.fields);
    }
}

/* Over HTTP/1.1 only who is known for a browser that has heard of them: to others an interim
 * response is the answer, and the answer the next one's (RFC 8297 section 3). */
static bool takes_early_hints(const struct http_request *request)
{
    const struct http_field *mode;

    if (request->method != HTTP_GET || request->upgrade.ptr != NULL) {
        return false;
    }
    mode = http_fields_find_name(&request->fields, SPAN_OF("Sec-Fetch-Mode"));
    return request->version == HTTP_2 || (request->version == HTTP_1_1 && mode != NULL &&
                                          span_eq(mode->value, SPAN_OF("navigate")));
}

void exchange_send_early_hints(struct exchange *x)
{
    const struct string_list *links = &x->route->settings->early_hints;
    struct http_response hints = {.version = HTTP_1_1, .status = 103};

    if (!takes_early_hints(&x->request)) {
        return;
    }
    for (size_t i = 0; i < links->count; i++) {
        http_fields_add(&hints.fields, &x->arena, FIELD_OTHER, SPAN_OF("Link"),
                        span_from_cstr(links->items[i]));
    }
    x->front.ops->interim(&x->front, &hints);
}
