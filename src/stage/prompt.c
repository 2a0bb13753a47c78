#include "stage/prompt.h"

#include "base/asset.h"
#include "base/file.h"

#include <assert.h>
#include <string.h>

enum { PROMPT_MAX = 64 * 1024, DEPTH_MAX = 8 };

static const struct prompt_var *find(const struct prompt_var *vars, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqz(name, vars[i].name))
            return &vars[i];
    return NULL;
}

static struct str without_comments(struct str text, struct arena *a)
{
    struct buf out = {0};
    while (text.n) {
        struct str line = str_cut(&text, '\n');
        if (str_has_prefix(line, STR("##")))
            continue;
        buf_add(&out, line);
        buf_add_char(&out, '\n');
    }
    struct str kept = str_dup(a, str_trim(buf_str(&out)));
    buf_release(&out);
    return kept;
}

/* The sections that are open at one place of a template, and whether the text there is kept. */
struct sections {
    struct str open[DEPTH_MAX];
    size_t depth;
    size_t hidden_at; /* depth of the outermost section left out, SIZE_MAX when none is */
};

static enum err open_section(struct sections *s, const char *name, const struct prompt_var *var, struct str tag,
                             struct error *e)
{
    if (s->depth == DEPTH_MAX)
        return error_set(e, ERR_CONFIG, "prompt %s: sections are nested too deeply", name);
    if (var->value.n == 0 && s->hidden_at == SIZE_MAX)
        s->hidden_at = s->depth;
    s->open[s->depth++] = tag;
    return ERR_OK;
}

static enum err close_section(struct sections *s, const char *name, struct str tag, struct error *e)
{
    if (s->depth == 0 || !str_eq(s->open[s->depth - 1], tag))
        return error_set(e, ERR_CONFIG, "prompt %s: {{/" STR_FMT "}} closes nothing", name, STR_ARG(tag));
    s->depth--;
    if (s->hidden_at == s->depth)
        s->hidden_at = SIZE_MAX;
    return ERR_OK;
}

static enum err expand_tag(struct sections *s, const char *name, struct str tag, const struct prompt_var *vars,
                           size_t n, struct buf *out, struct error *e)
{
    char kind = tag.n ? tag.at[0] : ' ';
    if (kind == '#' || kind == '/')
        tag.at++, tag.n--;
    const struct prompt_var *var = find(vars, n, tag);
    if (!var)
        return error_set(e, ERR_CONFIG, "prompt %s: unknown name {{" STR_FMT "}}", name, STR_ARG(tag));
    if (kind == '#')
        return open_section(s, name, var, tag, e);
    if (kind == '/')
        return close_section(s, name, tag, e);
    if (s->hidden_at == SIZE_MAX)
        buf_add(out, var->value);
    return ERR_OK;
}

enum err prompt_expand(const char *name, struct str text, const struct prompt_var *vars, size_t n, struct buf *out,
                       struct error *e)
{
    struct sections s = {.hidden_at = SIZE_MAX};
    while (text.n) {
        size_t start = str_find(text, STR("{{"));
        if (start == SIZE_MAX)
            start = text.n;
        if (s.hidden_at == SIZE_MAX)
            buf_add(out, (struct str){text.at, start});
        text.at += start;
        text.n -= start;
        if (text.n == 0)
            break;
        size_t end = str_find(text, STR("}}"));
        if (end == SIZE_MAX)
            return error_set(e, ERR_CONFIG, "prompt %s: {{ without }}", name);
        struct str tag = {text.at + 2, end - 2};
        text.at += end + 2;
        text.n -= end + 2;
        enum err result = expand_tag(&s, name, tag, vars, n, out, e);
        if (result != ERR_OK)
            return result;
    }
    if (s.depth)
        return error_set(e, ERR_CONFIG, "prompt %s: {{#" STR_FMT "}} is never closed", name,
                         STR_ARG(s.open[s.depth - 1]));
    return ERR_OK;
}

static enum err load(const char *folder, const char *file, struct arena *a, struct str *out, struct error *e)
{
    if (folder) {
        struct str path = str_printf(a, "%s/%s", folder, file);
        if (file_exists(path.at)) {
            struct buf b = {0};
            enum err result = file_read(path.at, PROMPT_MAX, &b, e);
            *out = str_dup(a, buf_str(&b));
            buf_release(&b);
            return result;
        }
    }
    *out = asset_find(str_printf(a, "prompts/%s", file));
    return out->at ? ERR_OK : error_set(e, ERR_CONFIG, "there is no prompt %s", file);
}

enum err prompt_render(const char *folder, const char *file, const struct prompt_var *vars, size_t n, struct arena *a,
                       struct str *out, struct error *e)
{
    struct str text;
    enum err result = load(folder, file, a, &text, e);
    if (result != ERR_OK)
        return result;
    struct buf expanded = {0};
    result = prompt_expand(file, without_comments(text, a), vars, n, &expanded, e);
    *out = str_dup(a, buf_str(&expanded));
    buf_release(&expanded);
    return result;
}

enum err prompt_hash(const char *folder, const char *prefixes, struct hasher *h, struct error *e)
{
    struct arena a = {0};
    enum err result = ERR_OK;
    for (struct str rest = str_of(prefixes); rest.n && result == ERR_OK;) {
        struct str prefix = str_cut(&rest, ','), wanted = str_printf(&a, "prompts/" STR_FMT, STR_ARG(prefix));
        const char *path;
        size_t found = 0;
        for (size_t i = 0; result == ERR_OK && (path = asset_path(i)); i++) {
            struct str text;
            if (!str_has_prefix(str_of(path), wanted))
                continue;
            found++;
            result = load(folder, path + strlen("prompts/"), &a, &text, e);
            hash_add(h, str_of(path));
            if (result == ERR_OK)
                hash_add(h, without_comments(text, &a));
        }
        assert((found || result != ERR_OK) && "a stage names a prompt that does not exist");
    }
    arena_release(&a);
    return result;
}
