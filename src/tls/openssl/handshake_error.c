#include "tls/handshake_error.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "tls/alert.h"
#include "tls/cause.h"
#include "tls/handshake_causes.h"

const struct handshake_cause handshake_closed = {
    "closed", "the peer closed the connection in the middle of the handshake",
    "a port scan or health check does this; if it is a real client, look for its own error "
    "message"};
const struct handshake_cause handshake_reset = {
    "reset", "the connection broke in the middle of the handshake",
    "look at the network between the two, and at the peer's own log"};
const struct handshake_cause handshake_too_long = {
    "too_long", "the peer sent more bytes than any handshake needs",
    "the peer does not speak TLS properly; very long certificate chains count too"};
#define ONLY_NOISE                                                                                 \
    {                                                                                              \
        "only_noise",                                                                              \
            "the peer sent one TLS record after another without any data in it (key updates, "     \
            "tickets, empty records, warnings): more than 32 in a row, or 512 more than with "     \
            "data",                                                                                \
            "the peer is broken or hostile; nothing is to be done here"                            \
    }
const struct handshake_cause handshake_only_noise = ONLY_NOISE;
const struct handshake_cause handshake_not_signed = {
    "not_signed", "whoever holds the private key of our certificate did not sign with it",
    "see the log of the key's holder, and that it has the key of this certificate"};
const struct handshake_cause handshake_wrong_signature = {
    "wrong_signature",
    "whoever holds the private key of our certificate gave a signature that is not that key's",
    "see that the key's holder has the key of this certificate, and no older one"};

static const struct handshake_cause unknown = {"other", "the TLS handshake failed",
                                               "see the library's reason beside this message"};

static const struct handshake_cause other_alert = {
    "alert_other", "the peer ended TLS with an alert", "see the alert's name, and the peer's log"};

static const struct handshake_cause bad_server_certificate = {
    "server_certificate_bad", "the server's certificate could not be verified",
    "see the library's reason beside this message"};
static const struct handshake_cause bad_client_certificate = {
    "client_certificate_bad", "the client's certificate could not be verified",
    "see the library's reason beside this message"};
static const struct handshake_cause bad_backend_certificate = {
    "backend_certificate_bad", "the backend's certificate could not be verified",
    "see the library's reason beside this message"};

/* Several codes of the library mean the same to a person. */
static long verdict_of(long verify_result)
{
    switch (verify_result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        return X509_V_ERR_EE_KEY_TOO_SMALL;
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        return X509_V_ERR_UNABLE_TO_GET_CRL;
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return X509_V_ERR_CRL_HAS_EXPIRED;
    default:
        return verify_result;
    }
}

/* ---- the library's reasons ---- */

#define NO_VERSION                                                                                 \
    {                                                                                              \
        "no_common_version", "the two sides have no TLS version in common",                        \
            "update the older side, or use a policy that takes its version"                        \
    }
#define NO_GROUP                                                                                   \
    {                                                                                              \
        "no_common_group", "the two sides have no key exchange group in common",                   \
            "let the peer offer X25519 or P-256"                                                   \
    }
#define NO_SIGNATURE                                                                               \
    {                                                                                              \
        "no_common_signature",                                                                     \
            "the two sides have no signature algorithm in common for these certificates",          \
            "use an RSA certificate beside the ECDSA one, or update the peer"                      \
    }
#define MALFORMED                                                                                  \
    {                                                                                              \
        "malformed", "the peer sent a handshake message that breaks the rules",                    \
            "update the peer's TLS library; if it is no TLS client, nothing is to be done"         \
    }
#define STRAY_RECORD                                                                               \
    {                                                                                              \
        "unexpected_message", "the peer sent a record that does not belong here",                  \
            "update the peer's TLS library"                                                        \
    }
#define PLAIN_HTTP                                                                                 \
    {                                                                                              \
        "plain_http", "the peer speaks plain HTTP where TLS belongs",                              \
            "use https:// and the right port"                                                      \
    }
#define NOT_TLS                                                                                    \
    {                                                                                              \
        "not_tls", "the peer does not speak TLS",                                                  \
            "check the port, and whether that side expects plain HTTP or another protocol"         \
    }

static const struct cause_row reason_rows[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, NO_VERSION},
    {SSL_R_VERSION_TOO_LOW, NO_VERSION},
    {SSL_R_VERSION_TOO_HIGH, NO_VERSION},
    {SSL_R_WRONG_SSL_VERSION, NO_VERSION},
    {SSL_R_UNKNOWN_PROTOCOL, NO_VERSION},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, NO_VERSION},
    {SSL_R_NO_SHARED_CIPHER,
     {"no_common_cipher", "the client offers no cipher suite that this site takes",
      "update the client, or use the policy intermediate or old; an RSA certificate beside the "
      "ECDSA one helps old clients"}},
    {SSL_R_NO_CIPHERS_AVAILABLE,
     {"no_common_cipher", "no cipher suite is left for this handshake",
      "check the policy against the TLS version that the peer asks for"}},
    {SSL_R_WRONG_CIPHER_RETURNED,
     {"no_common_cipher", "the server chose a cipher suite that was not offered",
      "update the server's TLS library"}},
    {SSL_R_UNKNOWN_CIPHER_RETURNED,
     {"no_common_cipher", "the server chose a cipher suite that was not offered",
      "update the server's TLS library"}},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, NO_SIGNATURE},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, NO_SIGNATURE},
    {SSL_R_WRONG_SIGNATURE_TYPE, NO_SIGNATURE},
    {SSL_R_NO_SUITABLE_KEY_SHARE, NO_GROUP},
    {SSL_R_NO_SHARED_GROUPS, NO_GROUP},
    {SSL_R_NO_SUITABLE_GROUPS, NO_GROUP},
    {SSL_R_WRONG_CURVE,
     {"wrong_curve", "the peer's key, or its certificate's, is on a curve that is not taken here",
      "use P-256; for another one add it to tls.groups of the site"}},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     {"client_certificate_missing", "the client sent no certificate, and this site requires one",
      "give the client a certificate from a CA of tls.clients.ca, or make it optional"}},
    {SSL_R_NO_APPLICATION_PROTOCOL,
     {"no_common_protocol", "the client offers no application protocol that we speak (ALPN)",
      "let it offer h2 or http/1.1, as tls.protocols of the site says"}},
    {SSL_R_HTTP_REQUEST, PLAIN_HTTP},
    {SSL_R_HTTPS_PROXY_REQUEST, PLAIN_HTTP},
    {SSL_R_WRONG_VERSION_NUMBER, NOT_TLS},
    {SSL_R_BAD_PROTOCOL_VERSION_NUMBER, NOT_TLS},
    {SSL_R_INVALID_SESSION_ID, NOT_TLS},
    {SSL_R_CERT_CB_ERROR,
     {"certificate_unusable", "the certificate for this name, or its key, cannot be used",
      "see the reason beside this message, and mend the file; `tidegate check` reads the whole "
      "folder"}},
    {SSL_R_INAPPROPRIATE_FALLBACK,
     {"inappropriate_fallback", "the client fell back to an older TLS version without need",
      "something between the two may have broken its first attempt"}},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
     {"bad_record", "a record was changed on the way, or sealed with another key",
      "something between the two changes bytes: a proxy, a faulty network card"}},
    {SSL_R_BAD_SIGNATURE,
     {"bad_signature", "the peer's signature is wrong: it does not hold the certificate's key",
      "check that the peer's key and certificate belong together"}},
    {SSL_R_DIGEST_CHECK_FAILED,
     {"bad_finished", "the two sides saw different handshakes",
      "something between the two changes bytes"}},
    {SSL_R_UNEXPECTED_MESSAGE,
     {"unexpected_message", "the peer sent a message that does not belong here",
      "update the peer's TLS library"}},
    {SSL_R_UNEXPECTED_RECORD, STRAY_RECORD},
    {SSL_R_BAD_RECORD_TYPE, STRAY_RECORD},
    {SSL_R_APP_DATA_IN_HANDSHAKE, STRAY_RECORD},
    {SSL_R_MIXED_HANDSHAKE_AND_NON_HANDSHAKE_DATA, STRAY_RECORD},
    {SSL_R_NOT_ON_RECORD_BOUNDARY, STRAY_RECORD},
    {SSL_R_CCS_RECEIVED_EARLY, STRAY_RECORD},
    {SSL_R_BAD_CHANGE_CIPHER_SPEC, STRAY_RECORD},
    {SSL_R_INVALID_CCS_MESSAGE, STRAY_RECORD},
    {SSL_R_UNEXPECTED_CCS_MESSAGE, STRAY_RECORD},
    /* The library's own bounds: 32 empty records in a row, five warnings. */
    {SSL_R_RECORD_TOO_SMALL, ONLY_NOISE},
    {SSL_R_TOO_MANY_WARN_ALERTS, ONLY_NOISE},
    {SSL_R_TOO_MANY_KEY_UPDATES, ONLY_NOISE},
    {SSL_R_UNEXPECTED_END_OF_EARLY_DATA, STRAY_RECORD},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
     {"legacy_renegotiation", "the peer does not know secure renegotiation (RFC 5746)",
      "update the peer's TLS library, which is from before 2010"}},
    {SSL_R_EE_KEY_TOO_SMALL,
     {"weak_key", "a certificate's key is too short", "use P-256, or RSA with 2048 bits or more"}},
    {SSL_R_DH_KEY_TOO_SMALL,
     {"weak_key", "the peer's Diffie-Hellman group is too small",
      "let the peer use ECDHE, or a group of 2048 bits or more"}},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE,
     {"too_long", "the peer sent a handshake message above the limit",
      "shorten its certificate chain"}},
    {SSL_R_TOO_MUCH_EARLY_DATA,
     {"too_much_early_data", "the client sent more early data (0-RTT) than its ticket allows",
      "early_data_limit of the site says how much; a client that breaks it is broken itself"}},
    {SSL_R_PACKET_LENGTH_TOO_LONG,
     {"record_too_long", "the peer sent a record above the limit, or does not speak TLS",
      "check that the peer speaks TLS on this port"}},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG,
     {"record_too_long", "the peer sent a record above the limit",
      "update the peer's TLS library"}},
    /* What OpenSSL 3.2 and later say of it. */
    {SSL_R_DATA_LENGTH_TOO_LONG,
     {"record_too_long", "the peer sent a record above the limit, or does not speak TLS",
      "check that the peer speaks TLS on this port"}},
    {SSL_R_LENGTH_MISMATCH, MALFORMED},
    {SSL_R_LENGTH_TOO_SHORT, MALFORMED},
    {SSL_R_LENGTH_TOO_LONG, MALFORMED},
    {SSL_R_BAD_EXTENSION, MALFORMED},
    {SSL_R_BAD_LENGTH, MALFORMED},
    {SSL_R_BAD_PACKET, MALFORMED},
    {SSL_R_BAD_KEY_SHARE, MALFORMED},
    {SSL_R_MISSING_SUPPORTED_GROUPS_EXTENSION, MALFORMED},
    {SSL_R_MISSING_SIGALGS_EXTENSION, MALFORMED},
    {SSL_R_BAD_CIPHER, MALFORMED},
    {SSL_R_BAD_DH_VALUE, MALFORMED},
    {SSL_R_BAD_ECPOINT, MALFORMED},
    {SSL_R_BAD_ECC_CERT, MALFORMED},
    {SSL_R_BAD_HRR_VERSION, MALFORMED},
    {SSL_R_BAD_LEGACY_VERSION, MALFORMED},
    {SSL_R_BAD_PSK, MALFORMED},
    {SSL_R_BAD_PSK_IDENTITY, MALFORMED},
    {SSL_R_BINDER_DOES_NOT_VERIFY, MALFORMED},
    {SSL_R_CA_DN_LENGTH_MISMATCH, MALFORMED},
    {SSL_R_CERT_LENGTH_MISMATCH, MALFORMED},
    {SSL_R_CIPHERSUITE_DIGEST_HAS_CHANGED, MALFORMED},
    {SSL_R_INCONSISTENT_EXTMS, MALFORMED},
    {SSL_R_INVALID_ALERT, MALFORMED},
    {SSL_R_INVALID_COMPRESSION_ALGORITHM, MALFORMED},
    {SSL_R_INVALID_STATUS_RESPONSE, MALFORMED},
    {SSL_R_NO_COMPRESSION_SPECIFIED, MALFORMED},
    {SSL_R_RECORD_LENGTH_MISMATCH, MALFORMED},
    {SSL_R_RENEGOTIATION_ENCODING_ERR, MALFORMED},
    {SSL_R_RENEGOTIATION_MISMATCH, MALFORMED},
    {SSL_R_SSL3_EXT_INVALID_SERVERNAME, MALFORMED},
    {SSL_R_UNKNOWN_ALERT_TYPE, MALFORMED},
    {SSL_R_UNSOLICITED_EXTENSION, MALFORMED},
    {SSL_R_UNSUPPORTED_COMPRESSION_ALGORITHM, MALFORMED},
};

static const struct cause_table reasons = {"any", reason_rows, ARRAY_LEN(reason_rows)};

static const struct handshake_cause *find(const struct cause_table *table, long code)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].code == code) {
            return &table->rows[i].cause;
        }
    }
    return NULL;
}

static const struct handshake_cause *cause_of_alert(const struct handshake_facts *facts)
{
    const struct cause_table *table = facts->is_server        ? &alerts_of_clients
                                      : facts->peer_is_server ? &alerts_of_servers
                                                              : &alerts_of_backends;
    const struct handshake_cause *cause = find(table, facts->alert_received);

    if (cause == NULL) {
        cause = find(&alerts_of_anybody, facts->alert_received);
    }
    return cause != NULL ? cause : &other_alert;
}

static const struct handshake_cause *cause_of_verdict(const struct handshake_facts *facts)
{
    const struct cause_table *table = facts->is_server        ? &verdicts_on_clients
                                      : facts->peer_is_server ? &verdicts_on_servers
                                                              : &verdicts_on_backends;
    const struct handshake_cause *cause = find(table, verdict_of(facts->verify_result));

    if (cause != NULL) {
        return cause;
    }
    return facts->is_server        ? &bad_client_certificate
           : facts->peer_is_server ? &bad_server_certificate
                                   : &bad_backend_certificate;
}

const struct handshake_cause *handshake_cause_of(const struct handshake_facts *facts)
{
    const struct handshake_cause *cause = NULL;
    int reason = ERR_GET_REASON(facts->library_error);

    if (facts->alert_received != TLS_ALERT_NONE) {
        return cause_of_alert(facts);
    }
    if (ERR_GET_LIB(facts->library_error) == ERR_LIB_SSL) {
        if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            return cause_of_verdict(facts);
        }
        cause = find(&reasons, reason);
    }
    return cause != NULL ? cause : &unknown;
}

bool handshake_cause_is_vague(const struct handshake_cause *cause)
{
    return cause == &unknown || cause == &other_alert || cause == &bad_client_certificate ||
           cause == &bad_backend_certificate || cause == &bad_server_certificate;
}

/* ---- all of them ---- */

static const struct cause_table *const tables[] = {
    &reasons,
    &verdicts_on_clients,
    &alerts_of_clients,
    &verdicts_on_backends,
    &alerts_of_backends,
    &verdicts_on_servers,
    &alerts_of_servers,
    &alerts_of_anybody,
};

static const struct {
    const char *side;
    const struct handshake_cause *cause;
} singles[] = {
    {"client", &bad_client_certificate},
    {"backend", &bad_backend_certificate},
    {"server", &bad_server_certificate},
    {"any", &other_alert},
    {"any", &unknown},
    {"any", &handshake_closed},
    {"any", &handshake_reset},
    {"any", &handshake_too_long},
    {"any", &handshake_only_noise},
    {"any", &handshake_not_signed},
    {"any", &handshake_wrong_signature},
};

const struct handshake_cause *handshake_cause_at(size_t i, const char **side)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (i < tables[t]->count) {
            *side = tables[t]->side;
            return &tables[t]->rows[i].cause;
        }
        i -= tables[t]->count;
    }
    if (i < ARRAY_LEN(singles)) {
        *side = singles[i].side;
        return singles[i].cause;
    }
    i -= ARRAY_LEN(singles);
    if (i < CAUSE_COUNT) {
        *side = cause_side((enum cause)i);
        return cause_words((enum cause)i);
    }
    return NULL;
}

/* The peer says so itself (an alert), or simply goes. */
static bool is_peers_doing(const char *word)
{
    return strncmp(word, "alert_", 6) == 0 || strncmp(word, "closed", 6) == 0 ||
           strcmp(word, "reset") == 0;
}

const struct handshake_cause *handshake_cause_find(const char *word, bool of_client)
{
    const char *side;
    const struct handshake_cause *cause;

    for (size_t i = 0; (cause = handshake_cause_at(i, &side)) != NULL; i++) {
        if (strcmp(cause->word, word) == 0 && strcmp(side, of_client ? "backend" : "client") != 0 &&
            strcmp(side, "server") != 0) {
            return cause;
        }
    }
    return NULL;
}

const char *handshake_refused_by(const char *word, bool of_client)
{
    const char *side;
    const struct handshake_cause *cause;

    for (size_t i = 0; (cause = handshake_cause_at(i, &side)) != NULL; i++) {
        if (strcmp(cause->word, word) != 0 || strcmp(side, of_client ? "backend" : "client") == 0 ||
            strcmp(side, "server") == 0) {
            continue;
        }
        if (is_peers_doing(word)) {
            return of_client ? "client" : "backend";
        }
        return cause == cause_words(CAUSE_SERVER_UNREACHABLE) ||
                       cause == cause_words(CAUSE_SERVER_TIMEOUT)
                   ? "network"
                   : "gateway";
    }
    return NULL;
}
