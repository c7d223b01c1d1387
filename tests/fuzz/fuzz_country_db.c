/* A database of countries: whatever the file says, looking an address up ends, stays within the
 * file, and says the same twice. */
#include <stdint.h>

#include "access/country_db.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t addresses[][16] = {
    {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1},
    {[10] = 0xff, [11] = 0xff, [12] = 255, [13] = 255, [14] = 255, [15] = 255},
    {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    void *db = country_db_type.parse(span_make((const char *)data, size), &error);

    if (db == NULL) {
        CHECK(error.text[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct span country = country_db_find(db, addresses[i]);
        CHECK(span_eq(country, country_db_find(db, addresses[i])));
        for (size_t k = 0; k < country.len; k++) {
            CHECK(country.ptr[k] >= 'A' && country.ptr[k] <= 'Z');
        }
    }
    country_db_type.destroy(db);
    return 0;
}
