#include "base/json.h"
#include "base/text.h"
#include "cmd/command.h"
#include "store/bundle_views.h"
#include "store/clusters.h"
#include "store/records.h"

#include <stdlib.h>
#include <string.h>

static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder"},
    {"format", 0, OPTION_TEXT, "json|csv|tsv", "clusters: how to write them (default: json)"},
    {"facet", 'f', OPTION_TEXT, "NAME", "clusters: of this facet only; assignments: its tree (default: the first one)"},
    {"private", 0, OPTION_FLAG, NULL, "assignments: yes, this reveals which conversation is where"},
    {"names", 0, OPTION_FLAG, NULL, "assignments: names in place of cluster numbers"},
    {0},
};

/* ---- Clusters: what was published ---- */

struct listing {
    struct arena arena;
    struct db *d;
    struct bundle_node *nodes;
    size_t n;
    int64_t kept;
    struct str notes; /* what every export has to say about itself */
};

static enum err load_notes(struct listing *l, struct error *e)
{
    struct str totals, privacy, audit, scripted;
    yyjson_doc *t = NULL, *p = NULL, *a = NULL;
    enum err result = bundle_meta(l->d, "totals", &l->arena, &totals, e);
    if (result == ERR_OK)
        result = bundle_meta(l->d, "privacy", &l->arena, &privacy, e);
    if (result == ERR_OK)
        result = bundle_meta(l->d, "audit", &l->arena, &audit, e);
    if (result == ERR_OK)
        result = bundle_meta(l->d, "scripted", &l->arena, &scripted, e);
    if (result == ERR_OK)
        result = json_parse(totals, false, &t, e);
    if (result == ERR_OK)
        result = json_parse(privacy, false, &p, e);
    if (result == ERR_OK)
        result = json_parse(audit, false, &a, e);
    if (result == ERR_OK) {
        l->kept = yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(t), "kept"));
        l->notes = str_printf(
            &l->arena, STR_FMT "%s%s", STR_ARG(json_get_str(yyjson_doc_get_root(a), "label")),
            yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(p), "public")) ? "; data declared public" : "",
            str_eqz(scripted, "true") ? "; test data from a script or a test embedder" : "");
    }
    yyjson_doc_free(t);
    yyjson_doc_free(p);
    yyjson_doc_free(a);
    return result;
}

static enum err load_clusters(struct listing *l, const char *facet, struct error *e)
{
    struct str *names;
    size_t n;
    bool found = false;
    enum err result = bundle_facets(l->d, &l->arena, &names, &n, e);
    for (size_t i = 0; i < n && result == ERR_OK; i++) {
        struct bundle_node *more;
        size_t more_n;
        if (facet && !str_eqz(names[i], facet))
            continue;
        found = true;
        result = bundle_nodes(l->d, names[i], &l->arena, &more, &more_n, e);
        if (result != ERR_OK)
            break;
        struct bundle_node *all = arena_new(&l->arena, l->n + more_n + 1, sizeof *all);
        if (l->n)
            memcpy(all, l->nodes, l->n * sizeof *all);
        if (more_n)
            memcpy(all + l->n, more, more_n * sizeof *all);
        l->nodes = all;
        l->n += more_n;
    }
    if (result == ERR_OK && facet && !found)
        return error_set(e, ERR_USAGE, "there is no tree of \"%.60s\"", facet);
    return result == ERR_OK ? load_notes(l, e) : result;
}

static double share_of(const struct listing *l, const struct bundle_node *n)
{
    return l->kept ? (double)n->conversations / (double)l->kept : 0;
}

static void add_json_node(struct buf *b, const struct listing *l, const struct bundle_node *n)
{
    buf_printf(b, "{\"id\":%lld,\"facet\":", (long long)n->id);
    json_add_string(b, n->facet);
    buf_printf(b, ",\"level\":%d,\"parent\":%lld,\"name\":", n->level, (long long)n->parent);
    json_add_string(b, n->name);
    buf_addz(b, ",\"short_name\":");
    json_add_string(b, n->short_name);
    buf_addz(b, ",\"description\":");
    json_add_string(b, n->description);
    buf_printf(b, ",\"conversations\":%lld,\"accounts\":%lld,\"share\":%.6g,\"rating\":%d,\"breakdowns\":[",
               (long long)n->conversations, (long long)n->accounts, share_of(l, n), n->rating);
}

static enum err print_json(struct listing *l, struct error *e)
{
    struct buf b = {0};
    enum err result = ERR_OK;
    buf_printf(&b, "{\"version\":1,\"conversations\":%lld,\"notes\":", (long long)l->kept);
    json_add_string(&b, l->notes);
    buf_addz(&b, ",\"clusters\":[\n");
    for (size_t i = 0; i < l->n && result == ERR_OK; i++) {
        struct arena scratch = {0};
        struct bundle_cell *cells = NULL;
        size_t n = 0;
        const char *between = "";
        buf_addz(&b, i ? ",\n" : "");
        add_json_node(&b, l, &l->nodes[i]);
        result = bundle_cells_of_node(l->d, l->nodes[i].id, &scratch, &cells, &n, e);
        for (size_t j = 0; j < n && result == ERR_OK; j++) {
            if (cells[j].week != BUNDLE_ALL_WEEKS)
                continue;
            buf_printf(&b, "%s{\"facet\":", between);
            json_add_string(&b, cells[j].facet);
            buf_addz(&b, ",\"value\":");
            json_add_string(&b, cells[j].value);
            buf_printf(&b, ",\"conversations\":%lld,\"accounts\":%lld}", (long long)cells[j].conversations,
                       (long long)cells[j].accounts);
            between = ",";
        }
        buf_addz(&b, "]}");
        fwrite(b.at, 1, b.n, stdout);
        buf_clear(&b);
        arena_release(&scratch);
    }
    buf_addz(&b, "\n]}");
    puts(b.at);
    buf_release(&b);
    return result;
}

/*
 * One field of a table. A spreadsheet runs a text that begins with = + - @ as a formula, so such a text gets an
 * apostrophe in front (UI.md 2, 15). Names are one line already; tabs cannot be in them.
 */
static void add_field(struct buf *b, char separator, struct str text)
{
    struct buf clean = {0};
    text_add_line(&clean, text);
    struct str s = buf_str(&clean);
    bool formula = s.n && strchr("=+-@", s.at[0]);
    if (b->n && b->at[b->n - 1] != '\n')
        buf_add_char(b, separator);
    if (separator == '\t') {
        buf_addz(b, formula ? "'" : "");
        buf_add(b, s);
    } else {
        buf_addz(b, formula ? "\"'" : "\"");
        for (size_t i = 0; i < s.n; i++) {
            if (s.at[i] == '"')
                buf_add_char(b, '"');
            buf_add_char(b, s.at[i]);
        }
        buf_add_char(b, '"');
    }
    buf_release(&clean);
}

static void add_number(struct buf *b, char separator, int64_t v)
{
    if (b->n && b->at[b->n - 1] != '\n')
        buf_add_char(b, separator);
    buf_printf(b, "%lld", (long long)v);
}

static void print_table(const struct listing *l, char separator)
{
    static const char *const columns[] = {"id",          "facet",         "level",    "parent", "name",   "short_name",
                                          "description", "conversations", "accounts", "share",  "rating", "notes"};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        buf_printf(&b, "%.1s%s", i ? &separator : "", columns[i]);
    buf_add_char(&b, '\n');
    for (size_t i = 0; i < l->n; i++) {
        const struct bundle_node *n = &l->nodes[i];
        add_number(&b, separator, n->id);
        add_field(&b, separator, n->facet);
        add_number(&b, separator, n->level);
        if (n->parent >= 0)
            add_number(&b, separator, n->parent);
        else
            buf_add_char(&b, separator); /* the top has none */
        add_field(&b, separator, n->name);
        add_field(&b, separator, n->short_name);
        add_field(&b, separator, n->description);
        add_number(&b, separator, n->conversations);
        add_number(&b, separator, n->accounts);
        buf_printf(&b, "%c%.6f", separator, share_of(l, n));
        add_number(&b, separator, n->rating);
        add_field(&b, separator, l->notes);
        buf_add_char(&b, '\n');
        fwrite(b.at, 1, b.n, stdout);
        buf_clear(&b);
    }
    fwrite(b.at ? b.at : "", 1, b.n, stdout); /* the heading, when there is nothing under it */
    buf_release(&b);
}

static enum err export_clusters(const struct args *args, const char *path, struct error *e)
{
    struct listing l = {0};
    struct str format = str_of(args_text(args, "format", "json"));
    if (!str_eqz(format, "json") && !str_eqz(format, "csv") && !str_eqz(format, "tsv"))
        return error_set(e, ERR_USAGE, "--format is json, csv or tsv, not \"%.40s\"", format.at);
    enum err result = bundle_open(path, &l.d, e);
    if (result == ERR_OK)
        result = load_clusters(&l, args_text(args, "facet", NULL), e);
    if (result == ERR_OK && str_eqz(format, "json"))
        result = print_json(&l, e);
    else if (result == ERR_OK)
        print_table(&l, str_eqz(format, "csv") ? ',' : '\t');
    bundle_close(l.d);
    arena_release(&l.arena);
    return result;
}

/* ---- Assignments: private ---- */

struct assignment {
    struct arena arena;
    struct record_index records;
    struct node *nodes; /* ascending by id */
    size_t n;
    int64_t *leaf; /* [records.n], -1: in none */
    bool names;
};

static int by_id(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static enum err take_member(void *arg, int64_t rec, int64_t leaf, struct error *e)
{
    struct assignment *a = arg;
    size_t place = records_find(&a->records, rec);
    (void)e;
    if (place != SIZE_MAX)
        a->leaf[place] = leaf;
    return ERR_OK;
}

static enum err choose_tree(struct run *r, const char *wanted, struct arena *a, struct str *facet, struct error *e)
{
    struct str *names;
    size_t n;
    enum err result = clusters_facets(r, a, &names, &n, e);
    if (result != ERR_OK)
        return result;
    for (size_t i = 0; i < n; i++)
        if (!wanted || str_eqz(names[i], wanted)) {
            *facet = names[i];
            return ERR_OK;
        }
    if (n && wanted)
        error_set(e, ERR_USAGE, "this run has no clusters of \"%.60s\"", wanted);
    else
        error_set(e, ERR_USAGE, "this run has no clusters yet");
    return error_hint(e, "clio status %s says how far it is", r->path);
}

static void add_cluster(struct buf *b, const struct assignment *a, const struct node *n)
{
    buf_add_char(b, '\t');
    if (a->names && n->name.n)
        text_add_line(b, n->name);
    else
        buf_printf(b, "%lld", (long long)n->id);
}

static enum err print_assignment(struct run *r, const struct assignment *a, size_t place, struct error *e)
{
    struct arena scratch = {0};
    struct conversation c;
    struct buf b = {0};
    enum err result = records_get(r, a->records.rec[place], &scratch, &c, e);
    if (result == ERR_OK) {
        text_add_line(&b, c.id);
        struct node key = {.id = a->leaf[place]};
        const struct node *n = a->n ? bsearch(&key, a->nodes, a->n, sizeof key, by_id) : NULL;
        if (!n)
            buf_addz(&b, "\t-");
        for (int steps = 0; n && steps < 64; steps++) {
            add_cluster(&b, a, n);
            key.id = n->parent;
            n = n->parent < 0 ? NULL : bsearch(&key, a->nodes, a->n, sizeof key, by_id);
        }
        puts(b.at);
    }
    buf_release(&b);
    arena_release(&scratch);
    return result;
}

static enum err print_assignments(struct run *r, const struct args *args, struct error *e)
{
    struct assignment a = {.names = args_flag(args, "names")};
    struct str facet = {0};
    enum err result = choose_tree(r, args_text(args, "facet", NULL), &a.arena, &facet, e);
    if (result == ERR_OK)
        result = records_index(r, &a.arena, &a.records, e);
    if (result == ERR_OK)
        result = clusters_load(r, facet, -1, &a.arena, &a.nodes, &a.n, e);
    if (result == ERR_OK) {
        if (a.n)
            qsort(a.nodes, a.n, sizeof *a.nodes, by_id);
        a.leaf = arena_new(&a.arena, a.records.n + 1, sizeof *a.leaf);
        for (size_t i = 0; i < a.records.n; i++)
            a.leaf[i] = -1;
        result = members_each(r, facet, take_member, &a, e);
    }
    for (size_t i = 0; i < a.records.n && result == ERR_OK; i++)
        result = print_assignment(r, &a, i, e);
    arena_release(&a.arena);
    return result;
}

static enum err export_assignments(const struct args *args, const char *path, struct error *e)
{
    struct run r;
    if (!args_flag(args, "private")) {
        error_set(e, ERR_USAGE, "assignments say which conversation is in which cluster, withheld ones too");
        return error_hint(e, "add --private if that is what you want; keep the output as private as the input");
    }
    enum err result = run_open(path, RUN_READ, &r, e);
    if (result != ERR_OK)
        return result;
    fputs("clio: this output is private data: it says which conversation is in which cluster, also for clusters that "
          "were withheld\n",
          stderr);
    result = print_assignments(&r, args, e);
    run_close(&r);
    return result;
}

/* ---- The command ---- */

static const struct {
    const char *what;
    enum err (*run)(const struct args *args, const char *path, struct error *e);
} exports[] = {
    {"clusters", export_clusters},
    {"assignments", export_assignments},
};

static enum err run(const struct args *args, struct error *e)
{
    const char *path = args_text(args, "run", NULL);
    enum err result = args_rest(args, 1, path ? 1 : 2, "clusters or assignments", e);
    if (result != ERR_OK)
        return result;
    if (!path && args->rest_count < 2)
        return error_set(e, ERR_USAGE, "export needs --run RUN, the folder of a run");
    path = path ? path : args->rest[1];
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++)
        if (strcmp(args->rest[0], exports[i].what) == 0)
            return exports[i].run(args, path, e);
    return error_set(e, ERR_USAGE, "export writes clusters or assignments, not \"%.40s\"", args->rest[0]);
}

const struct command command_export = {
    .name = "export",
    .summary = "Write the clusters, or where each conversation went, to standard output",
    .usage = "clusters|assignments --run RUN [options]",
    .examples = "clio export clusters --run my-run --format csv > clusters.csv\n"
                "clio export clusters --run my-run --facet task --format json\n"
                "clio export assignments --run my-run --private > assignments.tsv",
    .details = "clusters: what was published and nothing else; every row says how it was audited.\n"
               "assignments: tab-separated: the conversation's id, its base cluster, then the clusters above it up to "
               "the top; - where it is in none. This is private data, and it needs --private.",
    .options = options,
    .run = run,
};
