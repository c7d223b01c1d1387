/* Who sends a request: the phase of a route's `auth`.
 *
 *   auth_phase --> method 1 --ABSENT, WRONG--> method 2 --> ... --> 401, with what each asks for
 *                    |    `--WAIT--> ... auth_go_on
 *                    `--KNOWN--> (any: the request passes; all: the next one is asked, too)
 *
 * A method is a file: it looks at a request and says who sent it, or what is wrong. Methods and
 * their settings are immutable, and shared by all workers; a request's way through them is a struct
 * auth_run in its arena. All is on the worker's thread. What a client is told is the status and
 * what is asked of it; why is in the log alone. */
#ifndef TIDEGATE_AUTH_AUTH_H
#define TIDEGATE_AUTH_AUTH_H

#include "auth/auth_identity.h"
#include "base/followed.h"
#include "base/trouble.h"
#include "policy/phase.h"
#include "settings/settings.h"

enum auth_outcome {
    AUTH_ABSENT, /* the request has nothing of this method's kind */
    AUTH_KNOWN,  /* run->found is filled */
    AUTH_WRONG,  /* it has, and that is not right: run->why */
    AUTH_BUSY,   /* it cannot be found out now: run->why, and run->busy_status */
    AUTH_WAIT    /* auth_go_on follows; of `ask` alone */
};

struct auth_method;
struct backend;

struct auth_run {
    struct phases *phases;
    const struct auth_plan *plan;
    size_t at;                   /* the method that is asked */
    enum auth_outcome *outcomes; /* of those that were asked, in the plan's order */
    struct auth_identity *found; /* by the present method */
    struct auth_identity *first; /* by those before, as identity.also chains them */
    struct trouble why;          /* static texts, or in the arena */
    struct trouble worst;        /* of the methods before: the first that was more than absent */
    unsigned busy_status;        /* 429 or 503 */
    void *waiting;               /* what the present method keeps while it waits */
    struct span session_token;   /* of a session, that servers may get; empty: none */
    /* In place of 401, what somebody else who was asked has answered; status 0: nothing. */
    unsigned answer_status;
    const struct http_fields *answer_fields;
    struct trouble answer_why; /* where nothing else was wrong */
    struct span answer_body;   /* ptr NULL: none is passed on */
};

struct auth_type {
    const char *name; /* its directive's */
    /* What it looks at belongs to the connection: asking again helps nothing, so it is 403. */
    bool is_of_connection;
    /* By its settings. False with an error; `close` is called then, too. NULL: nothing to do. */
    bool (*open)(struct auth_method *method, struct arena *arena, struct error *error);
    /* Files are seen to. NULL: no more to do. */
    void (*close)(const struct auth_method *method);
    enum auth_outcome (*ask)(const struct auth_method *method, struct auth_run *run);
    /* The request ends while this method waits; a ticket is seen to. NULL: no more to do. */
    void (*cancel)(const struct auth_method *method, struct auth_run *run);
    /* The value of WWW-Authenticate (RFC 9110 section 11.6.1); ptr NULL, and no such function: HTTP
     * has no way to ask. */
    struct span (*challenge)(const struct auth_method *method, struct auth_run *run);
    /* Before a request that it has let pass is forwarded: takes out what servers need not see.
     * NULL: nothing. */
    void (*strip)(const struct auth_method *method, struct auth_run *run);
    /* The scheme of Authorization by which it lets requests pass, where servers get that, too; ptr
     * NULL: they do not. NULL: never. */
    struct span (*passes)(const struct auth_method *method);
};

struct auth_method {
    const struct auth_type *type;
    const void *settings;
    const struct backend *backend; /* who is asked; NULL: nobody */
    const void *made;              /* what its `open` has made of them; in the plan's arena */
    struct followed **files;       /* by auth_method_follow */
    size_t file_count;
    const char *const *paths; /* other files that it reads */
    size_t path_count;
};

/* What a route asks for. Lives as long as the snapshot. */
struct auth_plan {
    const struct auth_method *methods;
    size_t count;
    bool needs_all;   /* else one of them is enough */
    bool is_optional; /* who says nothing of himself passes as nobody */
};

extern const struct auth_type auth_basic;
extern const struct auth_type auth_api_key;
extern const struct auth_type auth_client_certificate;
extern const struct auth_type auth_jwt;
extern const struct auth_type auth_introspection;
extern const struct auth_type auth_forward;
extern const struct auth_type auth_oidc;

/* Where plans are built. */
struct auth_place {
    struct arena *arena;
    /* The backend of these settings. */
    const struct backend *(*find)(const void *arg, const struct backend_settings *settings);
    const void *find_arg;
};

/* NULL with an error that names the file. The plan is in the arena, its files are the caller's to
 * close: auth_plan_close. */
const struct auth_plan *auth_plan_build(const struct auth_settings *settings,
                                        const struct auth_place *place,
                                        struct error *error) MUST_CHECK;
void auth_plan_close(const struct auth_plan *plan);

/* Its settings are a struct auth_plan. */
extern const struct phase_type auth_phase;

/* What all of the plan's methods ask for, for a refusal with 401. NULL: nothing is asked. */
void auth_add_challenges(const struct auth_plan *plan, struct phases *phases);

/* ---- for methods ---- */
/* From `open`: the file is one more of method->files. */
bool auth_method_follow(struct auth_method *method, const char *path,
                        const struct followed_type *kind, struct arena *arena,
                        struct error *error) MUST_CHECK;
/* From `challenge`: whether this method found something that is not right. */
bool auth_was_wrong(const struct auth_run *run, const struct auth_method *method);
struct auth_identity *auth_found(struct auth_run *run, const char *method, struct span user);
enum auth_outcome auth_wrong(struct auth_run *run, const char *reason, const char *detail,
                             const char *mend);
/* A phase's ticket has come back, or whatever else was waited for. For return, where that was the
 * ticket's `act`. */
enum phase_verdict auth_go_on(struct auth_run *run, enum auth_outcome outcome);
/* The same from the worker's loop otherwise. The run may be gone then. */
void auth_resume(struct auth_run *run, enum auth_outcome outcome);
/* The one in the request's fields whose scheme this is, without it: AUTH_KNOWN. More than one field
 * is AUTH_WRONG, as two readers could take two of them for the one. */
enum auth_outcome auth_credentials(struct auth_run *run, struct span scheme, struct span *value);
/* Fields that the client gets with whatever comes of its request, to add to. */
struct http_fields *auth_gained(struct phases *phases);
/* A number of the client's address; IPv6 clients have a /64 each, at least. Never 0. */
uint64_t auth_client_number(struct phases *phases);
/* Servers do not get it. */
void auth_strip_credentials(struct auth_run *run, struct span scheme);

#endif
