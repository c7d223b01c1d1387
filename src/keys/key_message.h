/* What the supervisor and the keyholder say to each other, over a SOCK_SEQPACKET pair: a message is
 * a packet. KEY_TAKE and KEY_REST are answered; nothing else is. */
#ifndef TIDEGATE_KEYS_KEY_MESSAGE_H
#define TIDEGATE_KEYS_KEY_MESSAGE_H

#include <limits.h>
#include <stdint.h>

#include "base/error.h"
#include "keys/key_id.h"
#include "tls/key_source.h"

enum key_message_kind {
    KEY_TAKE = 'T',   /* with a descriptor: read the key in this file; or the path is a URI
                         (base/key_uri.h), and the descriptor, if any, has the token's PIN */
    KEY_REST = 'P',   /* with a descriptor: what is in this file besides keys; beside the answer */
    KEY_FORGET = 'F', /* id */
    KEY_USER = 'U',   /* with a descriptor, whose end is that user's; its rings follow */
    KEY_RING = 'R',   /* with three descriptors: of a ring (keys/key_ring.h) of `user` */
    KEY_END = 'E'     /* `user` has ended */
};

struct key_message {
    char kind;
    uint32_t number; /* comes back in the answer */
    uint32_t user;   /* by number, since the supervisor began */
    uint32_t rate;   /* of a ring: signatures a second; 0: no bound */
    struct key_id id;
    char path[PATH_MAX]; /* for messages, with a NUL */
};

struct key_reply {
    uint32_t number;
    uint32_t is_taken; /* or was read, for KEY_REST */
    struct key_public key;
    struct error error;
};

#endif
