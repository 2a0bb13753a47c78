#include "base/json.h"
#include "cmd/command.h"

#include <curl/curl.h>
#include <microhttpd.h>
#include <sodium.h>
#include <sqlite3.h>
#include <utf8proc.h>

static const struct option_row options[] = {
    {"json", 'j', OPTION_FLAG, NULL, "one JSON object with build facts"},
    {0},
};

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifdef __OPTIMIZE__
#define OPTIMIZED "true"
#else
#define OPTIMIZED "false"
#endif

static void add_member(struct buf *b, const char *key, const char *value)
{
    if (b->n && b->at[b->n - 1] != '{')
        buf_add_char(b, ',');
    json_add_string(b, str_of(key));
    buf_add_char(b, ':');
    json_add_string(b, str_of(value));
}

static void print_json(void)
{
    struct buf b = {0};
    uint32_t yyjson = yyjson_version();
    char yyjson_text[24];
    snprintf(yyjson_text, sizeof yyjson_text, "%u.%u.%u", yyjson >> 16, (yyjson >> 8) & 255, yyjson & 255);
    buf_add_char(&b, '{');
    add_member(&b, "name", "clio");
    add_member(&b, "version", CLIO_VERSION);
    add_member(&b, "compiler", COMPILER);
    buf_addz(&b, ",\"optimized\":" OPTIMIZED ",\"libraries\":{");
    add_member(&b, "curl", curl_version_info(CURLVERSION_NOW)->version);
    add_member(&b, "libmicrohttpd", MHD_get_version());
    add_member(&b, "libsodium", sodium_version_string());
    add_member(&b, "sqlite", sqlite3_libversion());
    add_member(&b, "utf8proc", utf8proc_version());
    add_member(&b, "yyjson", yyjson_text);
    buf_addz(&b, "}}");
    puts(b.at);
    buf_release(&b);
}

static enum err run(const struct args *args, struct error *e)
{
    enum err result = args_rest(args, 0, 0, "", e);
    if (result != ERR_OK)
        return result;
    if (args_flag(args, "json"))
        print_json();
    else
        puts("clio " CLIO_VERSION);
    return ERR_OK;
}

const struct command command_version = {
    .name = "version",
    .summary = "Say which version this is",
    .usage = "[--json]",
    .examples = "clio version\nclio --version --json",
    .options = options,
    .run = run,
};
