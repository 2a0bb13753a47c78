#include "cmd/plan.h"

#include "pipeline/pipeline.h"

#include <string.h>

/* The run as it is now; db is NULL when there is none. */
struct present {
    struct run run;
    struct config config; /* it was made with; facets NULL when that is not known */
    struct arena arena;
};

static enum err present_open(struct present *p, const char *path, struct error *e)
{
    const char *folder;
    enum err result = run_open(path, RUN_READ, &p->run, e);
    return result == ERR_OK ? job_settings_of(&p->run, &p->arena, &p->config, &folder, e) : result;
}

static void present_close(struct present *p)
{
    if (p->run.path)
        run_close(&p->run);
    config_release(&p->config);
    arena_release(&p->arena);
}

static bool same_settings(const struct config *a, const struct config *b, const char *keys)
{
    struct hasher x, y;
    hash_init(&x);
    hash_init(&y);
    config_hash(a, keys, &x);
    config_hash(b, keys, &y);
    struct hash was = hash_end(&x), is = hash_end(&y);
    return memcmp(&was, &is, sizeof was) == 0;
}

static enum err is_done(struct present *p, const struct stage *s, const struct config *wanted, bool *done,
                        struct error *e)
{
    struct stage_state state = {0};
    enum err result = p->run.db ? run_stage_get(&p->run, s->name, &p->arena, &state, e) : ERR_OK;
    *done = state.done && p->config.facets && same_settings(&p->config, wanted, s->config_keys);
    return result;
}

static enum err print_stages(struct present *p, const struct config *wanted, const char *until, bool files,
                             struct error *e)
{
    bool done = true;
    for (const struct stage *s = pipeline; s->name; s++) {
        bool this_one = false;
        enum err result = is_done(p, s, wanted, &this_one, e);
        if (result != ERR_OK)
            return result;
        done = done && this_one; /* what a stage did follows from all stages before it */
        const char *state = !done ? "to do" : files && s == pipeline ? "done, if the files are the same" : "done";
        printf("%-10s %s%s: %s\n", s->name, s->title, s->calls_model ? " (asks a model)" : "", state);
        if (until && strcmp(until, s->name) == 0)
            break;
    }
    return ERR_OK;
}

enum err plan_print(const struct job_request *want, const char *until, struct error *e)
{
    struct job j = {.run.lock_fd = -1};
    struct present p = {.run.lock_fd = -1};
    bool fresh = args_given(want->args, "fresh") != NULL;
    enum err result = job_configure(&j, want, e);
    if (result == ERR_OK && want->path && !fresh && job_run_exists(want->path))
        result = present_open(&p, want->path, e);
    if (result == ERR_OK)
        result = print_stages(&p, &j.config, until, want->files_count > 0, e);
    present_close(&p);
    job_close(&j);
    return result;
}
