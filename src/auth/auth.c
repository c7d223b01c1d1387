#include "auth/auth.h"

#include "auth/key_file.h"
#include "auth/password_file.h"

struct auth_identity *auth_found(struct auth_run *run, const char *method, struct span user)
{
    run->found = arena_calloc(run->phases->arena, sizeof(*run->found));
    run->found->method = method;
    run->found->user = arena_copy(run->phases->arena, user);
    run->found->expires = AUTH_NEVER_EXPIRES;
    return run->found;
}

enum auth_outcome auth_wrong(struct auth_run *run, const char *reason, const char *detail,
                             const char *mend)
{
    run->why = (struct trouble){reason, detail, mend};
    return AUTH_WRONG;
}

enum auth_outcome auth_credentials(struct auth_run *run, struct span scheme, struct span *value)
{
    const struct http_fields *fields = &run->phases->request->fields;
    const struct http_field *found = NULL;

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != FIELD_AUTHORIZATION) {
            continue;
        }
        if (found != NULL) {
            return auth_wrong(run, "credentials_malformed", "there is more than one Authorization",
                              "the client should send one");
        }
        found = &fields->items[i];
    }
    if (found == NULL || !span_istarts_with(found->value, scheme) ||
        (found->value.len > scheme.len && found->value.ptr[scheme.len] != ' ')) {
        return AUTH_ABSENT;
    }
    *value = span_trim(span_skip(found->value, scheme.len));
    return AUTH_KNOWN;
}

/* ---- a request's way ---- */

static void add_challenges(struct auth_run *run)
{
    struct phases *phases = run->phases;
    struct http_fields *fields = arena_calloc(phases->arena, sizeof(*fields));

    for (size_t i = 0; i < run->plan->count; i++) {
        const struct auth_method *method = &run->plan->methods[i];
        struct span value = method->type->challenge(method, run);
        if (value.ptr != NULL) {
            http_fields_add(fields, phases->arena, FIELD_WWW_AUTHENTICATE,
                            SPAN_OF("WWW-Authenticate"), value);
        }
    }
    phases->refusal_fields = fields;
}

static enum phase_verdict refuse(struct auth_run *run)
{
    add_challenges(run);
    if (run->worst.reason == NULL) {
        run->worst =
            (struct trouble){"credentials_missing", "the request does not say who sends it",
                             "the client should send what WWW-Authenticate asks for"};
    }
    return phases_refuse(run->phases, 401, run->worst.reason, run->worst.detail, run->worst.mend);
}

static enum phase_verdict pass(struct auth_run *run)
{
    for (size_t i = 0; i < run->plan->count; i++) {
        const struct auth_method *method = &run->plan->methods[i];
        if (method->type->strip != NULL) {
            method->type->strip(method, run);
        }
    }
    run->phases->identity = run->first;
    return PHASE_NEXT;
}

static void add_identity(struct auth_run *run)
{
    struct auth_identity *last = run->first;

    if (last == NULL) {
        run->first = run->found;
        return;
    }
    while (last->also != NULL) {
        last = (struct auth_identity *)(uintptr_t)last->also;
    }
    last->also = run->found;
}

/* What has come of the present method. True: *verdict is the whole way's. */
static bool is_decided(struct auth_run *run, enum auth_outcome outcome, enum phase_verdict *verdict)
{
    bool is_last = run->at + 1 == run->plan->count;

    switch (outcome) {
    case AUTH_WAIT:
        *verdict = PHASE_WAIT;
        return true;
    case AUTH_BUSY:
        *verdict = phases_refuse(run->phases, run->busy_status, run->why.reason, run->why.detail,
                                 run->why.mend);
        return true;
    case AUTH_KNOWN:
        add_identity(run);
        if (!run->plan->needs_all || is_last) {
            *verdict = pass(run);
            return true;
        }
        return false;
    case AUTH_WRONG:
        run->worst = run->worst.reason == NULL ? run->why : run->worst;
        break;
    case AUTH_ABSENT:
        break;
    }
    if (run->plan->needs_all || is_last) {
        *verdict = refuse(run);
        return true;
    }
    return false;
}

static enum phase_verdict go_through(struct auth_run *run, enum auth_outcome outcome)
{
    enum phase_verdict verdict;

    while (!is_decided(run, outcome, &verdict)) {
        const struct auth_method *method = &run->plan->methods[++run->at];
        run->found = NULL;
        outcome = method->type->ask(method, run);
    }
    return verdict;
}

enum phase_verdict auth_go_on(struct auth_run *run, enum auth_outcome outcome)
{
    return go_through(run, outcome);
}

static enum phase_verdict run_phase(const struct phase *phase, struct phases *phases)
{
    const struct auth_plan *plan = phase->settings;
    struct auth_run *run = arena_calloc(phases->arena, sizeof(*run));

    run->phases = phases;
    run->plan = plan;
    phases->waiting = run;
    return go_through(run, plan->methods[0].type->ask(&plan->methods[0], run));
}

static void cancel(const struct phase *phase, struct phases *phases)
{
    const struct auth_plan *plan = phase->settings;
    struct auth_run *run = phases->waiting;
    const struct auth_method *method = &plan->methods[run->at];

    if (method->type->cancel != NULL) {
        method->type->cancel(method, run);
    }
}

const struct phase_type auth_phase = {.name = "auth", .run = run_phase, .cancel = cancel};

/* ---- plans ---- */

struct plan_maker {
    struct auth_method *methods;
    size_t count;
    struct error *error;
};

static bool add_method(struct plan_maker *maker, const struct auth_type *type, const void *settings,
                       const char *path, const struct followed_type *kind)
{
    struct auth_method *method = &maker->methods[maker->count];

    *method = (struct auth_method){.type = type, .settings = settings};
    if (path != NULL) {
        method->file = followed_open(path, kind, maker->error);
        if (method->file == NULL) {
            return false;
        }
    }
    maker->count++;
    return true;
}

#define METHODS_MAX 2

const struct auth_plan *auth_plan_build(const struct auth_settings *settings, struct arena *arena,
                                        struct error *error)
{
    struct auth_plan *plan = arena_calloc(arena, sizeof(*plan));
    struct plan_maker maker = {.methods =
                                   arena_calloc(arena, METHODS_MAX * sizeof(*maker.methods))};
    bool is_whole = true;

    maker.error = error;
    if (settings->basic != NULL) {
        is_whole = add_method(&maker, &auth_basic, settings->basic, settings->basic->users,
                              &password_file_type);
    }
    if (is_whole && settings->api_key != NULL) {
        is_whole = add_method(&maker, &auth_api_key, settings->api_key, settings->api_key->keys,
                              &key_file_type);
    }
    *plan = (struct auth_plan){maker.methods, maker.count, settings->mode == AUTH_MODE_ALL};
    if (!is_whole) {
        auth_plan_close(plan);
        return NULL;
    }
    return plan;
}

void auth_plan_close(const struct auth_plan *plan)
{
    for (size_t i = 0; plan != NULL && i < plan->count; i++) {
        followed_close(plan->methods[i].file);
    }
}
