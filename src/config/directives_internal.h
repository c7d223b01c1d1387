/* What the files with the tables share. Not for others: they go through directives.h. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_INTERNAL_H
#define TIDEGATE_CONFIG_DIRECTIVES_INTERNAL_H

#include "config/directives.h"
#include "settings/settings.h"

/* The member of a settings struct that a directive fills. */
#define SLOT(type, member)                                                                         \
    .offset = offsetof(struct type, member), .width = sizeof(((struct type *)NULL)->member)
#define COUNT(type, member) .count_offset = offsetof(struct type, member)

#define KIBI ((uint64_t)1 << 10)
#define MEBI ((uint64_t)1 << 20)
#define GIBI ((uint64_t)1 << 30)
#define TEBI ((uint64_t)1 << 40)
#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Longest path, name and value that make sense. */
#define PATH_BYTES_MAX 4095
#define NAME_BYTES_MAX 255

/* In the order of enum client_close. */
extern const char *const client_closes[];
/* The directive of files, sites and routes. */
#define ON_CLIENT_CLOSE(object, whose)                                                             \
    .name = "on_client_close", .type = DIRECTIVE_ENUM, SLOT(object, on_client_close),              \
    .words = client_closes, .example = "on_client_close: finish",                                  \
    .doc = "What becomes of a request whose client ends its connection before the response is "    \
           "whole" whose

/* The directive of backends, sites and routes. */
#define RETRIES(object, whose)                                                                     \
    .name = "retries", .type = DIRECTIVE_SECTION, SLOT(object, retries),                           \
    .section = &section_retries, .example = "retries: { times: 2, for: [connect, reset, 503] }",   \
    .doc = "When a request is sent to another server, because one failed it" whose

extern const struct section section_listener;
extern const struct section section_site;
extern const struct section section_tls;
extern const struct section section_certificate;
extern const struct section section_by_alpn;
extern const struct section section_clients;
extern const struct section section_route;
extern const struct section section_match;
extern const struct section section_match_client;
extern const struct section section_respond;
extern const struct section section_files;
extern const struct section section_request_fields;
extern const struct section section_response_fields;
extern const struct section section_redirect;
extern const struct section section_rewrite;
extern const struct section section_server;
extern const struct section section_backend_tls;
extern const struct section section_resolve;
extern const struct section section_queue;
extern const struct section section_balance;
extern const struct section section_hash;
extern const struct section section_sticky;
extern const struct section section_servers_from;
extern const struct section section_retries;
extern const struct section section_health_check;
extern const struct section section_check_connect;
extern const struct section section_check_http;
extern const struct section section_check_grpc;
extern const struct section section_outliers;
extern const struct section section_limits;
extern const struct section section_timeouts;
extern const struct section section_log;

#endif
