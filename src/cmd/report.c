#include "cmd/report.h"

#include "base/file.h"
#include "base/json.h"
#include "cmd/progress.h"
#include "pipeline/pipeline.h"
#include "store/ledger.h"
#include "store/records.h"

#include <string.h>

static void take_usage(void *arg, struct str stage, uint64_t calls, uint64_t tokens_in, uint64_t tokens_cached,
                       uint64_t tokens_out)
{
    struct report *r = arg;
    for (size_t i = 0; i < r->stages_count; i++) {
        if (!str_eqz(stage, r->stages[i].name))
            continue;
        r->stages[i].calls = calls;
        r->stages[i].tokens_in = tokens_in;
        r->stages[i].tokens_cached = tokens_cached;
        r->stages[i].tokens_out = tokens_out;
    }
}

static enum err take_reason(void *arg, struct str reason, int64_t count, struct error *e)
{
    enum { REASONS_MAX = 200 }; /* they come from constant lists; far fewer exist */
    struct report *r = arg;
    (void)e;
    r->quarantined += count;
    if (!r->reasons)
        r->reasons = arena_new(&r->arena, REASONS_MAX, sizeof *r->reasons);
    if (r->reasons_count < REASONS_MAX)
        r->reasons[r->reasons_count++] = (struct report_reason){str_dup(&r->arena, reason), count};
    return ERR_OK;
}

static enum err add_count(void *arg, struct str reason, int64_t count, struct error *e)
{
    (void)reason, (void)e;
    *(int64_t *)arg += count;
    return ERR_OK;
}

static enum err load_stages(struct run *r, struct report *out, struct error *e)
{
    while (pipeline[out->stages_count].name)
        out->stages_count++;
    out->stages = arena_zero(&out->arena, out->stages_count, sizeof *out->stages);
    for (size_t i = 0; i < out->stages_count; i++) {
        out->stages[i].name = pipeline[i].name;
        enum err result = run_stage_get(r, pipeline[i].name, &out->arena, &out->stages[i].state, e);
        if (result != ERR_OK)
            return result;
        out->stages_done += out->stages[i].state.done;
    }
    return ERR_OK;
}

enum err report_load(struct run *r, struct report *out, struct error *e)
{
    *out = (struct report){0};
    out->path = str_dupz(&out->arena, str_of(r->path));
    out->published = file_exists(run_path(r, "published/clio.db"));
    enum err result = load_stages(r, out, e);
    if (result == ERR_OK)
        result = ledger_usage(r, take_usage, out, e);
    if (result == ERR_OK)
        result = records_count(r, &out->imported, &out->kept, e);
    if (result == ERR_OK)
        result = quarantine_reasons(r, NULL, take_reason, out, e);
    if (result == ERR_OK)
        result = quarantine_reasons(r, "import", add_count, &out->quarantined_import, e);
    if (result != ERR_OK)
        report_release(out);
    return result;
}

void report_release(struct report *r)
{
    arena_release(&r->arena);
    *r = (struct report){0};
}

static void print_stage(const struct report_stage *s, FILE *out)
{
    char took[FORMAT_BYTES] = "", calls[FORMAT_BYTES] = "", in[FORMAT_BYTES] = "", written[FORMAT_BYTES] = "";
    if (!s->state.done) {
        fprintf(out, "  %-10s not done\n", s->name);
        return;
    }
    format_duration(s->state.seconds, took);
    if (s->calls) {
        format_count((int64_t)s->calls, calls);
        format_count((int64_t)s->tokens_in, in);
        format_count((int64_t)s->tokens_out, written);
    }
    fprintf(out, "  %-10s %9lld %9lld %8s %8s %9s %9s%s" STR_FMT "\n", s->name, (long long)s->state.ok,
            (long long)s->state.quarantined, took, calls, in, written, s->state.note.n ? "  " : "",
            STR_ARG(s->state.note));
}

static void print_total(const struct report *r, FILE *out)
{
    char took[FORMAT_BYTES], calls[FORMAT_BYTES], in[FORMAT_BYTES], written[FORMAT_BYTES];
    double seconds = 0;
    uint64_t all_calls = 0, all_in = 0, all_out = 0;
    for (size_t i = 0; i < r->stages_count; i++) {
        seconds += r->stages[i].state.done ? r->stages[i].state.seconds : 0;
        all_calls += r->stages[i].calls;
        all_in += r->stages[i].tokens_in;
        all_out += r->stages[i].tokens_out;
    }
    format_duration(seconds, took);
    format_count((int64_t)all_calls, calls);
    format_count((int64_t)all_in, in);
    format_count((int64_t)all_out, written);
    fprintf(out, "  %-10s %9s %9s %8s %8s %9s %9s\n", "total", "", "", took, calls, in, written);
}

void report_add_word(struct buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        buf_addz(out, word);
        return;
    }
    buf_add_char(out, '\'');
    for (; *word; word++)
        if (*word == '\'')
            buf_addz(out, "'\\''");
        else
            buf_add_char(out, *word);
    buf_add_char(out, '\'');
}

void report_add_command(struct buf *out, const char *verb, const char *files, const char *run)
{
    buf_printf(out, "clio %s%s --run ", verb, files ? files : " FILE...");
    report_add_word(out, run);
}

/* What one would type next. */
static void print_next(const struct report *r, FILE *out)
{
    if (r->published && r->stages_done == r->stages_count) {
        fprintf(out, "result: %s/published\n", r->path);
        fprintf(out, "next: clio tree %s, or clio serve %s for the page\n", r->path, r->path);
    } else {
        struct buf command = {0};
        report_add_command(&command, "run", r->stages[0].state.done ? "" : r->files, r->path);
        fprintf(out, "next: %s goes on where this stopped\n", command.at);
        buf_release(&command);
    }
}

void report_print(const struct report *r, FILE *out)
{
    fprintf(out, "%s: %lld conversations, %lld of them kept, %zu of %zu stages done\n", r->path, (long long)r->imported,
            (long long)r->kept, r->stages_done, r->stages_count);
    fprintf(out, "  %-10s %9s %9s %8s %8s %9s %9s\n", "stage", "done", "set aside", "time", "calls", "tokens in",
            "out");
    for (size_t i = 0; i < r->stages_count; i++)
        print_stage(&r->stages[i], out);
    print_total(r, out);
    if (r->quarantined) {
        fprintf(out, "set aside: %lld records (clio quarantine %s lists them)\n", (long long)r->quarantined, r->path);
        for (size_t i = 0; i < r->reasons_count; i++)
            fprintf(out, "  %6lld  " STR_FMT "\n", (long long)r->reasons[i].count, STR_ARG(r->reasons[i].reason));
    }
    print_next(r, out);
}

void report_add_reasons(const struct report *r, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < r->reasons_count; i++) {
        if (i)
            buf_add_char(out, ',');
        json_add_string(out, r->reasons[i].reason);
        buf_printf(out, ":%lld", (long long)r->reasons[i].count);
    }
    buf_add_char(out, '}');
}

static void add_stage_json(const struct report_stage *s, struct buf *out)
{
    buf_printf(out, "{\"stage\":\"%s\",\"done\":%s,\"total\":%lld,\"ok\":%lld,\"quarantined\":%lld,\"seconds\":%.3f",
               s->name, s->state.done ? "true" : "false", (long long)s->state.total, (long long)s->state.ok,
               (long long)s->state.quarantined, s->state.seconds);
    buf_printf(out, ",\"calls\":%llu,\"tokens_in\":%llu,\"tokens_cached\":%llu,\"tokens_out\":%llu,\"note\":",
               (unsigned long long)s->calls, (unsigned long long)s->tokens_in, (unsigned long long)s->tokens_cached,
               (unsigned long long)s->tokens_out);
    json_add_string(out, s->state.note);
    buf_add_char(out, '}');
}

void report_add_json(const struct report *r, struct buf *out)
{
    buf_addz(out, "{\"version\":1,\"run\":");
    json_add_string(out, str_of(r->path));
    buf_printf(out,
               ",\"complete\":%s,\"published\":%s,\"imported\":%lld,\"kept\":%lld,\"quarantined\":%lld,\"reasons\":",
               r->stages_done == r->stages_count && r->quarantined == r->quarantined_import ? "true" : "false",
               r->published ? "true" : "false", (long long)r->imported, (long long)r->kept, (long long)r->quarantined);
    report_add_reasons(r, out);
    buf_addz(out, ",\"stages\":[");
    for (size_t i = 0; i < r->stages_count; i++) {
        if (i)
            buf_add_char(out, ',');
        add_stage_json(&r->stages[i], out);
    }
    buf_addz(out, "]}");
}
