/*
 * The database under a bad disk. A layer between SQLite and the system fails the n-th write or sync (once, or from then
 * on), or loses power at it: then what was not yet synced is kept, dropped or torn at random, as real disks do. After
 * each accident the run must open, be whole, and hold every answer whose flush was acknowledged.
 */
#include "store/ledger.h"
#include "store/records.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

enum { UNDO_MAX = 4096, ANSWERS = 40, FLUSH_EVERY = 5 };

enum accident { NONE, FAIL_ONCE, FAIL_EVER_AFTER, POWER_LOSS };

/* A write that no sync has made safe yet, with what it overwrote. */
struct undo {
    char *path;
    sqlite3_int64 offset, old_size;
    unsigned char *old;
    int n;
};

static struct {
    enum accident kind;
    int at, calls; /* the accident happens at this call of write, sync or truncate */
    struct undo undo[UNDO_MAX];
    size_t undo_n;
    struct rng rng;
    sqlite3_vfs *real, shim;
    sqlite3_io_methods methods;
} disk;

struct shim_file {
    sqlite3_file base;
    char *path;
    _Alignas(8) unsigned char real[];
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return (sqlite3_file *)(void *)((struct shim_file *)(void *)f)->real;
}

static const char *path_of(sqlite3_file *f)
{
    return ((struct shim_file *)(void *)f)->path;
}

static bool is_broken(void)
{
    bool broken = disk.kind == FAIL_ONCE ? disk.calls == disk.at : disk.calls >= disk.at;
    return disk.kind != NONE && broken;
}

static void forget(size_t from, const char *path)
{
    size_t kept = from;
    for (size_t i = from; i < disk.undo_n; i++) {
        if (path && strcmp(disk.undo[i].path, path) != 0) {
            disk.undo[kept++] = disk.undo[i];
            continue;
        }
        free(disk.undo[i].path);
        free(disk.undo[i].old);
    }
    disk.undo_n = kept;
}

static void remember(sqlite3_file *f, int n, sqlite3_int64 offset)
{
    assert_true(disk.undo_n < UNDO_MAX);
    struct undo *u = &disk.undo[disk.undo_n++];
    *u = (struct undo){.path = strdup(path_of(f)), .offset = offset, .old = mem_zero((size_t)n, 1), .n = n};
    u->old_size = file_size(u->path);
    FILE *file = fopen(u->path, "rb");
    assert_non_null(file);
    if (fseek(file, (long)offset, SEEK_SET) != 0 || fread(u->old, 1, (size_t)n, file) > (size_t)n)
        fail();
    fclose(file);
}

static int shim_write(sqlite3_file *f, const void *at, int n, sqlite3_int64 offset)
{
    disk.calls++;
    if (disk.kind == POWER_LOSS && disk.calls <= disk.at)
        remember(f, n, offset);
    else if (is_broken())
        return SQLITE_IOERR_WRITE;
    return real_of(f)->pMethods->xWrite(real_of(f), at, n, offset);
}

static int shim_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    disk.calls++;
    if (is_broken())
        return SQLITE_IOERR_FSYNC;
    forget(0, path_of(f)); /* safe from now on; the system itself need not sync for this test */
    return SQLITE_OK;
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    disk.calls++;
    return is_broken() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int shim_close(sqlite3_file *f)
{
    free(((struct shim_file *)(void *)f)->path);
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int shim_read(sqlite3_file *f, void *at, int n, sqlite3_int64 offset)
{
    return real_of(f)->pMethods->xRead(real_of(f), at, n, offset);
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int shim_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int shim_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int shim_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int shim_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int shim_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int shim_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shim_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    (void)vfs;
    struct shim_file *file = (struct shim_file *)(void *)f;
    *file = (struct shim_file){.path = strdup(name ? name : "")};
    int code = disk.real->xOpen(disk.real, name, real_of(f), flags, out_flags);
    if (real_of(f)->pMethods)
        file->base.pMethods = &disk.methods;
    else
        free(file->path);
    return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs, (void)sync;
    if (is_broken())
        return SQLITE_IOERR_DELETE;
    forget(0, name);
    return disk.real->xDelete(disk.real, name, 0);
}

static int install(void **state)
{
    (void)state;
    disk.real = sqlite3_vfs_find(NULL);
    disk.shim = *disk.real;
    disk.shim.zName = "shim";
    disk.shim.pNext = NULL;
    disk.shim.szOsFile = (int)sizeof(struct shim_file) + disk.real->szOsFile;
    disk.shim.xOpen = shim_open;
    disk.shim.xDelete = shim_delete;
    disk.methods = (sqlite3_io_methods){.iVersion = 2,
                                        .xClose = shim_close,
                                        .xRead = shim_read,
                                        .xWrite = shim_write,
                                        .xTruncate = shim_truncate,
                                        .xSync = shim_sync,
                                        .xFileSize = shim_size,
                                        .xLock = shim_lock,
                                        .xUnlock = shim_unlock,
                                        .xCheckReservedLock = shim_reserved,
                                        .xFileControl = shim_control,
                                        .xSectorSize = shim_sector,
                                        .xDeviceCharacteristics = shim_device,
                                        .xShmMap = shim_shm_map,
                                        .xShmLock = shim_shm_lock,
                                        .xShmBarrier = shim_shm_barrier,
                                        .xShmUnmap = shim_shm_unmap};
    return sqlite3_vfs_register(&disk.shim, 1);
}

static void arm(enum accident kind, int at)
{
    forget(0, NULL);
    disk.kind = kind;
    disk.at = at;
    disk.calls = 0;
}

static void put_back(const struct undo *u, int from)
{
    FILE *f = fopen(u->path, "r+b");
    if (!f)
        return;
    if (u->offset >= u->old_size && rng_below(&disk.rng, 2)) { /* the file had not grown yet */
        if (ftruncate(fileno(f), u->offset + from) != 0)
            fail();
    } else if (fseek(f, (long)u->offset + from, SEEK_SET) != 0 ||
               fwrite(u->old + from, 1, (size_t)(u->n - from), f) != (size_t)(u->n - from)) {
        fail();
    }
    fclose(f);
}

/* Newest first: each unsynced write is kept, undone, or cut somewhere. */
static void lose_power(void)
{
    for (size_t i = disk.undo_n; i-- > 0;) {
        uint64_t fate = rng_below(&disk.rng, 4);
        if (fate < 2)
            put_back(&disk.undo[i], 0);
        else if (fate == 2)
            put_back(&disk.undo[i], (int)rng_below(&disk.rng, (uint64_t)disk.undo[i].n));
    }
}

static struct hash key_of(uint64_t i)
{
    struct hasher h;
    hash_init(&h);
    hash_add_u64(&h, i);
    return hash_end(&h);
}

static bool has(struct run *r, uint64_t i)
{
    struct ledger_entry entry;
    bool found;
    struct error e = {0};
    OK(ledger_get(r, key_of(i), &r->arena, &entry, &found, &e));
    assert_true(!found || (entry.texts_count == 1 && entry.texts[0].n == 700 + i && entry.texts[0].at[i] == 'a'));
    return found;
}

/* Puts what is missing. Returns whether all went well; *safe: this many are acknowledged. */
static bool work(struct run *r, uint64_t *safe, struct error *e)
{
    char text[1000];
    memset(text, 'a', sizeof text);
    for (uint64_t i = *safe; i < ANSWERS; i++) {
        struct str texts[] = {{text, 700 + i}};
        if (ledger_put(r, "facets", key_of(i), &(struct ledger_entry){texts, 1, 1, 1, 1, 0}, e) != ERR_OK ||
            facet_put(r, (int64_t)i, STR("f"), 0, texts[0], 0, e) != ERR_OK)
            return false;
        if (i % FLUSH_EVERY != FLUSH_EVERY - 1)
            continue;
        if (ledger_flush(r, e) != ERR_OK)
            return false;
        *safe = i + 1;
        if (i == ANSWERS / 2 && db_exec(r->db, "PRAGMA wal_checkpoint(TRUNCATE)", e) != ERR_OK)
            return false; /* the other half of the machinery */
    }
    return ledger_flush(r, e) == ERR_OK;
}

/* A new run without the real disk's syncs: a copy of one made before. */
static void copy_run(const char *from, const char *to)
{
    static const char *const files[] = {"private/run.db", "private/account.key"};
    char source[400], target[400];
    struct error e = {0};
    file_remove_tree(to);
    snprintf(target, sizeof target, "%s/private", to);
    OK(file_make_folder(target, &e));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buf bytes = {0};
        snprintf(source, sizeof source, "%s/%s", from, files[i]);
        snprintf(target, sizeof target, "%s/%s", to, files[i]);
        OK(file_read(source, 1 << 24, &bytes, &e));
        FILE *f = fopen(target, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes.at, 1, bytes.n, f), bytes.n);
        fclose(f);
        buf_release(&bytes);
    }
}

/* One accident at call `at`. False when the work ended before it. */
static bool accident(const char *scratch, enum accident kind, int at)
{
    struct run r;
    struct error e = {0};
    uint64_t safe = 0;
    char fresh[300], folder[300];
    snprintf(fresh, sizeof fresh, "%s/fresh", scratch);
    snprintf(folder, sizeof folder, "%s/run", scratch);
    arm(NONE, 0);
    if (!file_exists(fresh)) {
        OK(run_open(fresh, RUN_CREATE, &r, &e));
        run_close(&r);
    }
    copy_run(fresh, folder);
    OK(run_open(folder, RUN_EXISTING, &r, &e));
    arm(kind, at);
    bool done = work(&r, &safe, &e);
    bool happened = disk.calls >= at;
    if (!done) {
        assert_int_equal(e.code, ERR_IO);
        assert_true(e.hint[0]);
        assert_null(strstr(e.text, "aaa"));
    }
    run_close(&r);
    if (kind == POWER_LOSS && disk.calls >= at)
        lose_power();
    arm(NONE, 0);

    OK(run_open(folder, RUN_EXISTING, &r, &e));
    int64_t whole;
    OK(db_get_int(r.db, &e, &whole, 0, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", ""));
    assert_true(whole);
    for (uint64_t i = 0; i < safe; i++)
        assert_true(has(&r, i));
    assert_true(work(&r, &safe, &e)); /* and it goes on */
    assert_int_equal(safe, ANSWERS);
    run_close(&r);
    return happened;
}

static void test_each_call_fails_once(void **state)
{
    int n = 1;
    while (accident(*state, FAIL_ONCE, n))
        n++;
    assert_true(n > 40);
}

static void test_each_call_fails_ever_after(void **state)
{
    int n = 1;
    while (accident(*state, FAIL_EVER_AFTER, n))
        n++;
    assert_true(n > 40);
}

static void test_power_is_lost_at_each_call(void **state)
{
    int n = 1;
    for (uint64_t seed = 0; seed < 2; seed++) {
        disk.rng = rng_seed(seed, 0);
        for (n = 1; accident(*state, POWER_LOSS, n); n++)
            continue;
    }
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_each_call_fails_once),
        SCRATCH_TEST(test_each_call_fails_ever_after),
        SCRATCH_TEST(test_power_is_lost_at_each_call),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
