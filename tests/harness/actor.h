/* The other end of one of the gateway's connections: a client, or a server's side of a connection
 * that the gateway made. It is moved on in the harness's turns and never waits.
 *
 * A test moves it by hand (actor_send, actor_finish, ...) or gives it a script, which is played a
 * step further in each turn for as long as its steps can be done. */
#ifndef TIDEGATE_TESTS_HARNESS_ACTOR_H
#define TIDEGATE_TESTS_HARNESS_ACTOR_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/strbuf.h"

enum act {
    ACT_END,        /* nothing more by itself */
    ACT_EXPECT,     /* waits for these bytes; what came up to them is taken */
    ACT_EXPECT_END, /* waits for the gateway's end */
    ACT_SEND,
    ACT_WAIT_MS, /* of the fake clock */
    ACT_STALL,   /* reads no more */
    ACT_READ,    /* again */
    ACT_FINISH,  /* half-closes once all is out */
    ACT_CLOSE,
    ACT_RESET, /* with a RST, on TCP */
    ACT_AGAIN  /* the script begins anew */
};

struct act_step {
    enum act act;
    struct span bytes;
    uint64_t ms;
};

#define EXPECT(literal)                                                                            \
    {                                                                                              \
        ACT_EXPECT, SPAN(literal), 0                                                               \
    }
#define SEND(literal)                                                                              \
    {                                                                                              \
        ACT_SEND, SPAN(literal), 0                                                                 \
    }
#define WAIT_MS(n)                                                                                 \
    {                                                                                              \
        ACT_WAIT_MS, {NULL, 0}, n                                                                  \
    }
#define ONLY(act)                                                                                  \
    {                                                                                              \
        act, {NULL, 0}, 0                                                                          \
    }

struct actor {
    struct list node; /* in its harness */
    int fd;           /* -1: closed, by us */
    struct strbuf got;
    struct strbuf unsent;  /* the socket has not taken it yet */
    struct strbuf records; /* the same, of TLS */
    bool has_ended;        /* the gateway's end was read */
    bool was_reset;        /* or its loss */
    bool is_stalled;
    bool is_finishing;
    SSL *tls; /* NULL: plain */
    bool is_shaken;
    bool tls_has_failed;
    const struct act_step *script; /* the next step; NULL: none */
    const struct act_step *script_start;
    uint64_t wait_until_us;
};

/* Takes the socket, which does not block. Freed by its harness. */
struct actor *actor_create(int fd);
void actor_destroy(struct actor *actor);
/* Whether anything happened. */
bool actor_turn(struct actor *actor);
/* Ends in ACT_END or ACT_AGAIN; is the caller's. */
void actor_play(struct actor *actor, const struct act_step *script);

/* Speaks TLS from here on, as the client or the server that `ssl` was set up to be (memory BIOs are
 * given to it; freed with the actor). */
void actor_start_tls(struct actor *actor, SSL *ssl);

void actor_send(struct actor *actor, struct span bytes);
void actor_say(struct actor *actor, const char *text);
/* No more is sent, and that is said (close_notify, FIN). */
void actor_finish(struct actor *actor);
void actor_close(struct actor *actor);
void actor_reset(struct actor *actor);
void actor_stall(struct actor *actor, bool is_stalled);
/* Makes the socket's buffers small: what is in flight is then a few KiB. */
void actor_squeeze(struct actor *actor);

/* What has come since the last take, as a string; valid until the next call. */
const char *actor_take(struct actor *actor);
/* Whether it is gone for the gateway's part: its end, or its loss, has come. */
static inline bool actor_is_left(const struct actor *actor)
{
    return actor->has_ended || actor->was_reset;
}

#endif
