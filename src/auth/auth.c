#include "auth/auth.h"

#include <string.h>

#include "base/hash.h"

bool auth_was_wrong(const struct auth_run *run, const struct auth_method *method)
{
    return run->outcomes[method - run->plan->methods] == AUTH_WRONG;
}

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

static bool has_scheme(struct span value, struct span scheme)
{
    return span_istarts_with(value, scheme) &&
           (value.len == scheme.len || value.ptr[scheme.len] == ' ');
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
    if (found == NULL || !has_scheme(found->value, scheme)) {
        return AUTH_ABSENT;
    }
    *value = span_trim(span_skip(found->value, scheme.len));
    return AUTH_KNOWN;
}

void auth_strip_credentials(struct auth_run *run, struct span scheme)
{
    struct http_fields *fields = &run->phases->request->fields;

    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        field->is_not_sent |= field->id == FIELD_AUTHORIZATION && has_scheme(field->value, scheme);
    }
}

struct http_fields *auth_gained(struct phases *phases)
{
    if (phases->gained == NULL) {
        phases->gained = arena_calloc(phases->arena, sizeof(*phases->gained));
    }
    return phases->gained;
}

uint64_t auth_client_number(struct phases *phases)
{
    unsigned char ip[16];

    if (!phases->owner->client_ip(phases, ip)) {
        return 1;
    }
    bool is_ipv4 = memcmp(ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
    return hash_text(span_make(ip, is_ipv4 ? 16 : 8)) | 1;
}

/* ---- a request's way ---- */

static void add_challenges(struct auth_run *run)
{
    struct phases *phases = run->phases;
    struct http_fields *fields = arena_calloc(phases->arena, sizeof(*fields));

    for (size_t i = 0; i < run->plan->count; i++) {
        const struct auth_method *method = &run->plan->methods[i];
        struct span value = method->type->challenge != NULL ? method->type->challenge(method, run)
                                                            : span_make(NULL, 0);
        if (value.ptr != NULL) {
            http_fields_add(fields, phases->arena, FIELD_WWW_AUTHENTICATE,
                            SPAN_OF("WWW-Authenticate"), value);
        }
    }
    phases->refusal_fields = fields;
}

void auth_add_challenges(const struct auth_plan *plan, struct phases *phases)
{
    struct auth_run run = {.phases = phases, .plan = plan};

    if (plan != NULL) {
        run.outcomes = arena_calloc(phases->arena, plan->count * sizeof(*run.outcomes));
        add_challenges(&run);
    }
}

/* Whether the client could say with another request what is missing in this one. */
static bool can_be_asked(const struct auth_run *run)
{
    const struct auth_plan *plan = run->plan;

    for (size_t i = 0; i < plan->count && !plan->needs_all; i++) {
        if (!plan->methods[i].type->is_of_connection) {
            return true;
        }
    }
    return plan->needs_all && !plan->methods[run->at].type->is_of_connection;
}

static enum phase_verdict refuse_connection(struct auth_run *run)
{
    if (run->worst.reason == NULL) {
        run->worst = (struct trouble){
            "client_unknown", "the route is for clients with a certificate, and this one has none",
            "let the client show its certificate, and the site ask for one (tls.clients)"};
    }
    return phases_refuse(run->phases, 403, run->worst.reason, run->worst.detail, run->worst.mend);
}

/* As whoever was asked has said; with 401, what the other methods ask for besides. */
static enum phase_verdict refuse_as_answered(struct auth_run *run)
{
    struct phases *phases = run->phases;
    struct http_fields *fields = arena_calloc(phases->arena, sizeof(*fields));
    const struct http_fields *answer = run->answer_fields;

    if (run->answer_status == 401) {
        add_challenges(run);
        *fields = *phases->refusal_fields;
    }
    for (size_t i = 0; i < answer->count; i++) {
        http_fields_add(fields, phases->arena, answer->items[i].id, answer->items[i].name,
                        answer->items[i].value);
    }
    phases->refusal_fields = fields;
    phases->refusal_body = run->answer_body;
    return phases_refuse(phases, run->answer_status, run->worst.reason, run->worst.detail,
                         run->worst.mend);
}

static enum phase_verdict refuse(struct auth_run *run)
{
    if (!can_be_asked(run)) {
        return refuse_connection(run);
    }
    if (run->answer_status != 0) {
        run->worst = run->worst.reason == NULL ? run->answer_why : run->worst;
        return refuse_as_answered(run);
    }
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

    run->outcomes[run->at] = outcome;
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
    if (!run->plan->needs_all && !is_last) {
        return false;
    }
    *verdict = run->plan->is_optional && run->worst.reason == NULL ? pass(run) : refuse(run);
    return true;
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

void auth_resume(struct auth_run *run, enum auth_outcome outcome)
{
    struct phases *phases = run->phases;

    /* The run may be gone behind this. */
    enum phase_verdict verdict = go_through(run, outcome);
    phases_resume(phases, verdict);
}

static enum phase_verdict run_phase(const struct phase *phase, struct phases *phases)
{
    const struct auth_plan *plan = phase->settings;
    struct auth_run *run = arena_calloc(phases->arena, sizeof(*run));

    run->phases = phases;
    run->plan = plan;
    run->outcomes = arena_calloc(phases->arena, plan->count * sizeof(*run->outcomes));
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

/* Of one method: its files, and what it follows besides. */
#define FILES_MAX 64

bool auth_method_follow(struct auth_method *method, const char *path,
                        const struct followed_type *kind, struct arena *arena, struct error *error)
{
    if (method->files == NULL) {
        method->files = arena_calloc(arena, FILES_MAX * sizeof(*method->files));
    }
    CHECK(method->file_count < FILES_MAX);
    method->files[method->file_count] = followed_open(path, kind, error);
    if (method->files[method->file_count] == NULL) {
        return false;
    }
    method->file_count++;
    return true;
}

static void close_method(const struct auth_method *method)
{
    if (method->type->close != NULL) {
        method->type->close(method);
    }
    for (size_t i = 0; i < method->file_count; i++) {
        followed_close(method->files[i]);
    }
}

static const struct backend *find(const struct auth_place *place,
                                  const struct backend_settings *settings)
{
    return settings != NULL ? place->find(place->find_arg, settings) : NULL;
}

const struct auth_plan *auth_plan_build(const struct auth_settings *settings,
                                        const struct auth_place *place, struct error *error)
{
    const struct auth_introspection_settings *introspection = settings->introspection;
    const struct auth_forward_settings *forward = settings->forward;
    /* In the order in which they are asked. */
    const struct auth_method wanted[] = {
        {.type = &auth_client_certificate, .settings = settings->client_certificate},
        {.type = &auth_basic, .settings = settings->basic},
        {.type = &auth_api_key, .settings = settings->api_key},
        {.type = &auth_jwt, .settings = settings->jwt},
        {.type = &auth_introspection,
         .settings = introspection,
         .backend = introspection != NULL ? find(place, introspection->backend) : NULL},
        {.type = &auth_oidc, .settings = settings->oidc},
        {.type = &auth_forward,
         .settings = forward,
         .backend = forward != NULL ? find(place, forward->backend) : NULL},
    };
    struct auth_plan *plan = arena_calloc(place->arena, sizeof(*plan));
    struct auth_method *methods = arena_calloc(place->arena, sizeof(wanted));

    *plan = (struct auth_plan){.methods = methods,
                               .needs_all = settings->mode == AUTH_MODE_ALL,
                               .is_optional = settings->mode == AUTH_MODE_OPTIONAL};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (wanted[i].settings == NULL) {
            continue;
        }
        methods[plan->count] = wanted[i];
        plan->count++;
        if (wanted[i].type->open != NULL &&
            !wanted[i].type->open(&methods[plan->count - 1], place->arena, error)) {
            auth_plan_close(plan);
            return NULL;
        }
    }
    return plan;
}

void auth_plan_close(const struct auth_plan *plan)
{
    for (size_t i = 0; plan != NULL && i < plan->count; i++) {
        close_method(&plan->methods[i]);
    }
}
