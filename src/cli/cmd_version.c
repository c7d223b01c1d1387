/* tidegate version: which TLS library is really running, and what it can agree on. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/version.h"
#include "tls/tls_library.h"

struct group {
    const char *name;
    bool is_post_quantum;
};

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
    bool has_post_quantum = false;

    (void)printf("TLS groups:   ");
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (tls_library_has_group(groups[i].name)) {
            (void)printf(" %s", groups[i].name);
            has_post_quantum = has_post_quantum || groups[i].is_post_quantum;
        }
    }
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
    (void)printf("TLS library:   %s (built against %s)\n", tls_library_name(),
                 tls_library_built_with());
    print_groups();
    return 0;
}
