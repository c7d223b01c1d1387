#include "h2_talk.h"

#include <string.h>

#include "base/check.h"
#include "server/front_h2.h"

#define HEAD_BYTES 9

/* ---- out ---- */

static void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

void h2_put_frame(struct strbuf *out, uint8_t type, uint8_t flags, uint32_t stream,
                  struct span payload)
{
    uint8_t head[HEAD_BYTES] = {(uint8_t)(payload.len >> 16), (uint8_t)(payload.len >> 8),
                                (uint8_t)payload.len, type, flags};

    put_u32(head + 5, stream);
    strbuf_add(out, span_make(head, sizeof(head)));
    if (payload.len != 0) {
        strbuf_add(out, payload);
    }
}

/* A string literal of HPACK, without Huffman (RFC 7541 section 5.2). */
static void put_string(struct strbuf *out, struct span s)
{
    size_t left = s.len;

    if (left < 127) {
        strbuf_add_char(out, (char)left);
    } else {
        strbuf_add_char(out, 127);
        for (left -= 127; left >= 128; left >>= 7) {
            strbuf_add_char(out, (char)(uint8_t)(left | 128));
        }
        strbuf_add_char(out, (char)left);
    }
    strbuf_add(out, s);
}

void h2_put_fields(struct strbuf *out, const char *lines)
{
    struct span rest = span_from_cstr(lines);
    struct span line;

    while (span_split(&rest, '\n', &line)) {
        size_t colon = line.len != 0 ? 1 + span_find(span_skip(line, 1), ':') : 0;
        if (colon >= line.len) {
            continue;
        }
        strbuf_add_char(out, 0x10); /* never indexed, with a new name */
        put_string(out, span_head(line, colon));
        put_string(out, span_trim(span_skip(line, colon + 1)));
    }
}

void h2_send(struct h2_talk *talk, uint8_t type, uint8_t flags, uint32_t stream,
             struct span payload)
{
    struct strbuf out;

    strbuf_init(&out);
    h2_put_frame(&out, type, flags, stream, payload);
    actor_send(talk->actor, strbuf_span(&out));
    strbuf_free(&out);
}

void h2_send_head(struct h2_talk *talk, uint32_t stream, bool is_end, const char *lines)
{
    struct strbuf block;

    strbuf_init(&block);
    h2_put_fields(&block, lines);
    h2_send(talk, NGHTTP2_HEADERS, (uint8_t)(H2_END_HEADERS | (is_end ? H2_END_STREAM : 0)), stream,
            strbuf_span(&block));
    strbuf_free(&block);
}

void h2_send_data(struct h2_talk *talk, uint32_t stream, bool is_end, const char *text)
{
    h2_send(talk, NGHTTP2_DATA, is_end ? H2_END_STREAM : 0, stream, span_from_cstr(text));
}

void h2_send_reset(struct h2_talk *talk, uint32_t stream, uint32_t code)
{
    uint8_t payload[4];

    put_u32(payload, code);
    h2_send(talk, NGHTTP2_RST_STREAM, 0, stream, span_make(payload, sizeof(payload)));
}

void h2_send_goaway(struct h2_talk *talk, uint32_t last_stream, uint32_t code)
{
    uint8_t payload[8];

    put_u32(payload, last_stream);
    put_u32(payload + 4, code);
    h2_send(talk, NGHTTP2_GOAWAY, 0, 0, span_make(payload, sizeof(payload)));
}

void h2_send_window(struct h2_talk *talk, uint32_t stream, uint32_t increment)
{
    uint8_t payload[4];

    put_u32(payload, increment);
    h2_send(talk, NGHTTP2_WINDOW_UPDATE, 0, stream, span_make(payload, sizeof(payload)));
}

static void read_frames(struct h2_talk *talk);

void h2_send_pong(struct h2_talk *talk)
{
    read_frames(talk);
    if (talk->has_ping) {
        talk->has_ping = false;
        h2_send(talk, NGHTTP2_PING, H2_ACK, 0, span_make(talk->ping, sizeof(talk->ping)));
    }
}

void h2_send_settings(struct h2_talk *talk, const struct h2_setting *settings, size_t count)
{
    struct strbuf payload;

    strbuf_init(&payload);
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[6] = {(uint8_t)(settings[i].id >> 8), (uint8_t)settings[i].id};
        put_u32(bytes + 2, settings[i].value);
        strbuf_add(&payload, span_make(bytes, sizeof(bytes)));
    }
    h2_send(talk, NGHTTP2_SETTINGS, 0, 0, strbuf_span(&payload));
    strbuf_free(&payload);
}

/* ---- life ---- */

void h2_talk_start(struct h2_talk *talk, struct actor *actor)
{
    *talk = (struct h2_talk){.actor = actor};
    CHECK(nghttp2_hd_inflate_new(&talk->inflater) == 0);
    strbuf_init(&talk->frames);
    strbuf_init(&talk->body);
}

void h2_talk_as_client(struct h2_talk *talk, struct actor *actor)
{
    h2_talk_start(talk, actor);
    actor_send(actor, span_make(FRONT_H2_PREFACE, FRONT_H2_PREFACE_BYTES));
    h2_send_settings(talk, NULL, 0);
}

void h2_talk_as_server(struct h2_talk *talk, struct actor *actor, const struct h2_setting *settings,
                       size_t count)
{
    h2_talk_start(talk, actor);
    talk->preface_left = FRONT_H2_PREFACE_BYTES;
    h2_send_settings(talk, settings, count);
}

void h2_talk_free(struct h2_talk *talk)
{
    if (talk->inflater != NULL) {
        nghttp2_hd_inflate_del(talk->inflater);
    }
    strbuf_free(&talk->frames);
    strbuf_free(&talk->body);
    *talk = (struct h2_talk){0};
}

/* ---- in ---- */

static uint32_t get_u32(struct span at)
{
    const uint8_t *bytes = (const uint8_t *)at.ptr;

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void tell_fields(struct h2_talk *talk, struct span block, bool is_whole)
{
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(talk->inflater, &field, &flags,
                                           (const uint8_t *)block.ptr, block.len, is_whole);
        CHECK(n >= 0);
        block = span_skip(block, (size_t)n);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            strbuf_printf(&talk->frames, " %.*s=%.*s", (int)field.namelen, (char *)field.name,
                          (int)field.valuelen, (char *)field.value);
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            CHECK(nghttp2_hd_inflate_end_headers(talk->inflater) == 0);
            return;
        }
        if (block.len == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) {
            return;
        }
    }
}

static const char *code_text(struct span at)
{
    return nghttp2_http2_strerror(get_u32(at));
}

static void tell_frame(struct h2_talk *talk, uint8_t type, uint8_t flags, uint32_t stream,
                       struct span payload)
{
    struct strbuf *out = &talk->frames;
    const char *end = (flags & H2_END_STREAM) != 0 ? " end" : "";

    switch (type) {
    case NGHTTP2_DATA:
        strbuf_printf(out, "DATA %u%s %zu\n", stream, end, payload.len);
        strbuf_add(&talk->body, payload);
        break;
    case NGHTTP2_HEADERS:
        strbuf_printf(out, "HEADERS %u%s", stream, end);
        tell_fields(talk, payload, (flags & H2_END_HEADERS) != 0);
        strbuf_add_char(out, '\n');
        break;
    case NGHTTP2_CONTINUATION:
        strbuf_printf(out, "CONTINUATION %u", stream);
        tell_fields(talk, payload, (flags & H2_END_HEADERS) != 0);
        strbuf_add_char(out, '\n');
        break;
    case NGHTTP2_RST_STREAM:
        strbuf_printf(out, "RST_STREAM %u %s\n", stream, code_text(payload));
        break;
    case NGHTTP2_SETTINGS:
        strbuf_add_cstr(out, (flags & H2_ACK) != 0 ? "SETTINGS ack\n" : "SETTINGS\n");
        break;
    case NGHTTP2_GOAWAY:
        strbuf_printf(out, "GOAWAY %u %s\n", get_u32(payload) & 0x7fffffff,
                      code_text(span_skip(payload, 4)));
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (stream != 0) {
            strbuf_printf(out, "WINDOW_UPDATE %u %u\n", stream, get_u32(payload));
        }
        break;
    case NGHTTP2_PING:
        if ((flags & H2_ACK) == 0 && payload.len == sizeof(talk->ping)) {
            memcpy(talk->ping, payload.ptr, payload.len);
            talk->has_ping = true;
        }
        break;
    default:
        strbuf_printf(out, "TYPE %u %u\n", type, stream);
        break;
    }
}

static void read_frames(struct h2_talk *talk)
{
    struct strbuf *got = &talk->actor->got;
    struct span left = span_make(got->ptr, got->len);
    size_t n = talk->preface_left < left.len ? talk->preface_left : left.len;

    talk->preface_left -= n;
    left = span_skip(left, n);
    while (left.len >= HEAD_BYTES) {
        const uint8_t *head = (const uint8_t *)left.ptr;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (left.len < HEAD_BYTES + len) {
            break;
        }
        tell_frame(talk, head[3], head[4], get_u32(span_skip(left, 5)) & 0x7fffffff,
                   span_head(span_skip(left, HEAD_BYTES), len));
        left = span_skip(left, HEAD_BYTES + len);
    }
    if (left.len != 0) {
        memmove(got->ptr, left.ptr, left.len);
    }
    got->len = left.len;
}

static const char *take(struct strbuf *from, struct strbuf *taken)
{
    strbuf_clear(taken);
    strbuf_add(taken, span_make(from->ptr, from->len));
    strbuf_add_char(taken, '\0');
    strbuf_clear(from);
    return taken->ptr;
}

const char *h2_take_frames(struct h2_talk *talk)
{
    static struct strbuf taken;

    read_frames(talk);
    return take(&talk->frames, &taken);
}

const char *h2_take_body(struct h2_talk *talk)
{
    static struct strbuf taken;

    read_frames(talk);
    return take(&talk->body, &taken);
}
