/* What the fuzz targets of the HTTP/1.1 parser share. CHECK is the assertion: it is always on. */
#ifndef TIDEGATE_TESTS_FUZZ_H1_H
#define TIDEGATE_TESTS_FUZZ_H1_H

#include "http/h1_parse.h"
#include "http/h1_write.h"

static const struct h1_limits fuzz_limits = {.head_bytes = 2048, .target_bytes = 256, .fields = 20};
/* A head written anew has a space behind each colon and names what it had dropped. */
static const struct h1_limits fuzz_loose_limits = {
    .head_bytes = 8192, .target_bytes = 256, .fields = 30};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct fuzz_head {
    enum h1_head_result result;
    enum h1_error error;
    size_t start;
    size_t len;
};

static inline struct fuzz_head fuzz_find_head(struct span bytes, bool is_request, size_t step)
{
    struct fuzz_head head = {H1_HEAD_MORE, H1_OK, 0, 0};
    size_t scanned = 0;

    for (size_t n = step; head.result == H1_HEAD_MORE && n <= bytes.len; n += step) {
        head.result = h1_head_end(span_head(bytes, n), &fuzz_limits, is_request, &scanned,
                                  &head.start, &head.len, &head.error);
        CHECK(scanned <= n);
    }
    return head;
}

/* Whole or byte by byte, the end of a head is in the same place, or not there for the same
 * reason. True when there is one; *early is then what was wrong with it when it came byte by byte,
 * which the parser must find too. */
static inline bool fuzz_head_both_ways(struct span bytes, bool is_request, struct span *found,
                                       enum h1_error *early)
{
    struct fuzz_head whole = fuzz_find_head(bytes, is_request, bytes.len != 0 ? bytes.len : 1);
    struct fuzz_head bytewise = fuzz_find_head(bytes, is_request, 1);

    *early = H1_OK;
    if (whole.result == H1_HEAD_COMPLETE && bytewise.result == H1_HEAD_BAD) {
        *early = bytewise.error;
        *found = span_make(bytes.ptr + whole.start, whole.len);
        return true;
    }
    CHECK(whole.result == bytewise.result);
    CHECK(whole.error == bytewise.error);
    CHECK((whole.error != H1_OK) == (whole.result == H1_HEAD_BAD));
    if (whole.result != H1_HEAD_COMPLETE) {
        return false;
    }
    CHECK(whole.start == bytewise.start && whole.len == bytewise.len);
    CHECK(whole.start + whole.len <= bytes.len);
    *found = span_make(bytes.ptr + whole.start, whole.len);
    return true;
}

/* Only the number of fields is not counted before the head is whole. */
static inline void fuzz_check_early(enum h1_error early, enum h1_error error)
{
    CHECK(early == H1_OK || error == early || error == H1_TOO_MANY_FIELDS);
}

/* A refusal can be told with its place, whatever the bytes are; so can what it seemed to be. */
static inline void fuzz_check_refused(enum h1_error error, struct span bytes, struct span refused,
                                      struct arena *arena)
{
    struct http_request seen;

    CHECK(refused.ptr == NULL ||
          (refused.ptr >= bytes.ptr && refused.ptr + refused.len <= bytes.ptr + bytes.len));
    for (const char *at = h1_error_detail(error, bytes, refused, arena); *at != '\0'; at++) {
        CHECK(*at >= ' ' && *at < 0x7f);
    }
    h1_glimpse(bytes, arena, &seen);
    CHECK(seen.method_name.len <= H1_METHOD_MAX);
}

static inline void fuzz_check_within(struct span part, struct span whole)
{
    CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

/* Every name is a token and every value free of what would end its line, and all lie in the head.
 */
static inline void fuzz_check_fields(const struct http_fields *fields, struct span head)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        fuzz_check_within(field->name, head);
        fuzz_check_within(field->value, head);
        CHECK(http_is_token(field->name));
        CHECK(field->id == http_field_id(field->name));
        CHECK(http_fields_has(fields, field->id));
        CHECK(span_eq(field->value, span_trim(field->value)));
        CHECK(span_find(field->value, '\0') == field->value.len);
        CHECK(span_find(field->value, '\r') == field->value.len);
        CHECK(span_find(field->value, '\n') == field->value.len);
    }
}

static inline const struct http_field *fuzz_next_kept(const struct http_fields *fields, size_t *at)
{
    while (*at < fields->count && fields->items[*at].is_not_sent) {
        ++*at;
    }
    return *at < fields->count ? &fields->items[(*at)++] : NULL;
}

/* The same fields go on, in the same order. */
static inline void fuzz_check_same_fields(const struct http_fields *a, const struct http_fields *b)
{
    size_t at_a = 0;
    size_t at_b = 0;
    const struct http_field *field;

    while ((field = fuzz_next_kept(a, &at_a)) != NULL) {
        const struct http_field *other = fuzz_next_kept(b, &at_b);
        CHECK(other != NULL);
        CHECK(span_eq(field->name, other->name) && span_eq(field->value, other->value));
    }
    CHECK(fuzz_next_kept(b, &at_b) == NULL);
}

/* The fields of this hop that say again what was dropped. */
static inline void fuzz_write_hop(struct h1_writer *w, enum http_framing framing, bool keep_alive,
                                  struct span upgrade)
{
    if (framing == HTTP_FRAMING_CHUNKED) {
        h1_write_field(w, SPAN_OF("Transfer-Encoding"), SPAN_OF("chunked"));
    }
    if (!keep_alive) {
        h1_write_field(w, SPAN_OF("Connection"), SPAN_OF("close"));
    }
    if (upgrade.ptr != NULL) {
        h1_write_field(w, SPAN_OF("Connection"), SPAN_OF("upgrade"));
        h1_write_field(w, SPAN_OF("Upgrade"), upgrade);
    }
    h1_write_end(w);
    CHECK(!w->is_full);
}

#endif
