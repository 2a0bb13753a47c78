#include "cmd/progress.h"

#include "base/clock.h"
#include "base/suggest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double REDRAW_S = 0.25, LOG_S = 30, ETA_S = 1, SMOOTH_S = 12;

enum { LINE_MAX_COLUMNS = 240, BAR_COLUMNS = 20 };

static const char *const mode_names[] = {
    [PROGRESS_NONE] = "none",
    [PROGRESS_BAR] = "bar",
    [PROGRESS_LINE] = "line",
    [PROGRESS_JSON] = "json",
};
static const char *const kind_names[] = {
    [EVENT_RUN_START] = "run_start",   [EVENT_STAGE_START] = "stage_start", [EVENT_PROGRESS] = "progress",
    [EVENT_STAGE_DONE] = "stage_done", [EVENT_STAGE_KEPT] = "stage_kept",   [EVENT_STAGE_FAILED] = "stage_failed",
    [EVENT_RUN_DONE] = "run_done",     [EVENT_RUN_FAILED] = "run_failed",   [EVENT_RUN_STOPPED] = "run_stopped",
};

static bool is_terminal(FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
}

static enum err mode_of(const char *word, enum progress_mode *mode, struct error *e)
{
    for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
        if (strcmp(word, mode_names[i]) == 0) {
            *mode = (enum progress_mode)i;
            return ERR_OK;
        }
    }
    return error_set(e, ERR_USAGE, "--progress is bar, line, json or none, not \"%.40s\"", word);
}

enum err progress_init(struct progress *p, FILE *out, const char *word, bool quiet, struct error *e)
{
    const char *no_color = getenv("NO_COLOR");
    bool terminal = is_terminal(out);
    *p = (struct progress){.out = out, .mode = quiet ? PROGRESS_NONE : terminal ? PROGRESS_BAR : PROGRESS_LINE};
    p->color = terminal && !(no_color && *no_color);
    return word ? mode_of(word, &p->mode, e) : ERR_OK;
}

void format_duration(double seconds, char out[FORMAT_BYTES])
{
    double left = seconds > 0 ? seconds : 0;
    if (left < 9.95) {
        snprintf(out, FORMAT_BYTES, "%.1fs", left);
        return;
    }
    long long s = left < 359999 ? (long long)(left + 0.5) : 359999; /* 99:59:59 */
    if (s >= 3600)
        snprintf(out, FORMAT_BYTES, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, FORMAT_BYTES, "%lld:%02lld", s / 60, s % 60);
}

void format_count(int64_t n, char out[FORMAT_BYTES])
{
    if (n < 10000)
        snprintf(out, FORMAT_BYTES, "%lld", (long long)n);
    else if (n < 1000000)
        snprintf(out, FORMAT_BYTES, "%.1fk", (double)n / 1e3);
    else
        snprintf(out, FORMAT_BYTES, "%.1fM", (double)n / 1e6);
}

void format_money(double amount, char out[FORMAT_BYTES])
{
    if (amount < 0)
        snprintf(out, FORMAT_BYTES, "unknown");
    else
        snprintf(out, FORMAT_BYTES, amount <= 0 ? "%.0f" : amount < 1 ? "%.4f" : "%.2f", amount);
}

void format_bytes(double bytes, char out[FORMAT_BYTES])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t u = 0;
    for (; bytes >= 1000 && u + 1 < sizeof units / sizeof *units; u++)
        bytes /= 1000;
    snprintf(out, FORMAT_BYTES, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

/* Asked at every redraw, so a resized window is followed without a signal handler. */
static size_t columns(const struct progress *p)
{
    struct winsize size = {0};
    if (p->mode != PROGRESS_BAR)
        return LINE_MAX_COLUMNS;
    if (ioctl(fileno(p->out), TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 80;
    return size.ws_col < LINE_MAX_COLUMNS ? size.ws_col : LINE_MAX_COLUMNS;
}

/*
 * The recent speed: the mean at first, then one that forgets what lies more than SMOOTH_S back. What comes before the
 * first record is left out: that is often a model being loaded.
 */
static void measure(struct progress *p, const struct event *ev, double now)
{
    double dt = now - p->measured;
    if (ev->done <= p->measured_done)
        return;
    if (p->measured_done == 0) {
        p->first = p->measured = now;
        p->measured_done = ev->done;
        return;
    }
    if (dt < REDRAW_S)
        return;
    double fresh = (double)(ev->done - p->measured_done) / dt;
    p->rate += fmax(dt / (dt + SMOOTH_S), dt / (now - p->first)) * (fresh - p->rate);
    p->measured = now;
    p->measured_done = ev->done;
    if (ev->eta_s >= 0 && now - p->eta_at >= ETA_S) { /* a number that jumps four times a second can't be read */
        p->eta_s = (double)(ev->total - ev->done) / p->rate;
        p->eta_at = now;
    }
}

/* Counts down between two estimates, in whole seconds, because it is a guess. */
static void add_time_left(const struct progress *p, struct buf *b)
{
    char text[FORMAT_BYTES];
    double left = fmax(1, p->eta_s - (clock_seconds() - p->eta_at));
    if (left < 60) {
        buf_printf(b, "  %.0fs left", left);
        return;
    }
    format_duration(left, text);
    buf_printf(b, "  %s left", text);
}

static void add_bar(struct buf *b, const struct event *ev)
{
    size_t full = ev->total > 0 ? (size_t)(BAR_COLUMNS * (ev->done < ev->total ? ev->done : ev->total) / ev->total) : 0;
    buf_add_char(b, '[');
    for (size_t i = 0; i < BAR_COLUMNS; i++)
        buf_add_char(b, i < full ? '#' : '.');
    buf_addz(b, "] ");
}

/* "  3 batches: 1200 of 50000 answered there, next look in 0:45" */
static void add_awaited(const struct event *ev, struct buf *b)
{
    char text[FORMAT_BYTES];
    format_duration(ev->next_look_s, text);
    buf_printf(b, "  %lld %s: %lld of %lld answered there, next look in %s", (long long)ev->batches,
               ev->batches == 1 ? "batch" : "batches", (long long)ev->batched_done, (long long)ev->batched, text);
}

/* "  facets      [####................] 52/120  1.3/s  0:52 left  84.1k tokens  2 set aside" */
static void add_line(const struct progress *p, const struct event *ev, bool running, struct buf *b)
{
    char text[FORMAT_BYTES];
    buf_printf(b, "  %-10s ", ev->stage);
    if (running && p->mode == PROGRESS_BAR)
        add_bar(b, ev);
    if ((running || ev->kind == EVENT_STAGE_FAILED) && ev->total > 0)
        buf_printf(b, "%lld/%lld", (long long)ev->done, (long long)ev->total);
    else
        buf_printf(b, "%lld", (long long)(running ? ev->done : ev->total));
    if (running && p->rate > 0) {
        buf_printf(b, p->rate >= 10 ? "  %.0f/s" : "  %.2f/s", p->rate);
        if (ev->total > ev->done && p->eta_at > 0)
            add_time_left(p, b);
    }
    if (!running && ev->kind != EVENT_STAGE_KEPT) {
        format_duration(clock_seconds() - p->started, text);
        buf_printf(b, "  in %s", text);
    }
    if (ev->tokens_in + ev->tokens_out > 0) {
        format_count(ev->tokens_in + ev->tokens_out, text);
        buf_printf(b, "  %s tokens", text);
    }
    if (ev->quarantined > 0)
        buf_printf(b, "  %lld set aside", (long long)ev->quarantined);
    if (running && ev->batches > 0)
        add_awaited(ev, b);
}

static void put_line(struct progress *p, const struct event *ev, bool running, const char *tail)
{
    struct buf b = {.max = 4096};
    add_line(p, ev, running, &b);
    buf_addz(&b, tail);
    size_t width = columns(p) - 1; /* the last column makes some terminals wrap */
    size_t n = b.n < width ? b.n : width;
    bool done = ev->kind == EVENT_STAGE_DONE, failed = ev->kind == EVENT_STAGE_FAILED;
    if (p->mode == PROGRESS_BAR)
        fputs("\r\033[K", p->out);
    if (p->color && (done || failed))
        fputs(failed ? "\033[31m" : "\033[32m", p->out);
    fwrite(b.at, 1, n, p->out);
    if (p->color && (done || failed))
        fputs("\033[0m", p->out);
    p->open = p->mode == PROGRESS_BAR && running;
    if (!p->open)
        fputc('\n', p->out);
    fflush(p->out);
    buf_release(&b);
}

static void put_json(struct progress *p, const struct event *ev)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"done", ev->done},   {"total", ev->total},         {"quarantined", ev->quarantined},
        {"calls", ev->calls}, {"tokens_in", ev->tokens_in}, {"tokens_out", ev->tokens_out},
    };
    fprintf(p->out, "{\"t\":%lld,\"kind\":\"%s\"", (long long)clock_unix_ms(), kind_names[ev->kind]);
    if (ev->stage) {
        fprintf(p->out, ",\"stage\":\"%s\"", ev->stage);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (numbers[i].value >= 0)
                fprintf(p->out, ",\"%s\":%lld", numbers[i].name, (long long)numbers[i].value);
        if (ev->rate >= 0)
            fprintf(p->out, ",\"rate\":%.3f", ev->rate);
        if (ev->eta_s >= 0)
            fprintf(p->out, ",\"eta_s\":%.1f", ev->eta_s);
        if (ev->batches > 0)
            fprintf(p->out, ",\"batches\":%lld,\"batched\":%lld,\"batched_done\":%lld,\"next_look_s\":%.1f",
                    (long long)ev->batches, (long long)ev->batched, (long long)ev->batched_done, ev->next_look_s);
    }
    fputs("}\n", p->out);
    fflush(p->out);
}

static void start_stage(struct progress *p, const struct event *ev, double now)
{
    p->stage = ev->stage;
    p->started = p->measured = now;
    p->drawn = 0;
    p->measured_done = 0;
    p->rate = p->eta_s = p->eta_at = p->first = 0;
    if (p->mode == PROGRESS_LINE) {
        fprintf(p->out, "  %-10s started\n", ev->stage);
        fflush(p->out);
        p->drawn = now;
    }
}

void progress_event(void *progress, const struct event *ev)
{
    struct progress *p = progress;
    double now = clock_seconds();
    if (p->mode == PROGRESS_JSON)
        put_json(p, ev);
    if (p->mode == PROGRESS_JSON || p->mode == PROGRESS_NONE || !ev->stage)
        return;
    switch (ev->kind) {
    case EVENT_STAGE_START:
        start_stage(p, ev, now);
        break;
    case EVENT_PROGRESS:
        measure(p, ev, now);
        if (now - p->drawn >= (p->mode == PROGRESS_BAR ? REDRAW_S : LOG_S)) {
            put_line(p, ev, true, "");
            p->drawn = now;
        }
        break;
    case EVENT_STAGE_DONE:
        put_line(p, ev, false, "");
        break;
    case EVENT_STAGE_KEPT:
        put_line(p, ev, false, "  done earlier");
        break;
    case EVENT_STAGE_FAILED:
        put_line(p, ev, false, "  not finished");
        break;
    case EVENT_RUN_START:
    case EVENT_RUN_DONE:
    case EVENT_RUN_FAILED:
    case EVENT_RUN_STOPPED:
        break;
    }
}

void progress_close(struct progress *p)
{
    if (p->open)
        fputc('\n', p->out);
    p->open = false;
}
