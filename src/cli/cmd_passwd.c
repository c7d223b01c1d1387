/* tidegate passwd: a user's line in a file of passwords (auth/password_file.h). */
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "auth/password_file.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/options.h"

struct password {
    char text[PASSWORD_BYTES_MAX + 3];
};

/* A line of standard input, without echo where that is a terminal. */
static bool read_line(const char *prompt, struct password *password)
{
    struct termios before;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    bool has_line;

    if (is_terminal) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)fprintf(stderr, "%s", prompt);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    has_line = fgets(password->text, sizeof(password->text), stdin) != NULL;
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    password->text[strcspn(password->text, "\n")] = '\0';
    return has_line;
}

static bool ask(struct password *password, struct error *error)
{
    struct password again = {""};
    bool is_same = true;

    if (!read_line("Password: ", password) || password->text[0] == '\0') {
        return error_set(error, "there is no password on standard input");
    }
    if (strlen(password->text) > PASSWORD_BYTES_MAX) {
        return error_set(error, "a password has at most %d bytes", PASSWORD_BYTES_MAX);
    }
    if (isatty(STDIN_FILENO)) {
        is_same = read_line("Once more: ", &again) && strcmp(password->text, again.text) == 0;
        explicit_bzero(&again, sizeof(again));
    }
    return is_same || error_set(error, "the two are not the same");
}

/* yescrypt, as the system's own passwords. */
static bool make_line(const char *user, const struct password *password, struct strbuf *line,
                      struct error *error)
{
    char *setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
    struct crypt_data *data = xcalloc(1, sizeof(*data));
    const char *hash = setting != NULL ? crypt_r(password->text, setting, data) : NULL;
    bool is_made = hash != NULL && hash[0] != '*';

    if (is_made) {
        strbuf_printf(line, "%s:%s\n", user, hash);
    } else {
        (void)error_set_errno(error, errno, "the password cannot be hashed");
    }
    explicit_bzero(data, sizeof(*data));
    free(data);
    free(setting);
    return is_made;
}

/* The file with the user's line in place of the one that is there, or behind all others. */
static bool merge(const char *path, const char *user, struct span line, struct strbuf *whole,
                  struct error *error)
{
    FILE *file = fopen(path, "re");
    size_t user_len = strlen(user);
    char *text = NULL;
    size_t size = 0;
    bool is_in = false;

    if (file == NULL) {
        strbuf_add(whole, line);
        return errno == ENOENT || error_set_errno(error, errno, "cannot read '%s'", path);
    }
    while (getline(&text, &size, file) > 0) {
        if (strncmp(text, user, user_len) == 0 && text[user_len] == ':') {
            if (!is_in) {
                strbuf_add(whole, line);
            }
            is_in = true;
            continue;
        }
        strbuf_add_cstr(whole, text);
        if (whole->ptr[whole->len - 1] != '\n') {
            strbuf_add_char(whole, '\n');
        }
    }
    if (!is_in) {
        strbuf_add(whole, line);
    }
    free(text);
    (void)fclose(file);
    return true;
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len != 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n <= 0) {
            return false;
        }
        bytes = span_skip(bytes, (size_t)n);
    }
    return fsync(fd) == 0;
}

/* In one step, so that whoever follows the file never sees half of it; owner and mode stay. */
static bool replace(const char *path, struct span bytes, struct error *error)
{
    char *temporary = xmalloc(strlen(path) + 8);
    struct stat old;
    bool has_old = stat(path, &old) == 0;
    bool is_written;
    int fd;

    (void)sprintf(temporary, "%s.XXXXXX", path);
    fd = mkstemp(temporary);
    if (fd < 0) {
        free(temporary);
        return error_set_errno(error, errno, "cannot write beside '%s'", path);
    }
    is_written = write_all(fd, bytes) && fchmod(fd, has_old ? old.st_mode & 07777 : 0640) == 0 &&
                 (!has_old || fchown(fd, old.st_uid, old.st_gid) == 0) &&
                 rename(temporary, path) == 0;
    if (!is_written) {
        (void)error_set_errno(error, errno, "cannot write '%s'", path);
        (void)unlink(temporary);
    }
    (void)close(fd);
    free(temporary);
    return is_written;
}

static bool is_name(const char *user)
{
    size_t len = strlen(user);

    for (size_t i = 0; i < len; i++) {
        if (user[i] == ':' || (unsigned char)user[i] < 0x20 || user[i] == 0x7f) {
            return false;
        }
    }
    return len != 0 && len <= PASSWORD_USER_BYTES_MAX && user[0] != '#';
}

static bool make(const char *user, const char *path, struct error *error)
{
    struct password password = {""};
    struct strbuf line;
    struct strbuf whole;
    bool is_made;

    strbuf_init(&line);
    strbuf_init(&whole);
    is_made = ask(&password, error) && make_line(user, &password, &line, error);
    explicit_bzero(&password, sizeof(password));
    if (is_made && path == NULL) {
        is_made = fwrite(line.ptr, 1, line.len, stdout) == line.len && fflush(stdout) == 0;
    } else if (is_made) {
        is_made = merge(path, user, strbuf_span(&line), &whole, error) &&
                  replace(path, strbuf_span(&whole), error);
    }
    strbuf_free(&line);
    strbuf_free(&whole);
    return is_made;
}

int cmd_passwd(int argc, char **argv)
{
    const char *file = NULL;
    const char *user = NULL;
    const struct option_spec specs[] = {{"--file", "-f", &file, NULL}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), &user, 1);
    struct error error = {""};

    if (result != OPTIONS_OK) {
        return result;
    }
    if (user == NULL || !is_name(user)) {
        return usage_error("passwd", "name one user: at most %d bytes without ':'",
                           PASSWORD_USER_BYTES_MAX);
    }
    if (!make(user, file, &error)) {
        (void)fprintf(stderr, "tidegate passwd: %s\n", error.text);
        return 1;
    }
    return 0;
}
