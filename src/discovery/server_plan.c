#include "discovery/server_plan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"

/* Of a line that tells of a change: so many servers each way, the others counted. */
#define TOLD_MAX 8
/* By which weights are multiplied before they are shared. */
#define SHARE_UNIT 1000

struct server_plan_use {
    struct list node;
    struct server_plan *plan;
    struct name_use use;
    bool is_wanted;
    bool is_failing; /* and that was told */
};

/* A server in the making. */
struct found {
    const struct server_settings *settings;
    char ip[INET6_ADDRSTRLEN]; /* empty: the settings' own */
    uint16_t port;
    uint64_t weight;
    bool stands_by; /* as `backup` does */
};

struct making {
    struct server_plan *plan;
    struct found *found;
    size_t count;
    size_t capacity;
    bool is_shared;  /* one of them is one of several */
    bool is_waiting; /* for a first answer */
    char problem[256];
};

/* ---- from settings alone ---- */

static bool is_known(const struct server_settings *server)
{
    return server->address.kind != ADDRESS_NAME && server->address.kind != ADDRESS_SRV;
}

bool server_plan_is_needed(const struct backend_settings *settings)
{
    if (settings->servers_from != NULL) {
        return true;
    }
    for (size_t i = 0; i < settings->server_count; i++) {
        if (!is_known(&settings->servers[i])) {
            return true;
        }
    }
    return false;
}

struct server_set *server_plan_first_set(const struct backend_settings *settings,
                                         const struct server_terms *terms,
                                         const struct server_settings **wrong)
{
    struct server_list list = {0};
    char problem[256] = "";

    *wrong = NULL;
    for (size_t i = 0; i < settings->server_count && *wrong == NULL; i++) {
        const struct server_settings *server = &settings->servers[i];
        if (!is_known(server)) {
            (void)snprintf(problem, sizeof(problem), "%.200s was not looked up yet",
                           server->address.text);
        } else if (!server_list_add(&list, terms, server, NULL, server->address.port,
                                    server->weight)) {
            *wrong = server;
        }
    }
    if (settings->servers_from != NULL) {
        const struct servers_from_settings *from = settings->servers_from;
        (void)snprintf(problem, sizeof(problem), "%.200s was not read yet",
                       from->file != NULL ? from->file : from->url);
    }
    return server_list_take(&list, problem[0] != '\0' ? problem : NULL);
}

/* ---- names ---- */

static void make(struct server_plan *plan);
static void on_make(struct deferred *deferred);

static void tell_failure(struct server_plan_use *use, const struct kept_answer *kept)
{
    const struct backend *backend = use->plan->backend;
    const char *name = use->use.lookup->name;
    /* Most often both kinds of address fail, and once is enough. */
    bool is_second =
        use->use.lookup->type == DNS_AAAA && use->plan->settings->resolve->family == RESOLVE_ANY;
    bool is_failing = !kept->is_good && kept->how != DNS_NO_DATA && !is_second;

    if (is_failing && !use->is_failing) {
        log_warn("backend %s: %s cannot be resolved: %s; %s; looking again", backend->name, name,
                 kept->problem,
                 kept->count != 0 ? "its last addresses are used for as long as 'keep' says"
                                  : "no address of it is known");
    } else if (!is_failing && use->is_failing) {
        log_info("backend %s: %s is resolved again", backend->name, name);
    }
    use->is_failing = is_failing;
}

static void on_answer(struct name_use *name_use, bool is_changed)
{
    struct server_plan_use *use = CONTAINER_OF(name_use, struct server_plan_use, use);

    (void)is_changed; /* the reason why there is none may be another one */
    tell_failure(use, &name_use->lookup->kept);
    loop_defer(use->plan->lookups->loop, &use->plan->make);
}

/* What is known of the name; NULL: nothing yet, or there are too many. */
static const struct kept_answer *want(struct making *making, const char *name, enum dns_type type)
{
    struct server_plan *plan = making->plan;
    struct server_plan_use *use = NULL;

    LIST_FOR_EACH(node, &plan->uses)
    {
        struct server_plan_use *other = LIST_ENTRY(node, struct server_plan_use, node);
        if (other->use.lookup->type == type && strcasecmp(other->use.lookup->name, name) == 0) {
            use = other;
            break;
        }
    }
    if (use == NULL) {
        if (plan->use_count >= SERVER_PLAN_NAMES_MAX) {
            return NULL;
        }
        use = xcalloc(1, sizeof(*use));
        use->plan = plan;
        use->use.on_answer = on_answer;
        name_use_begin(plan->lookups, &use->use, plan->settings->resolve, name, type);
        plan->use_count++;
    } else {
        list_remove(&use->node);
    }
    /* Looked for from the front, and in the same order each time. */
    list_push_back(&plan->uses, &use->node);
    use->is_wanted = true;
    if (!use->use.lookup->kept.has_answer) {
        making->is_waiting = true;
        return NULL;
    }
    return &use->use.lookup->kept;
}

static void end_use(struct server_plan_use *use)
{
    use->plan->use_count--;
    list_remove(&use->node);
    name_use_end(&use->use);
    free(use);
}

/* ---- servers in the making ---- */

static struct found *add(struct making *making, const struct server_settings *settings)
{
    struct found *found;

    if (making->count == making->capacity) {
        making->capacity = making->capacity != 0 ? 2 * making->capacity : 16;
        making->found = xrealloc(making->found, making->capacity * sizeof(*making->found));
    }
    found = &making->found[making->count++];
    *found = (struct found){
        .settings = settings,
        .port = settings->address.port,
        .weight = (uint64_t)settings->weight * SHARE_UNIT,
    };
    return found;
}

/* Whether this machine has a way to it: asked of the kernel, nothing is sent. One that cannot say
 * so has one. */
static bool has_route(int family, const uint8_t *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result;

    if (fd < 0) {
        return family == AF_INET;
    }
    memcpy(&v4.sin_addr, ip, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, ip, sizeof(v6.sin6_addr));
    result = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
                               : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    (void)close(fd);
    return result == 0;
}

static void note_problem(struct making *making, const char *name, const char *problem)
{
    if (making->problem[0] == '\0') {
        (void)snprintf(making->problem, sizeof(making->problem), "%.110s: %.127s", name, problem);
    }
}

struct addresses {
    size_t count;
    int families[2 * DNS_RECORDS_MAX];
    const uint8_t *items[2 * DNS_RECORDS_MAX];
};

static void collect(struct addresses *addresses, const struct kept_answer *kept, int family)
{
    for (size_t i = 0; kept != NULL && i < kept->count; i++) {
        addresses->families[addresses->count] = family;
        addresses->items[addresses->count++] = kept->records[i].ip;
    }
}

/* A name that has lost its addresses of one kind has really lost them if it has others; if it has
 * none at all, that is kept as any failure is. */
static bool has_lost(const struct kept_answer *kept, const struct kept_answer *other)
{
    return kept != NULL && kept->how == DNS_NO_DATA && other != NULL && other->is_good;
}

static void find_addresses(struct making *making, const char *name, struct addresses *addresses)
{
    enum resolve_family family = making->plan->settings->resolve->family;
    const struct kept_answer *v4 = NULL;
    const struct kept_answer *v6 = NULL;
    size_t kept = 0;

    if (family != RESOLVE_IPV6) {
        v4 = want(making, name, DNS_A);
    }
    if (family != RESOLVE_IPV4) {
        v6 = want(making, name, DNS_AAAA);
    }
    addresses->count = 0;
    collect(addresses, has_lost(v4, v6) ? NULL : v4, AF_INET);
    collect(addresses, has_lost(v6, v4) ? NULL : v6, AF_INET6);
    for (size_t i = 0; i < addresses->count; i++) {
        if (addresses->families[i] == AF_INET || has_route(AF_INET6, addresses->items[i])) {
            addresses->families[kept] = addresses->families[i];
            addresses->items[kept++] = addresses->items[i];
        }
    }
    if (addresses->count == 0) {
        const struct kept_answer *why = v4 != NULL && v4->how != DNS_NO_DATA ? v4 : v6;
        why = why != NULL ? why : v4;
        note_problem(making, name, why != NULL ? why->problem : "it was not looked up yet");
    } else if (kept == 0) {
        note_problem(making, name, "it has IPv6 addresses alone, and this machine has no IPv6");
    }
    addresses->count = kept;
}

/* The weight is of all its addresses. */
static void add_name(struct making *making, const struct server_settings *settings,
                     const char *name, uint16_t port, uint64_t weight)
{
    struct addresses addresses;

    find_addresses(making, name, &addresses);
    for (size_t i = 0; i < addresses.count; i++) {
        struct found *found = add(making, settings);
        (void)inet_ntop(addresses.families[i], addresses.items[i], found->ip, sizeof(found->ip));
        found->port = port;
        found->weight = weight / addresses.count;
    }
    making->is_shared |= addresses.count > 1;
}

/* Of those with the record's priority, in thousandths (RFC 2782). A weight of 0 is a very small
 * one, and all of them 0 are equal. */
static uint64_t share_of(const struct kept_answer *kept, const struct dns_record *record)
{
    uint64_t sum = 0;
    uint64_t share;

    for (size_t i = 0; i < kept->count; i++) {
        sum += kept->records[i].priority == record->priority ? kept->records[i].weight : 0;
    }
    share = sum == 0 ? SHARE_UNIT : (uint64_t)record->weight * SHARE_UNIT / sum;
    return share != 0 ? share : 1;
}

/* Those of the lowest priority; the others stand by for them. */
static void add_service(struct making *making, const struct server_settings *settings)
{
    const char *name = settings->address.looked_up;
    const struct kept_answer *kept = want(making, name, DNS_SRV);
    uint16_t lowest = UINT16_MAX;

    if (kept == NULL || kept->count == 0) {
        note_problem(making, name, kept != NULL ? kept->problem : "it was not looked up yet");
        return;
    }
    for (size_t i = 0; i < kept->count; i++) {
        lowest = kept->records[i].priority < lowest ? kept->records[i].priority : lowest;
    }
    for (size_t i = 0; i < kept->count; i++) {
        const struct dns_record *record = &kept->records[i];
        size_t first = making->count;
        char target[DNS_NAME_SIZE + 1]; /* which is whole, and is not searched for elsewhere */
        (void)snprintf(target, sizeof(target), "%s.", record->target);
        add_name(making, settings, target, record->port, settings->weight * share_of(kept, record));
        for (size_t j = first; j < making->count; j++) {
            making->found[j].stands_by = record->priority != lowest;
        }
        making->is_shared = true;
    }
}

static void find_all(struct making *making, const struct server_settings *servers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct server_settings *server = &servers[i];
        if (server->address.kind == ADDRESS_NAME) {
            add_name(making, server, server->address.looked_up, server->address.port,
                     (uint64_t)server->weight * SHARE_UNIT);
        } else if (server->address.kind == ADDRESS_SRV) {
            add_service(making, server);
        } else {
            (void)add(making, server);
        }
    }
}

static void find_listed(struct making *making)
{
    const struct server_plan *plan = making->plan;
    const struct server_document *list;

    if (plan->source == NULL) {
        return;
    }
    list = server_source_list(plan->source);
    if (list != NULL) {
        find_all(making, list->servers, list->count);
    }
    if (list == NULL || list->count == 0) {
        const char *problem = server_source_problem(plan->source);
        bool has_looked = server_source_has_looked(plan->source);
        note_problem(making, server_source_name(plan->source),
                     problem != NULL ? problem
                     : has_looked    ? "it lists no servers"
                                     : "it was not fetched yet");
        making->is_waiting |= !has_looked;
    }
}

static void on_source_change(void *owner)
{
    make(owner);
}

static unsigned weight_of(const struct making *making, const struct found *found)
{
    uint64_t weight = making->is_shared ? found->weight : found->weight / SHARE_UNIT;

    return weight == 0 ? 1 : weight < SERVER_WEIGHT_MAX ? (unsigned)weight : SERVER_WEIGHT_MAX;
}

static void list_all(const struct making *making, struct server_list *list)
{
    for (size_t i = 0; i < making->count; i++) {
        const struct found *found = &making->found[i];
        /* A path that is too long was refused when the configuration was read. */
        (void)!server_list_add(list, &making->plan->terms, found->settings,
                               found->ip[0] != '\0' ? found->ip : NULL, found->port,
                               weight_of(making, found));
        if (list->count != 0) {
            list->items[list->count - 1].unit = making->is_shared ? SHARE_UNIT : 1;
        }
        if (found->stands_by && list->count != 0 &&
            list->items[list->count - 1].rank < SERVER_BACKUP) {
            list->items[list->count - 1].rank += SERVER_BACKUP;
        }
    }
}

/* ---- what has changed ---- */

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool has(const struct server *servers, size_t count, const struct server *server)
{
    for (size_t i = 0; i < count; i++) {
        if (servers[i].endpoint == server->endpoint) {
            return true;
        }
    }
    return false;
}

static bool is_same(const struct server_set *set, const struct server_list *list,
                    const char *problem)
{
    if (set->count != list->count || !is_same_text(set->problem, problem)) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->servers[i].endpoint != list->items[i].endpoint ||
            set->servers[i].weight != list->items[i].weight ||
            set->servers[i].unit != list->items[i].unit ||
            set->servers[i].rank != list->items[i].rank ||
            set->servers[i].max_in_use != list->items[i].max_in_use) {
            return false;
        }
    }
    return true;
}

/* Those of `servers` that are not among the others. Returns how many. */
static size_t name_others(struct strbuf *text, const struct server *servers, size_t count,
                          const struct server *others, size_t other_count)
{
    size_t told = 0;

    for (size_t i = 0; i < count; i++) {
        if (has(others, other_count, &servers[i])) {
            continue;
        }
        if (++told <= TOLD_MAX) {
            strbuf_printf(text, "%s%s", told == 1 ? "" : ", ", servers[i].text);
        }
    }
    if (told > TOLD_MAX) {
        strbuf_printf(text, " and %zu more", told - TOLD_MAX);
    }
    return told;
}

static void tell_change(struct server_plan *plan, const struct server_set *before,
                        const struct server_list *after)
{
    struct strbuf come;
    struct strbuf gone;

    strbuf_init(&come);
    strbuf_init(&gone);
    size_t come_count =
        name_others(&come, after->items, after->count, before->servers, before->count);
    size_t gone_count =
        name_others(&gone, before->servers, before->count, after->items, after->count);
    /* The first ones are no change. */
    if (come_count + gone_count != 0 && plan->is_made) {
        log_limited(&plan->limiter, LOG_LEVEL_INFO,
                    "backend %s: %zu server%s now; new: %s; no longer: %s", plan->backend->name,
                    after->count, after->count == 1 ? "" : "s", come_count != 0 ? come.ptr : "none",
                    gone_count != 0 ? gone.ptr : "none");
    }
    strbuf_free(&come);
    strbuf_free(&gone);
}

/* True: the backend has others now. */
static bool publish(struct server_plan *plan, struct server_list *list, const char *problem)
{
    struct server_set *before = backend_servers(plan->backend);
    bool is_changed = !is_same(before, list, problem);

    if (is_changed) {
        tell_change(plan, before, list);
        backend_publish(plan->backend, server_list_take(list, problem));
    } else {
        server_list_free(list);
    }
    server_set_release(before);
    return is_changed;
}

static void make(struct server_plan *plan)
{
    struct making making = {.plan = plan};
    struct server_list list = {0};
    bool was_made = plan->is_made;
    bool is_changed;

    LIST_FOR_EACH(node, &plan->uses)
    {
        LIST_ENTRY(node, struct server_plan_use, node)->is_wanted = false;
    }
    find_all(&making, plan->settings->servers, plan->settings->server_count);
    find_listed(&making);
    LIST_FOR_EACH(node, &plan->uses)
    {
        struct server_plan_use *use = LIST_ENTRY(node, struct server_plan_use, node);
        if (!use->is_wanted) {
            end_use(use);
        }
    }
    list_all(&making, &list);
    is_changed = publish(plan, &list, making.count == 0 ? making.problem : NULL);
    free(making.found);
    plan->is_made |= !making.is_waiting;
    if (is_changed || plan->is_made != was_made) {
        plan->on_change(plan, is_changed);
    }
}

static void on_make(struct deferred *deferred)
{
    make(CONTAINER_OF(deferred, struct server_plan, make));
}

/* ---- life ---- */

struct server_plan *server_plan_create(const struct backend *backend,
                                       const struct backend_settings *settings,
                                       struct name_lookups *lookups, struct client *client,
                                       void *owner,
                                       void (*on_change)(struct server_plan *plan, bool is_changed))
{
    struct server_plan *plan = xcalloc(1, sizeof(*plan));

    arena_init(&plan->arena, 1024);
    plan->backend = backend_hold(backend);
    plan->settings = settings;
    plan->terms = server_terms_of(settings, &plan->arena);
    plan->lookups = lookups;
    plan->owner = owner;
    plan->on_change = on_change;
    list_init(&plan->node);
    list_init(&plan->uses);
    deferred_init(&plan->make, on_make);
    if (settings->servers_from != NULL) {
        const char *whose = arena_printf(&plan->arena, "backend %s", backend->name);
        plan->source = server_source_create(client, settings->servers_from, settings->resolve,
                                            whose, plan, on_source_change);
    }
    make(plan);
    return plan;
}

void server_plan_destroy(struct server_plan *plan)
{
    LIST_FOR_EACH(node, &plan->uses)
    {
        end_use(LIST_ENTRY(node, struct server_plan_use, node));
    }
    if (plan->source != NULL) {
        server_source_destroy(plan->source);
    }
    deferred_cancel(&plan->make);
    list_remove(&plan->node);
    backend_release(plan->backend);
    arena_destroy(&plan->arena);
    free(plan);
}

void server_plan_doubt(struct server_plan *plan)
{
    LIST_FOR_EACH(node, &plan->uses)
    {
        name_lookup_doubt(LIST_ENTRY(node, struct server_plan_use, node)->use.lookup);
    }
}

/* ---- for `tidegate status` ---- */

static const char *kind_of(enum dns_type type)
{
    return type == DNS_A ? "A" : type == DNS_AAAA ? "AAAA" : "SRV";
}

static void add_value(struct strbuf *text, const struct dns_record *record, enum dns_type type)
{
    char ip[INET6_ADDRSTRLEN];

    if (type == DNS_SRV) {
        strbuf_printf(text, "%s:%u", record->target, record->port);
        return;
    }
    (void)inet_ntop(type == DNS_A ? AF_INET : AF_INET6, record->ip, ip, sizeof(ip));
    strbuf_add_cstr(text, ip);
}

static int64_t seconds(uint64_t from_us, uint64_t to_us)
{
    return to_us > from_us ? (int64_t)((to_us - from_us) / 1000000) : 0;
}

static void tell_name(const struct server_plan *plan, const struct name_lookup *lookup,
                      discovery_tell_fn *tell, void *arg)
{
    const struct kept_answer *kept = &lookup->kept;
    uint64_t now_us = loop_now_us(plan->lookups->loop);
    struct strbuf values;

    strbuf_init(&values);
    for (size_t i = 0; i < kept->count; i++) {
        strbuf_add_cstr(&values, i != 0 ? ", " : "");
        add_value(&values, &kept->records[i], lookup->type);
    }
    tell(arg, plan->backend,
         &(struct discovery_told){
             .name = lookup->name,
             .kind = kind_of(lookup->type),
             .values = values.ptr != NULL ? values.ptr : "",
             .age_s = kept->has_answer ? seconds(kept->asked_us, now_us) : -1,
             .next_s =
                 lookup->is_under_way || kept->next_us == 0 ? -1 : seconds(now_us, kept->next_us),
             .problem = kept->problem[0] != '\0' ? kept->problem : NULL,
         });
    strbuf_free(&values);
}

static void tell_list(const struct server_plan *plan, discovery_tell_fn *tell, void *arg)
{
    const struct server_document *list = server_source_list(plan->source);
    char values[32];

    (void)snprintf(values, sizeof(values), "%zu servers", list != NULL ? list->count : 0);
    tell(arg, plan->backend,
         &(struct discovery_told){
             .name = server_source_name(plan->source),
             .kind = plan->settings->servers_from->file != NULL ? "file" : "url",
             .values = values,
             .problem = server_source_problem(plan->source),
         });
}

void server_plan_tell(const struct server_plan *plan, discovery_tell_fn *tell, void *arg)
{
    if (plan->source != NULL) {
        tell_list(plan, tell, arg);
    }
    LIST_FOR_EACH(node, &plan->uses)
    {
        tell_name(plan, LIST_ENTRY(node, struct server_plan_use, node)->use.lookup, tell, arg);
    }
}
