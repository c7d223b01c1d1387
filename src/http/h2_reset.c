#include "http/h2_reset.h"

uint32_t h2_reset_code(uint32_t server)
{
    switch (server) {
    case H2_CODE_NO_ERROR:
    case H2_CODE_REFUSED_STREAM:
    case H2_CODE_HTTP_1_1_REQUIRED:
        return H2_CODE_INTERNAL_ERROR;
    default:
        return server;
    }
}
