/* The servers of a backend. */
#include "base/url.h"
#include "config/address.h"
#include "config/directives_internal.h"
#include "config/identity_rules.h"
#include "config/text_rules.h"

static const struct directive server_directives[] = {
    {.name = "address",
     .type = DIRECTIVE_ADDRESS,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(server_settings, address),
     .doc = "`192.0.2.1:8080`, `\"[2001:db8::1]:8080\"`, `app.internal:8080`, "
            "`srv:_http._tcp.app.internal` or `unix:/run/app.sock`.",
     .more =
         "A name is looked up again and again (`resolve`), and each of its addresses is a "
         "server of its own, with its share of the weight. One with a dot at its end, "
         "`app.shop.svc.cluster.local.:8080`, is whole: what `search` of /etc/resolv.conf would "
         "add is not tried. With `srv:` the DNS has names, "
         "ports and weights (SRV records, RFC 2782); those of the lowest priority are used, "
         "and the others stand by as `backup`.",
     .example = "address: 10.0.1.1:8080"},
    {.name = "weight",
     .type = DIRECTIVE_INTEGER,
     SLOT(server_settings, weight),
     .fallback = "1",
     .min = 1,
     .max = SERVER_WEIGHT_SAID_MAX,
     .doc = "Its share of the requests, compared with the other servers'.",
     .more = "`tidegate weight` orders another one while the gateway runs.",
     .example = "weight: 2"},
    {.name = "backup",
     .type = DIRECTIVE_BOOL,
     SLOT(server_settings, backup),
     .fallback = "false",
     .doc = "It is for when no other server of the backend is well.",
     .more = "That the others are full does not bring it in: requests wait for them (`queue`).",
     .example = "backup: true"},
    {.name = "server_name",
     .type = DIRECTIVE_TEXT,
     SLOT(server_settings, server_name),
     .min = 1,
     .max = 253,
     .check = rule_server_name,
     .pattern = "^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+)$",
     .doc = "The name that it is asked for (SNI) and that its certificate must carry, in place of "
            "that of the backend's `tls`.",
     .example = "server_name: one.internal"},
    {.name = "tls",
     .type = DIRECTIVE_SECTION,
     SLOT(server_settings, tls),
     .section = &section_backend_tls,
     .doc = "TLS to it, in place of the backend's `tls` as a whole.",
     .more = "For a backend that has `tls`. In a list of `servers_from` it may have `server_name` "
             "alone, and the rest stays the backend's: whoever writes that says where servers "
             "are, and not by whom they are vouched for, nor which files are read. Health checks "
             "use it as requests do.",
     .example = "tls: { ca: other-ca.pem, server_name: api.example }"},
    {.name = "host",
     .type = DIRECTIVE_TEXT,
     SLOT(server_settings, host),
     .min = 1,
     .max = 255,
     .check = rule_authority,
     .pattern = "^[A-Za-z0-9._:\\[\\]-]+$",
     .doc = "The host that it is asked for (Host, `:authority`), in place of the one that the "
            "client wrote.",
     .more = "For servers that have sites of other names, as those of hosting services do. What "
             "the client wrote is in X-Forwarded-Host. Health checks ask for it, too, unless they "
             "have a `host` of their own.",
     .example = "host: shop.hosting.example"},
    {.name = "zone",
     .type = DIRECTIVE_TEXT,
     SLOT(server_settings, zone),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .pattern = "^[A-Za-z0-9._*-]+$",
     .doc = "Where it is: those in the gateway's own `zone` are preferred.",
     .example = "zone: eu-1a"},
    {.name = "max_requests",
     .type = DIRECTIVE_INTEGER,
     SLOT(server_settings, max_requests),
     .min = 1,
     .max = 1000000,
     .doc = "How many requests and tunnels it gets at once, from all workers of this gateway.",
     .more = "Above it, others are chosen; where all are full, requests wait (`queue` of the "
             "backend). What an address carries for several backends counts together.",
     .example = "max_requests: 100"},
    {.name = "max_connections",
     .type = DIRECTIVE_INTEGER,
     SLOT(server_settings, max_connections),
     .min = 1,
     .max = 1000000,
     .doc = "How many connections to it are in use at once: of HTTP/1.1 and of tunnels, each of "
            "which has one.",
     .more = "Connections at rest do not count: `idle_connections` has their number. With HTTP/2, "
             "where many requests share a connection, `max_requests` is meant.",
     .example = "max_connections: 100"},
};

const struct section section_server = {
    .name = "a server",
    .title = "server",
    .doc = "One server of a backend. An address alone is short for a section with that address.",
    .directives = server_directives,
    .count = ARRAY_LEN(server_directives),
    .size = sizeof(struct server_settings),
    .place_offset = offsetof(struct server_settings, place),
    .scalar_name = "address",
};
