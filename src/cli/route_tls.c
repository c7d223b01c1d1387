#include "cli/route_tls.h"

const char *route_clients_text(const struct tls_settings *tls)
{
    if (tls->clients == NULL || tls->clients->verify == CLIENT_VERIFY_OFF) {
        return "clients need no certificate";
    }
    switch (tls->clients->verify) {
    case CLIENT_VERIFY_REQUIRED:
        return "two-way: clients must show a certificate";
    case CLIENT_VERIFY_UNVERIFIED:
        return "clients may show a certificate, and one that cannot be verified too";
    case CLIENT_VERIFY_OPTIONAL:
    case CLIENT_VERIFY_OFF:
        break;
    }
    return "clients may show a certificate";
}

/* Which of several certificates it is depends on their names and on what the client can check
 * (tls/cert_rank.h), and nothing is read here. */
const char *route_certificates_text(const struct tls_settings *tls, struct arena *arena)
{
    const char *text;

    if (tls->certificate_count == 0) {
        return tls->certificates_from == NULL
                   ? "nothing"
                   : arena_printf(arena, "the certificate for the name from the folder %s",
                                  tls->certificates_from);
    }
    text = tls->certificates[0].certificate;
    for (size_t i = 1; i < tls->certificate_count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i + 1 == tls->certificate_count ? " or " : ", ",
                            tls->certificates[i].certificate);
    }
    return tls->certificate_count == 1
               ? text
               : arena_printf(arena, "%s, by the name and the client", text);
}
