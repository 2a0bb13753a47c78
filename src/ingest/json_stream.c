#include "ingest/json_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, PADDING = 4, RECORD_MAX = 64 << 20 };

enum err json_stream_open(struct json_stream *s, const char *path, const struct json_limits *limits, struct error *e)
{
    *s = (struct json_stream){.fd = -1, .path = path, .saved_at = SIZE_MAX, .closed = true};
    s->record_max = limits && limits->record_max ? limits->record_max : RECORD_MAX;
    s->depth_max =
        limits && limits->depth_max && limits->depth_max < JSON_DEPTH_LIMIT ? limits->depth_max : JSON_DEPTH_LIMIT;
    bool standard = strcmp(path, "-") == 0;
    struct stat st;
    s->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return error_errno(e, ERR_INPUT, "cannot open %s", path);
    if (S_ISDIR(st.st_mode)) {
        json_stream_close(s);
        return error_set(e, ERR_INPUT, "%s is a folder; name the files in it", path);
    }
    return ERR_OK;
}

void json_stream_close(struct json_stream *s)
{
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    free(s->at);
    *s = (struct json_stream){.fd = -1};
}

uint64_t json_stream_offset(const struct json_stream *s)
{
    return s->base + s->head;
}

/* ---- the buffer ------------------------------------------------------------------------------------------------- */

/* Reads more behind the unconsumed bytes, which may move to the front. Sets eof when there is nothing more. */
static enum err fill(struct json_stream *s, struct error *e)
{
    if (s->eof)
        return ERR_OK;
    if (s->head && s->cap - s->n < CHUNK + PADDING) {
        memmove(s->at, s->at + s->head, s->n - s->head);
        s->base += s->head;
        s->n -= s->head;
        s->head = 0;
    }
    if (s->cap - s->n < CHUNK + PADDING) {
        size_t most = s->record_max + 2 * CHUNK + PADDING; /* no record needs more: longer ones are dropped */
        size_t want = s->cap < 4 * CHUNK ? 4 * CHUNK : s->cap * 2;
        s->cap = want < most || most < s->n + CHUNK + PADDING ? want : most;
        s->at = mem_grow(s->at, s->cap, 1);
    }
    for (;;) {
        ssize_t got = read(s->fd, s->at + s->n, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(e, ERR_IO, "cannot read %s", s->path);
        s->n += (size_t)got;
        s->eof = got == 0;
        return ERR_OK;
    }
}

static void give_back_padding(struct json_stream *s)
{
    if (s->saved_at != SIZE_MAX)
        memcpy(s->at + s->saved_at, s->saved, PADDING);
    s->saved_at = SIZE_MAX;
}

/* The parser works in place and wants four zero bytes behind the text; the bytes there are lent until the next call. */
static void hand_out(struct json_stream *s, struct json_record *out, size_t from, size_t end)
{
    out->text = s->at + from;
    out->n = end - from;
    memcpy(s->saved, s->at + end, PADDING);
    s->saved_at = end;
    memset(s->at + end, 0, PADDING);
}

enum err json_stream_peek(struct json_stream *s, size_t want, struct str *view, bool *whole, struct error *e)
{
    while (!s->eof && s->n < want) {
        enum err err = fill(s, e);
        if (err)
            return err;
    }
    if (!s->started && s->n >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
        s->head = 3;
    s->started = true;
    *view = (struct str){s->at ? s->at + s->head : "", s->n - s->head};
    *whole = s->eof;
    return ERR_OK;
}

void json_stream_frame(struct json_stream *s, enum json_framing framing, size_t skip)
{
    s->framing = framing;
    s->head += skip;
    s->wrapped = skip > 0;
    s->gap_n = SIZE_MAX;
}

/* ---- JSON_LINES ------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* '[' and '{' differ in one bit. The plain count is cheap; only a text with many brackets is walked properly. */
static bool too_deep(const char *p, size_t n, size_t max)
{
    size_t opened = 0, depth = 0;
    for (size_t i = 0; i < n; i++)
        opened += (p[i] | 0x20) == '{';
    if (opened <= max)
        return false;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max)
                return true;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return false;
}

/* Consumes up to and with the next newline, holding nothing. */
static enum err drop_line(struct json_stream *s, struct error *e)
{
    for (;;) {
        char *nl = memchr(s->at + s->head, '\n', s->n - s->head);
        if (nl) {
            s->head = (size_t)(nl + 1 - s->at);
            return ERR_OK;
        }
        s->head = s->n;
        if (s->eof)
            return ERR_OK;
        enum err err = fill(s, e);
        if (err)
            return err;
    }
}

/* Finds the end of the line at head. *end is where its newline is, or where the data ends. */
static enum err find_line(struct json_stream *s, size_t *end, bool *newline, bool *too_long, struct error *e)
{
    size_t seen = 0;
    for (;;) {
        size_t left = s->n - s->head - seen;
        char *nl = left ? memchr(s->at + s->head + seen, '\n', left) : NULL;
        *newline = nl != NULL;
        *end = nl ? (size_t)(nl - s->at) : s->n;
        *too_long = *end - s->head > s->record_max;
        if (nl || *too_long || s->eof)
            return ERR_OK;
        seen = s->n - s->head;
        enum err err = fill(s, e);
        if (err)
            return err;
    }
}

static enum err next_line(struct json_stream *s, struct json_record *out, bool *more, struct error *e)
{
    for (;;) {
        size_t end;
        bool newline, too_long;
        enum err err = find_line(s, &end, &newline, &too_long, e);
        if (err)
            return err;
        *more = newline || end > s->head;
        if (!*more)
            return ERR_OK;
        *out = (struct json_record){.number = ++s->number, .offset = s->base + s->head};
        if (too_long) {
            out->problem = JSON_TOO_LONG;
            return drop_line(s, e);
        }
        size_t from = s->head;
        s->head = end + newline;
        while (from < end && is_blank(s->at[end - 1]))
            end--;
        while (from < end && is_blank(s->at[from]))
            from++;
        if (from == end)
            continue;
        out->unterminated = !newline;
        if (too_deep(s->at + from, end - from, s->depth_max))
            out->problem = JSON_TOO_DEEP;
        else
            hand_out(s, out, from, end);
        return ERR_OK;
    }
}

/* ---- JSON_VALUES: the scanner ----------------------------------------------------------------------------------- */

enum step { STEP_MORE, STEP_END, STEP_BROKEN };

/* Moves *p behind the string's closing quote, or to the end. A raw newline is an error JSON's grammar lets us see
 * early. */
static enum step scan_string(struct json_scan *k, const char **p, const char *end, bool newlines)
{
    const char *from = *p;
    while (from < end) {
        if (k->escaped) {
            k->escaped = false;
            from++;
            continue;
        }
        const char *quote = memchr(from, '"', (size_t)(end - from));
        const char *stop = quote ? quote : end;
        if (!newlines && memchr(from, '\n', (size_t)(stop - from))) {
            *p = memchr(from, '\n', (size_t)(stop - from));
            return STEP_BROKEN;
        }
        const char *back = stop;
        while (back > from && back[-1] == '\\')
            back--;
        bool odd = (stop - back) & 1;
        from = quote ? quote + 1 : end;
        if (!quote) {
            k->escaped = odd;
        } else if (!odd) {
            k->in_string = false;
            break;
        }
    }
    *p = from;
    return STEP_MORE;
}

static void scan_open(struct json_stream *s, struct json_scan *k, char c)
{
    if (k->depth >= s->depth_max)
        k->deep = true;
    if (k->depth < JSON_DEPTH_LIMIT) {
        uint64_t bit = 1ull << (k->depth % 64);
        uint64_t *word = &k->kinds[k->depth / 64];
        *word = c == '{' ? *word | bit : *word & ~bit;
    }
    k->depth++;
}

/* False: the closing bracket does not match the one that was opened. Below the limit nothing is remembered. */
static bool scan_close(struct json_scan *k, char c)
{
    if (k->depth == 0)
        return false;
    k->depth--;
    if (k->depth >= JSON_DEPTH_LIMIT)
        return true;
    return (k->kinds[k->depth / 64] >> (k->depth % 64) & 1) == (c == '}');
}

/* In a file known to be broken: does the next record seem to begin here, in the middle of this one? */
static bool at_mark(const struct json_stream *s, const char *p, const char *end)
{
    return s->distrust && s->mark_n && (size_t)(end - p) >= s->mark_n && memcmp(p, s->mark, s->mark_n) == 0;
}

/* Scans one object, array or string from *p on. STEP_END: *p is behind it. STEP_BROKEN: *p is where that was seen. */
static enum step scan_value(struct json_stream *s, const char **p, const char *end)
{
    struct json_scan *k = &s->scan;
    while (*p < end) {
        if (k->in_string) {
            if (scan_string(k, p, end, s->mark_n == 0) == STEP_BROKEN)
                return STEP_BROKEN;
            if (!k->in_string && k->depth == 0)
                return STEP_END;
            continue;
        }
        char c = **p;
        if (at_mark(s, *p, end) && !(c == '}' && k->depth == 1))
            return STEP_BROKEN;
        (*p)++;
        if (c == '"') {
            k->in_string = true;
        } else if (c == '{' || c == '[') {
            scan_open(s, k, c);
        } else if (c == '}' || c == ']') {
            if (!scan_close(k, c))
                return STEP_BROKEN;
            if (k->depth == 0)
                return STEP_END;
        }
    }
    return STEP_MORE;
}

/* ---- JSON_VALUES: between records ------------------------------------------------------------------------------- */

static void gap_add(struct json_stream *s, char c)
{
    if (c == '\n')
        s->gap_n = 0; /* a line of its own is the best mark there is */
    if (s->gap_n < sizeof s->gap)
        s->gap[s->gap_n++] = c;
    else
        s->gap_n = SIZE_MAX;
}

/* Consumes white space, commas and the brackets of top-level arrays. *more false: nothing follows. */
static enum err skip_gap(struct json_stream *s, bool *more, struct error *e)
{
    for (;;) {
        for (; s->head < s->n; s->head++) {
            char c = s->at[s->head];
            if (c == '[' && s->closed && !s->finished) {
                s->closed = false;
                s->array = true;
            } else if (c == ']' && !s->closed) {
                s->closed = true;
                s->finished = s->wrapped;
            } else if (!is_blank(c) && c != ',' && !s->finished) {
                *more = true;
                return ERR_OK;
            }
            gap_add(s, c);
        }
        if (s->eof)
            break;
        enum err err = fill(s, e);
        if (err)
            return err;
    }
    *more = false;
    return ERR_OK;
}

/* What the beginnings of records look like: separator, bracket, first key. Learnt from the first that shows it. */
static void learn_mark(struct json_stream *s)
{
    if (s->mark_n || s->gap_n == SIZE_MAX || s->gap_n == 0 || (s->gap[0] != '\n' && s->gap[0] != '}') ||
        s->at[s->head] != '{')
        return;
    const char *from = s->at + s->head, *end = s->at + s->n, *p = from + 1;
    while (p < end && is_blank(*p))
        p++;
    if (p == end || *p != '"')
        return;
    const char *close = memchr(p + 1, '"', (size_t)(end - p - 1));
    size_t n = close ? (size_t)(close + 1 - from) : 0;
    if (!close || s->gap_n + n > sizeof s->mark)
        return;
    memcpy(s->mark, s->gap, s->gap_n);
    memcpy(s->mark + s->gap_n, from, n);
    s->mark_n = s->gap_n + n;
}

/* Drops bytes from `from` (an index into the buffer) up to a mark, or to the end of the file. */
static enum err find_mark(struct json_stream *s, size_t from, struct error *e)
{
    s->head = from;
    for (;;) {
        char *hit = s->mark_n ? memmem(s->at + s->head, s->n - s->head, s->mark, s->mark_n) : NULL;
        if (hit) {
            s->head = (size_t)(hit - s->at) + 1;
            s->closed = !s->array;
            s->gap_n = SIZE_MAX;
            return ERR_OK;
        }
        size_t keep = s->mark_n ? s->mark_n - 1 : 0;
        if (s->eof || s->n - s->head > keep)
            s->head = s->eof ? s->n : s->n - keep;
        if (s->eof) {
            s->closed = true; /* the broken record is the report; none more for the missing bracket */
            return ERR_OK;
        }
        enum err err = fill(s, e);
        if (err)
            return err;
    }
}

/* ---- JSON_VALUES: records --------------------------------------------------------------------------------------- */

/*
 * The record from head to `seen` (an index) is broken: go on at the next mark, looking first at what was swallowed.
 * Hostile files could make that quadratic, so only as many bytes are looked at twice as were read, and some more.
 */
static enum err recover(struct json_stream *s, size_t seen, struct error *e)
{
    uint64_t again = seen - s->head;
    s->distrust = true;
    if (s->rewound + again > s->base + s->n + RECORD_MAX)
        return find_mark(s, seen, e);
    s->rewound += again;
    return find_mark(s, s->head + 1, e);
}

/* The rest of a record that is too long, held nowhere. It may turn out to be broken as well. */
static enum err drop_value(struct json_stream *s, size_t seen, struct error *e)
{
    s->head = seen;
    for (;;) {
        const char *p = s->at + s->head;
        enum step step = scan_value(s, &p, s->at + s->n);
        s->head = (size_t)(p - s->at);
        if (step == STEP_BROKEN)
            return find_mark(s, s->head, e);
        if (step == STEP_END || s->eof) {
            s->closed = s->closed || step != STEP_END;
            return ERR_OK;
        }
        enum err err = fill(s, e);
        if (err)
            return err;
    }
}

/* A missing bracket makes a record swallow the ones behind it: those are worth more than the name of the trouble. */
static enum err too_long(struct json_stream *s, size_t seen, struct json_record *out, struct error *e)
{
    bool swallowed = s->mark_n && memmem(s->at + s->head, seen - s->head, s->mark, s->mark_n);
    out->problem = swallowed ? JSON_BROKEN : JSON_TOO_LONG;
    return swallowed ? recover(s, seen, e) : drop_value(s, seen, e);
}

/* Something between records that begins no value: up to the next separator, and handed out for the parser to refuse. */
static enum err next_scrap(struct json_stream *s, struct json_record *out, struct error *e)
{
    size_t n = 0;
    for (;;) {
        while (s->head + n < s->n) {
            char c = s->at[s->head + n];
            if (n && (is_blank(c) || c == ',' || c == '[' || c == '{' || c == ']' || c == '"'))
                break;
            n++;
        }
        if (s->head + n < s->n || s->eof || n > s->record_max)
            break;
        enum err err = fill(s, e);
        if (err)
            return err;
    }
    if (n > s->record_max)
        out->problem = JSON_TOO_LONG;
    else
        hand_out(s, out, s->head, s->head + n);
    s->head += n;
    return ERR_OK;
}

/* An object, array or string at head. */
static enum err next_nested(struct json_stream *s, struct json_record *out, struct error *e)
{
    s->scan = (struct json_scan){0};
    for (size_t seen = 0;;) {
        const char *p = s->at + s->head + seen;
        enum step step = scan_value(s, &p, s->at + s->n);
        seen = (size_t)(p - s->at) - s->head;
        if (seen > s->record_max && step == STEP_MORE)
            return too_long(s, s->head + seen, out, e);
        if (step == STEP_BROKEN || (step == STEP_MORE && s->eof)) {
            out->problem = step == STEP_MORE ? JSON_CUT_OFF : s->scan.deep ? JSON_TOO_DEEP : JSON_BROKEN;
            return recover(s, s->head + seen, e);
        }
        if (step == STEP_END) {
            out->problem = seen > s->record_max ? JSON_TOO_LONG : s->scan.deep ? JSON_TOO_DEEP : JSON_WHOLE;
            if (!out->problem)
                hand_out(s, out, s->head, s->head + seen);
            s->gap[0] = s->at[s->head + seen - 1];
            s->gap_n = 1;
            s->head += seen;
            return ERR_OK;
        }
        enum err err = fill(s, e);
        if (err)
            return err;
    }
}

static enum err next_value(struct json_stream *s, struct json_record *out, bool *more, struct error *e)
{
    enum err err = skip_gap(s, more, e);
    if (err)
        return err;
    while (*more && s->n - s->head < JSON_MARK_MAX && !s->eof)
        if ((err = fill(s, e)))
            return err;
    *out = (struct json_record){.number = s->number + 1, .offset = s->base + s->head};
    if (!*more) {
        *more = !s->closed;
        out->problem = JSON_UNCLOSED;
        s->closed = true;
        s->number += *more;
        return ERR_OK;
    }
    s->number++;
    learn_mark(s);
    char c = s->at[s->head];
    return c == '{' || c == '[' || c == '"' ? next_nested(s, out, e) : next_scrap(s, out, e);
}

enum err json_stream_next(struct json_stream *s, struct json_record *out, bool *more, struct error *e)
{
    if (!s->started) {
        struct str view;
        bool whole;
        enum err err = json_stream_peek(s, 3, &view, &whole, e);
        if (err)
            return err;
    }
    give_back_padding(s);
    return s->framing == JSON_LINES ? next_line(s, out, more, e) : next_value(s, out, more, e);
}
