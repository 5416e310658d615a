// SPDX-License-Identifier: MIT
// What a container runtime starts: carries its request to the daemon, and the answer back.
// As glassbridge-cni it is a CNI plugin, by any other name netavark's. plugin.py is its equal.
//
//   request   POST /cni       CNI_KEY=VALUE\0 ... \0 stdin
//             POST /netavark  ARG\0 ... \0 stdin
//   answer    headers exit-code and stderr-length; the body is stdout, then stderr

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START "/etc/glassbridge/start-daemon"
#define RUN "/run/glassbridge"

extern char **environ;
struct text {
    char *at;
    size_t length, room;
};

static int is_cni;
static struct text input;

static void append(struct text *text, const void *what, size_t length) {
    if (text->length + length >= text->room) {
        text->room = (text->length + length) * 2 + 4096;
        text->at = realloc(text->at, text->room);
        if (!text->at) abort();
    }
    memcpy(text->at + text->length, what, length);
    text->length += length;
    text->at[text->length] = 0;
}

// -1 when the other end is gone
static int write_all(int to, const char *what, size_t length) {
    while (length) {
        ssize_t done = write(to, what, length);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        what += done;
        length -= (size_t)done;
    }
    return 0;
}

static int read_all(int from, struct text *into) {
    char chunk[65536];
    for (;;) {
        ssize_t got = read(from, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        append(into, chunk, (size_t)got);
    }
}

static void append_escaped(struct text *text, const char *what) {
    char unit[8];
    for (const char *c = what; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            append(text, unit, (size_t)sprintf(unit, "\\u%04x", *c));
        else
            append(text, c, 1);
}

static const char *after_string(const char *quote) {
    for (quote++; *quote && *quote != '"'; quote++)
        if (*quote == '\\' && quote[1]) quote++;
    return *quote ? quote + 1 : quote;
}

static const char *after_space(const char *c) { return c + strspn(c, " \t\r\n"); }

// The configuration's own member, not one of what it holds; "" where that cannot be told.
static const char *version_asked(void) {
    static char version[16];
    const char key[] = "\"cniVersion\"";
    int depth = 0;
    for (const char *c = input.at ? input.at : ""; *c; c++) {
        if (*c == '{' || *c == '[') depth++;
        if (*c == '}' || *c == ']') depth--;
        if (*c != '"') continue;
        const char *value = after_space(after_string(c));
        if (depth == 1 && *value == ':' && !strncmp(c, key, sizeof key - 1)) {
            value = after_space(value + 1) + 1;
            size_t length = strspn(value, "0123456789.");
            if (value[-1] == '"' && value[length] == '"' && length < sizeof version)
                return memcpy(version, value, length);
            return "";
        }
        c = after_string(c) - 1;
    }
    return "";
}

// 11 is CNI's "try again later"
static void fail(const char *message, const char *details) {
    struct text json = {0};
    const char *version = is_cni ? version_asked() : "";
    const char *head = is_cni ? "\"code\":11,\"msg\":\"" : "\"error\":\"";
    const char *between = is_cni ? "\",\"details\":\"" : ": ";
    append(&json, "{", 1);
    if (*version) {
        append(&json, "\"cniVersion\":\"", 14);
        append(&json, version, strlen(version));
        append(&json, "\",", 2);
    }
    append(&json, head, strlen(head));
    append_escaped(&json, message);
    append(&json, between, strlen(between));
    append_escaped(&json, details);
    append(&json, "\"}\n", 3);
    write_all(1, json.at, json.length);
    exit(1);
}

// As app/paths.py: a network namespace other than that of pid 1 has a daemon of its own.
static void find_socket(struct sockaddr_un *address) {
    struct stat first, ours;
    const char *folder = getenv("GLASSBRIDGE_RUN_DIR");
    char own[64] = RUN;
    if (!stat("/proc/1/net/dev", &first) && !stat("/proc/self/net/dev", &ours)
        && (first.st_dev != ours.st_dev || first.st_ino != ours.st_ino)
        && !stat("/proc/self/ns/net", &ours))
        snprintf(own, sizeof own, RUN "/%lu", (unsigned long)ours.st_ino);
    if (!folder || !*folder) folder = own;
    size_t room = sizeof address->sun_path;
    if ((size_t)snprintf(address->sun_path, room, "%s/glassbridge.sock", folder) >= room)
        fail("the daemon's socket has too long a path", folder);
}

static int connect_to(const struct sockaddr_un *address) {
    int daemon = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(daemon, (const struct sockaddr *)address, sizeof *address) ? -1 : daemon;
}

// Only where an administrator put a program there: what it starts lives in the runtime's cgroup.
static int start_daemon(void) {
    pid_t child, status = -1;
    char *arguments[] = {START, NULL};
    posix_spawn_file_actions_t streams;
    if (access(START, X_OK)) return -1;
    posix_spawn_file_actions_init(&streams);
    posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&streams, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&child, START, &streams, NULL, arguments, environ)) return -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

static int is_rootless(void) {
    unsigned count = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    return map && fscanf(map, "%*u %*u %u", &count) == 1 && count != 4294967295;
}

static int reach_daemon(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char why[512];
    find_socket(&address);
    int daemon = connect_to(&address), reason = errno;
    if (daemon < 0 && (reason == ENOENT || reason == ECONNREFUSED) && !start_daemon())
        daemon = connect_to(&address), reason = errno;
    if (daemon >= 0) return daemon;
    snprintf(why, sizeof why, "%s: %s", address.sun_path, strerror(reason));
    if (is_rootless())
        fail("glassbridge serves no rootless containers: it changes the host's network", why);
    fail("no glassbridge daemon answers; start it (systemctl enable --now glassbridge.socket, "
                 "or: glassbridge up) and try again", why);
    return -1;
}

static void ask(int daemon, char **arguments) {
    struct text request = {0}, body = {0};
    char head[160];
    for (char **variable = environ; is_cni && *variable; variable++)
        if (!strncmp(*variable, "CNI_", 4)) append(&body, *variable, strlen(*variable) + 1);
    for (char **word = arguments + 1; !is_cni && *word; word++)
        append(&body, *word, strlen(*word) + 1);
    append(&body, "", 1);
    append(&body, input.at, input.length);
    append(&request, head, (size_t)snprintf(head, sizeof head,
        "POST /%s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n",
        is_cni ? "cni" : "netavark", body.length));
    append(&request, body.at, body.length);
    // it may refuse, and close, before it has heard all
    write_all(daemon, request.at, request.length);
}

static long header(const char *head, const char *name) {
    const char *found = strstr(head, name);
    return found ? strtol(found + strlen(name), NULL, 10) : -1;
}

static int answer(int daemon) {
    struct text got = {0};
    append(&got, "", 0);
    int broken = read_all(daemon, &got);
    char *body = strstr(got.at, "\r\n\r\n");
    long length = -1, written = -1;
    if (body) {
        *body = 0;
        body += 4;
        length = header(got.at, "\r\ncontent-length: ");
        written = header(got.at, "\r\nstderr-length: ");
    }
    long present = body ? got.at + got.length - body : -1;
    if (length < 0 || present != length)
        fail("the glassbridge daemon ended before it had answered; try again",
             broken ? strerror(errno) : "its log tells why");
    if (written < 0 || written > length) fail("the glassbridge daemon refused", body);
    size_t said = (size_t)(length - written);
    if (write_all(1, body, said) || write_all(2, body + said, (size_t)written)) return 1;
    return (int)header(got.at, "\r\nexit-code: ");
}

int main(int count __attribute__((unused)), char **arguments) {
    const char *name = strrchr(arguments[0], '/');
    const char *command = getenv("CNI_COMMAND");
    is_cni = !strcmp(name ? name + 1 : arguments[0], "glassbridge-cni");
    signal(SIGPIPE, SIG_IGN);
    if (is_cni && (!command || !*command)) {
        fputs("glassbridge-cni: a CNI plugin; container runtimes call it\n", stderr);
        return 0;
    }
    append(&input, "", 0);
    if (read_all(0, &input)) fail("stdin cannot be read", strerror(errno));
    int daemon = reach_daemon();
    ask(daemon, arguments);
    return answer(daemon);
}
