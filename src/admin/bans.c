#include "admin/bans.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "access/ban_list.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/admission.h"

/* In an answer; the count is of all. */
enum { BANS_SHOWN = 10000 };
/* As long as one of the configuration may be. */
#define BAN_SECONDS_MAX (UINT64_C(31) * 24 * 3600)

static bool is_ipv4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

static void add_ban(struct strbuf *out, const struct ban *ban, uint64_t now_us, bool is_first)
{
    char text[INET6_ADDRSTRLEN] = "?";
    bool is_v4 = is_ipv4(ban->ip);

    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ban->ip + 12 : ban->ip, text, sizeof(text));
    strbuf_printf(out, "%s{\"address\":\"%s%s\",\"left_s\":%llu,\"by\":", is_first ? "\n" : ",\n",
                  text, is_v4 ? "" : "/64",
                  (unsigned long long)(ban->until_us - now_us + 999999) / 1000000);
    strbuf_add_json(out, span_from_cstr(ban->by));
    strbuf_add_char(out, '}');
}

void bans_print(const struct admin_world *world, struct strbuf *out)
{
    struct ban *bans = xcalloc(BANS_SHOWN, sizeof(*bans));
    uint64_t now_us = clock_us();
    size_t count = bans_copy(bans, BANS_SHOWN, now_us);
    struct admission_counts counts;

    (void)world;
    admission_counts(&counts);
    strbuf_add_cstr(out, "{\"bans\":[");
    for (size_t i = 0; i < count && i < BANS_SHOWN; i++) {
        add_ban(out, &bans[i], now_us, i == 0);
    }
    strbuf_printf(out,
                  "],\"count\":%zu,\"refused\":{\"banned\":%llu,\"too_many\":%llu,"
                  "\"too_often\":%llu,\"reserved\":%llu,\"handshakes\":%llu}}\n",
                  count, (unsigned long long)counts.banned, (unsigned long long)counts.too_many,
                  (unsigned long long)counts.too_often, (unsigned long long)counts.kept,
                  (unsigned long long)counts.handshakes);
    free(bans);
}

/* "192.0.2.7", "2001:db8::1", "2001:db8::/64". */
static bool read_address(struct span text, uint8_t ip[16])
{
    char copy[INET6_ADDRSTRLEN];

    if (span_ends_with(text, SPAN_OF("/64"))) {
        text.len -= 3;
    }
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    return inet_pton(AF_INET, copy, ip + 12) == 1 || inet_pton(AF_INET6, copy, ip) == 1;
}

static unsigned lift(struct span what, struct strbuf *body)
{
    uint64_t now_us = clock_us();
    uint8_t ip[16];
    size_t count;

    if (span_eq(what, SPAN_OF("all"))) {
        count = bans_lift_all(now_us);
    } else if (read_address(what, ip)) {
        count = bans_lift(ip, now_us) ? 1 : 0;
    } else {
        return 400;
    }
    log_info("ban: %zu lifted through the control socket: %.*s", count, SPAN_ARG(what));
    strbuf_printf(body, "{\"lifted\":%zu}\n", count);
    return 200;
}

static unsigned add(struct span what, struct strbuf *body)
{
    size_t equals = span_find(what, '=');
    struct span address = span_head(what, equals);
    uint64_t now_us = clock_us();
    uint64_t seconds = 0;
    uint8_t ip[16];

    if (equals == what.len || !read_address(address, ip) ||
        !span_to_u64(span_skip(what, equals + 1), BAN_SECONDS_MAX, &seconds) || seconds == 0) {
        return 400;
    }
    (void)bans_add(ip, now_us + seconds * 1000000, "control socket", now_us);
    log_warn("ban: client %.*s is kept off for %llu s by 'control socket'", SPAN_ARG(address),
             (unsigned long long)seconds);
    strbuf_add_cstr(body, "{\"added\":1}\n");
    return 200;
}

unsigned bans_change(struct span query, struct strbuf *body)
{
    if (span_starts_with(query, SPAN_OF("lift="))) {
        return lift(span_skip(query, 5), body);
    }
    return span_starts_with(query, SPAN_OF("add=")) ? add(span_skip(query, 4), body) : 400;
}
