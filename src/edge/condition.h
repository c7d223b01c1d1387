/* What a route asks of a request besides its own path, methods and client: fields, parameters,
 * cookies, addresses, the scheme, and other paths and methods, alone or put together. Built once,
 * then only read; no I/O, no globals.
 *
 * Each part of a request is compared as servers read it, so that another spelling is no way past a
 * condition: a field in any spelling of its name and in each of its lines, a parameter decoded
 * wherever it stands, each cookie of a name. Fields that the peer may not send are not there. */
#ifndef TIDEGATE_EDGE_CONDITION_H
#define TIDEGATE_EDGE_CONDITION_H

#include "base/pattern.h"
#include "http/message.h"
#include "settings/settings.h"

/* ---- texts ---- */

/* "text", "text*", "*text", "*", or "re:" and a regular expression. */
enum text_fit { TEXT_IS, TEXT_BEGINS, TEXT_ENDS, TEXT_FITS_PATTERN };
struct text_match {
    enum text_fit fit;
    struct span text; /* without the '*' */
    const struct pattern *pattern;
};

/* The length of "re:" at the beginning of `text`, or 0. */
size_t text_match_is_pattern(struct span text);
/* A route's path: exact, what begins so ("/v1/" and '*'), or what ends so ('*' and ".php"). Written
 * as in the configuration, compared in path_normalise's `match` form. */
struct text_match path_match_make(struct span text, struct arena *arena) MUST_CHECK;
/* "*" (OPTIONS *) fits the prefixes "/" and "". */
bool path_match_fits(const struct text_match *match, struct span path) MUST_CHECK;
/* Any of these texts; see MATCH_STEPS_MAX for *steps. */
struct text_match text_match_make(struct span text, struct arena *arena) MUST_CHECK;
/* Whether every path that `narrow` fits is one that `wide` fits. */
bool path_match_covers(const struct text_match *wide, const struct text_match *narrow) MUST_CHECK;

/* ---- requests ---- */

/* Steps of all searches for one request (base/pattern.h). */
#define MATCH_STEPS_MAX ((int64_t)4 * PATTERN_STEPS_MAX)

/* What is known of a request. */
struct match_facts {
    struct span path; /* as routes match it: one reading of it */
    struct span method;
    bool is_https;                      /* as the client sees it */
    const struct http_request *request; /* fields and query; NULL: it has none */
    bool is_peer_trusted;               /* in what it says of the client */
    /* The client's address, as trusted proxies say it, asked only where a rule wants it: 16 bytes,
     * IPv4 mapped into IPv6; NULL: a Unix socket. */
    const uint8_t *(*address)(void *asker);
    void *asker;
    struct arena *arena; /* of the request */
    int64_t steps;       /* that are left to its searches */
    const void *more;    /* what conditions of others' kinds ask (struct condition_type) */
};

enum condition_result {
    CONDITION_FAILS,
    CONDITION_HOLDS,
    CONDITION_UNDECIDED /* a search was given up */
};

/* GET stands for HEAD, too. TRACE is nothing but itself. */
bool method_list_has(const struct span *methods, size_t count, struct span method) MUST_CHECK;

struct condition;

enum condition_result text_match_check(const struct text_match *match, struct span text,
                                       int64_t *steps) MUST_CHECK;

/* A kind of condition that is known elsewhere: what it compares may be the work of whole modules.
 */
struct condition_type {
    enum condition_result (*check)(const void *what, struct match_facts *facts);
    /* "user ann", for people. In the arena. */
    const char *(*words)(const void *what, struct arena *arena);
};
/* All in the arena; `type` and `what` are as long as it. */
const struct condition *condition_of(const struct condition_type *type, const void *what,
                                     struct arena *arena) MUST_CHECK;

/* Adds what a section, or a part of one, says besides: at most CONDITION_MORE_MAX. Returns how
 * many. */
#define CONDITION_MORE_MAX 32
struct condition_maker {
    size_t (*add)(void *arg, const struct match_settings *settings,
                  const struct condition *more[CONDITION_MORE_MAX], struct arena *arena);
    void *arg;
};

/* What its parts that ask of the path alone (paths in `any`, `all` and `not`) say of it; whatever
 * else it asks is taken to hold. */
enum condition_result condition_check_path(const struct condition *condition,
                                           struct match_facts *facts) MUST_CHECK;

/* What the configuration's section says, or NULL where it says nothing but what a route compares by
 * itself: `is_whole` says that path, regex and methods are to be compared, too. `maker` NULL:
 * nothing else is asked. */
const struct condition *condition_make(const struct match_settings *settings, bool is_whole,
                                       const struct condition_maker *maker,
                                       struct arena *arena) MUST_CHECK;
/* *failed: the innermost condition that decided it, where it does not hold. */
enum condition_result condition_check(const struct condition *condition, struct match_facts *facts,
                                      const struct condition **failed) MUST_CHECK;
/* "headers X-Debug: on", for people. In the arena. */
const char *condition_words(const struct condition *condition, struct arena *arena) MUST_CHECK;

#endif
