#include "store/run.h"

#include "base/file.h"
#include "store/manifest.h"
#include "store/schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char DATABASE[] = "private/run.db", KEY[] = "private/account.key", LOCK[] = "private/lock";

const char *run_path(struct run *r, const char *inside)
{
    return str_printf(&r->arena, "%s/%s", r->path, inside).at;
}

/* ---- the folder ---- */

static bool is_empty_folder(const char *path)
{
    DIR *d = opendir(path);
    bool empty = d != NULL;
    if (!d)
        return false;
    for (struct dirent *entry; empty && (entry = readdir(d));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(d);
    return empty;
}

/* private/ must be a folder of ours, closed to others, and no link: what it holds may be personal. */
static enum err check_private(const char *path, struct error *e)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return error_errno(e, ERR_IO, "cannot look at %s", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(e, ERR_IO, "%s is not a folder", path);
    if (st.st_uid != geteuid())
        return error_set(e, ERR_IO, "%s belongs to another user", path);
    if ((st.st_mode & 077) && chmod(path, 0700) != 0)
        return error_errno(e, ERR_IO, "cannot make %s private", path);
    return ERR_OK;
}

static enum err no_such_run(struct run *r, struct error *e)
{
    if (!file_exists(r->path))
        error_set(e, ERR_IO, "there is no run at %s", r->path);
    else
        error_set(e, ERR_IO, "%s is not a run: it holds no %s", r->path, DATABASE);
    return error_hint(e, "clio run FILE --run %s makes one", r->path), ERR_IO;
}

static enum err make_folders(struct run *r, struct error *e)
{
    const char *private = run_path(r, "private");
    /* An interrupted creation leaves private/ behind; that is ours to continue. Other people's folders are not. */
    if (file_exists(r->path) && !file_exists(private) && !is_empty_folder(r->path)) {
        error_set(e, ERR_IO, "%s exists, is not a run and is not an empty folder", r->path);
        return error_hint(e, "give another name for the run"), ERR_IO;
    }
    enum err result = file_make_folder(r->path, e);
    if (result == ERR_OK)
        result = file_make_folder(private, e);
    if (result == ERR_OK)
        result = file_make_folder(run_path(r, "published"), e);
    return result == ERR_OK ? file_sync_folder(r->path, e) : result;
}

/* ---- one process at a time ---- */

static enum err say_locked(struct run *r, int fd, struct error *e)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    size_t digits = n > 0 ? strspn(pid, "0123456789") : 0;
    pid[digits] = '\0';
    error_set(e, ERR_IO, "the run %s is in use by another process (%s%s)", r->path, digits ? "pid " : "pid unknown",
              pid);
    return error_hint(e, "wait until it has finished, or stop it"), ERR_IO;
}

static enum err take_lock(struct run *r, struct error *e)
{
    const char *path = run_path(r, LOCK);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(e, ERR_IO, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum err result = errno == EWOULDBLOCK ? say_locked(r, fd, e) : error_errno(e, ERR_IO, "cannot lock %s", path);
        close(fd);
        return result;
    }
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* The number only helps the message above; the lock itself does not depend on it. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        errno = 0;
    r->lock_fd = fd;
    return ERR_OK;
}

/* ---- the key of the account hashes ---- */

static enum err make_key(struct run *r, const char *path, struct error *e)
{
    int64_t accounts;
    enum err result = db_get_int(r->db, e, &accounts, 0, "SELECT count(*) FROM account", "");
    if (result != ERR_OK)
        return result;
    if (accounts > 0) { /* another key would count every account twice */
        error_set(e, ERR_IO, "%s is missing, but the run holds accounts hashed with it", path);
        return error_hint(e, "restore it from a backup, or start a new run folder"), ERR_IO;
    }
    secret_fill(r->account_key, sizeof r->account_key);
    result = file_write_atomic(path, (struct str){(const char *)r->account_key, sizeof r->account_key}, e);
    /* The key is the last thing a new run gets, so this makes run.db's own entry durable too. */
    return result == ERR_OK ? file_sync_folder(run_path(r, "private"), e) : result;
}

static enum err load_key(struct run *r, struct error *e)
{
    const char *path = run_path(r, KEY);
    if (file_size(path) < 0)
        return make_key(r, path, e);
    struct file_map m;
    enum err result = file_map_open(&m, path, e);
    if (result != ERR_OK)
        return result;
    if (m.bytes.n == sizeof r->account_key) {
        memcpy(r->account_key, m.bytes.at, sizeof r->account_key);
    } else {
        error_set(e, ERR_IO, "%s is damaged: %zu bytes instead of %zu", path, m.bytes.n, sizeof r->account_key);
        result = error_hint(e, "restore it from a backup, or start a new run folder");
    }
    file_map_close(&m);
    return result;
}

/* ---- open and close ---- */

static enum err open_writable(struct run *r, enum run_mode mode, struct error *e)
{
    enum err result = mode == RUN_CREATE ? make_folders(r, e) : ERR_OK;
    if (result == ERR_OK)
        result = check_private(run_path(r, "private"), e);
    if (result == ERR_OK)
        result = take_lock(r, e);
    if (result == ERR_OK)
        result = db_open(run_path(r, DATABASE), DB_WRITE, &r->db, e);
    if (result == ERR_OK)
        result = schema_apply(r->db, run_path(r, DATABASE), true, e);
    return result == ERR_OK ? load_key(r, e) : result;
}

static enum err open_readable(struct run *r, struct error *e)
{
    enum err result = db_open(run_path(r, DATABASE), DB_READ, &r->db, e);
    return result == ERR_OK ? schema_apply(r->db, run_path(r, DATABASE), false, e) : result;
}

static enum err open_scratch(struct run *r, struct error *e)
{
    char *folder = str_dupz(&r->arena, str_printf(&r->arena, "%s/clio-scratch-XXXXXX", r->path));
    if (!mkdtemp(folder))
        return error_errno(e, ERR_IO, "cannot make a folder in %s", r->path);
    r->path = folder;
    r->scratch = true;
    enum err result = make_folders(r, e);
    if (result == ERR_OK)
        result = db_open(DATABASE, DB_SCRATCH, &r->db, e);
    if (result == ERR_OK)
        result = schema_apply(r->db, DATABASE, true, e);
    secret_fill(r->account_key, sizeof r->account_key);
    return result;
}

enum err run_open(const char *path, enum run_mode mode, struct run *out, struct error *e)
{
    *out = (struct run){.lock_fd = -1};
    struct str trimmed = str_of(path);
    while (trimmed.n > 1 && trimmed.at[trimmed.n - 1] == '/')
        trimmed.n--;
    out->path = str_dupz(&out->arena, trimmed);
    enum err result;
    if (trimmed.n == 0)
        result = error_set(e, ERR_IO, "the run has no name");
    else if (mode == RUN_SCRATCH)
        result = open_scratch(out, e);
    else if (mode != RUN_CREATE && !file_exists(run_path(out, DATABASE)))
        result = no_such_run(out, e);
    else
        result = mode == RUN_READ ? open_readable(out, e) : open_writable(out, mode, e);
    if (result != ERR_OK)
        run_close(out);
    return result;
}

void run_close(struct run *r)
{
    db_close(r->db);
    if (r->path && r->lock_fd >= 0)
        close(r->lock_fd); /* ends the lock */
    if (r->scratch)
        file_remove_tree(r->path);
    explicit_bzero(r->account_key, sizeof r->account_key);
    arena_release(&r->arena);
    *r = (struct run){.lock_fd = -1};
}

/* ---- notes and stage states ---- */

/* Inside the caller's own transaction the manifest waits: it must not tell what may still be rolled back. */
static enum err settle(struct run *r, bool whole, struct error *e)
{
    if (!whole)
        return ERR_OK;
    enum err result = db_flush(r->db, e);
    return result == ERR_OK ? run_write_manifest(r, e) : result;
}

enum err run_note(struct run *r, const char *key, struct str json_value, struct error *e)
{
    enum err result = manifest_check_value(key, json_value, e);
    if (result != ERR_OK)
        return result;
    int64_t same;
    result = db_get_int(r->db, e, &same, 0, "SELECT value = ?2 FROM note WHERE key = ?1", "zs", key, json_value);
    if (result != ERR_OK || same)
        return result;
    bool whole = !db_owned(r->db);
    result = db_put(r->db, e, "INSERT INTO note VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET value=excluded.value",
                    "zs", key, json_value);
    return result == ERR_OK ? settle(r, whole, e) : result;
}

enum err run_noted(struct run *r, const char *key, struct arena *a, struct str *json_value, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    *json_value = (struct str){0};
    enum err result = db_query(r->db, e, &q, "SELECT value FROM note WHERE key = ?1", "z", key);
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result == ERR_OK && row) {
        *json_value = str_dup(a, db_text(q, 0));
        db_done(q);
    }
    return result;
}

enum err run_stage_get(struct run *r, const char *stage, struct arena *a, struct stage_state *out, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    *out = (struct stage_state){0};
    enum err result = db_query(
        r->db, e, &q, "SELECT done, fingerprint, total, ok, quarantined, seconds, note FROM stage WHERE name = ?1", "z",
        stage);
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result != ERR_OK || !row)
        return result;
    struct str fingerprint = db_text(q, 1);
    if (fingerprint.n == sizeof out->fingerprint.at) {
        memcpy(out->fingerprint.at, fingerprint.at, fingerprint.n);
        out->done = db_int(q, 0) != 0;
    }
    out->total = db_int(q, 2);
    out->ok = db_int(q, 3);
    out->quarantined = db_int(q, 4);
    out->seconds = db_real(q, 5);
    out->note = str_dup(a, db_text(q, 6));
    db_done(q);
    return ERR_OK;
}

enum err run_stage_put(struct run *r, const char *stage, const struct stage_state *s, struct error *e)
{
    bool whole = !db_owned(r->db);
    struct str fingerprint = {(const char *)s->fingerprint.at, sizeof s->fingerprint.at};
    enum err result =
        db_put(r->db, e,
               "INSERT INTO stage(name, done, fingerprint, total, ok, quarantined, seconds, note)"
               " VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(name) DO UPDATE SET done=excluded.done,"
               " fingerprint=excluded.fingerprint, total=excluded.total, ok=excluded.ok,"
               " quarantined=excluded.quarantined, seconds=excluded.seconds, note=excluded.note",
               "zibiiids", stage, (int64_t)s->done, fingerprint, s->total, s->ok, s->quarantined, s->seconds, s->note);
    return result == ERR_OK ? settle(r, whole, e) : result;
}
