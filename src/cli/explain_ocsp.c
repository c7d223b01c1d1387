#include "cli/explain_ocsp.h"

#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "tls/openssl/ocsp_check_internal.h"

static const char *day_of(struct explain *ex, int64_t when)
{
    time_t seconds = (time_t)when;
    struct tm parts;
    char text[32];

    return when != INT64_MAX && gmtime_r(&seconds, &parts) != NULL &&
                   strftime(text, sizeof(text), "%Y-%m-%d", &parts) != 0
               ? arena_printf(&ex->arena, "%s", text)
               : "a day that it does not say";
}

static const char *flaw_of(enum ocsp_verdict verdict)
{
    switch (verdict) {
    case OCSP_VERDICT_DECLINED:
        return "is a refusal";
    case OCSP_VERDICT_OTHER:
        return "is for another certificate";
    case OCSP_VERDICT_UNSIGNED:
        return "is not signed by the issuer";
    case OCSP_VERDICT_UNKNOWN:
        return "does not know it";
    case OCSP_VERDICT_EXPIRED:
        return "has expired";
    case OCSP_VERDICT_NOT_YET_VALID:
        return "is not valid yet";
    case OCSP_VERDICT_GOOD:
    case OCSP_VERDICT_REVOKED:
    case OCSP_VERDICT_NO_RESPONSE:
        break;
    }
    return "cannot be read";
}

static void note_none(struct explain *ex, size_t step, X509 *leaf)
{
    if (ocsp_is_required(leaf)) {
        ex->steps[step].is_bad = true;
        explain_note_at(ex, step, "revoked", "unknown: must-staple, and nothing is stapled");
    } else {
        explain_note_at(ex, step, "revoked", "unknown: nothing is stapled");
    }
}

/* False: it was revoked. */
static bool note_finding(struct explain *ex, size_t step, const struct ocsp_finding *finding)
{
    switch (finding->verdict) {
    case OCSP_VERDICT_GOOD:
        explain_note_at(ex, step, "revoked", "no, says the stapled response (until %s)",
                        day_of(ex, finding->until));
        return true;
    case OCSP_VERDICT_REVOKED:
        ex->steps[step].is_bad = true;
        explain_note_at(ex, step, "revoked", "YES, on %s%s%s", day_of(ex, finding->revoked_at),
                        finding->word != NULL ? ": " : "",
                        finding->word != NULL ? finding->word : "");
        return false;
    default:
        explain_note_at(ex, step, "revoked", "unknown: the stapled response %s",
                        flaw_of(finding->verdict));
        return true;
    }
}

/* 1 goes on; 0 ends the handshake. */
static int on_status(SSL *ssl, void *arg)
{
    struct explain *ex = arg;
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    size_t step = explain_certificate_step(ex);
    const unsigned char *bytes = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);

    if (sk_X509_num(chain) <= 0 || step == ex->step_count) {
        return 1;
    }
    X509 *leaf = sk_X509_value(chain, 0);
    if (bytes == NULL || len <= 0) {
        note_none(ex, step, leaf);
        return 1;
    }
    /* A leaf that is trusted by itself has nobody above it. */
    X509 *issuer = sk_X509_value(chain, sk_X509_num(chain) > 1 ? 1 : 0);
    struct ocsp_finding finding = ocsp_check(span_make(bytes, (size_t)len), issuer,
                                             X509_get0_serialNumber(leaf), clock_wall_s());
    ex->is_revoked = !note_finding(ex, step, &finding);
    return ex->is_revoked ? 0 : 1;
}

bool explain_ask_status(struct explain *ex)
{
    return SSL_CTX_set_tlsext_status_type(ex->ctx, TLSEXT_STATUSTYPE_ocsp) == 1 &&
           SSL_CTX_set_tlsext_status_cb(ex->ctx, on_status) == 1 &&
           SSL_CTX_set_tlsext_status_arg(ex->ctx, ex) == 1;
}
