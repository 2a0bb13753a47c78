/* What the inputs are: their names, sizes and hashes, for the stage's fingerprint and the manifest. */
#include "base/json.h"
#include "ingest/ingest.h"
#include "ingest/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

struct content {
    struct hash hash;
    uint64_t bytes;
};

static enum err write_chunk(int fd, const unsigned char *at, size_t n, struct error *e)
{
    while (n) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(e, ERR_IO, "cannot spool standard input into the run's folder");
        at += put;
        n -= (size_t)put;
    }
    return ERR_OK;
}

/* Reads fd to its end; copies to `spool` unless that is negative. */
static enum err hash_stream(int fd, int spool, const char *name, struct content *out, struct error *e)
{
    crypto_generichash_state state;
    unsigned char *chunk = mem_new(CHUNK, 1);
    enum err result = ERR_OK;
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    out->bytes = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            result = error_errno(e, ERR_INPUT, "cannot read %s", name);
        if (n <= 0)
            break;
        crypto_generichash_update(&state, chunk, (size_t)n);
        out->bytes += (uint64_t)n;
        if (spool >= 0 && (result = write_chunk(spool, chunk, (size_t)n, e)))
            break;
    }
    free(chunk);
    crypto_generichash_final(&state, out->hash.at, HASH_BYTES);
    return result;
}

/* A file without a name: gone with the process, whatever ends it. */
static int open_spool(struct run *r)
{
    int fd = open(run_path(r, "private"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    struct arena a = {0};
    char *path = str_dupz(&a, str_of(run_path(r, "private/stdin-XXXXXX")));
    fd = mkstemp(path); /* some file systems know no nameless files */
    if (fd >= 0)
        unlink(path);
    arena_release(&a);
    return fd;
}

static enum err identify_stdin(struct stage_context *c, struct content *out, struct error *e)
{
    off_t start = lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (start >= 0) {
        enum err result = hash_stream(STDIN_FILENO, -1, "standard input", out, e);
        if (result == ERR_OK && lseek(STDIN_FILENO, start, SEEK_SET) < 0)
            result = error_errno(e, ERR_IO, "cannot read standard input twice");
        return result;
    }
    int spool = open_spool(c->run);
    if (spool < 0)
        return error_errno(e, ERR_IO, "cannot create a file in %s", run_path(c->run, "private"));
    enum err result = hash_stream(STDIN_FILENO, spool, "standard input", out, e);
    if (result == ERR_OK && (lseek(spool, 0, SEEK_SET) < 0 || dup2(spool, STDIN_FILENO) < 0))
        result = error_errno(e, ERR_IO, "cannot read standard input twice");
    close(spool);
    return result;
}

static enum err identify_file(const char *path, struct content *out, struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, ERR_INPUT, "cannot open %s", path);
    enum err result = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)
                          ? error_set(e, ERR_INPUT, "%s is a folder; name the files in it", path)
                          : hash_stream(fd, -1, path, out, e);
    close(fd);
    return result;
}

enum err ingest_identify(struct stage_context *c, struct hash *out, struct error *e)
{
    struct hasher all;
    struct arena a = {0};
    struct buf json = {0};
    enum err result = ERR_OK;
    hash_init(&all);
    buf_add_char(&json, '[');
    for (size_t i = 0; i < c->inputs_count && result == ERR_OK; i++) {
        const char *path = c->inputs[i].path;
        struct content content = {0};
        char hex[HASH_HEX];
        struct str name = source_name(c->inputs, i, &a);
        result = strcmp(path, "-") == 0 ? identify_stdin(c, &content, e) : identify_file(path, &content, e);
        hash_add(&all, name);
        hash_add(&all, (struct str){(const char *)content.hash.at, sizeof content.hash.at});
        hash_hex(content.hash, hex);
        buf_addz(&json, i ? ",{\"name\":" : "{\"name\":");
        json_add_string(&json, name);
        buf_printf(&json, ",\"bytes\":%llu,\"blake2b\":\"%s\"}", (unsigned long long)content.bytes, hex);
    }
    buf_add_char(&json, ']');
    *out = hash_end(&all);
    if (result == ERR_OK)
        result = run_note(c->run, "inputs", buf_str(&json), e);
    buf_release(&json);
    arena_release(&a);
    return result;
}
