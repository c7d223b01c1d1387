/* Cache-Control: the bytes as one value, as two lines, and as what a response says. */
#include <string.h>

#include "cache/cache_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct http_fields *fields, struct arena *arena, struct span value)
{
    http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("Cache-Control"), value);
}

static bool is_number(int64_t seconds)
{
    return seconds >= CACHE_ABSENT && seconds <= CACHE_SECONDS_MAX;
}

static void check(const struct cache_control *control)
{
    CHECK(is_number(control->max_age_s) && is_number(control->s_maxage_s));
    CHECK(is_number(control->stale_revalidate_s) && is_number(control->stale_error_s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cache_settings settings = {.mode = CACHE_ON};
    const struct span value = span_make((const char *)data, size);
    struct http_request request = {.method = HTTP_GET};
    struct http_response response = {.status = 200, .framing = HTTP_FRAMING_LENGTH};
    const struct cache_facts facts = {
        .request = &request, .response = &response, .settings = &settings, .now = 1000000000};
    struct http_fields parts = {0};
    struct cache_control whole;
    struct cache_control halves;
    struct cache_life life;
    struct arena arena;

    arena_init(&arena, 1024);
    add(&response.fields, &arena, value);
    cache_control_read(&response.fields, SPAN_OF("Cache-Control"), &whole);
    check(&whole);
    add(&parts, &arena, span_head(value, size / 2));
    add(&parts, &arena, span_skip(value, size / 2));
    cache_control_read(&parts, SPAN_OF("Cache-Control"), &halves);
    check(&halves);
    if (cache_refuses(&facts, &life) == NULL) {
        CHECK(!whole.is_private && (!whole.no_store || whole.must_understand));
        CHECK(life.fresh_ms >= 0 && life.stale_error_ms >= 0 && life.stale_revalidate_ms >= 0);
    }
    arena_destroy(&arena);
    return 0;
}
