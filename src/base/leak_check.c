/* For builds with LeakSanitizer alone. A look for leaks takes as long as all else in the life of a
 * process that serves a test's three requests, and every process of a gateway looks at its end:
 * tests that are about one of them name it in TIDEGATE_LEAKS_OF (its role, as in front of its
 * messages), and the others skip theirs. */
#if defined(__SANITIZE_ADDRESS__)
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
    const char *wanted = getenv("TIDEGATE_LEAKS_OF");
    const char *role = log_role();

    return wanted != NULL && (role == NULL || strcmp(role, wanted) != 0);
}
#else
typedef int leak_check_is_not_built;
#endif
