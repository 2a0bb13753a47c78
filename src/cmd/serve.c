#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/page.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder"},
    {"port", 'p', OPTION_COUNT, "N", "listen on this port (default: 7411, or the next free one)"},
    {"open", 'o', OPTION_FLAG, NULL, "open the page in the desktop's browser"},
    {0},
};

/* The desktop's own way of opening an address. A machine without one is no error: the address is printed anyway. */
static void open_browser(const char *url)
{
    char *argv[] = {"xdg-open", (char *)(uintptr_t)url, NULL};
    pid_t child;
    int status;
    int failed = posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);
    if (failed)
        fprintf(stderr, "clio: cannot start xdg-open: %s; open the address by hand\n", strerror(failed));
    else
        waitpid(child, &status, 0);
}

static enum err run(const struct args *args, struct error *e)
{
    struct server *server;
    const char *path;
    enum err result = args_run(args, &path, e);
    interrupt_install();
    if (result == ERR_OK)
        result = page_start(args, path, &server, e);
    if (result != ERR_OK)
        return result;
    puts(server_url(server));
    fflush(stdout);
    fprintf(stderr, "serving %s on this computer only, until Ctrl-C\n", path);
    if (args_flag(args, "open"))
        open_browser(server_url(server));
    interrupt_wait();
    server_stop(server);
    return ERR_OK;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "Show a run as a page: tree, map, breakdowns, and progress while it runs",
    .usage = "RUN [--port N] [--open]",
    .examples = "clio serve my-run\nclio serve --run my-run --port 8000 --open",
    .details =
        "The page is on this computer only (127.0.0.1). It reads what was published and the progress events, and "
        "nothing else of the run. Every view has a JSON twin: /api/run, /api/tree, /api/node, /api/overlay, "
        "/api/map. It may be started before the run is done.",
    .options = options,
    .run = run,
};
