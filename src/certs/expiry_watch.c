#include "certs/expiry_watch.h"

#include <time.h>

#include "base/check.h"
#include "base/log.h"

/* Warnings of one look; a folder may have thousands that end on one day. */
#define TOLD_MAX 20
#define SECONDS_PER_DAY 86400

int expiry_watch_mark(int64_t not_after, int64_t before, int64_t now)
{
    static const int marks[] = {0, 1, 7, EXPIRY_WARNING_DAYS}; /* nearest to the end first */

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        int64_t at = not_after - (int64_t)marks[i] * SECONDS_PER_DAY;
        if (before < at && at <= now) {
            return marks[i];
        }
    }
    return -1;
}

struct words {
    const char *what;
    const char *ended;
    const char *mend;
};

static const struct words words_of[] = {
    [TLS_LISTED_CERTIFICATE] = {"certificate", "it is refused from now on; renew it", "renew it"},
    [TLS_LISTED_AUTHORITY] = {"authority's certificate",
                              "what it issued is refused from now on; take the CA's new one into "
                              "the file",
                              "take the CA's new one into the file"},
    [TLS_LISTED_REVOCATIONS] = {"revocation list",
                                "certificates of that CA are refused until the next one is there",
                                "put the CA's next one there"},
};

bool expiry_watch_begin(struct expiry_watch *watch, int64_t now)
{
    if (now <= watch->seen_until) {
        return false;
    }
    watch->seen_before = watch->seen_until;
    watch->seen_until = now;
    watch->told = 0;
    return watch->seen_before != 0;
}

void expiry_watch_see(void *arg, const struct owned_certificate *certificate)
{
    const struct words *words = &words_of[certificate->kind];
    struct expiry_watch *watch = arg;
    int mark = expiry_watch_mark(certificate->not_after, watch->seen_before, watch->seen_until);
    time_t end = (time_t)certificate->not_after;
    char date[32] = "";
    struct tm tm;

    if (mark < 0 || (certificate->kind == TLS_LISTED_REVOCATIONS && mark > 1) ||
        watch->told++ >= TOLD_MAX) {
        return;
    }
    if (gmtime_r(&end, &tm) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
    }
    if (mark == 0) {
        log_error("%s: the %s in '%s' (%s) has expired, on %s: %s", certificate->owner, words->what,
                  certificate->file, certificate->names, date, words->ended);
        return;
    }
    log_warn("%s: the %s in '%s' (%s) expires in %d day%s, on %s: %s", certificate->owner,
             words->what, certificate->file, certificate->names, mark, mark == 1 ? "" : "s", date,
             words->mend);
}

void expiry_watch_end(struct expiry_watch *watch)
{
    if (watch->told > TOLD_MAX) {
        log_warn("%zu more certificates come to their end: `tidegate status --certificates` lists "
                 "all",
                 watch->told - TOLD_MAX);
    }
}
