/* Phases and body filters of an exchange's route. */
#include "gateway/exchange_internal.h"

/* ---- phases ---- */

static void on_refuse(struct phases *phases, unsigned status, const char *reason,
                      const char *detail, const char *mend)
{
    struct exchange *x = phases->owner_data;

    x->refusal.more = phases->refusal_fields;
    x->refusal.body = phases->refusal_body;
    exchange_enter(x, EXCHANGE_START);
    exchange_refuse(x, status, false, reason, detail, mend);
}

/* Whoever brings the body was told to wait, and is told otherwise once it is known what becomes of
 * it: by a server's connection, or here (exchange_again). */
static void on_go_on(struct phases *phases)
{
    struct exchange *x = phases->owner_data;

    exchange_enter(x, EXCHANGE_START);
    loop_defer(x->worker->core.loop, &x->again);
    exchange_serve(x);
}

static bool client_ip(struct phases *phases, uint8_t ip[16])
{
    return exchange_client_ip(phases->owner_data, ip);
}

static bool is_https(struct phases *phases)
{
    return exchange_is_https(phases->owner_data);
}

static struct span body(struct phases *phases)
{
    const struct exchange *x = phases->owner_data;

    return x->collected != NULL ? strbuf_span(x->collected) : span_make(NULL, 0);
}

static void ask_access(struct phases *phases, struct access_question *question)
{
    exchange_ask_access(phases->owner_data, question);
}

static struct span expand(struct phases *phases, const struct template *template)
{
    struct exchange *x = phases->owner_data;
    const struct template_values values = exchange_values(x);

    return template_expand(template, &values, TEMPLATE_FIELD, &x->arena);
}

static struct span location(struct phases *phases, const struct template *template)
{
    struct exchange *x = phases->owner_data;
    const struct template_values values = exchange_values(x);

    return redirect_location(template, &values, TEMPLATE_URL, &x->arena);
}

bool exchange_pass_phases(struct exchange *x)
{
    static const struct phases_owner owner = {.refuse = on_refuse,
                                              .go_on = on_go_on,
                                              .client_ip = client_ip,
                                              .is_https = is_https,
                                              .body = body,
                                              .client_names = exchange_auth_client_names,
                                              .client = exchange_auth_client,
                                              .outgoing = exchange_auth_outgoing,
                                              .ask_access = ask_access,
                                              .text = expand,
                                              .location = location};

    x->phases = arena_alloc(&x->arena, sizeof(*x->phases));
    exchange_enter(x, EXCHANGE_PHASES);
    if (phases_start(x->phases, &x->route->phases, &owner, x, &x->worker->core, &x->request,
                     &x->arena) != PHASE_NEXT) {
        return false;
    }
    exchange_enter(x, EXCHANGE_START);
    return true;
}

static void free_collected(void *arg)
{
    strbuf_free(arg);
}

void exchange_collect(struct exchange *x)
{
    x->collected = arena_calloc(&x->arena, sizeof(*x->collected));
    arena_on_reset(&x->arena, free_collected, x->collected);
    exchange_enter(x, EXCHANGE_DISCARD);
    exchange_ask_for_body(x);
}

void exchange_collected(struct exchange *x)
{
    exchange_enter(x, EXCHANGE_START);
    if (exchange_pass_phases(x)) {
        exchange_serve(x);
    }
}

/* ---- body filters ---- */

static void on_filtered(void *owner, struct span bytes)
{
    struct exchange *x = owner;

    x->response_bytes += bytes.len;
    x->front.ops->body(&x->front, bytes);
}

/* A server's response, or one that was stored. */
static void reject(struct exchange *x, const struct trouble *why)
{
    if (call_is_open(&x->call)) {
        call_reject(&x->call, why);
    } else {
        exchange_refuse(x, 502, false, why->reason, why->detail, why->mend);
    }
}

bool exchange_begin_filters(struct exchange *x)
{
    struct body_chain *chain;

    if (x->response.framing == HTTP_FRAMING_NONE) {
        return true;
    }
    chain = arena_alloc(&x->arena, sizeof(*chain));
    if (!body_chain_init(chain, &x->route->filters, &x->response, &x->arena, on_filtered, x)) {
        reject(x, &chain->failure);
        return false;
    }
    x->filters = body_chain_is_empty(chain) ? NULL : chain;
    return true;
}

void exchange_add_filter(struct exchange *x, struct body_filter *filter)
{
    static const struct body_filter_list none = {NULL, 0};

    if (x->filters == NULL) {
        x->filters = arena_alloc(&x->arena, sizeof(*x->filters));
        CHECK(body_chain_init(x->filters, &none, &x->response, &x->arena, on_filtered, x));
    }
    body_chain_add(x->filters, filter);
}

/* An answer that is made here is broken off by whoever gives its body. */
static void fail(struct exchange *x)
{
    if (call_is_open(&x->call)) {
        call_reject(&x->call, &x->filters->failure);
    }
}

void exchange_filter_body(struct exchange *x, struct span bytes)
{
    exchange_progress(x);
    if (x->filters->has_failed) {
        return;
    }
    if (!body_chain_push(x->filters, bytes) ||
        ((x->front.is_event_stream || x->is_grpc) && !body_chain_flush(x->filters))) {
        fail(x);
        return;
    }
    exchange_await_pause(x);
}

void exchange_flush_filters(struct exchange *x)
{
    if (!x->filters->has_failed && !body_chain_flush(x->filters)) {
        fail(x);
    }
}

bool exchange_end_filters(struct exchange *x)
{
    bool ok = body_chain_end(x->filters);

    exchange_await_pause(x);
    if (ok) {
        return true;
    }
    x->front.trouble = x->filters->failure;
    exchange_break(x);
    return false;
}

bool exchange_filters_take(const struct exchange *x)
{
    return x->filters == NULL || !x->filters->has_failed;
}

struct conn *exchange_raw_front(const struct exchange *x)
{
    return x->filters == NULL && x->page.ptr == NULL
               ? x->front.ops->raw((struct front_exchange *)(uintptr_t)&x->front)
               : NULL;
}

void exchange_again(struct deferred *deferred)
{
    struct exchange *x = CONTAINER_OF(deferred, struct exchange, again);

    if (x->front.state == EXCHANGE_RESPOND && x->file != NULL) {
        exchange_answer_file_go_on(x);
    } else if (x->front.state == EXCHANGE_RESPOND && x->cache != NULL && x->cache->is_sending) {
        exchange_cache_go_on(x);
    } else if (x->front.state == EXCHANGE_DISCARD) {
        x->front.ops->resume(&x->front);
    }
}
