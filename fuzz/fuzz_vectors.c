/*
 * A file of vectors on disk. An odd first byte asks for the checksum to be put right, since no mutation would hit it;
 * the rest is the file.
 */
#include "fuzz.h"

#include "store/vectors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 64, MAGIC = 8, SUM_AT = 32, ROUND = 64 };

/* As vectors.c computes it: everything but the sum itself, with the records' part as long as the header says. */
static void mend_checksum(uint8_t *file, size_t size)
{
    uint32_t version, reserved;
    uint64_t n, d;
    struct hasher h;
    if (size < HEAD)
        return;
    memcpy(&version, file + 8, 4);
    memcpy(&reserved, file + 12, 4);
    memcpy(&n, file + 16, 8);
    memcpy(&d, file + 24, 8);
    if (n > (size - HEAD) / 8)
        return;
    size_t recs = (size_t)n * 8, rows_at = HEAD + (recs + ROUND - 1) / ROUND * ROUND;
    if (rows_at > size)
        return;
    hash_init(&h);
    hash_add(&h, fuzz_view(file, MAGIC));
    hash_add_u64(&h, version);
    hash_add_u64(&h, reserved);
    hash_add_u64(&h, n);
    hash_add_u64(&h, d);
    hash_add(&h, fuzz_view(file + HEAD, recs));
    hash_add(&h, fuzz_view(file + rows_at, size - rows_at));
    struct hash sum = hash_end(&h);
    memcpy(file + SUM_AT, sum.at, HASH_BYTES);
}

static char folder[] = "/tmp/clio-fuzz-XXXXXX";

static void remove_folder(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/private/f.vec", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/private", folder);
    rmdir(path);
    rmdir(folder);
}

static void write_file(const uint8_t *bytes, size_t size)
{
    static bool made;
    char path[64];
    snprintf(path, sizeof path, "%s/private", folder);
    if (!made) {
        assert(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/private", folder);
        assert(mkdir(path, 0700) == 0);
        atexit(remove_folder);
        made = true;
    }
    snprintf(path, sizeof path, "%s/private/f.vec", folder);
    /* Cut to length behind the writing: a file emptied first makes some file systems write to the disk each time. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert(fd >= 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint8_t *file = mem_new(size - 1, 1);
    memcpy(file, data + 1, size - 1);
    if (data[0] & 1)
        mend_checksum(file, size - 1);
    write_file(file, size - 1);
    free(file);
    struct run run = {.path = folder, .lock_fd = -1};
    struct vectors v;
    struct error e = {0};
    if (vectors_open(&run, STR("f"), &v, &e) == ERR_OK) {
        double sum = 0;
        assert(v.at.n <= size && (v.at.n == 0 || v.at.d <= size));
        for (size_t i = 0; i < v.at.n; i++) {
            assert(i == 0 || v.recs[i] > v.recs[i - 1]);
            for (size_t j = 0; j < v.at.d; j++)
                sum += (double)v.at.at[i * v.at.d + j];
        }
        volatile double read = sum; /* every number is really read */
        (void)read;
    } else {
        assert(e.code == ERR_IO && e.text[0]);
    }
    vectors_close(&v);
    arena_release(&run.arena);
    return 0;
}
