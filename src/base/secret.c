#include "base/secret.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

static unsigned char secret[SECRET_BYTES];

static void make(void)
{
    CHECK(getrandom(secret, sizeof(secret), 0) == sizeof(secret));
}

const unsigned char *secret_of_process(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    CHECK(pthread_once(&once, make) == 0);
    return secret;
}

void secret_inherit(const unsigned char bytes[SECRET_BYTES])
{
    (void)secret_of_process(); /* or it would be made later, and replace this one */
    memcpy(secret, bytes, SECRET_BYTES);
}
