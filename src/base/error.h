/*
 * error.h: how a function says that it failed.
 *
 * Three kinds of trouble are kept apart. A bug asserts. Running out of memory ends the program in one place
 * (base/mem.h). Everything else (a bad file, a missing model, a full disk) is an `enum err` returned to the caller,
 * with the story in a `struct error`; only main() turns it into an exit status.
 *
 * Rules: ERR_OK is 0. The happy path runs straight down. An error's text never quotes conversation text: ids, line
 * numbers, byte offsets and file names only.                                                       Layer: base.
 */
#ifndef CLIO_BASE_ERROR_H
#define CLIO_BASE_ERROR_H

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

enum err {
    ERR_OK = 0,
    ERR_FAILED,      /* something went wrong that fits nowhere below */
    ERR_USAGE,       /* the command line is wrong */
    ERR_CONFIG,      /* the configuration file is wrong */
    ERR_PARTIAL,     /* finished, but records or stages are missing */
    ERR_BUDGET,      /* a limit on money or tokens was reached */
    ERR_AUTH,        /* a provider refused the key, or the quota is used up */
    ERR_INPUT,       /* an input file is unreadable or holds nothing usable */
    ERR_PRIVACY,     /* a privacy check failed, so nothing was released */
    ERR_IO,          /* reading or writing failed: disk full, permission, missing file */
    ERR_MODEL,       /* a model is missing, or answered in a way that cannot be used */
    ERR_RANGE,       /* an argument is outside what the function accepts */
    ERR_NUMERIC,     /* NaN or infinity where numbers were expected */
    ERR_INTERRUPTED, /* the user asked to stop */
    ERR_COUNT
};

/* Zeroed is a valid empty error. */
struct error {
    enum err code;
    char text[480]; /* one sentence: what, where, why */
    char hint[320]; /* what to do about it, or "" */
};

/* Fills `e` (NULL allowed) and returns `code`, so that `return error_set(...)` is the whole failure path. */
enum err error_set(struct error *e, enum err code, const char *fmt, ...) PRINTF(3, 4);

/* Adds the remedy to an error already set; returns its code. Formats like printf. */
enum err error_hint(struct error *e, const char *fmt, ...) PRINTF(2, 3);

/* As error_set, with ": " and strerror(errno) behind. */
enum err error_errno(struct error *e, enum err code, const char *fmt, ...) PRINTF(3, 4);

/* Short stable name ("io", "config", ...) and the exit status of a code; both from one table. */
const char *error_name(enum err code);
int error_exit_status(enum err code);

#endif
