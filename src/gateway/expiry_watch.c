#include "gateway/expiry_watch.h"

#include <stddef.h>
#include <time.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/snapshot.h"

/* Warnings of one look; a folder may have thousands that end on one day. */
#define TOLD_MAX 20
#define SECONDS_PER_DAY 86400

int expiry_watch_mark(int64_t not_after, int64_t before, int64_t now)
{
    static const int marks[] = {0, 1, 7, 30}; /* nearest to the end first */

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        int64_t at = not_after - (int64_t)marks[i] * SECONDS_PER_DAY;
        if (before < at && at <= now) {
            return marks[i];
        }
    }
    return -1;
}

struct look {
    int64_t before;
    int64_t now;
    size_t count;
};

static void look_at(void *arg, const struct snapshot_certificate *certificate)
{
    struct look *look = arg;
    int mark = expiry_watch_mark(certificate->not_after, look->before, look->now);
    time_t end = (time_t)certificate->not_after;
    char date[32] = "";
    struct tm tm;

    if (mark < 0 || look->count++ >= TOLD_MAX) {
        return;
    }
    if (gmtime_r(&end, &tm) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
    }
    if (mark == 0) {
        log_error("%s: the certificate in '%s' (%s) has expired, on %s: it is refused from now on; "
                  "renew it",
                  certificate->owner, certificate->file, certificate->names, date);
        return;
    }
    log_warn("%s: the certificate in '%s' (%s) expires in %d day%s, on %s: renew it",
             certificate->owner, certificate->file, certificate->names, mark, mark == 1 ? "" : "s",
             date);
}

void expiry_watch_look(struct expiry_watch *watch, const struct snapshot *snapshot, int64_t now)
{
    struct look look = {watch->seen_until, now, 0};

    /* A clock that was put back tells nothing twice. */
    if (now <= watch->seen_until) {
        return;
    }
    watch->seen_until = now;
    if (look.before == 0) {
        return;
    }
    snapshot_each_certificate(snapshot, look_at, &look);
    if (look.count > TOLD_MAX) {
        log_warn("%zu more certificates come to their end: `tidegate status --certificates` lists "
                 "all",
                 look.count - TOLD_MAX);
    }
}
