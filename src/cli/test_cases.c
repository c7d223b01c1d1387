#include "cli/test_cases.h"

#include <string.h>

#include "config/suggest.h"
#include "config/yaml.h"
#include "http/message.h"

struct reading {
    struct arena *arena;
    struct config_report *report;
    struct test_case *test; /* the present one */
};

static bool wrong(struct reading *r, const struct yaml_node *node, const char *what,
                  const char *hint)
{
    config_report_add(r->report, CONFIG_ERROR, node->place, "%s", what);
    if (hint != NULL) {
        config_report_hint(r->report, "%s", hint);
    }
    return false;
}

static const char *text_of(struct reading *r, const struct yaml_node *node)
{
    return arena_cstr(r->arena, node->text);
}

/* ---- keys ---- */

struct key {
    const char *name;
    bool (*take)(struct reading *r, struct yaml_node *node);
};

static bool unknown_key(struct reading *r, const struct yaml_node *node, const struct key *keys,
                        size_t count)
{
    struct suggestion near;

    suggestion_init(&near, node->key->text);
    for (size_t i = 0; i < count; i++) {
        suggestion_offer(&near, keys[i].name);
    }
    config_report_add(r->report, CONFIG_ERROR, node->key->place, "there is no key '%.*s' here",
                      SPAN_ARG(node->key->text));
    if (near.best != NULL) {
        config_report_hint(r->report, "did you mean '%s'?", near.best);
    } else {
        config_report_hint(r->report, "'tidegate help test' has them all");
    }
    return false;
}

/* Each once in a mapping: the parser sees to that. */
static bool take_keys(struct reading *r, struct yaml_node *node, const struct key *keys,
                      size_t count, const char *what)
{
    bool is_fine = true;

    if (node->kind != YAML_MAPPING) {
        return wrong(r, node, what, NULL);
    }
    for (struct yaml_node *value = node->first; value != NULL; value = value->next) {
        size_t i = 0;
        while (i < count && !span_eq_cstr(value->key->text, keys[i].name)) {
            i++;
        }
        is_fine &= i < count ? keys[i].take(r, value) : unknown_key(r, value, keys, count);
    }
    return is_fine;
}

static bool needs_text(struct reading *r, const struct yaml_node *node, const char **slot)
{
    if (node->kind != YAML_TEXT || node->text.len == 0) {
        return wrong(r, node, "a text is needed here", NULL);
    }
    *slot = text_of(r, node);
    return true;
}

/* ---- what is expected ---- */

static bool take_name(struct reading *r, struct yaml_node *node)
{
    return needs_text(r, node, &r->test->name);
}

static bool take_rule(struct reading *r, struct yaml_node *node)
{
    return needs_text(r, node, &r->test->rule);
}

static bool take_route(struct reading *r, struct yaml_node *node)
{
    return needs_text(r, node, &r->test->route);
}

static bool take_backend(struct reading *r, struct yaml_node *node)
{
    return needs_text(r, node, &r->test->backend);
}

static bool take_expect(struct reading *r, struct yaml_node *node)
{
    uint64_t status = 0;

    if (node->kind == YAML_TEXT && span_eq(node->text, SPAN_OF("allow"))) {
        r->test->expect = TEST_ALLOW;
        return true;
    }
    if (node->kind == YAML_TEXT && span_eq(node->text, SPAN_OF("deny"))) {
        r->test->expect = TEST_DENY;
        return true;
    }
    if (node->kind != YAML_TEXT || !span_to_u64(node->text, 599, &status) || status < 100) {
        return wrong(r, node, "'expect' is neither 'allow', nor 'deny', nor a status",
                     "for example expect: 403");
    }
    r->test->expect = TEST_STATUS;
    r->test->status = (unsigned)status;
    return true;
}

/* ---- the request ---- */

static bool take_url(struct reading *r, struct yaml_node *node)
{
    return needs_text(r, node, &r->test->url);
}

static bool take_method(struct reading *r, struct yaml_node *node)
{
    if (node->kind != YAML_TEXT || !http_is_token(node->text)) {
        return wrong(r, node, "this is no method", "for example method: POST");
    }
    r->test->question.method = node->text;
    return true;
}

static bool take_from(struct reading *r, struct yaml_node *node)
{
    if (node->kind != YAML_TEXT ||
        !route_question_from(&r->test->question, text_of(r, node), &r->test->from)) {
        return wrong(r, node, "this is no address", "for example from: 203.0.113.7, or unix");
    }
    return true;
}

static bool take_at(struct reading *r, struct yaml_node *node)
{
    if (node->kind != YAML_TEXT || !route_time_parse(node->text, &r->test->question.at_s)) {
        return wrong(r, node, "this is no time", "for example at: 2027-01-31T18:30:00Z");
    }
    return true;
}

static bool take_certificate(struct reading *r, struct yaml_node *node)
{
    bool has = node->kind == YAML_TEXT && span_eq(node->text, SPAN_OF("true"));

    if (!has && (node->kind != YAML_TEXT || !span_eq(node->text, SPAN_OF("false")))) {
        return wrong(r, node, "this is neither true nor false", "for example certificate: true");
    }
    r->test->question.is_without_certificate = !has;
    return true;
}

static bool add_field(struct reading *r, const struct yaml_node *node, struct span name,
                      struct span value)
{
    struct test_case *test = r->test;

    if (test->field_count == TEST_FIELDS_MAX || !http_is_token(name)) {
        return wrong(r, node, "this is no field, or one too many", "64 are the most");
    }
    test->fields[test->field_count++] = (struct route_field){name, value};
    return true;
}

static bool take_headers(struct reading *r, struct yaml_node *node)
{
    bool is_fine = node->kind == YAML_MAPPING ||
                   wrong(r, node, "names and values are needed", "headers: { X-Canary: \"on\" }");

    for (struct yaml_node *value = node->first; is_fine && value != NULL; value = value->next) {
        is_fine = value->kind == YAML_TEXT ? add_field(r, value, value->key->text, value->text)
                                           : wrong(r, value, "a text is needed here", NULL);
    }
    return is_fine;
}

static bool take_cookies(struct reading *r, struct yaml_node *node)
{
    bool is_fine = node->kind == YAML_MAPPING ||
                   wrong(r, node, "names and values are needed", "cookies: { beta: \"1\" }");

    for (struct yaml_node *value = node->first; is_fine && value != NULL; value = value->next) {
        const char *pair =
            arena_printf(r->arena, "%.*s=%.*s", SPAN_ARG(value->key->text), SPAN_ARG(value->text));
        is_fine = value->kind == YAML_TEXT
                      ? add_field(r, value, SPAN_OF("Cookie"), span_from_cstr(pair))
                      : wrong(r, value, "a text is needed here", NULL);
    }
    return is_fine;
}

/* ---- who sends it ---- */

typedef bool add_who_fn(struct route_who *who, struct span text);

/* A text, or a list of them. */
static bool add_each(struct reading *r, struct yaml_node *node, const char *name, add_who_fn *add)
{
    struct yaml_node *item = node->kind == YAML_LIST ? node->first : node;

    for (; item != NULL; item = node->kind == YAML_LIST ? item->next : NULL) {
        const char *pair = arena_printf(r->arena, "%s=%.*s", name, SPAN_ARG(item->text));
        if (item->kind != YAML_TEXT || !add(&r->test->who, span_from_cstr(pair))) {
            return wrong(r, item, "a text is needed here, at most 64 of them", NULL);
        }
    }
    return true;
}

static bool take_user(struct reading *r, struct yaml_node *node)
{
    return node->kind == YAML_TEXT ? add_each(r, node, "user", route_who_add)
                                   : wrong(r, node, "a text is needed here", NULL);
}

static bool take_group(struct reading *r, struct yaml_node *node)
{
    return add_each(r, node, "group", route_who_add);
}

static bool take_scope(struct reading *r, struct yaml_node *node)
{
    return add_each(r, node, "scope", route_who_add);
}

static bool take_claims(struct reading *r, struct yaml_node *node)
{
    bool is_fine = node->kind == YAML_MAPPING ||
                   wrong(r, node, "names and values are needed", "claims: { level: 3 }");

    for (struct yaml_node *value = node->first; is_fine && value != NULL; value = value->next) {
        is_fine = add_each(r, value, text_of(r, value->key), route_who_add_claim);
    }
    return is_fine;
}

static const struct key who_keys[] = {
    {"user", take_user},
    {"group", take_group},
    {"scope", take_scope},
    {"claims", take_claims},
};

static bool take_as(struct reading *r, struct yaml_node *node)
{
    return take_keys(r, node, who_keys, ARRAY_LEN(who_keys),
                     "'as' says who it is: as: { user: ann }");
}

/* ---- cases ---- */

static const struct key case_keys[] = {
    {"name", take_name},       {"url", take_url},         {"method", take_method},
    {"from", take_from},       {"as", take_as},           {"at", take_at},
    {"headers", take_headers}, {"cookies", take_cookies}, {"certificate", take_certificate},
    {"expect", take_expect},   {"rule", take_rule},       {"route", take_route},
    {"backend", take_backend},
};

static bool has_key(const struct yaml_node *node, const char *name)
{
    for (const struct yaml_node *value = node->first; value != NULL; value = value->next) {
        if (span_eq_cstr(value->key->text, name)) {
            return true;
        }
    }
    return false;
}

/* What the URL says, without taking away what other keys have said. */
static bool finish_question(struct reading *r, const struct yaml_node *node)
{
    struct test_case *test = r->test;
    struct route_question said = test->question;
    struct route_question *question = &test->question;
    struct error error;

    if (!route_question_parse(question, test->url, &error)) {
        return wrong(r, node, error.text, NULL);
    }
    question->method = said.method;
    question->from = said.from;
    question->from_text = said.from_text;
    question->at_s = said.at_s;
    question->is_without_certificate = said.is_without_certificate;
    question->fields = test->fields;
    question->field_count = test->field_count;
    question->says_who = true;
    question->identity = route_who_identity(&test->who);
    if (question->starttls == STARTTLS_OFF && !question->is_bytes) {
        test->alpn[0] = SPAN_OF("h2");
        test->alpn[1] = SPAN_OF("http/1.1");
        question->alpn = test->alpn;
        question->alpn_count = 2;
    }
    if (test->name == NULL) {
        test->name = arena_printf(r->arena, "%.*s %s", SPAN_ARG(question->method), test->url);
    }
    return true;
}

static bool take_case(struct reading *r, struct yaml_node *node)
{
    r->test->place = node->place;
    r->test->question.method = SPAN_OF("GET");
    r->test->question.is_without_certificate = true;
    if (!route_question_from(&r->test->question, "203.0.113.1", &r->test->from) ||
        !take_keys(r, node, case_keys, ARRAY_LEN(case_keys), "a case is a section of keys")) {
        return false;
    }
    if (!has_key(node, "url") || !has_key(node, "expect")) {
        return wrong(r, node, "a case needs 'url' and 'expect'",
                     "- { url: https://shop.example.com/admin/, expect: deny }");
    }
    return finish_question(r, node);
}

bool test_cases_read(struct test_cases *cases, struct span text, const char *file,
                     struct arena *arena, struct config_report *report)
{
    struct reading r = {arena, report, NULL};
    struct yaml_node *root;
    struct yaml_node *list;
    unsigned number;
    bool is_fine = true;

    config_report_start(report);
    number = config_report_source(report, file, text);
    root = yaml_parse(text, number, arena, report);
    *cases = (struct test_cases){NULL, 0};
    if (root == NULL) {
        return false;
    }
    list = root->kind == YAML_MAPPING ? root->first : NULL;
    if (list == NULL || !span_eq_cstr(list->key->text, "cases") || list->next != NULL ||
        list->kind != YAML_LIST || list->count == 0) {
        return wrong(&r, root, "a file of cases has a list 'cases', and nothing else",
                     "cases: [ { url: https://shop.example.com/, expect: allow } ]");
    }
    cases->items = arena_calloc(arena, list->count * sizeof(*cases->items));
    for (struct yaml_node *node = list->first; node != NULL; node = node->next) {
        r.test = &cases->items[cases->count++];
        is_fine &= take_case(&r, node);
    }
    return is_fine;
}
