#include "access/ban_rule.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "access/ban_list.h"
#include "access/rule_counts.h"
#include "base/log.h"
#include "edge/network.h"

static bool read_statuses(struct span word, unsigned *first, unsigned *last)
{
    if (word.len != 3 || word.ptr[0] < '1' || word.ptr[0] > '5') {
        return false;
    }
    *first = 100U * (unsigned)(word.ptr[0] - '0');
    if (span_eq(span_skip(word, 1), SPAN_OF("xx"))) {
        *last = *first + 99;
        return true;
    }
    for (size_t i = 1; i < 3; i++) {
        if (!ascii_is_digit(word.ptr[i])) {
            return false;
        }
    }
    *first += 10U * (unsigned)(word.ptr[1] - '0') + (unsigned)(word.ptr[2] - '0');
    *last = *first;
    return true;
}

static void add_word(struct ban_rule *rule, struct span word)
{
    unsigned first = 1;
    unsigned last = 0;

    if (span_eq(word, SPAN_OF("bad_request"))) {
        rule->has_bad_request = true;
    } else if (span_eq(word, SPAN_OF("handshake"))) {
        rule->has_handshake = true;
    } else if (read_statuses(word, &first, &last)) {
        for (unsigned status = first; status <= last; status++) {
            rule->statuses[status] = true;
        }
    }
}

void ban_rules_build(struct ban_rules *rules, const struct ban_settings *settings, size_t count,
                     struct arena *arena)
{
    *rules = (struct ban_rules){arena_calloc(arena, (count + 1) * sizeof(*rules->items)), count};
    for (size_t i = 0; i < count; i++) {
        struct ban_rule *rule = &rules->items[i];
        rule->settings = &settings[i];
        rule->terms = (struct rate_terms){.kind = RATE_WINDOW,
                                          .requests = settings[i].after,
                                          .per_us = settings[i].within_ms * 1000};
        rule->table = rate_table_get(arena_printf(arena, "ban %s %llu", settings[i].name,
                                                  (unsigned long long)settings[i].within_ms),
                                     BANS_MAX);
        for (size_t w = 0; w < settings[i].of.count; w++) {
            add_word(rule, span_from_cstr(settings[i].of.items[w]));
        }
    }
}

void ban_rules_close(struct ban_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        rate_table_release(rules->items[i].table);
    }
    rules->count = 0;
}

static bool is_meant(const struct ban_rule *rule, const struct offence *offence)
{
    return (offence->status < ARRAY_LEN(rule->statuses) && rule->statuses[offence->status]) ||
           (offence->is_bad_request && rule->has_bad_request) ||
           (offence->is_handshake && rule->has_handshake);
}

static const uint8_t *ipv4_of(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, mapped, sizeof(mapped)) == 0 ? ip + 12 : NULL;
}

/* fail2ban and CrowdSec read this line: docs/access.md says how. */
static void tell(const struct ban_rule *rule, const uint8_t ip[16], const struct offence *offence)
{
    const struct ban_settings *settings = rule->settings;
    const uint8_t *ipv4 = ipv4_of(ip);
    char text[INET6_ADDRSTRLEN] = "?";
    char what[16];

    (void)inet_ntop(ipv4 != NULL ? AF_INET : AF_INET6, ipv4 != NULL ? ipv4 : ip, text,
                    sizeof(text));
    (void)snprintf(what, sizeof(what), "%u", offence->status);
    log_warn("ban: client %s %s for %llu s by '%s': %llu times in %llu s, the last one %s", text,
             settings->dry_run ? "would be kept off" : "is kept off",
             (unsigned long long)settings->for_ms / 1000, settings->name,
             (unsigned long long)settings->after, (unsigned long long)settings->within_ms / 1000,
             offence->is_handshake     ? "handshake"
             : offence->is_bad_request ? "bad_request"
                                       : what);
}

static struct span key_of(const uint8_t ip[16])
{
    return span_make(ip, ipv4_of(ip) != NULL ? 16 : 8);
}

void ban_rules_note(const struct ban_rules *rules, const uint8_t ip[16],
                    const struct offence *offence, uint64_t now_us)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct ban_rule *rule = &rules->items[i];
        const struct ban_settings *settings = rule->settings;
        struct rate_verdict verdict;

        if (!is_meant(rule, offence) || network_list_has(&settings->except, ip)) {
            continue;
        }
        verdict = rate_table_take(rule->table, key_of(ip), &rule->terms, now_us);
        if (verdict.passes && verdict.left != 0) {
            continue;
        }
        rate_table_forget(rule->table, key_of(ip)); /* it begins anew, when it is let in again */
        rule_count_add(rule_count_of(settings->name, settings->dry_run ? "would ban" : "ban"));
        if (settings->dry_run ||
            bans_add(ip, now_us + settings->for_ms * 1000, settings->name, now_us)) {
            tell(rule, ip, offence);
        }
    }
}

/* NULL: the configuration has none of that name any more, or somebody has said so by hand. */
static const struct ban_settings *find_settings(const struct ban_rules *rules, const char *name)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct ban_settings *settings = rules->items[i].settings;
        if (strncmp(settings->name, name, BAN_NAME_BYTES - 1) == 0) {
            return settings;
        }
    }
    return NULL;
}

bool ban_rules_keep_off(const struct ban_rules *rules, const uint8_t ip[16], uint64_t now_us)
{
    const struct ban_settings *settings;
    char by[BAN_NAME_BYTES];

    if (!bans_are_any() || !bans_find(ip, now_us, by)) {
        return false;
    }
    settings = find_settings(rules, by);
    return settings == NULL || !(settings->dry_run || network_list_has(&settings->except, ip));
}
