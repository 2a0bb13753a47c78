/*
 * clio-mock: the mock server as a program, for the command line tests.
 *     clio-mock serve --port-file FILE [--port N] [--latency MS] [--drip MS] [--share-429 0.02] [--share-reset 0.01]
 *                     [--batch-ms MS] [--rate N] [--fault NAME] [--key KEY] [--seed N]      until SIGTERM
 *     clio-mock counts PORT                                                  what it counted
 *     clio-mock kill PORT PID N                                              SIGKILL when N more requests have come
 *     clio-mock faults                                                       their names
 */
#include "mock.h"

#include "base/file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mock *serving;

static void on_signal(int number)
{
    (void)number;
    mock_end(serving);
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 2; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

static double number(int argc, char **argv, const char *name, double otherwise)
{
    const char *text = option(argc, argv, name);
    return text ? strtod(text, NULL) : otherwise;
}

static enum err serve(int argc, char **argv, struct error *e)
{
    const struct mock_opts opts = {.port = (unsigned short)number(argc, argv, "--port", 0),
                                   .latency_ms = number(argc, argv, "--latency", 0),
                                   .drip_ms = number(argc, argv, "--drip", 50),
                                   .batch_ms = number(argc, argv, "--batch-ms", 0),
                                   .share_429 = number(argc, argv, "--share-429", 0),
                                   .share_reset = number(argc, argv, "--share-reset", 0),
                                   .rate = number(argc, argv, "--rate", 0),
                                   .fault = option(argc, argv, "--fault"),
                                   .key = option(argc, argv, "--key"),
                                   .seed = (uint64_t)number(argc, argv, "--seed", 1)};
    const char *port_file = option(argc, argv, "--port-file");
    char port[16];
    enum err result = mock_open(&opts, &serving, e);
    if (result != ERR_OK)
        return result;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    snprintf(port, sizeof port, "%d\n", mock_port(serving));
    result = port_file ? file_write_atomic(port_file, str_of(port), e) : ERR_OK;
    if (result == ERR_OK)
        mock_serve(serving);
    mock_close(serving);
    return result;
}

static enum err counts(int argc, char **argv, struct error *e)
{
    struct mock_counts n;
    struct buf text = {0};
    enum err result = mock_ask_counts((unsigned short)(argc > 2 ? strtoul(argv[2], NULL, 10) : 0), &n, e);
    if (result == ERR_OK)
        mock_counts_write(&n, &text);
    fputs(text.at ? text.at : "", stdout);
    buf_release(&text);
    return result;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    enum err result = ERR_USAGE;
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "serve") == 0)
        result = serve(argc, argv, &e);
    else if (strcmp(what, "counts") == 0)
        result = counts(argc, argv, &e);
    else if (strcmp(what, "kill") == 0 && argc == 5)
        result = mock_ask_kill((unsigned short)strtoul(argv[2], NULL, 10), strtol(argv[3], NULL, 10),
                               strtoul(argv[4], NULL, 10), &e);
    for (size_t i = 0; strcmp(what, "faults") == 0 && mock_fault_at(i); i++, result = ERR_OK)
        puts(mock_fault_at(i)->name);
    if (result != ERR_OK)
        fprintf(stderr, "clio-mock: %s\n", e.text[0] ? e.text : "serve, counts, kill or faults");
    return error_exit_status(result);
}
