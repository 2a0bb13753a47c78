#include "store/vector_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On disk, little-endian: the header, then records of a key, a check and float32 [d]. */
struct header {
    char magic[8];
    uint64_t d;
    struct hash model;
    uint64_t reserved[2];
};

struct record {
    struct hash key;
    uint64_t check; /* over key and row */
};

static_assert(sizeof(struct header) == 64 && sizeof(struct record) == 40, "both stand on disk as they are");

static const char MAGIC[8] = "CLIOVLG1";

struct vector_log {
    const char *path;
    int fd;
    size_t d, record_bytes, n;
    char *record;     /* room for one */
    uint64_t *starts; /* [n]: of the keys */
    uint32_t *places; /* open addressing, record number + 1; mask + 1 of them, at most half in use */
    size_t mask;
};

static uint64_t check_of(const char *record, size_t d)
{
    struct hasher h;
    hash_init(&h);
    hash_add(&h, (struct str){record, HASH_BYTES});
    hash_add(&h, (struct str){record + sizeof(struct record), d * sizeof(float)});
    return hash_u64(hash_end(&h));
}

static void place(struct vector_log *log, uint32_t number)
{
    size_t i = log->starts[number] & log->mask;
    while (log->places[i])
        i = (i + 1) & log->mask;
    log->places[i] = number + 1;
}

static void remember(struct vector_log *log, const struct hash *key)
{
    if (2 * (log->n + 1) > log->mask + 1) {
        log->mask = 2 * log->mask + 1;
        free(log->places);
        log->places = mem_zero(log->mask + 1, sizeof *log->places);
        log->starts = mem_grow(log->starts, log->mask + 1, sizeof *log->starts);
        for (size_t i = 0; i < log->n; i++)
            place(log, (uint32_t)i);
    }
    log->starts[log->n] = hash_u64(*key);
    place(log, (uint32_t)log->n++);
}

static off_t offset_of(const struct vector_log *log, size_t number)
{
    return (off_t)(sizeof(struct header) + number * log->record_bytes);
}

static bool read_at(const struct vector_log *log, void *out, size_t n, off_t at)
{
    ssize_t got;
    do
        got = pread(log->fd, out, n, at);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)n;
}

static enum err write_at(const struct vector_log *log, const char *bytes, size_t n, off_t at, struct error *e)
{
    while (n > 0) {
        ssize_t done = pwrite(log->fd, bytes, n, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            error_errno(e, ERR_IO, "cannot write %s", log->path);
            return error_hint(e, "check the disk (free space, quota), then run the same command again, it resumes"),
                   ERR_IO;
        }
        bytes += done;
        n -= (size_t)done;
        at += done;
    }
    return ERR_OK;
}

static bool read_record(const struct vector_log *log, size_t number)
{
    struct record r;
    if (!read_at(log, log->record, log->record_bytes, offset_of(log, number)))
        return false;
    memcpy(&r, log->record, sizeof r);
    return r.check == check_of(log->record, log->d);
}

/* Keeps what is whole and of this model; whatever comes behind is cut off. */
static enum err read_all(struct vector_log *log, const struct header *want, struct error *e)
{
    struct header h;
    bool same = read_at(log, &h, sizeof h, 0) && memcmp(&h, want, sizeof h) == 0;
    while (same && log->n < UINT32_MAX - 1 && read_record(log, log->n)) {
        struct hash key;
        memcpy(&key, log->record, sizeof key);
        remember(log, &key);
    }
    if (ftruncate(log->fd, same ? offset_of(log, log->n) : 0) != 0)
        return error_errno(e, ERR_IO, "cannot cut %s", log->path);
    return same ? ERR_OK : write_at(log, (const char *)want, sizeof *want, 0, e);
}

enum err vector_log_open(struct run *r, struct str identity, size_t d, struct vector_log **out, struct error *e)
{
    struct header want = {.d = d, .model = hash_of(identity)};
    struct vector_log *log = mem_zero(1, sizeof *log);
    memcpy(want.magic, MAGIC, sizeof want.magic);
    *out = NULL;
    log->path = run_path(r, "private/vectors.log");
    log->d = d;
    log->record_bytes = sizeof(struct record) + d * sizeof(float);
    log->record = mem_new(log->record_bytes, 1);
    log->mask = 1023;
    log->places = mem_zero(log->mask + 1, sizeof *log->places);
    log->starts = mem_new(log->mask + 1, sizeof *log->starts);
    log->fd = open(log->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err err = log->fd < 0 ? error_errno(e, ERR_IO, "cannot open %s", log->path) : read_all(log, &want, e);
    if (err != ERR_OK)
        vector_log_close(log);
    else
        *out = log;
    return err;
}

void vector_log_close(struct vector_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    free(log->record);
    free(log->places);
    free(log->starts);
    free(log);
}

bool vector_log_find(struct vector_log *log, const struct hash *key, float *row)
{
    uint64_t start = hash_u64(*key);
    for (size_t i = start & log->mask; log->places[i]; i = (i + 1) & log->mask) {
        size_t number = log->places[i] - 1;
        if (log->starts[number] != start || !read_record(log, number) || memcmp(log->record, key, sizeof *key) != 0)
            continue;
        memcpy(row, log->record + sizeof(struct record), log->d * sizeof(float));
        return true;
    }
    return false;
}

enum err vector_log_add(struct vector_log *log, const struct hash *keys, struct mat m, struct error *e)
{
    assert(m.d == log->d);
    if (m.n == 0 || m.n > UINT32_MAX - 1 - log->n)
        return ERR_OK; /* full: what is not remembered is made again */
    char *bytes = mem_new(m.n, log->record_bytes);
    for (size_t i = 0; i < m.n; i++) {
        char *at = bytes + i * log->record_bytes;
        struct record r = {.key = keys[i]};
        memcpy(at, &r, sizeof r);
        memcpy(at + sizeof r, mat_row(m, i), m.d * sizeof(float));
        r.check = check_of(at, m.d);
        memcpy(at, &r, sizeof r);
    }
    enum err err = write_at(log, bytes, m.n * log->record_bytes, offset_of(log, log->n), e);
    if (err == ERR_OK && fdatasync(log->fd) != 0)
        err = error_errno(e, ERR_IO, "cannot write %s to the disk", log->path);
    for (size_t i = 0; err == ERR_OK && i < m.n; i++)
        remember(log, &keys[i]);
    free(bytes);
    return err;
}
