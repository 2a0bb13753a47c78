#include "serve/views.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>

static const char *const meta_keys[] = {"program_version", "scripted", "totals",   "trees", "privacy",
                                        "models",          "audit",    "sampling", "limits"};

static void add_key(struct buf *b, const char *between, const char *key)
{
    buf_printf(b, "%s\"%s\":", between, key);
}

static void add_key_string(struct buf *b, const char *between, const char *key, struct str s)
{
    add_key(b, between, key);
    json_add_string(b, s);
}

static void add_week(struct buf *b, int32_t week)
{
    char day[12];
    clock_format_day(week, day);
    buf_printf(b, "\"%s\"", day);
}

/* A share, or null where there is nothing to divide by. */
static void add_share(struct buf *b, const char *between, const char *key, double part, double whole)
{
    add_key(b, between, key);
    if (whole > 0)
        buf_printf(b, "%.6g", part / whole);
    else
        buf_addz(b, "null");
}

/* Everything kept: what shares of the run are shares of. */
static enum err run_size(struct db *d, struct arena *a, int64_t *kept, struct error *e)
{
    struct str json;
    yyjson_doc *doc = NULL;
    enum err result = bundle_meta(d, "totals", a, &json, e);
    if (result == ERR_OK)
        result = json_parse(json, false, &doc, e);
    if (result == ERR_OK)
        *kept = yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(doc), "kept"));
    yyjson_doc_free(doc);
    return result;
}

/* ---- /api/run ---- */

static enum err add_meta(struct db *d, struct arena *a, struct buf *b, struct error *e)
{
    for (size_t i = 0; i < sizeof meta_keys / sizeof *meta_keys; i++) {
        struct str json;
        enum err result = bundle_meta(d, meta_keys[i], a, &json, e);
        if (result != ERR_OK)
            return result;
        add_key(b, ",", meta_keys[i]);
        buf_add(b, json.n ? json : STR("null"));
    }
    return ERR_OK;
}

static const struct bundle_cell *find_cell(const struct bundle_cell *cells, size_t n, struct str facet,
                                           struct str value)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i].week == BUNDLE_ALL_WEEKS && str_eq(cells[i].facet, facet) && str_eq(cells[i].value, value))
            return &cells[i];
    return NULL;
}

static void add_facet(struct buf *b, const struct bundle_facet *f, const struct bundle_cell *base, size_t n)
{
    add_key_string(b, "{", "name", f->name);
    add_key_string(b, ",", "kind", f->kind);
    buf_printf(b, ",\"clustered\":%s,\"several\":%s,\"values\":[", f->clustered ? "true" : "false",
               f->several ? "true" : "false");
    for (size_t i = 0; i < f->values_count; i++) {
        const struct bundle_cell *cell = find_cell(base, n, f->name, f->values[i].value);
        add_key_string(b, i ? ",{" : "{", "value", f->values[i].value);
        add_key_string(b, ",", "label", f->values[i].label);
        if (cell)
            buf_printf(b, ",\"conversations\":%lld}", (long long)cell->conversations);
        else
            buf_addz(b, ",\"conversations\":null}");
    }
    buf_addz(b, "]}");
}

static void add_weeks(struct buf *b, const struct bundle_cell *weeks, size_t n)
{
    buf_addz(b, ",\"weeks\":[");
    for (size_t i = 0; i < n; i++) {
        buf_addz(b, i ? ",[" : "[");
        add_week(b, weeks[i].week);
        buf_printf(b, ",%lld]", (long long)weeks[i].conversations);
    }
    buf_addz(b, "]");
}

enum err view_run(struct db *d, const struct view_query *q, struct buf *out, struct error *e)
{
    (void)q;
    if (!d) {
        buf_addz(out, "{\"published\":false}");
        return ERR_OK;
    }
    struct arena a = {0};
    struct bundle_facet *facets = NULL;
    struct bundle_cell *base = NULL, *weeks = NULL;
    size_t facets_n = 0, base_n = 0, weeks_n = 0;
    buf_addz(out, "{\"published\":true");
    enum err result = add_meta(d, &a, out, e);
    if (result == ERR_OK)
        result = bundle_facet_list(d, &a, &facets, &facets_n, e);
    if (result == ERR_OK)
        result = bundle_cells_of_node(d, BUNDLE_RUN, &a, &base, &base_n, e);
    if (result == ERR_OK)
        result = bundle_weeks(d, BUNDLE_RUN, &a, &weeks, &weeks_n, e);
    buf_addz(out, ",\"facets\":[");
    for (size_t i = 0; i < facets_n && result == ERR_OK; i++) {
        buf_addz(out, i ? "," : "");
        add_facet(out, &facets[i], base, base_n);
    }
    buf_addz(out, "]");
    add_weeks(out, weeks, weeks_n);
    buf_addz(out, "}");
    arena_release(&a);
    return result;
}

/* ---- /api/tree ---- */

static void add_node(struct buf *b, const struct bundle_node *n, const char *between)
{
    buf_printf(b, "%s{\"id\":%lld,\"parent\":%lld,\"level\":%d", between, (long long)n->id, (long long)n->parent,
               n->level);
    add_key_string(b, ",", "name", n->name);
    add_key_string(b, ",", "short_name", n->short_name.n ? n->short_name : n->name);
    buf_printf(b, ",\"conversations\":%lld,\"accounts\":%lld,\"rating\":%d", (long long)n->conversations,
               (long long)n->accounts, n->rating);
    if (n->radius >= 0) /* negative: not on the map */
        buf_printf(b, ",\"x\":%.6g,\"y\":%.6g,\"radius\":%.6g", n->x, n->y, n->radius);
}

static enum err check_tree(struct db *d, struct str facet, struct arena *a, struct error *e)
{
    struct bundle_facet *facets = NULL;
    size_t n = 0;
    enum err result = bundle_facet_list(d, a, &facets, &n, e);
    for (size_t i = 0; i < n && result == ERR_OK; i++)
        if (facets[i].clustered && str_eq(facets[i].name, facet))
            return ERR_OK;
    return result == ERR_OK ? error_set(e, ERR_RANGE, "there is no tree of that facet") : result;
}

enum err view_tree(struct db *d, const struct view_query *q, struct buf *out, struct error *e)
{
    struct arena a = {0};
    struct bundle_node *nodes = NULL;
    size_t n = 0;
    int64_t kept = 0;
    enum err result = check_tree(d, q->facet, &a, e);
    if (result == ERR_OK)
        result = bundle_nodes(d, q->facet, &a, &nodes, &n, e);
    if (result == ERR_OK)
        result = run_size(d, &a, &kept, e);
    add_key_string(out, "{", "facet", q->facet);
    buf_printf(out, ",\"kept\":%lld,\"nodes\":[", (long long)kept);
    for (size_t i = 0; i < n && result == ERR_OK; i++) {
        add_node(out, &nodes[i], i ? "," : "");
        add_share(out, ",", "share", (double)nodes[i].conversations, (double)kept);
        buf_addz(out, "}");
    }
    buf_addz(out, "]}");
    arena_release(&a);
    return result;
}

/* ---- /api/node/ID ---- */

struct detail {
    struct db *d;
    struct arena *a;
    struct bundle_node node;
    struct bundle_facet *facets;
    struct bundle_cell *cells, *base, *weeks, *base_weeks;
    size_t facets_n, cells_n, base_n, weeks_n, base_weeks_n;
    int64_t kept;
};

static enum err load_detail(struct detail *x, int64_t id, struct error *e)
{
    bool found = false;
    enum err result = bundle_node_by_id(x->d, id, x->a, &x->node, &found, e);
    if (result == ERR_OK && !found)
        return error_set(e, ERR_RANGE, "there is no such cluster");
    if (result == ERR_OK)
        result = bundle_facet_list(x->d, x->a, &x->facets, &x->facets_n, e);
    if (result == ERR_OK)
        result = bundle_cells_of_node(x->d, id, x->a, &x->cells, &x->cells_n, e);
    if (result == ERR_OK)
        result = bundle_cells_of_node(x->d, BUNDLE_RUN, x->a, &x->base, &x->base_n, e);
    if (result == ERR_OK)
        result = bundle_weeks(x->d, id, x->a, &x->weeks, &x->weeks_n, e);
    if (result == ERR_OK)
        result = bundle_weeks(x->d, BUNDLE_RUN, x->a, &x->base_weeks, &x->base_weeks_n, e);
    return result == ERR_OK ? run_size(x->d, x->a, &x->kept, e) : result;
}

static enum err add_path(struct detail *x, struct buf *b, struct error *e)
{
    const char *between = "";
    int64_t up = x->node.parent;
    buf_addz(b, ",\"path\":[");
    for (int steps = 0; up >= 0 && steps < 64; steps++) { /* nearest first */
        struct bundle_node n;
        bool found = false;
        enum err result = bundle_node_by_id(x->d, up, x->a, &n, &found, e);
        if (result != ERR_OK)
            return result;
        if (!found)
            break;
        buf_printf(b, "%s{\"id\":%lld", between, (long long)n.id);
        add_key_string(b, ",", "name", n.name);
        buf_addz(b, "}");
        between = ",";
        up = n.parent;
    }
    buf_addz(b, "]");
    return ERR_OK;
}

static enum err add_children(struct detail *x, struct buf *b, struct error *e)
{
    struct bundle_node *nodes = NULL;
    size_t n = 0;
    const char *between = "";
    enum err result = bundle_nodes(x->d, x->node.facet, x->a, &nodes, &n, e);
    buf_addz(b, ",\"children\":[");
    for (size_t i = 0; i < n && result == ERR_OK; i++)
        if (nodes[i].parent == x->node.id) {
            add_node(b, &nodes[i], between);
            add_share(b, ",", "share", (double)nodes[i].conversations, (double)x->kept);
            buf_addz(b, "}");
            between = ",";
        }
    buf_addz(b, "]");
    return result;
}

/* The weeks of one value, as [week, conversations] pairs. */
static void add_series(struct buf *b, const struct detail *x, struct str facet, struct str value)
{
    const char *between = "";
    buf_addz(b, ",\"weeks\":[");
    for (size_t i = 0; i < x->cells_n; i++)
        if (x->cells[i].week != BUNDLE_ALL_WEEKS && str_eq(x->cells[i].facet, facet) &&
            str_eq(x->cells[i].value, value)) {
            buf_printf(b, "%s[", between);
            add_week(b, x->cells[i].week);
            buf_printf(b, ",%lld]", (long long)x->cells[i].conversations);
            between = ",";
        }
    buf_addz(b, "]");
}

/* Share here, share in the whole run, and how many times the one is of the other. */
static void add_comparison(struct buf *b, const struct bundle_cell *here, const struct bundle_cell *base, double size,
                           double kept)
{
    if (!here) {
        buf_addz(b, ",\"conversations\":null,\"share\":null");
    } else {
        buf_printf(b, ",\"conversations\":%lld,\"accounts\":%lld", (long long)here->conversations,
                   (long long)here->accounts);
        add_share(b, ",", "share", (double)here->conversations, size);
    }
    add_share(b, ",", "base_share", base ? (double)base->conversations : 0, base ? kept : 0);
    add_share(b, ",", "ratio", here && base ? (double)here->conversations * kept : 0,
              here && base ? (double)base->conversations * size : 0);
}

/* The mean of an ordinal facet over what may be seen; false: nothing. */
static bool mean_of(const struct bundle_cell *cells, size_t n, struct str facet, double *mean)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        if (cells[i].week != BUNDLE_ALL_WEEKS || !str_eq(cells[i].facet, facet) || !str_to_i64(cells[i].value, &v))
            continue;
        sum += (double)v * (double)cells[i].conversations;
        count += (double)cells[i].conversations;
    }
    *mean = count > 0 ? sum / count : 0;
    return count > 0;
}

static void add_breakdown(struct buf *b, const struct detail *x, const struct bundle_facet *f)
{
    double mean;
    add_key_string(b, "{", "facet", f->name);
    add_key_string(b, ",", "kind", f->kind);
    if (str_eqz(f->kind, "ordinal") && mean_of(x->cells, x->cells_n, f->name, &mean))
        buf_printf(b, ",\"mean\":%.6g", mean);
    if (str_eqz(f->kind, "ordinal") && mean_of(x->base, x->base_n, f->name, &mean))
        buf_printf(b, ",\"base_mean\":%.6g", mean);
    buf_addz(b, ",\"values\":[");
    for (size_t i = 0; i < f->values_count; i++) {
        struct str value = f->values[i].value;
        add_key_string(b, i ? ",{" : "{", "value", value);
        add_key_string(b, ",", "label", f->values[i].label);
        add_comparison(b, find_cell(x->cells, x->cells_n, f->name, value),
                       find_cell(x->base, x->base_n, f->name, value), (double)x->node.conversations, (double)x->kept);
        add_series(b, x, f->name, value);
        buf_addz(b, "}");
    }
    buf_addz(b, "]}");
}

static void add_node_weeks(struct buf *b, const struct detail *x)
{
    buf_addz(b, ",\"weeks\":[");
    for (size_t i = 0, j = 0; i < x->base_weeks_n; i++) {
        while (j < x->weeks_n && x->weeks[j].week < x->base_weeks[i].week)
            j++;
        bool known = j < x->weeks_n && x->weeks[j].week == x->base_weeks[i].week;
        buf_addz(b, i ? ",[" : "[");
        add_week(b, x->base_weeks[i].week);
        if (known)
            buf_printf(b, ",%lld", (long long)x->weeks[j].conversations);
        else
            buf_addz(b, ",null");
        buf_printf(b, ",%lld]", (long long)x->base_weeks[i].conversations);
    }
    buf_addz(b, "]");
}

enum err view_node(struct db *d, const struct view_query *q, struct buf *out, struct error *e)
{
    struct arena a = {0};
    struct detail x = {.d = d, .a = &a};
    enum err result = load_detail(&x, q->node, e);
    if (result == ERR_OK) {
        const char *between = "";
        add_node(out, &x.node, "");
        add_share(out, ",", "share", (double)x.node.conversations, (double)x.kept);
        add_key_string(out, ",", "facet", x.node.facet);
        add_key_string(out, ",", "description", x.node.description);
        result = add_path(&x, out, e);
        if (result == ERR_OK)
            result = add_children(&x, out, e);
        add_node_weeks(out, &x);
        buf_addz(out, ",\"breakdowns\":[");
        for (size_t i = 0; i < x.facets_n; i++)
            if (!str_eqz(x.facets[i].kind, "text")) {
                buf_addz(out, between);
                add_breakdown(out, &x, &x.facets[i]);
                between = ",";
            }
        buf_addz(out, "]}");
    }
    arena_release(&a);
    return result;
}

/* ---- /api/overlay ---- */

static const struct bundle_facet *find_facet(const struct bundle_facet *facets, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(facets[i].name, name) && !str_eqz(facets[i].kind, "text"))
            return &facets[i];
    return NULL;
}

static bool has_value(const struct bundle_facet *f, struct str value)
{
    for (size_t i = 0; i < f->values_count; i++)
        if (str_eq(f->values[i].value, value))
            return true;
    return false;
}

static void add_overlay_shares(struct buf *b, const struct bundle_node *nodes, size_t n,
                               const struct bundle_cell *cells, size_t cells_n, double kept)
{
    const struct bundle_cell *base = cells_n && cells[0].node == BUNDLE_RUN ? &cells[0] : NULL;
    const char *between = "";
    add_share(b, ",", "base", base ? (double)base->conversations : 0, base ? kept : 0);
    buf_addz(b, ",\"nodes\":[");
    for (size_t i = 0; i < n; i++) {
        size_t lo = 0, hi = cells_n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (cells[mid].node < nodes[i].id)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo == cells_n || cells[lo].node != nodes[i].id)
            continue; /* none, or withheld: the page cannot tell, and says so */
        double here = (double)cells[lo].conversations, size = (double)nodes[i].conversations;
        buf_printf(b, "%s{\"id\":%lld,\"conversations\":%lld", between, (long long)nodes[i].id,
                   (long long)cells[lo].conversations);
        add_share(b, ",", "share", here, size);
        add_share(b, ",", "ratio", base ? here * kept : 0, base ? size * (double)base->conversations : 0);
        buf_addz(b, "}");
        between = ",";
    }
    buf_addz(b, "]");
}

/* Cells come by node; a node's run of them gives its mean. Nodes of other trees may be among them. */
static void add_overlay_means(struct buf *b, const struct bundle_cell *cells, size_t n, struct str facet)
{
    const char *between = "";
    size_t run = 0;
    double mean;
    while (run < n && cells[run].node == BUNDLE_RUN)
        run++;
    if (mean_of(cells, run, facet, &mean))
        buf_printf(b, ",\"base\":%.6g", mean);
    buf_addz(b, ",\"nodes\":[");
    for (size_t i = run, end; i < n; i = end) {
        for (end = i; end < n && cells[end].node == cells[i].node;)
            end++;
        if (mean_of(cells + i, end - i, facet, &mean)) {
            buf_printf(b, "%s{\"id\":%lld,\"mean\":%.6g}", between, (long long)cells[i].node, mean);
            between = ",";
        }
    }
    buf_addz(b, "]");
}

enum err view_overlay(struct db *d, const struct view_query *q, struct buf *out, struct error *e)
{
    struct arena a = {0};
    struct bundle_facet *facets = NULL;
    struct bundle_cell *cells = NULL;
    struct bundle_node *nodes = NULL;
    size_t facets_n = 0, cells_n = 0, nodes_n = 0;
    int64_t kept = 0;
    enum err result = bundle_facet_list(d, &a, &facets, &facets_n, e);
    for (size_t i = 0; i < facets_n && result == ERR_OK && !nodes; i++) {
        bool wanted = facets[i].clustered && (!q->tree.at || str_eq(q->tree, facets[i].name));
        if (wanted)
            result = bundle_nodes(d, facets[i].name, &a, &nodes, &nodes_n, e);
    }
    const struct bundle_facet *f = find_facet(facets, facets_n, q->facet);
    bool means = !q->value.at && f && str_eqz(f->kind, "ordinal");
    if (result == ERR_OK && (!f || !(means || has_value(f, q->value))))
        result = error_set(e, ERR_RANGE, "there is no such facet or value");
    if (result == ERR_OK)
        result = run_size(d, &a, &kept, e);
    if (result == ERR_OK)
        result = bundle_cells_of_facet(d, q->facet, q->value, &a, &cells, &cells_n, e);
    if (result == ERR_OK) {
        add_key_string(out, "{", "facet", q->facet);
        add_key(out, ",", "value");
        if (means)
            buf_addz(out, "null");
        else
            json_add_string(out, q->value);
        if (means)
            add_overlay_means(out, cells, cells_n, q->facet);
        else
            add_overlay_shares(out, nodes, nodes_n, cells, cells_n, (double)kept);
        buf_addz(out, "}");
    }
    arena_release(&a);
    return result;
}

/* ---- /api/map ---- */

enum err view_map(struct db *d, const struct view_query *q, struct buf *out, struct error *e)
{
    struct arena a = {0};
    struct bundle_spot *grid = NULL, *points = NULL;
    size_t grid_n = 0, points_n = 0;
    enum err result = check_tree(d, q->facet, &a, e);
    if (result == ERR_OK)
        result = bundle_density(d, q->facet, &a, &grid, &grid_n, e);
    if (result == ERR_OK)
        result = bundle_points(d, q->facet, &a, &points, &points_n, e);
    add_key_string(out, "{", "facet", q->facet);
    buf_addz(out, ",\"grid\":64,\"units\":4096,\"density\":[");
    for (size_t i = 0; i < grid_n; i++)
        buf_printf(out, "%s[%lld,%lld,%lld]", i ? "," : "", (long long)grid[i].x, (long long)grid[i].y,
                   (long long)grid[i].conversations);
    buf_addz(out, "],\"points\":[");
    for (size_t i = 0; i < points_n; i++)
        buf_printf(out, "%s[%lld,%lld,%lld]", i ? "," : "", (long long)points[i].node, (long long)points[i].x,
                   (long long)points[i].y);
    buf_addz(out, "]}");
    arena_release(&a);
    return result;
}
