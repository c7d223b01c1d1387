#include "edge/field_rules.h"

#include "edge/field_senders.h"

enum action { REMOVE, SET, ADD, DEFAULT };

struct rule {
    enum action action;
    bool is_https_only;
    enum http_field_id id; /* FIELD_OTHER also for patterns */
    struct span name;
    struct template value;
};

struct field_rules {
    struct rule *items;
    size_t count;
    bool of_request;
};

/* ---- building ---- */

struct builder {
    struct field_rules *rules; /* NULL: only counted */
    size_t count;
    struct arena *arena;
};

static void add_rule(struct builder *b, enum action action, const char *name, const char *value,
                     bool is_https_only)
{
    struct rule *rule;
    struct error error;

    b->count++;
    if (b->rules == NULL) {
        return;
    }
    rule = &b->rules->items[b->rules->count++];
    *rule = (struct rule){.action = action,
                          .is_https_only = is_https_only,
                          .id = http_field_id(span_from_cstr(name)),
                          .name = span_from_cstr(name)};
    if (action != REMOVE) {
        CHECK(template_parse(span_from_cstr(value), !b->rules->of_request, b->arena, &rule->value,
                             &error));
    }
}

static void add_list(struct builder *b, enum action action, const struct header_setting *fields,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_rule(b, action, fields[i].name, fields[i].value, false);
    }
}

static void add_settings(struct builder *b, const struct field_rules_settings *settings)
{
    if (settings == NULL) {
        return;
    }
    for (size_t i = 0; i < settings->remove.count; i++) {
        add_rule(b, REMOVE, settings->remove.items[i], NULL, false);
    }
    add_list(b, SET, settings->set, settings->set_count);
    add_list(b, ADD, settings->add, settings->add_count);
    add_list(b, DEFAULT, settings->defaults, settings->default_count);
}

/* What browsers can be told to do for a site's safety. The last column: over https alone (RFC 6797
 * section 7.2). */
static const struct {
    enum security_fields level;
    const char *name;
    const char *value;
    bool is_https_only;
} security[] = {
    {SECURITY_FIELDS_BASIC, "X-Content-Type-Options", "nosniff", false},
    {SECURITY_FIELDS_BASIC, "X-Frame-Options", "SAMEORIGIN", false},
    {SECURITY_FIELDS_BASIC, "Referrer-Policy", "strict-origin-when-cross-origin", false},
    {SECURITY_FIELDS_BASIC, "Strict-Transport-Security", "max-age=31536000", true},
    {SECURITY_FIELDS_STRICT, "X-Content-Type-Options", "nosniff", false},
    {SECURITY_FIELDS_STRICT, "X-Frame-Options", "DENY", false},
    {SECURITY_FIELDS_STRICT, "Referrer-Policy", "no-referrer", false},
    {SECURITY_FIELDS_STRICT, "Permissions-Policy",
     "camera=(), geolocation=(), microphone=(), payment=(), usb=()", false},
    {SECURITY_FIELDS_STRICT, "Cross-Origin-Opener-Policy", "same-origin", false},
    {SECURITY_FIELDS_STRICT, "Strict-Transport-Security", "max-age=63072000; includeSubDomains",
     true},
};

static void add_security(struct builder *b, enum security_fields level)
{
    for (size_t i = 0; i < ARRAY_LEN(security); i++) {
        if (security[i].level == level) {
            add_rule(b, DEFAULT, security[i].name, security[i].value, security[i].is_https_only);
        }
    }
}

/* Of the route, else of the site. In place of what the server says (RFC 6797 section 6.1: one of
 * them). */
static void add_hsts(struct builder *b, const struct site_settings *site,
                     const struct route_settings *route)
{
    const struct hsts_settings *hsts =
        route != NULL && route->answers.hsts != NULL ? route->answers.hsts : site->answers.hsts;

    if (hsts != NULL && hsts->state == HSTS_ON) {
        add_rule(b, SET, "Strict-Transport-Security",
                 arena_printf(b->arena, "max-age=%llu%s%s",
                              (unsigned long long)(hsts->max_age_ms / 1000),
                              hsts->subdomains ? "; includeSubDomains" : "",
                              hsts->preload ? "; preload" : ""),
                 true);
    }
}

static void add_all(struct builder *b, bool of_request, const struct site_settings *site,
                    const struct route_settings *route)
{
    add_settings(b, of_request ? site->request_fields : site->response_fields);
    if (route != NULL) {
        add_settings(b, of_request ? route->request_fields : route->response_fields);
    }
    if (!of_request) {
        add_hsts(b, site, route);
        add_security(b, route != NULL ? route->security_fields : site->security_fields);
    }
}

static const struct field_rules *build(bool of_request, const struct site_settings *site,
                                       const struct route_settings *route, struct arena *arena)
{
    struct builder b = {.arena = arena};
    struct field_rules *rules;

    add_all(&b, of_request, site, route);
    if (b.count == 0) {
        return NULL;
    }
    rules = arena_calloc(arena, sizeof(*rules));
    rules->items = arena_calloc(arena, b.count * sizeof(*rules->items));
    rules->of_request = of_request;
    b.rules = rules;
    add_all(&b, of_request, site, route);
    return rules;
}

const struct field_rules *field_rules_of_request(const struct site_settings *site,
                                                 const struct route_settings *route,
                                                 struct arena *arena)
{
    return build(true, site, route, arena);
}

const struct field_rules *field_rules_of_response(const struct site_settings *site,
                                                  const struct route_settings *route,
                                                  struct arena *arena)
{
    return build(false, site, route, arena);
}

/* ---- applying ---- */

bool field_rules_pattern_fits(struct span pattern, struct span name)
{
    if (pattern.len != 0 && pattern.ptr[pattern.len - 1] == '*') {
        return span_istarts_with(name, span_head(pattern, pattern.len - 1));
    }
    return span_ieq(pattern, name);
}

static bool fits(const struct field_rules *rules, const struct rule *rule,
                 const struct http_field *field)
{
    if (rule->id != FIELD_OTHER && rule->id == field->id) {
        return true;
    }
    return rules->of_request ? field_name_is_alike(field->name, rule->name)
                             : field_rules_pattern_fits(rule->name, field->name);
}

static void remove_fields(const struct field_rules *rules, const struct rule *rule,
                          struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fits(rules, rule, &fields->items[i])) {
            fields->items[i].is_not_sent = true;
        }
    }
}

static bool has_field(const struct field_rules *rules, const struct rule *rule,
                      const struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->items[i].is_not_sent && fits(rules, rule, &fields->items[i])) {
            return true;
        }
    }
    return false;
}

static void apply(const struct field_rules *rules, const struct rule *rule, struct span value,
                  struct http_fields *fields, struct arena *arena)
{
    if (rule->action == DEFAULT && has_field(rules, rule, fields)) {
        return;
    }
    if (rule->action == REMOVE || rule->action == SET) {
        remove_fields(rules, rule, fields);
    }
    value = span_trim(value);
    if (value.len != 0) {
        http_fields_add(fields, arena, rule->id, rule->name, value);
    }
}

void field_rules_apply(const struct field_rules *rules, bool is_https,
                       const struct template_values *values, struct http_fields *fields,
                       struct arena *arena)
{
    struct span *texts = arena_alloc(arena, rules->count * sizeof(*texts));

    /* All of them before a field goes that one may be made of. */
    for (size_t i = 0; i < rules->count; i++) {
        texts[i] = template_expand(&rules->items[i].value, values, TEMPLATE_FIELD, arena);
    }
    for (size_t i = 0; i < rules->count; i++) {
        if (is_https || !rules->items[i].is_https_only) {
            apply(rules, &rules->items[i], texts[i], fields, arena);
        }
    }
}

void field_rules_apply_to_trailers(const struct field_rules *rules, struct http_fields *trailers)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i].action == REMOVE || rules->items[i].action == SET) {
            remove_fields(rules, &rules->items[i], trailers);
        }
    }
}

/* ---- what may be named ---- */

static const struct {
    struct span name;
    bool in_requests;
    bool in_responses;
    const char *instead;
} kept[] = {
    {SPAN("Connection"), true, true, NULL},
    {SPAN("Content-Length"), true, true, NULL},
    {SPAN("Expect"), true, false, NULL},
    {SPAN("Host"), true, false, NULL},
    {SPAN("HTTP2-Settings"), true, true, NULL},
    {SPAN("Keep-Alive"), true, true, NULL},
    {SPAN("Proxy-Connection"), true, true, NULL},
    {SPAN("TE"), true, true, NULL},
    {SPAN("Trailer"), true, true, NULL},
    {SPAN("Transfer-Encoding"), true, true, NULL},
    {SPAN("Upgrade"), true, true, "upgrade of the route says which protocols may be asked for"},
    {SPAN("Via"), true, false, "via of the backend sends it"},
};

bool field_rules_may_name(struct span name, bool of_request, const char **instead)
{
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if ((of_request ? kept[i].in_requests : kept[i].in_responses) &&
            (field_rules_pattern_fits(name, kept[i].name) ||
             (of_request && field_name_is_alike(name, kept[i].name)))) {
            *instead = kept[i].instead;
            return false;
        }
    }
    return true;
}
