#include "gateway/legacy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/ban_list.h"
#include "auth/ended_sessions.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sealed_file.h"
#include "certs/trust.h"
#include "gateway/commands.h"
#include "io/fd_pass.h"
#include "tls/tickets.h"

/* Of a site's keys with what is beside them. */
#define KEYS_ROOM 600

/* ---- writing ---- */

static void write_text(struct strbuf *out, const char *text)
{
    strbuf_add(out, span_make(text, strlen(text) + 1));
}

static void write_number(uint64_t number, struct strbuf *out)
{
    strbuf_add_u64(out, number);
    strbuf_add_char(out, '\0');
}

static void write_tickets(const struct site_tickets *tickets, struct strbuf *out)
{
    size_t before = out->len;

    write_text(out, "tickets");
    write_text(out, tickets->site);
    if (!tls_tickets_write(tickets->tickets, out)) {
        out->len = before; /* nobody has one */
        return;
    }
    strbuf_add_char(out, '\0');
    write_text(out, "");
}

static void write_ban(const struct ban *ban, struct strbuf *out)
{
    char digits[BASE64_LEN(sizeof(ban->ip)) + 1] = {0};

    (void)base64_encode(BASE64, span_make(ban->ip, sizeof(ban->ip)), digits);
    write_text(out, "ban");
    write_text(out, digits);
    write_number(ban->until_us, out);
    write_text(out, ban->by);
}

static void write_bans(struct strbuf *out)
{
    struct ban *bans;
    uint64_t now_us = clock_us();
    size_t count;

    if (!bans_are_any()) {
        return;
    }
    bans = xcalloc(BANS_MAX, sizeof(*bans));
    count = bans_copy(bans, BANS_MAX, now_us);
    for (size_t i = 0; i < count && i < BANS_MAX; i++) {
        write_ban(&bans[i], out);
    }
    free(bans);
}

static void write_ended(struct strbuf *out)
{
    struct ended_session *ended;
    size_t count;

    if (ended_sessions_is_empty()) {
        return;
    }
    ended = xcalloc(ENDED_SESSIONS_MAX, sizeof(*ended));
    count = ended_sessions_copy(ended, ENDED_SESSIONS_MAX, clock_wall_s());
    for (size_t i = 0; i < count; i++) {
        char digits[BASE64_LEN(sizeof(ended->key)) + 1] = {0};
        (void)base64_encode(BASE64, span_make(&ended[i].key, sizeof(ended->key)), digits);
        write_text(out, "ended");
        write_text(out, digits);
        write_number((uint64_t)ended[i].at_s, out);
        write_number((uint64_t)ended[i].until_s, out);
    }
    free(ended);
}

void legacy_write(const struct trust *trust, struct strbuf *out)
{
    size_t room = 0;

    for (size_t i = 0; i < trust->ticket_count; i++) {
        room += strlen(trust->tickets[i].site) + KEYS_ROOM;
    }
    /* Keys last, and in room that is there: no copies are left where it was before it grew. */
    write_bans(out);
    write_ended(out);
    strbuf_reserve(out, room);
    for (size_t i = 0; i < trust->ticket_count; i++) {
        write_tickets(&trust->tickets[i], out);
    }
}

void legacy_send(const struct trust *trust, int control_fd)
{
    const struct gateway_message message = {.word = GATEWAY_LEGACY};
    struct strbuf bytes;
    int fd = -1;

    strbuf_init(&bytes);
    legacy_write(trust, &bytes);
    if (bytes.len <= LEGACY_MAX_BYTES) {
        fd = sealed_file_make("tidegate-legacy", strbuf_span(&bytes));
    } else {
        errno = EFBIG;
    }
    if (fd < 0 || !fd_pass_send(control_fd, &message, sizeof(message), fd)) {
        log_warn(
            "keys of tickets, bans and ended sessions do not go over to the process that takes "
            "over: %s; clients shake hands in full, whoever was kept off may come again, and "
            "who has signed out may have a session still",
            strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (bytes.len != 0) {
        explicit_bzero(bytes.ptr, bytes.len);
    }
    strbuf_free(&bytes);
}

/* ---- reading ---- */

static const struct site_tickets *find_site(const struct trust *trust, const char *site,
                                            size_t *near)
{
    for (size_t i = 0; i < trust->ticket_count; i++) {
        size_t at = (*near + i) % trust->ticket_count; /* mostly in the same order */
        if (strcmp(trust->tickets[at].site, site) == 0) {
            *near = at + 1;
            return &trust->tickets[at];
        }
    }
    return NULL;
}

static bool read_tickets(const struct trust *trust, const char *site, const char *keys,
                         size_t *near)
{
    const struct site_tickets *tickets = find_site(trust, site, near);

    return tickets != NULL && tls_tickets_inherit(tickets->tickets, span_from_cstr(keys));
}

static bool read_ban(const char *address, const char *until, const char *by)
{
    unsigned char ip[16];
    uint64_t until_us;
    size_t len;

    if (!base64_decode(BASE64, span_from_cstr(address), ip, sizeof(ip), &len) ||
        len != sizeof(ip) || !span_to_u64(span_from_cstr(until), UINT64_MAX, &until_us) ||
        until_us <= clock_us()) {
        return false;
    }
    return bans_add(ip, until_us, by, clock_us());
}

static bool read_ended(const char *key, const char *at, const char *until)
{
    struct ended_session ended;
    uint64_t at_s;
    uint64_t until_s;
    size_t len;

    if (!base64_decode(BASE64, span_from_cstr(key), (unsigned char *)&ended.key, sizeof(ended.key),
                       &len) ||
        len != sizeof(ended.key) || !span_to_u64(span_from_cstr(at), INT64_MAX, &at_s) ||
        !span_to_u64(span_from_cstr(until), INT64_MAX, &until_s) ||
        (int64_t)until_s <= clock_wall_s()) {
        return false;
    }
    ended.at_s = (int64_t)at_s;
    ended.until_s = (int64_t)until_s;
    ended_sessions_add(&ended);
    return true;
}

void legacy_read(const struct trust *trust, struct span bytes)
{
    size_t near = 0;
    size_t sites = 0;
    size_t bans = 0;
    size_t ended = 0;

    for (;;) {
        const char *word = span_take_cstr(&bytes);
        const char *name = span_take_cstr(&bytes);
        const char *what = span_take_cstr(&bytes);
        const char *more = span_take_cstr(&bytes);

        if (more == NULL) {
            break;
        }
        if (strcmp(word, "tickets") == 0) {
            sites += read_tickets(trust, name, what, &near);
        } else if (strcmp(word, "ban") == 0) {
            bans += read_ban(name, what, more);
        } else if (strcmp(word, "ended") == 0) {
            ended += read_ended(name, what, more);
        }
    }
    log_info("taken over: keys of tickets of %zu site%s, %zu ban%s, %zu ended session%s", sites,
             sites == 1 ? "" : "s", bans, bans == 1 ? "" : "s", ended, ended == 1 ? "" : "s");
}

void legacy_take(const struct trust *trust, int fd)
{
    char *bytes;
    size_t len;

    if (sealed_file_read(fd, LEGACY_MAX_BYTES, &bytes, &len)) {
        legacy_read(trust, span_make(bytes, len));
        explicit_bzero(bytes, len);
        free(bytes);
    } else {
        log_warn("keys of tickets, bans and ended sessions of the process before cannot be read: "
                 "clients shake hands in full");
    }
    (void)close(fd);
}
