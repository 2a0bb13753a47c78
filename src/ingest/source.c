#include "ingest/source.h"

#include <string.h>

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (strcmp(path, "-") == 0)
        return "standard input";
    return slash ? slash + 1 : path;
}

struct str source_name(const struct input_file *inputs, size_t i, struct arena *a)
{
    const char *name = last_part(inputs[i].path);
    size_t same = 1;
    for (size_t j = 0; j < i; j++)
        same += strcmp(last_part(inputs[j].path), name) == 0;
    return same == 1 ? str_dup(a, str_of(name)) : str_printf(a, "%s#%zu", name, same);
}
