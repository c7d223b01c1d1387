/* What is stored answers a request, or what comes for it is stored. */

#include <stdlib.h>
#include <string.h>

#include "edge/range.h"
#include "gateway/cache_refresh.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"

#define PIECE_BYTES ((size_t)64 << 10)

/* ---- the key ---- */

static bool is_ignored(const struct string_list *patterns, struct span name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        struct span pattern = span_from_cstr(patterns->items[i]);
        bool is_open = pattern.len != 0 && pattern.ptr[pattern.len - 1] == '*';
        pattern = span_head(pattern, pattern.len - (is_open ? 1 : 0));
        if (is_open ? span_starts_with(name, pattern) : span_eq(name, pattern)) {
            return true;
        }
    }
    return false;
}

/* To some servers it is several parameters where it has a ';', and each of these has to be one that
 * makes no difference: else somebody could have an answer stored that others get. */
static bool makes_no_difference(const struct string_list *patterns, struct span pair)
{
    struct span piece;

    while (span_split(&pair, ';', &piece)) {
        if (!is_ignored(patterns, span_head(piece, span_find(piece, '=')))) {
            return false;
        }
    }
    return true;
}

/* Without the parameters that make no difference; ptr NULL: nothing is left of it. */
static struct span query_of(struct exchange *x, struct span query)
{
    const struct string_list *ignored = &x->route->cache->settings->ignore_query;
    char *to;
    size_t len = 0;

    if (ignored->count == 0 || query.ptr == NULL) {
        return query;
    }
    to = arena_alloc(&x->arena, query.len + 1);
    while (query.len != 0) {
        size_t end = span_find(query, '&');
        struct span pair = span_head(query, end);
        if (!makes_no_difference(ignored, pair)) {
            if (len != 0) {
                to[len++] = '&';
            }
            if (pair.len != 0) {
                memcpy(to + len, pair.ptr, pair.len);
                len += pair.len;
            }
        }
        query = span_skip(query, end < query.len ? end + 1 : end);
    }
    return len != 0 ? span_make(to, len) : span_make(NULL, 0);
}

/* The path as it came: what is spelled otherwise may be something else to servers. */
static struct span url_of(struct exchange *x, struct span query)
{
    bool is_https = exchange_is_https(x);
    uint16_t usual = is_https ? 443 : 80;
    uint16_t port = x->request.port;
    const char *named = port != 0 && port != usual ? arena_printf(&x->arena, ":%u", port) : "";

    return span_from_cstr(arena_printf(
        &x->arena, "%s://%.*s%s%.*s%s%.*s", is_https ? "https" : "http", SPAN_ARG(x->request.host),
        named, SPAN_ARG(x->path.forward), query.ptr != NULL ? "?" : "", SPAN_ARG(query)));
}

/* What servers are asked for in place of the URL, where other things than that have a part in it (a
 * cookie, who the client is); "": nothing. */
static const char *rewritten(struct exchange *x)
{
    const struct rewrite *rewrite = x->route->rewrite;
    const struct template_values values = exchange_values(x);
    struct span query = SPAN_OF("");

    if (rewrite == NULL || (rewrite->regex == NULL && !rewrite->has_query)) {
        return "";
    }
    if (rewrite->has_query) {
        query = query_of(x, rewrite_query(rewrite, &values, &x->arena));
    }
    return arena_printf(&x->arena, ",%zu:%.*s%zu:%.*s", x->target.forward.len,
                        SPAN_ARG(x->target.forward), query.len, SPAN_ARG(query));
}

/* What else servers are told of how the client sees it, and what the configuration adds. Each part
 * behind its length, so that no two make one. */
static struct span rest_of(struct exchange *x)
{
    const struct route_cache *cache = x->route->cache;
    const struct template_values values = exchange_values(x);
    const struct client_view *view = exchange_view(x);
    const char *text =
        arena_printf(&x->arena, "%zu:%.*s%zu:%.*s%u%s", cache->name.len, SPAN_ARG(cache->name),
                     view->host.len, SPAN_ARG(view->host), (unsigned)view->port, rewritten(x));

    for (size_t i = 0; i < cache->settings->key.count; i++) {
        struct span value = template_expand(&cache->key[i], &values, TEMPLATE_FIELD, &x->arena);
        text = arena_printf(&x->arena, "%s,%zu:%.*s", text, value.len, SPAN_ARG(value));
    }
    return span_from_cstr(text);
}

/* ---- answering ---- */

static uint64_t now_of(const struct exchange *x)
{
    return loop_now_us(x->worker->core.loop);
}

static void tell(struct exchange *x, const char *text)
{
    if (x->cache->route->settings->cache_status) {
        http_fields_add(&x->response.fields, &x->arena, FIELD_OTHER, SPAN_OF("Cache-Status"),
                        span_from_cstr(text));
    }
}

/* RFC 9211. */
static void tell_hit(struct exchange *x, int64_t left_s)
{
    const struct exchange_cache *c = x->cache;

    if (c->forwarded == NULL || (!c->is_validated && c->excused == NULL)) {
        tell(x, arena_printf(&x->arena, "tidegate; hit; ttl=%lld", (long long)left_s));
    } else {
        tell(x, arena_printf(&x->arena, "tidegate; fwd=%s; fwd-status=%s; ttl=%lld", c->forwarded,
                             c->is_validated ? "304" : c->excused, (long long)left_s));
    }
}

static void tell_forwarded(struct exchange *x)
{
    const struct exchange_cache *c = x->cache;
    const char *why = c->keeper.why_not;

    tell(x, arena_printf(&x->arena, "tidegate; fwd=%s%s%s%s", c->forwarded,
                         c->keeper.is_keeping ? "; stored" : "", why != NULL ? "; detail=" : "",
                         why != NULL ? why : ""));
}

static void send_head(struct exchange *x, uint64_t length)
{
    struct http_response *response = &x->response;
    unsigned status = response->status;
    bool has_body = length != 0 && !http_response_is_bodiless(status, x->request.method);

    response->version = HTTP_1_1;
    response->framing = has_body ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
    response->has_content_length = status != 204 && status != 304;
    response->content_length = length;
    x->first_byte_us = now_of(x);
    exchange_enter(x, EXCHANGE_RESPOND);
    x->front.has_started = true;
    if (x->route->filters.count != 0 && !exchange_begin_filters(x)) {
        return;
    }
    exchange_prepare_response(x);
    exchange_compress(x);
    x->front.ops->head(&x->front, response);
}

static void keep_only_told(struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        fields->items[i].is_not_sent |= !cache_tells_not_modified(&fields->items[i]);
    }
}

static void add_range(struct exchange *x, const struct byte_range *range, size_t size)
{
    unsigned long long first = range->first;

    http_fields_add(&x->response.fields, &x->arena, FIELD_OTHER, SPAN_OF("Content-Range"),
                    span_from_cstr(arena_printf(&x->arena, "bytes %llu-%llu/%zu", first,
                                                first + range->length - 1, size)));
}

/* What of the body is sent: all of it, a part (206), or nothing (304, 416). */
static struct span choose_part(struct exchange *x, struct span body)
{
    const struct http_request *asked = &x->cache->asked;
    const struct http_field *field = http_fields_find(&asked->fields, FIELD_RANGE);
    struct byte_range ranges[RANGE_MAX];
    struct validators validators;
    size_t count = 0;

    if (x->response.status != 200) {
        return body;
    }
    cache_validators(&x->response.fields, &validators);
    if (conditional_evaluate(asked, &validators) == CONDITIONAL_NOT_MODIFIED) {
        x->response.status = 304;
        keep_only_told(&x->response.fields);
        return SPAN_OF("");
    }
    if (field == NULL || asked->method != HTTP_GET ||
        !conditional_range_applies(asked, &validators)) {
        return body;
    }
    switch (range_parse(field->value, body.len, ranges, &count)) {
    case RANGE_PARTIAL:
        if (count != 1) {
            return body; /* several: the whole instead (RFC 9110 section 14.2) */
        }
        x->response.status = 206;
        add_range(x, &ranges[0], body.len);
        return span_make(body.ptr + ranges[0].first, (size_t)ranges[0].length);
    case RANGE_UNSATISFIABLE:
        x->response.status = 416;
        x->response.fields = (struct http_fields){0};
        http_fields_add(&x->response.fields, &x->arena, FIELD_OTHER, SPAN_OF("Content-Range"),
                        span_from_cstr(arena_printf(&x->arena, "bytes */%zu", body.len)));
        return SPAN_OF("");
    case RANGE_WHOLE:
        break;
    }
    return body;
}

/* Takes the entry over. */
static void answer(struct exchange *x, struct cache_entry *entry, const char *word)
{
    struct exchange_cache *c = x->cache;
    int64_t resident_ms = cache_entry_resident_ms(entry, now_of(x));
    struct span body = cache_entry_body(entry);

    c->entry = entry;
    c->log_word = span_from_cstr(word);
    x->response = (struct http_response){.status = entry->status};
    cache_entry_fields(entry, &x->arena, &x->response.fields);
    body = choose_part(x, body);
    http_fields_add(&x->response.fields, &x->arena, FIELD_OTHER, SPAN_OF("Age"),
                    span_from_cstr(arena_printf(
                        &x->arena, "%lld", (long long)cache_age_s(&entry->life, resident_ms))));
    tell_hit(x, cache_left_s(&entry->life, resident_ms));
    send_head(x, body.len);
    if (x->front.state != EXCHANGE_RESPOND) {
        return; /* a filter has refused it */
    }
    if (x->response.framing == HTTP_FRAMING_NONE) {
        exchange_response_end(x, NULL);
        return;
    }
    c->rest = body;
    c->is_sending = true;
    exchange_cache_go_on(x);
}

void exchange_cache_go_on(struct exchange *x)
{
    struct exchange_cache *c = x->cache;

    for (int turn = 0; turn < 4; turn++) {
        size_t room = exchange_response_room(x);
        size_t len = c->rest.len < PIECE_BYTES ? c->rest.len : PIECE_BYTES;

        if (!x->front.ops->poll(&x->front) || room == 0) {
            return; /* exchange_front_writable comes back here */
        }
        len = len < room ? len : room;
        struct span piece = span_head(c->rest, len);
        c->rest = span_skip(c->rest, len);
        exchange_response_body(x, piece);
        if (x->front.state != EXCHANGE_RESPOND) {
            return;
        }
        if (c->rest.len == 0) {
            c->is_sending = false;
            exchange_response_end(x, NULL);
            return;
        }
    }
    loop_defer(x->worker->core.loop, &x->again); /* the other connections' turn */
}

/* ---- waiting for somebody else's response ---- */

struct cache_wait {
    struct cache_waiter waiter;
    struct loop_message message;
    struct core *core;
    struct exchange *x; /* the worker's thread alone looks at it; NULL: it has gone */
    enum cache_flight_end how;
};

static bool look(struct exchange *x, bool may_wait);

static void go_on_after_wait(struct exchange *x, bool may_wait)
{
    timer_clear(&x->timer);
    exchange_enter(x, EXCHANGE_START);
    if (!look(x, may_wait)) {
        exchange_forward(x);
    }
}

static void on_woken(struct loop_message *message)
{
    struct cache_wait *wait = CONTAINER_OF(message, struct cache_wait, message);
    struct exchange *x = wait->x;
    struct core *core = wait->core;
    enum cache_flight_end how = wait->how;

    free(wait);
    if (x != NULL) {
        x->cache->wait = NULL;
        exchange_take_in_hand(x);
        go_on_after_wait(x, how == CACHE_FLIGHT_LEFT);
    }
    core_let_go(core);
}

/* From any thread. */
static void wake(struct cache_waiter *waiter, enum cache_flight_end how)
{
    struct cache_wait *wait = CONTAINER_OF(waiter, struct cache_wait, waiter);

    wait->how = how;
    loop_post(wait->core->loop, &wait->message);
}

static struct cache_wait *make_wait(struct exchange *x)
{
    struct cache_wait *wait = xcalloc(1, sizeof(*wait));

    list_init(&wait->waiter.node);
    wait->waiter.wake = wake;
    wait->message.fn = on_woken;
    wait->core = &x->worker->core;
    wait->x = x;
    core_hold(wait->core);
    return wait;
}

static void free_wait(struct cache_wait *wait)
{
    struct core *core = wait->core;

    free(wait);
    core_let_go(core);
}

/* It waits no more; whoever has just been about to wake it finds nobody. */
static void stop_waiting(struct exchange *x)
{
    struct cache_wait *wait = x->cache->wait;

    if (wait == NULL) {
        return;
    }
    x->cache->wait = NULL;
    if (cache_store_leave(x->cache->keeper.store, &wait->waiter)) {
        free_wait(wait);
    } else {
        wait->x = NULL;
    }
}

bool exchange_cache_on_timer(struct exchange *x)
{
    if (x->cache->wait == NULL) {
        return false;
    }
    stop_waiting(x);
    go_on_after_wait(x, false);
    return true;
}

/* ---- looking ---- */

/* What the client asks about its own copy is answered here, once there is a whole response. */
static void note_conditions(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;
    struct http_field *copy;

    x->cache->asked = x->request;
    if (fields->count == 0) {
        return;
    }
    copy = arena_alloc(&x->arena, fields->count * sizeof(*copy));
    memcpy(copy, fields->items, fields->count * sizeof(*copy));
    x->cache->asked.fields.items = copy;
    x->cache->asked.fields.capacity = fields->count;
}

static void drop_conditions(struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        enum http_field_id id = fields->items[i].id;
        fields->items[i].is_not_sent |=
            id == FIELD_IF_NONE_MATCH || id == FIELD_IF_MODIFIED_SINCE || id == FIELD_IF_RANGE;
    }
}

static bool has_conditions(const struct http_fields *fields)
{
    return http_fields_has(fields, FIELD_IF_NONE_MATCH) ||
           http_fields_has(fields, FIELD_IF_MODIFIED_SINCE);
}

/* A server is asked: for the whole, where it may be stored and others wait for it. */
static void ask_server(struct exchange *x, bool is_leading)
{
    struct exchange_cache *c = x->cache;

    c->forwarded = c->keeper.stale != NULL ? "stale" : c->may_fetch ? "uri-miss" : "request";
    c->log_word = c->keeper.stale != NULL ? SPAN_OF("expired") : SPAN_OF("miss");
    c->keeper.may_keep = c->may_fetch && (is_leading || !has_conditions(&x->request.fields));
    if (c->keeper.may_keep) {
        drop_conditions(&x->request.fields);
    }
    cache_keeper_ask(&c->keeper, &x->request, now_of(x));
}

static void refuse_unstored(struct exchange *x)
{
    cache_keeper_land(&x->cache->keeper, CACHE_FLIGHT_LEFT);
    exchange_refuse(x, 504, false, "only_if_cached",
                    "the client wants what is stored alone, and nothing is", NULL);
}

/* A server is asked again, behind the stale answer. */
static void refresh(struct exchange *x, struct cache_entry *entry)
{
    struct cache_keeper keeper = x->cache->keeper;

    keeper.stale = cache_entry_hold(entry);
    x->cache->keeper.flight = NULL;
    if (x->worker->core.is_draining) {
        cache_keeper_reset(&keeper);
        return;
    }
    cache_refresh_start(&(struct cache_refresh_ask){.worker = x->worker,
                                                    .generation = x->generation,
                                                    .request = &x->request,
                                                    .backend = x->backend,
                                                    .path = x->target.forward,
                                                    .retries = x->route->retries,
                                                    .keeper = &keeper});
}

/* True: it was answered, or waits. */
static bool look(struct exchange *x, bool may_wait)
{
    struct exchange_cache *c = x->cache;
    uint64_t now_us = now_of(x);
    struct cache_wait *wait =
        may_wait && c->may_fetch && !c->is_only_cached && now_us < c->wait_until_us ? make_wait(x)
                                                                                    : NULL;
    const struct cache_find find = {.key = &c->keeper.key,
                                    .request = &x->request,
                                    .may_fetch = c->may_fetch,
                                    .waiter = wait != NULL ? &wait->waiter : NULL,
                                    .now_us = now_us};
    struct cache_entry *entry;
    enum cache_found found = cache_store_find(c->keeper.store, &find, &entry, &c->keeper.flight);

    if (found == CACHE_WAITS) {
        c->wait = wait;
        exchange_enter(x, EXCHANGE_PHASES);
        timer_set_ms(x->worker->core.loop, &x->timer, (c->wait_until_us - now_us) / 1000 + 1);
        return true;
    }
    if (wait != NULL) {
        free_wait(wait);
    }
    if (found == CACHE_FOUND) {
        if (c->keeper.flight != NULL) {
            refresh(x, entry);
            answer(x, entry, "stale");
        } else {
            answer(x, entry, "hit");
        }
        return true;
    }
    c->keeper.stale = entry;
    if (c->is_only_cached) {
        refuse_unstored(x);
        return true;
    }
    ask_server(x, found == CACHE_LEAD);
    return false;
}

bool exchange_cache_serves(struct exchange *x)
{
    const struct cache_settings *settings = x->route->cache->settings;
    struct exchange_cache *c = arena_calloc(&x->arena, sizeof(*c));
    struct cache_control control;
    const char *why;
    enum cache_asks asks = cache_asks(&x->request, &why);

    x->cache = c;
    c->route = x->route->cache;
    c->keeper = (struct cache_keeper){.store = x->generation->snapshot->cache,
                                      .settings = settings,
                                      .has_credentials = settings_has_auth(x->route->settings),
                                      .arena = &x->arena};
    strbuf_init(&c->keeper.body);
    note_conditions(x);
    if (asks == CACHE_ASKS_NOTHING) {
        c->forwarded = "bypass";
        c->log_word = SPAN_OF("bypass");
        c->keeper.why_not = why;
        c->keeper.asked = &x->request;
        return false;
    }
    cache_control_read(&x->request.fields, SPAN_OF("Cache-Control"), &control);
    c->is_only_cached = control.only_if_cached;
    c->may_fetch = asks == CACHE_ASKS_ALL;
    c->keeper.key = (struct cache_key){url_of(x, query_of(x, exchange_query(x))), rest_of(x)};
    c->wait_until_us = now_of(x) + settings->wait_ms * 1000;
    return look(x, true);
}

/* ---- methods that change something (RFC 9111 section 4.4) ---- */

static void purge_field(struct exchange *x, struct span name)
{
    const struct http_field *field = http_fields_find_name(&x->response.fields, name);
    struct span own = url_of(x, span_make(NULL, 0));
    size_t origin = own.len - x->path.forward.len;
    struct span value;

    if (field == NULL || field->value.len == 0) {
        return;
    }
    value = field->value;
    if (value.ptr[0] == '/' && !(value.len > 1 && value.ptr[1] == '/')) {
        value = span_from_cstr(
            arena_printf(&x->arena, "%.*s%.*s", (int)origin, own.ptr, SPAN_ARG(value)));
    }
    if (span_starts_with(value, span_head(own, origin))) {
        (void)cache_store_purge_url(x->generation->snapshot->cache, value);
    }
}

static void invalidate(struct exchange *x)
{
    struct cache_store *store = x->generation->snapshot->cache;

    if (x->response.status < 200 || x->response.status >= 400) {
        return;
    }
    (void)cache_store_purge_url(store, url_of(x, exchange_query(x)));
    if (x->route->cache != NULL && x->route->cache->settings->ignore_query.count != 0) {
        (void)cache_store_purge_url(store, url_of(x, query_of(x, exchange_query(x))));
    }
    purge_field(x, SPAN_OF("Location"));
    purge_field(x, SPAN_OF("Content-Location"));
}

/* ---- what a server says ---- */

bool exchange_cache_takes_head(struct exchange *x)
{
    static const struct trouble excused = {
        "stale_for_error",
        "the server answered with an error; what was stored was given in its place",
        "see the server's log; stale_if_error of the route's cache, or of the response, allows it"};
    struct exchange_cache *c = x->cache;

    if (!http_method_is_safe(x->request.method)) {
        invalidate(x);
    }
    if (c == NULL) {
        return false;
    }
    if (c->keeper.key.url.ptr == NULL) {
        tell_forwarded(x);
        return false;
    }
    switch (cache_keeper_head(&c->keeper, &x->response, now_of(x))) {
    case CACHE_KEEPER_PASS:
        break;
    case CACHE_KEEPER_VALIDATED:
        c->is_validated = true;
        return true;
    case CACHE_KEEPER_EXCUSE:
        c->excused = arena_printf(&x->arena, "%u", x->response.status);
        call_spare(&x->call);
        call_reject(&x->call, &excused);
        return true;
    }
    tell_forwarded(x);
    return false;
}

bool exchange_cache_takes_end(struct exchange *x, const struct http_fields *trailers)
{
    struct exchange_cache *c = x->cache;

    if (!c->is_validated) {
        cache_keeper_end(&c->keeper, trailers != NULL && trailers->count != 0, now_of(x));
        return false;
    }
    call_release(&x->call, LEASE_OK);
    answer(x, cache_keeper_freshen(&c->keeper, now_of(x)), "revalidated");
    return true;
}

bool exchange_cache_excuses(struct exchange *x, unsigned status)
{
    struct exchange_cache *c = x->cache;

    if (!cache_is_error(status) || x->front.has_started || c->entry != NULL ||
        !cache_keeper_excuses(&c->keeper, now_of(x))) {
        return false;
    }
    x->note = x->front.trouble;
    x->front.trouble = (struct trouble){NULL, NULL, NULL};
    answer(x, cache_entry_hold(c->keeper.stale), "stale");
    return true;
}

/* ---- its end ---- */

void exchange_cache_leave(struct exchange *x)
{
    stop_waiting(x);
    cache_keeper_land(&x->cache->keeper, CACHE_FLIGHT_LEFT);
}

void exchange_cache_free(struct exchange *x)
{
    exchange_cache_leave(x);
    cache_keeper_reset(&x->cache->keeper);
    cache_entry_release(x->cache->entry);
    x->cache->entry = NULL;
}
