#include "http/h1_chunked.h"

#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_parse_internal.h"
#include "http/refused.h"

/*   SIZE -;-> EXT_NAME -=-> EXT_VALUE -> EXT_TOKEN
 *    |         ^    |           '------> EXT_QUOTED <-> EXT_ESCAPE
 *    |         '-;--+-------------------- EXT_CLOSED <--'
 *    '---CR--> SIZE_LF <--CR (from any extension that is whole)
 *                |-- size > 0 --> DATA -> DATA_CR -> DATA_LF -> SIZE
 *                '-- size = 0 --> LAST --CR--> LAST_LF -> END
 *                                   '-> TRAILER --empty line--> END */
enum chunked_state {
    STATE_SIZE,
    STATE_EXT_NAME_START,
    STATE_EXT_NAME,
    STATE_EXT_VALUE_START,
    STATE_EXT_TOKEN,
    STATE_EXT_QUOTED,
    STATE_EXT_ESCAPE,
    STATE_EXT_CLOSED,
    STATE_SIZE_LF,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_LAST,
    STATE_LAST_LF,
    STATE_TRAILER,
    STATE_END,
    STATE_FAILED
};

void h1_chunked_init(struct h1_chunked *decoder)
{
    *decoder = (struct h1_chunked){.state = STATE_SIZE};
}

static enum h1_error expect_byte(struct h1_chunked *decoder, char c, char due,
                                 enum chunked_state next, enum h1_error error)
{
    if (c != due) {
        return error;
    }
    decoder->state = (uint8_t)next;
    return H1_OK;
}

/* chunk-size = 1*HEXDIG (RFC 9112 section 7.1) */
static enum h1_error step_size(struct h1_chunked *decoder, char c)
{
    if (http_is(c, HTTP_HEX_DIGIT)) {
        if (decoder->digits == 16 || decoder->left >> 59 != 0) {
            return H1_BAD_CHUNK_SIZE;
        }
        decoder->left = decoder->left << 4 | http_hex_value(c);
        decoder->digits++;
        return H1_OK;
    }
    if (decoder->digits == 0) {
        return H1_BAD_CHUNK_SIZE;
    }
    if (c == ';') {
        decoder->state = STATE_EXT_NAME_START;
        return H1_OK;
    }
    return expect_byte(decoder, c, '\r', STATE_SIZE_LF,
                       c == '\n' ? H1_BAD_LINE_END : H1_BAD_CHUNK_SIZE);
}

static enum h1_error step_size_lf(struct h1_chunked *decoder, char c)
{
    enum chunked_state next = decoder->left != 0 ? STATE_DATA : STATE_LAST;

    return expect_byte(decoder, c, '\n', next, H1_BAD_LINE_END);
}

/* What may follow a whole extension: another, or the end of the line. */
static enum h1_error step_ext_end(struct h1_chunked *decoder, char c)
{
    if (c == ';') {
        decoder->state = STATE_EXT_NAME_START;
        return H1_OK;
    }
    return expect_byte(decoder, c, '\r', STATE_SIZE_LF,
                       c == '\n' ? H1_BAD_LINE_END : H1_BAD_CHUNK_EXTENSION);
}

/* quoted-string (RFC 9110 section 5.6.4). No CR nor LF is in HTTP_VALUE, so a line end can't hide
 * in one. */
static enum h1_error step_quoted(struct h1_chunked *decoder, char c)
{
    if (!http_is(c, HTTP_VALUE)) {
        return H1_BAD_CHUNK_EXTENSION;
    }
    if (decoder->state == STATE_EXT_ESCAPE) {
        decoder->state = STATE_EXT_QUOTED;
    } else if (c == '\\') {
        decoder->state = STATE_EXT_ESCAPE;
    } else if (c == '"') {
        decoder->state = STATE_EXT_CLOSED;
    }
    return H1_OK;
}

/* chunk-ext = *( ";" chunk-ext-name [ "=" chunk-ext-val ] ) (RFC 9112 section 7.1.1) */
static enum h1_error step_ext(struct h1_chunked *decoder, char c)
{
    bool is_token = http_is(c, HTTP_TOKEN);

    switch (decoder->state) {
    case STATE_EXT_NAME_START:
        decoder->state = STATE_EXT_NAME;
        return is_token ? H1_OK : H1_BAD_CHUNK_EXTENSION;
    case STATE_EXT_NAME:
        if (c == '=') {
            decoder->state = STATE_EXT_VALUE_START;
            return H1_OK;
        }
        return is_token ? H1_OK : step_ext_end(decoder, c);
    case STATE_EXT_VALUE_START:
        decoder->state = c == '"' ? STATE_EXT_QUOTED : STATE_EXT_TOKEN;
        return is_token || c == '"' ? H1_OK : H1_BAD_CHUNK_EXTENSION;
    case STATE_EXT_TOKEN:
        return is_token ? H1_OK : step_ext_end(decoder, c);
    case STATE_EXT_CLOSED:
        return step_ext_end(decoder, c);
    default:
        return step_quoted(decoder, c);
    }
}

static enum h1_error step_size_line(struct h1_chunked *decoder, char c)
{
    enum h1_error error;

    if (decoder->state == STATE_SIZE_LF) {
        return step_size_lf(decoder, c);
    }
    error = decoder->state == STATE_SIZE ? step_size(decoder, c) : step_ext(decoder, c);
    if (error == H1_OK && ++decoder->line_bytes > H1_CHUNK_SIZE_LINE_MAX) {
        return H1_BAD_CHUNK_EXTENSION;
    }
    return error;
}

/* The bytes around a chunk's data and behind the last chunk. */
static enum h1_error step_between(struct h1_chunked *decoder, char c)
{
    switch (decoder->state) {
    case STATE_DATA_CR:
        return expect_byte(decoder, c, '\r', STATE_DATA_LF, H1_BAD_CHUNK_END);
    case STATE_DATA_LF:
        decoder->digits = 0;
        decoder->line_bytes = 0;
        return expect_byte(decoder, c, '\n', STATE_SIZE, H1_BAD_CHUNK_END);
    default:
        CHECK(decoder->state == STATE_LAST_LF);
        return expect_byte(decoder, c, '\n', STATE_END, H1_BAD_LINE_END);
    }
}

#define FIRST_TRAILER_BYTES 256

/* Room for n more trailer bytes, which the caller has found to be within the limit. */
static void reserve_trailer(struct h1_chunked *decoder, struct arena *arena, size_t n)
{
    size_t capacity = decoder->trailer_capacity;
    char *bytes;

    if (capacity - decoder->trailer_len >= n) {
        return;
    }
    capacity = capacity != 0 ? capacity : FIRST_TRAILER_BYTES;
    while (capacity - decoder->trailer_len < n) {
        capacity *= 2;
    }
    bytes = arena_alloc(arena, capacity);
    if (decoder->trailer_len != 0) {
        memcpy(bytes, decoder->trailer_bytes, decoder->trailer_len);
    }
    decoder->trailer_bytes = bytes;
    decoder->trailer_capacity = capacity;
}

static enum h1_error finish_trailers(struct h1_chunked *decoder, const struct h1_limits *limits,
                                     struct arena *arena, struct http_fields *trailers)
{
    struct http_fields found = {0};
    uint64_t repeated = 0;
    const char *at = decoder->trailer_bytes;
    const char *end = at + decoder->trailer_len;
    enum h1_error error = h1_parse_fields(&at, end, limits->fields, arena, &found, &repeated);

    if (error != H1_OK) {
        decoder->refused = at < end ? span_make(at, 1) : span_make(NULL, 0);
        decoder->refused_at = (uint64_t)(at - decoder->trailer_bytes);
        decoder->is_in_trailers = true;
        return error == H1_TOO_MANY_FIELDS ? error : H1_BAD_TRAILER;
    }
    for (size_t i = 0; trailers != NULL && i < found.count; i++) {
        if (!http_field_may_be_trailer(&found.items[i])) {
            continue;
        }
        http_fields_add(trailers, arena, FIELD_OTHER, found.items[i].name, found.items[i].value);
    }
    return H1_OK;
}

/* Takes trailer bytes up to and with the next LF; *taken says how many. */
static enum h1_error take_trailer(struct h1_chunked *decoder, struct span in,
                                  const struct h1_limits *limits, struct arena *arena,
                                  struct http_fields *trailers, size_t *taken)
{
    const char *lf = memchr(in.ptr, '\n', in.len);
    size_t n = lf != NULL ? (size_t)(lf - in.ptr) + 1 : in.len;

    *taken = n;
    if (n > limits->head_bytes - decoder->trailer_len) {
        return H1_TRAILERS_TOO_LARGE;
    }
    reserve_trailer(decoder, arena, n);
    memcpy(decoder->trailer_bytes + decoder->trailer_len, in.ptr, n);
    decoder->trailer_len += n;
    if (lf == NULL) {
        return H1_OK;
    }
    const char *end = decoder->trailer_bytes + decoder->trailer_len;
    if (decoder->trailer_len < 2 || end[-2] != '\r') {
        return H1_BAD_LINE_END;
    }
    if (decoder->trailer_len >= 4 && end[-3] == '\n') {
        decoder->state = STATE_END;
        return finish_trailers(decoder, limits, arena, trailers);
    }
    return H1_OK;
}

enum h1_chunked_result h1_chunked_decode(struct h1_chunked *decoder, struct span in,
                                         const struct h1_limits *limits, struct arena *arena,
                                         size_t *used, struct span *data,
                                         struct http_fields *trailers, enum h1_error *error)
{
    size_t at = 0;

    CHECK(decoder->state != STATE_FAILED);
    *error = H1_OK;
    *data = span_make(NULL, 0);
    while (at < in.len && decoder->state != STATE_END) {
        size_t taken = 1;
        if (decoder->state == STATE_DATA) {
            size_t n = in.len - at < decoder->left ? in.len - at : (size_t)decoder->left;
            *data = span_make(in.ptr + at, n);
            *used = at + n;
            decoder->seen += *used;
            decoder->left -= n;
            decoder->state = decoder->left != 0 ? STATE_DATA : STATE_DATA_CR;
            return H1_CHUNKED_DATA;
        }
        if (decoder->state == STATE_LAST) {
            bool is_end = in.ptr[at] == '\r';
            decoder->state = is_end ? STATE_LAST_LF : STATE_TRAILER;
            at += is_end ? 1 : 0;
            continue;
        }
        if (decoder->state == STATE_TRAILER) {
            *error = take_trailer(decoder, span_skip(in, at), limits, arena, trailers, &taken);
        } else if (decoder->state <= STATE_SIZE_LF) {
            *error = step_size_line(decoder, in.ptr[at]);
        } else {
            *error = step_between(decoder, in.ptr[at]);
        }
        at += taken;
        if (*error != H1_OK) {
            decoder->state = STATE_FAILED;
            if (decoder->refused.ptr == NULL && *error != H1_TRAILERS_TOO_LARGE) {
                decoder->refused = span_make(in.ptr + at - 1, 1);
                decoder->refused_at = decoder->seen + at - 1;
            }
            *used = at;
            return H1_CHUNKED_BAD;
        }
    }
    *used = at;
    decoder->seen += at;
    return decoder->state == STATE_END ? H1_CHUNKED_END : H1_CHUNKED_MORE;
}

const char *h1_chunked_detail(const struct h1_chunked *decoder, enum h1_error error,
                              struct arena *arena)
{
    const char *text = h1_error_text(error);

    if (decoder->refused.ptr == NULL || error == H1_TOO_MANY_FIELDS) {
        return text;
    }
    return http_refused_text(text, decoder->is_in_trailers ? "the trailers" : "the chunked body",
                             (size_t)decoder->refused_at, decoder->refused, arena);
}
