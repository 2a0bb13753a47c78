/* What the server counted, as text: written by it, read by those who ask it from another process. */
#include "mock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *name;
    size_t at;
} members[] = {
    {"requests", offsetof(struct mock_counts, requests)},
    {"answered", offsetof(struct mock_counts, answered)},
    {"refused", offsetof(struct mock_counts, refused)},
    {"noise", offsetof(struct mock_counts, noise)},
    {"faults", offsetof(struct mock_counts, faults)},
    {"again", offsetof(struct mock_counts, again)},
    {"dropped", offsetof(struct mock_counts, dropped)},
    {"running", offsetof(struct mock_counts, running)},
    {"running_most", offsetof(struct mock_counts, running_most)},
    {"batches", offsetof(struct mock_counts, batches)},
    {"batch_items", offsetof(struct mock_counts, batch_items)},
    {"batch_again", offsetof(struct mock_counts, batch_again)},
    {"batches_left", offsetof(struct mock_counts, batches_left)},
    {"tokens_created", offsetof(struct mock_counts, tokens_created)},
    {"early_ms", offsetof(struct mock_counts, early_ms)},
};

enum { MEMBERS = sizeof members / sizeof *members };

void mock_counts_write(const struct mock_counts *n, struct buf *out)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        uint64_t v;
        memcpy(&v, (const char *)n + members[i].at, sizeof v);
        buf_printf(out, "%s %" PRIu64 "\n", members[i].name, v);
    }
}

static void read_counts(const char *text, struct mock_counts *out)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        char line[40];
        snprintf(line, sizeof line, "\n%s ", members[i].name);
        const char *at = strstr(text, line);
        uint64_t v = at ? strtoull(at + strlen(line), NULL, 10) : 0;
        memcpy((char *)out + members[i].at, &v, sizeof v);
    }
}

static enum err ask(unsigned short port, const char *path, char *reply, size_t size, struct error *e)
{
    char request[200];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ssize_t length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", path), n = -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, (size_t)length, MSG_NOSIGNAL) == length)
        n = recv(fd, reply, size - 1, 0); /* a small reply comes in one piece */
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return error_set(e, ERR_IO, "the mock is not there");
    reply[n] = 0;
    return ERR_OK;
}

enum err mock_ask_counts(unsigned short port, struct mock_counts *out, struct error *e)
{
    char reply[4096];
    enum err result = ask(port, "/mock/counts", reply, sizeof reply, e);
    *out = (struct mock_counts){0};
    if (result == ERR_OK)
        read_counts(reply, out);
    return result;
}

enum err mock_ask_kill(unsigned short port, long pid, unsigned long after, struct error *e)
{
    char reply[4096], path[100];
    snprintf(path, sizeof path, "/mock/kill/%ld/%lu", pid, after);
    return ask(port, path, reply, sizeof reply, e);
}
