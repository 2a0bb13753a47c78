/*
 * Input files: framing, parsing, every format's reading of every record, and the rendering of what came out. The first
 * byte chooses limits small enough to be met; the rest is the file.
 */
#include "fuzz.h"

#include "base/text.h"
#include "ingest/importer.h"
#include "ingest/render.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One nameless file for the whole process, opened anew by its path for each input. */
static const char *file_with(struct str bytes)
{
    static char path[40];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    assert(fd >= 0 && ftruncate(fd, 0) == 0);
    assert(pwrite(fd, bytes.at, bytes.n, 0) == (ssize_t)bytes.n);
    return path;
}

static void check_draft(const struct draft *d, size_t budget)
{
    struct buf out = {0};
    assert(text_is_utf8(d->id) && text_is_utf8(d->account) && text_is_utf8(buf_str(&d->metadata)));
    for (size_t i = 0; i < d->turns_count; i++)
        assert(d->turns[i].role.n > 0 && text_is_utf8(d->turns[i].text));
    if (import_check_turns(d) == IMPORT_OK) {
        render_transcript(&(struct conversation){.turns = d->turns, .turns_count = d->turns_count}, budget, &out);
        assert(out.n > 0 && text_is_utf8(buf_str(&out)));
    }
    buf_release(&out);
}

static void try_formats(const struct json_record *record, struct draft *draft, size_t budget)
{
    yyjson_doc *doc;
    if (importer_parse(record, &doc) != IMPORT_OK)
        return;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const struct importer *known = importer_detect(root);
    assert(!known || known->detect(root));
    /* A file keeps its format, so a record may meet any of them, not only the one that knows it. */
    for (size_t i = 0; importers[i]; i++) {
        draft_clear(draft);
        enum import_reason reason = importers[i]->map(root, draft);
        assert(reason < IMPORT_REASONS && import_reason_text(reason));
        if (reason == IMPORT_OK)
            check_draft(draft, budget);
    }
    yyjson_doc_free(doc);
}

static void check_record(const struct json_record *record, const struct json_limits *limits, int64_t *last)
{
    assert(record->number > *last);
    *last = record->number;
    if (record->problem != JSON_WHOLE) {
        assert(record->n == 0 && import_reason_of(record->problem) != IMPORT_OK);
        return;
    }
    assert(record->n > 0 && record->n <= limits->record_max);
    assert(memcmp(record->text + record->n, (char[4]){0}, 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct json_limits limits = {.record_max = data[0] & 1 ? 256 : 65536, .depth_max = data[0] & 2 ? 8 : 64};
    size_t budget = data[0] & 4 ? 20 : 0, skip;
    struct json_stream s;
    struct error e = {0};
    struct draft draft = {0};
    struct str view;
    bool whole, more = true;
    enum err result = json_stream_open(&s, file_with(fuzz_view(data + 1, size - 1)), &limits, &e);
    assert(result == ERR_OK);
    result = json_stream_peek(&s, 4096, &view, &whole, &e);
    assert(result == ERR_OK);
    enum json_framing framing = importer_frame(view, whole, &skip);
    json_stream_frame(&s, framing, skip);
    for (int64_t last = 0; more;) {
        struct json_record record;
        result = json_stream_next(&s, &record, &more, &e);
        assert(result == ERR_OK && json_stream_offset(&s) <= size - 1);
        if (!more)
            break;
        check_record(&record, &limits, &last);
        if (record.problem == JSON_WHOLE)
            try_formats(&record, &draft, budget);
    }
    draft_release(&draft);
    json_stream_close(&s);
    return 0;
}
