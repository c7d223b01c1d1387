/* What would happen to a request, decided by the functions that live traffic goes through, without
 * sending anything: the answer of `tidegate route`. */
#ifndef TIDEGATE_CLI_ROUTE_ANSWER_H
#define TIDEGATE_CLI_ROUTE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "cli/route_question.h"
#include "cli/route_request.h"
#include "settings/settings.h"

enum route_outcome {
    ROUTE_TO_BACKEND,
    ROUTE_TO_PASSTHROUGH,
    ROUTE_TO_TCP,
    ROUTE_TO_RESPOND,
    ROUTE_TO_FILES,
    ROUTE_TO_REDIRECT,
    ROUTE_TO_REFUSAL
};

enum { ROUTE_STEPS_MAX = 32 };

/* One hop: what it is about, and a sentence. */
struct route_step {
    const char *what; /* "listener", "TLS", ... */
    const char *text;
    struct place place; /* where the configuration says so; line 0: nowhere */
};

/* Everything in it lives in the arena given, or in the settings. */
struct route_answer {
    enum route_outcome outcome;
    struct route_step steps[ROUTE_STEPS_MAX];
    size_t step_count;
    const struct route_try *tries; /* in the routes' order */
    size_t try_count;
    const char *listener;                   /* NULL: none */
    const struct site_settings *site;       /* NULL: none */
    const struct route_settings *route;     /* NULL: none */
    const struct backend_settings *backend; /* of BACKEND, PASSTHROUGH and TCP */
    unsigned status;      /* of RESPOND, REDIRECT and REFUSAL; 0: no HTTP answer */
    const char *reason;   /* of REFUSAL: the access log's word for it; else NULL */
    const char *location; /* of REDIRECT */
    const char *rule;     /* of `access`, that let it pass or did not; NULL: none was asked */
    struct span path;     /* as the backend gets it; ptr NULL: not known */
};

void route_answer_find(struct route_answer *answer, const struct settings *settings,
                       const struct route_question *question, struct arena *arena);
/* "backend", "passthrough", "tcp", "respond", "files", "redirect", "refused". */
const char *route_outcome_word(enum route_outcome outcome);

#endif
