#include "gateway/admission.h"

#include <stdatomic.h>

#include "access/ban_list.h"
#include "access/ban_rule.h"
#include "access/hold_table.h"
#include "access/rate_table.h"
#include "base/clock.h"
#include "certs/networks.h"
#include "edge/network.h"
#include "gateway/generation.h"
#include "gateway/reasons.h"
#include "server/link.h"
#include "tls/handshake_error.h"

/* Addresses that are told apart by how often they connect. */
#define CONNECTING_KEYS 65536

/* The process's: connections go on when the configuration has changed. */
static struct {
    pthread_once_t once;
    struct hold_table *open;
    struct rate_table *coming;
    struct rate_table *handshaking;
    struct rate_table *accepting; /* one key */
    atomic_uint_fast64_t too_many;
    atomic_uint_fast64_t too_often;
    atomic_uint_fast64_t kept;
    atomic_uint_fast64_t handshakes;
} admissions = {.once = PTHREAD_ONCE_INIT};

static void make(void)
{
    admissions.open = hold_table_get("connections");
    admissions.coming = rate_table_get("connections a second", CONNECTING_KEYS);
    admissions.handshaking = rate_table_get("handshakes a second", CONNECTING_KEYS);
    admissions.accepting = rate_table_get("accepts a second", 7);
}

static void count(atomic_uint_fast64_t *counter)
{
    (void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static bool keep_out(struct admission *admission, const char *limit, atomic_uint_fast64_t *counter)
{
    admission->limit = limit;
    count(counter);
    return false;
}

/* Of IPv6 the /64, as everywhere. */
static struct span key_of(const struct peer *peer)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return span_make(peer->ip, memcmp(peer->ip, mapped, sizeof(mapped)) == 0 ? 16 : 8);
}

/* ---- connections ---- */

/* Whoever brings the connections of many: what is said of an address is not about them. */
static bool is_many(const struct worker *worker, const struct worker_socket *socket,
                    const struct peer *peer)
{
    const struct settings *settings = worker->generation->snapshot->settings;

    return peer->is_unix || networks_trust(settings, peer) ||
           network_list_has(&settings->limits.connections_kept_for, peer->ip) ||
           (socket->listener != NULL &&
            network_list_has(&socket->listener->settings->proxy_protocol_from, peer->ip));
}

/* Whether what is left is for others: those who have not come yet, and are trusted. */
static bool is_kept(const struct worker *worker)
{
    const struct limits_settings *limits = &worker->generation->snapshot->settings->limits;

    return limits->connections_kept != 0 &&
           worker->session_count >=
               limits->connections - limits->connections * limits->connections_kept / 100;
}

/* Whether it is one too many in this second; most 0: there is no limit. */
static bool is_too_often(struct rate_table *table, struct span key, uint64_t most)
{
    const struct rate_terms terms = {
        .kind = RATE_BUCKET, .requests = most, .per_us = 1000000, .burst = most};

    return !rate_table_take(table, key, &terms, clock_us()).passes;
}

static bool comes_too_often(const struct limits_settings *limits, const struct peer *peer)
{
    return limits->connections_a_second != 0 &&
           is_too_often(admissions.coming, key_of(peer), limits->connections_a_second);
}

bool admission_may_accept(const struct limits_settings *limits)
{
    if (LIKELY(limits->accepts_a_second == 0)) {
        return true;
    }
    (void)pthread_once(&admissions.once, make);
    return !is_too_often(admissions.accepting, SPAN_OF("all"), limits->accepts_a_second);
}

bool admission_takes_handshake(const struct link *link)
{
    const struct limits_settings *limits = &link->settings->limits;

    if (LIKELY(limits->handshakes_a_second == 0) || link->is_peer_trusted || link->peer.is_unix ||
        network_list_has(&limits->connections_kept_for, link->peer.ip)) {
        return true;
    }
    (void)pthread_once(&admissions.once, make);
    if (!is_too_often(admissions.handshaking, key_of(&link->peer), limits->handshakes_a_second)) {
        return true;
    }
    count(&admissions.handshakes);
    return false;
}

static bool has_too_many(const struct limits_settings *limits, const struct peer *peer,
                         struct admission *admission)
{
    uint64_t most = limits->connections_of_address;

    if (most == 0) {
        return false;
    }
    admission->hash = hold_hash(admissions.open, key_of(peer));
    admission->is_counted =
        hold_take(admissions.open, admission->hash, most, 0, NULL) == HOLD_TAKEN;
    return !admission->is_counted;
}

bool admission_ask(const struct worker_socket *socket, const struct peer *peer,
                   struct admission *admission)
{
    const struct worker *worker = socket->worker;
    const struct limits_settings *limits = &worker->generation->snapshot->settings->limits;

    *admission = (struct admission){0};
    if (is_many(worker, socket, peer)) {
        return true;
    }
    if (ban_rules_keep_off(&worker->generation->snapshot->bans, peer->ip, clock_us())) {
        bans_count_refused();
        return false;
    }
    if (is_kept(worker)) {
        return keep_out(admission, "limits.reserved", &admissions.kept);
    }
    if (limits->connections_a_second + limits->connections_of_address == 0) {
        return true;
    }
    (void)pthread_once(&admissions.once, make);
    if (comes_too_often(limits, peer)) {
        return keep_out(admission, "limits.connections_per_second", &admissions.too_often);
    }
    return !has_too_many(limits, peer, admission) ||
           keep_out(admission, "limits.connections_per_address", &admissions.too_many);
}

void admission_end(struct admission *admission)
{
    if (admission->is_counted) {
        admission->is_counted = false;
        hold_give(admissions.open, admission->hash);
    }
}

void admission_counts(struct admission_counts *counts)
{
    *counts = (struct admission_counts){
        .banned = bans_refused(),
        .too_many = atomic_load_explicit(&admissions.too_many, memory_order_relaxed),
        .too_often = atomic_load_explicit(&admissions.too_often, memory_order_relaxed),
        .kept = atomic_load_explicit(&admissions.kept, memory_order_relaxed),
        .handshakes = atomic_load_explicit(&admissions.handshakes, memory_order_relaxed)};
}

/* ---- what they do ---- */

void admission_note_connection(struct link *link, const struct trouble *trouble)
{
    const struct snapshot *snapshot = link->snapshot;
    struct offence offence = {0};
    const char *who;

    if (LIKELY(snapshot->bans.count == 0) || trouble == NULL || trouble->reason == NULL ||
        link->peer.is_unix || link->is_peer_trusted) {
        return;
    }
    who = handshake_refused_by(trouble->reason, true);
    offence.is_handshake = who != NULL && strcmp(who, "gateway") == 0 &&
                           handshake_cause_find(trouble->reason, true) != NULL;
    offence.is_bad_request = !offence.is_handshake && reasons_is_bad_request(trouble->reason);
    if (offence.is_handshake || offence.is_bad_request) {
        ban_rules_note(&snapshot->bans, link->peer.ip, &offence, clock_us());
    }
}
