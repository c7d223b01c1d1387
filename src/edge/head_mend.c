#include "edge/head_mend.h"

enum limit { LIMIT_NONE, LIMIT_HEAD, LIMIT_FIELDS, LIMIT_TARGET };

static const char *mend(enum limit limit, enum head_of of, const char *otherwise)
{
    static const char *const texts[][3] = {
        [LIMIT_HEAD] = {"limits.head sets the limit",
                        "limits.response_head sets the limit: raise it if the server means to send "
                        "so much",
                        "limits.head sets the limit for requests, limits.response_head the one for "
                        "responses"},
        [LIMIT_FIELDS] = {"limits.fields sets the limit",
                          "limits.response_fields sets the limit: raise it if the server means to "
                          "send so many",
                          "limits.fields sets the limit for requests, limits.response_fields the "
                          "one for responses"},
        [LIMIT_TARGET] = {"limits.target sets the limit", NULL, "limits.target sets the limit"},
    };

    if (limit != LIMIT_NONE) {
        return texts[limit][of];
    }
    return of == HEAD_OF_RESPONSE ? otherwise : NULL;
}

const char *head_mend_h1(enum h1_error error, enum head_of of)
{
    enum limit limit = error == H1_HEAD_TOO_LARGE || error == H1_TRAILERS_TOO_LARGE ? LIMIT_HEAD
                       : error == H1_TOO_MANY_FIELDS                                ? LIMIT_FIELDS
                       : error == H1_TARGET_TOO_LONG                                ? LIMIT_TARGET
                                                                                    : LIMIT_NONE;

    return mend(limit, of, "the server sends broken HTTP: see its log, and its version");
}

const char *head_mend_h2(enum h2_error error, enum head_of of)
{
    enum limit limit = error == H2_HEAD_TOO_LARGE    ? LIMIT_HEAD
                       : error == H2_TOO_MANY_FIELDS ? LIMIT_FIELDS
                       : error == H2_TARGET_TOO_LONG ? LIMIT_TARGET
                                                     : LIMIT_NONE;

    return mend(limit, of, "the server sends broken HTTP/2: see its log, and its version");
}
