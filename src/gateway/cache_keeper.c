#include "gateway/cache_keeper.h"

#include <string.h>

#include "base/clock.h"

/* So long those that ask for what cannot be stored do not wait for each other. */
#define MARKER_US UINT64_C(10000000)

static void add_field(struct cache_keeper *k, struct http_request *request, enum http_field_id id,
                      struct span name, struct span value)
{
    http_fields_add(&request->fields, k->arena, id, name, value);
}

static const struct http_field *stale_field(const struct cache_keeper *k, struct span name)
{
    for (size_t i = 0; i < k->stale->field_count; i++) {
        if (span_ieq(k->stale->fields[i].name, name)) {
            return &k->stale->fields[i];
        }
    }
    return NULL;
}

void cache_keeper_ask(struct cache_keeper *k, struct http_request *request, uint64_t now_us)
{
    const struct http_field *field;

    k->asked = request;
    k->asked_us = now_us;
    k->stamp = cache_store_stamp(k->store, k->key.url);
    if (k->stale == NULL || !k->may_keep) {
        return;
    }
    field = stale_field(k, SPAN_OF("ETag"));
    if (field != NULL) {
        add_field(k, request, FIELD_IF_NONE_MATCH, SPAN_OF("If-None-Match"), field->value);
        k->is_validating = true;
    }
    field = stale_field(k, SPAN_OF("Last-Modified"));
    if (field != NULL) {
        add_field(k, request, FIELD_IF_MODIFIED_SINCE, SPAN_OF("If-Modified-Since"), field->value);
        k->is_validating = true;
    }
}

void cache_keeper_land(struct cache_keeper *k, enum cache_flight_end how)
{
    if (k->flight != NULL) {
        cache_flight_end(k->store, k->flight, how);
        k->flight = NULL;
    }
}

static void forget_body(struct cache_keeper *k)
{
    strbuf_free(&k->body);
    strbuf_init(&k->body);
    cache_store_unreserve(k->store, k->reserved);
    k->reserved = 0;
    k->is_keeping = false;
}

/* It will not be stored after all. */
static void give_up(struct cache_keeper *k, const char *why)
{
    k->why_not = why;
    forget_body(k);
    if (k->flight != NULL) {
        cache_store_put(k->store, cache_entry_make_marker(&k->key, clock_us() + MARKER_US),
                        k->stamp);
    }
    cache_keeper_land(k, CACHE_FLIGHT_NOTHING);
}

/* The fields as they came: what is done to the message later is none of theirs. */
static void copy_head(struct cache_keeper *k, const struct http_response *response)
{
    k->head = *response;
    k->head.fields = (struct http_fields){0};
    for (size_t i = 0; i < response->fields.count; i++) {
        const struct http_field *field = &response->fields.items[i];
        if (!field->is_not_sent) {
            http_fields_add(&k->head.fields, k->arena, field->id, field->name, field->value);
        }
    }
}

static const char *refuses(struct cache_keeper *k, const struct http_response *response,
                           uint64_t now_us)
{
    const struct cache_facts facts = {.request = k->asked,
                                      .response = response,
                                      .settings = k->settings,
                                      .has_credentials = k->has_credentials,
                                      .now = (time_t)clock_wall_s(),
                                      .delay_ms = (int64_t)((now_us - k->asked_us) / 1000)};

    return cache_refuses(&facts, &k->life);
}

bool cache_keeper_excuses(const struct cache_keeper *k, uint64_t now_us)
{
    return k->stale != NULL &&
           cache_excuses_error(&k->stale->life, cache_entry_resident_ms(k->stale, now_us));
}

enum cache_keeper_head cache_keeper_head(struct cache_keeper *k,
                                         const struct http_response *response, uint64_t now_us)
{
    const char *why = "request";

    /* Whatever ETag it has: the one that it was asked about is still right, and a client that has
     * asked about none can do nothing with a 304. */
    if (response->status == 304 && k->is_validating) {
        copy_head(k, response);
        return CACHE_KEEPER_VALIDATED;
    }
    if (cache_is_error(response->status) && cache_keeper_excuses(k, now_us)) {
        return CACHE_KEEPER_EXCUSE;
    }
    if (k->may_keep) {
        why = refuses(k, response, now_us);
    }
    if (why == NULL && response->has_content_length &&
        response->content_length > k->settings->max_entry) {
        why = "too-large";
    }
    if (why != NULL) {
        give_up(k, why);
        return CACHE_KEEPER_PASS;
    }
    copy_head(k, response);
    k->is_keeping = true;
    return CACHE_KEEPER_PASS;
}

void cache_keeper_body(struct cache_keeper *k, struct span bytes)
{
    if (!k->is_keeping) {
        return;
    }
    if (bytes.len > k->settings->max_entry - k->body.len) {
        give_up(k, "too-large");
    } else if (!cache_store_reserve(k->store, bytes.len)) {
        give_up(k, "memory");
    } else {
        k->reserved += bytes.len;
        strbuf_add(&k->body, bytes);
    }
}

void cache_keeper_end(struct cache_keeper *k, bool has_trailers, uint64_t now_us)
{
    struct cache_body *body;
    struct cache_entry *entry;

    if (!k->is_keeping) {
        return;
    }
    if (has_trailers) {
        give_up(k, "trailers");
        return;
    }
    body = cache_body_make(k->body.len);
    if (k->body.len != 0) {
        memcpy(body->bytes, k->body.ptr, k->body.len);
    }
    entry = cache_entry_make(&k->key, k->asked, &k->head, body, &k->life, now_us);
    cache_body_release(body);
    if (entry == NULL) {
        give_up(k, "vary");
        return;
    }
    forget_body(k);
    cache_store_put(k->store, entry, k->stamp);
    cache_keeper_land(k, CACHE_FLIGHT_STORED);
}

struct cache_entry *cache_keeper_freshen(struct cache_keeper *k, uint64_t now_us)
{
    struct http_response merged;
    struct cache_entry *entry;

    cache_entry_merge(k->stale, &k->head, k->arena, &merged);
    merged.framing = HTTP_FRAMING_LENGTH;
    k->why_not = refuses(k, &merged, now_us);
    if (k->why_not != NULL) {
        /* It may be given this once, to whoever asked, and is kept no longer. */
        k->life = (struct cache_life){.must_ask = true};
        (void)cache_store_purge_url(k->store, k->key.url);
    }
    entry = cache_entry_freshen(k->stale, &merged, &k->life, now_us);
    if (k->why_not == NULL) {
        cache_store_put(k->store, cache_entry_hold(entry), k->stamp);
    }
    cache_keeper_land(k, k->why_not == NULL ? CACHE_FLIGHT_STORED : CACHE_FLIGHT_NOTHING);
    return entry;
}

void cache_keeper_reset(struct cache_keeper *k)
{
    if (k->store == NULL) {
        return;
    }
    cache_keeper_land(k, CACHE_FLIGHT_LEFT);
    forget_body(k);
    cache_entry_release(k->stale);
    k->stale = NULL;
}
