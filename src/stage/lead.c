#include "stage/lead.h"

#include "base/text.h"

static const struct str SEPARATOR = STR_INIT(": ");

void lead_add(struct buf *out, struct str lead)
{
    lead = str_trim(lead);
    if (lead.n == 0)
        return;
    text_add_line(out, lead);
    buf_add(out, SEPARATOR);
}

struct str lead_of(struct str value, struct str *rest)
{
    size_t at = str_find(value, SEPARATOR);
    *rest = at == SIZE_MAX ? value : (struct str){value.at + at + SEPARATOR.n, value.n - at - SEPARATOR.n};
    return (struct str){value.at, at == SIZE_MAX ? 0 : at};
}
