#include "tls/handshake_error.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "tls/alert.h"
#include "tls/failure_words.h"

struct row {
    int code;
    struct handshake_cause cause;
};

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
const struct handshake_cause handshake_only_noise = {
    "only_noise", "the peer sent TLS records without any data in them, over and over",
    "the peer is broken or hostile; nothing is to be done here"};

static const struct handshake_cause unknown = {"other", "the TLS handshake failed",
                                               "see the library's reason beside this message"};

/* ---- alerts that the peer sent ---- */

static const struct row alerts_of_clients[] = {
    {TLS_ALERT_UNKNOWN_CA,
     {"alert_unknown_ca", "the client does not trust the CA that issued this site's certificate",
      "put the intermediate certificates into the certificate file, or add the root to the "
      "client's "
      "trust store"}},
    {TLS_ALERT_CERTIFICATE_UNKNOWN,
     {"alert_certificate_unknown", "the client refused this site's certificate",
      "check that it covers the name the client asked for, is current, and comes from a CA that "
      "the "
      "client trusts"}},
    {TLS_ALERT_BAD_CERTIFICATE,
     {"alert_bad_certificate",
      "the client found this site's certificate broken or for another name",
      "check its names and chain with 'tidegate check'"}},
    {TLS_ALERT_CERTIFICATE_EXPIRED,
     {"alert_certificate_expired", "the client says that this site's certificate has expired",
      "renew it and reload; if it is current, the client's clock is wrong"}},
    {TLS_ALERT_CERTIFICATE_REVOKED,
     {"alert_certificate_revoked", "the client says that this site's certificate was revoked",
      "request a new certificate with a new key"}},
    {TLS_ALERT_UNSUPPORTED_CERTIFICATE,
     {"alert_unsupported_certificate",
      "the client cannot use this kind of certificate, or not for a server",
      "use one with an RSA or P-256 key that is meant for servers (extendedKeyUsage serverAuth)"}},
    {TLS_ALERT_HANDSHAKE_FAILURE,
     {"alert_handshake_failure", "the client found no common settings",
      "a policy that is less strict, or an RSA certificate beside the ECDSA one, may help it"}},
    {TLS_ALERT_PROTOCOL_VERSION,
     {"alert_protocol_version", "the client does not speak a TLS version that this site takes",
      "update the client, or use the policy intermediate or old"}},
    {TLS_ALERT_UNRECOGNIZED_NAME,
     {"alert_unrecognized_name", "the client does not take this server for the name it asked for",
      "check the site's hosts against the name in the client's configuration"}},
    {TLS_ALERT_DECRYPT_ERROR,
     {"alert_decrypt_error", "the client could not check a signature of this handshake",
      "something between the two changes bytes, or the client's TLS library is broken"}},
    {TLS_ALERT_USER_CANCELED,
     {"alert_user_canceled", "the client's user stopped it", "nothing is wrong"}},
};

static const struct row alerts_of_backends[] = {
    {TLS_ALERT_UNKNOWN_CA,
     {"alert_unknown_ca", "the backend does not trust the CA that issued our client certificate",
      "add that CA to the backend's list of client authorities, with its intermediates"}},
    {TLS_ALERT_CERTIFICATE_UNKNOWN,
     {"alert_certificate_unknown", "the backend refused our client certificate",
      "see the backend's log; check tls.certificate of this backend"}},
    {TLS_ALERT_BAD_CERTIFICATE,
     {"alert_bad_certificate", "the backend refused our client certificate, or wants one",
      "check tls.certificate and tls.key of this backend"}},
    {TLS_ALERT_CERTIFICATE_REQUIRED,
     {"alert_certificate_required", "the backend wants a client certificate",
      "give this backend tls.certificate and tls.key"}},
    {TLS_ALERT_CERTIFICATE_EXPIRED,
     {"alert_certificate_expired", "the backend says that our client certificate has expired",
      "renew tls.certificate of this backend"}},
    {TLS_ALERT_CERTIFICATE_REVOKED,
     {"alert_certificate_revoked", "the backend says that our client certificate was revoked",
      "request a new one for tls.certificate of this backend"}},
    {TLS_ALERT_UNSUPPORTED_CERTIFICATE,
     {"alert_unsupported_certificate", "the backend cannot use our client certificate",
      "use one that is meant for clients (extendedKeyUsage clientAuth)"}},
    {TLS_ALERT_HANDSHAKE_FAILURE,
     {"alert_handshake_failure",
      "the backend found no common settings, or wants a client certificate",
      "check which TLS versions and ciphers it offers, and whether it asks for a certificate"}},
    {TLS_ALERT_PROTOCOL_VERSION,
     {"alert_protocol_version", "the backend does not speak TLS 1.2 or 1.3",
      "update the backend's TLS"}},
    {TLS_ALERT_UNRECOGNIZED_NAME,
     {"alert_unrecognized_name", "the backend has no site of the name that we asked for",
      "set tls.server_name of this backend to a name it serves"}},
};

static const struct row alerts_of_servers[] = {
    {TLS_ALERT_UNKNOWN_CA,
     {"alert_unknown_ca", "the server does not trust the CA that issued this client certificate",
      "use a certificate from a CA that the server accepts, and send its intermediates; see what "
      "the server's CertificateRequest names"}},
    {TLS_ALERT_CERTIFICATE_UNKNOWN,
     {"alert_certificate_unknown", "the server refused this client certificate",
      "see the server's log; check what the certificate given with --cert says"}},
    {TLS_ALERT_BAD_CERTIFICATE,
     {"alert_bad_certificate", "the server found this client certificate broken or weak",
      "see the server's log; check what the certificate given with --cert says"}},
    {TLS_ALERT_CERTIFICATE_REQUIRED,
     {"client_certificate_missing", "the server wants a client certificate, and none was sent",
      "give one with --cert and --key"}},
    {TLS_ALERT_CERTIFICATE_EXPIRED,
     {"alert_certificate_expired", "the server says that this client certificate has expired",
      "renew the certificate given with --cert; if it is current, the server's clock is wrong"}},
    {TLS_ALERT_CERTIFICATE_REVOKED,
     {"alert_certificate_revoked", "the server says that this client certificate was revoked",
      "request a new one"}},
    {TLS_ALERT_UNSUPPORTED_CERTIFICATE,
     {"alert_unsupported_certificate",
      "the server cannot use this client certificate, or not for a client",
      "use one that is meant for clients (extendedKeyUsage clientAuth)"}},
    {TLS_ALERT_HANDSHAKE_FAILURE,
     {"alert_handshake_failure",
      "the server found no common settings: most often no common cipher suite",
      "compare what the ClientHello offers with the server's policy and the kind of its "
      "certificate"}},
    {TLS_ALERT_PROTOCOL_VERSION,
     {"alert_protocol_version", "the server takes none of the TLS versions that were offered",
      "try without --tls1.2; else update the server's TLS, or make its policy less strict"}},
    {TLS_ALERT_UNRECOGNIZED_NAME,
     {"alert_unrecognized_name", "the server has no site of the name that was asked for (SNI)",
      "check the spelling; --sni sends another name; on the server, add it to the hosts of a "
      "site"}},
    {TLS_ALERT_NO_APPLICATION_PROTOCOL,
     {"alert_no_application_protocol",
      "the server speaks none of the protocols that were offered (ALPN)",
      "try without --http1.1; a server of another protocol may listen on this port"}},
    {TLS_ALERT_ACCESS_DENIED,
     {"alert_access_denied", "the server knows this client certificate and lets it not in",
      "see the server's access rules"}},
    {TLS_ALERT_INSUFFICIENT_SECURITY,
     {"alert_insufficient_security", "the server wants stronger ciphers than were offered",
      "try without --tls1.2"}},
};

static const struct row alerts_of_anybody[] = {
    {TLS_ALERT_CLOSE_NOTIFY,
     {"closed", "the peer said goodbye in the middle of the handshake",
      "look for the peer's own error message"}},
    {TLS_ALERT_ACCESS_DENIED,
     {"alert_access_denied", "the peer knows our certificate and lets it not in",
      "see the peer's access rules"}},
    {TLS_ALERT_INTERNAL_ERROR,
     {"alert_internal_error", "the peer had an error of its own", "see the peer's log"}},
    {TLS_ALERT_NO_APPLICATION_PROTOCOL,
     {"alert_no_application_protocol", "the peer speaks none of the protocols that we offer (ALPN)",
      "we speak http/1.1; let the peer offer it"}},
    {TLS_ALERT_INSUFFICIENT_SECURITY,
     {"alert_insufficient_security", "the peer wants stronger ciphers",
      "use a stricter policy, or an ECDSA certificate"}},
    {TLS_ALERT_ILLEGAL_PARAMETER,
     {"alert_illegal_parameter", "the peer found our handshake against the rules",
      "something between the two may change it; update the peer's TLS library"}},
    {TLS_ALERT_BAD_RECORD_MAC,
     {"alert_bad_record_mac", "the peer got a record that was changed on the way",
      "something between the two changes bytes: a proxy, a faulty network card"}},
    {TLS_ALERT_INAPPROPRIATE_FALLBACK,
     {"alert_inappropriate_fallback", "the peer saw a needless fall-back to an older version",
      "let the client try its best version first"}},
    {TLS_ALERT_UNEXPECTED_MESSAGE,
     {"alert_unexpected_message", "the peer got a message that does not belong where it came",
      "something between the two may change the handshake; update both TLS libraries"}},
    {TLS_ALERT_RECORD_OVERFLOW,
     {"alert_record_overflow", "the peer got a record that is too long",
      "something between the two changes bytes; update both TLS libraries"}},
    {TLS_ALERT_DECODE_ERROR,
     {"alert_decode_error", "the peer could not read our handshake message",
      "something between the two may change it, or cannot take large hellos; update the peer"}},
    {TLS_ALERT_DECRYPT_ERROR,
     {"alert_decrypt_error", "the peer could not check a signature of this handshake",
      "check that our key and certificate belong together; else something changes bytes"}},
    {TLS_ALERT_MISSING_EXTENSION,
     {"alert_missing_extension", "the peer misses an extension in our handshake",
      "the peer may demand a server name (SNI); send one"}},
    {TLS_ALERT_UNSUPPORTED_EXTENSION,
     {"alert_unsupported_extension", "the peer got an extension that it had not asked for",
      "update both TLS libraries"}},
    {TLS_ALERT_NO_RENEGOTIATION,
     {"alert_no_renegotiation", "the peer does not begin a second handshake",
      "nothing here asks for one; see the peer's log"}},
    {TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE,
     {"alert_bad_certificate_status_response", "the peer refused the stapled OCSP response",
      "renew the response, or staple none"}},
    {TLS_ALERT_UNKNOWN_PSK_IDENTITY,
     {"alert_unknown_psk_identity", "the peer wants a pre-shared key that it knows",
      "this is no port for certificates; see the peer's configuration"}},
    {TLS_ALERT_USER_CANCELED,
     {"alert_user_canceled", "the peer's user stopped it", "nothing is wrong"}},
};

static const struct handshake_cause other_alert = {"alert_other",
                                                   "the peer ended the handshake with an alert",
                                                   "see the alert's name, and the peer's log"};

/* ---- certificates that we did not accept ---- */

static const struct row verdicts_on_clients[] = {
    {X509_V_ERR_CRL_HAS_EXPIRED,
     {"client_crl_expired",
      "the list of revoked certificates (CRL) for the client's CA has expired",
      "fetch a new CRL into the file of tls.clients.crl"}},
    {X509_V_ERR_UNABLE_TO_GET_CRL,
     {"client_crl_missing", "the list of revoked certificates (CRL) for the client's CA is missing",
      "add the CRL of that CA"}},
    {X509_V_ERR_CERT_HAS_EXPIRED,
     {"client_certificate_expired", "the client's certificate, or one above it, has expired",
      "renew the client's certificate; if it is current, check this machine's clock"}},
    {X509_V_ERR_CERT_NOT_YET_VALID,
     {"client_certificate_not_yet_valid", "the client's certificate is not valid yet",
      "check this machine's clock, and the certificate's first day"}},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     {"client_certificate_unknown_ca",
      "the client's certificate comes from a CA that is not in "
      "tls.clients.ca",
      "add the CA to that file, or let the client send its intermediate certificates"}},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     {"client_certificate_unknown_ca",
      "the client's certificate comes from a CA that is not in "
      "tls.clients.ca",
      "add the CA to that file, if you mean to trust it"}},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     {"client_certificate_self_signed", "the client's certificate is signed by itself",
      "issue one with a CA of tls.clients.ca, or add this very certificate to that file"}},
    {X509_V_ERR_INVALID_PURPOSE,
     {"client_certificate_wrong_purpose", "the client's certificate is not meant for clients",
      "issue one with extendedKeyUsage clientAuth"}},
    {X509_V_ERR_CERT_REVOKED,
     {"client_certificate_revoked", "the client's certificate was revoked",
      "issue a new one to the client, if it should come in"}},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG,
     {"client_chain_too_long",
      "there are more intermediate certificates above the client's than tls.clients.depth allows",
      "raise that depth, or have a CA nearer to the root issue the certificate"}},
    {X509_V_ERR_EE_KEY_TOO_SMALL,
     {"client_certificate_weak", "the key of the client's certificate is too short",
      "issue one with a P-256 key, or RSA with 2048 bits or more"}},
    {X509_V_ERR_CA_MD_TOO_WEAK,
     {"client_certificate_weak", "the client's certificate is signed with SHA-1 or MD5",
      "issue it again with SHA-256"}},
};

static const struct row verdicts_on_backends[] = {
    {X509_V_ERR_CRL_HAS_EXPIRED,
     {"backend_crl_expired",
      "the list of revoked certificates (CRL) for the backend's CA has expired",
      "fetch a new CRL for this backend"}},
    {X509_V_ERR_UNABLE_TO_GET_CRL,
     {"backend_crl_missing",
      "the list of revoked certificates (CRL) for the backend's CA is missing",
      "add the CRL of that CA"}},
    {X509_V_ERR_CERT_HAS_EXPIRED,
     {"backend_certificate_expired", "the backend's certificate, or one above it, has expired",
      "renew it on the backend; if it is current, check this machine's clock"}},
    {X509_V_ERR_CERT_NOT_YET_VALID,
     {"backend_certificate_not_yet_valid", "the backend's certificate is not valid yet",
      "check this machine's clock, and the certificate's first day"}},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     {"backend_certificate_unknown_ca",
      "the backend's certificate comes from a CA that we do not "
      "trust",
      "name its CA in tls.ca of this backend, or let the backend send its intermediates"}},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     {"backend_certificate_unknown_ca",
      "the backend's certificate comes from a CA that we do not "
      "trust",
      "name its CA in tls.ca of this backend"}},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     {"backend_certificate_self_signed", "the backend's certificate is signed by itself",
      "name that certificate in tls.ca of this backend"}},
    {X509_V_ERR_INVALID_PURPOSE,
     {"backend_certificate_wrong_purpose", "the backend's certificate is not meant for servers",
      "issue one with extendedKeyUsage serverAuth"}},
    {X509_V_ERR_CERT_REVOKED,
     {"backend_certificate_revoked", "the backend's certificate was revoked",
      "replace it on the backend"}},
    {X509_V_ERR_HOSTNAME_MISMATCH,
     {"backend_certificate_wrong_name", "the backend's certificate is for another name",
      "set tls.server_name of this backend to a name in its certificate"}},
    {X509_V_ERR_IP_ADDRESS_MISMATCH,
     {"backend_certificate_wrong_name", "the backend's certificate does not name its IP address",
      "set tls.server_name of this backend to a name in its certificate"}},
    {X509_V_ERR_APPLICATION_VERIFICATION,
     {"pin_mismatch", "no key in the backend's chain is one of tls.pins of this backend",
      "if the backend got a new key, add its pin; if not, somebody else answers at its address"}},
    {X509_V_ERR_EE_KEY_TOO_SMALL,
     {"backend_certificate_weak", "the key of the backend's certificate is too short",
      "use a P-256 key, or RSA with 2048 bits or more, on the backend"}},
    {X509_V_ERR_CA_MD_TOO_WEAK,
     {"backend_certificate_weak", "the backend's certificate is signed with SHA-1 or MD5",
      "issue it again with SHA-256"}},
};

/* What a client without a configuration of its own says: `tidegate explain`. */
static const struct row verdicts_on_servers[] = {
    {X509_V_ERR_CRL_HAS_EXPIRED,
     {"server_crl_expired",
      "the list of revoked certificates (CRL) for the server's CA has expired", "fetch a new CRL"}},
    {X509_V_ERR_UNABLE_TO_GET_CRL,
     {"server_crl_missing", "the list of revoked certificates (CRL) for the server's CA is missing",
      "add the CRL of that CA"}},
    {X509_V_ERR_CERT_HAS_EXPIRED,
     {"server_certificate_expired", "the server's certificate, or one above it, has expired",
      "renew it on the server; if it is current, check this machine's clock"}},
    {X509_V_ERR_CERT_NOT_YET_VALID,
     {"server_certificate_not_yet_valid", "the server's certificate is not valid yet",
      "check this machine's clock, and the certificate's first day"}},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     {"server_certificate_unknown_ca",
      "the server's certificate comes from a CA that is not trusted here",
      "name its root with --ca; if an intermediate is missing, append it to the server's "
      "certificate file"}},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     {"server_certificate_unknown_ca",
      "the server's certificate comes from a CA that is not trusted here",
      "name its root with --ca"}},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     {"server_certificate_self_signed", "the server's certificate is signed by itself",
      "name that certificate with --ca if you mean to trust it; else have a CA issue one"}},
    {X509_V_ERR_INVALID_PURPOSE,
     {"server_certificate_wrong_purpose", "the server's certificate is not meant for servers",
      "issue one with extendedKeyUsage serverAuth"}},
    {X509_V_ERR_CERT_REVOKED,
     {"server_certificate_revoked", "the server's certificate was revoked",
      "replace it on the server"}},
    {X509_V_ERR_HOSTNAME_MISMATCH,
     {"server_certificate_wrong_name", "the server's certificate is for another name",
      "use a name that it covers (--sni), or have it issued again with this name"}},
    {X509_V_ERR_IP_ADDRESS_MISMATCH,
     {"server_certificate_wrong_name", "the server's certificate does not name its IP address",
      "use a name that it covers (--sni), or have it issued again with this address"}},
    {X509_V_ERR_EE_KEY_TOO_SMALL,
     {"server_certificate_weak", "a key in the server's chain is too short",
      "use a P-256 key, or RSA with 2048 bits or more, on the server"}},
    {X509_V_ERR_CA_MD_TOO_WEAK,
     {"server_certificate_weak", "the server's certificate is signed with SHA-1 or MD5",
      "issue it again with SHA-256"}},
};

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

static const struct row reasons[] = {
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
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, NO_SIGNATURE},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, NO_SIGNATURE},
    {SSL_R_WRONG_SIGNATURE_TYPE, NO_SIGNATURE},
    {SSL_R_NO_SUITABLE_KEY_SHARE, NO_GROUP},
    {SSL_R_NO_SHARED_GROUPS, NO_GROUP},
    {SSL_R_NO_SUITABLE_GROUPS, NO_GROUP},
    {SSL_R_WRONG_CURVE, NO_GROUP},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     {"client_certificate_missing", "the client sent no certificate, and this site requires one",
      "give the client a certificate from a CA of tls.clients.ca, or make it optional"}},
    {SSL_R_NO_APPLICATION_PROTOCOL,
     {"no_common_protocol", "the client offers no application protocol that we speak (ALPN)",
      "let it offer http/1.1"}},
    {SSL_R_HTTP_REQUEST, PLAIN_HTTP},
    {SSL_R_HTTPS_PROXY_REQUEST, PLAIN_HTTP},
    {SSL_R_WRONG_VERSION_NUMBER, NOT_TLS},
    {SSL_R_BAD_PROTOCOL_VERSION_NUMBER, NOT_TLS},
    {SSL_R_INVALID_SESSION_ID, NOT_TLS},
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
    {SSL_R_UNEXPECTED_RECORD,
     {"unexpected_message", "the peer sent a record that does not belong here",
      "update the peer's TLS library"}},
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
};

static const struct handshake_cause *find(const struct row *rows, size_t count, long code)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code) {
            return &rows[i].cause;
        }
    }
    return NULL;
}

static const struct handshake_cause *cause_of_alert(const struct handshake_facts *facts)
{
    int alert = facts->alert_received;
    const struct handshake_cause *cause =
        facts->is_server        ? find(alerts_of_clients, ARRAY_LEN(alerts_of_clients), alert)
        : facts->peer_is_server ? find(alerts_of_servers, ARRAY_LEN(alerts_of_servers), alert)
                                : find(alerts_of_backends, ARRAY_LEN(alerts_of_backends), alert);

    if (cause == NULL) {
        cause = find(alerts_of_anybody, ARRAY_LEN(alerts_of_anybody), alert);
    }
    return cause != NULL ? cause : &other_alert;
}

static const struct handshake_cause *cause_of_verdict(const struct handshake_facts *facts)
{
    long verdict = verdict_of(facts->verify_result);
    const struct handshake_cause *cause =
        facts->is_server ? find(verdicts_on_clients, ARRAY_LEN(verdicts_on_clients), verdict)
        : facts->peer_is_server
            ? find(verdicts_on_servers, ARRAY_LEN(verdicts_on_servers), verdict)
            : find(verdicts_on_backends, ARRAY_LEN(verdicts_on_backends), verdict);

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
        cause = find(reasons, ARRAY_LEN(reasons), reason);
    }
    return cause != NULL ? cause : &unknown;
}

/* ---- all of them ---- */

static const struct {
    const char *side;
    const struct row *rows;
    size_t count;
} groups[] = {
    {"any", reasons, ARRAY_LEN(reasons)},
    {"client", verdicts_on_clients, ARRAY_LEN(verdicts_on_clients)},
    {"client", alerts_of_clients, ARRAY_LEN(alerts_of_clients)},
    {"backend", verdicts_on_backends, ARRAY_LEN(verdicts_on_backends)},
    {"backend", alerts_of_backends, ARRAY_LEN(alerts_of_backends)},
    {"server", verdicts_on_servers, ARRAY_LEN(verdicts_on_servers)},
    {"server", alerts_of_servers, ARRAY_LEN(alerts_of_servers)},
    {"any", alerts_of_anybody, ARRAY_LEN(alerts_of_anybody)},
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
};

const struct handshake_cause *handshake_cause_at(size_t i, const char **side)
{
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        if (i < groups[g].count) {
            *side = groups[g].side;
            return &groups[g].rows[i].cause;
        }
        i -= groups[g].count;
    }
    if (i < ARRAY_LEN(singles)) {
        *side = singles[i].side;
        return singles[i].cause;
    }
    i -= ARRAY_LEN(singles);
    if (i < FAILURE_COUNT) {
        *side = failure_side((enum failure)i);
        return failure_cause((enum failure)i);
    }
    return NULL;
}

/* The peer says so itself (an alert), or simply goes. */
static bool is_peers_doing(const char *word)
{
    return strncmp(word, "alert_", 6) == 0 || strncmp(word, "closed", 6) == 0 ||
           strcmp(word, "reset") == 0;
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
        return cause == failure_cause(FAILURE_SERVER_UNREACHABLE) ||
                       cause == failure_cause(FAILURE_SERVER_TIMEOUT)
                   ? "network"
                   : "gateway";
    }
    return NULL;
}
