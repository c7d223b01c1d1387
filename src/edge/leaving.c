#include "edge/leaving.h"

static bool is_lost(const struct leaving_facts *facts)
{
    return facts->sign == LEAVING_RESET || !facts->has_request || facts->is_tunnel;
}

static bool may_be_half_closed(const struct leaving_facts *facts)
{
    return !facts->is_h2 && !facts->is_event_stream && facts->sign == LEAVING_FIN;
}

enum leaving leaving_of(const struct leaving_facts *facts)
{
    if (is_lost(facts)) {
        return LEAVING_GONE;
    }
    switch (facts->choice) {
    case CLIENT_CLOSE_FINISH:
        return LEAVING_WAITS;
    case CLIENT_CLOSE_AUTO:
        return may_be_half_closed(facts) ? LEAVING_SHORTLY : LEAVING_GONE;
    case CLIENT_CLOSE_ABORT:
        break;
    }
    return LEAVING_GONE;
}

bool leaving_goes_by_sign(const struct leaving_facts *facts)
{
    struct leaving_facts fin = *facts;
    struct leaving_facts goodbye = *facts;

    fin.sign = LEAVING_FIN;
    goodbye.sign = LEAVING_GOODBYE;
    return leaving_of(&fin) != leaving_of(&goodbye);
}
