/* Who is kept off: addresses (of IPv6: /64s), each until a time. One list in the process, which all
 * workers ask at each connection and each request, and which outlives configurations. Bounded:
 * where it is full, the ban that would end soonest makes room. By the monotonic clock; from any
 * thread. */
#ifndef TIDEGATE_ACCESS_BAN_LIST_H
#define TIDEGATE_ACCESS_BAN_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define BANS_MAX 65536
/* Of a ban's name, with its NUL. */
#define BAN_NAME_BYTES 64

struct ban {
    uint8_t ip[16]; /* IPv4 mapped into IPv6; of IPv6 the first 8 bytes, and zeros */
    uint64_t until_us;
    char by[BAN_NAME_BYTES]; /* whose ban it is */
};

/* One load, where nobody is. */
bool bans_are_any(void);
bool bans_have(const uint8_t ip[16], uint64_t now_us) MUST_CHECK;
/* The same, and whose ban it is. What the configuration says now may have excepted it since:
 * ban_rules_keep_off is for who turns clients away. */
bool bans_find(const uint8_t ip[16], uint64_t now_us, char by[BAN_NAME_BYTES]) MUST_CHECK;
/* False: it is kept off already; of both the later end counts. */
bool bans_add(const uint8_t ip[16], uint64_t until_us, const char *by, uint64_t now_us);
/* Whether there was one. */
bool bans_lift(const uint8_t ip[16], uint64_t now_us);
size_t bans_lift_all(uint64_t now_us);
/* Those in force, in no order; returns how many, which may be more than fit. */
size_t bans_copy(struct ban *bans, size_t max, uint64_t now_us);
/* Connections and requests that were turned away. */
void bans_count_refused(void);
uint64_t bans_refused(void);

#endif
