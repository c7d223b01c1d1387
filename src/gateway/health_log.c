#include "gateway/health_log.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/line_budget.h"
#include "base/log.h"
#include "gateway/snapshot.h"
#include "upstream/server_health.h"

/* Written by one thread at a time: see server_health_listen. */
static struct {
    struct snapshot *snapshot;
    struct log_lines written;
    struct access_clock clock;
    struct line_budget budget;
} teller;

static const char *mend_of(const struct health_news *news)
{
    switch (news->change.to) {
    case HEALTH_UP:
        break;
    case HEALTH_DOWN:
        return "see the server and its log; it is used again after as many good checks as "
               "health_check.rise says";
    case HEALTH_EJECTED:
        return news->is_unreachable
                   ? "see that the server runs and listens there, and what lies between; the "
                     "gateway itself looks whether it is there again"
                   : "see the server's log; when its time is up (outliers.eject) it gets one "
                     "request at a time, until one goes well";
    case HEALTH_TRIAL:
        return "it gets one request at a time, until one goes well";
    }
    return NULL;
}

/* In seconds; -1: from the beginning. */
static int64_t lasted_s(const struct health_news *news)
{
    return news->change.was_since_us != 0 && news->now_us >= news->change.was_since_us
               ? (int64_t)((news->now_us - news->change.was_since_us) / 1000000)
               : -1;
}

static void tell_people(const struct health_news *news, const char *mend)
{
    const char *from = health_word(news->change.from);
    const char *to = health_word(news->change.to);
    int64_t lasted = lasted_s(news);
    char after[48] = "";
    const char *colon = news->why[0] != '\0' ? ": " : "";

    if (lasted >= 0) {
        (void)snprintf(after, sizeof(after), " after %lld s", (long long)lasted);
    }
    if (news->change.to == HEALTH_DOWN || news->change.to == HEALTH_EJECTED) {
        log_warn("backend %s: server %s: %s -> %s%s%s%s; %s", news->backend, news->server, from, to,
                 after, colon, news->why, mend);
    } else {
        log_info("backend %s: server %s: %s -> %s%s%s%s", news->backend, news->server, from, to,
                 after, mend != NULL ? "; " : "", mend != NULL ? mend : "");
    }
}

struct writing {
    const struct health_news *news;
    const char *mend;
    int64_t now_us;
};

/* In the other forms nobody would look for it. */
static void write_form(void *arg, const struct log_outlet *outlet, struct strbuf *out)
{
    const struct writing *w = arg;
    const struct health_news *news = w->news;

    if (outlet->format != LOG_FORMAT_JSON) {
        return;
    }
    access_record_server_json(
        &(struct access_server_record){.time_us = w->now_us,
                                       .backend = span_from_cstr(news->backend),
                                       .server = span_from_cstr(news->server),
                                       .from = span_from_cstr(health_word(news->change.from)),
                                       .to = span_from_cstr(health_word(news->change.to)),
                                       .lasted_s = lasted_s(news),
                                       .detail = span_from_cstr(news->why),
                                       .mend = span_from_cstr(w->mend)},
        &teller.clock, out);
}

static void write_line(const struct health_news *news, const char *mend)
{
    struct writing writing = {news, mend, clock_wall_us()};
    const struct log_line line = {.write = write_form,
                                  .arg = &writing,
                                  .severity = mend != NULL ? ACCESS_WARNING : ACCESS_INFO,
                                  .time_us = writing.now_us,
                                  .clock = &teller.clock};

    (void)log_lines_add(&teller.written, &teller.snapshot->log_targets,
                        &teller.snapshot->log_rules->outlets, &line);
    log_lines_flush(&teller.written);
}

static void tell(const struct health_news *news)
{
    const char *mend = mend_of(news);
    uint64_t left_out;

    if (!line_budget_take(&teller.budget, HEALTH_LINES_PER_SECOND, news->now_us)) {
        return;
    }
    left_out = line_budget_left_out(&teller.budget);
    if (left_out != 0) {
        log_warn("%llu more changes of servers' states were not told of",
                 (unsigned long long)left_out);
    }
    tell_people(news, mend);
    write_line(news, mend);
}

void health_log_start(struct snapshot *snapshot)
{
    server_health_listen(NULL); /* nobody is in the midst of it now */
    log_lines_free(&teller.written);
    teller.snapshot = snapshot;
    server_health_listen(tell);
}

void health_log_stop(void)
{
    server_health_listen(NULL);
    log_lines_free(&teller.written);
}
