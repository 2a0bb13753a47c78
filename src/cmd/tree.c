#include "base/json.h"
#include "base/text.h"
#include "cmd/command.h"
#include "store/bundle.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_PLAIN = 100, WIDTH_MAX = 140, WIDTH_MIN = 50, BAR_COLUMNS = 12, FIGURE_COLUMNS = 18, DEPTH_MAX = 32 };

static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder"},
    {"facet", 'f', OPTION_TEXT, "NAME", "the tree of this facet (default: the first one)"},
    {"depth", 'd', OPTION_TEXT, "N", "show N levels (default: all)"},
    {"json", 'j', OPTION_FLAG, NULL, "one JSON object"},
    {0},
};

/* What is known of one tree, read from published/ alone. */
struct tree {
    struct arena arena;
    struct str facet;
    struct bundle_node *nodes; /* depth first */
    size_t n;
    yyjson_doc *totals, *trees, *privacy, *audit;
    bool scripted;
};

static int by_position(const void *a, const void *b)
{
    const struct bundle_node *x = a, *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

static enum err meta(struct tree *t, struct db *d, const char *key, yyjson_doc **out, struct error *e)
{
    struct str json;
    enum err result = bundle_meta(d, key, &t->arena, &json, e);
    return result == ERR_OK ? json_parse(json.n ? json : STR("null"), false, out, e) : result;
}

static enum err choose_facet(struct tree *t, struct db *d, const char *wanted, struct error *e)
{
    struct str *names;
    size_t n;
    enum err result = bundle_facets(d, &t->arena, &names, &n, e);
    if (result != ERR_OK)
        return result;
    for (size_t i = 0; i < n; i++)
        if (!wanted || str_eqz(names[i], wanted)) {
            t->facet = names[i];
            return ERR_OK;
        }
    struct buf list = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s" STR_FMT, i ? ", " : "", STR_ARG(names[i]));
    error_set(e, ERR_USAGE, "there is no tree of \"%.60s\"", wanted ? wanted : "any facet");
    error_hint(e, "facets with a tree: %s", list.n ? list.at : "none");
    buf_release(&list);
    return ERR_USAGE;
}

static enum err load(struct tree *t, struct db *d, const char *facet, struct error *e)
{
    struct str scripted;
    enum err result = choose_facet(t, d, facet, e);
    if (result == ERR_OK)
        result = bundle_nodes(d, t->facet, &t->arena, &t->nodes, &t->n, e);
    if (result == ERR_OK)
        result = meta(t, d, "totals", &t->totals, e);
    if (result == ERR_OK)
        result = meta(t, d, "trees", &t->trees, e);
    if (result == ERR_OK)
        result = meta(t, d, "privacy", &t->privacy, e);
    if (result == ERR_OK)
        result = meta(t, d, "audit", &t->audit, e);
    if (result == ERR_OK)
        result = bundle_meta(d, "scripted", &t->arena, &scripted, e);
    if (result != ERR_OK)
        return result;
    t->scripted = str_eqz(scripted, "true");
    if (t->n)
        qsort(t->nodes, t->n, sizeof *t->nodes, by_position);
    return ERR_OK;
}

static void release(struct tree *t)
{
    yyjson_doc_free(t->totals);
    yyjson_doc_free(t->trees);
    yyjson_doc_free(t->privacy);
    yyjson_doc_free(t->audit);
    arena_release(&t->arena);
}

static int64_t number(yyjson_doc *doc, const char *pointer)
{
    return yyjson_get_sint(yyjson_doc_ptr_get(doc, pointer));
}

static yyjson_val *of_tree(const struct tree *t)
{
    return yyjson_obj_getn(yyjson_doc_get_root(t->trees), t->facet.at, t->facet.n);
}

/* ---- JSON ---- */

static void print_json(const struct tree *t)
{
    struct buf b = {0};
    int64_t kept = number(t->totals, "/kept");
    buf_addz(&b, "{\"facet\":");
    json_add_string(&b, t->facet);
    buf_printf(&b, ",\"conversations\":%lld,\"public\":%s,\"scripted\":%s,\"audit\":", (long long)kept,
               yyjson_get_bool(yyjson_doc_ptr_get(t->privacy, "/public")) ? "true" : "false",
               t->scripted ? "true" : "false");
    json_add_string(&b, json_str(yyjson_doc_ptr_get(t->audit, "/label")));
    buf_addz(&b, ",\"nodes\":[");
    for (size_t i = 0; i < t->n; i++) {
        const struct bundle_node *n = &t->nodes[i];
        buf_printf(&b, "%s{\"id\":%lld,\"parent\":%lld,\"level\":%d,\"name\":", i ? "," : "", (long long)n->id,
                   (long long)n->parent, n->level);
        json_add_string(&b, n->name);
        buf_addz(&b, ",\"description\":");
        json_add_string(&b, n->description);
        buf_printf(&b, ",\"conversations\":%lld,\"accounts\":%lld,\"share\":%.6g,\"rating\":%d}",
                   (long long)n->conversations, (long long)n->accounts,
                   kept ? (double)n->conversations / (double)kept : 0, n->rating);
    }
    buf_addz(&b, "]}");
    puts(b.at);
    buf_release(&b);
}

/* ---- For people ---- */

struct paper {
    size_t width;
    bool color;
};

static struct paper paper_now(void)
{
    struct paper p = {.width = WIDTH_PLAIN};
    struct winsize size;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (!isatty(STDOUT_FILENO))
        return p;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        p.width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
    p.color = !(no_color && *no_color) && !(term && str_eqz(str_of(term), "dumb"));
    return p;
}

/* A bar of eighths of a column, so that small differences still show. */
static void add_bar(struct buf *b, double part)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int units = (int)(part * BAR_COLUMNS * 8 + 0.5);
    if (units < 1)
        units = 1;
    for (int i = 0; i < units / 8; i++)
        buf_addz(b, "█");
    buf_addz(b, eighths[units % 8]);
}

/* Names come from a model: nothing in them may steer the terminal. */
static struct str clean_name(struct arena *a, struct str name)
{
    struct buf b = {0};
    text_add_line(&b, name);
    struct str out = str_dup(a, buf_str(&b));
    buf_release(&b);
    return out;
}

static void add_row(struct buf *b, struct tree *t, const struct bundle_node *n, struct str lead, size_t depth,
                    int64_t kept, int64_t most, struct paper paper)
{
    double share = kept ? (double)n->conversations / (double)kept : 0;
    size_t used = text_columns(lead), room = paper.width - FIGURE_COLUMNS - BAR_COLUMNS;
    struct str name = text_fit(&t->arena, clean_name(&t->arena, n->name), room > used + 8 ? room - used : 8);
    bool strong = paper.color && depth == 0;
    buf_printf(b, STR_FMT "%s" STR_FMT "%s", STR_ARG(lead), strong ? "\033[1m" : "", STR_ARG(name),
               strong ? "\033[0m" : "");
    for (size_t i = used + text_columns(name); i < room; i++)
        buf_add_char(b, ' ');
    buf_printf(b, "%8lld %6.1f%%  %s", (long long)n->conversations, 100 * share, paper.color ? "\033[34m" : "");
    add_bar(b, most ? (double)n->conversations / (double)most : 0);
    buf_addz(b, paper.color ? "\033[0m\n" : "\n");
}

/* Where each node stands: how deep, and whether it is its parent's last. */
struct stand {
    size_t depth;
    bool last;
};

static struct stand *stands(struct tree *t)
{
    struct stand *s = arena_zero(&t->arena, t->n + 1, sizeof *s);
    int64_t chain[DEPTH_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < t->n; i++) {
        while (depth > 0 && chain[depth - 1] != t->nodes[i].parent)
            depth--;
        s[i] = (struct stand){depth, true};
        for (size_t j = i; j > 0 && s[j - 1].depth >= depth; j--) /* back to the sibling before */
            if (s[j - 1].depth == depth) {
                s[j - 1].last = false;
                break;
            }
        if (depth < DEPTH_MAX)
            chain[depth++] = t->nodes[i].id;
    }
    return s;
}

static void print_rows(struct tree *t, size_t depth_max, struct paper paper)
{
    struct stand *s = stands(t);
    struct buf b = {0}, lead = {0};
    bool ended[DEPTH_MAX + 1] = {false};
    int64_t kept = number(t->totals, "/kept"), most = 0;
    for (size_t i = 0; i < t->n; i++)
        if (s[i].depth == 0 && t->nodes[i].conversations > most)
            most = t->nodes[i].conversations;
    for (size_t i = 0; i < t->n; i++) {
        ended[s[i].depth] = s[i].last;
        if (s[i].depth >= depth_max)
            continue;
        buf_clear(&lead);
        for (size_t j = 1; j < s[i].depth; j++)
            buf_addz(&lead, ended[j] ? "   " : "│  ");
        if (s[i].depth)
            buf_addz(&lead, s[i].last ? "└─ " : "├─ ");
        add_row(&b, t, &t->nodes[i], buf_str(&lead), s[i].depth, kept, most, paper);
    }
    fwrite(b.at, 1, b.n, stdout);
    buf_release(&b);
    buf_release(&lead);
}

static const char *s_of(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_withheld(const struct tree *t)
{
    int64_t small = yyjson_get_sint(yyjson_ptr_get(of_tree(t), "/withheld/too_small/clusters"));
    int64_t audit = yyjson_get_sint(yyjson_ptr_get(of_tree(t), "/withheld/audit/clusters"));
    printf("\nnot shown: %lld cluster%s with fewer than %lld accounts or %lld conversations, %lld withheld by the "
           "audit or without a name that fits\n",
           (long long)small, s_of(small), (long long)number(t->privacy, "/min_accounts"),
           (long long)number(t->privacy, "/min_conversations"), (long long)audit);
}

static void print_text(struct tree *t, size_t depth_max)
{
    struct paper paper = paper_now();
    struct str audit = json_str(yyjson_doc_ptr_get(t->audit, "/label"));
    int64_t shown = yyjson_get_sint(yyjson_obj_get(of_tree(t), "shown"));
    int64_t leaves = yyjson_get_sint(yyjson_obj_get(of_tree(t), "leaves_shown"));
    int64_t kept = number(t->totals, "/kept");
    if (t->scripted)
        puts("test data: the answers in this run came from a script or a test embedder, not from a language model");
    printf("%s" STR_FMT "%s: %lld of %s%lld conversation%s in %lld cluster%s; " STR_FMT "%s\n\n",
           paper.color ? "\033[1m" : "", STR_ARG(t->facet), paper.color ? "\033[0m" : "", (long long)shown,
           yyjson_get_bool(yyjson_doc_ptr_get(t->totals, "/rounded")) ? "about " : "", (long long)kept, s_of(kept),
           (long long)leaves, s_of(leaves), STR_ARG(audit),
           yyjson_get_bool(yyjson_doc_ptr_get(t->privacy, "/public")) ? "; data declared public" : "");
    if (t->n)
        print_rows(t, depth_max, paper);
    else
        puts("No cluster passed every check: more conversations, or data declared public, show more.");
    print_withheld(t);
}

static enum err run(const struct args *args, struct error *e)
{
    struct tree t = {0};
    struct db *d = NULL;
    const char *path;
    uint64_t depth;
    enum err result = args_run(args, &path, e);
    if (result == ERR_OK)
        result = args_count(args, "depth", DEPTH_MAX, &depth, e);
    if (result == ERR_OK)
        result = bundle_open(path, &d, e);
    if (result == ERR_OK)
        result = load(&t, d, args_text(args, "facet", NULL), e);
    if (result == ERR_OK && args_flag(args, "json"))
        print_json(&t);
    else if (result == ERR_OK)
        print_text(&t, depth > DEPTH_MAX ? DEPTH_MAX : (size_t)depth);
    bundle_close(d);
    release(&t);
    return result;
}

const struct command command_tree = {
    .name = "tree",
    .summary = "Print the tree of a run: names, counts, shares",
    .usage = "RUN [--facet NAME] [--depth N] [--json]",
    .examples = "clio tree my-run\nclio tree my-run --depth 2\nclio tree my-run --facet task --json",
    .details =
        "Reads what was published and nothing else. Next: clio serve RUN for the page, clio export clusters --run "
        "RUN --format csv for a spreadsheet.",
    .options = options,
    .run = run,
};
