/* Where the lines of a request go, and in which form: what a file's, a site's and a route's `log`
 * come to. One answer for the check, for those who open files, and for the snapshot. No I/O. */
#ifndef TIDEGATE_CONFIG_LOG_OUTLETS_H
#define TIDEGATE_CONFIG_LOG_OUTLETS_H

#include "observe/log_place.h"
#include "settings/settings.h"

/* As many places one log may have, and a configuration. Each has a thread and a queue. */
#define LOG_OUTLETS_MAX 16
#define LOG_PLACES_MAX 128

/* Fills `outlets` of all logs. Last, since the sites' and the routes' are those of the file where
 * they have none of their own. */
void log_outlets_finish(struct settings *settings);

/* The places of a configuration, each once, in an order that follows from the settings alone. */
struct log_names {
    const struct log_outlet_settings *items[LOG_PLACES_MAX]; /* the first of each */
    size_t count;
    const struct log_outlet_settings *left_out; /* the first for which there is no room; or NULL */
};

void log_outlets_names(const struct settings *settings, struct log_names *names);
/* Where among them; `count`: it is none of them. */
size_t log_names_find(const struct log_names *names, const struct log_outlet_settings *outlet);
bool log_outlet_same_place(const struct log_outlet_settings *one,
                           const struct log_outlet_settings *other);
/* What the place of an outlet is. */
void log_outlet_place(const struct log_outlet_settings *outlet, struct log_place *place);
/* Whether a descriptor has to be opened for it by somebody with the rights: a file, or standard
 * output. */
bool log_outlet_has_fd(const struct log_outlet_settings *outlet);

#endif
