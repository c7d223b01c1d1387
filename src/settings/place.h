/* What all parts of the settings are made of. */
#ifndef TIDEGATE_SETTINGS_PLACE_H
#define TIDEGATE_SETTINGS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where something was written: line and column count from 1, 0 when it is a default. `file` is an
 * index in settings_origin.files and among the sources of a config_report. */
struct place {
    int line;
    int column;
    unsigned file;
};

struct string_list {
    const char **items;
    size_t count;
};

/* 10.0.0.0/8, fd00::/8, a single address, or "unix" for peers on a Unix socket. IPv4 is kept as
 * ::ffff:a.b.c.d with 96 added to the prefix length. */
struct network {
    uint8_t address[16];
    uint8_t prefix_bits;
    bool is_unix;
};

struct network_list {
    struct network *items;
    size_t count;
};

struct header_setting {
    const char *name;
    const char *value;
};

#endif
