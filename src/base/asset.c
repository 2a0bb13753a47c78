#include "base/asset.h"

/* Written by cmake/Embed.cmake; ends with a row of zeros. */
extern const struct asset_row {
    const char *path;
    const char *at;
    size_t n;
} asset_table[];

struct str asset_find(struct str path)
{
    for (const struct asset_row *row = asset_table; row->path; row++)
        if (str_eqz(path, row->path))
            return (struct str){row->at, row->n};
    return (struct str){0};
}

const char *asset_path(size_t i)
{
    return asset_table[i].path;
}
