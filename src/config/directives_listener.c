/* Listeners. */
#include "config/address.h"
#include "config/directives_internal.h"

static const struct directive listener_directives[] = {
    {.name = "bind",
     .type = DIRECTIVE_LISTEN,
     SLOT(listener_settings, bind),
     .fallback = ":80 :443",
     .min = 1,
     .max = 256,
     .doc = "The addresses to listen on.",
     .more = "`\":443\"` is port 443 of every address of this machine, IPv4 and IPv6. Others are "
             "written `192.0.2.1:443`, `\"[2001:db8::1]:443\"` and `unix:/run/tidegate.sock`. Port "
             "0 asks for any free port. Every address takes TLS, plain HTTP and, from the peers "
             "in `proxy_protocol_from`, the PROXY protocol: the first bytes of a connection "
             "decide.",
     .example = "bind: [\":443\", \":80\"]"},
    {.name = "sites",
     .type = DIRECTIVE_TEXTS,
     SLOT(listener_settings, sites),
     .min = 1,
     .max = 100000,
     .doc = "The names of the sites served here; without it, all of them.",
     .more = "A site's name is its `name`, or its first host when it has none.",
     .example = "sites: [shop.example.com]"},
    {.name = "proxy_protocol_from",
     .type = DIRECTIVE_NETWORKS,
     SLOT(listener_settings, proxy_protocol_from),
     .min = 1,
     .max = 1024,
     .doc = "Peers whose PROXY protocol header (v1 or v2) is read.",
     .more = "A header from anyone else ends the connection: it could claim any address. `unix` "
             "stands for peers on a Unix socket.",
     .example = "proxy_protocol_from: [10.0.0.0/8, unix]"},
    {.name = "tcp",
     .type = DIRECTIVE_BACKEND,
     SLOT(listener_settings, tcp),
     .section = &section_backend,
     .doc = "Where every connection of the listener is relayed to, byte for byte, whatever it is.",
     .more = "Nothing is read before a server is connected, so that protocols work in which the "
             "server speaks first (SMTP, MySQL, SSH). Such a listener has no `sites`. Of a site's "
             "`tcp` it has all but TLS: balancing (by `source` at most), health checks, "
             "`proxy_protocol` towards the server, other servers where one cannot be reached, "
             "half-closed connections, resets, limits. A peer in `proxy_protocol_from` must begin "
             "with a PROXY header here, within `timeouts.first_byte`; what others send is never "
             "taken for one, and goes to the server.\n\n"
             "The name of one of `backends`; or an address, a list of addresses or a whole backend "
             "section, right here.",
     .example = "tcp: 10.0.0.7:5432"},
    {ACCESS(listener_settings, ", of a listener with `tcp`: which connections"),
     .more =
         "Rules are about what is known of a connection: `client_address`, `address_file`, "
         "`country` and `hours`. One that is refused is closed before a server is asked, and is "
         "`access_denied` in the log. Sites have `access` of their own. See "
         "[docs/access.md](access.md)."},
};

const struct section section_listener = {
    .name = "a listener",
    .title = "listener",
    .doc = "Where connections come in. Without `listeners` there is one, on ports 80 and 443.",
    .directives = listener_directives,
    .count = ARRAY_LEN(listener_directives),
    .size = sizeof(struct listener_settings),
    .place_offset = offsetof(struct listener_settings, place),
};
