#include "discovery/name_lookup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* Of each name server, before the answer counts as a failure. */
#define TRIES 2

/* Lookups that go by the same settings. */
struct name_group {
    struct list node;
    struct name_lookups *all;
    unsigned uses;
    struct resolve_settings settings;
    char *servers;   /* "A:P,B:P"; NULL: resolv.conf's */
    struct dns *dns; /* NULL: not asked yet */
};

static void pump(struct name_lookups *all);

/* splitmix64 */
static uint64_t next_random(struct name_lookups *all)
{
    uint64_t z = all->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void on_pump(struct deferred *deferred)
{
    pump(CONTAINER_OF(deferred, struct name_lookups, pump));
}

void name_lookups_init(struct name_lookups *all, struct loop *loop, const char *hosts_path)
{
    *all = (struct name_lookups){.loop = loop};
    hosts_init(&all->hosts, hosts_path);
    list_init(&all->groups);
    list_init(&all->waiting);
    for (size_t i = 0; i < NAME_LOOKUP_BUCKETS; i++) {
        list_init(&all->buckets[i]);
    }
    deferred_init(&all->pump, on_pump);
    CHECK(getrandom(&all->random, sizeof(all->random), 0) == sizeof(all->random));
}

/* ---- groups ---- */

char *name_servers_text(const struct string_list *list)
{
    size_t len = 0;
    char *text;

    if (list->count == 0) {
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        len += strlen(list->items[i]) + 1;
    }
    text = xmalloc(len + 1);
    text[0] = '\0';
    len = 0;
    for (size_t i = 0; i < list->count; i++) {
        size_t more = strlen(list->items[i]);
        if (i != 0) {
            text[len++] = ',';
        }
        memcpy(text + len, list->items[i], more + 1);
        len += more;
    }
    return text;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_alike(const struct resolve_settings *a, const struct resolve_settings *b)
{
    return a->every_ms == b->every_ms && a->ttl_min_ms == b->ttl_min_ms &&
           a->ttl_max_ms == b->ttl_max_ms && a->keep_ms == b->keep_ms &&
           a->timeout_ms == b->timeout_ms;
}

static struct name_group *take_group(struct name_lookups *all,
                                     const struct resolve_settings *settings)
{
    char *servers = name_servers_text(&settings->servers);
    struct name_group *group;

    LIST_FOR_EACH(node, &all->groups)
    {
        group = LIST_ENTRY(node, struct name_group, node);
        if (is_alike(&group->settings, settings) && is_same_text(group->servers, servers)) {
            free(servers);
            group->uses++;
            return group;
        }
    }
    group = xcalloc(1, sizeof(*group));
    group->all = all;
    group->uses = 1;
    group->settings = *settings;
    group->settings.servers = (struct string_list){0};
    group->servers = servers;
    list_push_back(&all->groups, &group->node);
    return group;
}

/* Not while an answer of its name servers is told, which is seen to by whoever calls. */
static void drop_group(struct name_group *group)
{
    if (--group->uses != 0) {
        return;
    }
    list_remove(&group->node);
    dns_destroy(group->dns);
    free(group->servers);
    free(group);
}

/* ---- one lookup ---- */

static void destroy(struct name_lookup *lookup)
{
    list_remove(&lookup->node);
    list_remove(&lookup->turn);
    timer_destroy(lookup->all->loop, &lookup->timer);
    kept_answer_free(&lookup->kept);
    free(lookup->name);
    free(lookup);
}

/* A group ends when the loop's turn does: it may be its answer that is being told. */
struct group_end {
    struct deferred deferred;
    struct name_group *group;
};

static void on_group_end(struct deferred *deferred)
{
    struct group_end *end = CONTAINER_OF(deferred, struct group_end, deferred);

    drop_group(end->group);
    free(end);
}

static void leave_group(struct name_lookups *all, struct name_group *group)
{
    struct group_end *end;

    if (group->uses > 1) {
        group->uses--;
        return;
    }
    end = xcalloc(1, sizeof(*end));
    end->group = group;
    deferred_init(&end->deferred, on_group_end);
    loop_defer(all->loop, &end->deferred);
}

static void end_if_unused(struct name_lookup *lookup)
{
    struct name_lookups *all = lookup->all;
    struct name_group *group = lookup->group;

    if (list_is_empty(&lookup->users) && !lookup->is_under_way) {
        destroy(lookup);
        leave_group(all, group);
    }
}

static void stand_in_line(struct name_lookup *lookup)
{
    if (!lookup->is_under_way && list_is_empty(&lookup->turn)) {
        timer_clear(&lookup->timer);
        list_push_back(&lookup->all->waiting, &lookup->turn);
        loop_defer(lookup->all->loop, &lookup->all->pump);
    }
}

static void set_timer(struct name_lookup *lookup, uint64_t at_us)
{
    uint64_t now_us = loop_now_us(lookup->all->loop);

    timer_set(lookup->all->loop, &lookup->timer, at_us > now_us ? at_us - now_us : 0);
}

static void tell_users(struct name_lookup *lookup, bool is_changed)
{
    LIST_FOR_EACH(node, &lookup->users)
    {
        struct name_use *use = LIST_ENTRY(node, struct name_use, node);
        use->on_answer(use, is_changed);
    }
}

static void on_timer(struct timer *timer)
{
    struct name_lookup *lookup = CONTAINER_OF(timer, struct name_lookup, timer);
    uint64_t now_us = loop_now_us(lookup->all->loop);

    stand_in_line(lookup);
    if (kept_answer_expire(&lookup->kept, &lookup->group->settings, now_us)) {
        tell_users(lookup, true);
    }
}

static void take_answer(struct name_lookup *lookup, const struct dns_answer *answer)
{
    struct name_lookups *all = lookup->all;
    bool is_changed;

    lookup->is_under_way = false;
    all->under_way--;
    if (!list_is_empty(&lookup->users)) {
        is_changed = kept_answer_take(&lookup->kept, answer, &lookup->group->settings,
                                      loop_now_us(all->loop), next_random(all));
        set_timer(lookup, lookup->kept.next_us);
        lookup->is_under_way = true; /* it stays while it is told */
        tell_users(lookup, is_changed);
        lookup->is_under_way = false;
    }
    end_if_unused(lookup);
    if (!list_is_empty(&all->waiting)) {
        loop_defer(all->loop, &all->pump);
    }
}

static void on_answer(void *owner, const struct dns_answer *answer)
{
    take_answer(owner, answer);
}

static void fail_now(struct name_lookup *lookup, const char *problem)
{
    struct dns_answer answer = {.how = DNS_FAILED, .problem = problem};

    take_answer(lookup, &answer);
}

static void start(struct name_lookup *lookup)
{
    struct name_group *group = lookup->group;
    struct dns_answer known;
    struct error error;

    lookup->is_under_way = true;
    lookup->all->under_way++;
    if (lookup->type != DNS_SRV &&
        hosts_find(&lookup->all->hosts, lookup->name, lookup->type, &known)) {
        take_answer(lookup, &known);
        return;
    }
    if (group->dns == NULL) {
        const struct dns_options options = {
            .servers = group->servers,
            .timeout_ms = (unsigned)group->settings.timeout_ms,
            .tries = TRIES,
        };
        group->dns = dns_create(lookup->all->loop, &options, &error);
    }
    if (group->dns == NULL) {
        fail_now(lookup, error.text);
        return;
    }
    dns_ask(group->dns, lookup->name, lookup->type, lookup, on_answer);
}

static void pump(struct name_lookups *all)
{
    struct list *node;

    while (all->under_way < NAME_LOOKUPS_AT_ONCE &&
           (node = list_pop_front(&all->waiting)) != NULL) {
        start(LIST_ENTRY(node, struct name_lookup, turn));
    }
}

/* ---- uses ---- */

static struct list *bucket_of(struct name_lookups *all, const char *name, enum dns_type type)
{
    uint32_t hash = 2166136261u ^ (uint32_t)type; /* FNV-1a */

    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (uint32_t)(unsigned char)(*at | 0x20)) * 16777619u;
    }
    return &all->buckets[hash % NAME_LOOKUP_BUCKETS];
}

void name_use_begin(struct name_lookups *all, struct name_use *use,
                    const struct resolve_settings *settings, const char *name, enum dns_type type)
{
    struct list *bucket = bucket_of(all, name, type);
    struct name_group *group = take_group(all, settings);
    struct name_lookup *lookup = NULL;

    LIST_FOR_EACH(node, bucket)
    {
        struct name_lookup *other = LIST_ENTRY(node, struct name_lookup, node);
        if (other->group == group && other->type == type && strcasecmp(other->name, name) == 0) {
            lookup = other;
            break;
        }
    }
    if (lookup != NULL) {
        group->uses--; /* the lookup has one */
    } else {
        lookup = xcalloc(1, sizeof(*lookup));
        lookup->all = all;
        lookup->group = group;
        lookup->name = xstrdup(name);
        lookup->type = type;
        list_init(&lookup->turn);
        list_init(&lookup->users);
        timer_init(&lookup->timer, on_timer);
        list_push_back(bucket, &lookup->node);
        stand_in_line(lookup);
    }
    use->lookup = lookup;
    list_push_back(&lookup->users, &use->node);
}

void name_use_end(struct name_use *use)
{
    struct name_lookup *lookup = use->lookup;

    if (lookup == NULL) {
        return;
    }
    use->lookup = NULL;
    list_remove(&use->node);
    end_if_unused(lookup);
}

void name_lookup_doubt(struct name_lookup *lookup)
{
    if (lookup->is_under_way || !list_is_empty(&lookup->turn)) {
        return;
    }
    set_timer(lookup, kept_answer_doubt_us(&lookup->kept, loop_now_us(lookup->all->loop)));
}

void name_lookups_free(struct name_lookups *all)
{
    LIST_FOR_EACH(node, &all->groups)
    {
        struct name_group *group = LIST_ENTRY(node, struct name_group, node);
        struct dns *dns = group->dns;
        group->dns = NULL;
        group->uses++; /* what is under way ends in there */
        dns_destroy(dns);
        drop_group(group);
    }
    loop_run_deferred(all->loop);
    for (size_t i = 0; i < NAME_LOOKUP_BUCKETS; i++) {
        CHECK(list_is_empty(&all->buckets[i]));
    }
    CHECK(list_is_empty(&all->groups));
    deferred_cancel(&all->pump);
    hosts_free(&all->hosts);
}
