#include "auth/ask.h"

#include "base/strbuf.h"
#include "client/call.h"

/* Of a body that nobody wants; behind more of it the connection ends. */
#define PASSED_OVER_MAX ((size_t)64 * 1024)

struct ask {
    struct phases *phases;
    struct ask_line *line;
    const struct ask_what *what;
    bool is_over;
    enum lease_how how;
    struct http_request request;
    struct http_response response;
    struct call call;
    bool has_head;
    bool is_cut;
    size_t passed_over;
    struct strbuf body;
    struct timer timer;
    struct deferred telling; /* an event may come while a library is parsing */
    struct trouble trouble;  /* reason NULL: it was answered */
    void *owner;
    void (*on_done)(void *owner, const struct ask_result *result);
};

static struct ask *ask_of(struct call *call)
{
    return CONTAINER_OF(call, struct ask, call);
}

/* ---- the end ---- */

static void end(struct ask *ask)
{
    timer_destroy(ask->phases->core->loop, &ask->timer);
    deferred_cancel(&ask->telling);
    call_release(&ask->call, ask->how);
    call_reset(&ask->call);
    (void)atomic_fetch_sub(&ask->line->count, 1);
}

static void on_tell(struct deferred *deferred)
{
    struct ask *ask = CONTAINER_OF(deferred, struct ask, telling);
    struct strbuf body = ask->body;
    const struct ask_result result = {
        .is_answered = ask->trouble.reason == NULL,
        .trouble = ask->trouble,
        .status = ask->response.status,
        .fields = &ask->response.fields,
        .body = body.ptr != NULL ? strbuf_span(&body) : SPAN_OF(""),
        .is_cut = ask->is_cut,
    };

    end(ask);
    ask->on_done(ask->owner, &result); /* the request, and so the ask, may be gone then */
    strbuf_free(&body);
}

static void finish(struct ask *ask, enum lease_how how)
{
    if (!ask->is_over) {
        ask->is_over = true;
        ask->how = how;
        loop_defer(ask->phases->core->loop, &ask->telling);
    }
}

static void fail(struct ask *ask, enum lease_how how, const struct trouble *trouble)
{
    if (!ask->is_over) {
        ask->trouble = *trouble;
        finish(ask, how);
    }
}

static void on_timer(struct timer *timer)
{
    static const struct trouble late = {
        "auth_timeout", "whoever decides about the request has not answered in time",
        "see that server, and 'timeout' of the method"};

    fail(CONTAINER_OF(timer, struct ask, timer), LEASE_SERVER_FAILED, &late);
}

/* ---- the call ---- */

static void on_head(struct call *call)
{
    ask_of(call)->has_head = true;
}

/* Of the body, with so much more of it. */
static bool keeps_none(const struct ask *ask, size_t more)
{
    return ask->what->body_max == 0 || ask->is_cut ||
           (ask->what->body_may_be_cut && more > ask->what->body_max - ask->body.len);
}

static void on_body(struct call *call, struct span bytes)
{
    static const struct trouble large = {
        "auth_answer_wrong", "the answer of whoever decides about the request is too large",
        "see whether it is the right path of the right server"};
    struct ask *ask = ask_of(call);

    if (ask->is_over) {
        return;
    }
    if (keeps_none(ask, bytes.len)) {
        ask->is_cut = true;
        ask->passed_over += bytes.len;
        if (ask->passed_over > PASSED_OVER_MAX) {
            finish(ask, LEASE_CLIENT_LEFT);
        }
        return;
    }
    if (bytes.len > ask->what->body_max - ask->body.len) {
        fail(ask, LEASE_CLIENT_LEFT, &large);
        return;
    }
    strbuf_add(&ask->body, bytes);
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    (void)trailers;
    finish(ask_of(call), LEASE_OK);
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    struct ask *ask = ask_of(call);

    if (ask->has_head && (ask->what->body_max == 0 || ask->what->body_may_be_cut)) {
        ask->is_cut = true;
        finish(ask, LEASE_CLIENT_LEFT); /* what was lost nobody wanted */
        return;
    }
    const char *detail = failure->trouble.detail;
    const struct trouble trouble = {
        "auth_unreachable",
        arena_printf(ask->phases->arena, "whoever decides about the request has failed: %.400s",
                     detail != NULL ? detail : failure->trouble.reason),
        failure->trouble.mend != NULL
            ? arena_cstr(ask->phases->arena, span_from_cstr(failure->trouble.mend))
            : NULL};

    fail(ask, LEASE_CLIENT_LEFT, &trouble);
}

static void on_writable(struct call *call)
{
    if (!call->is_whole) {
        call_send_body(call, ask_of(call)->what->body);
        call_send_end(call, NULL);
    }
}

static bool poll_response(struct call *call)
{
    return !ask_of(call)->is_over;
}

static const struct call_ops ops = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .writable = on_writable,
    .poll_response = poll_response,
};

/* ---- the beginning ---- */

static void make_request(struct ask *ask)
{
    const struct ask_what *what = ask->what;

    ask->request = (struct http_request){
        .version = HTTP_1_1,
        .method = what->method,
        .method_name = what->method_name,
        .path = what->path,
        .query = what->query,
        .authority = what->authority,
        .fields = what->fields,
        .framing = what->body.len != 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE,
        .content_length = what->body.len,
        .has_content_length = what->method == HTTP_POST,
        .keep_alive = true,
    };
    if (what->authority.ptr == NULL ||
        !http_parse_authority(what->authority, &ask->request.host, &ask->request.port)) {
        ask->request.authority = span_make(NULL, 0);
    }
    ask->call.request = &ask->request;
    ask->call.response = &ask->response;
    ask->call.backend = what->backend;
    ask->call.path = what->path;
    ask->call.is_whole = what->body.len == 0;
    ask->call.replay_limit = what->body.len;
    ask->call.lease.priority = PRIORITY_HIGH; /* requests wait for it */
    ask->call.retries.is_harmless = true; /* whatever the method: it asks, and changes nothing */
}

struct ask *ask_start(struct phases *phases, struct ask_line *line, const struct ask_what *what,
                      void *owner, void (*on_done)(void *owner, const struct ask_result *result))
{
    struct client *client = phases->owner->client(phases);
    struct ask *ask;

    if (atomic_fetch_add(&line->count, 1) >= line->most) {
        (void)atomic_fetch_sub(&line->count, 1);
        return NULL;
    }
    ask = arena_calloc(phases->arena, sizeof(*ask));
    ask->phases = phases;
    ask->line = line;
    ask->what = what;
    ask->owner = owner;
    ask->on_done = on_done;
    timer_init(&ask->timer, on_timer);
    timer_set_ms(phases->core->loop, &ask->timer, what->timeout_ms);
    deferred_init(&ask->telling, on_tell);
    call_init(&ask->call, &ops, client, NULL, phases->arena);
    make_request(ask);
    call_start(&ask->call);
    return ask;
}

void ask_cancel(struct ask *ask)
{
    if (ask != NULL) {
        ask->how = LEASE_CLIENT_LEFT;
        end(ask);
        strbuf_free(&ask->body);
    }
}
