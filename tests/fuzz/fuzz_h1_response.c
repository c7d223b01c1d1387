/* Any bytes as a response head; the first byte is the method of the request. The properties are
 * those of fuzz_h1_request.c. */
#include "fuzz_h1.h"

static void check_framing(const struct http_response *r, enum http_method method)
{
    bool has_coding = http_fields_has(&r->fields, FIELD_TRANSFER_ENCODING);

    if (http_response_is_bodiless(r->status, method)) {
        CHECK(r->framing == HTTP_FRAMING_NONE);
        return;
    }
    CHECK(!has_coding || !http_fields_has(&r->fields, FIELD_CONTENT_LENGTH));
    CHECK(r->framing != HTTP_FRAMING_CHUNKED || (has_coding && r->version == HTTP_1_1));
    CHECK(r->framing != HTTP_FRAMING_LENGTH || (r->has_content_length && r->content_length != 0));
    CHECK(r->framing != HTTP_FRAMING_CLOSE || !r->keep_alive);
}

static void check_same(const struct http_response *a, const struct http_response *b)
{
    CHECK(a->status == b->status);
    CHECK(span_eq(a->reason, b->reason) || a->reason.len == 0);
    CHECK(a->framing == b->framing && a->content_length == b->content_length);
    CHECK(a->has_content_length == b->has_content_length);
    CHECK(a->keep_alive == b->keep_alive || a->status == 205); /* its length is not written here */
    CHECK(span_eq(a->upgrade, b->upgrade));
    fuzz_check_same_fields(&a->fields, &b->fields);
}

static void write_again(const struct http_response *r, enum http_method method, struct arena *arena)
{
    char memory[8192];
    struct h1_writer w;
    struct http_response again;

    h1_writer_init(&w, memory, sizeof(memory));
    h1_write_status_line(&w, r->status, r->reason);
    h1_write_fields(&w, &r->fields, 0);
    fuzz_write_hop(&w, r->framing, r->keep_alive, r->upgrade);
    CHECK(h1_parse_response(h1_writer_span(&w), &fuzz_loose_limits, arena, method, &again) ==
          H1_OK);
    check_same(r, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span head;
    struct arena arena;
    struct http_response response;
    enum h1_error early;

    if (size == 0) {
        return 0;
    }
    enum http_method method = bytes[0] == 'H'   ? HTTP_HEAD
                              : bytes[0] == 'C' ? HTTP_CONNECT
                                                : HTTP_GET;
    struct span text = span_make(bytes + 1, size - 1);
    arena_init(&arena, 4096);
    enum h1_error error = h1_parse_response(text, &fuzz_limits, &arena, method, &response);
    CHECK(error < H1_ERROR_COUNT);
    if (error != H1_OK) {
        fuzz_check_refused(error, text, response.refused, &arena);
    }
    if (!fuzz_head_both_ways(text, false, &head, &early)) {
        arena_destroy(&arena);
        return 0;
    }
    error = h1_parse_response(head, &fuzz_limits, &arena, method, &response);
    fuzz_check_early(early, error);
    if (error == H1_OK) {
        CHECK(response.status >= 100 && response.status <= 999);
        fuzz_check_within(response.reason, head);
        fuzz_check_fields(&response.fields, head);
        check_framing(&response, method);
        CHECK((response.upgrade.ptr != NULL) == (response.status == 101));
        write_again(&response, method, &arena);
    }
    arena_destroy(&arena);
    return 0;
}
