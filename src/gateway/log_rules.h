/* Which requests have a line in the access log, and what is in it besides: what the file, the site
 * and the route say together. Built once from the settings, then asked for each request. No I/O.
 *
 * Members are those of all three, the nearer one's where a name is the same; what one of them has
 * redacted or left out, is; of samples the nearest counts. Where lines go is what the settings came
 * to (config/log_outlets.h). */
#ifndef TIDEGATE_GATEWAY_LOG_RULES_H
#define TIDEGATE_GATEWAY_LOG_RULES_H

#include "edge/template.h"
#include "gateway/log_targets.h"
#include "io/sock.h"
#include "settings/settings.h"

struct log_member {
    struct span name;
    struct template value;
};

/* All in the arena it was built in. */
struct log_rules {
    const struct log_member *members;
    size_t member_count;
    struct string_list redact;
    const struct log_exclude_settings **exclude;
    size_t exclude_count;
    unsigned taken; /* of `of` requests; 0 of 0: all */
    unsigned of;
    struct log_outlets outlets; /* where lines go */
};

/* What stands above may be NULL; without `settings` it is the answer, so that they are shared. The
 * texts were checked when the configuration was read. */
const struct log_rules *log_rules_build(const struct log_rules *above,
                                        const struct log_rules_settings *settings,
                                        const struct log_names *names, struct arena *arena);

struct log_facts {
    struct span path; /* in its normal form; empty: none could be read */
    struct span method;
    unsigned status; /* 0: none was sent */
    const struct peer *client;
    bool has_failed; /* a reason, no answer at all, or a status of 500 and above */
};

/* Whether the line is left out, whatever `sample` says. What failed is left out only by a rule that
 * names statuses. */
bool log_rules_exclude(const struct log_rules *rules, const struct log_facts *facts) MUST_CHECK;
/* Whether it is one of the sample; random: any 32 bits. What failed is always. */
bool log_rules_sample(const struct log_rules *rules, bool has_failed, uint32_t random) MUST_CHECK;

#endif
