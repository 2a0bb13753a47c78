/*
 * job.h: what run, demo and import share: configuration from file, run and options; the run; threads; progress; Ctrl-C.
 *
 * The configuration is the file's (--config). Without one, a run that exists goes on with the configuration it has, and
 * a new one starts with the defaults. Options then change single keys.                                       Layer:
 * cmd.
 */
#ifndef CLIO_CMD_JOB_H
#define CLIO_CMD_JOB_H

#include "cmd/command.h"
#include "cmd/progress.h"

struct job {
    struct arena arena;
    struct config config;
    const char *config_folder; /* relative paths in the configuration start there; "" is where we are */
    struct prices prices;
    const char *prompts; /* folder with other prompts, absolute; NULL: the program's own */
    struct run run;
    struct events *events;
    struct progress progress;
    struct par *par;
    const atomic_bool *stop;
    struct stage_context context;
};

struct job_preset {
    const char *key, *value; /* "sample", "120" */
};

struct job_request {
    const struct args *args;
    const char *path; /* of the run */
    const char *const *files;
    size_t files_count;
    const struct job_preset *presets; /* the command's own settings: over the file's, under the options' */
    size_t presets_count;
};

/*
 * Reads the options a command has of: --config, the ones that change a key (job.c has the table), --limit, --prompts,
 * --fresh, --progress, --quiet. Opens (or makes) the run. After an error, too, the job is to be closed.
 */
MUST_USE enum err job_open(struct job *j, const struct job_request *want, struct error *e);
void job_close(struct job *j);

bool job_run_exists(const char *path);

/* --run RUN, which run and import cannot do without; ERR_USAGE with an example when it is missing. */
MUST_USE enum err job_need_run(const struct args *args, const char **path, struct error *e);

/* A whole command: the run at path, through the stages up to `until` (NULL: all), and whatever `finish` says behind it
 * (what pipeline_run returned in, the command's result out). */
typedef enum err job_finish_fn(struct job *j, const struct args *args, enum err ran, struct error *e);
MUST_USE enum err job_run(const struct job_request *want, const char *until, job_finish_fn *finish, struct error *e);

/* The configuration a run was last made with (no facets in it: none is noted), and the folder its paths start from. */
MUST_USE enum err job_settings_of(struct run *run, struct arena *a, struct config *config, const char **folder,
                                  struct error *e);

/* Only the configuration part, on a zeroed job, without changing the run (path may be NULL): for --dry-run, facets,
 * doctor. */
MUST_USE enum err job_configure(struct job *j, const struct job_request *want, struct error *e);

/* What goes to the stages but the run and what works on it: configuration, prompts, inputs. On a zeroed job, changes
 * nothing: for --dry-run. ERR_CONFIG also for a folder of prompts that is not there. */
MUST_USE enum err job_prepare(struct job *j, const struct job_request *want, struct error *e);

/* Adds to an interruption how to go on, with the files while they are not read to their end. */
void job_hint(struct job *j, const struct args *args, struct error *e);

/*
 * After pipeline_run said `ran`: the report (--json on standard output; on standard error unless --quiet). Also when it
 * failed: what was done is kept, and one wants to know what that is. Returns ran; ERR_PARTIAL when every stage is
 * done but conversations were lost on the way.
 */
job_finish_fn job_finish;

/* How a configured job opens models. */
void job_model_opts(struct job *j, struct model_opts *out);

/* The prices a configuration names; relative paths in it start from the folder ("": where we are). */
MUST_USE enum err job_load_prices(const struct config *config, const char *folder, struct prices *out, struct error *e);

/* One text for all commands that have it. */
#define JOB_OPTION_PRICES                                                                                              \
    {                                                                                                                  \
        "prices", 0, OPTION_TEXT, "FILE", "take what models cost from FILE (clio estimate --list-prices writes one)"   \
    }
#define JOB_OPTION_MODELS                                                                                              \
    {                                                                                                                  \
        "model-dir", 0, OPTION_TEXT, "FOLDER", "look for local: models in FOLDER before the cache"                     \
    }
#define JOB_OPTION_CONFIG                                                                                              \
    {                                                                                                                  \
        "config", 'c', OPTION_TEXT, "FILE", "take the configuration from FILE (clio init writes one)"                  \
    }

#endif
