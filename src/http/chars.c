#include "http/chars.h"

/* The rules as constant expressions of a byte's number, so that the table below is computed by the
 * compiler from what the RFCs say rather than typed. */
#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define IS_ALPHA(c) (IS_UPPER(c) || ((c) >= 'a' && (c) <= 'z'))
#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_HEX(c) (IS_DIGIT(c) || ((c) >= 'A' && (c) <= 'F') || ((c) >= 'a' && (c) <= 'f'))
#define IS_VISIBLE(c) ((c) >= 0x21 && (c) <= 0x7e)

/* RFC 9110 section 5.6.2: any VCHAR, except delimiters */
#define IS_DELIMITER(c)                                                                            \
    ((c) == '"' || (c) == '(' || (c) == ')' || (c) == ',' || (c) == '/' || (c) == ':' ||           \
     (c) == ';' || (c) == '<' || (c) == '=' || (c) == '>' || (c) == '?' || (c) == '@' ||           \
     (c) == '[' || (c) == '\\' || (c) == ']' || (c) == '{' || (c) == '}')
#define IS_TOKEN(c) (IS_VISIBLE(c) && !IS_DELIMITER(c))
#define IS_VALUE(c) ((c) == '\t' || ((c) >= 0x20 && (c) != 0x7f))

/* RFC 3986 section 2.3 and 2.2 */
#define IS_UNRESERVED(c)                                                                           \
    (IS_ALPHA(c) || IS_DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_SUB_DELIM(c)                                                                            \
    ((c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' ||          \
     (c) == '*' || (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=')

#define IS_REG_NAME(c) (IS_UNRESERVED(c) || (IS_SUB_DELIM(c) && (c) != ','))
#define IS_TARGET(c) ((IS_VISIBLE(c) && (c) != '#') || (c) >= 0x80)

#define CLASS(c)                                                                                   \
    (uint8_t)((IS_TOKEN(c) ? HTTP_TOKEN : 0) | (IS_VALUE(c) ? HTTP_VALUE : 0) |                    \
              (IS_TARGET(c) ? HTTP_TARGET : 0) | (IS_REG_NAME(c) ? HTTP_REG_NAME : 0) |            \
              (IS_HEX(c) ? HTTP_HEX_DIGIT : 0) | (IS_UPPER(c) ? HTTP_UPPER_CASE : 0))
#define FOUR(c) CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)

const uint8_t http_classes[256] = {
    SIXTEEN(0x00), SIXTEEN(0x10), SIXTEEN(0x20), SIXTEEN(0x30), SIXTEEN(0x40), SIXTEEN(0x50),
    SIXTEEN(0x60), SIXTEEN(0x70), SIXTEEN(0x80), SIXTEEN(0x90), SIXTEEN(0xa0), SIXTEEN(0xb0),
    SIXTEEN(0xc0), SIXTEEN(0xd0), SIXTEEN(0xe0), SIXTEEN(0xf0),
};
