/* Any field section as an HTTP/2 response's head. The first byte says what was asked and whether
 * the stream ends with it; then each field is two bytes of lengths, name and value.
 *
 * What is accepted can be written as an HTTP/1.1 head that the strict parser takes for the same
 * message. */
#include "http/h1_parse.h"
#include "http/h1_write.h"
#include "http/h2_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct h2_limits limits = {.head_bytes = 2048, .target_bytes = 64, .fields = 20};
static const struct h1_limits loose = {.head_bytes = 8192, .target_bytes = 64, .fields = 40};

static void add_all(struct h2_response *head, struct cursor *in)
{
    uint8_t name_len;
    uint8_t value_len;
    struct span name;
    struct span value;

    while (cursor_u8(in, &name_len) && cursor_u8(in, &value_len) &&
           cursor_bytes(in, name_len, &name) && cursor_bytes(in, value_len, &value)) {
        h2_response_add(head, name, value);
    }
}

static void write_head(struct h1_writer *w, const struct http_response *r)
{
    h1_write_status_line(w, r->status, r->reason);
    h1_write_fields(w, &r->fields, UINT64_C(1) << FIELD_CONTENT_LENGTH);
    if (r->framing == HTTP_FRAMING_CHUNKED) {
        h1_write_bytes(w, SPAN_OF("Transfer-Encoding: chunked\r\n"));
    } else if (r->has_content_length) {
        h1_write_field_u64(w, SPAN_OF("Content-Length"), r->content_length);
    } else if (r->status >= 200 && r->status != 204 && r->status != 304) {
        h1_write_bytes(w, SPAN_OF("Content-Length: 0\r\n"));
    }
    h1_write_end(w);
    CHECK(!w->is_full);
}

static size_t count_forwarded(const struct http_fields *fields)
{
    size_t count = 0;

    for (size_t i = 0; i < fields->count; i++) {
        count += !fields->items[i].is_not_sent && fields->items[i].id != FIELD_CONTENT_LENGTH &&
                 fields->items[i].id != FIELD_TRANSFER_ENCODING;
    }
    return count;
}

static void check_same(const struct http_response *r, enum http_method method, struct arena *arena)
{
    char memory[8192];
    struct h1_writer w;
    struct http_response again;
    size_t start;
    size_t len;
    size_t scanned = 0;
    enum h1_error error;

    h1_writer_init(&w, memory, sizeof(memory));
    write_head(&w, r);
    struct span head = h1_writer_span(&w);
    CHECK(h1_head_end(head, &loose, false, &scanned, &start, &len, &error) == H1_HEAD_COMPLETE);
    CHECK(start == 0 && len == head.len);
    CHECK(h1_parse_response(head, &loose, arena, method, &again) == H1_OK);
    CHECK(again.status == r->status && again.framing == r->framing);
    CHECK(again.framing != HTTP_FRAMING_LENGTH || again.content_length == r->content_length);
    CHECK(count_forwarded(&again.fields) == count_forwarded(&r->fields));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct http_response response;
    struct h2_response head;

    if (size == 0) {
        return 0;
    }
    enum http_method method = (bytes[0] & 1) != 0 ? HTTP_HEAD : HTTP_GET;
    bool is_end = (bytes[0] & 2) != 0;
    struct cursor in = cursor_make(span_make(bytes + 1, size - 1));
    arena_init(&arena, 4096);
    h2_response_init(&head, &arena, &limits, &response);
    add_all(&head, &in);
    enum h2_error error = h2_response_finish(&head, method, is_end);
    CHECK(error < H2_ERROR_COUNT);
    if (error == H2_OK) {
        CHECK(response.status >= 100 && response.status <= 999 && response.status != 101);
        CHECK(!is_end || response.framing == HTTP_FRAMING_NONE);
        CHECK(response.framing != HTTP_FRAMING_LENGTH || response.content_length != 0);
        check_same(&response, method, &arena);
    }
    arena_destroy(&arena);
    return 0;
}
