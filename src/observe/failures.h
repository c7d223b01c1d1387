/* The last failed handshakes and connections of this process, and how many there were of each
 * reason: what `tidegate status --handshakes` shows. One of the few things that workers share, and
 * so behind a mutex: failures are rare, and when they are not, all but their count is left out.
 *
 * Everything is copied and cut to size; memory is static and bounded. */
#ifndef TIDEGATE_OBSERVE_FAILURES_H
#define TIDEGATE_OBSERVE_FAILURES_H

#include <stddef.h>
#include <stdint.h>

/* The last ones kept, and the reasons counted apart: more of them count as "other". */
#define FAILURES_KEPT 1024
#define FAILURES_REASONS 128
/* Kept in one second; the others are counted only. */
#define FAILURES_PER_SECOND 200

struct failure_note {
    const char *side;   /* "client" or "backend": with whom; static */
    const char *who;    /* who refused: "client", "gateway", "backend", "network"; static */
    const char *reason; /* a word */
    const char *detail; /* a sentence; NULL: none */
    const char *mend;   /* what to do; NULL: nothing can be said */
    const char *name;   /* the client's SNI, or the backend's name; NULL: none */
    const char *peer;   /* its address; NULL: none */
};

struct failure_entry {
    int64_t time_ms; /* wall clock since 1970 */
    const char *side;
    const char *who;
    char reason[48];
    char detail[768]; /* holds a certificate named by x509_words_whose, with its digest */
    char name[128];
    char peer[64];
};

/* All failures of one reason on one side. */
struct failure_group {
    const char *side;
    char reason[48];
    char mend[256];
    uint64_t count;
    int64_t first_ms;
    int64_t last_ms;
    struct failure_entry last;
};

/* From any thread. */
void failures_note(const struct failure_note *note);
/* Copies of at most `max`, the most frequent first; returns how many. */
size_t failures_groups(struct failure_group *groups, size_t max);
/* Copies of at most `max`, the newest first; returns how many. */
size_t failures_last(struct failure_entry *entries, size_t max);
/* Since the start. */
uint64_t failures_total(void);
/* For tests. */
void failures_clear(void);

#endif
