/* Any bytes as a request head. What is taken must be the same however it arrives, and the same
 * message once written anew: the property on which no backend can see another request than we
 * did. */
#include "fuzz_h1.h"

static void check_target(const struct http_request *r)
{
    CHECK(http_is_token(r->method_name));
    CHECK(r->target.len != 0 && r->target.len <= fuzz_limits.target_bytes);
    for (size_t i = 0; i < r->target.len; i++) {
        CHECK(r->target.ptr[i] > ' ' && r->target.ptr[i] < 0x7f);
    }
    CHECK((r->target_form == HTTP_TARGET_AUTHORITY) == (r->method == HTTP_CONNECT));
    CHECK(r->target_form == HTTP_TARGET_AUTHORITY || r->path.ptr[0] == '/' ||
          (span_eq_cstr(r->path, "*") && r->method == HTTP_OPTIONS));
    CHECK(r->authority.ptr != NULL || r->version == HTTP_1_0);
    CHECK((r->authority.ptr != NULL) == (r->host.ptr != NULL));
    for (size_t i = 0; i < r->host.len; i++) {
        CHECK(r->host.ptr[i] == ascii_lower(r->host.ptr[i]));
    }
}

static void check_framing(const struct http_request *r)
{
    bool has_coding = http_fields_has(&r->fields, FIELD_TRANSFER_ENCODING);
    bool has_length = http_fields_has(&r->fields, FIELD_CONTENT_LENGTH);

    CHECK(!has_coding || !has_length);
    CHECK(r->has_content_length == has_length);
    CHECK((r->framing == HTTP_FRAMING_CHUNKED) == has_coding);
    CHECK((r->framing == HTTP_FRAMING_LENGTH) == (r->content_length != 0));
}

static void check_same(const struct http_request *a, const struct http_request *b)
{
    CHECK(a->method == b->method && span_eq(a->method_name, b->method_name));
    CHECK(a->target_form == b->target_form && span_eq(a->target, b->target));
    CHECK(span_eq(a->path, b->path) && span_eq(a->query, b->query));
    CHECK(span_eq(a->authority, b->authority) && span_eq(a->host, b->host) && a->port == b->port);
    CHECK(a->framing == b->framing && a->content_length == b->content_length);
    CHECK(a->has_content_length == b->has_content_length);
    CHECK(a->keep_alive == b->keep_alive && a->expects_continue == b->expects_continue);
    CHECK((a->upgrade.ptr == NULL) == (b->upgrade.ptr == NULL) && span_eq(a->upgrade, b->upgrade));
    fuzz_check_same_fields(&a->fields, &b->fields);
}

static void write_again(const struct http_request *r, struct arena *arena)
{
    char memory[8192];
    struct h1_writer w;
    struct http_request again;
    struct span head;

    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_request_line(&w, r->method_name, r->target);
    h1_write_fields(&w, &r->fields, 0);
    fuzz_write_hop(&w, r->framing, r->keep_alive, r->upgrade);
    head = h1_writer_span(&w);
    CHECK(h1_parse_request(head, &fuzz_loose_limits, arena, &again) == H1_OK);
    check_same(r, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span head;
    struct arena arena;
    struct http_request request;
    enum h1_error early;

    arena_init(&arena, 4096);
    /* Whatever the bytes are, the parser alone is safe too. */
    enum h1_error error = h1_parse_request(span_make(bytes, size), &fuzz_limits, &arena, &request);
    CHECK(error < H1_ERROR_COUNT);
    if (error != H1_OK) {
        fuzz_check_refused(error, span_make(bytes, size), request.refused, &arena);
    }
    if (!fuzz_head_both_ways(span_make(bytes, size), true, &head, &early)) {
        arena_destroy(&arena);
        return 0;
    }
    error = h1_parse_request(head, &fuzz_limits, &arena, &request);
    fuzz_check_early(early, error);
    if (error == H1_OK) {
        fuzz_check_fields(&request.fields, head);
        check_target(&request);
        check_framing(&request);
        /* Without a Host it is HTTP/1.0, which we do not write. */
        if (http_fields_has(&request.fields, FIELD_HOST)) {
            write_again(&request, &arena);
        }
    }
    arena_destroy(&arena);
    return 0;
}
