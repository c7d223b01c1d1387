/* Who may send requests: what a site or a route says of it. See settings.h. */
#ifndef TIDEGATE_SETTINGS_AUTH_SETTINGS_H
#define TIDEGATE_SETTINGS_AUTH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "settings/choices.h"
#include "settings/place.h"

struct basic_settings {
    const char *users; /* a file: auth/password_file.h */
    const char *realm;
    uint64_t remember_ms; /* how long a pair that was right is not checked again; 0: never */
    bool pass_credentials;
    struct place place;
};

struct api_key_settings {
    const char *keys;  /* a file: auth/key_file.h */
    const char *field; /* at least one of these three */
    const char *query;
    const char *cookie;
    bool pass_credentials;
    struct place place;
};

struct auth_settings {
    enum auth_mode mode; /* OFF: whatever the site says, and no method */
    struct basic_settings *basic;
    struct api_key_settings *api_key;
    struct place place;
};

#endif
