/* All that is different between the two sides of `tidegate diff`, collected once, so that its words
 * (diff_words.h) and its JSON (diff_json.h) say the same. */
#ifndef TIDEGATE_CLI_DIFF_CHANGES_H
#define TIDEGATE_CLI_DIFF_CHANGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/diff_sides.h"
#include "config/compare.h"

/* What runs, as the control socket tells it. */
struct diff_running {
    const json_t *status;       /* /status */
    const json_t *certificates; /* /certificates */
};

/* What a certificate is for, and how long. */
struct diff_facts {
    const char *names;
    int64_t not_after;
    const char *problem; /* why it cannot be read; NULL: none */
};

struct diff_certificate {
    const char *file;  /* absolute */
    const char *owner; /* "site shop.example" */
    bool is_before;
    bool is_after;
    struct diff_facts before;
    struct diff_facts after;
};

/* What has connections that a reload touches. */
struct diff_touched {
    const char *what; /* "site", "listener", "backend" */
    const char *name;
    long long leases; /* of a backend: requests and tunnels on it */
};

struct diff_changes {
    struct comparison comparison;
    struct diff_certificate *certificates;
    size_t certificate_count;
    struct diff_touched *touched;
    size_t touched_count;
    int64_t now;
};

/* running NULL: two files are compared, and nothing is touched. now: seconds since 1970. Everything
 * lives in the sides' arena, in the settings or in `running`. */
void diff_collect(struct diff_changes *changes, struct diff_sides *sides,
                  const struct diff_running *running, int64_t now);
long long diff_days_left(const struct diff_changes *changes, const struct diff_facts *facts);

#endif
