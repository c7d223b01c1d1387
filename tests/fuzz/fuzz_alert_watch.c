/* Any bytes as one direction of a TLS connection: what is found does not hang on how they are cut,
 * and what was found stays. */
#include <stdint.h>

#include "tls/alert_watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_make(data, size);
    struct alert_watch whole;
    struct alert_watch pieces;

    alert_watch_init(&whole);
    alert_watch_init(&pieces);
    alert_watch_take(&whole, bytes);
    for (size_t i = 0; i < size; i++) {
        int before = pieces.alert;

        alert_watch_take(&pieces, span_make(data + i, 1));
        CHECK(before == TLS_ALERT_NONE || before == pieces.alert);
    }
    CHECK(whole.alert == pieces.alert && whole.is_over == pieces.is_over);
    CHECK(whole.alert == TLS_ALERT_NONE || whole.is_over);
    return 0;
}
