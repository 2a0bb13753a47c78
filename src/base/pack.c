#include "base/pack.h"

void pack_add(struct buf *b, struct str text)
{
    buf_printf(b, "%zu:", text.n);
    buf_add(b, text);
}

bool pack_take(struct str *rest, struct str *text)
{
    int64_t n;
    struct str length = str_cut(rest, ':');
    if (!str_to_i64(length, &n) || n < 0 || (uint64_t)n > rest->n)
        return false;
    *text = (struct str){rest->at, (size_t)n};
    rest->at += n;
    rest->n -= (size_t)n;
    return true;
}
