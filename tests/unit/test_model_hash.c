/* hash: the scripted embedder. Unit rows, the same for any number of threads, and near where words are shared. */
#include "model/model.h"

#include "base/clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double dot(struct mat m, size_t a, size_t b)
{
    double sum = 0;
    for (size_t i = 0; i < m.d; i++)
        sum += (double)mat_row(m, a)[i] * (double)mat_row(m, b)[i];
    return sum;
}

static void near_where_words_are_shared(void **state)
{
    (void)state;
    static const struct str texts[] = {STR_INIT("repair the chain of a bicycle"), STR_INIT("Repair a bicycle chain!"),
                                       STR_INIT("translate a poem into French"),  STR_INIT(""),
                                       STR_INIT("repair the chain of a bicycle"), STR_INIT("\xff\x00?")};
    enum { N = sizeof texts / sizeof *texts };
    struct model m;
    assert_int_equal(model_open(STR("hash:768"), NULL, &m, NULL), ERR_OK);
    assert_int_equal(m.info.width, 768);
    assert_true(m.info.scripted);
    assert_null(m.ops->complete);
    struct mat out = {mem_new(N * 768, sizeof(float)), N, 768};
    struct usage usage = {0};
    assert_int_equal(m.ops->embed(m.ctx, texts, N, out, &usage, NULL), ERR_OK);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs(dot(out, i, i) - 1) < 1e-5);
    assert_true(dot(out, 0, 1) > 0.5);
    assert_true(fabs(dot(out, 0, 2)) < 0.35);
    assert_true(dot(out, 0, 1) > dot(out, 0, 2) + 0.3);
    assert_memory_equal(mat_row(out, 0), mat_row(out, 4), 768 * sizeof(float));
    assert_true(usage.tokens_in > 15);
    free(out.at);
    model_close(&m);
}

static void same_for_any_threads_and_fast(void **state)
{
    (void)state;
    enum { N = 4000, WORDS = 20, D = 256 };
    struct arena a = {0};
    struct str *texts = arena_new(&a, N, sizeof *texts);
    for (size_t i = 0; i < N; i++) {
        struct buf b = {0};
        for (size_t w = 0; w < WORDS; w++)
            buf_printf(&b, "word%zu ", (i * 31 + w * w * 7) % 997);
        texts[i] = str_dup(&a, buf_str(&b));
        buf_release(&b);
    }
    struct mat out[2];
    for (size_t t = 0; t < 2; t++) {
        struct model_opts opts = {.par = par_new(t + 1)};
        struct model m;
        out[t] = (struct mat){mem_new(N * D, sizeof(float)), N, D};
        assert_int_equal(model_open(STR("hash:256"), &opts, &m, NULL), ERR_OK);
        double start = clock_seconds();
        assert_int_equal(m.ops->embed(m.ctx, texts, N, out[t], NULL, NULL), ERR_OK);
        print_message("%.2f million words/s on %zu threads\n", 1e-6 * N * WORDS / (clock_seconds() - start), t + 1);
        model_close(&m);
        par_free(opts.par);
    }
    assert_memory_equal(out[0].at, out[1].at, (size_t)N * D * sizeof(float));
    free(out[0].at);
    free(out[1].at);
    arena_release(&a);
}

static void bad_widths_are_refused(void **state)
{
    (void)state;
    static const char *const specs[] = {"hash:", "hash:x", "hash:0", "hash:-5", "hash:100000"};
    struct model m;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        assert_int_equal(model_open(str_of(specs[i]), NULL, &m, NULL), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_where_words_are_shared),
        cmocka_unit_test(same_for_any_threads_and_fast),
        cmocka_unit_test(bad_widths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
