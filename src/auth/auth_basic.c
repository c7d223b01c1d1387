/* A name and a password (RFC 7617). */
#include <string.h>

#include "auth/auth.h"
#include "auth/password_pool.h"
#include "auth/remembered.h"
#include "base/base64.h"
#include "base/clock.h"

#define CREDENTIALS_MAX (PASSWORD_USER_BYTES_MAX + 1 + PASSWORD_BYTES_MAX)

struct basic_try {
    struct auth_run *run;
    struct span user;
    struct remembered_key proof;
    bool has_proof;
};

static enum auth_outcome wrong(struct auth_run *run)
{
    return auth_wrong(run, "credentials_wrong", "user and password are not right",
                      "the user's line in the file of passwords: 'tidegate passwd' makes one");
}

/* Control characters are refused (RFC 7617 section 2), NUL among them. */
static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum auth_outcome read_pair(struct auth_run *run, unsigned char *bytes, struct span *user,
                                   struct span *password)
{
    struct span text;
    struct span rest;
    size_t len;
    enum auth_outcome outcome = auth_credentials(run, SPAN_OF("Basic"), &text);

    if (outcome != AUTH_KNOWN) {
        return outcome;
    }
    if (!base64_decode(BASE64, text, bytes, CREDENTIALS_MAX, &len)) {
        return auth_wrong(run, "credentials_malformed",
                          "what follows 'Basic' is not base64, or is too long",
                          "a name has at most 255 bytes, a password 72 (RFC 7617)");
    }
    rest = span_make(bytes, len);
    if (!span_split(&rest, ':', user) || rest.ptr == NULL || user->len == 0 ||
        user->len > PASSWORD_USER_BYTES_MAX || rest.len > PASSWORD_BYTES_MAX ||
        has_control(*user) || has_control(rest)) {
        return auth_wrong(run, "credentials_malformed",
                          "what follows 'Basic' is not a name and a password", NULL);
    }
    *password = rest;
    return AUTH_KNOWN;
}

static enum phase_verdict on_checked(struct phases *phases, void *arg)
{
    const struct password_job *job = arg;
    struct auth_run *run = phases->waiting;
    const struct basic_try *attempt = run->waiting;
    const struct basic_settings *settings = run->plan->methods[run->at].settings;

    if (!job->is_right) {
        return auth_go_on(run, wrong(run));
    }
    if (attempt->has_proof) {
        remembered_add(&attempt->proof, clock_us() + settings->remember_ms * 1000);
    }
    (void)auth_found(run, auth_basic.name, attempt->user);
    return auth_go_on(run, AUTH_KNOWN);
}

static enum auth_outcome ask_pool(const struct basic_settings *settings, struct auth_run *run,
                                  const struct password_hashes *hashes, struct span password)
{
    struct password_job job = {.hashes = *hashes,
                               .client = auth_client_number(run->phases),
                               .most = settings->waiting,
                               .most_of_client = settings->waiting_per_client};
    enum password_ask asked;

    memcpy(job.password, password.ptr, password.len);
    asked = password_pool_ask(&job, run->phases, on_checked);
    explicit_bzero(&job, sizeof(job));
    if (asked == PASSWORD_ASKED) {
        return AUTH_WAIT;
    }
    run->busy_status = asked == PASSWORD_TOO_MANY ? 503 : 429;
    run->why =
        (struct trouble){"passwords_busy",
                         asked == PASSWORD_TOO_MANY
                             ? "too many passwords wait to be checked"
                             : "too many passwords of this client's address wait to be checked",
                         "somebody may be guessing: the log has the addresses"};
    return AUTH_BUSY;
}

static enum auth_outcome check(const struct auth_method *method, struct auth_run *run,
                               const struct password_file *file, struct span user,
                               struct span password)
{
    const struct basic_settings *settings = method->settings;
    struct password_hashes hashes;
    struct basic_try *attempt = arena_calloc(run->phases->arena, sizeof(*attempt));

    attempt->user = arena_copy(run->phases->arena, user);
    password_file_hashes(file, user, &hashes);
    if (!hashes.is_of_nobody) {
        struct span parts[] = {SPAN_OF("basic"), span_from_cstr(hashes.items[0]), user, password};
        attempt->has_proof = settings->remember_ms != 0 &&
                             remembered_key_make(parts, ARRAY_LEN(parts), &attempt->proof);
    }
    if (attempt->has_proof && remembered_has(&attempt->proof, clock_us())) {
        (void)auth_found(run, auth_basic.name, user);
        return AUTH_KNOWN;
    }
    run->waiting = attempt;
    return ask_pool(settings, run, &hashes, password);
}

static enum auth_outcome ask(const struct auth_method *method, struct auth_run *run)
{
    unsigned char bytes[CREDENTIALS_MAX];
    struct span user = {NULL, 0};
    struct span password = {NULL, 0};
    enum auth_outcome outcome = read_pair(run, bytes, &user, &password);

    if (outcome == AUTH_KNOWN) {
        struct followed_object *file = followed_get(method->files[0]);
        outcome = check(method, run, followed_read(file), user, password);
        followed_put(file);
    }
    explicit_bzero(bytes, sizeof(bytes));
    return outcome;
}

static struct span challenge(const struct auth_method *method, struct auth_run *run)
{
    const struct basic_settings *settings = method->settings;

    return span_from_cstr(
        arena_printf(run->phases->arena, "Basic realm=\"%s\", charset=\"UTF-8\"", settings->realm));
}

static void strip(const struct auth_method *method, struct auth_run *run)
{
    const struct basic_settings *settings = method->settings;

    if (!settings->pass_credentials) {
        auth_strip_credentials(run, SPAN_OF("Basic"));
    }
}

static struct span passes(const struct auth_method *method)
{
    const struct basic_settings *settings = method->settings;

    return settings->pass_credentials ? SPAN_OF("Basic") : span_make(NULL, 0);
}

static bool open_users(struct auth_method *method, struct arena *arena, struct error *error)
{
    const struct basic_settings *settings = method->settings;

    return auth_method_follow(method, settings->users, &password_file_type, arena, error);
}

const struct auth_type auth_basic = {.name = "basic",
                                     .open = open_users,
                                     .ask = ask,
                                     .challenge = challenge,
                                     .strip = strip,
                                     .passes = passes};
