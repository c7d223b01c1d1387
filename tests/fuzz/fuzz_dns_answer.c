/* Any bytes as a name server's answer, to each kind of question. What comes out is bounded, and is
 * text where it is said to be. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "dns/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const char *target)
{
    CHECK(memchr(target, '\0', DNS_NAME_SIZE) != NULL && target[0] != '\0');
    for (; *target != '\0'; target++) {
        CHECK((*target >= 'a' && *target <= 'z') || (*target >= '0' && *target <= '9') ||
              strchr("-_.", *target) != NULL);
    }
}

static void check(struct span message, enum dns_type type)
{
    static struct dns_answer answer;

    dns_answer_parse(&answer, message, type);
    CHECK(answer.count <= DNS_RECORDS_MAX);
    CHECK((answer.how == DNS_OK) == (answer.count != 0));
    CHECK((answer.how == DNS_OK) == (answer.problem == NULL));
    for (size_t i = 0; i < answer.count; i++) {
        if (type == DNS_SRV) {
            check_target(answer.records[i].target);
            CHECK(answer.records[i].port != 0);
        } else {
            CHECK(answer.records[i].target[0] == '\0');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(span_make((const char *)data, size), DNS_A);
    check(span_make((const char *)data, size), DNS_AAAA);
    check(span_make((const char *)data, size), DNS_SRV);
    return 0;
}
