#include "serve/tail.h"

#include "base/json.h"
#include "store/events.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tail_init(struct tail *t, const char *path)
{
    *t = (struct tail){.fd = -1, .stages = 1};
    t->path = mem_new(strlen(path) + 1, 1);
    strcpy(t->path, path);
    t->line.max = TAIL_LINE_MAX;
}

static void forget(struct tail *t)
{
    for (size_t i = 0; i < TAIL_STAGES_MAX; i++)
        buf_clear(&t->latest[i]);
    t->stages = 1;
}

void tail_release(struct tail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    for (size_t i = 0; i < TAIL_STAGES_MAX; i++)
        buf_release(&t->latest[i]);
    buf_release(&t->line);
    free(t->path);
    *t = (struct tail){.fd = -1};
}

/* Opens the file when it appears, and again when another one took its place. */
static bool ready(struct tail *t)
{
    struct stat now;
    if (t->fd >= 0 && lstat(t->path, &now) == 0 && (now.st_ino != t->inode || now.st_size < t->offset)) {
        close(t->fd);
        t->fd = -1;
        buf_clear(&t->line);
    }
    if (t->fd < 0) {
        t->fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        t->offset = 0;
        if (t->fd >= 0 && (fstat(t->fd, &now) != 0 || !S_ISREG(now.st_mode))) {
            close(t->fd);
            t->fd = -1;
        }
        if (t->fd >= 0)
            t->inode = now.st_ino;
    }
    return t->fd >= 0;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || s.at[i] == '_' || s.at[i] == '-'))
            return false;
    return s.n > 0 && s.n < 32;
}

/* The members that may be shown, and no others. */
static void add_event(struct buf *b, yyjson_val *event)
{
    const char *between = "{";
    for (size_t i = 0; event_fields[i]; i++) {
        yyjson_val *v = yyjson_obj_get(event, event_fields[i]);
        if (yyjson_is_int(v))
            buf_printf(b, "%s\"%s\":%lld", between, event_fields[i], (long long)yyjson_get_sint(v));
        else if (yyjson_is_real(v) && isfinite(yyjson_get_real(v)))
            buf_printf(b, "%s\"%s\":%.6g", between, event_fields[i], yyjson_get_real(v));
        else if (is_name(json_str(v)))
            buf_printf(b, "%s\"%s\":\"" STR_FMT "\"", between, event_fields[i], STR_ARG(json_str(v)));
        else
            continue;
        between = ",";
    }
    buf_addz(b, between[0] == '{' ? "{}" : "}");
}

/* Where a stage's latest event is kept; the run's own events have no stage and stand first. */
static struct buf *slot_of(struct tail *t, struct str stage)
{
    if (!is_name(stage))
        return &t->latest[0];
    for (size_t i = 1; i < t->stages; i++)
        if (str_eqz(stage, t->names[i]))
            return &t->latest[i];
    if (t->stages == TAIL_STAGES_MAX)
        return NULL;
    memcpy(t->names[t->stages], stage.at, stage.n);
    t->names[t->stages][stage.n] = '\0';
    return &t->latest[t->stages++];
}

static void take_line(struct tail *t, struct buf *out)
{
    yyjson_doc *doc = NULL;
    struct error ignored = {0};
    if (json_parse(buf_str(&t->line), false, &doc, &ignored) != ERR_OK)
        return; /* a torn line after a crash: the next ones are whole again */
    yyjson_val *event = yyjson_doc_get_root(doc);
    if (str_eqz(json_get_str(event, "kind"), "run_start"))
        forget(t);
    struct buf *slot = slot_of(t, json_get_str(event, "stage"));
    if (slot) {
        buf_clear(slot);
        add_event(slot, event);
        if (t->live) {
            buf_addz(out, "event: event\ndata: ");
            buf_add(out, buf_str(slot));
            buf_addz(out, "\n\n");
        }
    }
    yyjson_doc_free(doc);
}

static void take_bytes(struct tail *t, struct str bytes, struct buf *out)
{
    while (bytes.n) {
        const char *end = memchr(bytes.at, '\n', bytes.n);
        size_t n = end ? (size_t)(end - bytes.at) : bytes.n;
        buf_add(&t->line, (struct str){bytes.at, n});
        t->skipping |= t->line.cut;
        if (end) {
            if (!t->skipping && t->line.n)
                take_line(t, out);
            buf_clear(&t->line);
            t->skipping = false;
        }
        bytes.at += n + (end != NULL);
        bytes.n -= n + (end != NULL);
    }
}

void tail_read(struct tail *t, struct buf *out)
{
    char chunk[16384];
    ssize_t n = 0;
    while (ready(t) && (n = pread(t->fd, chunk, sizeof chunk, t->offset)) > 0) {
        t->offset += n;
        take_bytes(t, (struct str){chunk, (size_t)n}, out);
    }
    if (t->live)
        return;
    const char *between = "";
    buf_addz(out, "event: state\ndata: [");
    for (size_t i = 0; i < t->stages; i++)
        if (t->latest[i].n) {
            buf_addz(out, between);
            buf_add(out, buf_str(&t->latest[i]));
            between = ",";
        }
    buf_addz(out, "]\n\n");
    t->live = true;
}
