/* Requests of clients that are kept off, and what of a request a ban counts (access/ban_rule.h). */
#include "access/ban_list.h"
#include "access/ban_rule.h"
#include "base/clock.h"
#include "gateway/exchange_internal.h"
#include "gateway/generation.h"
#include "gateway/reasons.h"

bool exchange_is_banned(struct exchange *x)
{
    uint8_t ip[16];

    if (LIKELY(!bans_are_any()) || !exchange_client_ip(x, ip) ||
        !ban_rules_keep_off(&x->generation->snapshot->bans, ip, clock_us())) {
        return false;
    }
    bans_count_refused();
    /* A connection of many clients goes on for the others. */
    exchange_refuse(x, 403, !x->link->is_peer_trusted, "banned",
                    "the client is kept off for what it did before (bans)",
                    "tidegate bans shows until when, and lifts it");
    return true;
}

void exchange_note_offence(struct exchange *x)
{
    const struct ban_rules *rules = &x->generation->snapshot->bans;
    const char *reason = x->front.trouble.reason;
    struct offence offence = {0};
    uint8_t ip[16];

    if (LIKELY(rules->count == 0)) {
        return;
    }
    offence.status = x->front.has_started ? x->response.status : 0;
    offence.is_bad_request = reason != NULL && offence.status >= 400 && offence.status < 500 &&
                             reasons_is_bad_request(reason);
    if ((offence.status == 0 && !offence.is_bad_request) ||
        (reason != NULL && strcmp(reason, "banned") == 0) || !exchange_client_ip(x, ip)) {
        return;
    }
    ban_rules_note(rules, ip, &offence, clock_us());
}
