#include "hierarchy/tier.h"

#include "num/dist.h"

struct str tier_text(const struct node *n, struct arena *a)
{
    return str_printf(a, STR_FMT ". " STR_FMT, STR_ARG(n->name), STR_ARG(n->description));
}

enum err tier_embed(struct growth *g, const struct str *texts, size_t n, struct mat *out, struct error *e)
{
    struct model *m;
    enum err result = stage_model(g->c, ROLE_EMBED, &m, e);
    if (result != ERR_OK)
        return result;
    *out = (struct mat){arena_new(g->arena, n * m->info.width, sizeof(float)), n, m->info.width};
    struct usage ignored = {0};
    return m->ops->embed(m->ctx, texts, n, *out, &ignored, e);
}

size_t tier_nearest(struct mat vectors, const float *to, const unsigned char *skip, size_t max, uint32_t *out)
{
    struct arena a = {0};
    float *similarity = arena_new(&a, max + 1, sizeof *similarity);
    size_t n = 0;
    for (size_t i = 0; i < vectors.n; i++) {
        if (skip && skip[i])
            continue;
        float s = dist_dot(mat_row(vectors, i), to, vectors.d);
        if (n == max && (max == 0 || s <= similarity[n - 1]))
            continue;
        size_t at = n < max ? n++ : n - 1;
        for (; at > 0 && similarity[at - 1] < s; at--) {
            similarity[at] = similarity[at - 1];
            out[at] = out[at - 1];
        }
        similarity[at] = s;
        out[at] = (uint32_t)i;
    }
    arena_release(&a);
    return n;
}
