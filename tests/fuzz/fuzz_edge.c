/* What edge and http make of the fields of one request: ranges, conditions, dates, priorities, the
 * client behind proxies, paths, file names. The input is a request's head. */
#include "edge/client_view.h"
#include "edge/conditional.h"
#include "edge/field_senders.h"
#include "edge/forwarded.h"
#include "edge/mime.h"
#include "edge/path.h"
#include "edge/range.h"
#include "http/date.h"
#include "http/h1_parse.h"
#include "http/h2_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_trusted(const void *context, const uint8_t ip[16])
{
    (void)context;
    return ip[15] % 2 == 0;
}

/* Whatever is accepted lies within the file. */
static void see_range(struct span value, uint64_t size)
{
    struct byte_range ranges[RANGE_MAX];
    size_t count = 0;

    if (range_parse(value, size, ranges, &count) == RANGE_PARTIAL) {
        CHECK(count != 0 && count <= RANGE_MAX);
        for (size_t i = 0; i < count; i++) {
            CHECK(ranges[i].length != 0 && ranges[i].first < size &&
                  ranges[i].length <= size - ranges[i].first);
        }
    }
}

/* A date that is understood is the same when it is written and read again. */
static void see_date(struct span value)
{
    char text[HTTP_DATE_SIZE];
    time_t time;
    time_t again;

    if (http_date_parse(value, &time)) {
        http_date_format(time, text);
        CHECK(http_date_parse(span_from_cstr(text), &again) && again == time);
    }
}

static void see_client(const struct http_request *request, struct arena *arena)
{
    struct client_view_from from = {.peer = SPAN_OF("192.0.2.2"),
                                    .peer_port = 65535,
                                    .is_tls = request->path.len % 2 == 0,
                                    .authority = request->authority,
                                    .fields = &request->fields,
                                    .is_trusted = is_trusted};
    struct client_view view;
    struct forwarded out;

    client_view_read(&from, arena, &view);
    CHECK(view.hop_count <= VIEW_HOPS_MAX);
    forwarded_write(&(struct forwarded_from){.view = &view, .peer = from.peer}, arena, &out);
    CHECK(span_find(out.x_for, '\r') == out.x_for.len &&
          span_find(out.x_for, '\n') == out.x_for.len);
    CHECK(span_find(out.forwarded, '\n') == out.forwarded.len);
}

/* A path in its normal form is its own normal form. */
static void see_path(const struct http_request *request, struct arena *arena)
{
    struct path path;
    struct path again;
    const char *name;

    if (path_normalise(request->path, arena, &path) != PATH_OK) {
        return;
    }
    (void)!path_check_strict(&path);
    (void)!path_to_file(path.match, arena, &name);
    CHECK(path_normalise(path.match, arena, &again) == PATH_OK);
    CHECK(span_eq(again.match, path.match));
}

static void see_field(const struct http_field *field, size_t size)
{
    see_range(field->value, (uint64_t)size * 7 % 2000);
    see_date(field->value);
    (void)h2_priority_parse(field->value);
    (void)mime_from_name(field->value);
    CHECK(field_sender(field->name) == field_sender_of(field));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct h1_limits limits = {65536, 8192, 100};
    const struct validators validators = {
        .etag = SPAN_OF("\"abc\""), .last_modified = 784111777, .is_date_strong = (size & 1) != 0};
    struct arena arena;
    struct http_request request;

    arena_init(&arena, 4096);
    char *copy = arena_cstr(&arena, span_make(bytes, size));
    if (h1_parse_request(span_make(copy, size), &limits, &arena, &request) == H1_OK) {
        (void)!conditional_evaluate(&request, &validators);
        (void)!conditional_range_applies(&request, &validators);
        for (size_t i = 0; i < request.fields.count; i++) {
            see_field(&request.fields.items[i], size);
        }
        see_client(&request, &arena);
        see_path(&request, &arena);
    }
    arena_destroy(&arena);
    return 0;
}
