/* The message model: a request or a response as parsed, whatever version carried it.
 *
 * HTTP/1.1 and HTTP/2 both fill these, so that routes, policy, balancing and logs do not know which
 * version a side speaks. All spans point into memory of the exchange's arena (or into a buffer that
 * outlives the exchange); nothing here is freed alone. */
#ifndef TIDEGATE_HTTP_MESSAGE_H
#define TIDEGATE_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

enum http_version { HTTP_1_0 = 10, HTTP_1_1 = 11, HTTP_2 = 20 };

enum http_method {
    HTTP_METHOD_OTHER, /* any other token: passes through by its name */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_TRACE,
    HTTP_CONNECT
};

/* Fields the gateway itself looks at; all others are FIELD_OTHER and pass through. */
enum http_field_id {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_TE,
    FIELD_TRAILER,
    FIELD_UPGRADE,
    FIELD_KEEP_ALIVE,
    FIELD_PROXY_CONNECTION,
    FIELD_PROXY_AUTHENTICATE,
    FIELD_PROXY_AUTHORIZATION,
    FIELD_EXPECT,
    FIELD_FORWARDED,
    FIELD_X_FORWARDED_FOR,
    FIELD_X_FORWARDED_PROTO,
    FIELD_X_FORWARDED_HOST,
    FIELD_X_FORWARDED_PORT,
    FIELD_X_REAL_IP,
    FIELD_X_REQUEST_ID,
    FIELD_VIA,
    FIELD_CDN_LOOP,
    FIELD_MAX_FORWARDS,
    FIELD_DESTINATION,
    FIELD_CLIENT_CERT,
    FIELD_CLIENT_CERT_CHAIN,
    FIELD_X_FORWARDED_CLIENT_CERT,
    FIELD_DATE,
    FIELD_SERVER,
    FIELD_USER_AGENT,
    FIELD_REFERER,
    FIELD_CONTENT_TYPE,
    FIELD_RANGE,
    FIELD_IF_RANGE,
    FIELD_IF_MATCH,
    FIELD_IF_NONE_MATCH,
    FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_UNMODIFIED_SINCE,
    FIELD_ACCEPT_ENCODING,
    FIELD_COOKIE,
    FIELD_SET_COOKIE,
    FIELD_AUTHORIZATION,
    FIELD_LOCATION,
    FIELD_CONTENT_LOCATION,
    FIELD_REFRESH,
    FIELD_HTTP2_SETTINGS,
    FIELD_EARLY_DATA,
    FIELD_WWW_AUTHENTICATE,
    FIELD_PERSISTENT_AUTH,
    FIELD_ID_COUNT
};

struct http_field {
    struct span name;  /* as received: case kept, a token */
    struct span value; /* without OWS around it */
    enum http_field_id id;
    bool is_not_sent; /* stays here: it belongs to one connection (RFC 9110 section 7.6.1), or is
                         said anew by whoever sends the message */
    bool is_untold;   /* a secret of the gateway's, for servers alone: no text has it */
};

struct http_fields {
    struct http_field *items; /* in the arena, in the order received */
    size_t count;
    size_t capacity;
    uint64_t present; /* bit (1 << id) is set when a field of that id is in items */
};
_Static_assert(FIELD_ID_COUNT <= 64, "http_fields.present has a bit for each");

/* How a message's end is found (RFC 9112 section 6.3). */
enum http_framing {
    HTTP_FRAMING_NONE,    /* no body */
    HTTP_FRAMING_LENGTH,  /* content_length bytes, at least 1 */
    HTTP_FRAMING_CHUNKED, /* or an HTTP/2 stream without a declared length */
    HTTP_FRAMING_CLOSE    /* responses only: until the connection closes */
};

enum http_target_form {
    HTTP_TARGET_ORIGIN,
    HTTP_TARGET_ABSOLUTE,
    HTTP_TARGET_ASTERISK,
    HTTP_TARGET_AUTHORITY
};

struct http_request {
    enum http_version version;
    enum http_method method;
    struct span method_name;
    enum http_target_form target_form;
    struct span target; /* as received */
    struct span
        path; /* "/..." of origin and absolute form, without the query; "*" for asterisk form */
    struct span query;  /* behind '?'; ptr NULL: none */
    struct span scheme; /* of absolute form and HTTP/2; ptr NULL: none */
    struct span
        authority;    /* host[:port], from the target or Host; ptr NULL: none (HTTP/1.0 only) */
    struct span host; /* lower case, without port, without the brackets' content changed: "[::1]" */
    uint16_t port;    /* 0: none given */
    struct http_fields fields;
    enum http_framing framing;
    uint64_t content_length; /* with HTTP_FRAMING_LENGTH; also 0 of an explicit Content-Length: 0 */
    bool has_content_length; /* a Content-Length was there: forwarded even when 0 */
    bool keep_alive;         /* the client lets the connection be used again */
    bool expects_continue;   /* Expect: 100-continue, with a body to come, in HTTP/1.1 */
    struct span upgrade; /* the Upgrade field's value where Connection names it; ptr NULL: none */
    bool is_extended_connect; /* it was HTTP/2's CONNECT with :protocol, now in `upgrade` */
    struct span refused; /* after an error of the parser: the bytes it is about; ptr NULL: none */
};

struct http_response {
    enum http_version version;
    unsigned status; /* 100 to 999 */
    struct span reason;
    struct http_fields fields;
    enum http_framing framing;
    uint64_t content_length; /* as declared, also on HEAD and 304 where framing is NONE */
    bool has_content_length;
    bool keep_alive;     /* the server lets the connection be used again */
    bool announces_body; /* where there is none by its status: what may come is of no message */
    struct span upgrade; /* with status 101: the protocol; else those on offer; ptr NULL: none */
    struct span refused; /* after an error of the parser: the bytes it is about; ptr NULL: none */
};

/* Which id a name has, in any case. */
enum http_field_id http_field_id(struct span name);
/* The registered spelling ("Content-Length"); empty for FIELD_OTHER. */
struct span http_field_name(enum http_field_id id);
enum http_method http_method_from(struct span name);
/* Whether a response ends with its head whatever its fields say (RFC 9112 section 6.3, rules 1 and
 * 2). So it is with 205 here, of which many clients think so too: its body would be to them the
 * beginning of the next response (RFC 9110 section 15.3.6: "MUST NOT generate content"). */
bool http_response_is_bodiless(unsigned status, enum http_method request_method);
/* "Not Found" for 404; "Unknown" for a code that IANA has not assigned. */
const char *http_reason(unsigned status);
/* May be sent again (RFC 9110 section 9.2.2): GET, HEAD, OPTIONS, TRACE, PUT, DELETE, and those of
 * IANA's registry of methods that are registered as idempotent (WebDAV's, most of them). */
bool http_method_is_idempotent(enum http_method method, struct span name);
/* In IANA's registry of methods: who does not take one of these for a resource says 405, and to
 * another one 501 (RFC 9110 sections 15.5.6 and 15.6.2). */
bool http_method_is_registered(enum http_method method, struct span name);
/* Whether servers expect a body with it, so that none must be said as a length of 0 (RFC 9110
 * section 8.6): POST, PUT, PATCH. */
bool http_method_wants_body(enum http_method method);
/* Whether it asks for nothing to be changed (RFC 9110 section 9.2.1). */
bool http_method_is_safe(enum http_method method);

static inline bool http_fields_has(const struct http_fields *fields, enum http_field_id id)
{
    return (fields->present >> id & 1) != 0;
}

/* Appends; grows in the arena. The spans are kept by reference. */
void http_fields_add(struct http_fields *fields, struct arena *arena, enum http_field_id id,
                     struct span name, struct span value);
/* The first field with that id (not FIELD_OTHER) or NULL. */
const struct http_field *http_fields_find(const struct http_fields *fields, enum http_field_id id);
/* The first field of any id with that name, or NULL. */
const struct http_field *http_fields_find_name(const struct http_fields *fields, struct span name);
/* Whether a comma-separated list field holds `token`, in any case, in any of its lines. */
bool http_fields_list_has(const struct http_fields *fields, enum http_field_id id,
                          struct span token);
/* Marks as hop-by-hop the trailers that the Connection fields of their message's head name (RFC
 * 9110 section 7.6.1: "remove any header or trailer field(s)"). */
void http_trailers_mark(struct http_fields *trailers, const struct http_fields *head);
/* True for a non-empty RFC 9110 section 5.6.2 token. */
bool http_is_token(struct span s);
/* host[:port] by RFC 3986 section 3.2: reg-name, IPv4, or [IPv6] (IPvFuture, zones and userinfo are
 * refused; percent signs too). Fills host (the span inside `authority`) and port (0 when absent).
 *
 * Narrower than RFC 3986 in four points: an empty host is refused; so is one of more than 255
 * bytes; a colon must be followed by 1 to 5 digits that make 1 to 65535 ("host:" is refused); and
 * a name may not hold a comma, since "a,b" is what two Host fields look like once joined. On false
 * *host and *port are not to be used. */
bool http_parse_authority(struct span authority, struct span *host, uint16_t *port) MUST_CHECK;

#endif
