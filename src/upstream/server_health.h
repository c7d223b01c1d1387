/* What checks and traffic show of a backend's servers: noted in their endpoints' health
 * (health.h), weighed against the rest of the group, and told. From any thread.
 *
 * A server that could not be reached is out at once: there is nothing to lose. One that fails is
 * out only while enough others are left, and only if another is doing better: if all answer alike,
 * it is not the server. */
#ifndef TIDEGATE_UPSTREAM_SERVER_HEALTH_H
#define TIDEGATE_UPSTREAM_SERVER_HEALTH_H

#include "upstream/backend.h"

struct server_ref {
    const struct backend *backend;
    const struct server_set *set; /* of that backend, now or before; the caller's */
    size_t server;                /* of that set */
};

/* Texts are valid during the call. */
struct health_news {
    const char *backend;
    const char *server;
    struct health_change change;
    const char *why;     /* empty: there is nothing to explain */
    bool is_unreachable; /* by what checks or traffic last showed */
    uint64_t now_us;
};

/* Whoever wants to hear of each change of a server's state; called under a lock, by any thread, so
 * it must be short, and call nothing of this. NULL: nobody. */
void server_health_listen(void (*tell)(const struct health_news *news));

/* Whether an answer with that status is held against the server. */
static inline bool server_status_is_bad(unsigned status)
{
    return status == 500 || status == 502 || status == 503 || status == 504;
}

/* ---- traffic ---- */
/* why: "connection refused". */
void server_note_unreachable(struct server_ref ref, const char *why, uint64_t now_us);
void server_note_reached(struct server_ref ref, uint64_t now_us);
void server_note_success(struct server_ref ref, uint64_t now_us);
/* status 0: it broke the connection, or did not answer in time. */
void server_note_failure(struct server_ref ref, unsigned status, uint64_t now_us);
/* It answers badly more often than the others do. */
void server_eject(struct server_ref ref, const char *why, uint64_t now_us);

/* ---- checks ---- */
void server_note_check(struct server_ref ref, const struct health_answer *answer, uint64_t now_us);
void server_note_probe(struct server_ref ref, const struct health_answer *answer, uint64_t now_us);

/* For whoever shows it: a copy of what is under the lock. */
struct server_health_view {
    enum health_state state;
    uint64_t since_us; /* 0: from the beginning */
    unsigned good;
    unsigned bad;
    char why[HEALTH_WHY_MAX];
    uint64_t checked_us; /* 0: never */
    bool was_good;
    char answer[HEALTH_WHY_MAX]; /* of the last check, or probe; "": it was good */
};
void server_health_look(const struct endpoint *endpoint, struct server_health_view *view);

#endif
