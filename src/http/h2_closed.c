#include "http/h2_closed.h"

static unsigned place_of(int32_t id)
{
    return (uint32_t)id / 2 % H2_CLOSED_KEPT;
}

void h2_closed_add(struct h2_closed *closed, int32_t id, bool by_peer)
{
    (by_peer ? closed->by_peer : closed->by_us)[place_of(id)] = id;
}

enum h2_late h2_closed_judge(const struct h2_closed *closed, int32_t id, int32_t newest)
{
    unsigned place = place_of(id);

    if (closed->by_peer[place] == id) {
        return H2_LATE_CLOSED;
    }
    if (closed->by_us[place] == id || newest - id >= 2 * H2_CLOSED_KEPT) {
        return H2_LATE_EXCUSED;
    }
    return H2_LATE_SKIPPED;
}
