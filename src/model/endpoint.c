#include "model/endpoint.h"

#include "base/file.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_BYTES_MAX = 4096, HEADERS_MAX = 8 };
enum { IN_FLIGHT = 256, IN_BATCHES = 50000, BATCH_CALLS = 2 /* at once, about batches */ };

static const struct {
    const char *name;
    size_t at; /* of an int64_t, or of a char * where max is 0 */
    int64_t min, max;
    const char *fallback, *help;
} options[] = {
    {"context", offsetof(struct endpoint, context), 512, 1 << 24, "4096", "the model's window, in tokens"},
    {"in_flight", offsetof(struct endpoint, in_flight), 1, 1 << 20, "256",
     "requests at once, at most; how many it is at a time is found out. After a kill no more calls than that are paid "
     "twice. With batch=1: in all batches together (50000)"},
    {"batch", offsetof(struct endpoint, batch), 0, 1, "0",
     "1: through the provider's batch API, at half the price, within an hour as a rule and a day for certain"},
    {"batch_requests", offsetof(struct endpoint, batch_requests), 1, 1 << 20, "the provider's limit",
     "requests in a batch, at most"},
    {"batch_mb", offsetof(struct endpoint, batch_mb), 1, 1 << 10, "100", "millions of bytes in a batch, at most"},
    {"rpm", offsetof(struct endpoint, rpm), 0, 1 << 30, "no limit", "requests a minute, at most"},
    {"tpm", offsetof(struct endpoint, tpm), 0, 1LL << 40, "no limit", "tokens a minute, at most"},
    {"timeout", offsetof(struct endpoint, timeout_s), 1, 86400, "600", "seconds for one exchange"},
    {"backoff", offsetof(struct endpoint, backoff_ms), 1, 60 * 1000, "500",
     "milliseconds before the first of at most six repetitions; Retry-After is kept to in any case"},
    {"embed", offsetof(struct endpoint, embed), 0, 1, "0", "1: an embedding model (openai: only)"},
    {"key_file", offsetof(struct endpoint, key_file), 0, 0, "none",
     "a file with the key, which only its owner may read; else the key comes from the environment"},
    {"ca_file", offsetof(struct endpoint, ca_file), 0, 0, "the system's",
     "certificates to trust, for a server of one's own"},
    {"proxy", offsetof(struct endpoint, proxy), 0, 0, "none",
     "the only way to a proxy: those of the environment are ignored"},
};

const char *endpoint_option_help(size_t i, const char **name, const char **fallback)
{
    if (i >= sizeof options / sizeof *options)
        return NULL;
    *name = options[i].name;
    *fallback = options[i].fallback;
    return options[i].help;
}

static char *copy(struct str s)
{
    char *z = mem_zero(s.n + 1, 1);
    if (s.n)
        memcpy(z, s.at, s.n);
    return z;
}

static enum err set_format(const struct endpoint_kind *kind, struct endpoint *p, struct str value, struct error *e)
{
    struct buf names = {0};
    for (size_t i = 0; kind->formats[i]; i++) {
        if (str_eqz(value, kind->formats[i])) {
            p->format = i;
            buf_release(&names);
            return ERR_OK;
        }
        buf_printf(&names, "%s%s", i ? ", " : "", kind->formats[i]);
    }
    error_set(e, ERR_CONFIG, "%s: does not know the format " STR_FMT, kind->scheme, STR_ARG(value));
    error_hint(e, "formats are %s", names.at);
    buf_release(&names);
    return ERR_CONFIG;
}

static enum err set_option(const struct endpoint_kind *kind, struct endpoint *p, struct str name, struct str value,
                           struct error *e)
{
    if (str_eqz(name, "format"))
        return set_format(kind, p, value, e);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        void *at = (char *)p + options[i].at;
        if (!str_eqz(name, options[i].name))
            continue;
        if (options[i].max == 0) {
            char **text = at;
            free(*text);
            *text = copy(value);
            return ERR_OK;
        }
        int64_t *number = at;
        if (str_to_i64(value, number) && *number >= options[i].min && *number <= options[i].max)
            return ERR_OK;
        return error_set(e, ERR_CONFIG, "%s: %s is a number from %" PRId64 " to %" PRId64, kind->scheme,
                         options[i].name, options[i].min, options[i].max);
    }
    error_set(e, ERR_CONFIG, "%s: does not know the option " STR_FMT, kind->scheme, STR_ARG(name));
    return error_hint(e, "options are format, context, in_flight, batch, batch_requests, batch_mb, rpm, tpm, timeout, "
                         "backoff, embed, key_file, ca_file and proxy");
}

static enum err read_spec(const struct endpoint_kind *kind, struct str rest, struct endpoint *p, struct error *e)
{
    struct str query = rest, spec = str_cut(&query, '?'), url = spec, model = str_cut(&url, '@');
    *p = (struct endpoint){.context = 4096, .backoff_ms = 500};
    if (model.n == 0 || url.n == 0) {
        error_set(e, ERR_CONFIG, "%s: takes MODEL@ADDRESS", kind->scheme);
        return error_hint(e, "for example %s:%s", kind->scheme, kind->example);
    }
    p->model = copy(model);
    p->address = copy(url);
    p->host = copy(http_host(url));
    while (query.n) {
        struct str value = str_cut(&query, '&'), name = str_cut(&value, '=');
        enum err result = set_option(kind, p, name, value, e);
        if (result != ERR_OK)
            return result;
    }
    if (p->batch && p->embed)
        return error_set(e, ERR_CONFIG, "%s: embedding models are not asked in batches", kind->scheme);
    p->in_flight = p->in_flight ? p->in_flight : p->batch ? IN_BATCHES : IN_FLIGHT;
    return ERR_OK;
}

/* ---- the key ---- */

static enum err key_from_file(const char *path, struct buf *key, struct error *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return error_errno(e, ERR_CONFIG, "the file with the key cannot be read: %s", path);
    if (st.st_mode & 077) {
        error_set(e, ERR_CONFIG, "others may read the file with the key: %s", path);
        return error_hint(e, "chmod 600 %s", path);
    }
    return file_read(path, KEY_BYTES_MAX, key, e);
}

/* Relative paths begin at the configuration. */
static const char *resolve(const char *path, const struct model_opts *opts, struct arena *a)
{
    if (!path || path[0] == '/' || !opts || opts->base_folder.n == 0)
        return path;
    return str_printf(a, STR_FMT "/%s", STR_ARG(opts->base_folder), path).at;
}

/* *header is empty when there is no key. */
static enum err key_header(const struct endpoint_kind *kind, struct endpoint *p, const struct model_opts *opts,
                           struct buf *header, struct error *e)
{
    struct buf key = {0};
    struct arena a = {0};
    enum err result = ERR_OK;
    if (p->key_file)
        result = key_from_file(resolve(p->key_file, opts, &a), &key, e);
    p->key_from = p->key_file;
    for (size_t i = 0; !p->key_file && kind->keys[i] && key.n == 0; i++) {
        buf_addz(&key, getenv(kind->keys[i]) ? getenv(kind->keys[i]) : "");
        p->key_from = key.n ? kind->keys[i] : NULL;
    }
    struct str text = str_trim(buf_str(&key));
    for (size_t i = 0; i < text.n && result == ERR_OK; i++)
        if (text.at[i] <= ' ' || text.at[i] == 127)
            result = error_set(e, ERR_CONFIG, "the key holds a character that no key holds (byte %zu)", i + 1);
    if (result == ERR_OK && text.n)
        buf_printf(header, "%s" STR_FMT, kind->key_header, STR_ARG(text));
    buf_release(&key);
    arena_release(&a);
    return result;
}

enum err endpoint_open(const struct endpoint_kind *kind, struct str rest, const struct model_opts *opts,
                       size_t body_max, struct endpoint *p, struct calls **calls, struct model_info *info,
                       struct error *e)
{
    struct buf header = {0};
    struct arena a = {0};
    char hint[100], hex[HASH_HEX];
    const char *headers[HEADERS_MAX + 2] = {0};
    size_t n = 0;
    enum err result = read_spec(kind, rest, p, e);
    if (result == ERR_OK)
        result = key_header(kind, p, opts, &header, e);
    for (; n < HEADERS_MAX && kind->headers && kind->headers[n]; n++)
        headers[n] = kind->headers[n];
    if (header.n)
        headers[n] = header.at;
    snprintf(hint, sizeof hint, "set %s in the environment, or key_file= in the model's options", kind->keys[0]);
    const struct calls_opts o = {.http = {.base_url = p->address,
                                          .headers = headers,
                                          .secret = header.n > 0,
                                          .proxy = p->proxy,
                                          .ca_file = resolve(p->ca_file, opts, &a),
                                          .timeout_ms = (long)p->timeout_s * 1000,
                                          .in_flight = p->batch ? (size_t)BATCH_CALLS : (size_t)p->in_flight,
                                          .body_max = body_max},
                                 .backoff_ms = p->backoff_ms,
                                 .requests_minute = (double)p->rpm,
                                 .tokens_minute = (double)p->tpm,
                                 .key_hint = hint};
    if (result == ERR_OK)
        result = calls_open(&o, calls, e);
    buf_release(&header);
    arena_release(&a);
    if (result != ERR_OK)
        return result;
    struct str spec = str_cut(&rest, '?');
    hash_hex(hash_of(spec), hex);
    snprintf(info->name, sizeof info->name, "%s:%s@%s", kind->scheme, p->model, p->host);
    snprintf(info->identity, sizeof info->identity, "%s %.16s %.40s", kind->scheme, hex, p->model);
    info->context_tokens = (uint64_t)p->context;
    info->in_flight = p->batch ? (size_t)p->in_flight : calls_slots(*calls);
    return ERR_OK;
}

void endpoint_release(struct endpoint *p)
{
    free(p->model);
    free(p->address);
    free(p->host);
    free(p->proxy);
    free(p->key_file);
    free(p->ca_file);
    *p = (struct endpoint){0};
}
