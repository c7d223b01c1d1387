/* What the tests of the configuration's messages share. */
#ifndef TIDEGATE_TESTS_CONFIG_MESSAGES_H
#define TIDEGATE_TESTS_CONFIG_MESSAGES_H

#include "config/config.h"

/* Three good lines, so that what follows begins on line 4. */
#define SITE "sites:\n  - hosts: [a.example]\n    backend: 127.0.0.1:1\n"
/* Two; the site's own directives follow, from line 3. */
#define HOST "sites:\n  - hosts: [a.example]\n"
/* Four; the route's directives follow. */
#define ROUTE HOST "    routes:\n      - backend: 127.0.0.1:1\n"
#define BACKEND SITE "backends:\n  - name: b\n    servers: [127.0.0.1:2]\n"

struct message_case {
    const char *yaml;
    int line;
    int column;
    const char *text;
    const char *hint; /* a part of it; NULL: not looked at */
};

/* The first `len` bytes of the text, at the end of a block of memory: a read behind it is found. */
struct settings *load_part(const char *yaml, size_t len, struct config_report *report);
/* The report has that message, and no other. */
void check_config_message(const struct message_case *expected, const struct config_report *report,
                          enum config_severity severity);

#endif
