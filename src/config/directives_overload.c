/* What a backend gets when there is more than it can take, and who goes first; and what is done
 * when the gateway itself has too much. */
#include "config/directives_internal.h"

/* In the order of enum priority, enum concurrency_adapt. */
const char *const priorities[] = {"high", "normal", "low", NULL};
static const char *const adapts[] = {"latency", "off", NULL};

#define LIMIT_MAX 100000

static const struct directive concurrency_directives[] = {
    {.name = "adapt",
     .type = DIRECTIVE_ENUM,
     SLOT(concurrency_settings, adapt),
     .fallback = "latency",
     .words = adapts,
     .doc = "How the limit is found: from the `latency` of answers, or it is `max` (`off`).",
     .more = "With `latency` it rises while answers take about as long as they do without a line "
             "at the servers, and falls in proportion to how much longer they take; failures (no "
             "answer, 503, 504) of a tenth of the requests have it fall, too. See "
             "[docs/overload.md](overload.md). `concurrency: latency` is short for "
             "`concurrency: { adapt: latency }`.",
     .example = "adapt: latency"},
    {.name = "min",
     .type = DIRECTIVE_INTEGER,
     SLOT(concurrency_settings, min),
     .fallback = "1",
     .min = 1,
     .max = LIMIT_MAX,
     .doc = "The limit falls no lower.",
     .example = "min: 10"},
    {.name = "max",
     .type = DIRECTIVE_INTEGER,
     SLOT(concurrency_settings, max),
     .fallback = "1000",
     .min = 1,
     .max = LIMIT_MAX,
     .doc = "The limit rises no higher; with `adapt: off` it is the limit.",
     .example = "max: 500"},
    {.name = "start",
     .type = DIRECTIVE_INTEGER,
     SLOT(concurrency_settings, start),
     .fallback = "20",
     .min = 1,
     .max = LIMIT_MAX,
     .doc =
         "The limit at the start, between `min` and `max`; it doubles until it is too high once.",
     .example = "start: 50"},
    {.name = "tolerance",
     .type = DIRECTIVE_INTEGER,
     SLOT(concurrency_settings, tolerance),
     .fallback = "125",
     .min = 105,
     .max = 190,
     .doc = "Percent of the time without a line at the servers that answers may take.",
     .more = "So many more requests than the servers can work on at once are there, for them to be "
             "busy all the time. Latencies that vary much from one moment to the next need more.",
     .example = "tolerance: 150"},
    {.name = "probe",
     .type = DIRECTIVE_DURATION,
     SLOT(concurrency_settings, probe_ms),
     .fallback = "10s",
     .min = SECOND,
     .max = HOUR,
     .doc = "How often the limit is halved for a moment, to see how long answers take without a "
            "line.",
     .example = "probe: 30s"},
    {.name = "normal_share",
     .type = DIRECTIVE_INTEGER,
     SLOT(concurrency_settings, normal_share),
     .fallback = "90",
     .min = 1,
     .max = 100,
     .doc = "Percent of the limit up to which requests of `priority: normal` are let in.",
     .more = "Only while requests of a higher priority come (within a minute); else they may fill "
             "all of it.",
     .example = "normal_share: 80"},
    {.name = "low_share",
     .type = DIRECTIVE_INTEGER,
     SLOT(concurrency_settings, low_share),
     .fallback = "75",
     .min = 1,
     .max = 100,
     .doc = "The same of `priority: low`.",
     .example = "low_share: 50"},
};

const struct section section_concurrency = {
    .name = "concurrency of a backend",
    .title = "concurrency",
    .doc =
        "How many requests a backend gets at once. A word alone is short for a section with that "
        "`adapt`.",
    .directives = concurrency_directives,
    .count = ARRAY_LEN(concurrency_directives),
    .size = sizeof(struct concurrency_settings),
    .place_offset = offsetof(struct concurrency_settings, place),
    .scalar_name = "adapt",
};

static const struct directive memory_directives[] = {
    {.name = "soft",
     .type = DIRECTIVE_SIZE,
     .flags = DIRECTIVE_UNLIMITED,
     SLOT(memory_settings, soft),
     .fallback = "unlimited",
     .min = MEBI,
     .max = TEBI,
     .doc = "From here on bodies of requests are read no further, and connections of clients that "
            "are between two requests are closed.",
     .more = "Of each body 16 KiB are read, so that most requests come through. A client that "
             "brings the rest waits, as for a server that takes nothing; its own limits of time do "
             "not run. What has waited as long as `response_timeout` says is answered 503.",
     .example = "soft: 2G"},
    {.name = "hard",
     .type = DIRECTIVE_SIZE,
     .flags = DIRECTIVE_UNLIMITED,
     SLOT(memory_settings, hard),
     .fallback = "unlimited",
     .min = MEBI,
     .max = TEBI,
     .doc = "From here on requests are answered 503 with Retry-After, and new connections wait to "
            "be accepted.",
     .more = "The control socket answers all the same. Put it below the limit that the service has "
             "(`MemoryMax=`, a container's), with room for what comes within a tenth of a second.",
     .example = "hard: 3G"},
};

const struct section section_memory = {
    .name = "memory",
    .title = "memory",
    .doc =
        "Marks of the memory that the process has (resident, as the system counts it), looked at "
        "ten times a second. What a mark has stopped goes on when the process has a sixteenth "
        "less than that. Each change is logged, and `tidegate status` shows it.",
    .directives = memory_directives,
    .count = ARRAY_LEN(memory_directives),
    .size = sizeof(struct memory_settings),
    .place_offset = offsetof(struct memory_settings, place),
};
