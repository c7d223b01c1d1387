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

struct auth_certificate_settings {
    enum certificate_user user;
    struct place place;
};

struct jwt_issuer_settings {
    const char *issuer;
    struct string_list audience;
    const char *keys;     /* a file; or ... */
    const char *keys_url; /* ... where they are fetched */
    const char *ca;       /* of keys_url; NULL: the system's authorities */
    uint64_t timeout_ms;
    uint64_t every_ms;
    uint64_t pause_ms;
    struct string_list algorithms; /* none: those that the keys are for */
    struct string_list types;      /* none: JWT, at+jwt, or no type */
    uint64_t leeway_ms;
    const char *user; /* these are paths of claims */
    const char *groups;
    const char *scopes;
    struct place place;
};

struct jwt_settings {
    struct jwt_issuer_settings *issuers;
    size_t issuer_count;
    const char *field;
    const char *cookie;
    const char *realm;
    uint64_t token_bytes;
    uint64_t remember_ms; /* at most, and never longer than the token is good; 0: never */
    bool pass_credentials;
    struct place place;
};

struct auth_settings {
    enum auth_mode mode; /* OFF: whatever the site says, and no method */
    struct auth_certificate_settings *client_certificate;
    struct basic_settings *basic;
    struct api_key_settings *api_key;
    struct jwt_settings *jwt;
    struct place place;
};

#endif
