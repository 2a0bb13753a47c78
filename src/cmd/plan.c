#include "cmd/plan.h"

#include "pipeline/pipeline.h"

#include <string.h>

static void print_stages(const enum plan plan[PIPELINE_STAGES], const char *until)
{
    static const char *const words[] = {
        [PLAN_RUN] = "to do", [PLAN_KEPT] = "done", [PLAN_KEPT_IF_SAME] = "done, if the files are the same"};
    for (size_t i = 0; i < PIPELINE_STAGES; i++) {
        const struct stage *s = &pipeline[i];
        printf("%-10s %s%s: %s\n", s->name, s->title, s->prompts ? " (asks a model)" : "", words[plan[i]]);
        if (until && strcmp(until, s->name) == 0)
            break;
    }
}

enum err plan_print(const struct job_request *want, const char *until, struct error *e)
{
    struct job j = {.run.lock_fd = -1};
    enum plan plan[PIPELINE_STAGES];
    bool fresh = args_given(want->args, "fresh") != NULL;
    enum err result = job_prepare(&j, want, e);
    if (result == ERR_OK && want->path && !fresh && job_run_exists(want->path)) {
        result = run_open(want->path, RUN_READ, &j.run, e);
        j.context.run = &j.run;
    }
    if (result == ERR_OK)
        result = pipeline_plan(&j.context, plan, e);
    if (result == ERR_OK)
        print_stages(plan, until);
    job_close(&j);
    return result;
}
