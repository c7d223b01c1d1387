#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache_store.h"

#define MEBI ((uint64_t)1 << 20)
#define SECOND_US UINT64_C(1000000)

static struct arena arena;
static struct cache_store *store;
static struct http_request request;
static struct http_response response;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    store = cache_store_create(MEBI);
    request = (struct http_request){.method = HTTP_GET};
    response = (struct http_response){.status = 200};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cache_store_release(store);
    arena_destroy(&arena);
    return 0;
}

static void add(struct http_fields *fields, const char *name, const char *value)
{
    struct span text = span_from_cstr(name);

    http_fields_add(fields, &arena, http_field_id(text), text, span_from_cstr(value));
}

static struct cache_key key_of(const char *url)
{
    return (struct cache_key){span_from_cstr(url), SPAN_OF("route")};
}

static void put_sized(const char *url, size_t body_len)
{
    const struct cache_life life = {.fresh_ms = 10000, .stale_revalidate_ms = 5000};
    struct cache_key key = key_of(url);
    struct cache_body *body = cache_body_make(body_len);
    struct cache_entry *entry;

    memset(body->bytes, 'x', body_len);
    entry = cache_entry_make(&key, &request, &response, body, &life, SECOND_US);
    assert_non_null(entry);
    cache_store_put(store, entry, cache_store_stamp(store, key.url));
    cache_body_release(body);
}

static void put(const char *url)
{
    put_sized(url, 10);
}

struct found {
    enum cache_found how;
    struct cache_entry *entry;
    struct cache_flight *flight;
};

static struct found find_at(const char *url, uint64_t now_us, struct cache_waiter *waiter)
{
    struct cache_key key = key_of(url);
    const struct cache_find find = {&key, &request, true, waiter, now_us};
    struct found found;

    found.how = cache_store_find(store, &find, &found.entry, &found.flight);
    return found;
}

static bool has(const char *url)
{
    struct found found = find_at(url, SECOND_US, NULL);

    if (found.flight != NULL) {
        cache_flight_end(store, found.flight, CACHE_FLIGHT_LEFT);
    }
    cache_entry_release(found.entry);
    return found.how == CACHE_FOUND;
}

static struct cache_counts counts(void)
{
    struct cache_counts all;

    cache_store_counts(store, &all);
    return all;
}

/* ---- finding ---- */

static void what_is_stored_is_found(void **state)
{
    (void)state;
    add(&response.fields, "X-A", "b");
    add(&response.fields, "Age", "5");
    response.fields.items[0].is_not_sent = false;
    put("https://a/");
    struct found found = find_at("https://a/", SECOND_US, NULL);
    assert_int_equal(found.how, CACHE_FOUND);
    assert_int_equal(found.entry->status, 200);
    assert_int_equal(found.entry->field_count, 1); /* without Age */
    assert_int_equal(cache_entry_body(found.entry).len, 10);
    assert_false(has("https://a/b"));
    cache_entry_release(found.entry);
}

static void what_is_stale_is_given_while_one_asks_for_it_again(void **state)
{
    (void)state;
    put("https://a/");
    struct found first = find_at("https://a/", 12 * SECOND_US, NULL);
    struct found second = find_at("https://a/", 12 * SECOND_US, NULL);
    assert_int_equal(first.how, CACHE_FOUND);
    assert_non_null(first.flight);
    assert_int_equal(second.how, CACHE_FOUND);
    assert_null(second.flight);
    cache_flight_end(store, first.flight, CACHE_FLIGHT_LEFT);
    cache_entry_release(first.entry);
    cache_entry_release(second.entry);
    struct found late = find_at("https://a/", 17 * SECOND_US, NULL);
    assert_int_equal(late.how, CACHE_LEAD);
    assert_non_null(late.entry); /* to be validated */
    cache_flight_end(store, late.flight, CACHE_FLIGHT_LEFT);
    cache_entry_release(late.entry);
}

/* ---- Vary ---- */

static void vary_tells_requests_apart(void **state)
{
    (void)state;
    add(&response.fields, "Vary", "Accept-Language, X-User");
    add(&request.fields, "Accept-Language", "de, en");
    put("https://a/");
    assert_true(has("https://a/"));
    request.fields = (struct http_fields){0};
    add(&request.fields, "accept-language", "DE,en");
    assert_true(has("https://a/"));
    add(&request.fields, "X-User", "");
    assert_false(has("https://a/")); /* an empty one is none that is absent */
    request.fields = (struct http_fields){0};
    add(&request.fields, "Accept-Language", "de");
    add(&request.fields, "Accept-Language", "en"); /* two lines are one list */
    assert_true(has("https://a/"));
    add(&request.fields, "X-User", "a b");
    put("https://a/");
    assert_int_equal(counts().entries, 2);
    request.fields = (struct http_fields){0};
    add(&request.fields, "Accept-Language", "de,en");
    add(&request.fields, "X-User", "ab"); /* here blanks may mean something */
    assert_false(has("https://a/"));
}

static void variants_are_bounded(void **state)
{
    (void)state;
    add(&response.fields, "Vary", "X-User");
    for (int i = 0; i < 100; i++) {
        request.fields = (struct http_fields){0};
        add(&request.fields, "X-User", arena_printf(&arena, "%d", i));
        put("https://a/");
    }
    assert_true(has("https://a/"));
    assert_true(counts().entries <= 16);
}

static void a_vary_of_too_much_is_not_stored(void **state)
{
    const struct cache_life life = {.fresh_ms = 1};
    struct cache_key key = key_of("https://a/");
    char *large = arena_alloc(&arena, CACHE_VARY_BYTES_MAX + 1);

    (void)state;
    memset(large, 'x', CACHE_VARY_BYTES_MAX);
    large[CACHE_VARY_BYTES_MAX] = '\0';
    add(&response.fields, "Vary", "a,b,c,d,e,f,g,h,i");
    assert_null(cache_entry_make(&key, &request, &response, NULL, &life, 0));
    response.fields = (struct http_fields){0};
    add(&response.fields, "Vary", "X-A");
    add(&request.fields, "X-A", large);
    assert_null(cache_entry_make(&key, &request, &response, NULL, &life, 0));
}

/* ---- flights ---- */

struct sleeper {
    struct cache_waiter waiter;
    int woken;
    enum cache_flight_end how;
};

static void wake(struct cache_waiter *waiter, enum cache_flight_end how)
{
    struct sleeper *sleeper = CONTAINER_OF(waiter, struct sleeper, waiter);

    sleeper->woken++;
    sleeper->how = how;
}

static void one_fetches_and_the_others_wait(void **state)
{
    struct sleeper a = {.waiter = {.wake = wake}};
    struct sleeper b = {.waiter = {.wake = wake}};
    struct found first = find_at("https://a/", SECOND_US, NULL);

    (void)state;
    assert_int_equal(first.how, CACHE_LEAD);
    assert_int_equal(find_at("https://a/", SECOND_US, &a.waiter).how, CACHE_WAITS);
    assert_int_equal(find_at("https://a/", SECOND_US, &b.waiter).how, CACHE_WAITS);
    assert_int_equal(find_at("https://a/", SECOND_US, NULL).how, CACHE_PASS);
    assert_true(cache_store_leave(store, &b.waiter));
    assert_false(cache_store_leave(store, &b.waiter));
    put("https://a/");
    cache_flight_end(store, first.flight, CACHE_FLIGHT_STORED);
    assert_int_equal(a.woken, 1);
    assert_int_equal(a.how, CACHE_FLIGHT_STORED);
    assert_int_equal(b.woken, 0);
    assert_false(cache_store_leave(store, &a.waiter));
    assert_true(has("https://a/"));
}

static void a_marker_lets_all_ask_for_a_while(void **state)
{
    struct cache_key key = key_of("https://a/");

    (void)state;
    cache_store_put(store, cache_entry_make_marker(&key, 5 * SECOND_US),
                    cache_store_stamp(store, key.url));
    assert_int_equal(find_at("https://a/", SECOND_US, NULL).how, CACHE_PASS);
    struct found later = find_at("https://a/", 6 * SECOND_US, NULL);
    assert_int_equal(later.how, CACHE_LEAD);
    cache_flight_end(store, later.flight, CACHE_FLIGHT_LEFT);
    put("https://a/"); /* takes the marker's place */
    assert_true(has("https://a/"));
    assert_int_equal(counts().entries, 1);
}

/* ---- purging ---- */

static void purges_take_what_they_name(void **state)
{
    (void)state;
    add(&response.fields, "Cache-Tag", "news, front page");
    put("https://a/1");
    response.fields = (struct http_fields){0};
    add(&response.fields, "Surrogate-Key", "shop news");
    put("https://a/2");
    response.fields = (struct http_fields){0};
    put("https://a/3");
    assert_int_equal(cache_store_purge_tag(store, SPAN_OF("page")), 0);
    assert_int_equal(cache_store_purge_tag(store, SPAN_OF("front page")), 1);
    assert_int_equal(cache_store_purge_tag(store, SPAN_OF("news")), 1);
    assert_false(has("https://a/1") || has("https://a/2"));
    assert_int_equal(cache_store_purge_url(store, SPAN_OF("https://a/3")), 1);
    assert_int_equal(cache_store_purge_url(store, SPAN_OF("https://a/3")), 0);
    put("https://a/4");
    put("https://a/5");
    assert_int_equal(cache_store_purge_all(store), 2);
    assert_int_equal(counts().entries, 0);
    assert_int_equal(counts().bytes, 0);
}

static void what_was_asked_for_before_a_purge_is_not_stored_after_it(void **state)
{
    const struct cache_life life = {.fresh_ms = 10000};
    struct cache_key key = key_of("https://a/");
    uint64_t stamp = cache_store_stamp(store, key.url);

    (void)state;
    (void)cache_store_purge_url(store, key.url);
    cache_store_put(store, cache_entry_make(&key, &request, &response, NULL, &life, SECOND_US),
                    stamp);
    assert_false(has("https://a/"));
    stamp = cache_store_stamp(store, key.url);
    (void)cache_store_purge_tag(store, SPAN_OF("any"));
    cache_store_put(store, cache_entry_make(&key, &request, &response, NULL, &life, SECOND_US),
                    stamp);
    assert_false(has("https://a/"));
    assert_int_equal(counts().bytes, 0);
}

/* ---- memory ---- */

static void memory_is_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        put_sized(arena_printf(&arena, "https://a/%d", i), 1000);
        assert_true(counts().bytes <= MEBI);
    }
    assert_true(counts().bytes > MEBI / 2);
    assert_true(counts().evicted > 3000);
}

/* With room for enough of them that what chance gives a shard does not count. */
static void what_is_asked_for_often_stays(void **state)
{
    (void)state;
    cache_store_set_limit(store, 8 * MEBI);
    for (int i = 0; i < 32000; i++) {
        put_sized(arena_printf(&arena, "https://a/%d", i), 1000);
        if (i < 50) {
            assert_true(has(arena_printf(&arena, "https://a/%d", i)));
            assert_true(has(arena_printf(&arena, "https://a/%d", i)));
        }
    }
    int kept = 0;
    for (int i = 0; i < 50; i++) {
        kept += has(arena_printf(&arena, "https://a/%d", i)) ? 1 : 0;
    }
    assert_true(kept >= 45); /* of a scan of several times the room */
}

static void what_is_being_sent_counts(void **state)
{
    struct found held[200];
    int count = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        const char *url = arena_printf(&arena, "https://a/%d", i);
        put_sized(url, 10000);
        held[count] = find_at(url, SECOND_US, NULL);
        if (held[count].how == CACHE_FOUND) {
            count++;
        } else {
            cache_flight_end(store, held[count].flight, CACHE_FLIGHT_LEFT);
        }
        assert_true(counts().bytes <= MEBI);
    }
    assert_true(count >= 90 && count <= 104);
    for (int i = 0; i < count; i++) {
        cache_entry_release(held[i].entry);
    }
    put("https://a/after");
    assert_true(has("https://a/after"));
}

static void bodies_on_their_way_in_are_bounded(void **state)
{
    (void)state;
    assert_true(cache_store_reserve(store, MEBI / 2));
    assert_false(cache_store_reserve(store, 1));
    cache_store_unreserve(store, MEBI / 2);
    assert_true(cache_store_reserve(store, 1));
    cache_store_unreserve(store, 1);
}

/* ---- a 304 ---- */

static void a_304_gives_fields_and_a_new_life(void **state)
{
    const struct cache_life life = {.fresh_ms = 77};
    struct http_response not_modified = {.status = 304};
    struct http_response merged;

    (void)state;
    add(&response.fields, "ETag", "\"a\"");
    add(&response.fields, "X-A", "1");
    add(&response.fields, "X-A", "2");
    add(&response.fields, "Content-Type", "text/plain");
    put("https://a/");
    struct found found = find_at("https://a/", SECOND_US, NULL);
    add(&not_modified.fields, "X-A", "3");
    add(&not_modified.fields, "Content-Type", "text/html");
    add(&not_modified.fields, "Content-Length", "0");
    add(&not_modified.fields, "Date", "today");
    cache_entry_merge(found.entry, &not_modified, &arena, &merged);
    struct cache_entry *entry = cache_entry_freshen(found.entry, &merged, &life, 9 * SECOND_US);
    assert_int_equal(entry->status, 200);
    assert_int_equal(entry->field_count, 4);
    assert_true(span_eq(entry->fields[1].value, SPAN_OF("3")));
    assert_true(span_eq(entry->fields[2].value, SPAN_OF("text/html")));
    assert_true(span_eq(entry->fields[3].value, SPAN_OF("today")));
    assert_ptr_equal(entry->body, found.entry->body);
    assert_int_equal(entry->life.fresh_ms, 77);
    cache_store_put(store, entry, cache_store_stamp(store, SPAN_OF("https://a/")));
    cache_entry_release(found.entry);
    assert_int_equal(counts().entries, 1);
}

/* By its ETag, which is compared without its weakness, and stays as it was. */
static void a_304_of_another_one_updates_nothing(void **state)
{
    static const struct {
        const char *tag;
        const char *value;
    } cases[] = {{"\"a\"", "2"}, {"W/\"a\"", "2"}, {"\"b\"", "1"}, {"W/\"b\"", "1"}};

    (void)state;
    add(&response.fields, "X-A", "1");
    add(&response.fields, "ETag", "\"a\"");
    put("https://a/");
    struct found found = find_at("https://a/", SECOND_US, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_response not_modified = {.status = 304};
        struct http_response merged;
        const struct http_field *field;

        add(&not_modified.fields, "X-A", "2");
        add(&not_modified.fields, "ETag", cases[i].tag);
        cache_entry_merge(found.entry, &not_modified, &arena, &merged);
        assert_int_equal(merged.fields.count, 2);
        field = http_fields_find_name(&merged.fields, SPAN_OF("ETag"));
        assert_true(field != NULL && span_eq(field->value, SPAN_OF("\"a\"")));
        field = http_fields_find_name(&merged.fields, SPAN_OF("X-A"));
        assert_true(field != NULL && span_eq(field->value, span_from_cstr(cases[i].value)));
    }
    cache_entry_release(found.entry);
}

/* Else a site with many POSTs would store nothing that takes its time. */
static void what_changes_elsewhere_keeps_nothing_from_being_stored(void **state)
{
    uint64_t stamp = cache_store_stamp(store, SPAN_OF("https://a/"));
    int changed = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char url[32];
        (void)snprintf(url, sizeof(url), "https://b/%d", i);
        (void)cache_store_purge_url(store, span_from_cstr(url));
        changed += cache_store_stamp(store, SPAN_OF("https://a/")) != stamp;
        stamp = cache_store_stamp(store, SPAN_OF("https://a/"));
    }
    assert_true(changed < 10); /* one of 16,384 is to be expected */
    (void)cache_store_purge_url(store, SPAN_OF("https://a/"));
    assert_true(cache_store_stamp(store, SPAN_OF("https://a/")) != stamp);
    stamp = cache_store_stamp(store, SPAN_OF("https://a/"));
    (void)cache_store_purge_tag(store, SPAN_OF("tag"));
    assert_true(cache_store_stamp(store, SPAN_OF("https://a/")) != stamp);
}

/* ---- many at once ---- */

static void *hammer(void *arg)
{
    const struct cache_life life = {.fresh_ms = 10000};
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct http_request asked = {.method = HTTP_GET};
    struct http_response told = {.status = 200};

    for (int i = 0; i < 3000; i++) {
        char url[32];
        struct cache_key key;
        struct cache_entry *entry;
        struct cache_flight *flight;

        (void)snprintf(url, sizeof(url), "https://a/%d", rand_r(&seed) % 50);
        key = key_of(url);
        const struct cache_find find = {&key, &asked, true, NULL, SECOND_US};
        uint64_t stamp = cache_store_stamp(store, key.url);
        if (cache_store_find(store, &find, &entry, &flight) != CACHE_FOUND) {
            struct cache_body *body = cache_body_make(20000);
            memset(body->bytes, url[10], body->len);
            cache_store_put(store, cache_entry_make(&key, &asked, &told, body, &life, SECOND_US),
                            stamp);
            cache_body_release(body);
        } else {
            CHECK(cache_entry_body(entry).ptr[19999] == url[10]);
        }
        if (flight != NULL) {
            cache_flight_end(store, flight, CACHE_FLIGHT_STORED);
        }
        cache_entry_release(entry);
        if (i % 100 == 0) {
            (void)cache_store_purge_url(store, key.url);
        }
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)cache_store_purge_all(store);
    assert_int_equal(counts().bytes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_stored_is_found),
        TEST(what_is_stale_is_given_while_one_asks_for_it_again),
        TEST(vary_tells_requests_apart),
        TEST(variants_are_bounded),
        TEST(a_vary_of_too_much_is_not_stored),
        TEST(one_fetches_and_the_others_wait),
        TEST(a_marker_lets_all_ask_for_a_while),
        TEST(purges_take_what_they_name),
        TEST(what_was_asked_for_before_a_purge_is_not_stored_after_it),
        TEST(memory_is_bounded),
        TEST(what_is_asked_for_often_stays),
        TEST(what_is_being_sent_counts),
        TEST(bodies_on_their_way_in_are_bounded),
        TEST(a_304_gives_fields_and_a_new_life),
        TEST(a_304_of_another_one_updates_nothing),
        TEST(what_changes_elsewhere_keeps_nothing_from_being_stored),
        TEST(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
