#include "privacy/publish.h"

#include "base/file.h"
#include "privacy/publish_parts.h"
#include "store/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum err sync_file(const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_errno(e, ERR_IO, "cannot open %s again", path);
    enum err result = fsync(fd) == 0 ? ERR_OK : error_errno(e, ERR_IO, "cannot make %s durable", path);
    close(fd);
    return result;
}

/* The whole bundle in one transaction, in a file nobody reads yet. */
static enum err build(struct release *r, const char *path, struct error *e)
{
    struct db *d = NULL;
    enum err result = db_open(path, DB_BUILD, &d, e);
    if (result != ERR_OK)
        return result;
    result = db_begin(d, e);
    if (result == ERR_OK) {
        result = db_exec(d, bundle_schema, e);
        if (result == ERR_OK)
            result = publish__write(r, d, e);
        if (result == ERR_OK)
            result = db_commit(d, e);
        if (result != ERR_OK)
            db_rollback(d);
    }
    db_close(d);
    return result == ERR_OK ? sync_file(path, e) : result;
}

static enum err replace(struct run *run, struct release *r, struct error *e)
{
    const char *folder = run_path(run, "published");
    const char *fresh = run_path(run, "published/clio.db.new");
    const char *final = run_path(run, "published/clio.db");
    enum err result = file_make_folder(folder, e);
    if (result != ERR_OK)
        return result;
    if (unlink(fresh) != 0 && errno != ENOENT)
        return error_errno(e, ERR_IO, "cannot remove %s", fresh);
    result = build(r, fresh, e);
    if (result == ERR_OK && rename(fresh, final) != 0)
        result = error_errno(e, ERR_IO, "cannot rename %s", fresh);
    if (result != ERR_OK) {
        unlink(fresh);
        return result;
    }
    return file_sync_folder(folder, e);
}

static void say(struct stage_context *c, const struct release *r)
{
    int64_t shown = 0, too_small = 0, audit = 0;
    for (size_t i = 0; i < r->trees_count; i++) {
        shown += (int64_t)r->trees[i].nodes_count;
        too_small += r->trees[i].too_small.clusters;
        audit += r->trees[i].audit.clusters;
    }
    stage_note(c,
               "%lld clusters shown, %lld too small, %lld withheld by the audit or without a name that fits; %lld "
               "cells withheld",
               (long long)shown, (long long)too_small, (long long)audit, (long long)r->cells_withheld);
}

enum err publish_run(struct stage_context *c, struct error *e)
{
    struct release r = {.config = c->config, .run = c->run};
    stage_begin(c, 4);
    enum err result = publish__load(&r, e);
    stage_advance(c, 1);
    if (result == ERR_OK)
        result = publish__map(&r, e);
    stage_advance(c, 1);
    if (result == ERR_OK) {
        publish__totals(&r);
        publish__count(&r);
        publish__protect(&r);
    }
    stage_advance(c, 1);
    if (result == ERR_OK)
        result = replace(c->run, &r, e);
    if (result == ERR_OK) {
        stage_advance(c, 1);
        say(c, &r);
    }
    free(r.cells);
    arena_release(&r.arena);
    return result;
}
