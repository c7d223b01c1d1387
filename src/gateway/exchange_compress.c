/* Whether an exchange's response is compressed, and when what the coder holds goes on. */
#include "files/static_files.h"
#include "gateway/exchange_internal.h"
#include "policy/compress_rule.h"
#include "policy/filter_compress.h"

/* So long nothing has come of the body: it is not just the next packet that is awaited. */
#define PAUSE_MS 20

struct exchange_compress {
    struct exchange *x;
    struct body_filter *filter;
    struct timer pause;
};

/* Fixed texts and files are the same for all; an echo says what the request said. */
static bool is_public(const struct exchange *x)
{
    const struct route_settings *route = x->route->settings;

    return x->file != NULL || (x->found != NULL && x->found->has_file) ||
           (!call_is_open(&x->call) && x->refused_status == 0 && route->respond != NULL &&
            !route->respond->echo);
}

static void on_pause(struct timer *timer)
{
    struct exchange_compress *compress = CONTAINER_OF(timer, struct exchange_compress, pause);

    exchange_take_in_hand(compress->x);
    exchange_flush_filters(compress->x);
}

static void stop(void *arg)
{
    struct exchange_compress *compress = arg;

    timer_destroy(compress->x->worker->core.loop, &compress->pause);
}

static void begin(struct exchange *x, struct coder *coder)
{
    struct exchange_compress *compress = arena_calloc(&x->arena, sizeof(*compress));

    compress->x = x;
    compress->filter = filter_compress_create(&x->worker->coders, coder, &x->arena);
    timer_init(&compress->pause, on_pause);
    arena_on_reset(&x->arena, stop, compress);
    exchange_add_filter(x, compress->filter);
    x->compress = compress;
}

static void compress_as(struct exchange *x, enum coding coding)
{
    struct http_response *response = &x->response;
    bool has_length = response->framing == HTTP_FRAMING_LENGTH;
    struct coder *coder;

    if (response->framing == HTTP_FRAMING_NONE) {
        compress_mend_head(response, coding, &x->arena); /* HEAD: the same fields as GET */
        return;
    }
    coder = coder_pool_take(&x->worker->coders, coding, x->route->compress->level,
                            has_length ? response->content_length : UINT64_MAX,
                            x->settings->limits.compression_memory);
    if (coder != NULL) {
        compress_mend_head(response, coding, &x->arena);
        begin(x, coder);
    }
}

void exchange_compress(struct exchange *x)
{
    const struct compress_rule *rule = x->route != NULL ? x->route->compress : NULL;
    struct compress_decision decision;
    struct http_request asked;

    if (rule == NULL) {
        return;
    }
    if (x->response.status == 304) {
        /* What the 200 would have been is not known here. */
        compress_mend_not_modified(&x->request, &x->response, &x->arena);
        compress_add_vary(&x->response, &x->arena);
        return;
    }
    /* What rules make of the request is for servers. */
    asked = x->request;
    asked.fields.count = x->asked_fields;
    decision = compress_decide(rule, &(struct compress_facts){.request = &asked,
                                                              .response = &x->response,
                                                              .is_https = exchange_is_https(x),
                                                              .is_public = is_public(x)});
    if (decision.is_candidate) {
        compress_add_vary(&x->response, &x->arena);
    }
    if (decision.coding != CODING_IDENTITY) {
        compress_as(x, decision.coding);
    }
}

void exchange_await_pause(struct exchange *x)
{
    if (x->compress == NULL) {
        return;
    }
    if (filter_compress_holds(x->compress->filter)) {
        timer_set_ms(x->worker->core.loop, &x->compress->pause, PAUSE_MS);
    } else {
        timer_clear(&x->compress->pause);
    }
}

void exchange_compress_trailers(const struct exchange *x, struct http_fields *trailers)
{
    if (x->compress != NULL) {
        compress_mend_trailers(trailers);
    }
}
