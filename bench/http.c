/*
 * http: the client in this process on one processor, the mock server (tests/mock) in another on the next. Either waves
 * of N requests in flight with noise, or so many a second allowed and no more (--rate).
 */
#include "bench.h"

#include "base/clock.h"
#include "mock.h"
#include "model/model.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTINGS_MAX = 16, PROMPT_BYTES = 900, WARM_UP_S = 10 };

struct entry {
    struct ask ask;
    struct request request;
    char text[PROMPT_BYTES + 64];
    size_t index;
};

struct load {
    const char *provider;
    size_t in_flight, waves, rate, seconds;
    struct mock_opts mock;
    /* The run. */
    unsigned short port;
    size_t total, next;
    struct entry *entries; /* [in_flight] */
    struct entry **free;   /* a stack of those without a request on its way */
    size_t free_n;
    struct entry **sent;    /* [total] by request */
    unsigned char *answers; /* [total] 0, 1, 2: more than once */
    size_t bad, warm_good;
    double started, warm_at;
    struct mock_counts warm;
};

static const struct field fields[] = {{.name = "request", .kind = FIELD_TEXT, .max_chars = 200},
                                      {.name = "task", .kind = FIELD_TEXT, .max_chars = 200},
                                      {.name = "concern", .kind = FIELD_INT, .min = 1, .max = 5}};
static const struct schema schema = {fields, 3};
static const char filler[] = "I would like to repair the gears of my bicycle before the weekend and do not know where "
                             "to begin, since the chain jumps whenever I go uphill. ";

static enum err next(void *arg, size_t *index, const struct request **out, struct error *e)
{
    struct load *l = arg;
    (void)e;
    *out = NULL;
    if (l->next == l->total || l->free_n == 0)
        return ERR_OK;
    struct entry *x = l->free[--l->free_n];
    int n = snprintf(x->text, sizeof x->text, "Conversation %zu.\n", l->next);
    while (n < PROMPT_BYTES - (int)sizeof filler)
        n += snprintf(x->text + n, sizeof x->text - (size_t)n, "%s", filler);
    x->ask = (struct ask){str_of(x->text), &schema};
    x->request = (struct request){.system = STR("Say what the user asks for, what the task is, and how much it worries "
                                                "you, in the form that is described."),
                                  .asks = &x->ask,
                                  .asks_count = 1};
    *index = l->next;
    l->sent[l->next++] = x;
    *out = &x->request;
    return ERR_OK;
}

static void done(void *arg, size_t index, const struct answer *answer)
{
    struct load *l = arg;
    l->answers[index] = l->answers[index] ? 2 : 1;
    l->bad += answer->status != ANSWER_OK;
    l->free[l->free_n++] = l->sent[index];
    if (l->rate && l->warm_at == 0 && clock_seconds() - l->started >= WARM_UP_S) {
        l->warm_at = clock_seconds();
        l->warm_good = l->next - (l->in_flight - l->free_n);
        if (mock_ask_counts(l->port, &l->warm, NULL) != ERR_OK)
            l->warm_at = 0;
    }
}

static void pin(size_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fprintf(stderr, "clio-bench: processor %zu is not to be had; both share what there is\n", processor);
}

/* The server in a process of its own; its number, or -1. */
static pid_t start_mock(struct load *l, struct error *e)
{
    struct mock *m;
    l->mock.rate = (double)l->rate;
    if (mock_open(&l->mock, &m, e) != ERR_OK)
        return -1;
    l->port = mock_port(m);
    pid_t child = fork();
    if (child == 0) {
        pin(1);
        mock_serve(m);
        _exit(0);
    }
    mock_close(m);
    return child;
}

static double cpu_seconds(void)
{
    struct rusage use = {0};
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void print(const struct load *l, double seconds, double cpu, const struct mock_counts *n)
{
    size_t lost = 0, doubled = 0;
    char name[100];
    for (size_t i = 0; i < l->total; i++) {
        lost += l->answers[i] == 0;
        doubled += l->answers[i] > 1;
    }
    bench_cpu(name, sizeof name);
    printf("{\"benchmark\": \"http\", \"provider\": \"%s\", \"in_flight\": %zu, \"requests\": %zu, \"seconds\": %.2f, "
           "\"requests_s\": %.0f, \"cpu_us\": %.1f, \"rss_mb\": %.0f, \"lost\": %zu, \"doubled\": %zu, \"bad\": %zu, "
           "\"billed_twice\": %" PRIu64 ", \"noise\": %" PRIu64 ", \"running_most\": %" PRIu64,
           l->provider, l->in_flight, l->total, seconds, (double)l->total / seconds, cpu / (double)l->total * 1e6,
           bench_peak_mb(), lost, doubled, l->bad, n->again, n->noise, n->running_most);
    if (l->rate) {
        double warm_s = l->started + seconds - l->warm_at;
        printf(
            ", \"limit_s\": %zu, \"reached\": %.3f, \"refused\": %.4f, \"reached_warm\": %.3f, \"refused_warm\": %.4f",
            l->rate, (double)l->total / seconds / (double)l->rate, (double)n->refused / (double)n->requests,
            (double)(l->total - l->warm_good) / warm_s / (double)l->rate,
            (double)(n->refused - l->warm.refused) / (double)(n->requests - l->warm.requests));
    }
    printf(", \"cpu\": \"%s\"}\n", name);
    fflush(stdout);
}

static enum err run(struct load *l, struct error *e)
{
    char spec[200];
    struct model m;
    struct mock_counts n = {0};
    snprintf(spec, sizeof spec, "%s:bench@http://127.0.0.1:%d/v1?in_flight=%zu", l->provider, l->port, l->in_flight);
    enum err err = model_open(str_of(spec), NULL, &m, e);
    if (err != ERR_OK)
        return err;
    const struct feed feed = {.next = next, .done = done, .arg = l};
    double cpu = cpu_seconds();
    l->started = clock_seconds();
    err = m.ops->complete(m.ctx, &feed, NULL, e);
    double seconds = clock_seconds() - l->started;
    cpu = cpu_seconds() - cpu;
    model_close(&m);
    if (err == ERR_OK)
        err = mock_ask_counts(l->port, &n, e);
    if (err == ERR_OK)
        print(l, seconds, cpu, &n);
    return err;
}

static enum err measure(struct load *l, struct error *e)
{
    l->total = l->rate ? l->rate * l->seconds : l->in_flight * l->waves;
    l->entries = mem_zero(l->in_flight, sizeof *l->entries);
    l->free = mem_zero(l->in_flight, sizeof *l->free);
    l->sent = mem_zero(l->total, sizeof *l->sent);
    l->answers = mem_zero(l->total, 1);
    for (size_t i = 0; i < l->in_flight; i++)
        l->free[l->free_n++] = &l->entries[i];
    pid_t child = start_mock(l, e);
    enum err err = child < 0 ? ERR_IO : ERR_OK;
    pin(0);
    if (err == ERR_OK)
        err = run(l, e);
    if (child > 0) {
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
    }
    free(l->entries);
    free(l->free);
    free(l->sent);
    free(l->answers);
    return err;
}

/* One setting in a process of its own, so that its peak of memory is its own. */
static enum err measure_apart(struct load l, struct error *e)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        enum err err = measure(&l, e);
        if (err != ERR_OK)
            fprintf(stderr, "clio-bench: %s\n", e->text);
        _exit(err == ERR_OK ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
        return error_set(e, ERR_FAILED, "the benchmark of %zu in flight ended badly", l.in_flight);
    return ERR_OK;
}

/* The numbers of "20,200,5000". */
static enum err read_list(const char *text, size_t *out, size_t *n, struct error *e)
{
    struct str rest = str_of(text);
    for (*n = 0; rest.n && *n < SETTINGS_MAX; (*n)++) {
        int64_t v;
        if (!str_to_i64(str_cut(&rest, ','), &v) || v < 1 || v > 60000)
            return error_set(e, ERR_USAGE, "wanted numbers from 1 to 60000, with commas between them");
        out[*n] = (size_t)v;
    }
    return ERR_OK;
}

enum err bench_http(int argc, char **argv, struct error *e)
{
    struct load l = {.waves = 50, .seconds = 60, .provider = bench_option(argc, argv, "--provider", "openai")};
    const char *rates = bench_option(argc, argv, "--rate", NULL);
    size_t latency = 200, settings[SETTINGS_MAX], n = 0, most = 5000;
    enum err err = bench_number(argc, argv, "--waves", 1000000, &l.waves, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--seconds", 3600, &l.seconds, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--latency", 60000, &latency, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--most", 60000, &most, e);
    if (err == ERR_OK)
        err = read_list(rates ? rates : bench_option(argc, argv, "--in-flight", "20,200,2000,5000"), settings, &n, e);
    l.mock = (struct mock_opts){.latency_ms = (double)latency, .seed = 1};
    if (!rates && strcmp(bench_option(argc, argv, "--noise", "yes"), "no") != 0) {
        l.mock.share_429 = 0.02;
        l.mock.share_reset = 0.01;
    }
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        l.in_flight = rates ? most : settings[i];
        l.rate = rates ? settings[i] : 0;
        err = measure_apart(l, e);
    }
    return err;
}
