#include "auth/password_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* What an attempt may cost: a second or so of a processor. */
#define BCRYPT_COST_MAX 14
#define SHA_ROUNDS_MAX 2000000

struct user {
    struct span name;
    const char *hash;
};

struct password_file {
    struct arena arena;
    struct user *users; /* by name */
    size_t count;
    const char *decoys[PASSWORD_KINDS_MAX]; /* one of each kind of hash that was found first */
    size_t kind_count;
};

/* ---- kinds of hashes ---- */

static bool check_bcrypt(struct span hash, struct error *error)
{
    uint64_t cost;

    if (hash.len != 60 || hash.ptr[6] != '$' ||
        !span_to_u64(span_head(span_skip(hash, 4), 2), 99, &cost)) {
        return error_set(error, "the bcrypt hash is cut or has a letter too many");
    }
    if (cost > BCRYPT_COST_MAX) {
        return error_set(error, "bcrypt of cost %u takes seconds a login: at most %d",
                         (unsigned)cost, BCRYPT_COST_MAX);
    }
    return true;
}

static bool check_sha(struct span hash, struct error *error)
{
    struct span rest = span_skip(hash, 3);
    struct span rounds;
    uint64_t count;

    if (!span_starts_with(rest, SPAN_OF("rounds="))) {
        return true;
    }
    rest = span_skip(rest, 7);
    (void)span_split(&rest, '$', &rounds);
    if (!span_to_u64(rounds, SHA_ROUNDS_MAX, &count)) {
        return error_set(error, "SHA-crypt with more than %d rounds takes seconds a login",
                         SHA_ROUNDS_MAX);
    }
    return true;
}

/* Its second letter is how much memory it takes: '9' is the usual 16 MiB (cost 5), 'C' is 128. */
static bool check_yescrypt(struct span hash, struct error *error)
{
    struct span rest = span_skip(hash, span_find(span_skip(hash, 1), '$') + 2);

    if (rest.len < 3 || rest.ptr[0] != 'j' ||
        memchr("56789ABC", rest.ptr[1], sizeof("56789ABC") - 1) == NULL) {
        return error_set(error, "yescrypt of another cost than 1 to 8 is refused");
    }
    return true;
}

/* Whether it is one of the kinds that are used, and within the bounds of effort. */
static bool check_hash(struct span hash, struct error *error)
{
    if (hash.len > PASSWORD_HASH_MAX) {
        return error_set(error, "the hash is longer than %d bytes", PASSWORD_HASH_MAX);
    }
    if (span_starts_with(hash, SPAN_OF("$2y$")) || span_starts_with(hash, SPAN_OF("$2b$")) ||
        span_starts_with(hash, SPAN_OF("$2a$"))) {
        return check_bcrypt(hash, error);
    }
    if (span_starts_with(hash, SPAN_OF("$5$")) || span_starts_with(hash, SPAN_OF("$6$"))) {
        return check_sha(hash, error);
    }
    if (span_starts_with(hash, SPAN_OF("$y$")) || span_starts_with(hash, SPAN_OF("$gy$"))) {
        return check_yescrypt(hash, error);
    }
    return error_set(error, "the hash is none of bcrypt, SHA-crypt and yescrypt, which are what "
                            "resists guessing: make one with 'tidegate passwd' or 'htpasswd -B'");
}

/* ---- the file ---- */

static int by_name(const void *a, const void *b)
{
    const struct user *one = a;
    const struct user *other = b;
    size_t len = one->name.len < other->name.len ? one->name.len : other->name.len;
    int order = memcmp(one->name.ptr, other->name.ptr, len);

    return order != 0 ? order
                      : (one->name.len > other->name.len) - (one->name.len < other->name.len);
}

static bool take_line(struct password_file *file, struct span line, size_t number,
                      struct error *error)
{
    struct error why;
    struct span name;
    struct span hash = line;

    if (file->count == PASSWORD_USERS_MAX) {
        return error_set(error, "line %zu: there are more than %d users", number,
                         PASSWORD_USERS_MAX);
    }
    if (!span_split(&hash, ':', &name) || name.len == line.len || name.len == 0 ||
        name.len > PASSWORD_USER_BYTES_MAX) {
        return error_set(error, "line %zu is not NAME:HASH", number);
    }
    hash = span_head(hash, span_find(hash, ':')); /* some write more behind it */
    if (!check_hash(hash, &why)) {
        return error_set(error, "line %zu, user '%.*s': %.400s", number, SPAN_ARG(name), why.text);
    }
    file->users[file->count++] =
        (struct user){arena_copy(&file->arena, name), arena_cstr(&file->arena, hash)};
    return true;
}

static bool take_lines(struct password_file *file, struct span bytes, struct error *error)
{
    struct span line;
    size_t number = 0;

    while (span_split(&bytes, '\n', &line)) {
        line = span_trim(line);
        if (line.len != 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        number++;
        if (line.len != 0 && line.ptr[0] != '#' && !take_line(file, line, number, error)) {
            return false;
        }
    }
    qsort(file->users, file->count, sizeof(*file->users), by_name);
    for (size_t i = 1; i < file->count; i++) {
        if (by_name(&file->users[i - 1], &file->users[i]) == 0) {
            return error_set(error, "the user '%.*s' is there twice",
                             SPAN_ARG(file->users[i].name));
        }
    }
    return true;
}

/* What says how long one takes to compute: the method, and its cost. */
static struct span kind_of(struct span hash)
{
    size_t salt = span_find(span_skip(hash, 1), '$') + 2; /* behind the method's name */

    if (span_starts_with(hash, SPAN_OF("$2"))) {
        return span_head(span_skip(hash, 3), 4); /* $10$: the letter before makes no difference */
    }
    if (span_starts_with(hash, SPAN_OF("$5$")) || span_starts_with(hash, SPAN_OF("$6$"))) {
        return span_head(hash, span_starts_with(span_skip(hash, salt), SPAN_OF("rounds="))
                                   ? salt + span_find(span_skip(hash, salt), '$') + 1
                                   : salt);
    }
    return span_head(hash, salt + span_find(span_skip(hash, salt), '$'));
}

static bool is_same_kind(const char *one, const char *other)
{
    return span_eq(kind_of(span_from_cstr(one)), kind_of(span_from_cstr(other)));
}

/* With other last digits: of a password that nobody knows. */
static const char *make_decoy(struct password_file *file, const char *hash)
{
    char *decoy = arena_cstr(&file->arena, span_from_cstr(hash));
    size_t len = strlen(decoy);

    for (size_t i = 1; i <= 8 && i < len && decoy[len - i] != '$'; i++) {
        decoy[len - i] = decoy[len - i] == 'u' ? 'e' : 'u';
    }
    return decoy;
}

static bool has_kind(const struct password_file *file, const char *hash)
{
    for (size_t i = 0; i < file->kind_count; i++) {
        if (is_same_kind(file->decoys[i], hash)) {
            return true;
        }
    }
    return false;
}

static void make_decoys(struct password_file *file)
{
    for (size_t i = 0; i < file->count && file->kind_count < PASSWORD_KINDS_MAX; i++) {
        if (!has_kind(file, file->users[i].hash)) {
            file->decoys[file->kind_count++] = make_decoy(file, file->users[i].hash);
        }
    }
    if (file->kind_count == 0) {
        file->decoys[file->kind_count++] =
            "$2b$10$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBue";
    }
}

static void destroy(void *object)
{
    struct password_file *file = object;

    free(file->users);
    arena_destroy(&file->arena);
    free(file);
}

static void *parse(struct span bytes, struct error *error)
{
    struct password_file *file = xcalloc(1, sizeof(*file));
    size_t lines = 1;

    arena_init(&file->arena, 4096);
    for (size_t i = 0; i < bytes.len && lines <= PASSWORD_USERS_MAX; i++) {
        lines += bytes.ptr[i] == '\n';
    }
    file->users = xcalloc(lines, sizeof(*file->users));
    if (memchr(bytes.len != 0 ? bytes.ptr : "", '\0', bytes.len) != NULL) {
        (void)error_set(error, "it has a NUL byte: is it a file of passwords?");
    } else if (take_lines(file, bytes, error)) {
        make_decoys(file);
        return file;
    }
    destroy(file);
    return NULL;
}

static const char *find(const struct password_file *file, struct span user)
{
    struct user wanted = {user, NULL};
    const struct user *found;

    if (user.len == 0 || file->count == 0) {
        return NULL;
    }
    found = bsearch(&wanted, file->users, file->count, sizeof(*file->users), by_name);
    return found != NULL ? found->hash : NULL;
}

static void add(struct password_hashes *hashes, const char *hash)
{
    if (hashes->count < PASSWORD_KINDS_MAX) {
        memcpy(hashes->items[hashes->count++], hash, strlen(hash) + 1);
    }
}

void password_file_hashes(const struct password_file *file, struct span user,
                          struct password_hashes *hashes)
{
    const char *hash = find(file, user);

    hashes->count = 0;
    hashes->is_of_nobody = hash == NULL;
    if (hash != NULL) {
        add(hashes, hash);
    }
    for (size_t i = 0; i < file->kind_count; i++) {
        if (hash == NULL || !is_same_kind(file->decoys[i], hash)) {
            add(hashes, file->decoys[i]);
        }
    }
}

const struct followed_type password_file_type = {
    .what = "a file of passwords",
    .max_bytes = (size_t)32 * 1024 * 1024,
    .parse = parse,
    .destroy = destroy,
};
