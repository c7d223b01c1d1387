/* A file of cases for `tidegate test`: requests, and what is to become of them. YAML:
 *
 *   cases:
 *     - name: staff may
 *       url: https://shop.example.com/admin/
 *       from: 10.0.0.7
 *       as: { user: ann, group: [staff], claims: { level: 3 } }
 *       expect: allow
 */
#ifndef TIDEGATE_CLI_TEST_CASES_H
#define TIDEGATE_CLI_TEST_CASES_H

#include "base/arena.h"
#include "cli/route_question.h"
#include "cli/route_who.h"
#include "config/report.h"

enum { TEST_FIELDS_MAX = 64 };

/* What is expected. */
enum test_expect { TEST_ALLOW, TEST_DENY, TEST_STATUS };

struct test_case {
    const char *name; /* as written, or the method and the URL */
    const char *url;
    struct place place;
    enum test_expect expect;
    unsigned status;  /* of TEST_STATUS */
    const char *rule; /* which decides; NULL: any; so are these */
    const char *route;
    const char *backend;
    struct route_question question;
    struct network from;
    struct route_field fields[TEST_FIELDS_MAX];
    size_t field_count;
    struct route_who who;
    struct span alpn[2];
};

struct test_cases {
    struct test_case *items;
    size_t count;
};

/* Everything is in the arena. False: what is wrong is in the report. */
bool test_cases_read(struct test_cases *cases, struct span text, const char *file,
                     struct arena *arena, struct config_report *report) MUST_CHECK;

#endif
