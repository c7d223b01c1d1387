/* Where tokens are asked for: codes and refresh tokens go to a provider's token endpoint (RFC 6749
 * section 3.2), and access tokens to its userinfo endpoint, from a thread of its own, so that no
 * worker waits for a provider or a name server.
 *
 *   token_ask --ticket--> waiting --up to 64 at once--> asked --answer, failure, time--> act
 *
 * A question that several requests have at once, as of one session that is to be refreshed, is
 * asked once; its answer is good for those that come a little later with the old session, too. One
 * for the process. From any thread, but for what is said otherwise. */
#ifndef TIDEGATE_AUTH_TOKEN_DESK_H
#define TIDEGATE_AUTH_TOKEN_DESK_H

#include "auth/remembered.h"
#include "base/error.h"
#include "policy/phase.h"

/* Of an answer. */
#define TOKEN_ANSWER_MAX ((size_t)64 * 1024)
/* How long an answer is good for others who ask the same, and how many are kept. */
#define TOKEN_SHARED_MS 20000
#define TOKEN_SHARED_MAX 1024

enum token_how {
    TOKEN_SAID,    /* with 200 */
    TOKEN_REFUSED, /* with 400 (RFC 6749 section 5.2); a GET, with 401 or 403, too */
    TOKEN_FAILED   /* anything else, or nothing */
};

struct token_answer {
    enum token_how how;
    bool is_late;         /* TOKEN_FAILED: there was none in time */
    struct error problem; /* but for TOKEN_SAID */
    struct span body;     /* TOKEN_SAID */
};

/* Copied. */
struct token_question {
    const char *url;
    const char *ca; /* NULL: the system's authorities */
    uint64_t timeout_ms;
    struct span form;                 /* ptr NULL: it is a GET */
    struct span authorization;        /* ptr NULL: the form says who asks */
    unsigned most;                    /* questions that may wait in the process, of all */
    unsigned most_waiters;            /* requests that may wait for this one */
    const struct remembered_key *key; /* of what is the same question; NULL: no other is */
};

enum token_ask {
    TOKEN_ASKED, /* a ticket was taken: `act` follows with the answer (struct token_answer) */
    TOKEN_KNOWN, /* *known is the answer, the caller's to release */
    TOKEN_BUSY,  /* too many questions wait */
    TOKEN_CROWD, /* too many wait for this one */
    TOKEN_NOBODY /* asks here */
};

/* On the worker's thread. */
enum token_ask token_ask(const struct token_question *question, struct phases *phases,
                         enum phase_verdict (*act)(struct phases *phases, void *answer),
                         const struct token_answer **known) MUST_CHECK;
void token_answer_release(const struct token_answer *answer);

/* Started once in the gateway's process, after the fork; stopped when its workers have ended. */
void token_desk_start(void);
/* Cuts off what is under way. Also where it was not started. */
void token_desk_stop(void);

#endif
