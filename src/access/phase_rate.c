#include "access/phase_rate.h"

#include <stdlib.h>

#include "access/phase_access.h"
#include "base/clock.h"

/* ---- building ---- */

static bool asks_identity(const struct template *text)
{
    for (size_t i = 0; i < text->count; i++) {
        if (text->parts[i].variable == VARIABLE_USER || text->parts[i].variable == VARIABLE_CLAIM) {
            return true;
        }
    }
    return false;
}

static void set_key(struct rate_limit *limit, struct arena *arena)
{
    const char *by = limit->settings->by;
    struct error error;

    if (strcmp(by, "address") == 0) {
        limit->by = RATE_BY_ADDRESS;
    } else if (strcmp(by, "exact_address") == 0) {
        limit->by = RATE_BY_EXACT_ADDRESS;
    } else {
        limit->by = RATE_BY_TEXT;
        /* It was parsed before, when the configuration was read. */
        CHECK(template_parse(span_from_cstr(by), false, arena, &limit->text, &error));
        limit->asks_identity = asks_identity(&limit->text);
    }
}

/* A table counts in one way: another way, or another time, is another table. */
static const char *table_name(const struct rate_settings *settings, struct arena *arena)
{
    return settings->kind == RATE_BUCKET ? arena_printf(arena, "%s bucket", settings->name)
                                         : arena_printf(arena, "%s window %llu", settings->name,
                                                        (unsigned long long)settings->per_ms);
}

struct rate_limit *rate_limit_build(const struct rate_settings *settings,
                                    struct access_sources *sources, struct arena *arena)
{
    struct rate_limit *limit = arena_calloc(arena, sizeof(*limit));
    struct condition_maker maker = access_condition_maker(sources);

    limit->settings = settings;
    set_key(limit, arena);
    if (settings->only != NULL) {
        limit->only = condition_make(settings->only, true, &maker, arena);
        limit->asks_identity |= access_match_asks_identity(settings->only);
    }
    if (settings->requests != 0) {
        bool waits = settings->at_once == 0;
        limit->terms = (struct rate_terms){
            .kind = settings->kind,
            .requests = settings->requests,
            .per_us = settings->per_ms * 1000,
            .burst = settings->burst != 0 ? settings->burst : settings->requests,
            .wait_us = waits && !settings->dry_run ? settings->wait_ms * 1000 : 0};
        limit->table = rate_table_get(table_name(settings, arena), settings->keys);
    }
    if (settings->at_once != 0) {
        limit->holds = hold_table_get(settings->name);
    }
    limit->count = rule_count_of(settings->name, settings->dry_run ? "would limit" : "limit");
    return limit;
}

void rate_limit_close(struct rate_limit *limit)
{
    rate_table_release(limit->table);
    hold_table_release(limit->holds);
}

/* ---- keys ---- */

/* What a key begins with, so that no text is taken for an address. */
enum { KEY_ADDRESS = 'a', KEY_TEXT = 't' };

static struct span address_key(struct phases *phases, bool is_exact)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char *key = arena_alloc(phases->arena, 17);
    uint8_t ip[16];
    size_t len = 16;

    key[0] = KEY_ADDRESS;
    if (!phases->owner->client_ip(phases, ip)) {
        return span_make(key, 1); /* all of a Unix socket */
    }
    if (!is_exact && memcmp(ip, mapped, sizeof(mapped)) != 0) {
        len = 8;
    }
    memcpy(key + 1, ip, len);
    return span_make(key, len + 1);
}

/* Where the text is empty, as there is no such field or nobody has said who he is, it is the
 * address. */
static struct span key_of(const struct rate_limit *limit, struct phases *phases)
{
    struct span text;
    char *key;

    if (limit->by != RATE_BY_TEXT) {
        return address_key(phases, limit->by == RATE_BY_EXACT_ADDRESS);
    }
    text = phases->owner->text(phases, &limit->text);
    if (text.len == 0) {
        return address_key(phases, false);
    }
    key = arena_alloc(phases->arena, text.len + 1);
    key[0] = KEY_TEXT;
    memcpy(key + 1, text.ptr, text.len);
    return span_make(key, text.len + 1);
}

/* Whether it counts this request. A search that is given up is no way past it. */
static bool is_meant(const struct rate_limit *limit, struct phases *phases)
{
    const struct condition *failed;
    struct access_question question;
    struct access_facts more;

    if (limit->only == NULL) {
        return true;
    }
    phases->owner->ask_access(phases, &question);
    more = (struct access_facts){phases->identity, question.client, clock_wall_s()};
    question.facts.more = &more;
    return condition_check(limit->only, &question.facts, &failed) != CONDITION_FAILS;
}

/* ---- refusing ---- */

static struct http_fields *retry_after(struct arena *arena, uint64_t wait_us)
{
    struct http_fields *fields = arena_calloc(arena, sizeof(*fields));
    uint64_t seconds = (wait_us + 999999) / 1000000;

    http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("Retry-After"),
                    span_from_cstr(arena_printf(arena, "%llu",
                                                (unsigned long long)(seconds != 0 ? seconds : 1))));
    return fields;
}

/* It is over the limit: PHASE_NEXT where that refuses nothing. */
static enum phase_verdict over(const struct rate_limit *limit, struct phases *phases,
                               uint64_t wait_us, const char *reason, const char *detail,
                               const char *mend)
{
    rule_count_add(limit->count);
    phases->limit = limit->settings->name;
    phases->is_limit_dry = limit->settings->dry_run;
    if (limit->settings->dry_run) {
        return PHASE_NEXT;
    }
    phases->refusal_fields = retry_after(phases->arena, wait_us);
    return phases_refuse(phases, 429, reason, detail, mend);
}

/* ---- rates ---- */

static void add_note(const struct rate_limit *limit, struct phases *phases,
                     const struct rate_verdict *verdict)
{
    struct rate_note *note;

    if (!limit->settings->fields || limit->settings->dry_run) {
        return;
    }
    note = arena_alloc(phases->arena, sizeof(*note));
    *note = (struct rate_note){phases->rates, limit, verdict->left, verdict->reset_us};
    phases->rates = note;
}

static enum phase_verdict run_rate(const struct phase *phase, struct phases *phases)
{
    const struct rate_limit *limit = phase->settings;
    struct rate_verdict verdict;

    if (!is_meant(limit, phases)) {
        return PHASE_NEXT;
    }
    verdict = rate_table_take(limit->table, key_of(limit, phases), &limit->terms, clock_us());
    add_note(limit, phases, &verdict);
    if (!verdict.passes) {
        return over(limit, phases, verdict.wait_us, "rate_limited",
                    arena_printf(phases->arena,
                                 "more than %llu requests in %llu s (rate '%s') of one key",
                                 (unsigned long long)limit->settings->requests,
                                 (unsigned long long)(limit->settings->per_ms + 999) / 1000,
                                 limit->settings->name),
                    "the client should wait as Retry-After says");
    }
    return verdict.wait_us != 0 ? phases_wait(phases, (verdict.wait_us + 999) / 1000) : PHASE_NEXT;
}

const struct phase_type rate_phase = {.name = "rates", .run = run_rate};

/* ---- requests at once ---- */

/* A place that a request has, until it ends. */
struct place_held {
    struct phase_hold hold;
    struct hold_table *table;
    uint64_t hash;
};

static void give_place(struct phase_hold *hold)
{
    struct place_held *held = CONTAINER_OF(hold, struct place_held, hold);

    hold_give(held->table, held->hash);
    hold_table_release(held->table);
}

/* The reference to the table is the place's. */
static void keep_place(struct phases *phases, struct hold_table *table, uint64_t hash)
{
    struct place_held *held = arena_alloc(phases->arena, sizeof(*held));

    *held = (struct place_held){{phases->holds, give_place}, table, hash};
    phases->holds = &held->hold;
}

/* A request that waits for a place; goes when its ticket has come back. */
struct waiting {
    struct hold_waiter waiter;
    struct hold_table *table; /* one reference */
    struct phase_ticket *ticket;
    uint64_t hash;
};

static void free_waiting(void *arg)
{
    struct waiting *waiting = arg;

    hold_table_release(waiting->table); /* NULL: the place has it */
    free(waiting);
}

/* Its turn came: with a place that nobody has taken over, where the request has gone. */
static void done_with_place(void *arg)
{
    struct waiting *waiting = arg;

    if (waiting->table != NULL) {
        hold_give(waiting->table, waiting->hash);
    }
    free_waiting(waiting);
}

static enum phase_verdict take_place(struct phases *phases, void *arg)
{
    struct waiting *waiting = arg;

    keep_place(phases, waiting->table, waiting->hash);
    waiting->table = NULL;
    return PHASE_NEXT;
}

/* On the thread of whoever gave the place back. */
static void on_turn(struct hold_waiter *waiter)
{
    struct waiting *waiting = CONTAINER_OF(waiter, struct waiting, waiter);

    phase_ticket_return(waiting->ticket, take_place, done_with_place, waiting);
}

static enum phase_verdict too_many(const struct rate_limit *limit, struct phases *phases)
{
    return over(limit, phases, 1000000, "too_many_at_once",
                arena_printf(phases->arena,
                             "more than %llu requests at once (rate '%s') of one key",
                             (unsigned long long)limit->settings->at_once, limit->settings->name),
                "the client should wait until some of its requests have ended");
}

/* All places are taken: stands in line, where there is room. */
static enum phase_verdict stand_in_line(const struct rate_limit *limit, struct phases *phases,
                                        uint64_t hash)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));
    struct phase_ticket *ticket = phases_take_ticket(phases);

    *waiting = (struct waiting){.waiter = {.on_turn = on_turn},
                                .table = hold_table_hold(limit->holds),
                                .ticket = ticket,
                                .hash = hash};
    phases->waiting = waiting;
    switch (hold_take(limit->holds, hash, limit->settings->at_once, limit->settings->queue,
                      &waiting->waiter)) {
    case HOLD_TAKEN: /* one was given back in this moment */
        on_turn(&waiting->waiter);
        return PHASE_WAIT;
    case HOLD_WAITS:
        return phases_wait(phases, limit->settings->wait_ms);
    case HOLD_FULL:
        break;
    }
    phase_ticket_return(ticket, NULL, free_waiting, waiting);
    return too_many(limit, phases);
}

static enum phase_verdict run_at_once(const struct phase *phase, struct phases *phases)
{
    const struct rate_limit *limit = phase->settings;
    uint64_t hash;

    if (!is_meant(limit, phases)) {
        return PHASE_NEXT;
    }
    hash = hold_hash(limit->holds, key_of(limit, phases));
    if (hold_take(limit->holds, hash, limit->settings->at_once, 0, NULL) == HOLD_TAKEN) {
        keep_place(phases, hold_table_hold(limit->holds), hash);
        return PHASE_NEXT;
    }
    return limit->settings->queue != 0 && !limit->settings->dry_run
               ? stand_in_line(limit, phases, hash)
               : too_many(limit, phases);
}

/* Nobody comes back to it: either its turn does not come any more, or done_with_place sees to the
 * place. */
static void leave_line(const struct rate_limit *limit, struct waiting *waiting)
{
    if (hold_leave(limit->holds, &waiting->waiter)) {
        phase_ticket_return(waiting->ticket, NULL, free_waiting, waiting);
    }
}

static enum phase_verdict on_time(const struct phase *phase, struct phases *phases)
{
    const struct rate_limit *limit = phase->settings;

    leave_line(limit, phases->waiting);
    return too_many(limit, phases);
}

static void cancel(const struct phase *phase, struct phases *phases)
{
    leave_line(phase->settings, phases->waiting);
}

const struct phase_type at_once_phase = {
    .name = "rates", .run = run_at_once, .on_time = on_time, .cancel = cancel};

/* ---- fields ---- */

static uint64_t seconds_of(uint64_t us)
{
    return (us + 999999) / 1000000;
}

void rate_notes_add_fields(const struct rate_note *notes, struct arena *arena,
                           struct http_fields *fields)
{
    const char *policies = NULL;
    const char *limits = NULL;

    for (const struct rate_note *note = notes; note != NULL; note = note->next) {
        const struct rate_settings *s = note->limit->settings;
        policies =
            arena_printf(arena, "%s%s\"%s\";q=%llu;w=%llu", policies != NULL ? policies : "",
                         policies != NULL ? ", " : "", s->name, (unsigned long long)s->requests,
                         (unsigned long long)seconds_of(s->per_ms * 1000));
        limits = arena_printf(arena, "%s%s\"%s\";r=%llu;t=%llu", limits != NULL ? limits : "",
                              limits != NULL ? ", " : "", s->name, (unsigned long long)note->left,
                              (unsigned long long)seconds_of(note->reset_us));
    }
    if (limits != NULL) {
        http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("RateLimit-Policy"),
                        span_from_cstr(policies));
        http_fields_add(fields, arena, FIELD_OTHER, SPAN_OF("RateLimit"), span_from_cstr(limits));
    }
}
