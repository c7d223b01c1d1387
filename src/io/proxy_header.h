/* The PROXY protocol's header (haproxy.org/download/3.0/doc/proxy-protocol.txt), versions 1 and 2:
 * read from trusted proxies in front of us, and written to backends.
 *
 * The reader is strict: what two implementations could read in two ways is refused. It consumes
 * nothing and allocates nothing; spans point into the bytes given. Who may send a header is the
 * caller's decision. */
#ifndef TIDEGATE_IO_PROXY_HEADER_H
#define TIDEGATE_IO_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "io/sock.h"

/* The longest version 1 header, CR LF included (section 2.1). */
#define PROXY_HEADER_V1_MAX 107
/* The longest version 2 header that is read: 16 bytes, addresses and TLVs. */
#define PROXY_HEADER_MAX 4096
/* The longest authority (SNI) that is written. */
#define PROXY_HEADER_AUTHORITY_MAX 255
/* The longest text of a struct proxy_header_tls that is written; a longer one is cut. */
#define PROXY_HEADER_TEXT_MAX 128
/* The longest header that is written: 16 bytes, Unix addresses, the TLVs of the authority, of the
 * ALPN protocol, and of TLS with three of its own. */
#define PROXY_HEADER_WRITE_MAX                                                                     \
    (16 + 216 + 3 + PROXY_HEADER_AUTHORITY_MAX + 3 + PROXY_HEADER_TEXT_MAX + 8 +                   \
     3 * (3 + PROXY_HEADER_TEXT_MAX))

enum proxy_header_result {
    PROXY_HEADER_COMPLETE,
    PROXY_HEADER_MORE, /* so far it is one; not whole yet */
    PROXY_HEADER_NOT,  /* the first bytes are no PROXY header's */
    PROXY_HEADER_BAD   /* header.bad says why */
};

enum proxy_header_bad {
    PROXY_HEADER_BAD_NONE,
    PROXY_HEADER_BAD_TOO_LONG,
    PROXY_HEADER_BAD_LINE,    /* version 1: wrong number of fields, spaces, line end */
    PROXY_HEADER_BAD_FAMILY,  /* not TCP4, TCP6 or UNKNOWN; not a stream (version 2) */
    PROXY_HEADER_BAD_ADDRESS, /* not in the family's canonical form, or too few bytes for it */
    PROXY_HEADER_BAD_PORT,
    PROXY_HEADER_BAD_VERSION, /* version 2: another version or command */
    PROXY_HEADER_BAD_TLV,     /* lengths that do not add up */
    PROXY_HEADER_BAD_CHECKSUM /* CRC32c (section 2.2.3) */
};

struct proxy_header {
    enum proxy_header_bad bad;
    size_t len; /* bytes that the header takes */
    bool is_v2;
    /* LOCAL or UNKNOWN: it names nobody; the connection's own addresses count. */
    bool is_local;
    struct peer source;
    struct peer destination;
    struct span authority; /* the TLV of that name (the SNI); ptr NULL: absent */
};

enum proxy_header_result proxy_header_parse(struct proxy_header *header,
                                            struct span bytes) MUST_CHECK;
const char *proxy_header_bad_text(enum proxy_header_bad bad);

/* What version 2 says of TLS that has ended here (section 2.2.6). */
struct proxy_header_tls {
    struct span version; /* "TLSv1.3" */
    struct span cipher;
    struct span alpn;        /* agreed on; empty: none */
    struct span common_name; /* of the client's certificate; empty: none */
    bool has_certificate;    /* the client showed one */
    bool is_verified;        /* and it is good */
};

/* Each returns the length written. Peers of different kinds, or on Unix sockets (whose paths we do
 * not pass on), give UNKNOWN and LOCAL; an IPv4 with an IPv6 one gives TCP6. authority: ptr NULL
 * or an empty span leaves it out (tls NULL: the same); longer than PROXY_HEADER_AUTHORITY_MAX too.
 */
size_t proxy_header_write_v1(char out[PROXY_HEADER_WRITE_MAX], const struct peer *source,
                             const struct peer *destination);
size_t proxy_header_write_v2(char out[PROXY_HEADER_WRITE_MAX], const struct peer *source,
                             const struct peer *destination, struct span authority,
                             const struct proxy_header_tls *tls);

#endif
