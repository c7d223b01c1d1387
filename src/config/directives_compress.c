/* Which responses are compressed. */
#include "config/directives_internal.h"
#include "config/message_rules.h"

/* In the order of enum compress_mode, enum compress_level and enum compress_breach. */
static const char *const modes[] = {"off", "on", NULL};
static const char *const levels[] = {"fast", "medium", "high", NULL};
static const char *const breaches[] = {"guard", "ignore", NULL};

static const struct directive compress_directives[] = {
    {.name = "mode",
     .type = DIRECTIVE_ENUM,
     SLOT(compress_settings, mode),
     .fallback = "on",
     .words = modes,
     .doc = "Whether responses are compressed at all: `compress: on` and `compress: off` are short "
            "for it.",
     .example = "mode: on"},
    {.name = "encodings",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_LOWER,
     SLOT(compress_settings, encodings),
     .fallback = "zstd br gzip",
     .min = 1,
     .max = 3,
     .check = rule_encoding,
     .pattern = "^(zstd|br|gzip)$",
     .doc = "Codings, the one that is liked best first.",
     .more = "A client gets the one to which its Accept-Encoding gives the highest weight, of "
             "equal ones the first of these. `*` stands for those that it does not name; a weight "
             "of 0 forbids, also where a coding is named twice. A field that is not by the "
             "grammar (RFC 9110 section 12.5.3) is not believed, and a client that sends none "
             "gets responses as they are.",
     .example = "encodings: [br, gzip]"},
    {.name = "types",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_LOWER,
     SLOT(compress_settings, types),
     .fallback = "text/* application/json application/*+json application/javascript "
                 "application/x-javascript application/xml application/*+xml "
                 "application/x-ndjson application/yaml application/toml application/wasm "
                 "application/rtf application/graphql application/grpc-web* "
                 "application/vnd.ms-fontobject font/ttf font/otf font/collection "
                 "image/svg+xml image/bmp image/vnd.microsoft.icon image/x-icon",
     .min = 1,
     .max = 100,
     .check = rule_media_type_pattern,
     .pattern = "^(\\*|[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+)$",
     .doc = "Media types that are compressed, by the Content-Type of the response; with one `*` "
            "that stands for any bytes.",
     .more = "gRPC is never compressed here, as it does so itself, message by message. A response "
             "without Content-Type stays as it is.",
     .example = "types: [\"text/*\", application/json, \"application/*+json\"]"},
    {.name = "from",
     .type = DIRECTIVE_SIZE,
     SLOT(compress_settings, from),
     .fallback = "1k",
     .min = 0,
     .max = GIBI,
     .doc = "Bytes that a response must have, where its length is known; below, it costs more than "
            "it saves.",
     .example = "from: 1k"},
    {.name = "level",
     .type = DIRECTIVE_ENUM,
     SLOT(compress_settings, level),
     .fallback = "medium",
     .words = levels,
     .doc = "How hard it is tried.",
     .more =
         "`fast`: zstd 1, Brotli 1, gzip 1; `medium`: zstd 3, Brotli 4, gzip 5; `high`: zstd 6, "
         "Brotli 5, gzip 8. A worker that has used more than 80 percent of a processor in the "
         "last quarter of a second begins responses with `fast`, whatever this says.",
     .example = "level: fast"},
    {.name = "breach",
     .type = DIRECTIVE_ENUM,
     SLOT(compress_settings, breach),
     .fallback = "guard",
     .words = breaches,
     .doc = "What is done about strangers who learn secrets of a page from its compressed length "
            "(BREACH).",
     .more =
         "The attack needs TLS, a page that has a secret (a token against forged requests, say) "
         "and repeats something of its request, and another site that makes the victim's browser "
         "ask for it thousands of times. `guard` sends such responses as they are: over https, "
         "those of servers that set a cookie, and those to requests with Cookie or Authorization "
         "that another site had the browser make, by Sec-Fetch-Site, or Origin and Referer where "
         "there is none; a click of the user's (Sec-Fetch-User) is not meant. Files and fixed "
         "answers have no such secrets, and are compressed all the same. `ignore` is for sites "
         "that guard themselves, by tokens that change with each response.",
     .example = "breach: ignore"},
};

const struct section section_compress = {
    .name = "compress",
    .title = "compress",
    .doc =
        "Compresses responses for clients that take it: those of servers, files, `respond`, and "
        "the gateway's own errors. `compress: on` is short for all defaults. What a route leaves "
        "out is as its site says; `compress: off` in a route turns it off there.\n\n"
        "A response stays as it is if it has a Content-Encoding, a Content-Range or a signature "
        "(Signature-Input), if `Cache-Control: no-transform` stands in it or in its request (so a "
        "server says that one response is to be left alone), if it is short, or of another type, "
        "or if the client speaks HTTP/1.0. Otherwise it gets `Vary: Accept-Encoding`, compressed "
        "or not, and when it is compressed, Content-Encoding, no Content-Length, Accept-Ranges "
        "or digests (Content-Digest, Repr-Digest, Digest, Content-MD5; in trailers neither), and "
        "a weak ETag in place of a strong one. The weak one in If-None-Match is answered 304, as a "
        "client expects; a PUT with If-Match, which wants a strong one, needs the ETag of a "
        "response that was not compressed. Ranges are those of the bytes as they are: a request "
        "with Range gets 206 of them, never compressed, and an If-Range with the weak ETag of a "
        "compressed response gets the whole. HEAD has the fields of GET.\n\n"
        "Nothing waits for the compressor: event streams and gRPC-Web are sent on piece by piece, "
        "any other response when its server pauses for 20 ms. A worker's compressors have "
        "`limits.compression_memory` at most; responses above that go as they are, and `tidegate "
        "status` says how many did. Servers get the client's Accept-Encoding: one that compresses "
        "by itself goes on doing so, unless `request_fields: { remove: [Accept-Encoding] }`.",
    .directives = compress_directives,
    .count = ARRAY_LEN(compress_directives),
    .size = sizeof(struct compress_settings),
    .place_offset = offsetof(struct compress_settings, place),
    .scalar_name = "mode",
};
