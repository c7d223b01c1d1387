#include "upstream/shed.h"

uint32_t shed_room(const struct shed_shares *shares, uint32_t limit, enum priority priority,
                   enum priority highest)
{
    uint64_t percent = priority <= highest ? 100 : shares->percent[priority];
    uint64_t room = (limit * percent + 99) / 100;

    return room != 0 ? (uint32_t)room : 1;
}

enum shed_verdict shed_decide(enum priority priority, const size_t waiting[PRIORITY_LEVELS],
                              size_t size, enum priority *victim)
{
    size_t all = 0;

    for (unsigned i = 0; i < PRIORITY_LEVELS; i++) {
        all += waiting[i];
    }
    if (all < size) {
        return SHED_WAITS;
    }
    for (unsigned lower = PRIORITY_LEVELS - 1; lower > (unsigned)priority; lower--) {
        if (waiting[lower] != 0) {
            *victim = (enum priority)lower;
            return SHED_PUSHES_OUT;
        }
    }
    return SHED_REFUSED;
}
