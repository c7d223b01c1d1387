/* What edge and http make of the fields of one request: ranges, conditions, dates, priorities, the
 * client behind proxies, paths, file names, protocols to switch to, hops. The input is a request's
 * head. */
#include "edge/client_view.h"
#include "edge/conditional.h"
#include "edge/destination.h"
#include "edge/field_senders.h"
#include "edge/forwarded.h"
#include "edge/hops.h"
#include "edge/mime.h"
#include "edge/path.h"
#include "edge/range.h"
#include "edge/upgrade.h"
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

/* The next gateway, which trusts this one, sees the same client in what is written. */
static void see_client_again(const struct client_view *view, struct span forwarded,
                             struct arena *arena)
{
    struct http_fields fields = {0};
    struct client_view_from from = {
        .peer = SPAN_OF("192.0.2.4"), .fields = &fields, .is_trusted = is_trusted};
    struct client_view again;

    http_fields_add(&fields, arena, FIELD_FORWARDED, SPAN_OF("Forwarded"), forwarded);
    client_view_read(&from, arena, &again);
    CHECK(span_eq(again.address, view->address) && again.is_https == view->is_https);
    CHECK(span_eq(again.forwarded, forwarded)); /* well-formed from its beginning */
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
    if (view.hop_count + 1 < VIEW_HOPS_MAX && out.forwarded.len <= VIEW_PREVIOUS_MAX) {
        see_client_again(&view, out.forwarded, arena);
    }
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

/* What passes of a list was offered and is allowed. */
static void see_upgrade(struct span offered, struct arena *arena)
{
    static const char *const allowed[] = {"websocket", "tcp"};
    struct upgrade_choice choice = upgrade_choose(offered, allowed, ARRAY_LEN(allowed), arena);
    struct span rest = choice.passed;
    struct span one;

    while (span_split(&rest, ',', &one)) {
        one = span_trim(one);
        CHECK(upgrade_has(offered, one));
        CHECK(span_ieq(one, SPAN_OF("websocket")) || span_ieq(one, SPAN_OF("tcp")));
    }
}

/* Where a destination is changed, its path is not. */
static void see_destination(struct span value, struct arena *arena)
{
    const struct client_view view = {.is_https = true, .host = SPAN("a.test"), .port = 443};
    struct destination destination;
    struct span sent;

    if (destination_parse(value, &destination)) {
        CHECK(span_ends_with(value, destination.rest));
        sent =
            destination_for_server(&destination, &view, false, false, SPAN_OF("b.test:81"), arena);
        CHECK(sent.ptr == NULL || (span_starts_with(sent, SPAN_OF("http://b.test:81")) &&
                                   span_ends_with(sent, destination.rest)));
    }
}

static void see_hops(const struct http_request *request)
{
    unsigned less_one = HOPS_MAX + 1;

    if (hops_left(request, &less_one) == HOPS_SOME) {
        CHECK(less_one <= HOPS_MAX);
    }
    (void)hops_has_mark(&request->fields, SPAN_OF("tidegate-0-0"));
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
            see_upgrade(request.fields.items[i].value, &arena);
            see_destination(request.fields.items[i].value, &arena);
        }
        see_hops(&request);
        see_client(&request, &arena);
        see_path(&request, &arena);
    }
    arena_destroy(&arena);
    return 0;
}
