#include "http/h2_budget.h"

/* With 4000 tokens and 400 a second: 400 streams reset at once and 40 a second for good, as a
 * browser's user who closes page after page does at most; 1000 PINGs and 100 a second; and so on. A
 * WINDOW_UPDATE answers a frame of body that was sent, or two do (stream and connection), which is
 * what earn_frame pays for. */
static const struct h2_price {
    unsigned tokens;
    const char *word;
    const char *text;
} prices[H2_EVENT_COUNT] = {
    [H2_EVENT_RESET] = {10, "h2_reset_flood",
                        "the client opens streams and resets them at once, again and again"},
    [H2_EVENT_EMPTY_DATA] = {10, "h2_empty_data_flood", "the client sends DATA without a byte"},
    [H2_EVENT_CONTINUATION] = {20, "h2_continuation_flood",
                               "the client sends one CONTINUATION after another"},
    [H2_EVENT_SETTINGS] = {20, "h2_settings_flood", "the client changes its settings all the time"},
    [H2_EVENT_PING] = {4, "h2_ping_flood", "the client sends one PING after another"},
    [H2_EVENT_PRIORITY] = {4, "h2_priority_flood",
                           "the client changes its priorities all the time"},
    [H2_EVENT_WINDOW_UPDATE] = {1, "h2_window_flood",
                                "the client opens its windows in steps without number"},
    [H2_EVENT_MALFORMED] = {40, "h2_malformed_flood",
                            "the client sends one malformed request after another"},
    [H2_EVENT_TOO_LARGE] = {100, "h2_head_flood",
                            "the client sends one head over the limits after another"},
    [H2_EVENT_LATE] = {1, "h2_late_data_flood", "the client sends DATA for streams that have gone"},
    [H2_EVENT_OTHER] = {4, "h2_frame_flood", "the client sends frames that mean nothing"},
};

void h2_budget_init(struct h2_budget *budget, uint64_t now_us)
{
    *budget = (struct h2_budget){.tokens = H2_BUDGET_TOKENS, .filled_us = now_us};
}

static void earn(struct h2_budget *budget, uint64_t tokens)
{
    budget->tokens += tokens;
    if (budget->tokens > H2_BUDGET_TOKENS) {
        budget->tokens = H2_BUDGET_TOKENS;
    }
}

static void fill(struct h2_budget *budget, uint64_t now_us)
{
    const uint64_t us_per_token = 1000000 / H2_BUDGET_PER_SECOND;
    uint64_t tokens = now_us > budget->filled_us ? (now_us - budget->filled_us) / us_per_token : 0;

    if (tokens != 0) {
        earn(budget, tokens < H2_BUDGET_TOKENS ? tokens : H2_BUDGET_TOKENS);
        budget->filled_us += tokens * us_per_token;
    }
}

bool h2_budget_spend(struct h2_budget *budget, enum h2_event event, uint64_t now_us)
{
    CHECK(event < H2_EVENT_COUNT);
    fill(budget, now_us);
    if (budget->tokens < prices[event].tokens) {
        return false;
    }
    budget->tokens -= prices[event].tokens;
    return true;
}

void h2_budget_earn_frame(struct h2_budget *budget)
{
    earn(budget, H2_BUDGET_PER_FRAME);
}

void h2_budget_earn_request(struct h2_budget *budget)
{
    earn(budget, H2_BUDGET_PER_REQUEST);
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
