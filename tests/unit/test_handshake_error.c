/* Every way a handshake can fail that people meet has its own word, a sentence and a mend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "base/check.h"
#include "tls/alert.h"
#include "tls/handshake_error.h"

static const struct handshake_cause *cause(bool is_server, int reason, long verify_result,
                                           int alert_received)
{
    struct handshake_facts facts = {
        .is_server = is_server,
        .library_error = reason != 0 ? ERR_PACK(ERR_LIB_SSL, 0, reason) : 0,
        .verify_result = verify_result,
        .alert_received = alert_received,
    };
    const struct handshake_cause *found = handshake_cause_of(&facts);

    assert_non_null(found);
    assert_int_equal(strspn(found->word, "abcdefghijklmnopqrstuvwxyz0123456789_"),
                     strlen(found->word));
    assert_true(strlen(found->sentence) > 10);
    assert_true(strlen(found->mend) > 10);
    assert_true(found->sentence[strlen(found->sentence) - 1] != '.');
    return found;
}

static void reasons_have_words(void **state)
{
    static const struct {
        int reason;
        const char *word;
    } cases[] = {
        {SSL_R_UNSUPPORTED_PROTOCOL, "no_common_version"},
        {SSL_R_VERSION_TOO_LOW, "no_common_version"},
        {SSL_R_NO_SHARED_CIPHER, "no_common_cipher"},
        {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no_common_signature"},
        {SSL_R_NO_SUITABLE_KEY_SHARE, "no_common_group"},
        {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "client_certificate_missing"},
        {SSL_R_NO_APPLICATION_PROTOCOL, "no_common_protocol"},
        {SSL_R_HTTP_REQUEST, "plain_http"},
        {SSL_R_HTTPS_PROXY_REQUEST, "plain_http"},
        {SSL_R_WRONG_VERSION_NUMBER, "not_tls"},
        {SSL_R_INAPPROPRIATE_FALLBACK, "inappropriate_fallback"},
        {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "bad_record"},
        {SSL_R_BAD_SIGNATURE, "bad_signature"},
        {SSL_R_DIGEST_CHECK_FAILED, "bad_finished"},
        {SSL_R_UNEXPECTED_MESSAGE, "unexpected_message"},
        {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, "legacy_renegotiation"},
        {SSL_R_EE_KEY_TOO_SMALL, "weak_key"},
        {SSL_R_EXCESSIVE_MESSAGE_SIZE, "too_long"},
        {SSL_R_PACKET_LENGTH_TOO_LONG, "record_too_long"},
        {SSL_R_LENGTH_MISMATCH, "malformed"},
        {SSL_R_BAD_EXTENSION, "malformed"},
        {SSL_R_INVALID_ALERT, "malformed"},
        {SSL_R_BAD_RECORD_TYPE, "unexpected_message"},
        {SSL_R_UNKNOWN_CIPHER_RETURNED, "no_common_cipher"},
        {SSL_R_UNINITIALIZED, "other"},
        {0, "other"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(cause(true, cases[i].reason, X509_V_OK, TLS_ALERT_NONE)->word,
                            cases[i].word);
    }
}

static void verdicts_name_the_side(void **state)
{
    static const struct {
        long verify_result;
        const char *client;
        const char *backend;
    } cases[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, "client_certificate_expired", "backend_certificate_expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, "client_certificate_not_yet_valid",
         "backend_certificate_not_yet_valid"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "client_certificate_unknown_ca",
         "backend_certificate_unknown_ca"},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "client_certificate_unknown_ca",
         "backend_certificate_unknown_ca"},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "client_certificate_unknown_ca",
         "backend_certificate_unknown_ca"},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "client_certificate_self_signed",
         "backend_certificate_self_signed"},
        {X509_V_ERR_INVALID_PURPOSE, "client_certificate_wrong_purpose",
         "backend_certificate_wrong_purpose"},
        {X509_V_ERR_CERT_REVOKED, "client_certificate_revoked", "backend_certificate_revoked"},
        {X509_V_ERR_CA_KEY_TOO_SMALL, "client_certificate_weak", "backend_certificate_weak"},
        {X509_V_ERR_CA_MD_TOO_WEAK, "client_certificate_weak", "backend_certificate_weak"},
        {X509_V_ERR_PATH_LENGTH_EXCEEDED, "client_certificate_bad", "backend_certificate_bad"},
        {X509_V_ERR_HOSTNAME_MISMATCH, NULL, "backend_certificate_wrong_name"},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, NULL, "backend_certificate_wrong_name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cases[i].client != NULL) {
            assert_string_equal(
                cause(true, SSL_R_CERTIFICATE_VERIFY_FAILED, cases[i].verify_result, TLS_ALERT_NONE)
                    ->word,
                cases[i].client);
        }
        assert_string_equal(
            cause(false, SSL_R_CERTIFICATE_VERIFY_FAILED, cases[i].verify_result, TLS_ALERT_NONE)
                ->word,
            cases[i].backend);
    }
}

/* The peer's alert is what happened; the library's reason only repeats it. */
static void alerts_go_first(void **state)
{
    const struct handshake_cause *found =
        cause(true, SSL_R_TLSV1_ALERT_UNKNOWN_CA, X509_V_OK, TLS_ALERT_UNKNOWN_CA);

    (void)state;
    assert_string_equal(found->word, "alert_unknown_ca");
    assert_non_null(strstr(found->sentence, "the client does not trust"));
    found = cause(false, SSL_R_TLSV1_ALERT_UNKNOWN_CA, X509_V_OK, TLS_ALERT_UNKNOWN_CA);
    assert_non_null(strstr(found->sentence, "the backend does not trust"));
    for (int alert = 0; alert < 256; alert++) {
        (void)cause(true, 0, X509_V_OK, alert);
        (void)cause(false, 0, X509_V_OK, alert);
        assert_non_null(tls_alert_name(alert));
    }
    assert_string_equal(cause(true, 0, X509_V_OK, 255)->word, "alert_other");
}

/* Those whose words say little by themselves. */
static void vague_causes_are_known(void **state)
{
    (void)state;
    assert_true(handshake_cause_is_vague(cause(true, 0, X509_V_OK, TLS_ALERT_NONE)));
    assert_true(handshake_cause_is_vague(cause(true, 0, X509_V_OK, 255)));
    for (int is_server = 0; is_server < 2; is_server++) {
        assert_true(
            handshake_cause_is_vague(cause(is_server == 1, SSL_R_CERTIFICATE_VERIFY_FAILED,
                                           X509_V_ERR_PATH_LENGTH_EXCEEDED, TLS_ALERT_NONE)));
        assert_false(handshake_cause_is_vague(
            cause(is_server == 1, SSL_R_BAD_EXTENSION, X509_V_OK, TLS_ALERT_NONE)));
        assert_false(handshake_cause_is_vague(
            cause(is_server == 1, 0, X509_V_OK, TLS_ALERT_HANDSHAKE_FAILURE)));
    }
}

/* Another part of the library may use the same number for another reason. */
static void other_parts_of_the_library_are_not_mistaken(void **state)
{
    struct handshake_facts facts = {
        .is_server = true,
        .library_error = ERR_PACK(ERR_LIB_EVP, 0, SSL_R_NO_SHARED_CIPHER),
        .alert_received = TLS_ALERT_NONE,
    };

    (void)state;
    assert_string_equal(handshake_cause_of(&facts)->word, "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_have_words),
        cmocka_unit_test(verdicts_name_the_side),
        cmocka_unit_test(alerts_go_first),
        cmocka_unit_test(vague_causes_are_known),
        cmocka_unit_test(other_parts_of_the_library_are_not_mistaken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
