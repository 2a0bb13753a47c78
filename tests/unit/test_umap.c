/* UMAP against umap-learn: the graph and the curve as numbers, the layout by its quality. */
#include "num_data.h"

#include "../reference/neighbours_reference.h"
#include "../reference/umap_reference.h"
#include "num/neighbours.h"
#include "num/umap.h"
#include "num/umap_forces.h"
#include "num/umap_graph.h"
#include "num/umap_layout.h"
#include "num/umap_net.h"

struct edges {
    const uint8_t *heads, *tails;
    const float *weights;
    size_t count;
};

static int by_tail(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

/* The fast graph has the same edges, its weights in 1/65535. */
static void check_net(const struct umap_lists *lists, struct edges wanted)
{
    struct umap_net net = {0};
    size_t edge = 0;
    double worst = 0;
    uint32_t *vertex_of = mem_zero(lists->n, sizeof *vertex_of), (*found)[2] = mem_zero(lists->n, sizeof *found);
    umap_net_build(lists, NULL, 65535, &net, NULL);
    assert_int_equal(net.starts[net.rows], wanted.count);
    for (uint32_t v = 0; v < net.rows; v++)
        vertex_of[net.row_of[v]] = v;
    for (size_t row = 0; row < net.rows; row++) {
        size_t from = net.starts[vertex_of[row]], count = net.starts[vertex_of[row] + 1] - from;
        for (size_t i = 0; i < count; i++) {
            found[i][0] = net.row_of[net.tails[from + i]];
            found[i][1] = net.rates[from + i];
        }
        qsort(found, count, sizeof *found, by_tail);
        for (size_t i = 0; i < count; i++, edge++) {
            assert_int_equal(wanted.heads[edge], row);
            assert_int_equal(wanted.tails[edge], found[i][0]);
            worst = fmax(worst, fabs(found[i][1] / 65535.0 - (double)wanted.weights[edge]));
        }
    }
    data_at_most("largest difference of a weight, fast", worst, 1e-4);
    umap_net_release(&net);
    free(vertex_of);
    free(found);
}

static void check_graph(const struct umap_lists *lists, struct edges wanted)
{
    struct umap_graph g = {0};
    double worst = 0;
    umap_graph_build(lists, &g, NULL);
    assert_int_equal(g.edges, wanted.count);
    for (size_t i = 0; i < g.edges; i++) {
        assert_int_equal(g.heads[i], wanted.heads[i]);
        assert_int_equal(g.tails[i], wanted.tails[i]);
        worst = fmax(worst, fabs((double)g.weights[i] - (double)wanted.weights[i]));
    }
    data_at_most("largest difference of a weight", worst, 1e-4);
    umap_graph_release(&g);
    check_net(lists, wanted);
}

static void graph_equals_umap_learn(void **state)
{
    (void)state;
    struct umap_lists lists = {.ids = nearest_ids, .distances = nearest_distances, .n = 120, .k = 9};
    check_graph(&lists, (struct edges){fuzzy_heads, fuzzy_tails, fuzzy_weights, sizeof fuzzy_heads});
}

/* make_num.py: made_up_lists. Rows with some or only zero distances: equal points. */
static void graph_of_equal_points_equals_umap_learn(void **state)
{
    (void)state;
    uint32_t ids[44 * 5];
    float distances[44 * 5];
    for (uint32_t i = 0; i < 44; i++)
        for (uint32_t j = 0; j < 5; j++) {
            ids[i * 5 + j] = (i + 1 + j * (1 + i % 2)) % 44;
            distances[i * 5 + j] = i % 3 > j || i % 11 == 0 ? 0 : (float)((j + 1) * 10 + i % 7) / 64;
        }
    struct umap_lists lists = {.ids = ids, .distances = distances, .n = 44, .k = 5};
    check_graph(&lists, (struct edges){equal_heads, equal_tails, equal_weights, sizeof equal_heads});
}

static void curve_equals_umap_learn(void **state)
{
    (void)state;
    const double wanted[][3] = {{0, curve_0_a, curve_0_b},
                                {0.1, curve_01_a, curve_01_b},
                                {0.5, curve_05_a, curve_05_b},
                                {1, curve_1_a, curve_1_b}};
    double worst = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct umap_curve c = umap_curve_fit(wanted[i][0]);
        worst = fmax(worst, fmax(fabs(c.a - wanted[i][1]), fabs(c.b - wanted[i][2])));
    }
    data_at_most("largest difference of a and b", worst, 1e-5);
}

/* For each row, the rows of the layout nearest to it (Euclidean), by selection: [n][k]. */
static uint32_t *layout_neighbours(struct mat layout, size_t k)
{
    size_t n = layout.n;
    uint32_t *ids = mem_new(n * k, sizeof *ids);
    float *squared = mem_new(n, sizeof *squared);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            squared[j] = j == i ? INFINITY : dist_squared(mat_row(layout, i), mat_row(layout, j), 2);
        for (size_t m = 0; m < k; m++) {
            uint32_t nearest = 0;
            for (uint32_t j = 1; j < n; j++)
                if (squared[j] < squared[nearest])
                    nearest = j;
            ids[i * k + m] = nearest;
            squared[nearest] = INFINITY;
        }
    }
    free(squared);
    return ids;
}

struct quality {
    double trust, kept;
};

/* Venna and Kaski's trustworthiness, as scikit-learn computes it, and the share of the k nearest that stay so. */
static struct quality measure(struct mat points, struct mat layout, size_t k)
{
    size_t n = points.n;
    uint32_t *near = layout_neighbours(layout, k), *ranked = mem_new(n * (n - 1), sizeof *ranked);
    float *distances = mem_new(n * (n - 1), sizeof *distances);
    size_t *rank = mem_zero(n, sizeof *rank);
    struct quality q = {0, 0};
    assert_int_equal(neighbours_exact(points, n - 1, ranked, distances, NULL, NULL), ERR_OK);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n - 1; j++)
            rank[ranked[i * (n - 1) + j]] = j + 1;
        for (size_t m = 0; m < k; m++) {
            size_t r = rank[near[i * k + m]];
            if (r > k)
                q.trust += (double)(r - k);
            else
                q.kept += 1;
        }
    }
    q.trust = 1 - q.trust * 2 / ((double)n * (double)k * (double)(2 * n - 3 * k - 1));
    q.kept /= (double)n * (double)k;
    free(near);
    free(ranked);
    free(distances);
    free(rank);
    return q;
}

typedef enum err umap_fn(struct mat, const struct umap_opts *, struct mat, struct par *, struct error *);

static umap_fn *const versions[] = {umap_run, umap_plain};

static struct mat lay_out(umap_fn *umap, struct mat points, const struct umap_opts *opts, struct par *par)
{
    struct mat layout = data_new(points.n, 2);
    assert_int_equal(umap(points, opts, layout, par, NULL), ERR_OK);
    assert_true(dist_finite(layout));
    double sum[2] = {0, 0}, largest = 0;
    for (size_t i = 0; i < points.n * 2; i++) {
        sum[i % 2] += (double)layout.at[i];
        largest = fmax(largest, fabs((double)layout.at[i]));
    }
    assert_true(largest < 1000); /* centred, and of a size one can draw */
    assert_true(fabs(sum[0]) <= 1e-6 * largest * (double)points.n && fabs(sum[1]) <= 1e-6 * largest * (double)points.n);
    return layout;
}

static struct quality mean_quality(umap_fn *umap, struct mat points, uint64_t seeds)
{
    struct quality mean = {0, 0};
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct mat layout = lay_out(umap, points, &(struct umap_opts){.seed = seed}, NULL);
        struct quality q = measure(points, layout, 15);
        mean.trust += q.trust / (double)seeds;
        mean.kept += q.kept / (double)seeds;
        free(layout.at);
    }
    return mean;
}

static void layout_is_as_good_as_umap_learn(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(600, 32, 10, 4);
    for (size_t i = 0; i < 2; i++) {
        struct quality q = mean_quality(versions[i], points, 5);
        data_at_least("trustworthiness@15, umap-learn's less 0.01", q.trust, fmax(spectral_trust, pca_trust) - 0.01);
        data_at_least("neighbours kept@15, umap-learn's less 0.02", q.kept, fmax(spectral_kept, pca_kept) - 0.02);
    }
    free(points.at);
}

/* The first axis of points on a line is the line: the start keeps its order and its ends. */
static void start_follows_the_main_axis(void **state)
{
    (void)state;
    struct mat points = data_new(1200, 5), layout = data_new(1200, 2);
    for (size_t i = 0; i < points.n; i++) {
        mat_row(points, i)[3] = (float)i;
        mat_row(points, i)[1] = (float)(i % 2); /* the second axis */
    }
    umap_start(points, 1, layout, NULL);
    double worst = 0;
    bool up = mat_row(layout, 0)[0] < 5;
    for (size_t i = 0; i < points.n; i++) {
        double along = 10 * (double)i / 1199;
        worst = fmax(worst, fabs((double)mat_row(layout, i)[0] - (up ? along : 10 - along)));
    }
    data_at_most("distance of a starting place from its place on the line", worst, 2e-2);
    free(points.at);
    free(layout.at);
}

static void check_bytes(umap_fn *umap, struct mat points, uint64_t recorded)
{
    struct mat one = lay_out(umap, points, &(struct umap_opts){.epochs = 30, .seed = 1}, NULL);
    for (size_t threads = 1; threads <= 3; threads++) {
        struct par *par = par_new(threads);
        struct mat layout = lay_out(umap, points, &(struct umap_opts){.epochs = 30, .seed = 1}, par);
        assert_memory_equal(layout.at, one.at, points.n * 2 * sizeof(float));
        free(layout.at);
        par_free(par);
    }
    data_same_bytes(one.at, points.n * 2 * sizeof(float), recorded);
    struct mat other =
        lay_out(umap, points, &(struct umap_opts){.epochs = 30, .seed = 2}, NULL); /* and the seed is used */
    assert_memory_not_equal(other.at, one.at, points.n * 2 * sizeof(float));
    free(other.at);
    free(one.at);
}

static void same_bytes_for_any_thread_count_and_machine(void **state)
{
    (void)state;
    struct mat few = data_unit_blobs(1300, 20, 12, 5), many = data_unit_blobs(9000, 12, 60, 5);
    check_bytes(umap_plain, few, 0xc149ca771100e58fu);
    check_bytes(umap_run, few, 0x3ae33efd50b14351u);
    check_bytes(umap_run, many, 0xa8a2bd0daa19c9ecu); /* more than one thread takes part, and there are cells */
    free(few.at);
    free(many.at);
}

/* What one instruction set computes, all do. */
static void every_set_gives_the_same_bits(void **state)
{
    (void)state;
    enum { ROUNDS = 9, OTHERS = 64, NEIGHBOURS = 15 };
    float x[ROUNDS * 16], y[ROUNDS * 16], others_x[OTHERS], others_y[OTHERS];
    uint16_t from[ROUNDS * UMAP_NEGATIVES];
    uint32_t drawn[16];
    for (uint32_t i = 0; i < ROUNDS * 16; i++) {
        x[i] = data_bell(i, 0, 1) * (i % 5 ? 1.0f : 1e-6f);
        y[i] = data_bell(i, 1, 1) * (i % 7 ? 10.0f : 0.0f);
    }
    for (uint32_t i = 0; i < OTHERS; i++) {
        others_x[i] = data_bell(i, 2, 1) * (float)(i % 20);
        others_y[i] = data_bell(i, 3, 1);
    }
    for (uint32_t i = 0; i < ROUNDS * UMAP_NEGATIVES; i++)
        from[i] = (uint16_t)(data_mix(i, 4, 1) % (OTHERS - 16));
    for (uint32_t i = 0; i < 16; i++)
        drawn[i] = i % (ROUNDS + 1);
    const struct umap_forces *forces;
    float first[32 + 16 * NEIGHBOURS];
    for (size_t set = 0; (forces = umap_forces_at(set)) != NULL; set++) {
        float result[32 + 16 * NEIGHBOURS];
        memcpy(result, others_x, 16 * sizeof(float)); /* equal to some others: no force, no NaN */
        memcpy(result + 16, others_y, 16 * sizeof(float));
        for (uint32_t i = 0; i < 16 * NEIGHBOURS; i++)
            result[32 + i] = i % 16 == 3 || (i % 16 == 5 && i < 80) ? 0.0f : (float)(i / 16 * 7 + i % 16 + 1) / 900.0f;
        forces->pull(&(struct umap_pull){.curve = {1.9, 0.79},
                                         .rate = 0.7f,
                                         .rounds = ROUNDS,
                                         .drawn = drawn,
                                         .x = x,
                                         .y = y,
                                         .others_x = others_x,
                                         .others_y = others_y,
                                         .from = from,
                                         .at_x = result,
                                         .at_y = result + 16});
        forces->smooth(&(struct umap_smooth){result + 32, NEIGHBOURS, 0.1f});
        assert_true(dist_finite((struct mat){result, 1, 32 + 16 * NEIGHBOURS}));
        assert_true(result[0] == others_x[0] && result[10] == others_x[10]); /* nothing drawn, nothing moved */
        if (set == 0)
            memcpy(first, result, sizeof first);
        assert_memory_equal(first, result, sizeof first);
    }
}

static void few_rows(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++)
        for (size_t i = 0; i < 8; i++) {
            struct mat points = data_unit_blobs(n, 3, 4, 6);
            struct umap_opts opts = {.n_neighbors = i / 2, .epochs = 50};
            struct mat layout = lay_out(versions[i % 2], points, &opts, NULL);
            if (n == 1)
                assert_true(layout.at[0] == 0 && layout.at[1] == 0);
            else
                assert_memory_not_equal(layout.at, layout.at + 2, 2 * sizeof(float));
            free(points.at);
            free(layout.at);
        }
}

/* Nothing but zero rows, nothing but equal rows: few enough for the exact search, and many enough for cells. */
static void equal_and_zero_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct mat points = data_new(i / 2 < 2 ? 100 : 5000, 4);
        for (size_t row = 0; i / 2 > 0 && row < points.n; row++)
            mat_row(points, row)[2] = 1;
        struct umap_opts opts = {.epochs = 60};
        if (points.n == 100 || versions[i % 2] == umap_run)
            free(lay_out(versions[i % 2], points, &opts, NULL).at);
        free(points.at);
    }
}

/* Pairs of equal rows among others end close together: closer than any row is to its nearest other, on average. */
static void duplicates_stay_together(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(300, 16, 6, 7);
    for (size_t i = 0; i < 50; i++)
        memcpy(mat_row(points, 250 + i), mat_row(points, i), points.d * sizeof(float));
    for (size_t v = 0; v < 2; v++) {
        struct mat layout = lay_out(versions[v], points, &(struct umap_opts){.seed = 3}, NULL);
        double pairs = 0, others = 0;
        for (size_t i = 0; i < 50; i++) { /* i and i + 60 are in the same group */
            pairs += sqrt((double)dist_squared(mat_row(layout, i), mat_row(layout, 250 + i), 2)) / 50;
            others += sqrt((double)dist_squared(mat_row(layout, i), mat_row(layout, i + 60), 2)) / 50;
        }
        data_at_most("mean distance of equal rows, to that of rows of one group", pairs / others, 0.5);
        free(layout.at);
    }
    free(points.at);
}

/* A graph of parts without an edge between them: groups at right angles, each larger than the neighbourhood. */
static void separate_groups_stay_separate(void **state)
{
    (void)state;
    struct mat points = data_new(320, 16);
    for (uint32_t i = 0; i < 320; i++)
        for (uint32_t j = 0; j < 4; j++)
            mat_row(points, i)[i % 4 * 4 + j] = data_bell(i % 4, j, 2) * 4 + data_bell(i, j, 3) / 4;
    dist_normalise(points);
    for (size_t v = 0; v < 2; v++) {
        struct mat layout = lay_out(versions[v], points, &(struct umap_opts){.seed = 1}, NULL);
        uint32_t *near = layout_neighbours(layout, 15);
        size_t same = 0;
        for (size_t i = 0; i < 320 * 15; i++)
            same += near[i] % 4 == i / 15 % 4;
        data_at_least("share of neighbours in the layout that are of the same group", (double)same / (320 * 15), 0.99);
        free(near);
        free(layout.at);
    }
    free(points.at);
}

static void errors(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(10, 4, 3, 1), layout = data_new(10, 2), none = {NULL, 0, 2};
    struct umap_opts opts = {0};
    struct error e = {0};
    for (size_t v = 0; v < 2; v++) {
        umap_fn *umap = versions[v];
        points.at[39] = 0.5f;
        assert_int_equal(umap(none, &opts, none, NULL, &e), ERR_RANGE);
        opts.min_dist = -0.5f;
        assert_int_equal(umap(points, &opts, layout, NULL, &e), ERR_RANGE);
        opts.min_dist = NAN;
        assert_int_equal(umap(points, &opts, layout, NULL, &e), ERR_RANGE);
        opts.min_dist = 0;
        points.at[39] = NAN;
        assert_int_equal(umap(points, &opts, layout, NULL, &e), ERR_NUMERIC);
        points.at[39] = INFINITY;
        assert_int_equal(umap(points, &opts, layout, NULL, &e), ERR_NUMERIC);
    }
    assert_true(strlen(e.text) > 0);
    free(points.at);
    free(layout.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_equals_umap_learn),
        cmocka_unit_test(graph_of_equal_points_equals_umap_learn),
        cmocka_unit_test(curve_equals_umap_learn),
        cmocka_unit_test(start_follows_the_main_axis),
        cmocka_unit_test(layout_is_as_good_as_umap_learn),
        cmocka_unit_test(same_bytes_for_any_thread_count_and_machine),
        cmocka_unit_test(every_set_gives_the_same_bits),
        cmocka_unit_test(few_rows),
        cmocka_unit_test(equal_and_zero_rows),
        cmocka_unit_test(duplicates_stay_together),
        cmocka_unit_test(separate_groups_stay_separate),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
