/* Phases: what a route does with a request before it answers or forwards it, in order.
 *
 *   match --> phase 1 --NEXT--> phase 2 --NEXT--> ... --> answered here, or forwarded
 *                |  `--ANSWERED--> (it has refused the request itself)
 *                `--WAIT--> ... later, by time or by a ticket: NEXT or ANSWERED
 *
 * A phase and its settings are immutable and shared by all workers; what one request's way through
 * them needs is a struct phases, made for requests of routes that have any, from the request's
 * arena. All is on the worker's thread, but for tickets: a phase that has asked another thread
 * takes one, and that thread gives it back, whatever has become of the request meanwhile. */
#ifndef TIDEGATE_POLICY_PHASE_H
#define TIDEGATE_POLICY_PHASE_H

#include "base/arena.h"
#include "core/core.h"
#include "http/message.h"

struct access_question;
struct auth_identity;
struct auth_outgoing;
struct client;
struct client_names;
struct rate_note;
struct template;
struct phase;
struct phases;
struct phase_ticket;

enum phase_verdict {
    PHASE_NEXT,     /* the next phase, or what the route does */
    PHASE_ANSWERED, /* phases_refuse was called; nothing else happens */
    PHASE_WAIT      /* until it is resumed */
};

struct phase_type {
    const char *name; /* its directive's */
    enum phase_verdict (*run)(const struct phase *phase, struct phases *phases);
    /* The timer of phases_wait has run out. NULL: PHASE_NEXT. */
    enum phase_verdict (*on_time)(const struct phase *phase, struct phases *phases);
    /* The request ends while this phase waits. Timer and ticket are seen to. NULL: no more to do.
     */
    void (*cancel)(const struct phase *phase, struct phases *phases);
};

/* Lives as long as the snapshot. */
struct phase {
    const struct phase_type *type;
    const void *settings;
};

/* A route's. Zero-initialised: none. */
struct phase_list {
    const struct phase *items;
    size_t count;
};

/* Who runs them; both calls may end the request, and `phases` with it. */
struct phases_owner {
    /* Answers with an error. Texts are static, or live in the arena. */
    void (*refuse)(struct phases *phases, unsigned status, const char *reason, const char *detail,
                   const char *mend);
    /* All have run, after one had to wait; not called after phases_cancel. */
    void (*go_on)(struct phases *phases);
    /* The client's address, as trusted proxies say it, IPv4 mapped into IPv6. False: it has none.
     */
    bool (*client_ip)(struct phases *phases, uint8_t ip[16]);
    /* As the client sees it: TLS here, or at a trusted proxy that took it off. */
    bool (*is_https)(struct phases *phases);
    /* The request's, where its route has it read first; else absent. */
    struct span (*body)(struct phases *phases);
    /* What rules are asked about (access/phase_access.h). */
    void (*ask_access)(struct phases *phases, struct access_question *question);
    /* Of the handshake, as gateway/client_identity.h has them. */
    const struct client_names *(*client_names)(struct phases *phases);
    /* The worker's, towards servers. */
    struct client *(*client)(struct phases *phases);
    /* What another server may be told of the request (auth/outgoing.h). */
    void (*outgoing)(struct phases *phases, struct auth_outgoing *outgoing);
    /* A text with variables (edge/template.h), of the request as it is now; in the arena. */
    struct span (*text)(struct phases *phases, const struct template *template);
    /* The same of a URL to go to. */
    struct span (*location)(struct phases *phases, const struct template *template);
};

/* What the request has taken and gives back at its end. In the arena. */
struct phase_hold {
    struct phase_hold *next;
    void (*release)(struct phase_hold *hold);
};

enum phases_state { PHASES_RUNNING, PHASES_WAITING, PHASES_OVER };

struct phases {
    struct core *core;
    struct http_request *request; /* a phase may take out what is for the gateway alone */
    struct arena *arena;          /* the request's */
    const struct phases_owner *owner;
    void *owner_data;
    const struct phase_list *list;
    size_t at; /* the one that runs or waits */
    enum phases_state state;
    struct timer timer;
    struct phase_ticket *ticket; /* out, of the present phase; NULL: none */
    void *waiting;               /* what the phase that waits keeps; its own */
    const struct auth_identity
        *identity;     /* who sends the request (auth/auth_identity.h); NULL: not known */
    const char *rule;  /* of `access`, that let the request pass or did not; NULL: none was asked */
    const char *limit; /* that it is over; NULL: none */
    bool is_limit_dry; /* and that refuses nothing */
    const struct rate_note *rates; /* what is to be said of rates (access/phase_rate.h) */
    struct phase_hold *holds;
    /* Further ones of the answer, from the phase that refuses the request; in the arena, or NULL.
     */
    const struct http_fields *refusal_fields;
    struct span refusal_body; /* the same, in place of the gateway's own page; ptr NULL: that */
    /* Fields that servers get from here alone: whatever the client has sent of these names, in any
     * spelling and in trailers, is taken out. One with an empty value is taken out and not sent.
     * NULL: none. In the arena, as the next. */
    struct http_fields *given;
    struct http_fields *gained; /* that the client gets with the response; NULL: none */
};

/* Runs them from the first. PHASE_WAIT: go_on follows, or phases_cancel is called. */
enum phase_verdict phases_start(struct phases *phases, const struct phase_list *list,
                                const struct phases_owner *owner, void *owner_data,
                                struct core *core, struct http_request *request,
                                struct arena *arena) MUST_CHECK;
/* The request ends, or needs no more of them; before the arena goes. May be called twice. */
void phases_cancel(struct phases *phases);
/* It has ended; what it held is given back. May be called twice. */
void phases_end(struct phases *phases);

/* ---- for phases ---- */
/* For return: refuses the request. */
enum phase_verdict phases_refuse(struct phases *phases, unsigned status, const char *reason,
                                 const char *detail, const char *mend);
/* From the worker's loop, for a phase that waits for what is neither a time nor a ticket: its
 * verdict. `phases` may be gone then. */
void phases_resume(struct phases *phases, enum phase_verdict verdict);
/* For return: waits so long, then on_time. */
enum phase_verdict phases_wait(struct phases *phases, uint64_t ms);
/* Of a phase that is about to wait for another thread; one at a time. The worker does not end
 * before each of its tickets has come back, so whoever has one gives it back in bounded time. */
struct phase_ticket *phases_take_ticket(struct phases *phases) MUST_CHECK;
/* From any thread, once; the ticket is gone then. On the worker's thread `act` is called, if the
 * request still waits, and its verdict resumes; then, in any case, `done` with
 * `arg`, which frees it. Either may be NULL: PHASE_NEXT, and nothing. */
void phase_ticket_return(struct phase_ticket *ticket,
                         enum phase_verdict (*act)(struct phases *phases, void *arg),
                         void (*done)(void *arg), void *arg);

#endif
