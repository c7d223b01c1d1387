/* tidegate key new: a program's key, and its line in a file of keys (auth/key_file.h). */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "auth/key_file.h"
#include "base/base64.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/options.h"

#define KEY_RANDOM_BYTES 32
/* Scanners of leaked secrets go by such beginnings. */
#define KEY_PREFIX "tgk_"

static bool make_key(char *key, size_t size)
{
    unsigned char random[KEY_RANDOM_BYTES];
    size_t prefix = sizeof(KEY_PREFIX) - 1;
    size_t digits;

    if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
        return false;
    }
    memcpy(key, KEY_PREFIX, prefix);
    digits = base64_encode(BASE64_URL, span_make(random, sizeof(random)), key + prefix);
    CHECK(prefix + digits < size);
    key[prefix + digits] = '\0';
    explicit_bzero(random, sizeof(random));
    return true;
}

/* The line is read back as the gateway will read it: what it would refuse is refused here. */
static bool make_line(const char *name, const char *key, const char *scopes, const char *expires,
                      struct strbuf *line, struct error *error)
{
    struct span bytes = span_from_cstr(key);
    unsigned char digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES];
    struct key_file *file;

    if (!digest_sha256(&bytes, 1, digest)) {
        return error_set(error, "the key cannot be hashed");
    }
    hex_encode(span_make(digest, sizeof(digest)), hex);
    strbuf_printf(line, "%s %.*s", name, (int)sizeof(hex), hex);
    if (scopes != NULL) {
        strbuf_printf(line, " scopes=%s", scopes);
    }
    if (expires != NULL) {
        strbuf_printf(line, " expires=%s", expires);
    }
    strbuf_add_char(line, '\n');
    file = key_file_parse(strbuf_span(line), error);
    if (file != NULL) {
        key_file_destroy(file);
    }
    return file != NULL;
}

static bool make(const char *name, const char *scopes, const char *expires, struct error *error)
{
    char key[128];
    struct strbuf line;
    bool is_made;

    if (!make_key(key, sizeof(key))) {
        return error_set(error, "the system gives no random bytes");
    }
    strbuf_init(&line);
    is_made = make_line(name, key, scopes, expires, &line, error);
    if (is_made) {
        (void)fprintf(stderr, "The key, which nothing shows again:\n%s\nIts line in the file:\n",
                      key);
        is_made = fwrite(line.ptr, 1, line.len, stdout) == line.len && fflush(stdout) == 0;
    }
    explicit_bzero(key, sizeof(key));
    strbuf_free(&line);
    return is_made;
}

int cmd_key(int argc, char **argv)
{
    const char *scopes = NULL;
    const char *expires = NULL;
    const char *name = NULL;
    const struct option_spec specs[] = {{"--scopes", NULL, &scopes, NULL},
                                        {"--expires", NULL, &expires, NULL}};
    struct error error = {""};
    int result;

    if (argc < 2 || (strcmp(argv[1], "new") != 0 && argv[1][0] != '-')) {
        return usage_error("key", "tidegate key new NAME makes one");
    }
    result = options_parse(argc - 1, argv + 1, specs, ARRAY_LEN(specs), &name, 1);
    if (result != OPTIONS_OK) {
        return result;
    }
    if (name == NULL || name[0] == '#' || strpbrk(name, " \t\r\n") != NULL) {
        return usage_error("key", "name the key's holder, in one word");
    }
    if (!make(name, scopes, expires, &error)) {
        (void)fprintf(stderr, "tidegate key: %s\n", error.text);
        return 1;
    }
    return 0;
}
