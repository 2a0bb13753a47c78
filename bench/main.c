#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct benchmark {
    const char *name, *summary, *options;
    bench_fn *run;
} benchmarks[] = {
    {"complete", "facets by a local model, many conversations at once and one at a time",
     "[--model local:NAME] [--texts FILE.jsonl] [--short 64] [--long 64] [--rounds 1] [--threads N] [--cpu]",
     bench_complete},
    {"encode", "sentence vectors; without --texts of made-up ones of --synthetic N tokens",
     "--model minilm|mpnet [--arithmetic bytes|floats] [--texts FILE] [--limit N] [--max-tokens N] [--threads N] "
     "[--check N texts against floats] [--save FILE.npy]",
     bench_encode},
    {"http", "requests to the tests' mock server",
     "--in-flight 20,200,2000,5000 [--waves 50] [--latency MS] [--noise no] or --rate N,N [--seconds 60] "
     "[--most 5000], [--provider openai|anthropic]",
     bench_http},
    {"kmeans", "clusters",
     "--npy FILE or --synthetic ROWS,COLUMNS,SEED [--k 100] [--iterations N] [--spherical] [--memory-mb N] "
     "[--exact [--start FILE.npy]] [--check] [--threads N] [--seed N] [--save FILE.npy] [--save-labels FILE.npy]",
     bench_kmeans},
    {"knn", "nearest neighbours by cosine",
     "--npy FILE or --synthetic ROWS,COLUMNS,SEED [--k 15] [--visit N] [--labels FILE.npy] [--truth FILE.npy] "
     "[--sample N] [--threads N] [--seed N] [--save FILE.npy]",
     bench_knn},
    {"points", "made-up vectors into a file", "--synthetic ROWS,COLUMNS,SEED --save FILE.npy", bench_points_only},
    {"tokenise", "words to ids", "--model minilm|mpnet --texts FILE [--max-tokens N] [--threads N] [--save FILE.npy]",
     bench_tokenise},
    {"umap", "layouts",
     "--npy FILE or --synthetic ROWS,COLUMNS,SEED [--epochs N] [--sample N] [--threads N] [--seed N] [--save FILE.npy]",
     bench_umap},
};

enum { BENCHMARKS = sizeof benchmarks / sizeof benchmarks[0] };

const char *bench_option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 0; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return otherwise;
}

bool bench_flag(int argc, char **argv, const char *name)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

enum err bench_number(int argc, char **argv, const char *name, size_t max, size_t *value, struct error *e)
{
    const char *text = bench_option(argc, argv, name, NULL);
    int64_t v;
    if (!text)
        return ERR_OK;
    if (!str_to_i64(str_of(text), &v) || v < 0 || (uint64_t)v > max)
        return error_set(e, ERR_USAGE, "%s wants a number from 0 to %zu", name, max);
    *value = (size_t)v;
    return ERR_OK;
}

double bench_cpu_seconds(void)
{
    struct rusage use = {0};
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/* The kernel's own count: getrusage() starts from what the parent process had. */
double bench_peak_mb(void)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kb / 1024.0;
}

void bench_cpu(char *out, size_t n)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(out, n, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        char *name = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !name)
            continue;
        struct str s = str_trim(str_of(name + 1));
        size_t used = 0;
        for (size_t i = 0; i < s.n && used + 1 < n; i++)
            if (s.at[i] >= ' ' && s.at[i] != '"' && s.at[i] != '\\')
                out[used++] = s.at[i];
        out[used] = '\0';
        break;
    }
    if (f)
        fclose(f);
}

static int help(const struct benchmark *b)
{
    printf("usage: clio-bench %s %s\n%s; prints one JSON line for each measurement\n", b->name, b->options, b->summary);
    return 0;
}

static int help_all(FILE *to)
{
    fprintf(to, "usage: clio-bench NAME [options]\n");
    for (size_t i = 0; i < BENCHMARKS; i++)
        fprintf(to, "  %-10s %s\n", benchmarks[i].name, benchmarks[i].summary);
    fprintf(to, "clio-bench NAME --help: its options\n");
    return to == stdout ? 0 : error_exit_status(ERR_USAGE);
}

static int run(const struct benchmark *b, int argc, char **argv)
{
    struct error e = {0};
    enum err err = b->run(argc, argv, &e);
    if (err != ERR_OK)
        fprintf(stderr, "clio-bench: %s\n%s%s%s", e.text, e.hint[0] ? "hint: " : "", e.hint, e.hint[0] ? "\n" : "");
    return error_exit_status(err);
}

int main(int argc, char **argv)
{
    bool asked = bench_flag(argc, argv, "--help") || bench_flag(argc, argv, "-h");
    for (size_t i = 0; argc > 1 && i < BENCHMARKS; i++)
        if (strcmp(argv[1], benchmarks[i].name) == 0)
            return asked ? help(&benchmarks[i]) : run(&benchmarks[i], argc - 2, argv + 2);
    return help_all(asked ? stdout : stderr);
}
