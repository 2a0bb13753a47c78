/* Cells: every row in one place, no cell too large, whatever the rows; and the same for any number of threads. */
#include "num_data.h"

#include "num/cells.h"

static void check(const struct cells *c, struct mat points)
{
    unsigned char *seen = mem_zero(points.n, 1);
    int8_t *code = mem_zero(c->stride, 1);
    size_t rows = 0;
    assert_int_equal(c->n, points.n);
    for (size_t cell = 0; cell < c->count; cell++) {
        assert_true(c->sizes[cell] > 0 && c->sizes[cell] <= CELLS_MAX);
        assert_int_equal(c->first[cell] % CODES_PANEL, 0);
        for (size_t place = c->first[cell]; place < c->first[cell + 1]; place++) {
            assert_int_equal(c->cell_of[place / CODES_PANEL], cell);
            if (place >= c->first[cell] + c->sizes[cell]) {
                assert_int_equal(c->row_of[place], UINT32_MAX);
                continue;
            }
            uint32_t row = c->row_of[place];
            assert_true(row < points.n && !seen[row]);
            seen[row] = 1;
            rows++;
            assert_true(c->scales[place] == codes_quantise(mat_row(points, row), points.d, code));
            assert_memory_equal(c->rows + place * c->stride, code, c->stride);
        }
    }
    assert_int_equal(rows, points.n);
    assert_int_equal(c->blocks[0], 0);
    assert_int_equal(c->blocks[c->blocks_count], c->count);
    for (size_t b = 0; b < c->blocks_count; b++) {
        const uint32_t *near = c->near + b * c->near_count;
        size_t own = 0;
        for (size_t t = 0; t < c->near_count; t++) {
            assert_true(near[t] < c->count && (t == 0 || near[t - 1] < near[t]));
            own += near[t] >= c->blocks[b] && near[t] < c->blocks[b + 1];
        }
        assert_int_equal(own, c->blocks[b + 1] - c->blocks[b]);
    }
    free(seen);
    free(code);
}

static void check_and_compare(struct mat points, const uint32_t *labels)
{
    struct cells one, two;
    struct par *par = par_new(3);
    cells_build(&one, points, labels, 7, NULL);
    cells_build(&two, points, labels, 7, par);
    check(&one, points);
    assert_int_equal(one.count, two.count);
    assert_memory_equal(one.first, two.first, (one.count + 1) * sizeof *one.first);
    assert_memory_equal(one.row_of, two.row_of, one.first[one.count] * sizeof *one.row_of);
    assert_memory_equal(one.near, two.near, one.blocks_count * one.near_count * sizeof *one.near);
    cells_release(&one);
    cells_release(&two);
    par_free(par);
}

static void groups(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(5000, 40, 37, 3);
    check_and_compare(points, NULL);
    free(points.at);
}

static void one_row_and_few_rows(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(257, 3, 2, 3);
    check_and_compare(mat_rows(points, 0, 1), NULL);
    check_and_compare(mat_rows(points, 0, 256), NULL);
    check_and_compare(points, NULL);
    free(points.at);
}

/* K-means cannot tell them apart: they are cut. */
static void equal_and_zero_rows(void **state)
{
    (void)state;
    struct mat points = data_new(3000, 5);
    check_and_compare(points, NULL);
    for (size_t i = 0; i < points.n; i++)
        mat_row(points, i)[i < 2900] = 1;
    check_and_compare(points, NULL);
    free(points.at);
}

static void more_cells_than_are_near(void **state)
{
    (void)state;
    const size_t n = 20000;
    struct mat points = data_unit_blobs(n, 6, 1200, 4);
    uint32_t *labels = mem_new(n, sizeof *labels);
    for (size_t i = 0; i < n; i++)
        labels[i] = (uint32_t)(i % 1200);
    struct cells c;
    cells_build(&c, points, labels, 1, NULL);
    check(&c, points);
    assert_int_equal(c.count, 1200);
    assert_int_equal(c.near_count, CELLS_NEAR);
    cells_release(&c);
    free(labels);
    free(points.at);
}

/* Clusters given are cells when they have a good size, split when they are large, unused when they are tiny. */
static void labels_given(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(2000, 20, 10, 5);
    uint32_t labels[2000];
    for (size_t i = 0; i < points.n; i++)
        labels[i] = i < 1000 ? (uint32_t)(i % 10) * 77 : 1000000;
    struct cells c;
    cells_build(&c, points, labels, 1, NULL);
    check(&c, points);
    for (size_t place = 0; place < c.first[10]; place++)
        assert_true(c.row_of[place] == UINT32_MAX || labels[c.row_of[place]] == labels[c.row_of[place / 16 * 16]]);
    assert_true(c.count > 13);
    cells_release(&c);
    for (uint32_t i = 0; i < points.n; i++)
        labels[i] = i;
    cells_build(&c, points, labels, 1, NULL);
    check(&c, points);
    assert_true(c.count < 200);
    cells_release(&c);
    free(points.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups),
        cmocka_unit_test(one_row_and_few_rows),
        cmocka_unit_test(equal_and_zero_rows),
        cmocka_unit_test(more_cells_than_are_near),
        cmocka_unit_test(labels_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
