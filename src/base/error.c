#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_status;
} table[ERR_COUNT] = {
    [ERR_OK] = {"ok", 0},           [ERR_FAILED] = {"failed", 1},
    [ERR_USAGE] = {"usage", 2},     [ERR_CONFIG] = {"config", 3},
    [ERR_PARTIAL] = {"partial", 4}, [ERR_BUDGET] = {"budget", 5},
    [ERR_AUTH] = {"auth", 6},       [ERR_INPUT] = {"input", 7},
    [ERR_PRIVACY] = {"privacy", 8}, [ERR_IO] = {"io", 1},
    [ERR_MODEL] = {"model", 1},     [ERR_RANGE] = {"range", 1},
    [ERR_NUMERIC] = {"numeric", 1}, [ERR_INTERRUPTED] = {"interrupted", 130},
};

static void fill(struct error *e, enum err code, const char *fmt, va_list args) PRINTF(3, 0);

static void fill(struct error *e, enum err code, const char *fmt, va_list args)
{
    e->code = code;
    e->hint[0] = '\0';
    vsnprintf(e->text, sizeof e->text, fmt, args);
}

enum err error_set(struct error *e, enum err code, const char *fmt, ...)
{
    if (e) {
        va_list args;
        va_start(args, fmt);
        fill(e, code, fmt, args);
        va_end(args);
    }
    return code;
}

enum err error_errno(struct error *e, enum err code, const char *fmt, ...)
{
    int cause = errno;
    if (e) {
        va_list args;
        va_start(args, fmt);
        fill(e, code, fmt, args);
        va_end(args);
        size_t used = strlen(e->text);
        snprintf(e->text + used, sizeof e->text - used, ": %s", strerror(cause));
        if (cause == ENOSPC || cause == EDQUOT)
            error_hint(e, "the disk is full: free some space and run the same command again, it resumes");
    }
    return code;
}

enum err error_hint(struct error *e, const char *fmt, ...)
{
    if (!e)
        return ERR_FAILED;
    va_list args;
    va_start(args, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, args);
    va_end(args);
    return e->code;
}

const char *error_name(enum err code)
{
    return code < ERR_COUNT ? table[code].name : "unknown";
}

int error_exit_status(enum err code)
{
    return code < ERR_COUNT ? table[code].exit_status : 1;
}
