/*
 * complete.c: facets of conversations by a local model, many at once and one at a time, in turns, on the same texts.
 * Texts are cut from --texts (JSON lines with "messages"). Times are the wall's, so the machine should have nothing
 * else to do; where it has, --cpu with --threads 1 counts what the process itself used. One JSON line a size and way,
 * and one that compares.
 */
#include "bench.h"

#include "base/file.h"
#include "base/json.h"
#include "facets/plan.h"
#include "model/model.h"
#include "stage/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAYS = 4, SIZES = 2, TEXTS_BYTES_MAX = 64 << 20, READING_TEXTS = 3 };

/* How the facets are asked, and whether many conversations are on their way at once. */
static const struct way {
    const char *name;
    bool one_sequence, by_facet, all_in_one;
} ways[WAYS] = {
    {"many", false, false, false},             /* the default: request and task in one call, concern after it */
    {"many, four in one", false, false, true}, /* a single answer with all facets */
    {"one", true, false, false},
    {"one, a call a facet", true, true, false},
};

struct work {
    struct arena arena;
    struct request *requests;
    size_t n, done;
    size_t failed;
    struct str (*texts)[ASKS_MAX]; /* [n] answers */
    struct usage usage;
    double seconds; /* least of the rounds */
};

struct trial {
    struct arena arena;
    struct config config[WAYS];
    struct facet_plan plans[WAYS];
    struct str *systems[WAYS];
    struct model models[2]; /* many at once; one at a time */
    struct str *conversations[SIZES];
    size_t counts[SIZES], tokens[SIZES];
    struct work work[SIZES][WAYS];
    double reading; /* tokens a second */
    bool cpu;       /* seconds are the process's, not the wall's */
};

static double seconds_now(const struct trial *t)
{
    struct timespec now;
    clock_gettime(t->cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- texts ---- */

/* One transcript after another until there are about so many tokens of four bytes; from where the last one ended. */
static struct str cut_text(struct trial *t, yyjson_val **all, size_t n, size_t *at, size_t tokens)
{
    struct buf b = {0};
    for (size_t read = 0; b.n < 4 * tokens && read < n; read++, *at = (*at + 1) % n) {
        yyjson_val *messages = yyjson_obj_get(all[*at], "messages");
        for (size_t i = 0; i < yyjson_arr_size(messages) && b.n < 4 * tokens; i++) {
            yyjson_val *m = yyjson_arr_get(messages, i);
            bool user = str_eqz(json_get_str(m, "role"), "user");
            buf_printf(&b, "%s%s: " STR_FMT, b.n ? "\n\n" : "", user ? "User" : "Assistant",
                       STR_ARG(json_get_str(m, "content")));
        }
    }
    struct str s = str_dup(&t->arena, buf_str(&b));
    buf_release(&b);
    if (s.n > 4 * tokens)
        s.n = 4 * tokens;
    while (s.n && ((unsigned char)s.at[s.n - 1] & 0xc0) == 0x80) /* no half characters */
        s.n--;
    while (s.n && (unsigned char)s.at[s.n - 1] >= 0x80)
        s.n--;
    return s;
}

static enum err load_texts(struct trial *t, const char *path, struct error *e)
{
    enum { LINES_MAX = 100000 };
    struct buf text = {0};
    yyjson_doc **docs = mem_zero(LINES_MAX, sizeof *docs);
    yyjson_val **roots = mem_zero(LINES_MAX, sizeof *roots);
    size_t n = 0, at = 0;
    enum err result = file_read(path, TEXTS_BYTES_MAX, &text, e);
    for (struct str rest = buf_str(&text); rest.n && n < LINES_MAX && result == ERR_OK;) {
        struct str line = str_cut(&rest, '\n');
        if (str_trim(line).n == 0)
            continue;
        result = json_parse(line, false, &docs[n], e);
        if (result == ERR_OK)
            roots[n] = yyjson_doc_get_root(docs[n]), n++;
    }
    if (result == ERR_OK && n == 0)
        result = error_set(e, ERR_INPUT, "%s holds no conversations", path);
    for (size_t s = 0; s < SIZES && result == ERR_OK; s++) {
        t->conversations[s] = arena_zero(&t->arena, t->counts[s] + READING_TEXTS, sizeof(struct str));
        for (size_t i = 0; i < t->counts[s] + READING_TEXTS; i++)
            t->conversations[s][i] = cut_text(t, roots, n, &at, t->tokens[s]);
    }
    for (size_t i = 0; i < n; i++)
        yyjson_doc_free(docs[i]);
    free(docs);
    free(roots);
    buf_release(&text);
    return result;
}

/* ---- questions, as the facets stage asks them ---- */

static enum err plan_way(struct trial *t, size_t w, struct error *e)
{
    struct config *c = &t->config[w];
    enum err result = config_parse((struct str){0}, "the defaults", c, e);
    if (result != ERR_OK)
        return result;
    c->one_call = !ways[w].by_facet;
    for (size_t i = 0; i < c->facets_count; i++)
        c->facets[i].alone = c->facets[i].alone && !ways[w].all_in_one;
    bool with_language = ways[w].by_facet || ways[w].all_in_one;
    result = facet_plan_new(c, with_language, &t->arena, &t->plans[w], e);
    t->systems[w] = arena_zero(&t->arena, t->plans[w].calls_count, sizeof(struct str));
    for (size_t i = 0; i < t->plans[w].calls_count && result == ERR_OK; i++)
        result = facet_plan_system(NULL, &t->plans[w].calls[i], &t->arena, &t->systems[w][i], e);
    return result;
}

static enum err build_ask(const struct facet_ask *ask, size_t k, struct str conversation, struct arena *a,
                          struct ask *out, struct error *e)
{
    struct prompt_var first[] = {{"transcript", conversation}};
    out->answer = &ask->schema;
    return k == 0 ? prompt_render(NULL, "facets.user.txt", first, 1, a, &out->user, e)
                  : facet_plan_further(NULL, ask, a, &out->user, e);
}

static enum err build(struct trial *t, size_t s, size_t w, struct error *e)
{
    struct work *k = &t->work[s][w];
    const struct facet_plan *plan = &t->plans[w];
    k->n = t->counts[s] * plan->calls_count;
    k->requests = arena_zero(&t->arena, k->n, sizeof *k->requests);
    k->texts = arena_zero(&t->arena, k->n, sizeof *k->texts);
    for (size_t i = 0; i < k->n; i++) {
        const struct facet_call *call = &plan->calls[i % plan->calls_count];
        struct ask *asks = arena_zero(&t->arena, call->asks_count, sizeof *asks);
        for (size_t a = 0; a < call->asks_count; a++) {
            struct str conversation = t->conversations[s][i / plan->calls_count];
            enum err result = build_ask(&call->asks[a], a, conversation, &t->arena, &asks[a], e);
            if (result != ERR_OK)
                return result;
        }
        k->requests[i] = (struct request){
            .system = t->systems[w][i % plan->calls_count], .asks = asks, .asks_count = call->asks_count, .seed = 1};
    }
    return ERR_OK;
}

/* ---- measuring ---- */

static void on_answer(void *arg, size_t i, const struct answer *answer)
{
    struct work *k = arg;
    k->done++;
    k->failed += answer->status != ANSWER_OK;
    for (size_t a = 0; a < k->requests[i].asks_count; a++)
        k->texts[i][a] = str_dup(&k->arena, answer->texts[a]);
    k->usage.tokens_in += answer->usage.tokens_in;
    k->usage.tokens_cached += answer->usage.tokens_cached;
    k->usage.tokens_out += answer->usage.tokens_out;
}

static enum err measure(struct trial *t, size_t s, size_t w, struct error *e)
{
    struct work *k = &t->work[s][w];
    double before = k->seconds;
    k->usage = (struct usage){0};
    k->done = k->failed = 0;
    arena_clear(&k->arena);
    double started = seconds_now(t);
    enum err result = model_complete(&t->models[ways[w].one_sequence], k->requests, k->n, on_answer, k, NULL, e);
    double seconds = seconds_now(t) - started;
    k->seconds = before > 0 && before < seconds ? before : seconds;
    return result;
}

/* Reading alone: prompts whose answer has nothing the model decides. */
static enum err measure_reading(struct trial *t, struct error *e)
{
    static const struct field fixed[] = {{.name = "ok", .kind = FIELD_INT, .min = 1, .max = 1}};
    static const struct schema schema = {fixed, 1};
    struct ask asks[READING_TEXTS];
    struct request requests[READING_TEXTS];
    struct str texts[READING_TEXTS][ASKS_MAX];
    struct work k = {.requests = requests, .n = READING_TEXTS, .texts = texts};
    for (size_t i = 0; i < READING_TEXTS; i++) {
        asks[i] = (struct ask){t->conversations[1][t->counts[1] + i], &schema};
        requests[i] = (struct request){.asks = &asks[i], .asks_count = 1, .seed = 1};
    }
    double started = seconds_now(t);
    enum err result = model_complete(&t->models[0], requests, READING_TEXTS, on_answer, &k, NULL, e);
    double rate = (double)(k.usage.tokens_in - k.usage.tokens_cached) / (seconds_now(t) - started);
    t->reading = rate > t->reading ? rate : t->reading;
    arena_release(&k.arena);
    return result;
}

/* Of the default way's fields, the share that is the same one at a time. */
static double agreement(const struct trial *t, size_t s)
{
    const struct work *a = &t->work[s][0], *b = &t->work[s][2];
    size_t same = 0, all = 0;
    struct arena arena = {0};
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < a->requests[i].asks_count; k++) {
            const struct schema *schema = a->requests[i].asks[k].answer;
            struct field_value *x = arena_zero(&arena, schema->fields_count, sizeof *x),
                               *y = arena_zero(&arena, schema->fields_count, sizeof *y);
            bool parsed = schema_parse(schema, a->texts[i][k], &arena, x, NULL) == ERR_OK &&
                          schema_parse(schema, b->texts[i][k], &arena, y, NULL) == ERR_OK;
            for (size_t f = 0; f < schema->fields_count; f++)
                same += parsed && str_eq(x[f].text, y[f].text) && x[f].number == y[f].number;
            all += schema->fields_count;
        }
    arena_release(&arena);
    return all ? (double)same / (double)all : 0;
}

/* What cannot be saved: the conversation's own tokens and the answer's, read at the full rate. */
static void print(const struct trial *t, size_t s, size_t w)
{
    const struct work *k = &t->work[s][w];
    double own = (double)(k->usage.tokens_in - k->usage.tokens_cached + k->usage.tokens_out);
    printf("{\"bench\":\"complete\",\"way\":\"%s\",\"conversations\":%zu,\"tokens\":%zu,\"at_once\":%zu,\"%s\":%.1f,"
           "\"per_minute\":%.1f,\"failed\":%zu,\"tokens_in\":%llu,\"tokens_cached\":%llu,\"tokens_out\":%llu,"
           "\"share_of_bound\":%.2f}\n",
           ways[w].name, t->counts[s], t->tokens[s], t->models[ways[w].one_sequence].info.in_flight,
           t->cpu ? "cpu_seconds" : "seconds", k->seconds, 60 * (double)t->counts[s] / k->seconds, k->failed,
           (unsigned long long)k->usage.tokens_in, (unsigned long long)k->usage.tokens_cached,
           (unsigned long long)k->usage.tokens_out, own / t->reading / k->seconds);
}

static void print_all(const struct trial *t)
{
    char cpu[128];
    bench_cpu(cpu, sizeof cpu);
    for (size_t s = 0; s < SIZES; s++) {
        if (t->counts[s] == 0)
            continue;
        for (size_t w = 0; w < WAYS; w++)
            print(t, s, w);
        const struct work *k = t->work[s];
        printf("{\"bench\":\"complete\",\"tokens\":%zu,\"model\":\"%s\",\"cpu\":\"%s\",\"reading_per_s\":%.1f,"
               "\"times_one\":%.2f,\"times_a_call_a_facet\":%.2f,\"fields_as_one\":%.3f,\"peak_mb\":%.0f}\n",
               t->tokens[s], t->models[0].info.name, cpu, t->reading, k[2].seconds / k[0].seconds,
               k[3].seconds / k[0].seconds, agreement(t, s), bench_peak_mb());
    }
}

static enum err run(struct trial *t, const char *texts, size_t rounds, struct error *e)
{
    enum err result = load_texts(t, texts, e);
    for (size_t w = 0; w < WAYS && result == ERR_OK; w++)
        result = plan_way(t, w, e);
    for (size_t s = 0; s < SIZES; s++)
        for (size_t w = 0; w < WAYS && result == ERR_OK; w++)
            result = build(t, s, w, e);
    for (size_t r = 0; r < rounds && result == ERR_OK; r++) {
        result = measure_reading(t, e);
        for (size_t s = 0; s < SIZES; s++)
            for (size_t w = 0; w < WAYS && result == ERR_OK && t->counts[s]; w++)
                result = measure(t, s, w, e);
    }
    return result;
}

enum err bench_complete(int argc, char **argv, struct error *e)
{
    struct trial t = {.counts = {64, 64}, .tokens = {150, 800}};
    size_t rounds = 1, threads = 0;
    const char *spec = bench_option(argc, argv, "--model", "local:qwen2.5-coder-1.5b");
    enum err result = bench_number(argc, argv, "--short", 10000, &t.counts[0], e);
    if (result == ERR_OK)
        result = bench_number(argc, argv, "--long", 10000, &t.counts[1], e);
    if (result == ERR_OK)
        result = bench_number(argc, argv, "--rounds", 100, &rounds, e);
    if (result == ERR_OK)
        result = bench_number(argc, argv, "--threads", 1024, &threads, e);
    for (int i = 0; i < argc; i++)
        t.cpu = t.cpu || strcmp(argv[i], "--cpu") == 0;
    struct par *par = par_new(threads);
    for (size_t i = 0; i < 2 && result == ERR_OK; i++)
        result = model_open(str_of(spec), &(struct model_opts){.par = par, .one_sequence = i == 1}, &t.models[i], e);
    if (result == ERR_OK)
        result = run(&t, bench_option(argc, argv, "--texts", "eval/topics.jsonl"), rounds, e);
    if (result == ERR_OK)
        print_all(&t);
    for (size_t s = 0; s < SIZES; s++)
        for (size_t w = 0; w < WAYS; w++)
            arena_release(&t.work[s][w].arena);
    for (size_t w = 0; w < WAYS; w++)
        config_release(&t.config[w]);
    model_close(&t.models[0]);
    model_close(&t.models[1]);
    par_free(par);
    arena_release(&t.arena);
    return result;
}
