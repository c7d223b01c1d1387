#include "process/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* TCP_LISTEN, as /proc/net/tcp writes states (proc(5)). */
#define STATE_LISTEN 0x0aU

enum { PATH_SIZE = 64 + 256, INODES_MAX = 16 };

struct inodes {
    unsigned long numbers[INODES_MAX];
    size_t count;
};

/* The listening sockets of a port, by the inodes that /proc/PID/fd shows too. */
static void find_inodes(const char *table, uint16_t port, struct inodes *inodes)
{
    FILE *file = fopen(table, "re");
    char line[512];

    while (file != NULL && inodes->count < INODES_MAX && fgets(line, sizeof(line), file) != NULL) {
        unsigned local_port;
        unsigned state;
        unsigned long inode;

        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %lu", &local_port,
                   &state, &inode) == 3 &&
            local_port == port && state == STATE_LISTEN) {
            inodes->numbers[inodes->count++] = inode;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static bool is_one_of(const char *link, const struct inodes *inodes)
{
    unsigned long inode;

    if (sscanf(link, "socket:[%lu]", &inode) != 1) {
        return false;
    }
    for (size_t i = 0; i < inodes->count; i++) {
        if (inodes->numbers[i] == inode) {
            return true;
        }
    }
    return false;
}

static bool holds_one(const char *pid, const struct inodes *inodes)
{
    char path[PATH_SIZE];
    DIR *folder;
    const struct dirent *entry;
    bool found = false;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    folder = opendir(path);
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char link[PATH_SIZE];
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);

        if (len > 0) {
            link[len] = '\0';
            found = is_one_of(link, inodes);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

static void describe(const char *pid, char text[PORT_OWNER_TEXT_MAX])
{
    char path[PATH_SIZE];
    char name[32] = "a program";
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        (void)fclose(file);
    }
    (void)snprintf(text, PORT_OWNER_TEXT_MAX, "%s, process %.20s", name, pid);
}

bool port_owner_find(uint16_t port, char text[PORT_OWNER_TEXT_MAX])
{
    struct inodes inodes = {0};
    DIR *processes;
    const struct dirent *entry;
    bool found = false;

    find_inodes("/proc/net/tcp", port, &inodes);
    find_inodes("/proc/net/tcp6", port, &inodes);
    processes = inodes.count > 0 ? opendir("/proc") : NULL;
    while (processes != NULL && !found && (entry = readdir(processes)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && holds_one(entry->d_name, &inodes)) {
            describe(entry->d_name, text);
            found = true;
        }
    }
    if (processes != NULL) {
        (void)closedir(processes);
    }
    return found;
}
