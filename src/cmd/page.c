#include "cmd/page.h"

#include "pipeline/pipeline.h"

enum err page_start(const struct args *args, const char *path, struct server **out, struct error *e)
{
    uint64_t port;
    struct buf stages = {0};
    *out = NULL;
    enum err result = args_count(args, "port", 0, &port, e);
    if (result == ERR_OK && port > UINT16_MAX)
        result = error_set(e, ERR_USAGE, "--port is a number up to %d", UINT16_MAX);
    if (result != ERR_OK)
        return result;
    pipeline_titles(&stages);
    result = server_start(path, &(struct server_opts){.port = (uint16_t)port, .stages = stages.at}, out, e);
    buf_release(&stages);
    return result;
}
