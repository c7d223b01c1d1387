#include "tls/ocsp_words.h"

#include <stdio.h>
#include <time.h>

bool ocsp_words_of_file(const struct ocsp_finding *finding, const char *path,
                        const char *certificate_path, struct error *error)
{
    switch (finding->verdict) {
    case OCSP_VERDICT_GOOD:
        break;
    case OCSP_VERDICT_NO_RESPONSE:
        return error_set(
            error, "'%s' is no OCSP response in DER, as openssl ocsp -respout writes it", path);
    case OCSP_VERDICT_DECLINED:
        return error_set(error, "the OCSP response in '%s' is a refusal (%s): fetch it again", path,
                         finding->word);
    case OCSP_VERDICT_OTHER:
        return error_set(error,
                         "the OCSP response in '%s' is for another certificate than that in '%s': "
                         "fetch it anew after each renewal",
                         path, certificate_path);
    case OCSP_VERDICT_UNSIGNED:
        return error_set(
            error, "the OCSP response in '%s' is not signed by the certificate's issuer", path);
    case OCSP_VERDICT_REVOKED:
    case OCSP_VERDICT_UNKNOWN:
        return error_set(error,
                         "the OCSP response in '%s' says that the certificate is %s: get a new "
                         "certificate",
                         path, finding->verdict == OCSP_VERDICT_REVOKED ? "revoked" : "unknown");
    case OCSP_VERDICT_EXPIRED:
        return error_set(error,
                         "the OCSP response in '%s' has expired and is not sent: fetch a new one "
                         "with openssl ocsp -respout, and see that it is done regularly",
                         path);
    case OCSP_VERDICT_NOT_YET_VALID:
        return error_set(error,
                         "the OCSP response in '%s' is not valid yet: is this machine's clock "
                         "right?",
                         path);
    }
    return false;
}

void ocsp_words_fetched(const struct ocsp_finding *finding, struct error *error)
{
    const char *text = "";

    switch (finding->verdict) {
    case OCSP_VERDICT_GOOD:
    case OCSP_VERDICT_REVOKED:
        break;
    case OCSP_VERDICT_NO_RESPONSE:
        text = "what it sent is no OCSP response: look whether a proxy or a login page answers in "
               "its place";
        break;
    case OCSP_VERDICT_DECLINED:
        (void)error_set(error, "it answered '%s'; if that lasts, ask the authority", finding->word);
        return;
    case OCSP_VERDICT_OTHER:
        text = "its response is for another certificate; look whether the certificate's file has "
               "the right issuer behind it, else ask the authority";
        break;
    case OCSP_VERDICT_UNSIGNED:
        text = "its response is not signed by the certificate's issuer: somebody between may have "
               "forged it";
        break;
    case OCSP_VERDICT_UNKNOWN:
        text = "it does not know the certificate; right after the issue it may take a while, else "
               "ask the authority";
        break;
    case OCSP_VERDICT_EXPIRED:
        text = "its response has expired; look at this machine's clock, else ask the authority";
        break;
    case OCSP_VERDICT_NOT_YET_VALID:
        text = "its response is not valid yet; look at this machine's clock";
        break;
    }
    (void)error_set(error, "%s", text);
}

const char *ocsp_date_text(int64_t seconds, char text[32])
{
    time_t at = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0) {
        (void)snprintf(text, 32, "an unknown date");
    }
    return text;
}
