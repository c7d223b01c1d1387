/* How much a peer may send, and what it may make a worker do. */
#include "config/directives_internal.h"

static const struct directive limits_directives[] = {
    {.name = "head",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, head),
     .fallback = "32k",
     .min = KIBI,
     .max = MEBI,
     .doc = "Bytes of the head of a request, and of its trailers; a larger one is answered 431.",
     .more = "Over HTTP/2 one field ends at 64 KiB in its compressed form, whatever this says: a "
             "longer one is an error of its connection (COMPRESSION_ERROR), towards clients and "
             "servers alike. A server that answers with such a field ends the connection that "
             "others' requests share: those that are harmless to repeat and have no answer yet are "
             "sent again on another, those that have begun are cut.",
     .example = "head: 32k"},
    {.name = "target",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, target),
     .fallback = "8k",
     .min = 256,
     .max = MEBI,
     .doc = "Bytes of the request target (path and query); a longer one is answered 414.",
     .example = "target: 8k"},
    {.name = "fields",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, fields),
     .fallback = "100",
     .min = 8,
     .max = 10000,
     .doc = "Fields in the head of a request, and in its trailers; more are answered 431.",
     .example = "fields: 100"},
    {.name = "response_head",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, response_head),
     .fallback = "256k",
     .min = KIBI,
     .max = MEBI,
     .doc = "Bytes of the head of a response from a backend, and of its trailers; a larger one is "
            "answered 502.",
     .example = "response_head: 256k"},
    {.name = "response_fields",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, response_fields),
     .fallback = "1000",
     .min = 8,
     .max = 10000,
     .doc = "Fields in the head of a response from a backend, and in its trailers; more are "
            "answered 502.",
     .example = "response_fields: 1000"},
    {.name = "body",
     .type = DIRECTIVE_SIZE,
     .flags = DIRECTIVE_UNLIMITED,
     SLOT(limits_settings, body),
     .fallback = "16G",
     .min = 0,
     .max = 1024 * TEBI,
     .doc = "Bytes of a request's body; a larger one is answered 413.",
     .more = "Bodies stream through, so a large limit costs no memory. A route may have its own "
             "`body_limit`.",
     .example = "body: 16G"},
    {.name = "body_rate",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, body_rate),
     .fallback = "100",
     .min = 0,
     .max = GIBI,
     .doc = "Bytes a second that a request's body must bring while its server takes them, on "
            "average over `timeouts.body`; then 408. 0: any byte is enough.",
     .more = "Not once the response has begun, and not of gRPC calls, where either side may have "
             "nothing to say. Phones on bad networks send some kilobytes a second.",
     .example = "body_rate: 100"},
    {.name = "send_rate",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, send_rate),
     .fallback = "100",
     .min = 0,
     .max = GIBI,
     .doc = "Bytes a second that a client must take of a response that waits for it, on average "
            "over `timeouts.send`; then it counts as stalled. 0: any byte is enough.",
     .example = "send_rate: 100"},
    {.name = "connections",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, connections),
     .fallback = "50000",
     .min = 1,
     .max = 10000000,
     .doc = "Client connections of one worker; more wait until one ends.",
     .more = "Clients that wait between two requests make room, the longest idle first: from 15 "
             "sixteenths of the limit on each new client ends one. Who has a request in hand is "
             "never ended for another.",
     .example = "connections: 50000"},
    {.name = "connections_per_address",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, connections_of_address),
     .fallback = "0",
     .min = 0,
     .max = 10000000,
     .doc = "Connections that one address (of IPv6: a /64) may have at a time, over all workers; "
            "0: as many as it likes.",
     .more = "More are closed without a word, before anything is made for them. Not for "
             "`trusted_proxies`, `proxy_protocol_from` and `reserved_for`, nor for peers on Unix "
             "sockets. HTTP/2 needs one or two; a browser takes six over HTTP/1.1, and many may "
             "share an address.",
     .example = "connections_per_address: 200"},
    {.name = "connections_per_second",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, connections_a_second),
     .fallback = "0",
     .min = 0,
     .max = 1000000,
     .doc = "New connections, and so handshakes, of one address in a second, over all workers; 0: "
            "as many as it likes.",
     .more = "As many may come at once. For whom that is not: see `connections_per_address`.",
     .example = "connections_per_second: 50"},
    {.name = "handshakes_per_second",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, handshakes_a_second),
     .fallback = "0",
     .min = 0,
     .max = 1000000,
     .doc = "TLS handshakes that are begun here for one address (of IPv6: a /64) in a second, over "
            "all workers; 0: as many as it likes.",
     .more =
         "As many may come at once. What is above is closed before anything is computed for it, "
         "and is `too_many_handshakes` in the log. The address is the client's as a PROXY "
         "header tells it, so this holds behind a load balancer, too; not for `trusted_proxies` "
         "and `reserved_for`. Connections that pass through have no handshake here.",
     .example = "handshakes_per_second: 20"},
    {.name = "accepts_per_second",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, accepts_a_second),
     .fallback = "0",
     .min = 0,
     .max = 10000000,
     .doc = "Connections that are accepted in a second, of all clients and by all workers; 0: as "
            "many as come.",
     .more = "More wait in the sockets' queues, so that a crowd that comes at once (after an "
             "outage) is let in by and by, and what is open is served meanwhile.",
     .example = "accepts_per_second: 5000"},
    {.name = "reserved",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, connections_kept),
     .fallback = "0",
     .min = 0,
     .max = 90,
     .doc = "Percent of `connections` that are left for `reserved_for`: others' are closed once so "
            "many are open.",
     .example = "reserved: 10"},
    {.name = "reserved_for",
     .type = DIRECTIVE_NETWORKS,
     SLOT(limits_settings, connections_kept_for),
     .min = 1,
     .max = 1000,
     .doc =
         "Addresses of monitoring and of people who look after the gateway: none of these limits "
         "is for them, nor does a ban keep their connections off.",
     .more = "Peers in `trusted_proxies` and `proxy_protocol_from` of the listener are among them.",
     .example = "reserved_for: [10.0.0.0/8]"},
    {.name = "hello",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, hello),
     .fallback = "64k",
     .min = 4 * KIBI,
     .max = 64 * KIBI,
     .doc = "Bytes of a TLS ClientHello, over all its records.",
     .example = "hello: 64k"},
    {.name = "streams",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, streams),
     .fallback = "100",
     .min = 1,
     .max = 10000,
     .doc = "Requests at once on one HTTP/2 connection of a client.",
     .example = "streams: 100"},
    {.name = "h2_tokens",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, h2_tokens),
     .fallback = "4000",
     .min = 100,
     .max = 1000000000,
     .doc =
         "What an HTTP/2 connection of a client may spend at once on frames that cost the gateway "
         "more than they bring; then it is closed with ENHANCE_YOUR_CALM.",
     .more =
         "What each frame costs, what pays for it, and what is free is in the list of failures, "
         "under \"HTTP/2 of clients\" (`tidegate help failures`).",
     .example = "h2_tokens: 4000"},
    {.name = "h2_tokens_per_second",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, h2_tokens_per_second),
     .fallback = "400",
     .min = 1,
     .max = 1000000,
     .doc = "How many of `h2_tokens` a second gives back.",
     .example = "h2_tokens_per_second: 400"},
    {.name = "response_window",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, response_window),
     .fallback = "32M",
     .min = 128 * KIBI,
     .max = GIBI,
     .doc = "Bytes of one response that a server may have on the way over HTTP/2, at most.",
     .more =
         "Each begins with 32 KiB, has 128 KiB when its client takes what comes, and then gets "
         "what the server's connection is measured to hold (bandwidth times delay). All streams "
         "of one client's connection together get no more than that, or `held`, beyond their "
         "first 32 KiB: a client that stops then costs so much memory.",
     .example = "response_window: 32M"},
    {.name = "response_windows",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, response_windows),
     .fallback = "128M",
     .min = 0,
     .max = TEBI,
     .doc = "The same for all responses of a worker together, beyond the 32 KiB of each.",
     .example = "response_windows: 128M"},
    {.name = "request_window",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, request_window),
     .fallback = "16M",
     .min = 64 * KIBI,
     .max = GIBI,
     .doc = "Bytes of one request's body that a client may have on the way over HTTP/2, at most.",
     .more =
         "Each begins with 64 KiB, and gets what its connection is measured to hold (bandwidth "
         "times delay) while its server takes what comes. All requests of one connection together "
         "get no more than this beyond their first 64 KiB. A request that is "
         "answered whole before its body has come gets at once what is left of that: some clients "
         "(curl 7.88) hear of no window any more then. Where even that does not hold what the "
         "request has announced, the response loses its Content-Length, and its end waits for the "
         "request's; only that of a refusal (300 and above) does not. A server that stops costs so "
         "much memory.",
     .example = "request_window: 16M"},
    {.name = "request_windows",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, request_windows),
     .fallback = "128M",
     .min = 0,
     .max = TEBI,
     .doc = "The same for all requests of a worker together, beyond the 64 KiB of each.",
     .example = "request_windows: 128M"},
    {.name = "held",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, held),
     .fallback = "1M",
     .min = 128 * KIBI,
     .max = 1024 * MEBI,
     .doc = "Bytes of responses that wait for one HTTP/2 connection of a client; then no more is "
            "read from servers and files for it.",
     .more = "Of a stream whose window is shut, or that waits for others, no more than 4 KiB wait "
             "in the rule, beyond what was in one piece. When streams with a shut window hold all "
             "of it and others wait for that, the one that has not moved for the longest time is "
             "reset (`client_window_shut`).",
     .example = "held: 1M"},
    {.name = "held_worker",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, held_worker),
     .fallback = "128M",
     .min = MEBI,
     .max = 1024 * 1024 * MEBI,
     .doc = "The same for all HTTP/2 connections of one worker together; the process has as many "
            "times that as it has workers.",
     .example = "held_worker: 128M"},
    {.name = "files",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, files),
     .fallback = "8",
     .min = 1,
     .max = 10000,
     .doc = "Files that stay open for one client connection while it takes nothing of them.",
     .more = "The others are closed until it does, and opened again if they are still the same; "
             "if not, the response is broken off.",
     .example = "files: 8"},
    {.name = "files_worker",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, files_worker),
     .fallback = "256",
     .min = 1,
     .max = 1000000,
     .doc = "The same for all client connections of one worker together.",
     .example = "files_worker: 256"},
    {.name = "compression_memory",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, compression_memory),
     .fallback = "64M",
     .min = 0,
     .max = TEBI,
     .doc = "Bytes that the compressors of one worker may have together (`compress`); a response "
            "above that goes as it is.",
     .more =
         "A compressor works until its client has taken the response but for what waits on the "
         "way. One of gzip has 272 KiB, one of zstd 2 MiB, one of Brotli 3.5 MiB at most, whatever "
         "is sent through it.",
     .example = "compression_memory: 64M"},
    {.name = "signatures",
     .type = DIRECTIVE_INTEGER,
     SLOT(limits_settings, signatures),
     .fallback = "20000",
     .min = 1,
     .max = 10000000,
     .doc = "Signatures a second that one worker gets from the process that has the private keys "
            "(`key_process`); what is above it waits.",
     .more = "A full TLS handshake takes one. The default is more than a processor can make "
             "handshakes of: it is there for a worker that was taken over, and should find out "
             "nothing by asking for very many.",
     .example = "signatures: 20000"},
    {.name = "cache",
     .type = DIRECTIVE_SIZE,
     SLOT(limits_settings, cache),
     .fallback = "64M",
     .min = MEBI,
     .max = TEBI,
     .doc = "The memory that responses kept by `cache` may take, of all workers and routes "
            "together.",
     .more = "It is taken as it is needed; bodies on their way in may take half as much besides. "
             "What was asked for once goes first.",
     .example = "cache: 64M"},
};

const struct section section_limits = {
    .name = "limits",
    .title = "limits",
    .doc = "How much a peer may send.",
    .directives = limits_directives,
    .count = ARRAY_LEN(limits_directives),
    .size = sizeof(struct limits_settings),
    .place_offset = NO_PLACE,
};
