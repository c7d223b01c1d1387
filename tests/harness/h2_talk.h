/* HTTP/2 as an actor speaks it, frame by frame, so that a test can break every rule: nothing is
 * checked, remembered or answered by itself. What comes from the gateway is told as text. */
#ifndef TIDEGATE_TESTS_HARNESS_H2_TALK_H
#define TIDEGATE_TESTS_HARNESS_H2_TALK_H

#include <nghttp2/nghttp2.h>

#include "actor.h"

enum h2_flag { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4 };

struct h2_talk {
    struct actor *actor;
    nghttp2_hd_inflater *inflater;
    struct strbuf frames; /* as text, not taken yet */
    struct strbuf body;   /* all DATA, of any stream */
    size_t preface_left;  /* of a client's */
    uint8_t ping[8];      /* the last one's, to be acknowledged */
    bool has_ping;
};

/* One side of a connection. A client begins with its preface and SETTINGS, a server with its
 * SETTINGS: `settings` are id and value in turns, as 0x0003:100, ended by 0. */
struct h2_setting {
    uint16_t id;
    uint32_t value;
};
void h2_talk_as_client(struct h2_talk *talk, struct actor *actor);
void h2_talk_as_server(struct h2_talk *talk, struct actor *actor, const struct h2_setting *settings,
                       size_t count);
/* With nothing sent yet. */
void h2_talk_start(struct h2_talk *talk, struct actor *actor);
void h2_talk_free(struct h2_talk *talk);

/* A frame with a head as its members say, be it right or wrong. */
void h2_put_frame(struct strbuf *out, uint8_t type, uint8_t flags, uint32_t stream,
                  struct span payload);
/* Fields as "name: value" lines (also ":status: 200"), each as a literal that no table keeps. */
void h2_put_fields(struct strbuf *out, const char *lines);

void h2_send(struct h2_talk *talk, uint8_t type, uint8_t flags, uint32_t stream,
             struct span payload);
/* HEADERS, with END_HEADERS. */
void h2_send_head(struct h2_talk *talk, uint32_t stream, bool is_end, const char *lines);
void h2_send_data(struct h2_talk *talk, uint32_t stream, bool is_end, const char *text);
void h2_send_reset(struct h2_talk *talk, uint32_t stream, uint32_t code);
void h2_send_goaway(struct h2_talk *talk, uint32_t last_stream, uint32_t code);
void h2_send_window(struct h2_talk *talk, uint32_t stream, uint32_t increment);
/* Acknowledges the last PING, if there is one. */
void h2_send_pong(struct h2_talk *talk);
void h2_send_settings(struct h2_talk *talk, const struct h2_setting *settings, size_t count);

/* What has come since the last call, a line for each frame; valid until the next call:
 *     SETTINGS | SETTINGS ack | GOAWAY 1 NO_ERROR | RST_STREAM 1 CANCEL
 *     HEADERS 1 end :status=200 content-length=5 | DATA 1 end 5 | WINDOW_UPDATE 1 100
 * PINGs and WINDOW_UPDATEs of the connection are left out: they say nothing about states. */
const char *h2_take_frames(struct h2_talk *talk);
/* All bytes of DATA since the last call. */
const char *h2_take_body(struct h2_talk *talk);

#endif
