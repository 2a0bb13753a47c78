#include "store/events.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512, STAGE_NAME_MAX = 32 };

const char *const event_fields[] = {"t",       "kind",         "stage",       "done",      "total",      "rate",
                                    "eta_s",   "quarantined",  "calls",       "tokens_in", "tokens_out", "batches",
                                    "batched", "batched_done", "next_look_s", NULL};

static const char *const kinds[] = {
    [EVENT_RUN_START] = "run_start",   [EVENT_STAGE_START] = "stage_start", [EVENT_PROGRESS] = "progress",
    [EVENT_STAGE_DONE] = "stage_done", [EVENT_STAGE_KEPT] = "stage_kept",   [EVENT_STAGE_FAILED] = "stage_failed",
    [EVENT_RUN_DONE] = "run_done",     [EVENT_RUN_FAILED] = "run_failed",   [EVENT_RUN_STOPPED] = "run_stopped",
};

struct events {
    int fd;
    bool torn; /* the last line has no end: a write was cut short */
};

/* A run that was killed may leave half a line; the next one starts on its own. */
static bool ends_torn(int fd)
{
    struct stat st;
    char last;
    return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

enum err events_open(const char *path, struct events **out, struct error *e)
{
    *out = NULL;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(e, ERR_IO, "cannot open %s", path);
    struct events *ev = mem_zero(1, sizeof *ev);
    ev->fd = fd;
    ev->torn = ends_torn(fd);
    *out = ev;
    return ERR_OK;
}

void events_close(struct events *ev)
{
    if (!ev)
        return;
    close(ev->fd);
    free(ev);
}

static void add_count(struct buf *b, const char *field, int64_t v)
{
    if (v >= 0)
        buf_printf(b, ",\"%s\":%lld", field, (long long)v);
}

static void add_real(struct buf *b, const char *field, double v)
{
    if (isfinite(v) && v >= 0)
        buf_printf(b, ",\"%s\":%.3f", field, v);
}

/* Stage names are short and plain. Whatever else arrives here by mistake is left out, not written. */
static bool is_stage_name(const char *z)
{
    size_t n = z ? strspn(z, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;
    return n > 0 && n <= STAGE_NAME_MAX && z[n] == '\0';
}

void events_put(struct events *ev, const struct event *event)
{
    if (!ev || (size_t)event->kind >= sizeof kinds / sizeof *kinds)
        return;
    struct buf b = {.max = LINE_MAX_BYTES};
    buf_printf(&b, "%s{\"t\":%lld,\"kind\":\"%s\"", ev->torn ? "\n" : "", (long long)clock_unix_ms(),
               kinds[event->kind]);
    if (is_stage_name(event->stage))
        buf_printf(&b, ",\"stage\":\"%s\"", event->stage);
    add_count(&b, "done", event->done);
    add_count(&b, "total", event->total);
    add_real(&b, "rate", event->rate);
    add_real(&b, "eta_s", event->eta_s);
    add_count(&b, "quarantined", event->quarantined);
    add_count(&b, "calls", event->calls);
    add_count(&b, "tokens_in", event->tokens_in);
    add_count(&b, "tokens_out", event->tokens_out);
    if (event->batches > 0) {
        add_count(&b, "batches", event->batches);
        add_count(&b, "batched", event->batched);
        add_count(&b, "batched_done", event->batched_done);
        add_real(&b, "next_look_s", event->next_look_s);
    }
    buf_addz(&b, "}\n");
    /* One write a line: readers that follow the file see whole lines. */
    ssize_t n;
    do
        n = b.cut ? 0 : write(ev->fd, b.at, b.n);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        ev->torn = (size_t)n != b.n;
    buf_release(&b);
}
