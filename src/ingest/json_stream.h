/*
 * json_stream.h: a file of JSON records, one record at a time, in bounded memory. Knows where a record begins and ends,
 * not what it means; the parser judges what is inside.                                      Layer: ingest, uses base.
 *
 * Two framings. JSON_LINES: a record is a line. JSON_VALUES: records are values that follow each other, and a top-level
 * array is opened, so that its elements are the records; concatenated arrays and pretty-printed values work as well.
 *
 * Bad bytes never end the reading. A record that cannot be handed out whole comes with a problem instead of text. After
 * a broken record in JSON_VALUES the reader looks for the next place that looks like the beginnings of records before
 * it (the separator, the indentation and the first key), so that one missing quote costs one record, not the rest.
 */
#ifndef CLIO_INGEST_JSON_STREAM_H
#define CLIO_INGEST_JSON_STREAM_H

#include "base/str.h"

enum { JSON_DEPTH_LIMIT = 512, JSON_MARK_MAX = 128 };

enum json_framing { JSON_LINES, JSON_VALUES };

enum json_problem {
    JSON_WHOLE,    /* none: the text is there */
    JSON_TOO_LONG, /* longer than record_max: skipped without being held in memory */
    JSON_TOO_DEEP, /* more than depth_max levels */
    JSON_BROKEN,   /* brackets or quotes do not match */
    JSON_CUT_OFF,  /* the file ends inside the record */
    JSON_UNCLOSED, /* the file ends between records, before the array is closed */
};

struct json_limits {
    size_t record_max; /* bytes; 0 means 64 MiB */
    size_t depth_max;  /* levels, at most JSON_DEPTH_LIMIT; 0 means that */
};

struct json_record {
    enum json_problem problem;
    char *text;        /* may be changed in place until the next call; four zero bytes follow */
    size_t n;          /* 0 when there is a problem */
    int64_t number;    /* line (JSON_LINES) or element (JSON_VALUES), from 1 */
    uint64_t offset;   /* of its first byte in the file */
    bool unterminated; /* the last line, without its newline: an error at its end means cut off */
};

/* The scanner's place inside one value. */
struct json_scan {
    size_t depth;
    uint64_t kinds[JSON_DEPTH_LIMIT / 64]; /* one bit a level: set inside an object */
    bool in_string, escaped, deep;
};

struct json_stream {
    int fd;
    const char *path;
    enum json_framing framing;
    size_t record_max, depth_max;
    char *at; /* the buffer: bytes head..n are not consumed yet */
    size_t head, n, cap;
    bool eof, started, wrapped, array, closed, distrust, finished;
    uint64_t base; /* offset of at[0] in the file */
    int64_t number;
    struct json_scan scan;
    uint64_t rewound; /* bytes scanned a second time, to bound the work on hostile files */
    char saved[4];
    size_t saved_at; /* SIZE_MAX: nothing borrowed by padding */
    char mark[JSON_MARK_MAX];
    size_t mark_n; /* what records begin with; 0: not known */
    char gap[JSON_MARK_MAX];
    size_t gap_n; /* the separator before the coming record; SIZE_MAX: not usable */
};

/* Errors: ERR_INPUT the file cannot be opened or is a folder. "-" is standard input, read from where it stands. */
MUST_USE enum err json_stream_open(struct json_stream *s, const char *path, const struct json_limits *limits,
                                   struct error *e);
void json_stream_close(struct json_stream *s);

/* The first bytes (without a byte order mark), at least `want` of them unless the file is shorter; nothing is consumed.
 */
MUST_USE enum err json_stream_peek(struct json_stream *s, size_t want, struct str *view, bool *whole, struct error *e);

/* Must come before the first json_stream_next. skip > 0 (JSON_VALUES): an array that starts that far into the peeked
 * bytes holds the records; what comes behind it is ignored. */
void json_stream_frame(struct json_stream *s, enum json_framing framing, size_t skip);

/* *more is false behind the last record. Errors: ERR_IO reading failed. Cost: about 1 GB/s and more. */
MUST_USE enum err json_stream_next(struct json_stream *s, struct json_record *out, bool *more, struct error *e);

uint64_t json_stream_offset(const struct json_stream *s); /* how far it has read: for progress */

#endif
