#include "gateway/deaths.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/log.h"

/* Of an IPv6 address: a client has as many of those as it likes below it. */
#define IPV6_OWN_BYTES 8

struct known_client {
    uint8_t ip[16];
    uint64_t last_ms;       /* of its last death; 0: the place is free */
    uint64_t refused_until; /* 0: it is not refused */
};

/* Written by the supervisor alone, but for the note, and while no gateway runs. */
struct deaths_shared {
    struct death_note note;
    struct death last[DEATHS_KEPT]; /* a ring */
    uint64_t total;
    struct known_client clients[DEATHS_CLIENTS_MAX];
    uint64_t refused_until; /* of all of them, the latest */
};

static struct deaths_shared *shared;

void deaths_prepare(void)
{
    void *memory;

    if (shared == NULL) {
        memory =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(memory != MAP_FAILED);
        shared = memory;
    }
}

struct death_note *deaths_note(void)
{
    if (shared == NULL || __atomic_exchange_n(&shared->note.is_begun, 1, __ATOMIC_SEQ_CST) != 0) {
        return NULL;
    }
    return &shared->note;
}

/* ---- clients ---- */

static void own_part(const struct peer *client, uint8_t ip[16])
{
    memcpy(ip, client->ip, 16);
    if (!peer_is_ipv4(client)) {
        memset(ip + IPV6_OWN_BYTES, 0, 16 - IPV6_OWN_BYTES);
    }
}

static struct known_client *find(const uint8_t ip[16])
{
    for (size_t i = 0; i < DEATHS_CLIENTS_MAX; i++) {
        struct known_client *known = &shared->clients[i];

        if (known->last_ms != 0 && memcmp(known->ip, ip, sizeof(known->ip)) == 0) {
            return known;
        }
    }
    return NULL;
}

/* A place of its own; the one whose death is longest ago goes, but for those that are refused, as
 * long as there is another. */
static struct known_client *take_place(uint64_t now_ms)
{
    struct known_client *best = &shared->clients[0];

    for (size_t i = 1; i < DEATHS_CLIENTS_MAX; i++) {
        struct known_client *known = &shared->clients[i];
        bool is_refused = known->refused_until > now_ms;
        bool best_is_refused = best->refused_until > now_ms;

        if (is_refused != best_is_refused ? best_is_refused : known->last_ms < best->last_ms) {
            best = known;
        }
    }
    return best;
}

static void blame(const struct peer *client, uint64_t now_ms)
{
    char text[SOCK_TEXT_MAX];
    struct known_client *known;
    uint8_t ip[16];

    own_part(client, ip);
    known = find(ip);
    if (known == NULL) {
        known = take_place(now_ms);
        *known = (struct known_client){.last_ms = now_ms};
        memcpy(known->ip, ip, sizeof(known->ip));
        return;
    }
    if (now_ms - known->last_ms <= DEATHS_WITHIN_MS) {
        known->refused_until = now_ms + DEATHS_REFUSE_MS;
        shared->refused_until = known->refused_until;
        (void)peer_ip_text(client, text);
        log_error("client %s%s is REFUSED for %u minutes: it was in hand when the gateway died, "
                  "twice within a minute; please report the error that it found (tidegate status "
                  "shows what it asked for), and see who it is",
                  text, peer_is_ipv4(client) ? "" : " (its /64)",
                  (unsigned)(DEATHS_REFUSE_MS / 60000));
    }
    known->last_ms = now_ms;
}

bool deaths_refuse(const struct peer *client, uint64_t now_ms)
{
    const struct known_client *known;
    uint8_t ip[16];

    if (shared == NULL || shared->refused_until <= now_ms || client->is_unix) {
        return false;
    }
    own_part(client, ip);
    known = find(ip);
    return known != NULL && known->refused_until > now_ms;
}

/* ---- deaths ---- */

void deaths_collect(const char *how, int64_t wall_ms, uint64_t now_ms)
{
    struct death_note *note;
    struct death *death;

    if (shared == NULL) {
        return;
    }
    note = &shared->note;
    death = &shared->last[shared->total++ % DEATHS_KEPT];
    *death = (struct death){.at_ms = wall_ms};
    (void)snprintf(death->how, sizeof(death->how), "%s", how);
    if (note->is_begun) {
        size_t len = note->len < sizeof(death->words) ? note->len : sizeof(death->words) - 1;

        memcpy(death->words, note->words, len); /* a NUL is there already */
    }
    if (note->is_begun && note->is_blaming) {
        blame(&note->client, now_ms);
    }
    memset(note, 0, sizeof(*note));
}

size_t deaths_last(struct death *deaths, size_t max, uint64_t *total)
{
    size_t count = 0;

    *total = shared != NULL ? shared->total : 0;
    while (count < max && count < DEATHS_KEPT && count < *total) {
        deaths[count] = shared->last[(*total - 1 - count) % DEATHS_KEPT];
        count++;
    }
    return count;
}

size_t deaths_refused(struct refused_client *clients, size_t max, uint64_t now_ms)
{
    size_t count = 0;

    for (size_t i = 0; shared != NULL && i < DEATHS_CLIENTS_MAX && count < max; i++) {
        const struct known_client *known = &shared->clients[i];

        if (known->refused_until > now_ms) {
            clients[count].client = (struct peer){0};
            memcpy(clients[count].client.ip, known->ip, sizeof(known->ip));
            clients[count++].left_ms = known->refused_until - now_ms;
        }
    }
    return count;
}
