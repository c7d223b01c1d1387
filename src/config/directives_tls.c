/* TLS of a site: its certificates, what it agrees to, and the certificates of clients. */
#include "config/directives_internal.h"
#include "config/text_rules.h"

/* In the order of the enums of the same names (settings/choices.h). */
static const char *const ocsp_fetches[] = {"must_staple", "off", "always", NULL};
static const char *const tls_policies[] = {"intermediate", "modern", "old", NULL};
static const char *const tls_versions[] = {"1.0", "1.1", "1.2", "1.3", NULL};
static const char *const tls_prefers[] = {"server", "client", NULL};
static const char *const tls_protocols[] = {"h2+h1", "h1", "h2", NULL};
static const char *const client_verifies[] = {"off", "optional", "required", "optional_unverified",
                                              NULL};

#define KEY_FILE .type = DIRECTIVE_PATH, .min = 1, .max = PATH_BYTES_MAX, .check = rule_key
#define PEM_FILE .type = DIRECTIVE_PATH, .min = 1, .max = PATH_BYTES_MAX, .check = rule_path

#define OCSP_DOC "File with an OCSP response (DER) that is stapled to the certificate."
#define OCSP_MORE                                                                                  \
    "Something else keeps it fresh, such as `openssl ocsp ... -respout FILE` from a timer; it is " \
    "read again when it changes. A response that has expired, or is for another certificate, is "  \
    "not sent, and a warning says so. That there is none is normal, unless the certificate asks "  \
    "for it (must-staple): then it is fetched, see `ocsp_fetch`."

static const struct directive certificate_directives[] = {
    {.name = "certificate",
     PEM_FILE,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(certificate_settings, certificate),
     .doc = "PEM file: the certificate, then its intermediates.",
     .example = "certificate: shop.crt"},
    {.name = "key",
     KEY_FILE,
     .flags = DIRECTIVE_REQUIRED | DIRECTIVE_URI,
     SLOT(certificate_settings, key),
     .doc = "PEM file: the certificate's private key; or a key in a token (`pkcs11:`), as `key` of "
            "`tls` says.",
     .example = "key: shop.key"},
    {.name = "ocsp",
     PEM_FILE,
     SLOT(certificate_settings, ocsp),
     .doc = OCSP_DOC,
     .more = OCSP_MORE,
     .example = "ocsp: shop.ocsp"},
};

const struct section section_certificate = {
    .name = "a certificate",
    .title = "certificate",
    .doc = "One of several certificates of a site, for example an ECDSA and an RSA one: the "
           "handshake picks what the client can use.",
    .directives = certificate_directives,
    .count = ARRAY_LEN(certificate_directives),
    .size = sizeof(struct certificate_settings),
    .place_offset = offsetof(struct certificate_settings, place),
};

static const struct directive clients_directives[] = {
    {.name = "verify",
     .type = DIRECTIVE_ENUM,
     SLOT(tls_clients_settings, verify),
     .fallback = "required",
     .words = client_verifies,
     .doc = "Whether a client must show a certificate, may, or is not asked.",
     .more =
         "With `optional` a client without a certificate is served; one with a certificate that "
         "`ca` did not issue is refused.\n\n"
         "`optional_unverified` lets that one in too, whatever is wrong with its certificate, and "
         "tells the verdict: each forwarded request of the site has the field "
         "`Client-Cert-Verify`, which is `SUCCESS`, `NONE` (no certificate), or `FAILED:` and why. "
         "What says who a client is stays with verified certificates: "
         "`match.client`, `Client-Cert`, `X-Forwarded-Client-Cert`, and `client_subject` of the "
         "log. A certificate that was not verified is sent in `Client-Cert-Unverified`, where "
         "the backend has `client_certificate: true`; the log has `client_unverified` (its "
         "subject, which the client chose) and `client_verdict`. For applications that know "
         "their clients' certificates one by one, or let them enrol. Clients are not told whose "
         "certificates are wanted. A resumed session keeps its verdict; it is made anew when "
         "`ca` or `crl` have changed, or the certificate has expired.",
     .example = "verify: required"},
    {.name = "ca",
     PEM_FILE,
     SLOT(tls_clients_settings, ca),
     .doc = "PEM file: the authorities whose certificates clients may show.",
     .more = "They need not be roots: with an intermediate alone in the file only the clients come "
             "in that it issued, or CAs below it, and with a client's own certificate that client "
             "alone (RFC 5280 section 6.1.1).",
     .example = "ca: partners.pem"},
    {.name = "crl",
     PEM_FILE,
     SLOT(tls_clients_settings, crl),
     .doc = "File of revocation lists (CRL): one of each CA above the clients' certificates, the "
            "root's too.",
     .more = "PEM with any number of lists, or DER with lists one behind the other. The file is "
             "looked at every second and read again when it has changed: who is revoked is "
             "refused from the next handshake on, resumed ones included. A list whose next update "
             "is past lets nobody in until it is renewed. What only root may read the supervisor "
             "opens (`reload_certificates`). A file that has changed and cannot be read, or is "
             "damaged, leaves the lists that were read before in force, with an error in the log, "
             "and so until their next update is past.",
     .example = "crl: partners.crl"},
    {.name = "depth",
     .type = DIRECTIVE_INTEGER,
     SLOT(tls_clients_settings, depth),
     .fallback = "4",
     .min = 1,
     .max = 20,
     .doc = "How many intermediate CAs there may be between a client's certificate and its root.",
     .example = "depth: 2"},
};

const struct section section_clients = {
    .name = "clients",
    .title = "clients",
    .doc = "Two-way TLS: certificates of clients.",
    .directives = clients_directives,
    .count = ARRAY_LEN(clients_directives),
    .size = sizeof(struct tls_clients_settings),
    .place_offset = offsetof(struct tls_clients_settings, place),
};

#define CRYPTO_NAMES(member)                                                                       \
    .type = DIRECTIVE_TEXTS, SLOT(tls_settings, member), .min = 1, .max = 100,                     \
    .pattern = "^[A-Za-z0-9_+-]+$"

static const struct directive tls_directives[] = {
    {.name = "certificate",
     PEM_FILE,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(tls_settings, certificate),
     .doc = "PEM file: the certificate, then its intermediates.",
     .example = "certificate: shop.crt"},
    {.name = "key",
     KEY_FILE,
     .flags = DIRECTIVE_SHORTHAND | DIRECTIVE_URI,
     SLOT(tls_settings, key),
     .doc = "PEM file: the certificate's private key; or a key in a token.",
     .more = "A key in a token (a smart card, an HSM) is named by its PKCS#11 URI (RFC 7512), by "
             "its `object` or its `id`: `pkcs11:token=gate;object=shop;type=private"
             "?pin-source=file:/etc/tidegate/pin`. The PIN is in a file of one line, which root "
             "alone need be able to read; `module-path` names the module, if it is not the one "
             "that p11-kit is configured with. OpenSSL needs a way there: its engine (Debian 12: "
             "libengine-pkcs11-openssl), or with OpenSSL 3.2 and newer its provider "
             "(pkcs11-provider). The module runs as the gateway's `user` and `group`, without "
             "other groups, and opens what `key_module_files` names. A key that has been exchanged "
             "in the token counts with the next reload.",
     .example = "key: shop.key"},
    {.name = "certificates",
     .type = DIRECTIVE_SECTIONS,
     SLOT(tls_settings, certificates),
     COUNT(tls_settings, certificate_count),
     .min = 1,
     .max = 64,
     .section = &section_certificate,
     .doc = "Several certificates side by side; each handshake picks one.",
     .more = "Picked by what is valid at that moment, then by name (the very name before a "
             "wildcard), then by what the client can check; of two alike the one that was issued "
             "last. One that has expired, or is not valid yet, is served only when there is "
             "nothing better. Keys that a client may check, or not, do not stand in each other's "
             "way: RSA, RSA for PSS alone, P-256, P-384, P-521, Ed25519 and Ed448 can lie side by "
             "side. The same holds for `certificates_from`.",
     .example = "certificates: [ { certificate: ec.crt, key: ec.key } ]"},
    {.name = "ocsp",
     PEM_FILE,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(tls_settings, ocsp),
     .doc = OCSP_DOC,
     .more = OCSP_MORE,
     .example = "ocsp: shop.ocsp"},
    {.name = "certificates_from",
     .type = DIRECTIVE_PATH,
     SLOT(tls_settings, certificates_from),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A folder of certificates, each used for the names that are in it.",
     .more =
         "A certificate is a file NAME.crt, NAME.cer or NAME.pem with its key in NAME.key or in "
         "the same file, and perhaps an OCSP response in NAME.ocsp; NAME itself means nothing. "
         "Folders within are looked into, too, but not those in them; there and here fullchain.pem "
         "goes with privkey.pem, as certbot writes them (`certificates_from: "
         "/etc/letsencrypt/live`). A client gets the certificate that has its "
         "server name (SNI), or the wildcard of its parent domain: the best of those that are "
         "valid at that moment and that it can check (`certificates`); else those of `certificate` "
         "and `certificates`, and if there are none the "
         "handshake is refused. With `hosts: [\"*\"]` the folder alone decides which names are "
         "served.\n\n"
         "Only names are read at the start, of tens of thousands of files within a second or "
         "two. A key is read when it is first needed; what the user that the gateway becomes "
         "(`user`) may not read the supervisor opens for it. New, changed and removed files are "
         "seen without a restart (`reload_certificates`).",
     .example = "certificates_from: certificates"},
    {.name = "certificates_loaded",
     .type = DIRECTIVE_INTEGER,
     SLOT(tls_settings, certificates_loaded),
     .fallback = "2000",
     .min = 1,
     .max = 1000000,
     .doc = "How many certificates of the folder are kept in memory; those used least recently go.",
     .more = "One takes 10 to 20 KiB. A certificate that is not there is read again.",
     .example = "certificates_loaded: 2000"},
    {.name = "ocsp_fetch",
     .type = DIRECTIVE_ENUM,
     SLOT(tls_settings, ocsp_fetch),
     .fallback = "must_staple",
     .words = ocsp_fetches,
     .doc = "For which certificates without a file of it an OCSP response is fetched and stapled.",
     .more =
         "`must_staple`: for those that ask for a stapled response. `always`: for all that name a "
         "responder. `off`: for none. It is asked for at the address that the certificate names "
         "(http:// only, not through a proxy), at the start and again at half of the response's "
         "life, or at least once a day. Handshakes do not wait for it: until it is there, and "
         "when a responder is gone for longer than the last response holds, none is stapled. "
         "A renewed certificate of the site's own, seen while the gateway runs, is used when its "
         "response is there, or half a minute later; one of a folder at once. "
         "A response that says \"revoked\" is told in the log as an error and not stapled. The "
         "issuer's certificate must be in the certificate's file. `timeouts: { ocsp: ... }` "
         "bounds each fetch.",
     .example = "ocsp_fetch: always"},
    {.name = "policy",
     .type = DIRECTIVE_ENUM,
     SLOT(tls_settings, policy),
     .fallback = "intermediate",
     .words = tls_policies,
     .doc = "Which TLS versions and ciphers are spoken: Mozilla's presets.",
     .more =
         "`modern` is TLS 1.3 alone. `intermediate` adds TLS 1.2 with forward secrecy and "
         "suits nearly every client of the last ten years. `old` goes back to TLS 1.0 and is "
         "for clients that cannot be replaced. They differ from Mozilla's in three things: no "
         "finite-field Diffie-Hellman (DHE), which costs much and serves hardly anyone, no 3DES in "
         "`old`, and the order is ours (`prefer`), with AES-128 first.",
     .example = "policy: modern"},
    {.name = "min_version",
     .type = DIRECTIVE_WORD,
     SLOT(tls_settings, min_version),
     .flags = DIRECTIVE_TLS_VERSION,
     .words = tls_versions,
     .doc = "The lowest TLS version, in place of the policy's.",
     .more = "`1.2`, `\"1.2\"` and `TLSv1.2` are the same. Below 1.2 the library's security level "
             "has to be lowered, and the ciphers of `old` "
             "are taken unless `ciphers` says otherwise.",
     .example = "min_version: 1.2"},
    {.name = "max_version",
     .type = DIRECTIVE_WORD,
     SLOT(tls_settings, max_version),
     .flags = DIRECTIVE_TLS_VERSION,
     .words = tls_versions,
     .doc = "The highest TLS version.",
     .example = "max_version: 1.3"},
    {.name = "ciphers",
     CRYPTO_NAMES(ciphers),
     .doc = "The ciphers of TLS 1.2 and below, best first, in place of the policy's.",
     .more = "By the TLS library's names or by those of IANA. Finite-field Diffie-Hellman (DHE) is "
             "served where it is named, with the library's groups of 2048 bits or more; it costs a "
             "server many times what ECDHE does. `tidegate check` tries whether any client can "
             "connect with what is left.",
     .example = "ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256]"},
    {.name = "cipher_suites",
     CRYPTO_NAMES(cipher_suites),
     .doc = "The cipher suites of TLS 1.3, best first, in place of the policy's.",
     .example = "cipher_suites: [TLS_AES_256_GCM_SHA384]"},
    {.name = "groups",
     CRYPTO_NAMES(groups),
     .doc = "The groups for key exchange, best first, in place of the policy's.",
     .more =
         "Without it X25519MLKEM768 (post-quantum, where the TLS library has it), X25519, "
         "P-256 and P-384, and P-521 where there are `clients`. Until TLS 1.2 they are also the "
         "curves on which clients' certificates may be (RFC 8422): one on another "
         "curve is refused as `wrong_curve`. `tidegate version` shows what the library has.",
     .example = "groups: [X25519, P-256]"},
    {.name = "signature_algorithms",
     CRYPTO_NAMES(signature_algorithms),
     .doc = "What handshakes and client certificates may be signed with, best first.",
     .example = "signature_algorithms: [ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256]"},
    {.name = "prefer",
     .type = DIRECTIVE_ENUM,
     SLOT(tls_settings, prefer),
     .fallback = "server",
     .words = tls_prefers,
     .doc = "Whose order of ciphers counts.",
     .more =
         "With `server` a client that puts ChaCha20 first, as those without AES in hardware do, "
         "still gets it.",
     .example = "prefer: server"},
    {.name = "protocols",
     .type = DIRECTIVE_ENUM,
     SLOT(tls_settings, protocols),
     .fallback = "h2+h1",
     .words = tls_protocols,
     .doc = "Which HTTP versions clients may choose in the handshake (ALPN).",
     .more = "`h2+h1` is HTTP/2 for clients that know it, else HTTP/1.1; `h1` and `h2` are one "
             "alone: a client that offers only the other one is refused in the handshake, and with "
             "`h2` also one that offers nothing, as HTTP/2 over TLS must be agreed on (RFC 9113 "
             "section 3.3). A client that offers HTTP/1.0 gets it where HTTP/1.1 is spoken. Plain "
             "ports take HTTP/2 from clients that know beforehand that it is "
             "spoken, "
             "and HTTP/1.1; the `h2c` of Upgrade is ignored.",
     .example = "protocols: h1"},
    {.name = "clients",
     .type = DIRECTIVE_SECTION,
     SLOT(tls_settings, clients),
     .section = &section_clients,
     .doc = "Two-way TLS: certificates of clients.",
     .example = "clients: { verify: required, ca: partners.pem }"},
    {.name = "ticket_rotation",
     .type = DIRECTIVE_DURATION,
     SLOT(tls_settings, ticket_rotation_ms),
     .fallback = "8h",
     .min = SECOND,
     .max = 84 * HOUR,
     .doc = "How long a key for session tickets is used before the next one takes its place.",
     .more = "A client can resume its session until the key that sealed its ticket has been "
             "replaced twice. Keys are made at random by the process that carries the traffic, "
             "kept in its memory alone, and forgotten then, or when it ends: after each start "
             "clients shake hands in full once. They go over to the process that takes the "
             "place of one that runs (`tidegate upgrade`).",
     .example = "ticket_rotation: 8h"},
    {.name = "session_cache",
     .type = DIRECTIVE_INTEGER,
     SLOT(tls_settings, session_cache),
     .fallback = "1024",
     .min = 0,
     .max = 1000000,
     .doc = "How many sessions of TLS 1.2 clients that know no tickets are kept, for all workers.",
     .more =
         "Such clients, most of them small devices, resume by a session's number. One takes about "
         "1 KiB, and goes when two `ticket_rotation` have passed, when there are more, or when "
         "a file of the site's TLS is renewed. `0` keeps none. Not with `clients`: who the client "
         "is is "
         "looked at again with tickets alone.",
     .example = "session_cache: 20000"},
    {.name = "early_data",
     .type = DIRECTIVE_BOOL,
     SLOT(tls_settings, early_data),
     .fallback = "false",
     .doc =
         "Whether clients that come back may send requests along with their first bytes (0-RTT).",
     .more =
         "It saves them a round trip. Such requests can be recorded on the way and sent again: "
         "the gateway takes each once, but a client whose own came second will repeat it. So "
         "only GET, HEAD and OPTIONS are "
         "answered before the handshake is over, others with 425 (Too Early), upon which "
         "clients repeat them. Servers are told by `Early-Data: 1` and may answer 425 "
         "too (RFC 8470): turn it on only where they know the field, or where no GET changes "
         "anything. Not together with `clients`. What was recorded before a start of the "
         "gateway cannot be opened after it, as tickets end with the process that made them; "
         "a process that takes the place of one that crashed, or after an upgrade, takes no early "
         "data for its first 16 s besides (RFC 8446 section 8.2): clients send their requests "
         "after the "
         "handshake then.",
     .example = "early_data: true"},
    {.name = "early_data_limit",
     .type = DIRECTIVE_SIZE,
     SLOT(tls_settings, early_data_limit),
     .fallback = "16k",
     .min = 1024,
     .max = MEBI,
     .doc = "How many bytes a connection may bring before its handshake is over.",
     .example = "early_data_limit: 8k"},
    {.name = "acme", .type = DIRECTIVE_LATER, .doc = "certificates that fetch themselves"},
    {.name = "tickets", .type = DIRECTIVE_LATER, .doc = "ticket keys shared by several gateways"},
};

const struct section section_tls = {
    .name = "tls of a site",
    .title = "tls",
    .doc = "TLS that ends here: with `certificate` and `key`, `certificates`, or a folder of them, "
           "`certificates_from`.",
    .directives = tls_directives,
    .count = ARRAY_LEN(tls_directives),
    .size = sizeof(struct tls_settings),
    .place_offset = offsetof(struct tls_settings, place),
};
