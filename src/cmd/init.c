#include "base/asset.h"
#include "base/file.h"
#include "cmd/command.h"

#include <string.h>

static const struct option_row options[] = {
    {"force", 'f', OPTION_FLAG, NULL, "write over an existing file"},
    {0},
};

static enum err run(const struct args *args, struct error *e)
{
    enum err result = args_rest(args, 0, 1, "", e);
    if (result != ERR_OK)
        return result;
    struct str text = asset_find(STR("examples/clio.json"));
    const char *path = args->rest_count ? args->rest[0] : "clio.json";
    if (strcmp(path, "-") == 0) {
        fwrite(text.at, 1, text.n, stdout);
        return ERR_OK;
    }
    if (file_exists(path) && !args_flag(args, "force")) {
        error_set(e, ERR_FAILED, "%s exists already", path);
        return error_hint(e, "clio init --force %s writes over it; clio init - prints to standard output", path);
    }
    result = file_write_atomic(path, text, e);
    if (result == ERR_OK)
        fprintf(stderr,
                "wrote %s: every key with its default and what it does\nnext: clio run FILE --run RUN --config %s\n",
                path, path);
    return result;
}

const struct command command_init = {
    .name = "init",
    .summary = "Write a commented configuration to start from",
    .usage = "[FILE] [--force]",
    .examples = "clio init\nclio init study.json\nclio init - | less",
    .details = "FILE is clio.json when left out. An existing file is never written over without --force.\n"
               "Next: clio facets --config FILE, clio run --config FILE.",
    .options = options,
    .run = run,
};
