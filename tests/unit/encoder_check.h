/* encoder_check.h: a model of the cache against the reference vectors. Include behind cmocka's own includes. */
#ifndef CLIO_TEST_ENCODER_CHECK_H
#define CLIO_TEST_ENCODER_CHECK_H

#include "models.h"
#include "num/encoder.h"

#include <math.h>

struct test_model {
    struct file_map config, tokenizer, weights;
    struct encoder *enc;
};

static inline struct test_model test_model_open(const char *folder, enum encoder_arithmetic arithmetic)
{
    struct error e = {0};
    struct test_model m = {model_map(folder, "config.json"), model_map(folder, "tokenizer.json"),
                           model_map(folder, "model.safetensors"), NULL};
    struct encoder_files files = {m.config.bytes, m.tokenizer.bytes, m.weights.bytes};
    if (encoder_new(&files, arithmetic, &m.enc, &e) != ERR_OK)
        fail_msg("%s", e.text);
    return m;
}

static inline void test_model_close(struct test_model *m)
{
    encoder_free(m->enc);
    file_map_close(&m->config);
    file_map_close(&m->tokenizer);
    file_map_close(&m->weights);
}

/* The cosine of a row with a reference vector, whose components are integers, times a million. */
static inline double cosine(const float *row, yyjson_val *want)
{
    double dot = 0, a = 0, b = 0;
    size_t d = yyjson_arr_size(want);
    for (size_t i = 0; i < d; i++) {
        double x = (double)row[i], y = yyjson_get_num(yyjson_arr_get(want, i)) / 1e6;
        dot += x * y;
        a += x * x;
        b += y * y;
    }
    assert_true(fabs(a - 1) < 1e-5); /* unit rows */
    return dot / sqrt(a * b);
}

/* The reference file holds rows [text, tokens, vector]. */
static inline void check_reference(const struct encoder *enc, const char *file)
{
    enum { TEXTS_MAX = 32 };
    yyjson_doc *doc = reference(file);
    yyjson_val *rows = yyjson_doc_get_root(doc);
    struct str texts[TEXTS_MAX];
    size_t n = yyjson_arr_size(rows), d = encoder_width(enc);
    uint64_t tokens = 0, tokens_want = 0;
    double worst = 1;
    assert_true(n <= TEXTS_MAX);
    for (size_t i = 0; i < n; i++) {
        yyjson_val *row = yyjson_arr_get(rows, i);
        texts[i] = json_str(yyjson_arr_get(row, 0));
        tokens_want += yyjson_get_uint(yyjson_arr_get(row, 1));
    }
    float *out = malloc(n * d * sizeof *out);
    struct par *par = par_new(2);
    struct error e = {0};
    assert_int_equal(encoder_run(enc, texts, n, 0, (struct mat){out, n, d}, &tokens, par, &e), ERR_OK);
    assert_int_equal(tokens, tokens_want);
    for (size_t i = 0; i < n; i++) {
        yyjson_val *want = yyjson_arr_get(yyjson_arr_get(rows, i), 2);
        assert_int_equal(yyjson_arr_size(want), d);
        double c = cosine(out + i * d, want);
        worst = c < worst ? c : worst;
    }
    print_message("%s: worst cosine %.9f\n", file, worst);
    assert_true(worst >= 0.999999);
    par_free(par);
    free(out);
    yyjson_doc_free(doc);
}

#endif
