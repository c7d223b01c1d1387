/* Any names and values as an HTTP/2 request's head. What is taken must be the same request once it
 * was written as HTTP/1.1 and parsed by the strict parser: the property on which no translation can
 * smuggle. Input: lines "name\nvalue\n"; a first byte chooses whether the stream ended. */
#include "http/h1_parse.h"
#include "http/h1_write.h"
#include "http/h2_fields.h"

static const struct h2_limits limits = {.head_bytes = 2048, .target_bytes = 256, .fields = 20};
static const struct h1_limits loose = {.head_bytes = 16384, .target_bytes = 512, .fields = 200};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool take_line(struct span *rest, struct span *line)
{
    if (rest->len == 0) {
        return false;
    }
    size_t end = span_find(*rest, '\n');
    *line = span_head(*rest, end);
    *rest = span_skip(*rest, end < rest->len ? end + 1 : end);
    return true;
}

/* "\x01" stands for LF in values, so that the separator can be had there, too. */
static struct span unescape(struct span s, struct arena *arena)
{
    char *copy = arena_cstr(arena, s);

    for (size_t i = 0; i < s.len; i++) {
        copy[i] = copy[i] == 1 ? '\n' : copy[i];
    }
    return span_make(copy, s.len);
}

static void give(struct h2_section *section, struct span rest)
{
    struct span name;
    struct span value;

    while (take_line(&rest, &name) && take_line(&rest, &value)) {
        h2_section_add(section, unescape(name, section->arena), unescape(value, section->arena));
    }
}

static void write_head(struct h1_writer *w, const struct http_request *r)
{
    h1_write_request_line(w, r->method_name, r->target);
    h1_write_field(w, SPAN_OF("Host"), r->authority);
    h1_write_fields(w, &r->fields, UINT64_C(1) << FIELD_HOST | UINT64_C(1) << FIELD_CONTENT_LENGTH);
    if (r->framing == HTTP_FRAMING_CHUNKED) {
        h1_write_field(w, SPAN_OF("Transfer-Encoding"), SPAN_OF("chunked"));
    } else if (r->has_content_length) {
        h1_write_field_u64(w, SPAN_OF("Content-Length"), r->content_length);
    }
    if (r->upgrade.ptr != NULL) {
        h1_write_field(w, SPAN_OF("Connection"), SPAN_OF("Upgrade"));
    }
    h1_write_end(w);
    CHECK(!w->is_full);
}

static size_t count_kept(const struct http_fields *fields)
{
    size_t kept = 0;

    for (size_t i = 0; i < fields->count; i++) {
        enum http_field_id id = fields->items[i].id;
        kept += !fields->items[i].is_not_sent && id != FIELD_HOST && id != FIELD_CONTENT_LENGTH;
    }
    return kept;
}

static void check_request(const struct http_request *r, struct arena *arena)
{
    static char memory[16384];
    struct http_request again = {0};
    struct h1_writer w;

    CHECK(r->version == HTTP_2 && r->authority.ptr != NULL && r->host.ptr != NULL);
    CHECK(http_fields_has(&r->fields, FIELD_HOST));
    CHECK(!r->is_extended_connect || (r->method == HTTP_GET && r->framing == HTTP_FRAMING_NONE));
    if (r->method == HTTP_CONNECT) {
        return; /* never forwarded */
    }
    CHECK(r->path.ptr[0] == '/' || (span_eq_cstr(r->path, "*") && r->method == HTTP_OPTIONS));
    h1_writer_init(&w, memory, sizeof(memory));
    write_head(&w, r);
    CHECK(h1_parse_request(h1_writer_span(&w), &loose, arena, &again) == H1_OK);
    CHECK(span_eq(r->method_name, again.method_name) && span_eq(r->target, again.target));
    CHECK(span_eq(r->path, again.path) && span_eq(r->query, again.query));
    CHECK(span_eq(r->host, again.host) && r->port == again.port);
    CHECK(r->framing == again.framing && r->content_length == again.content_length);
    CHECK(r->expects_continue == again.expects_continue);
    CHECK(count_kept(&r->fields) == count_kept(&again.fields));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span input = span_make(bytes, size);
    struct http_request request = {0};
    struct http_fields trailers = {0};
    struct h2_section section;
    struct arena arena;

    if (size == 0) {
        return 0;
    }
    arena_init(&arena, 4096);
    h2_section_init(&section, &arena, &limits, &request.fields, false);
    give(&section, span_skip(input, 1));
    enum h2_error error = h2_request_finish(&section, (bytes[0] & 1) != 0, &request);
    CHECK(error < H2_ERROR_COUNT);
    if (error == H2_OK) {
        check_request(&request, &arena);
    }
    h2_section_init(&section, &arena, &limits, &trailers, true);
    give(&section, span_skip(input, 1));
    if (h2_trailers_finish(&section) == H2_OK) {
        for (size_t i = 0; i < trailers.count; i++) {
            CHECK(trailers.items[i].id == FIELD_OTHER && http_is_token(trailers.items[i].name));
        }
    }
    struct h2_priority priority = h2_priority_parse(input);
    CHECK(priority.urgency <= 7);
    arena_destroy(&arena);
    return 0;
}
