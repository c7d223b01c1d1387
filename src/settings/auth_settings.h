/* Who may send requests: what a site or a route says of it. See settings.h. */
#ifndef TIDEGATE_SETTINGS_AUTH_SETTINGS_H
#define TIDEGATE_SETTINGS_AUTH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "settings/choices.h"
#include "settings/place.h"

struct backend_settings;

struct basic_settings {
    const char *users; /* a file: auth/password_file.h */
    const char *realm;
    uint64_t remember_ms; /* how long a pair that was right is not checked again; 0: never */
    unsigned waiting;     /* passwords that wait to be checked, at most */
    unsigned waiting_per_client;
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

/* Of methods that take tokens: auth/bearer.h. First in theirs. */
struct bearer_settings {
    const char *field; /* besides Authorization; NULL: none */
    const char *cookie;
    const char *realm;
    uint64_t token_bytes;
    bool pass_credentials;
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
    struct bearer_settings bearer;
    struct jwt_issuer_settings *issuers;
    size_t issuer_count;
    uint64_t remember_ms; /* at most, and never longer than the token is good; 0: never */
    unsigned waiting;     /* tokens whose signatures wait to be verified, at most */
    unsigned waiting_per_client;
    struct place place;
};

/* Whoever decides in the gateway's place, at a server of a backend. */
struct auth_forward_settings {
    struct backend_settings *backend;
    const char *path;        /* with a query, perhaps */
    struct string_list send; /* none: all that the client may say */
    struct string_list receive;
    const char *user; /* fields of its answer */
    const char *groups;
    uint64_t timeout_ms;
    unsigned at_once;
    uint64_t remember_ms; /* 0: never */
    struct string_list remember_by;
    uint64_t page_bytes; /* of the body of a refusal that goes to the client; 0: none does */
    const char *sign_in; /* where browsers are sent in place of a 401, a template; NULL: nowhere */
    struct place place;
};

struct auth_introspection_settings {
    struct bearer_settings bearer;
    struct backend_settings *backend;
    const char *path;
    const char *host; /* NULL: as the backend has it */
    const char *client_id;
    const char *client_secret;   /* a file */
    struct string_list audience; /* none: not looked at */
    const char *user;            /* these are paths of claims */
    const char *groups;
    const char *scopes;
    uint64_t timeout_ms;
    unsigned at_once;
    uint64_t remember_ms;          /* what is active; 0: never */
    uint64_t remember_inactive_ms; /* what is not; 0: never */
    struct place place;
};

/* How long somebody who has signed in need not do it again, and what is kept of it. */
struct oidc_session_settings {
    uint64_t idle_ms;
    uint64_t total_ms;
    uint64_t bytes;   /* of the cookies together */
    const char *keys; /* a file; NULL: made when the gateway starts */
    uint64_t rotate_ms;
    struct place place;
};

/* Sign-in at a provider of OpenID Connect. */
struct oidc_settings {
    const char *issuer;
    const char *client_id;
    const char *client_secret; /* a file; NULL: a public client */
    enum oidc_client_auth client_auth;
    struct string_list scopes; /* besides openid */
    const char *ca;            /* NULL: the system's authorities */
    const char *callback;      /* these three are paths of the site's */
    const char *sign_out;
    const char *back_channel;
    const char *signed_out; /* where browsers go behind sign_out: a path of the site's */
    const char *cookie;     /* its name, without __Host- */
    struct oidc_session_settings session;
    uint64_t sign_in_ms; /* from being sent to the provider to being back */
    uint64_t leeway_ms;
    bool userinfo;          /* its claims are asked for, too */
    const char *pass_token; /* the field in which servers get the access token; NULL: they do not */
    const char *user;       /* these are paths of claims */
    const char *groups;
    uint64_t timeout_ms;
    uint64_t every_ms;
    uint64_t pause_ms;
    unsigned at_once;
    unsigned waiting; /* requests, for one question */
    struct place place;
};

struct auth_settings {
    enum auth_mode mode; /* OFF: whatever the site says, and no method */
    struct auth_certificate_settings *client_certificate;
    struct basic_settings *basic;
    struct api_key_settings *api_key;
    struct jwt_settings *jwt;
    struct auth_introspection_settings *introspection;
    struct oidc_settings *oidc;
    struct auth_forward_settings *forward;
    struct place place;
};

#endif
