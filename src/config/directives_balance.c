/* How a backend chooses among its servers. */
#include "config/auth_rules.h"
#include "config/directives_internal.h"
#include "config/text_rules.h"

/* In the order of enum balance_kind, enum balance_key (those that need no name), enum same_site. */
static const char *const strategies[] = {"round_robin", "least_requests", "random_of_two",
                                         "ewma",        "first",          "source",
                                         "hash",        "sticky",         NULL};
static const char *const keys[] = {"address", "path", "sni", "user", NULL};
static const char *const same_sites[] = {"lax", "strict", "none", NULL};

static const struct directive queue_directives[] = {
    {.name = "size",
     .type = DIRECTIVE_INTEGER,
     SLOT(queue_settings, size),
     .fallback = "100",
     .min = 0,
     .max = 100000,
     .doc = "How many requests and tunnels of all workers may wait; 0: none does.",
     .more = "What finds it full is answered 503 at once, with Retry-After.",
     .example = "size: 1000"},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(queue_settings, timeout_ms),
     .fallback = "5s",
     .min = 10,
     .max = HOUR,
     .doc = "How long they may wait; then 503, with Retry-After.",
     .example = "timeout: 2s"},
};

const struct section section_queue = {
    .name = "queue of a backend",
    .title = "queue",
    .doc = "The line in which requests and tunnels wait while all servers are full "
           "(`max_requests`, `max_connections`), or the backend is (`concurrency`): by `priority`, "
           "and then first come, first served, over all workers. What waits already when a reload "
           "changes these limits goes by those of its beginning.",
    .directives = queue_directives,
    .count = ARRAY_LEN(queue_directives),
    .size = sizeof(struct queue_settings),
    .place_offset = NO_PLACE,
};

static const struct directive hash_directives[] = {
    {.name = "key",
     .type = DIRECTIVE_ENUM,
     SLOT(balance_hash_settings, key),
     .words = keys,
     .doc =
         "What requests have in common that get the same server: the client's `address`, the "
         "`path` without its query, the name that was asked for in TLS (`sni`), or the `user` that "
         "`auth` has found.",
     .more = "The address is the client's as trusted proxies tell it. Of an IPv6 address the "
             "network counts (64 bits), since clients change the rest. `hash: path` is short for "
             "`hash: { key: path }`.",
     .example = "key: path"},
    {.name = "header",
     .type = DIRECTIVE_TEXT,
     SLOT(balance_hash_settings, header),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_field_name,
     .pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
     .doc = "The value of this field of the request.",
     .example = "header: X-User"},
    {.name = "cookie",
     .type = DIRECTIVE_TEXT,
     SLOT(balance_hash_settings, cookie),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_cookie_name,
     .pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
     .doc = "The value of this cookie of the request.",
     .example = "cookie: session"},
    {.name = "query",
     .type = DIRECTIVE_TEXT,
     SLOT(balance_hash_settings, query),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_query_name,
     .pattern = "^[^&=#\\s]+$",
     .doc = "The value of this parameter of the request's query, as it was written.",
     .example = "query: user"},
    {.name = "claim",
     .type = DIRECTIVE_TEXT,
     SLOT(balance_hash_settings, claim),
     .min = 1,
     .max = 256,
     .check = rule_claim,
     .doc = "What a method of `auth` says of who sends the request.",
     .example = "claim: tenant"},
    {.name = "bounded_load",
     .type = DIRECTIVE_INTEGER,
     SLOT(balance_hash_settings, bounded_load),
     .min = 101,
     .max = 10000,
     .doc = "Percent of the mean load that a server may have; what is above goes to the key's next "
            "server.",
     .more = "Without it a key that half of all requests have takes its server down. The mean is "
             "of the requests that one worker has on the servers at the time, by their weights; a "
             "server without any always takes one. 125 is a usual value: lower ones spread more "
             "evenly, and send more requests away from their server.",
     .example = "bounded_load: 125"},
};

const struct section section_hash = {
    .name = "hash of a backend",
    .title = "hash",
    .doc = "Which requests get the same server: one of `key`, `header`, `cookie`, `query` and "
           "`claim`. "
           "Requests without it go to the emptier of two servers drawn at random.",
    .directives = hash_directives,
    .count = ARRAY_LEN(hash_directives),
    .size = sizeof(struct balance_hash_settings),
    .place_offset = offsetof(struct balance_hash_settings, place),
    .scalar_name = "key",
};

static const struct directive sticky_directives[] = {
    {.name = "cookie",
     .type = DIRECTIVE_TEXT,
     SLOT(balance_sticky_settings, cookie),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_cookie_name,
     .pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
     .doc = "The cookie's name; without it, `tidegate_` and eight digits that depend on the "
            "backend's name.",
     .more = "Two backends on one host need two names.",
     .example = "cookie: lb"},
    {.name = "max_age",
     .type = DIRECTIVE_DURATION,
     SLOT(balance_sticky_settings, max_age_ms),
     .flags = DIRECTIVE_OFF,
     .fallback = "off",
     .min = SECOND,
     .max = 365 * DAY,
     .doc = "How long a browser keeps it; `off`: until it is closed.",
     .example = "max_age: 1d"},
    {.name = "same_site",
     .type = DIRECTIVE_ENUM,
     SLOT(balance_sticky_settings, same_site),
     .fallback = "lax",
     .words = same_sites,
     .doc = "Whether it is sent with requests that other sites start (SameSite).",
     .more = "It is always HttpOnly, and Secure where the client came by https. `none` is for "
             "pages inside frames of other sites, and works with https alone.",
     .example = "same_site: strict"},
    {.name = "key",
     .type = DIRECTIVE_PATH,
     SLOT(balance_sticky_settings, key),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "File with at least 16 random bytes, by which servers' tokens are made; the same one "
            "for all gateways in front of the same servers.",
     .more = "Without it a key is made at the start, and kept across reloads: after a restart, and "
             "at another gateway, clients may find themselves at another server.",
     .example = "key: /etc/tidegate/sticky.key"},
};

const struct section section_sticky = {
    .name = "sticky of a backend",
    .title = "sticky",
    .doc = "The cookie by which a client stays with its server. Its value is a token that only the "
           "gateway can make, and that does not show the server's address.",
    .directives = sticky_directives,
    .count = ARRAY_LEN(sticky_directives),
    .size = sizeof(struct balance_sticky_settings),
    .place_offset = offsetof(struct balance_sticky_settings, place),
};

static const struct directive balance_directives[] = {
    {.name = "strategy",
     .type = DIRECTIVE_ENUM,
     SLOT(balance_settings, strategy),
     .fallback = "round_robin",
     .words = strategies,
     .doc = "How the server is chosen; `balance: ewma` is short for `balance: { strategy: ewma }`.",
     .more = "`round_robin`: by turns, evenly spread. `least_requests`: the one with the fewest "
             "requests on it; one that answers several times more slowly than the others counts as "
             "having so many times more. `random_of_two`: two are drawn at random, and the one "
             "with fewer "
             "requests is taken. `ewma`: of two drawn at random, the one that would answer sooner, "
             "by the latency that was seen of it (peaks count at once, and fade in seconds) and "
             "the requests on it. `first`: the first in the list, as far as `max_requests` goes. "
             "`source`: by the client's address. `hash`: by what `hash` says. `sticky`: by a "
             "cookie, see `sticky`. All but `first` go by the servers' weights. What a worker "
             "knows of requests and latencies is its own: see "
             "[docs/balancing.md](balancing.md), also for what to choose when.",
     .example = "strategy: least_requests"},
    {.name = "hash",
     .type = DIRECTIVE_SECTION,
     SLOT(balance_settings, hash),
     .section = &section_hash,
     .doc = "Requests with the same key get the same server (Maglev).",
     .more = "When a server goes, or comes, only its own keys move. Where the key's server is down "
             "another one takes its place.",
     .example = "hash: { header: X-User }"},
    {.name = "sticky",
     .type = DIRECTIVE_SECTION,
     SLOT(balance_settings, sticky),
     .section = &section_sticky,
     .doc = "Clients stay with the server that answered them first, by a cookie.",
     .more = "A new client, and one whose server is gone or down, gets the server with the fewest "
             "requests, and a new cookie.",
     .example = "sticky: { cookie: lb }"},
};

const struct section section_balance = {
    .name = "balance of a backend",
    .title = "balance",
    .doc = "How a server is chosen for a request, or for a connection that passes through. A word "
           "alone is short for a section with that `strategy`.",
    .directives = balance_directives,
    .count = ARRAY_LEN(balance_directives),
    .size = sizeof(struct balance_settings),
    .place_offset = NO_PLACE,
    .scalar_name = "strategy",
};
