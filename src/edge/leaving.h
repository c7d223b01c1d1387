/* Whether a client that ends its connection still waits for what it has asked: one function for all
 * HTTP versions, asked when the end is seen and the response is not whole. No I/O, no state.
 *
 * TCP's FIN ends one direction alone, and may mean that the request is whole, or that nobody is
 * there any more. TLS says which (RFC 8446 section 6.1): whoever closes both ways sends
 * close_notify, and so do those few that close one. An HTTP/2 client that ends its direction
 * can open no window and acknowledge nothing: it has left. */
#ifndef TIDEGATE_EDGE_LEAVING_H
#define TIDEGATE_EDGE_LEAVING_H

#include <stdbool.h>

#include "settings/choices.h"

enum leaving_sign {
    LEAVING_FIN,     /* of TCP, and TLS said nothing, or there is none */
    LEAVING_GOODBYE, /* close_notify */
    LEAVING_RESET    /* nothing can be sent to it any more */
};

struct leaving_facts {
    enum client_close choice; /* of the route */
    enum leaving_sign sign;
    bool is_h2;
    bool has_request;     /* all of it has come, or may have */
    bool is_tunnel;       /* whose other half the end was, too */
    bool is_event_stream; /* the response is one */
};

enum leaving {
    LEAVING_GONE,    /* its server is told */
    LEAVING_SHORTLY, /* it waits, if it takes something within timeouts.half_closed */
    LEAVING_WAITS    /* for as long as its server may take */
};

enum leaving leaving_of(const struct leaving_facts *facts);
/* Whether the sign changes anything: who would have to read for it need not. */
bool leaving_goes_by_sign(const struct leaving_facts *facts);

#endif
