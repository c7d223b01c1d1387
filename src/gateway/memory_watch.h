/* How much memory the process has, and what follows from it: the marks of `memory`. The control
 * thread looks now and then; workers ask for the level, which costs one load.
 *
 *              soft                        hard
 *   ENOUGH ----------> SHORT --------------------> OUT
 *      ^---- 1/16 below -'  ^------- 1/16 below ----'
 *
 * SHORT: bodies of requests are read no further, and clients that wait between two requests have
 * their connections closed. OUT: requests get 503, and connections wait to be accepted. */
#ifndef TIDEGATE_GATEWAY_MEMORY_WATCH_H
#define TIDEGATE_GATEWAY_MEMORY_WATCH_H

#include "base/check.h"
#include "settings/settings.h"

/* Between two looks. */
#define MEMORY_WATCH_MS 100
/* Between two times that what is free is given back to the system, while it is short. */
#define MEMORY_TRIM_MS 1000
/* A body of which no more has come is read whatever the level: most requests' are no longer. */
#define MEMORY_BODY_BYTES ((uint64_t)16 * 1024)

enum memory_level { MEMORY_ENOUGH, MEMORY_SHORT, MEMORY_OUT };

struct memory_look {
    enum memory_level level;
    uint64_t bytes;   /* in use when it was looked at last */
    uint64_t changes; /* of the level */
};

/* Before the process is confined, which may not open it any more. */
void memory_watch_open(void);

/* Whether any is set. */
static inline bool memory_is_watched(const struct memory_settings *memory)
{
    return memory->soft != SETTINGS_UNLIMITED || memory->hard != SETTINGS_UNLIMITED;
}

/* Pure: which level follows. */
enum memory_level memory_level_next(enum memory_level level, uint64_t bytes,
                                    const struct memory_settings *memory);

/* Of the process. From any thread. */
enum memory_level memory_level(void);
struct memory_look memory_look(void);
/* What the level is, from now on, with so many bytes in use. True: it has changed, which was
 * logged. Control thread only. */
bool memory_watch_take(uint64_t bytes, const struct memory_settings *memory);
/* The same with those that are; 0 where the system does not say. Gives back what is free, while
 * there is not enough. */
bool memory_watch_look(const struct memory_settings *memory, uint64_t now_ms);

#endif
