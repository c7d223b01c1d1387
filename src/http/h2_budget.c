#include "http/h2_budget.h"

/* What may be put by of free answers: bounds a burst, far above what any window holds of frames. */
#define PINGS_MAX 4096
#define WINDOWS_MAX (256 * 1024)

/* With 4000 tokens and 400 a second: 400 streams reset at once and 40 a second for good, as a
 * browser's user who closes page after page does at most; 1000 PINGs that answer nothing, and 100
 * a second; and so on. A request that came to its end (2) pays for one PRIORITY_UPDATE, one unknown
 * frame (browsers send some to keep servers supple) or one RST_STREAM that crossed its end. */
static const struct h2_price {
    unsigned tokens;
    const char *word;
    const char *text;
    const char *unit;
} prices[H2_EVENT_COUNT] = {
    [H2_EVENT_RESET] = {10, "h2_reset_flood",
                        "the client opens streams and resets them at once, again and again",
                        "RST_STREAM within 40 ms, no response begun"},
    [H2_EVENT_RESET_SERVED] = {1, "h2_reset_flood",
                               "the client resets stream after stream whose response has begun",
                               "RST_STREAM within 40 ms, the response begun"},
    [H2_EVENT_RESET_LIVED] = {0, "h2_reset_flood",
                              "the client resets stream after stream that it waited for",
                              "RST_STREAM after 40 ms or more"},
    [H2_EVENT_RESET_GONE] = {2, "h2_reset_flood",
                             "the client resets streams that are closed, again and again",
                             "RST_STREAM of a closed stream"},
    [H2_EVENT_EMPTY_DATA] = {10, "h2_empty_data_flood", "the client sends DATA without a byte",
                             "empty DATA, but for a stream's first"},
    [H2_EVENT_CONTINUATION] = {20, "h2_continuation_flood",
                               "the client sends one CONTINUATION after another",
                               "CONTINUATION beyond `limits.head`, or beyond 4 and one for each "
                               "512 bytes"},
    [H2_EVENT_SETTINGS] = {20, "h2_settings_flood", "the client changes its settings all the time",
                           "SETTINGS"},
    [H2_EVENT_PING] = {4, "h2_ping_flood", "the client sends one PING after another",
                       "PING that answers nothing: one for each DATA and HEADERS is free"},
    [H2_EVENT_PRIORITY] = {2, "h2_priority_flood", "the client changes its priorities all the time",
                           "PRIORITY, PRIORITY_UPDATE"},
    [H2_EVENT_WINDOW_UPDATE] = {1, "h2_window_flood",
                                "the client opens its windows in steps without number",
                                "WINDOW_UPDATE that answers nothing: two for each DATA and "
                                "HEADERS, and two for each 512 bytes, are free"},
    [H2_EVENT_MALFORMED] = {40, "h2_malformed_flood",
                            "the client sends one malformed request after another",
                            "request or frame that breaks a rule and so ends its stream"},
    [H2_EVENT_TOO_LARGE] = {50, "h2_head_flood",
                            "the client sends one head over the limits after another",
                            "head over the limits"},
    [H2_EVENT_LATE] = {2, "h2_late_data_flood", "the client sends DATA for streams that have gone",
                       "16 KiB of DATA for closed streams"},
    [H2_EVENT_OTHER] = {2, "h2_frame_flood", "the client sends frames that mean nothing",
                        "unknown frame, frame for a closed stream, stream above `limits.streams`"},
};

void h2_budget_init(struct h2_budget *budget, uint64_t most, uint64_t per_second, uint64_t now_us)
{
    CHECK(most != 0 && per_second != 0);
    *budget = (struct h2_budget){
        .tokens = most, .most = most, .per_second = per_second, .filled_us = now_us};
}

static void earn(struct h2_budget *budget, uint64_t tokens)
{
    budget->tokens += tokens;
    if (budget->tokens > budget->most) {
        budget->tokens = budget->most;
    }
}

static void fill(struct h2_budget *budget, uint64_t now_us)
{
    uint64_t passed_us = now_us > budget->filled_us ? now_us - budget->filled_us : 0;

    if (passed_us / 1000000 >= budget->most) {
        budget->tokens = budget->most; /* long ago: the product below might not fit */
        budget->filled_us = now_us;
        return;
    }
    uint64_t tokens = passed_us * budget->per_second / 1000000;
    if (tokens != 0) {
        earn(budget, tokens);
        budget->filled_us += tokens * 1000000 / budget->per_second;
    }
}

static bool is_free(struct h2_budget *budget, enum h2_event event)
{
    uint32_t *left = event == H2_EVENT_PING            ? &budget->pings
                     : event == H2_EVENT_WINDOW_UPDATE ? &budget->windows
                                                       : NULL;

    if (left == NULL || *left == 0) {
        return false;
    }
    --*left;
    return true;
}

bool h2_budget_spend(struct h2_budget *budget, enum h2_event event, uint64_t now_us)
{
    CHECK(event < H2_EVENT_COUNT);
    if (is_free(budget, event)) {
        return true;
    }
    fill(budget, now_us);
    if (budget->tokens < prices[event].tokens) {
        return false;
    }
    budget->tokens -= prices[event].tokens;
    return true;
}

void h2_budget_head(struct h2_budget *budget, size_t bytes)
{
    budget->head_frames = 0;
    budget->head_bytes = bytes;
}

bool h2_budget_continue(struct h2_budget *budget, size_t bytes, size_t limit, uint64_t now_us)
{
    budget->head_frames++;
    budget->head_bytes += bytes;
    if (budget->head_bytes <= limit &&
        budget->head_frames <= H2_FREE_CONTINUATIONS + budget->head_bytes / H2_CONTINUATION_BYTES) {
        return true;
    }
    return h2_budget_spend(budget, H2_EVENT_CONTINUATION, now_us);
}

static void add_free(uint32_t *free, size_t more, uint32_t most)
{
    *free = more < most - *free ? *free + (uint32_t)more : most;
}

void h2_budget_earn_head(struct h2_budget *budget)
{
    add_free(&budget->pings, 1, PINGS_MAX);
    add_free(&budget->windows, H2_FREE_WINDOWS, WINDOWS_MAX);
}

void h2_budget_earn_data(struct h2_budget *budget, size_t bytes)
{
    add_free(&budget->pings, 1, PINGS_MAX);
    add_free(&budget->windows, H2_FREE_WINDOWS + H2_FREE_WINDOWS * (bytes / H2_FREE_WINDOW_BYTES),
             WINDOWS_MAX);
    earn(budget, H2_BUDGET_PER_FRAME);
}

void h2_budget_earn_request(struct h2_budget *budget)
{
    earn(budget, H2_BUDGET_PER_REQUEST);
}

enum h2_event h2_reset_event(bool is_there, bool is_served, uint64_t age_us)
{
    if (!is_there) {
        return H2_EVENT_RESET_GONE;
    }
    if (age_us >= H2_LIVED_US) {
        return H2_EVENT_RESET_LIVED;
    }
    return is_served ? H2_EVENT_RESET_SERVED : H2_EVENT_RESET;
}

unsigned h2_event_price(enum h2_event event)
{
    CHECK(event < H2_EVENT_COUNT);
    return prices[event].tokens;
}

const char *h2_event_word(enum h2_event event)
{
    CHECK(event < H2_EVENT_COUNT);
    return prices[event].word;
}

const char *h2_event_text(enum h2_event event)
{
    CHECK(event < H2_EVENT_COUNT);
    return prices[event].text;
}

const char *h2_event_unit(enum h2_event event)
{
    CHECK(event < H2_EVENT_COUNT);
    return prices[event].unit;
}
