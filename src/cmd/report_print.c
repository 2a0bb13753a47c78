#include "base/clock.h"
#include "cmd/progress.h"
#include "cmd/report.h"

#include <string.h>

static void print_row(const struct report_stage *s, const char *done, const char *aside, FILE *out)
{
    char took[FORMAT_BYTES], calls[FORMAT_BYTES] = "", in[FORMAT_BYTES] = "", written[FORMAT_BYTES] = "",
                             cost[FORMAT_BYTES] = "";
    format_duration(s->state.seconds, took);
    if (s->spent.calls) {
        format_count((int64_t)s->spent.calls, calls);
        format_count((int64_t)s->spent.tokens_in, in);
        format_count((int64_t)s->spent.tokens_out, written);
        format_money(s->cost, cost);
    }
    fprintf(out, "  %-10s %9s %9s %8s %8s %9s %9s %8s%s" STR_FMT "\n", s->name, done, aside, took, calls, in, written,
            cost, s->state.note.n ? "  " : "", STR_ARG(s->state.note));
}

static void print_stage(const struct report_stage *s, FILE *out)
{
    char done[FORMAT_BYTES], aside[FORMAT_BYTES];
    if (!s->state.done && s->spent.calls == 0) {
        fprintf(out, "  %-10s not done\n", s->name);
        return;
    }
    snprintf(done, sizeof done, "%lld", (long long)s->state.ok);
    snprintf(aside, sizeof aside, "%lld", (long long)s->state.quarantined);
    print_row(s, s->state.done ? done : "not done", s->state.done ? aside : "", out);
}

/* "84.1k of 90.0k": what it was, of what was expected. */
static void print_against(const char *is, const char *expected, FILE *out)
{
    char text[2 * FORMAT_BYTES + 8];
    snprintf(text, sizeof text, "%s of %s", is, expected);
    fprintf(out, " %20s", text);
}

static void print_comparison(const struct report_stage *s, const struct range of[MEASURES], FILE *out)
{
    char is[FORMAT_BYTES], expected[FORMAT_BYTES];
    fprintf(out, "  %-10s", s->name);
    format_count((int64_t)(s->spent.tokens_in + s->spent.tokens_out), is);
    format_count((int64_t)(of[MEASURE_IN].at[CASE_EXPECTED] + of[MEASURE_OUT].at[CASE_EXPECTED]), expected);
    print_against(is, expected, out);
    format_money(s->cost, is);
    format_money(of[MEASURE_COST].at[CASE_EXPECTED], expected);
    print_against(is, expected, out);
    format_duration(s->state.seconds, is);
    format_duration(of[MEASURE_SECONDS].at[CASE_EXPECTED], expected);
    print_against(is, of[MEASURE_SECONDS].at[CASE_EXPECTED] < 0 ? "unknown" : expected, out);
    fputc('\n', out);
}

/* Only stages that are done: half a stage says nothing about an estimate. */
static void print_estimate(const struct report *r, FILE *out)
{
    size_t compared = 0;
    for (size_t i = 0; r->estimated && i < r->stages_count; i++) {
        const struct range *of = r->estimate.of[i];
        if (!r->stages[i].state.done || of[MEASURE_CALLS].at[CASE_EXPECTED] <= 0)
            continue;
        if (compared++ == 0)
            fprintf(out, "against the estimate, what it took of what was expected\n  %-10s %20s %20s %20s\n", "stage",
                    "tokens", r->currency, "time");
        print_comparison(&r->stages[i], of, out);
    }
    if (compared && r->stages_done == r->stages_count) {
        struct report_stage total = report_total(r);
        print_comparison(&total, r->estimate.total, out);
    }
}

/* What did not go as it should: nothing of it is silent. */
static void print_trouble(const struct report *r, FILE *out)
{
    struct spent all = report_total(r).spent;
    const struct {
        uint64_t n;
        const char *what;
    } kinds[] = {{all.again, "questions asked again, because the answer could not be used"},
                 {all.cut, "answers cut at a length limit"},
                 {all.refused, "questions the model declined"},
                 {all.too_long, "questions that do not fit the model's context"},
                 {all.failed, "questions without an answer"},
                 {(uint64_t)(r->imported - r->kept), "conversations dropped by the screener"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].n)
            fprintf(out, "  %6llu  %s\n", (unsigned long long)kinds[i].n, kinds[i].what);
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

/* "on their way: 2 batches with 80 questions", and "  batch_7  facets  40 questions  sent 0:52 ago" for each. */
static void print_batches(const struct report *r, FILE *out)
{
    enum { SHOWN = 20 };
    if (r->batches_count == 0)
        return;
    fprintf(out, "on their way: %zu %s with %lld questions\n", r->batches_count,
            r->batches_count == 1 ? "batch" : "batches", (long long)report_batched(r));
    for (size_t i = 0; i < r->batches_count && i < SHOWN; i++) {
        const struct report_batch *b = &r->batches[i];
        struct str id = b->id.n ? b->id : STR("(not known to have arrived)");
        char age[FORMAT_BYTES];
        format_duration((double)(clock_unix_ms() / 1000 - b->sent_at), age);
        fprintf(out, "  " STR_FMT "  " STR_FMT "  %lld questions  sent %s ago\n", STR_ARG(id), STR_ARG(b->stage),
                (long long)b->questions, age);
    }
    if (r->batches_count > SHOWN)
        fprintf(out, "  and %zu more\n", r->batches_count - SHOWN);
}

void report_print(const struct report *r, FILE *out)
{
    fprintf(out, "%s: %lld conversations, %lld of them kept, %zu of %zu stages done\n", r->path, (long long)r->imported,
            (long long)r->kept, r->stages_done, r->stages_count);
    fprintf(out, "  %-10s %9s %9s %8s %8s %9s %9s %8s\n", "stage", "done", "set aside", "time", "calls", "tokens in",
            "out", r->currency);
    for (size_t i = 0; i < r->stages_count; i++)
        print_stage(&r->stages[i], out);
    struct report_stage total = report_total(r);
    print_row(&total, "", "", out);
    print_estimate(r, out);
    print_trouble(r, out);
    print_batches(r, out);
    if (r->quarantined) {
        fprintf(out, "set aside: %lld records (clio quarantine %s lists them)\n", (long long)r->quarantined, r->path);
        for (size_t i = 0; i < r->reasons_count; i++)
            fprintf(out, "  %6lld  " STR_FMT "\n", (long long)r->reasons[i].count, STR_ARG(r->reasons[i].reason));
    }
    print_next(r, out);
}
