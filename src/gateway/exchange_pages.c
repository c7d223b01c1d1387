/* Pages of the configuration in place of what an answer would say: `errors`, `maintenance`, and
 * the files of `respond`. */
#include "edge/error_pages.h"
#include "files/page.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"

static const struct answer_pages *pages_of(const struct exchange *x)
{
    return x->route != NULL ? &x->route->pages : x->site != NULL ? &x->site->pages : NULL;
}

/* NULL: none. */
static struct page *error_page(const struct exchange *x, unsigned status)
{
    const struct answer_pages *pages = pages_of(x);
    int index;

    if (pages == NULL || pages->errors == NULL) {
        return NULL;
    }
    index = error_page_of(status, pages->errors->has);
    return index >= 0 ? pages->errors->pages[index] : NULL;
}

static struct span read_page(struct exchange *x, struct page *page, unsigned status,
                             struct span *type)
{
    const struct template_values values = exchange_values(x);

    x->response.status = status; /* which the page may name */
    *type = page_type(page);
    return page_text(page, &values, &x->arena);
}

bool exchange_error_page(struct exchange *x, unsigned status, struct span *type, struct span *text)
{
    struct page *page = x->own_page != NULL ? x->own_page : error_page(x, status);

    if (page == NULL) {
        return false;
    }
    *text = read_page(x, page, status, type);
    return true;
}

/* ---- in place of a server's answer ---- */

void exchange_replace_error(struct exchange *x)
{
    const struct answer_pages *pages = pages_of(x);
    struct http_response *response = &x->response;
    struct page *page;
    struct span type;

    if (response->status < 400 || pages->errors == NULL || !pages->errors->from_servers ||
        x->is_grpc || !error_page_may_replace(response)) {
        return;
    }
    page = error_page(x, response->status);
    if (page == NULL) {
        return;
    }
    x->page = read_page(x, page, response->status, &type);
    error_page_drop_fields(&response->fields);
    http_fields_add(&response->fields, &x->arena, FIELD_CONTENT_TYPE, SPAN_OF("Content-Type"),
                    type);
    response->has_content_length = true;
    response->content_length = x->page.len;
    x->is_page_sent = x->request.method != HTTP_HEAD && x->page.len != 0;
    response->framing = x->is_page_sent ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
}

/* ---- maintenance ---- */

void exchange_say_maintenance(struct exchange *x)
{
    const struct answer_pages *pages = pages_of(x);
    uint64_t seconds = pages->maintenance->retry_after_ms / 1000;
    struct http_fields *more = arena_calloc(&x->arena, sizeof(*more));

    x->own_page = pages->maintenance_page;
    http_fields_add(more, &x->arena, FIELD_OTHER, SPAN_OF("Retry-After"),
                    span_from_cstr(arena_printf(&x->arena, "%llu", (unsigned long long)seconds)));
    x->refusal.more = more;
}

/* ---- respond ---- */

struct span exchange_respond_body(struct exchange *x, const struct respond_settings *respond,
                                  struct span *type)
{
    struct span body = span_from_cstr(respond->body);

    *type = SPAN_OF("text/plain; charset=utf-8");
    if (x->route->respond_page != NULL) {
        *type = page_type(x->route->respond_page);
        body = page_bytes(x->route->respond_page, &x->arena);
    } else if (respond->json != NULL) {
        *type = SPAN_OF("application/json");
        body = span_from_cstr(respond->json);
    } else if (body.len == 0 && respond->status >= 400 &&
               !exchange_error_page(x, respond->status, type, &body)) {
        body = span_make(NULL, 0);
    }
    if (respond->type != NULL) {
        *type = span_from_cstr(respond->type);
    }
    return body;
}
