/* The directives of sites and routes about who shares their requests and who gets copies, and those
 * about fields, which `defaults` has as well: for tables, behind config/directives_internal.h. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_SHARE_H
#define TIDEGATE_CONFIG_DIRECTIVES_SHARE_H

extern const char *const security_levels[];
extern const char *const site_paths[];

#define REQUEST_FIELDS(object, whose)                                                              \
    .name = "request_fields", .type = DIRECTIVE_SECTION, SLOT(object, request_fields),             \
    .section = &section_request_fields,                                                            \
    .doc = "What is done to the fields of requests before a server gets them" whose,               \
    .example = "request_fields: { set: { X-Tenant: acme } }"
#define RESPONSE_FIELDS(object, whose)                                                             \
    .name = "response_fields", .type = DIRECTIVE_SECTION, SLOT(object, response_fields),           \
    .section = &section_response_fields,                                                           \
    .doc = "What is done to the fields of responses before clients get them" whose,                \
    .example = "response_fields: { remove: [Server] }"
#define SECURITY_FIELDS(object, whose)                                                             \
    .name = "security_fields", .type = DIRECTIVE_ENUM, SLOT(object, security_fields),              \
    .words = security_levels,                                                                      \
    .doc =                                                                                         \
        "Fields by which browsers guard a site's users, where responses do not have them." whose,  \
    .more = "`basic`: `X-Content-Type-Options: nosniff`, `X-Frame-Options: SAMEORIGIN`, "          \
            "`Referrer-Policy: strict-origin-when-cross-origin`, and over https "                  \
            "`Strict-Transport-Security: max-age=31536000`. `strict`: frames for nobody "          \
            "(`DENY`), `Referrer-Policy: no-referrer`, `Permissions-Policy` without camera, "      \
            "geolocation, microphone, payment and usb, `Cross-Origin-Opener-Policy: "              \
            "same-origin`, and two years of Strict-Transport-Security with all subdomains.",       \
    .example = "security_fields: basic"

#define GRPC_WEB(object, whose)                                                                    \
    .name = "grpc_web", .type = DIRECTIVE_BOOL, SLOT(object, grpc_web),                            \
    .doc = "Whether servers of gRPC are asked for browsers that speak gRPC-Web." whose,            \
    .more =                                                                                        \
        "What comes as `application/grpc-web` or `application/grpc-web-text` goes on as gRPC, "    \
        "and the answer is in the form that was asked in, or that Accept names: the trailers "     \
        "at the end of the body, in the text form all of it in Base64. Other requests pass as "    \
        "they are, so programs with gRPC may use the same route. The backend needs HTTP/2 "        \
        "(`protocol: h2c` or `h2`). Pages of other origins need `cors` with `fields: [\"*\"]` "    \
        "and `expose: [grpc-status, grpc-message]`.",                                              \
    .example = "grpc_web: on\nbackend: { servers: \"127.0.0.1:50051\", protocol: h2c }"

#define ROUTE_SPLIT                                                                                \
    " Without it, and without `backend` and the like, the site's. `off`: all go to the first of "  \
    "the site's parts."
#define SITE_SPLIT                                                                                 \
    " For the requests that no route takes, and for routes that do not say what serves them."

#define SPLIT(object, whose, more_text)                                                            \
    .name = "split", .type = DIRECTIVE_SECTIONS, SLOT(object, split), COUNT(object, split_count),  \
    .min = 1, .max = SPLIT_PARTS_MAX, .section = &section_split,                                   \
    .doc = "Backends that share " whose                                                            \
           " requests by weight, in place of `backend`: a canary." more_text,                      \
    .more = "Each request goes to one of them at random, as often as its weight says, unless "     \
            "`split_sticky` or `split_by` keep clients together. A part of which no server is "    \
            "well gives its share to the others while that lasts. The access log's `backend` is "  \
            "the one that was chosen. What else a route takes from its backend (`retries`) is "    \
            "the first part's; a cache does not ask which part a response is of.",                 \
    .example = "split: [ { backend: app, weight: 95 }, { backend: api, weight: 5 } ]"

#define SPLIT_BY(object)                                                                           \
    .name = "split_by", .type = DIRECTIVE_SECTION, SLOT(object, split_by),                         \
    .section = &section_hash,                                                                      \
    .doc = "Requests with the same key get the same part of `split`; without a key, any.",         \
    .more = "Other weights move as many keys as they must, and no others.",                        \
    .example = "split_by: { header: X-User }\nsplit: [ { backend: app }, { backend: api } ]"

#define SPLIT_STICKY(object)                                                                       \
    .name = "split_sticky", .type = DIRECTIVE_SECTION, SLOT(object, split_sticky),                 \
    .section = &section_sticky,                                                                    \
    .doc = "Clients stay with the part of `split` that they were given first, by a cookie.",       \
    .more =                                                                                        \
        "Whatever the weights are later: who has a part of weight 0 keeps it. While no server "    \
        "of it is well they are the others', and come back. A site's is one cookie for all "       \
        "routes that share its `split`.",                                                          \
    .example = "split_sticky: { cookie: canary }\nsplit: [ { backend: app }, { backend: api } ]"

#define MIRROR(object, more_text)                                                                  \
    .name = "mirror", .type = DIRECTIVE_SECTION, SLOT(object, mirror), .section = &section_mirror, \
    .doc = "Another backend that gets copies of the requests, and whose answers are "              \
           "dropped." more_text,                                                                   \
    .more = "Copied is what is sent to the route's `backend`, as it is sent there, and not what "  \
            "is answered here or by the cache. No copy holds up its request, or is in the access " \
            "log: `tidegate status` counts those that were sent, dropped, `too_large`, and "       \
            "failed (no whole answer came, whatever its status). What asks for another "           \
            "protocol, CONNECT, what came as TLS early data, what authenticates a connection "     \
            "(NTLM), and WebDAV's COPY and MOVE (Destination) are not copied.",                    \
    .example = "mirror: { backend: app, share: 10 }\nbackend: api"

#endif
