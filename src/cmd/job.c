#include "cmd/job.h"

#include "base/file.h"
#include "base/json.h"
#include "cmd/fresh.h"
#include "cmd/interrupt.h"
#include "cmd/report.h"
#include "pipeline/pipeline.h"
#include "stage/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 1024 * 1024 };

/* Options that change one key of the configuration. --model sets two: the one model then does everything. */
static const struct {
    const char *option, *key;
} overrides[] = {
    {"public", "public_data"},
    {"account-per-conversation", "account_per_conversation"},
    {"filter", "filter"},
    {"sample", "sample"},
    {"k", "k"},
    {"seed", "seed"},
    {"threads", "threads"},
    {"model", "models.fast"},
    {"model", "models.strong"},
    {"embed", "models.embed"},
};

/* An absolute path stays as it is; another starts from the folder ("": from where we are). */
static const char *path_from(struct arena *a, const char *folder, struct str path)
{
    bool as_it_is = path.n == 0 || path.at[0] == '/' || !*folder;
    return as_it_is ? str_dupz(a, path) : str_printf(a, "%s/" STR_FMT, folder, STR_ARG(path)).at;
}

enum err job_load_prices(const struct config *config, const char *folder, struct prices *out, struct error *e)
{
    struct arena a = {0};
    enum err result = prices_load(path_from(&a, folder, config->prices), out, e);
    arena_release(&a);
    return result;
}

/* A path in an option is kept with the configuration, as an absolute one, so that going on needs no option. */
static void take_path(struct job *j, const struct args *args, const char *name, struct str *key)
{
    char real[PATH_MAX];
    const char *option = args_given(args, name);
    if (option && *option && realpath(option, real))
        option = str_dupz(&j->arena, str_of(real));
    if (option)
        *key = str_of(option);
}

static enum err choose_prices(struct job *j, const struct args *args, struct error *e)
{
    take_path(j, args, "prices", &j->config.prices);
    return job_load_prices(&j->config, j->config_folder, &j->prices, e);
}

void job_model_opts(struct job *j, struct model_opts *out)
{
    *out = (struct model_opts){
        .par = j->par,
        .base_folder = str_of(j->config_folder),
        .model_folder = str_of(path_from(&j->arena, j->config_folder, j->config.model_folder)),
    };
}

static enum err take_limits(struct job *j, const struct args *args, struct error *e)
{
    struct budget *b = &j->context.budget;
    if (!args_given(args, "max-cost") && !args_given(args, "max-tokens"))
        return ERR_OK;
    enum err result = args_amount(args, "max-cost", 0, &b->max_cost, e);
    return result == ERR_OK ? args_count(args, "max-tokens", 0, &b->max_tokens, e) : result;
}

static enum err apply_overrides(struct job *j, const struct args *args, struct error *e)
{
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        const char *text = args_given(args, overrides[i].option);
        if (!text)
            continue;
        char label[64];
        snprintf(label, sizeof label, "--%s", overrides[i].option);
        struct str value =
            *text || strcmp(overrides[i].option, "filter") == 0 ? str_of(text) : STR("true"); /* a flag */
        enum err result = config_set(&j->config, overrides[i].key, value, label, e);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

/* "dir/clio.json" -> "dir"; "clio.json" -> "". Absolute, so that the run can go on from elsewhere. */
static const char *folder_of(struct arena *a, const char *file)
{
    char here[4096];
    const char *slash = strrchr(file, '/');
    struct str folder = slash ? (struct str){file, slash == file ? 1 : (size_t)(slash - file)} : (struct str){0};
    if (file[0] == '/' || !getcwd(here, sizeof here))
        return str_dupz(a, folder);
    if (folder.n == 0)
        return str_dupz(a, str_of(here));
    return str_printf(a, "%s/" STR_FMT, here, STR_ARG(folder)).at;
}

static enum err read_config_file(struct job *j, const char *file, struct error *e)
{
    struct buf text = {0};
    enum err result = file_read(file, CONFIG_BYTES_MAX, &text, e);
    if (result != ERR_OK) {
        error_hint(e, "clio init %s writes a commented one", file);
        e->code = ERR_CONFIG;
        buf_release(&text);
        return ERR_CONFIG;
    }
    j->config_folder = folder_of(&j->arena, file);
    result = config_parse(buf_str(&text), file, &j->config, e);
    buf_release(&text);
    return result;
}

enum err job_settings_of(struct run *run, struct arena *a, struct config *config, const char **folder, struct error *e)
{
    struct str json, where;
    *folder = "";
    *config = (struct config){0};
    enum err result = run_noted(run, "config", a, &json, e);
    if (result == ERR_OK)
        result = run_noted(run, "config_folder", a, &where, e);
    if (result == ERR_OK && json.n)
        result = config_parse(json, run->path, config, e);
    if (result == ERR_OK && where.n) {
        yyjson_doc *doc;
        result = json_parse(where, false, &doc, e);
        if (result == ERR_OK) {
            *folder = str_dupz(a, json_str(yyjson_doc_get_root(doc)));
            yyjson_doc_free(doc);
        }
    }
    return result;
}

/* What the run was made with, so that going on needs no options to be repeated. */
static enum err read_config_of_run(struct job *j, const char *path, struct error *e)
{
    struct run run;
    enum err result = run_open(path, RUN_READ, &run, e);
    if (result != ERR_OK)
        return result;
    result = job_settings_of(&run, &j->arena, &j->config, &j->config_folder, e);
    run_close(&run);
    /* Stopped before it had noted any: then it has done nothing either. */
    if (result == ERR_OK && j->config.facets_count == 0)
        return config_parse((struct str){0}, "", &j->config, e);
    return result;
}

/* Of a run that cannot be read there is no folder; opening it to work on it says why, or makes what is missing. */
static enum err read_prompts_of_run(struct job *j, const char *path, const char **out, struct error *e)
{
    struct run run;
    struct str json;
    yyjson_doc *doc = NULL;
    if (run_open(path, RUN_READ, &run, NULL) != ERR_OK)
        return ERR_OK;
    enum err result = run_noted(&run, "prompts", &j->arena, &json, e);
    if (result == ERR_OK && json.n)
        result = json_parse(json, false, &doc, e);
    if (doc)
        *out = str_dupz(&j->arena, json_str(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    run_close(&run);
    return result;
}

bool job_run_exists(const char *path)
{
    struct arena a = {0};
    bool exists = file_exists(str_printf(&a, "%s/private/run.db", path).at);
    arena_release(&a);
    return exists;
}

enum err job_configure(struct job *j, const struct job_request *want, struct error *e)
{
    const char *file = args_given(want->args, "config");
    bool fresh = args_given(want->args, "fresh") != NULL;
    enum err result;
    j->config_folder = "";
    if (file)
        result = read_config_file(j, file, e);
    else if (want->path && !fresh && job_run_exists(want->path))
        result = read_config_of_run(j, want->path, e);
    else
        result = config_parse((struct str){0}, "", &j->config, e);
    for (size_t i = 0; i < want->presets_count && result == ERR_OK; i++)
        result = config_set(&j->config, want->presets[i].key, str_of(want->presets[i].value), want->presets[i].key, e);
    if (result == ERR_OK)
        result = apply_overrides(j, want->args, e);
    take_path(j, want->args, "model-dir", &j->config.model_folder);
    return result == ERR_OK ? config_check(&j->config, e) : result;
}

/* Opening a pipe would take from it, so only files are tried. */
static enum err check_input(const char *file, struct error *e)
{
    struct stat st;
    int fd = -1;
    if (strcmp(file, "-") == 0)
        return ERR_OK;
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode)) {
        error_set(e, ERR_INPUT, "%s is a folder", file);
        return error_hint(e, "name the files in it");
    }
    if (access(file, R_OK) == 0 && (!S_ISREG(st.st_mode) || (fd = open(file, O_RDONLY | O_CLOEXEC)) >= 0)) {
        if (fd >= 0)
            close(fd);
        return ERR_OK;
    }
    error_errno(e, ERR_INPUT, "cannot read %s", file);
    return error_hint(e, "give the path of a file with conversations, or - for standard input");
}

static enum err check_inputs(const struct job_request *want, struct error *e)
{
    for (size_t i = 0; i < want->files_count; i++) {
        enum err result = check_input(want->files[i], e);
        if (result != ERR_OK)
            return result;
    }
    if (want->files_count || job_run_exists(want->path))
        return ERR_OK;
    error_set(e, ERR_USAGE, "there is no run at %s yet, and no file to make one from", want->path);
    error_hint(e, "clio run FILE --run %s", want->path);
    return ERR_USAGE;
}

static void on_event(void *arg, const struct event *event)
{
    struct job *j = arg;
    events_put(j->events, event);
    progress_event(&j->progress, event);
}

/* The folder of --prompts, else the one the run was made with; "" is the way back to the built-in ones. */
static enum err choose_prompts(struct job *j, const struct job_request *want, struct error *e)
{
    const char *folder = args_given(want->args, "prompts");
    enum err result = ERR_OK;
    if (!folder && want->path && !args_given(want->args, "fresh") && job_run_exists(want->path))
        result = read_prompts_of_run(j, want->path, &folder, e);
    if (result != ERR_OK || !folder || !*folder)
        return result;
    char real[PATH_MAX];
    struct stat st;
    if (!realpath(folder, real) || stat(real, &st) != 0 || !S_ISDIR(st.st_mode)) {
        error_set(e, ERR_CONFIG, "there is no folder %s to take prompts from", folder);
        return error_hint(e, "--prompts names another one; --prompts= goes back to those in the program");
    }
    j->prompts = str_dupz(&j->arena, str_of(real));
    return ERR_OK;
}

static enum err fill_context(struct job *j, const struct job_request *want, struct error *e)
{
    struct input_file *inputs = arena_zero(&j->arena, want->files_count, sizeof *inputs);
    for (size_t i = 0; i < want->files_count; i++)
        inputs[i].path = want->files[i];
    j->context = (struct stage_context){
        .config = &j->config,
        .prices = &j->prices,
        .prompts = j->prompts,
        .inputs = inputs,
        .inputs_count = want->files_count,
    };
    job_model_opts(j, &j->context.model_opts);
    enum err result = take_limits(j, want->args, e);
    if (result != ERR_OK)
        return result;
    /* demo's --limit is a sample, which its presets hold; only commands that say so stop reading early. */
    if (want->presets_count == 0)
        return args_count(want->args, "limit", 0, &j->context.limit, e);
    return ERR_OK;
}

enum err job_prepare(struct job *j, const struct job_request *want, struct error *e)
{
    enum err result = job_configure(j, want, e);
    if (result == ERR_OK)
        result = choose_prompts(j, want, e);
    if (result == ERR_OK)
        result = choose_prices(j, want->args, e);
    return result == ERR_OK ? fill_context(j, want, e) : result;
}

static void connect(struct job *j)
{
    struct stage_context *c = &j->context;
    j->par = par_new(j->config.threads);
    j->stop = interrupt_install();
    c->run = &j->run;
    c->par = c->model_opts.par = j->par;
    c->stop = c->model_opts.stop = j->stop;
    c->progress = on_event;
    c->progress_arg = j;
}

enum err job_open(struct job *j, const struct job_request *want, struct error *e)
{
    const struct args *args = want->args;
    bool quiet = args_given(args, "quiet") != NULL;
    *j = (struct job){.run.lock_fd = -1};
    enum err result = progress_init(&j->progress, stderr, args_given(args, "progress"), quiet, e);
    if (result == ERR_OK)
        result = check_inputs(want, e);
    if (result == ERR_OK)
        result = job_prepare(j, want, e);
    if (result == ERR_OK && args_given(args, "fresh"))
        result = fresh_start(want, j->prompts, e);
    if (result == ERR_OK)
        result = run_open(want->path, RUN_CREATE, &j->run, e);
    if (result == ERR_OK)
        result = events_open(run_path(&j->run, "events.jsonl"), &j->events, e);
    if (result != ERR_OK)
        return result;
    connect(j);
    return meter_open_budget(&j->context, e);
}

enum err job_need_run(const struct args *args, const char **path, struct error *e)
{
    const char *verb = args->command->name;
    *path = args_text(args, "run", NULL);
    if (*path)
        return ERR_OK;
    error_set(e, ERR_USAGE, "%s needs --run RUN, the folder the result goes to", verb);
    return error_hint(e, "clio %s %s --run my-run", verb, args->rest_count ? args->rest[0] : "conversations.jsonl");
}

enum err job_run(const struct job_request *want, const char *until, job_finish_fn *finish, struct error *e)
{
    struct job j;
    enum err result = job_open(&j, want, e);
    if (result == ERR_OK) {
        result = pipeline_run(&j.context, until, e);
        progress_close(&j.progress);
        result = finish(&j, want->args, result, e);
    }
    job_close(&j);
    return result;
}

/* As one would type them again. */
static const char *files_of(struct job *j)
{
    struct buf words = {0};
    for (size_t i = 0; i < j->context.inputs_count; i++) {
        buf_add_char(&words, ' ');
        report_add_word(&words, j->context.inputs[i].path);
    }
    if (j->context.limit)
        buf_printf(&words, " --limit %llu", (unsigned long long)j->context.limit);
    const char *out = str_dupz(&j->arena, buf_str(&words));
    buf_release(&words);
    return out;
}

static enum err say_partial(const struct report *r, struct error *e)
{
    long long lost = (long long)(r->quarantined - r->quarantined_import);
    if (lost == 0 || r->stages_done < r->stages_count)
        return ERR_OK;
    error_set(e, ERR_PARTIAL, "finished, but %lld of %lld conversations could not be done", lost, (long long)r->kept);
    error_hint(e, "clio quarantine %s lists them with reasons", r->path);
    return ERR_PARTIAL;
}

void job_hint(struct job *j, const struct args *args, struct error *e)
{
    struct arena a = {0};
    struct stage_state import;
    struct buf command = {0};
    const char *verb = strcmp(args->command->name, "import") == 0 ? "import" : "run";
    if (run_stage_get(&j->run, pipeline[0].name, &a, &import, NULL) != ERR_OK)
        import.done = true;
    const char *files = import.done ? "" : files_of(j);
    report_add_command(&command, verb, files, j->run.path);
    if (command.n + 32 > sizeof e->hint) {
        buf_clear(&command);
        report_add_command(&command, verb, *files ? NULL : "", j->run.path);
    }
    error_hint(e, "%s goes on from here", command.at);
    buf_release(&command);
    arena_release(&a);
}

enum err job_finish(struct job *j, const struct args *args, enum err ran, struct error *e)
{
    struct report report;
    struct error other = {0};
    if (ran == ERR_USAGE) /* nothing was done */
        return ran;
    enum err loaded = report_load(&j->run, &j->prices, &report, ran == ERR_OK ? e : &other);
    if (loaded != ERR_OK)
        return ran != ERR_OK ? ran : loaded;
    report.files = files_of(j);
    if (args_given(args, "json")) {
        struct buf json = {0};
        report_add_json(&report, &json);
        puts(json.at);
        buf_release(&json);
    }
    if (!args_given(args, "quiet") && j->progress.mode != PROGRESS_JSON)
        report_print(&report, stderr);
    if (ran == ERR_OK)
        ran = say_partial(&report, e);
    if (ran == ERR_INTERRUPTED)
        job_hint(j, args, e);
    report_release(&report);
    return ran;
}

void job_close(struct job *j)
{
    if (j->progress.out)
        progress_close(&j->progress);
    par_free(j->par);
    events_close(j->events);
    if (j->run.path)
        run_close(&j->run);
    config_release(&j->config);
    prices_release(&j->prices);
    arena_release(&j->arena);
}
