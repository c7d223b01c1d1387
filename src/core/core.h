/* A worker's core: what everything that runs on its thread may use, whichever side of the gateway
 * it belongs to. The worker itself (gateway/worker.h) stands on top and is not known here.
 *
 * One thread only; nothing in it is shared. */
#ifndef TIDEGATE_CORE_CORE_H
#define TIDEGATE_CORE_CORE_H

#include "base/span.h"
#include "http/date.h"
#include "io/loop.h"

/* 32 hex digits that no other request has. */
#define REQUEST_ID_LEN 32
/* What core_file_buffer gives. */
#define CORE_FILE_BUFFER_BYTES (64 * 1024)

/* What peers make the worker keep, in bytes but for the first: each sum has its bound where it is
 * added to. */
struct core_sums {
    uint64_t open_files;         /* of responses that are being sent */
    uint64_t replay;             /* bodies of requests, in case they must be sent again */
    uint64_t fcgi_bodies;        /* bodies of requests, until it is known how long they are */
    uint64_t h2_waiting;         /* of clients' streams, that no server has taken yet */
    uint64_t h2_held;            /* of responses, that no client has taken yet */
    uint64_t h2_windows;         /* what servers' streams may send above their first windows */
    uint64_t h2_request_windows; /* what clients' streams may */
};

struct front_exchange;
struct link;

/* What the thread has in hand: a store or two on each way in, for the message of a process that
 * dies (gateway/in_hand.h). */
struct in_hand {
    const struct link *link;
    const struct front_exchange *exchange;
};

struct core {
    struct loop *loop;
    unsigned index;       /* of the worker */
    uint64_t session_ids; /* the last one that was given */
    struct in_hand in_hand;
    bool is_draining; /* nothing new is begun, nothing is kept for later */
    /* Besides: another process goes on with the sockets, so nothing has to end soon, and clients
     * that are idle may ask once more. */
    bool is_handing_over;
    struct core_sums sums;
    unsigned char random[256]; /* for request ids; used up from the end */
    size_t random_left;
    time_t date_second;
    char date[HTTP_DATE_SIZE];
    char *file_buffer;                  /* NULL until it was asked for */
    unsigned holds;                     /* what other threads have of it, and will give back */
    void (*on_free)(struct core *core); /* the last of these has come back; NULL: nobody asks */
};

/* False with errno when the machine has no descriptors for a loop. */
bool core_init(struct core *core, unsigned index) MUST_CHECK;
void core_destroy(struct core *core);

void core_request_id(struct core *core, char id[REQUEST_ID_LEN + 1]);
/* The present time as an HTTP date (RFC 9110 section 5.6.7); valid until the next call. */
struct span core_date(struct core *core);
/* For reading files into, by turns: CORE_FILE_BUFFER_BYTES, until the next call. */
char *core_file_buffer(struct core *core);

/* Something that another thread will give back by a message to the loop, which does not end before.
 */
void core_hold(struct core *core);
void core_let_go(struct core *core);

#endif
