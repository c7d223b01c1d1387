/* The schema and the manual say what the tables say, and nothing is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/directives.h"
#include "config/load.h"
#include "config/places.h"
#include "config/schema.h"

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size = 0;
    char *copy;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    print(out);
    fclose(out);
    copy = xstrdup(text);
    free(text);
    return copy;
}

static json_t *schema(void)
{
    char *text = printed(config_schema_print);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) {
        fail_msg("line %d: %s", error.line, error.text);
    }
    free(text);
    return root;
}

static json_t *definition(json_t *root, const struct section *section)
{
    return section == &section_root
               ? root
               : json_object_get(json_object_get(root, "$defs"), section->title);
}

static void every_directive_is_in_the_schema(void **state)
{
    json_t *root = schema();

    (void)state;
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        const struct section *section = all_sections[i];
        json_t *object = definition(root, section);
        json_t *properties = json_object_get(object, "properties");
        size_t usable = 0;

        assert_true(json_is_false(json_object_get(object, "additionalProperties")));
        for (size_t j = 0; j < section->count; j++) {
            const struct directive *directive = &section->directives[j];
            json_t *property = json_object_get(properties, directive->name);

            if (!directive_is_usable(directive)) {
                assert_null(property);
                continue;
            }
            usable++;
            assert_non_null(property);
            assert_string_equal(json_string_value(json_object_get(property, "description")),
                                directive->doc);
            assert_int_equal(json_object_get(property, "default") != NULL,
                             directive->fallback != NULL);
        }
        assert_int_equal(json_object_size(properties), usable);
    }
    json_decref(root);
}

static void check_references(json_t *root, json_t *value)
{
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            check_references(root, member);
        }
    }
    if (!json_is_object(value)) {
        return;
    }
    json_object_foreach(value, name, member)
    {
        if (strcmp(name, "$ref") == 0) {
            assert_memory_equal(json_string_value(member), "#/$defs/", 8);
            assert_non_null(
                json_object_get(json_object_get(root, "$defs"), json_string_value(member) + 8));
        }
        check_references(root, member);
    }
}

static void every_reference_in_the_schema_leads_somewhere(void **state)
{
    json_t *root = schema();

    (void)state;
    check_references(root, root);
    json_decref(root);
}

static void every_directive_is_in_the_manual(void **state)
{
    char *text = printed(config_manual_print);
    char heading[128];

    (void)state;
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        const struct section *section = all_sections[i];
        const char *part;

        snprintf(heading, sizeof(heading), "\n## Section %s\n", section->title);
        part = strstr(text, heading);
        assert_non_null(part);
        for (size_t j = 0; j < section->count; j++) {
            snprintf(heading, sizeof(heading),
                     directive_is_usable(&section->directives[j]) ? "\n### `%s`\n" : "`%s` (",
                     section->directives[j].name);
            assert_non_null(strstr(part, heading));
            assert_non_null(strstr(part, section->directives[j].doc));
        }
    }
    free(text);
}

/* A table that is incomplete would make a message end in "(null)". */
static void every_table_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        const struct section *section = all_sections[i];

        assert_non_null(section->doc);
        assert_true(section->scalar_name == NULL ||
                    section_find(section, span_from_cstr(section->scalar_name)) != NULL);
        for (size_t j = 0; j < section->count; j++) {
            const struct directive *d = &section->directives[j];

            assert_ptr_equal(section_find(section, span_from_cstr(d->name)), d);
            assert_non_null(d->doc);
            if (!directive_is_usable(d)) {
                continue;
            }
            assert_true(d->width != 0 && d->offset + d->width <= section->size);
            assert_memory_equal(d->example, d->name, strlen(d->name));
            assert_true(d->min <= d->max);
            assert_int_equal(d->type == DIRECTIVE_ENUM || d->type == DIRECTIVE_WORD,
                             d->words != NULL && d->type != DIRECTIVE_PATH);
        }
    }
}

/* Each example, alone in its section, says nothing wrong about its own key. */
static void every_example_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        const struct section *section = all_sections[i];

        for (size_t j = 0; j < section->count; j++) {
            struct settings *settings = xcalloc(1, sizeof(*settings));
            struct config_report report;
            static const char *const folders[] = {""};
            struct loader loader = {.settings = settings, .report = &report, .folders = folders};
            struct yaml_node *root;
            char *object = xcalloc(1, section->size);

            if (directive_is_usable(&section->directives[j])) {
                config_report_init(&report);
                arena_init(&settings->arena, 4096);
                settings->places = places_create(&settings->arena);
                root = yaml_parse(span_from_cstr(section->directives[j].example), 0,
                                  &settings->arena, &report);
                assert_non_null(root);
                assert_int_equal(root->kind, YAML_MAPPING);
                assert_true(load_value(&loader, &section->directives[j], root->first, object));
                assert_int_equal(report.count, 0);
                config_report_free(&report);
                arena_destroy(&settings->arena);
            }
            free(loader.references);
            free(object);
            free(settings);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_directive_is_in_the_schema),
        cmocka_unit_test(every_reference_in_the_schema_leads_somewhere),
        cmocka_unit_test(every_directive_is_in_the_manual),
        cmocka_unit_test(every_table_is_complete),
        cmocka_unit_test(every_example_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
