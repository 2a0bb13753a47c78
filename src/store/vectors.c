#include "store/vectors.h"

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { VERSION = 1, ALIGN = 64 };

/*
 * The file as it stands on disk, little-endian: header, recs int64 [n], zeros up to a multiple of 64 bytes, rows
 * float32 [n][d]. The checksum covers everything but itself.
 */
struct header {
    char magic[8];
    uint32_t version, reserved;
    uint64_t n, d;
    unsigned char checksum[HASH_BYTES];
};

static_assert(sizeof(struct header) == ALIGN, "the header is one line of 64 bytes");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored as this machine keeps them");

static const char MAGIC[8] = "CLIOVEC1";
static const char zeros[ALIGN];

struct layout {
    size_t recs_bytes, pad_bytes, rows_bytes, total;
};

/* Sizes from a file are not trusted: false when they do not fit in memory. */
static bool lay_out(uint64_t n, uint64_t d, struct layout *l)
{
    size_t rows;
    *l = (struct layout){0};
    if (__builtin_mul_overflow(n, sizeof(int64_t), &l->recs_bytes) || __builtin_mul_overflow(n, d, &rows) ||
        __builtin_mul_overflow(rows, sizeof(float), &l->rows_bytes))
        return false;
    l->pad_bytes = (ALIGN - l->recs_bytes % ALIGN) % ALIGN;
    return !__builtin_add_overflow(sizeof(struct header) + l->pad_bytes, l->recs_bytes, &l->total) &&
           !__builtin_add_overflow(l->total, l->rows_bytes, &l->total) && l->total <= PTRDIFF_MAX;
}

static void hash_header(struct hasher *hasher, const struct header *h)
{
    hash_init(hasher);
    hash_add(hasher, (struct str){h->magic, sizeof h->magic});
    hash_add_u64(hasher, h->version);
    hash_add_u64(hasher, h->reserved);
    hash_add_u64(hasher, h->n);
    hash_add_u64(hasher, h->d);
}

static struct header header_of(size_t n, size_t d)
{
    struct header h = {.version = VERSION, .n = n, .d = d};
    memcpy(h.magic, MAGIC, sizeof h.magic);
    return h;
}

static const char *vectors_path(struct run *r, struct str name)
{
    return str_printf(&r->arena, "%s/private/" STR_FMT ".vec", r->path, STR_ARG(name)).at;
}

/* ---- writing ---- */

static enum err write_all(int fd, struct str bytes, const char *path, struct error *e)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.at, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_errno(e, ERR_IO, "cannot write %s", path);
            return error_hint(e, "check the disk (free space, quota), then run the same command again, it resumes"),
                   ERR_IO;
        }
        bytes.at += n;
        bytes.n -= (size_t)n;
    }
    return ERR_OK;
}

enum err vectors_begin(struct vectors_writer *w, struct run *r, struct str name, size_t n, size_t d,
                       const int64_t *recs, struct error *e)
{
    struct header h = header_of(n, d);
    struct layout l;
    *w = (struct vectors_writer){.run = r, .path = vectors_path(r, name), .fd = -1, .n = n, .d = d};
    w->temp = str_printf(&r->arena, "%s.tmp", w->path).at;
    if (!lay_out(n, d, &l))
        return error_set(e, ERR_RANGE, "%zu vectors of %zu numbers are too large for one file", n, d);
    w->fd = open(w->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->fd < 0)
        return error_errno(e, ERR_IO, "cannot create %s", w->path);
    struct str recs_view = {(const char *)recs, l.recs_bytes};
    hash_header(&w->hasher, &h);
    hash_add(&w->hasher, recs_view);
    hash_add_u64(&w->hasher, l.rows_bytes);
    /* The header holds the checksum, so it is written again at the end. */
    const struct str parts[] = {{(const char *)&h, sizeof h}, recs_view, {zeros, l.pad_bytes}};
    enum err result = ERR_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && result == ERR_OK; i++)
        result = write_all(w->fd, parts[i], w->path, e);
    return result;
}

enum err vectors_append(struct vectors_writer *w, struct mat rows, struct error *e)
{
    assert(rows.d == w->d && rows.n <= w->n - w->rows);
    struct str view = {(const char *)rows.at, rows.n * rows.d * sizeof(float)};
    w->rows += rows.n;
    hash_add_part(&w->hasher, view);
    return write_all(w->fd, view, w->path, e);
}

/* Header, disk, name. */
static enum err make_whole(struct vectors_writer *w, struct error *e)
{
    struct header h = header_of(w->n, w->d);
    assert(w->rows == w->n);
    memcpy(h.checksum, hash_end(&w->hasher).at, sizeof h.checksum);
    if (lseek(w->fd, 0, SEEK_SET) != 0)
        return error_errno(e, ERR_IO, "cannot write %s", w->path);
    enum err result = write_all(w->fd, (struct str){(const char *)&h, sizeof h}, w->path, e);
    if (result == ERR_OK && fsync(w->fd) != 0)
        result = error_errno(e, ERR_IO, "cannot write %s to the disk", w->path);
    if (result == ERR_OK && rename(w->temp, w->path) != 0)
        result = error_errno(e, ERR_IO, "cannot replace %s", w->path);
    return result;
}

enum err vectors_end(struct vectors_writer *w, enum err so_far, struct error *e)
{
    if (w->fd < 0)
        return so_far;
    enum err result = so_far == ERR_OK ? make_whole(w, e) : so_far;
    close(w->fd);
    w->fd = -1;
    if (result == ERR_OK)
        return file_sync_folder(run_path(w->run, "private"), e);
    unlink(w->temp);
    return result;
}

enum err vectors_write(struct run *r, struct str name, struct mat m, const int64_t *recs, struct error *e)
{
    struct vectors_writer w;
    enum err result = vectors_begin(&w, r, name, m.n, m.d, recs, e);
    if (result == ERR_OK)
        result = vectors_append(&w, m, e);
    return vectors_end(&w, result, e);
}

/* ---- reading ---- */

static enum err damaged(const char *path, const char *how, struct error *e)
{
    error_set(e, ERR_IO, "%s is damaged: %s", path, how);
    return error_hint(e, "run the same command again: the stage embed writes it anew"), ERR_IO;
}

/* Makes the hint true: what embed once wrote no longer counts as done. The run is told nothing when it is only read. */
static void undo_stage(struct run *r)
{
    int64_t done = 0;
    if (r->lock_fd < 0 || db_owned(r->db) ||
        db_get_int(r->db, NULL, &done, 0, "SELECT done FROM stage WHERE name = 'embed'", "") != ERR_OK || !done)
        return;
    if (db_put(r->db, NULL, "UPDATE stage SET done = 0 WHERE name = 'embed'", "") == ERR_OK &&
        db_flush(r->db, NULL) == ERR_OK && run_write_manifest(r, NULL) == ERR_OK)
        return; /* a failure here is less than the one about to be reported */
}

static enum err check(const char *path, struct str bytes, struct header *h, struct layout *l, struct error *e)
{
    if (bytes.n < sizeof *h)
        return damaged(path, "it is shorter than its header", e);
    memcpy(h, bytes.at, sizeof *h);
    if (memcmp(h->magic, MAGIC, sizeof MAGIC) != 0)
        return damaged(path, "it does not start as a file of vectors does", e);
    if (h->version != VERSION)
        return damaged(path, "its version is unknown to this program", e);
    if (!lay_out(h->n, h->d, l) || l->total != bytes.n)
        return damaged(path, bytes.n < l->total ? "it is cut short" : "its size does not fit its header", e);
    struct str recs = {bytes.at + sizeof *h, l->recs_bytes};
    struct str rows = {recs.at + l->recs_bytes + l->pad_bytes, l->rows_bytes};
    struct hasher hasher;
    hash_header(&hasher, h);
    hash_add(&hasher, recs);
    hash_add(&hasher, rows);
    struct hash sum = hash_end(&hasher);
    if (memcmp(sum.at, h->checksum, sizeof h->checksum) != 0)
        return damaged(path, "its checksum does not fit its content", e);
    return ERR_OK;
}

static bool ascending(const int64_t *recs, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (recs[i] <= recs[i - 1])
            return false;
    return true;
}

enum err vectors_open(struct run *r, struct str name, struct vectors *out, struct error *e)
{
    *out = (struct vectors){0};
    const char *path = vectors_path(r, name);
    if (!file_exists(path)) {
        undo_stage(r);
        error_set(e, ERR_IO, "%s is missing", path);
        return error_hint(e, "run the same command again: the stage embed writes it"), ERR_IO;
    }
    struct file_map m;
    struct header h;
    struct layout l;
    enum err result = file_map_open(&m, path, e);
    if (result != ERR_OK)
        return result;
    result = check(path, m.bytes, &h, &l, e);
    if (result == ERR_OK) {
        const char *recs = m.bytes.at + sizeof h;
        out->recs = (const int64_t *)(const void *)recs;
        out->at = (struct mat){.at = (float *)(uintptr_t)(recs + l.recs_bytes + l.pad_bytes), .n = h.n, .d = h.d};
        if (!ascending(out->recs, out->at.n))
            result = damaged(path, "its records are out of order", e);
    }
    if (result != ERR_OK) {
        undo_stage(r);
        file_map_close(&m);
        *out = (struct vectors){0};
        return result;
    }
    out->map = (void *)(uintptr_t)m.bytes.at;
    out->map_bytes = m.bytes.n;
    return ERR_OK;
}

void vectors_close(struct vectors *v)
{
    struct file_map m = {.bytes = {v->map, v->map_bytes}};
    file_map_close(&m);
    *v = (struct vectors){0};
}
