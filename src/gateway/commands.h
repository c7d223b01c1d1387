/* What supervisor and gateway tell each other, over a socket that keeps messages whole
 * (SOCK_SEQPACKET). Its end means that the other side is gone.
 *
 * Another configuration: the supervisor sends the new sockets (GATEWAY_SOCKETS, as often as it
 * takes for all of them) and the files of its logs (GATEWAY_LOGS, the same), then the bundle
 * (GATEWAY_LOAD). The gateway says GATEWAY_TAKEN once every
 * worker goes by it and none listens on sockets that are left out, or GATEWAY_REFUSED: nothing has
 * changed then. One at a time. */
#ifndef TIDEGATE_GATEWAY_COMMANDS_H
#define TIDEGATE_GATEWAY_COMMANDS_H

#include <stdint.h>

enum gateway_word {
    /* to the gateway */
    GATEWAY_DRAIN = 'D',
    GATEWAY_STOP = 'S',
    GATEWAY_OWN = 'O',    /* the sockets are this gateway's: no other process goes on with them */
    GATEWAY_SHARE = 'I',  /* another process has them, too */
    GATEWAY_LEAVE = 'V',  /* GATEWAY_DRAIN, and another process goes on with the sockets */
    GATEWAY_ORDERS = 'E', /* of people, with the memory file that holds all (kept_orders.h) */
    GATEWAY_HEIR = 'H',   /* with what another gateway has left (legacy.h) */
    GATEWAY_REOPEN_LOG = 'R', /* with the new file, and its name behind the message */
    GATEWAY_SOCKETS = 'N',    /* with listening sockets */
    GATEWAY_LOGS = 'A',       /* with files of the access logs */
    GATEWAY_LOOK = 'C',       /* files of certificates and the like have changed */
    GATEWAY_LOAD = 'L',       /* with the bundle */
    /* from it */
    GATEWAY_UP = 'U',      /* its workers accept */
    GATEWAY_QUIET = 'Q',   /* none does any more, and nobody waits to be */
    GATEWAY_TAKEN = 'T',   /* see above */
    GATEWAY_REFUSED = 'X', /* with a memory file of why, for people */
    GATEWAY_RELOAD = 'W',  /* with the connection of who asks for it, for the answer */
    GATEWAY_UPGRADE = 'P', /* the same */
    GATEWAY_KEEP = 'K',    /* as GATEWAY_ORDERS: for the process that comes after this one */
    GATEWAY_LEGACY = 'Y', /* told to leave, with what the one that comes is to have: GATEWAY_HEIR */
};

/* Sockets of a configuration. */
#define GATEWAY_SOCKETS_MAX 4096

struct gateway_message {
    int32_t word;
    /* Of GATEWAY_LOAD alone. */
    int32_t socket_count;
    /* In the order of the configuration: a socket that is in use, by its place now; or -1, -2, ...:
     * the first, second, ... of those sent before. */
    int32_t sockets[];
};

#endif
