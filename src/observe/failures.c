#include "observe/failures.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

static struct {
    pthread_mutex_t lock;
    struct failure_entry entries[FAILURES_KEPT]; /* a ring */
    size_t next;
    size_t count;
    struct failure_group groups[FAILURES_REASONS];
    size_t group_count;
    uint64_t total;
    int64_t second;
    unsigned in_second;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static struct failure_group *find_group(const struct failure_note *note, int64_t now)
{
    const char *reason = note->reason;
    struct failure_group *group;

    for (size_t i = 0; i < all.group_count; i++) {
        group = &all.groups[i];
        if (strcmp(group->side, note->side) == 0 && strcmp(group->reason, reason) == 0) {
            return group;
        }
    }
    if (all.group_count == FAILURES_REASONS) {
        return &all.groups[FAILURES_REASONS - 1];
    }
    if (all.group_count == FAILURES_REASONS - 1) {
        reason = "other"; /* the last one takes all the rest */
    }
    group = &all.groups[all.group_count++];
    *group = (struct failure_group){.side = note->side, .first_ms = now};
    copy(group->reason, sizeof(group->reason), reason);
    copy(group->mend, sizeof(group->mend), note->mend);
    return group;
}

static void fill(struct failure_entry *entry, const struct failure_note *note, int64_t now)
{
    entry->time_ms = now;
    entry->side = note->side;
    entry->who = note->who;
    copy(entry->reason, sizeof(entry->reason), note->reason);
    copy(entry->detail, sizeof(entry->detail), note->detail);
    copy(entry->name, sizeof(entry->name), note->name);
    copy(entry->peer, sizeof(entry->peer), note->peer);
}

/* Whether this one is kept whole. */
static bool is_within_rate(int64_t now)
{
    if (now / 1000 != all.second) {
        all.second = now / 1000;
        all.in_second = 0;
    }
    return all.in_second++ < FAILURES_PER_SECOND;
}

void failures_note(const struct failure_note *note)
{
    int64_t now = clock_wall_ms();
    struct failure_group *group;

    CHECK(note->side != NULL && note->who != NULL && note->reason != NULL);
    (void)pthread_mutex_lock(&all.lock);
    all.total++;
    group = find_group(note, now);
    group->count++;
    group->last_ms = now;
    if (is_within_rate(now)) {
        struct failure_entry *entry = &all.entries[all.next];
        fill(entry, note, now);
        group->last = *entry;
        all.next = (all.next + 1) % FAILURES_KEPT;
        all.count += all.count < FAILURES_KEPT;
    }
    (void)pthread_mutex_unlock(&all.lock);
}

static int by_count(const void *a, const void *b)
{
    const struct failure_group *x = a;
    const struct failure_group *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->reason, y->reason);
}

size_t failures_groups(struct failure_group *groups, size_t max)
{
    struct failure_group *copies = xcalloc(FAILURES_REASONS, sizeof(*copies));
    size_t count;

    (void)pthread_mutex_lock(&all.lock);
    count = all.group_count;
    memcpy(copies, all.groups, count * sizeof(*copies));
    (void)pthread_mutex_unlock(&all.lock);
    qsort(copies, count, sizeof(*copies), by_count);
    count = count < max ? count : max;
    memcpy(groups, copies, count * sizeof(*copies));
    free(copies);
    return count;
}

size_t failures_last(struct failure_entry *entries, size_t max)
{
    size_t count;

    (void)pthread_mutex_lock(&all.lock);
    count = all.count < max ? all.count : max;
    for (size_t i = 0; i < count; i++) {
        entries[i] = all.entries[(all.next + FAILURES_KEPT - 1 - i) % FAILURES_KEPT];
    }
    (void)pthread_mutex_unlock(&all.lock);
    return count;
}

uint64_t failures_total(void)
{
    uint64_t total;

    (void)pthread_mutex_lock(&all.lock);
    total = all.total;
    (void)pthread_mutex_unlock(&all.lock);
    return total;
}

void failures_clear(void)
{
    (void)pthread_mutex_lock(&all.lock);
    all.total = 0;
    all.next = all.count = all.group_count = 0;
    all.second = 0;
    (void)pthread_mutex_unlock(&all.lock);
}
