/* tidegate version: which TLS library is really running, and what it can agree on. */
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/version.h"

struct group {
    const char *name;
    bool is_post_quantum;
};

/* Asked of the library that runs, one by one: versions are no good guide to what a distribution
 * has switched on. */
static const struct group groups[] = {
    {"X25519MLKEM768", true},
    {"SecP256r1MLKEM768", true},
    {"SecP384r1MLKEM1024", true},
    {"X25519", false},
    {"P-256", false},
    {"P-384", false},
    {"P-521", false},
    {"X448", false},
};

static void print_groups(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool has_post_quantum = false;

    (void)printf("TLS groups:   ");
    for (size_t i = 0; ctx != NULL && i < ARRAY_LEN(groups); i++) {
        if (SSL_CTX_set1_groups_list(ctx, groups[i].name) == 1) {
            (void)printf(" %s", groups[i].name);
            has_post_quantum = has_post_quantum || groups[i].is_post_quantum;
        }
    }
    SSL_CTX_free(ctx);
    (void)printf("\npost-quantum:  %s\n",
                 has_post_quantum ? "yes" : "no (OpenSSL 3.5 and later bring it)");
}

int cmd_version(int argc, char **argv)
{
    int result = options_parse(argc, argv, NULL, 0, NULL, 0);

    /* `tidegate --version` comes here with that word as argv[0]. */
    if (result != OPTIONS_OK) {
        return result;
    }
    (void)printf("tidegate       %s\n", TIDEGATE_VERSION);
    (void)printf("TLS library:   %s (built against %s)\n", OpenSSL_version(OPENSSL_VERSION),
                 OPENSSL_VERSION_TEXT);
    print_groups();
    return 0;
}
