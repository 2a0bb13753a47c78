#include "cmd/fresh.h"

#include "base/file.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What a run consists of. private/ stays as an empty folder: it says that the folder is ours. */
static const char *const made[] = {"published", "manifest.json", "events.jsonl", "private"};

enum { MADE = sizeof made / sizeof *made };

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* The path with its folders resolved but not the last part: a link in the run's folder would be removed itself. */
static const char *place_of(const char *path, struct arena *a)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct str parent = slash ? (struct str){path, (size_t)(slash - path) + 1} : STR(".");
    if (!realpath(str_dupz(a, parent), folder))
        return path;
    return str_printf(a, "%s/%s", folder, slash ? slash + 1 : path).at;
}

static enum err check(const char *run, const char *path, struct error *e)
{
    struct arena a = {0};
    char real_run[PATH_MAX], real[PATH_MAX];
    enum err result = ERR_OK;
    if (strcmp(path, "-") != 0 && realpath(run, real_run) && realpath(path, real)) {
        const char *place = place_of(path, &a);
        for (size_t i = 0; i < MADE && result == ERR_OK; i++) {
            const char *ours = str_printf(&a, "%s/%s", real_run, made[i]).at;
            if (is_below(real, ours) || is_below(place, ours))
                result = error_set(e, ERR_USAGE, "--fresh removes %s/%s, and %s is in there", run, made[i], path);
        }
        if (result != ERR_OK)
            error_hint(e, "move it elsewhere, or leave --fresh out");
    }
    arena_release(&a);
    return result;
}

static void empty_folder(const char *folder)
{
    struct arena a = {0};
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            file_remove_tree(str_printf(&a, "%s/%s", folder, entry->d_name).at);
    if (d)
        closedir(d);
    arena_release(&a);
}

enum err fresh_start(const struct job_request *want, const char *prompts, struct error *e)
{
    struct run old;
    if (want->files_count == 0)
        return error_set(e, ERR_USAGE, "--fresh starts again from the files, so name them");
    if (!job_run_exists(want->path)) /* nothing of ours yet: run_open says whether the folder may be used */
        return ERR_OK;
    enum err result = prompts ? check(want->path, prompts, e) : ERR_OK;
    for (size_t i = 0; i < want->files_count && result == ERR_OK; i++)
        result = check(want->path, want->files[i], e);
    if (result == ERR_OK)
        result = run_open(want->path, RUN_EXISTING, &old, e);
    if (result != ERR_OK)
        return result;
    for (size_t i = 0; i + 1 < MADE; i++)
        file_remove_tree(run_path(&old, made[i]));
    file_remove_tree(run_path(&old, "private/run.db")); /* from here on there is no run, whatever interrupts this */
    empty_folder(run_path(&old, "private"));
    run_close(&old);
    return ERR_OK;
}
