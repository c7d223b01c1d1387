/* The phase of `access`: whether the request may pass, once it is known who sends it. */
#ifndef TIDEGATE_ACCESS_PHASE_ACCESS_H
#define TIDEGATE_ACCESS_PHASE_ACCESS_H

#include "access/access_rules.h"
#include "auth/auth.h"

/* Its settings. Lives as long as the snapshot. */
struct access_phase {
    struct access_plan plan;
    const struct auth_plan *auth; /* what a refusal with 401 asks for; NULL: nothing */
};

/* What its owner knows of the request: phases_owner.ask_access. */
struct access_question {
    struct match_facts facts;
    const struct path *path;
    enum edge_paths paths;
    const struct client_names *(*client)(void *asker); /* of facts.asker */
};

extern const struct phase_type access_phase;

/* The same question about something that the request names besides: nothing is counted or told. */
bool access_phase_allows(const struct access_phase *access, struct access_question *question,
                         const struct auth_identity *identity) MUST_CHECK;

/* What such a refusal is. */
struct access_refusal {
    unsigned status;
    const char *reason;
    const char *detail; /* in the arena */
    const char *mend;
};
struct access_refusal access_refusal_of(const struct access_verdict *verdict, struct arena *arena);

#endif
