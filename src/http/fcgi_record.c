#include "http/fcgi_record.h"

#include <string.h>

#define VERSION 1
#define ROLE_RESPONDER 1
#define FLAG_KEEP_CONN 1
#define END_BYTES 8

static const struct {
    const char *word;
    const char *text;
} bad_words[] = {
    [FCGI_BAD_NONE] = {"", ""},
    [FCGI_BAD_VERSION] = {"fcgi_version", "the server's bytes are not FastCGI of version 1"},
    [FCGI_BAD_TYPE] = {"fcgi_type", "the server sent a record that belongs to no answer"},
    [FCGI_BAD_ID] = {"fcgi_request_id", "the server sent a record of a request that nobody made"},
    [FCGI_BAD_LENGTH] = {"fcgi_end", "the server's record of the request's end has a wrong length"},
    [FCGI_BAD_STATUS] = {"fcgi_end", "the server's record of the request's end says nothing known"},
    [FCGI_BAD_OUT_ENDED] = {"fcgi_after_end", "the server sent more behind the end"},
    [FCGI_BAD_EMPTY] = {"fcgi_empty", "the server sent one empty record after another"},
};

const char *fcgi_bad_word(enum fcgi_bad bad)
{
    return bad_words[bad].word;
}

const char *fcgi_bad_text(enum fcgi_bad bad)
{
    return bad_words[bad].text;
}

static enum fcgi_result refuse(struct fcgi_reader *reader, enum fcgi_bad bad)
{
    reader->bad = bad;
    return FCGI_BAD;
}

/* A header that is whole. */
static enum fcgi_bad judge_header(struct fcgi_reader *reader)
{
    const uint8_t *h = reader->held;

    reader->type = h[1];
    reader->content = (uint16_t)(h[4] << 8 | h[5]);
    reader->padding = h[6];
    if (h[0] != VERSION) {
        return FCGI_BAD_VERSION;
    }
    if (h[1] != FCGI_STDOUT && h[1] != FCGI_STDERR && h[1] != FCGI_END_REQUEST) {
        return FCGI_BAD_TYPE;
    }
    if ((h[2] << 8 | h[3]) != FCGI_REQUEST_ID) {
        return FCGI_BAD_ID;
    }
    if (h[1] == FCGI_END_REQUEST) {
        return reader->content == END_BYTES ? FCGI_BAD_NONE : FCGI_BAD_LENGTH;
    }
    if (h[1] == FCGI_STDOUT && reader->out_has_ended) {
        return FCGI_BAD_OUT_ENDED;
    }
    if (reader->content != 0) {
        reader->empty_count = 0;
        return FCGI_BAD_NONE;
    }
    reader->out_has_ended |= h[1] == FCGI_STDOUT;
    return ++reader->empty_count > FCGI_EMPTY_MAX ? FCGI_BAD_EMPTY : FCGI_BAD_NONE;
}

/* Bytes to `held`, which is full at 8. */
static size_t hold(struct fcgi_reader *reader, struct span in)
{
    size_t n = sizeof(reader->held) - reader->held_len;

    n = n < in.len ? n : in.len;
    memcpy(reader->held + reader->held_len, in.ptr, n);
    reader->held_len = (uint8_t)(reader->held_len + n);
    return n;
}

static bool is_held(const struct fcgi_reader *reader)
{
    return reader->held_len == sizeof(reader->held);
}

static enum fcgi_result take_end(struct fcgi_reader *reader)
{
    const uint8_t *b = reader->held;

    reader->app_status = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    if (b[4] > FCGI_UNKNOWN_ROLE) {
        return refuse(reader, FCGI_BAD_STATUS);
    }
    reader->status = (enum fcgi_status)b[4];
    reader->is_over = true;
    return FCGI_END;
}

/* One step; FCGI_MORE with bytes left: another one. */
static enum fcgi_result step(struct fcgi_reader *reader, struct span in, size_t *used,
                             struct span *data)
{
    if (!reader->is_in_content) {
        *used = hold(reader, in);
        if (is_held(reader)) {
            enum fcgi_bad bad = judge_header(reader);

            if (bad != FCGI_BAD_NONE) {
                return refuse(reader, bad);
            }
            reader->held_len = 0;
            reader->is_in_content = reader->content != 0 || reader->padding != 0;
        }
        return FCGI_MORE;
    }
    if (reader->content == 0) {
        size_t n = reader->padding < in.len ? reader->padding : in.len;

        *used = n;
        reader->padding = (uint8_t)(reader->padding - n);
        reader->is_in_content = reader->padding != 0;
        return FCGI_MORE;
    }
    size_t n = reader->content < in.len ? reader->content : in.len;
    if (reader->type == FCGI_END_REQUEST) {
        n = hold(reader, span_head(in, n));
    }
    *used = n;
    reader->content = (uint16_t)(reader->content - n);
    reader->is_in_content = reader->content != 0 || reader->padding != 0;
    if (reader->type == FCGI_END_REQUEST) {
        if (!is_held(reader)) {
            return FCGI_MORE;
        }
        enum fcgi_result result = take_end(reader);
        reader->held_len = 0;
        return result;
    }
    *data = span_head(in, n);
    return reader->type == FCGI_STDOUT ? FCGI_OUT : FCGI_ERR;
}

enum fcgi_result fcgi_read(struct fcgi_reader *reader, struct span in, size_t *used,
                           struct span *data)
{
    *used = 0;
    if (reader->is_over) { /* its padding, and nothing else */
        size_t n = reader->padding < in.len ? reader->padding : in.len;

        *used = n;
        reader->padding = (uint8_t)(reader->padding - n);
        reader->is_in_content = reader->padding != 0;
        return n == in.len ? FCGI_MORE : refuse(reader, FCGI_BAD_OUT_ENDED);
    }
    while (*used < in.len) {
        size_t n = 0;
        enum fcgi_result result = step(reader, span_skip(in, *used), &n, data);

        *used += n;
        if (result != FCGI_MORE) {
            return result;
        }
    }
    return FCGI_MORE;
}

bool fcgi_is_at_end(const struct fcgi_reader *reader)
{
    return reader->is_over && !reader->is_in_content;
}

void fcgi_header(char out[FCGI_HEADER_BYTES], enum fcgi_type type, size_t content)
{
    CHECK(content <= FCGI_CONTENT_MAX);
    out[0] = VERSION;
    out[1] = (char)type;
    out[2] = FCGI_REQUEST_ID >> 8;
    out[3] = FCGI_REQUEST_ID & 0xff;
    out[4] = (char)(content >> 8);
    out[5] = (char)content;
    out[6] = 0;
    out[7] = 0;
}

void fcgi_begin(char out[FCGI_BEGIN_BYTES], bool keeps)
{
    fcgi_header(out, FCGI_BEGIN_REQUEST, FCGI_BEGIN_BYTES - FCGI_HEADER_BYTES);
    memset(out + FCGI_HEADER_BYTES, 0, FCGI_BEGIN_BYTES - FCGI_HEADER_BYTES);
    out[FCGI_HEADER_BYTES + 1] = ROLE_RESPONDER;
    out[FCGI_HEADER_BYTES + 2] = keeps ? FLAG_KEEP_CONN : 0;
}
