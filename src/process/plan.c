#include "process/plan.h"

#include <stdlib.h>
#include <string.h>

#include "config/log_outlets.h"
#include "gateway/commands.h"

/* ---- writing ---- */

static void put_number(struct strbuf *out, uint64_t number)
{
    strbuf_add(out, span_make((const char *)&number, sizeof(number)));
}

/* A length more than the text's, or 0 for NULL; the text with its NUL. */
static void put_text(struct strbuf *out, const char *text)
{
    if (text == NULL) {
        put_number(out, 0);
        return;
    }
    put_number(out, strlen(text) + 1);
    strbuf_add(out, span_make(text, strlen(text) + 1));
}

static size_t count_sockets(const struct settings *settings)
{
    size_t count = 0;

    for (size_t i = 0; i < settings->listener_count; i++) {
        count += settings->listeners[i].bind.count;
    }
    return count;
}

static void put_socket(struct strbuf *out, const struct address_setting *address)
{
    put_number(out, (uint64_t)address->kind);
    put_number(out, address->port);
    put_text(out, address->text);
    put_text(out, address->host);
}

/* Those that a descriptor is opened for. */
static void put_logs(struct strbuf *out, const struct settings *settings)
{
    struct log_names names;
    uint64_t count = 0;

    log_outlets_names(settings, &names);
    for (size_t i = 0; i < names.count; i++) {
        count += log_outlet_has_fd(names.items[i]) ? 1 : 0;
    }
    put_number(out, count);
    for (size_t i = 0; i < names.count; i++) {
        if (log_outlet_has_fd(names.items[i])) {
            put_text(out, names.items[i]->name);
        }
    }
}

void plan_write(const struct settings *settings, struct strbuf *out)
{
    put_number(out, count_sockets(settings));
    for (size_t i = 0; i < settings->listener_count; i++) {
        for (size_t k = 0; k < settings->listeners[i].bind.count; k++) {
            put_socket(out, &settings->listeners[i].bind.items[k]);
        }
    }
    put_text(out, settings->control);
    put_logs(out, settings);
    put_text(out, settings->log.level);
    put_text(out, settings->user);
    put_text(out, settings->group);
    put_text(out, settings->tls_key_log);
    put_number(out, settings->timeouts.drain_ms);
    put_number(out, settings->timeouts.upgrade_ms);
    put_number(out, settings->workers);
    put_number(out, settings->sandbox != SANDBOX_OFF);
    put_number(out, settings->watch == WATCH_ON);
    put_number(out, settings->reload_certificates_ms != 0);
    put_number(out, settings->origin.file_count);
    for (size_t i = 0; i < settings->origin.file_count; i++) {
        put_text(out, settings->origin.files[i].name);
    }
    put_number(out, settings->key_process != KEY_PROCESS_OFF);
    put_number(out, settings->limits.signatures);
}

/* ---- reading ---- */

struct reader {
    struct plan *plan;
    struct span in;
    bool failed;
};

static uint64_t get_number(struct reader *r)
{
    uint64_t number = 0;

    if (r->in.len < sizeof(number)) {
        r->failed = true;
        return 0;
    }
    memcpy(&number, r->in.ptr, sizeof(number));
    r->in = span_skip(r->in, sizeof(number));
    return number;
}

static const char *get_text(struct reader *r)
{
    uint64_t len = get_number(r);
    const char *text;

    if (len == 0) {
        return NULL;
    }
    if (len > r->in.len || r->in.ptr[len - 1] != '\0') {
        r->failed = true;
        return NULL;
    }
    text = arena_copy(&r->plan->arena, span_head(r->in, (size_t)len)).ptr;
    r->in = span_skip(r->in, (size_t)len);
    return text;
}

/* What must be there. */
static const char *get_some_text(struct reader *r)
{
    const char *text = get_text(r);

    r->failed |= text == NULL;
    return text != NULL ? text : "";
}

static void get_sockets(struct reader *r)
{
    struct address_list *sockets = &r->plan->sockets;
    uint64_t count = get_number(r);

    if (count > GATEWAY_SOCKETS_MAX) {
        r->failed = true;
        return;
    }
    sockets->items = arena_calloc(&r->plan->arena, ((size_t)count + 1) * sizeof(*sockets->items));
    while (!r->failed && sockets->count < count) {
        struct address_setting *address = &sockets->items[sockets->count++];
        address->kind = (enum address_kind)get_number(r);
        address->port = (uint16_t)get_number(r);
        address->text = get_some_text(r);
        address->host = get_some_text(r);
    }
}

static void get_list(struct reader *r, struct string_list *files)
{
    uint64_t count = get_number(r);

    if (count > r->in.len) {
        r->failed = true;
        return;
    }
    files->items = arena_calloc(&r->plan->arena, ((size_t)count + 1) * sizeof(*files->items));
    while (!r->failed && files->count < count) {
        files->items[files->count++] = get_some_text(r);
    }
}

struct plan *plan_read(struct span bytes, struct error *error)
{
    struct plan *plan = xcalloc(1, sizeof(*plan));
    struct reader r = {.plan = plan, .in = bytes};

    arena_init(&plan->arena, 4096);
    get_sockets(&r);
    plan->control = get_text(&r);
    get_list(&r, &plan->logs);
    plan->log_level = get_some_text(&r);
    plan->user = get_text(&r);
    plan->group = get_text(&r);
    plan->key_log = get_text(&r);
    plan->drain_ms = get_number(&r);
    plan->upgrade_ms = get_number(&r);
    plan->workers = get_number(&r);
    plan->is_confined = get_number(&r) != 0;
    plan->has_watch = get_number(&r) != 0;
    plan->has_looks = get_number(&r) != 0;
    get_list(&r, &plan->own_files);
    plan->has_keyholder = get_number(&r) != 0;
    plan->signatures = get_number(&r);
    if (r.failed || r.in.len != 0) {
        (void)error_set(error, "what was loaded of the configuration is not whole");
        plan_destroy(plan);
        return NULL;
    }
    return plan;
}

void plan_destroy(struct plan *plan)
{
    if (plan != NULL) {
        arena_destroy(&plan->arena);
        free(plan);
    }
}

bool plan_has_file(const struct plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->own_files.count; i++) {
        if (strcmp(plan->own_files.items[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- what takes a restart ---- */

static bool is_same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

bool plan_fixed_differences(const struct plan *running, const struct plan *next, struct strbuf *out)
{
    const struct {
        const char *name;
        bool differs;
    } fixed[] = {
        {"user", !is_same(running->user, next->user)},
        {"group", !is_same(running->group, next->group)},
        {"workers", running->workers != next->workers},
        {"control", !is_same(running->control, next->control)},
        {"key_process", running->has_keyholder != next->has_keyholder},
        {"sandbox", running->is_confined != next->is_confined},
        {"tls_key_log", !is_same(running->key_log, next->key_log)},
    };
    bool is_any = false;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (fixed[i].differs) {
            strbuf_add_cstr(out, is_any ? ", " : "");
            strbuf_add_cstr(out, fixed[i].name);
            is_any = true;
        }
    }
    return is_any;
}
