/* What a configuration chooses by a word: one enum for each, for whoever fills it in and for
 * whoever goes by it. The values are the places of the words in the directives' lists (config/). */
#ifndef TIDEGATE_SETTINGS_CHOICES_H
#define TIDEGATE_SETTINGS_CHOICES_H

/* What a site offers by ALPN, or a backend's servers are offered (RFC 7301); HTTP/2 first. */
enum tls_protocols { TLS_H2_AND_H1, TLS_H1_ONLY, TLS_H2_ONLY };
/* TLS 1.2 and 1.3; 1.3 alone; 1.0 and up where the library still lets us. */
enum tls_policy { TLS_POLICY_INTERMEDIATE, TLS_POLICY_MODERN, TLS_POLICY_OLD };
/* Whether clients must show a certificate. OPTIONAL: they may show none, but not a bad one.
 * UNVERIFIED: any, or none; the verdict is told (tls_conn_peer_verdict). */
enum client_verify {
    CLIENT_VERIFY_OFF,
    CLIENT_VERIFY_OPTIONAL,
    CLIENT_VERIFY_REQUIRED,
    CLIENT_VERIFY_UNVERIFIED
};
/* For which certificates without a file of it an OCSP response is fetched, if they name a
 * responder. */
enum ocsp_fetch_policy { OCSP_FETCH_MUST_STAPLE, OCSP_FETCH_OFF, OCSP_FETCH_ALWAYS };
/* Where private keys are: in a process of their own, or in the one that talks to the network. */
enum key_process { KEY_PROCESS_ON, KEY_PROCESS_OFF };
enum tls_prefer { TLS_PREFER_SERVER, TLS_PREFER_CLIENT };

/* Whether a change of the configuration's files counts at once. */
enum watch_choice { WATCH_OFF, WATCH_ON };

/* Which addresses of a server's name are used. */
enum resolve_family { RESOLVE_ANY, RESOLVE_IPV4, RESOLVE_IPV6 };

/* Whether our processes are confined to what they need (sandbox/). */
enum sandbox_choice { SANDBOX_ON, SANDBOX_OFF };

enum otherwise { OTHERWISE_NEXT, OTHERWISE_DENY };

/* What becomes of paths that servers read in different ways. BY_RULES: strict where the site has
 * rules that depend on the path. */
enum site_paths { PATHS_STRICT, PATHS_AS_SENT, PATHS_BY_RULES };

/* Which form of its names a site's clients are sent to: with "www." in front, or without. */
enum site_www { SITE_WWW_AS_IS, SITE_WWW_ADD, SITE_WWW_REMOVE };

/* What a client may say in plain before its TLS begins, upon which the server waits for TLS. */
enum site_starttls { STARTTLS_OFF, STARTTLS_POSTGRES };

enum plain_http { PLAIN_HTTP_REDIRECT, PLAIN_HTTP_SERVE, PLAIN_HTTP_REFUSE };

/* What a client's leaving means for what it has asked; AUTO: as edge/leaving.h tells by its kind.
 */
enum client_close { CLIENT_CLOSE_AUTO, CLIENT_CLOSE_FINISH, CLIENT_CLOSE_ABORT };

/* Which fields for a site's safety responses get (edge/field_rules.c). */
enum security_fields { SECURITY_FIELDS_OFF, SECURITY_FIELDS_BASIC, SECURITY_FIELDS_STRICT };

/* Whether browsers are told to insist on https. */
enum hsts_state { HSTS_OFF, HSTS_ON };

/* Whether what a server says of its own URLs is put right for the client. */
enum locations { LOCATIONS_AUTO, LOCATIONS_OFF };

/* What a server's cookies get, whatever it said. */
enum cookie_secure { COOKIE_SECURE_KEEP, COOKIE_SECURE_ON };
enum cookie_same_site {
    COOKIE_SAME_SITE_KEEP,
    COOKIE_SAME_SITE_LAX,
    COOKIE_SAME_SITE_STRICT,
    COOKIE_SAME_SITE_NONE
};
/* Whether responses are kept. */
enum cache_mode { CACHE_OFF, CACHE_ON };

/* How many of the methods that are named have to say who sends a request. */
enum auth_mode { AUTH_MODE_ANY, AUTH_MODE_ALL, AUTH_MODE_OFF, AUTH_MODE_OPTIONAL };

/* How the gateway says at a token endpoint who it is (RFC 6749 section 2.3.1). */
enum oidc_client_auth { OIDC_CLIENT_BASIC, OIDC_CLIENT_POST };

/* How requests in a time are counted. */
enum rate_kind { RATE_BUCKET, RATE_WINDOW };

/* By which clock hours are meant. */
enum hours_zone { HOURS_UTC, HOURS_LOCAL };
/* Which part of a certificate is its holder's name. */
enum certificate_user {
    CERTIFICATE_USER_SUBJECT,
    CERTIFICATE_USER_DNS,
    CERTIFICATE_USER_URI,
    CERTIFICATE_USER_EMAIL,
    CERTIFICATE_USER_FINGERPRINT
};

enum balance_kind {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST_REQUESTS,
    BALANCE_RANDOM_OF_TWO,
    BALANCE_EWMA,
    BALANCE_FIRST,
    BALANCE_SOURCE, /* from here on: by a key that requests have */
    BALANCE_HASH,
    BALANCE_STICKY
};
/* What a hash is made of; the last three have a name of their own besides. */
enum balance_key {
    BALANCE_KEY_ADDRESS,
    BALANCE_KEY_PATH,
    BALANCE_KEY_SNI,
    BALANCE_KEY_USER,
    BALANCE_KEY_HEADER,
    BALANCE_KEY_COOKIE,
    BALANCE_KEY_QUERY,
    BALANCE_KEY_CLAIM
};
/* Whose requests go first where a backend cannot take all; the first one is the highest. */
enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW };
#define PRIORITY_LEVELS 3
/* How a backend's limit of concurrency is found. */
enum concurrency_adapt { CONCURRENCY_BY_LATENCY, CONCURRENCY_FIXED };
enum same_site { SAME_SITE_LAX, SAME_SITE_STRICT, SAME_SITE_NONE };
enum backend_proxy_protocol {
    BACKEND_PROXY_OFF,
    BACKEND_PROXY_V1,
    BACKEND_PROXY_V2,
    BACKEND_PROXY_V2_TLS
};
/* H2: TLS with ALPN h2 alone; AUTO: as the server chooses by ALPN; H2C: HTTP/2 on plain
 * connections. */
enum backend_protocol { BACKEND_H1, BACKEND_H2, BACKEND_AUTO, BACKEND_H2C, BACKEND_FASTCGI };
/* Whether the gateway looks for a script before it asks a server to run it. */
enum script_files { SCRIPT_FILES_CHECKED, SCRIPT_FILES_TRUSTED };
/* Which Host, or :authority, servers get. */
enum backend_host { BACKEND_HOST_CLIENT, BACKEND_HOST_SERVER, BACKEND_HOST_NAMED };
enum backend_min_version { BACKEND_TLS_1_2, BACKEND_TLS_1_3 };

/* What a server is taken for before its first check. */
enum health_assume { HEALTH_ASSUME_UP, HEALTH_ASSUME_DOWN };

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_COMBINED, LOG_FORMAT_LOGFMT, LOG_FORMAT_TEMPLATE };
/* Whether responses are compressed, how hard that is tried, and what about BREACH. */
enum compress_mode { COMPRESS_OFF, COMPRESS_ON };
enum compress_level { COMPRESS_FAST, COMPRESS_MEDIUM, COMPRESS_HIGH };
enum compress_breach { COMPRESS_BREACH_GUARD, COMPRESS_BREACH_IGNORE };

#endif
