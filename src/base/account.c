#include "base/account.h"

#include <pwd.h>
#include <stddef.h>

const char *account_to_become(const char *given)
{
    if (given != NULL) {
        return given;
    }
    return getpwnam("tidegate") != NULL ? "tidegate" : "nobody";
}
