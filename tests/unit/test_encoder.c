/* Sentence vectors against numpy; a tiny made-up MPNet; equal bits for threads and instruction sets; damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoder_check.h"
#include "num/codes.h"
#include "num/kernels.h"

/* The tiny model of tests/reference/make_encoder.py. */
enum { TINY_D = 64, TINY_F = 96, TINY_H = 2, TINY_LAYERS = 2, TINY_VOCAB = 30, TINY_ROWS = 152, TINY_LETTERS = 26 };

static const char tiny_config[] =
    "{\"model_type\":\"mpnet\",\"hidden_act\":\"gelu\",\"hidden_size\":64,\"num_attention_heads\":2,"
    "\"intermediate_size\":96,\"num_hidden_layers\":2,\"vocab_size\":30,\"max_position_embeddings\":152,"
    "\"pad_token_id\":1,\"relative_attention_num_buckets\":32,\"layer_norm_eps\":1e-5}";

struct tiny {
    struct buf header, data, tokenizer;
    size_t count;
    struct buf file; /* the weights, whole */
};

static uint64_t mix(uint64_t k)
{
    k += 0x9e3779b97f4a7c15u;
    k = (k ^ k >> 30) * 0xbf58476d1ce4e5b9u;
    k = (k ^ k >> 27) * 0x94d049bb133111ebu;
    return k ^ k >> 31;
}

static void add_tensor(struct tiny *t, const char *name, size_t rows, size_t columns)
{
    size_t size = rows * (columns ? columns : 1);
    bool norm = strstr(name, "LayerNorm.weight") != NULL;
    buf_printf(&t->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", t->count ? "," : "{", name, rows);
    if (columns)
        buf_printf(&t->header, ",%zu", columns);
    buf_printf(&t->header, "],\"data_offsets\":[%zu,%zu]}", t->data.n, t->data.n + size * sizeof(float));
    for (size_t i = 0; i < size; i++) {
        double v = ((double)(mix(((uint64_t)t->count << 32) + i) >> 48) / 32768 - 1) / 4 + (norm ? 1 : 0);
        float f = (float)v;
        buf_add(&t->data, (struct str){(const char *)&f, sizeof f});
    }
    t->count++;
}

static void add_layer(struct tiny *t, size_t layer)
{
    static const struct {
        const char *name;
        size_t rows, columns;
    } parts[] = {
        {"attention.attn.q", TINY_D, TINY_D}, {"attention.attn.k", TINY_D, TINY_D},
        {"attention.attn.v", TINY_D, TINY_D}, {"attention.attn.o", TINY_D, TINY_D},
        {"attention.LayerNorm", TINY_D, 0},   {"intermediate.dense", TINY_F, TINY_D},
        {"output.dense", TINY_D, TINY_F},     {"output.LayerNorm", TINY_D, 0},
    };
    char name[100];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(name, sizeof name, "encoder.layer.%zu.%s.weight", layer, parts[i].name);
        add_tensor(t, name, parts[i].rows, parts[i].columns);
        snprintf(name, sizeof name, "encoder.layer.%zu.%s.bias", layer, parts[i].name);
        add_tensor(t, name, parts[i].rows, 0);
    }
}

/* The weights' file out of its parts; `header` may be a damaged one. */
static void tiny_assemble(struct tiny *t, struct str header)
{
    uint64_t length = header.n;
    buf_clear(&t->file);
    buf_add(&t->file, (struct str){(const char *)&length, sizeof length});
    buf_add(&t->file, header);
    buf_add(&t->file, buf_str(&t->data));
}

static struct tiny tiny_make(void)
{
    struct tiny t = {0};
    add_tensor(&t, "embeddings.word_embeddings.weight", TINY_VOCAB, TINY_D);
    add_tensor(&t, "embeddings.position_embeddings.weight", TINY_ROWS, TINY_D);
    add_tensor(&t, "embeddings.LayerNorm.weight", TINY_D, 0);
    add_tensor(&t, "embeddings.LayerNorm.bias", TINY_D, 0);
    add_tensor(&t, "encoder.relative_attention_bias.weight", 32, TINY_H);
    for (size_t i = 0; i < TINY_LAYERS; i++)
        add_layer(&t, i);
    buf_addz(&t.header, "}");
    tiny_assemble(&t, buf_str(&t.header));
    buf_addz(&t.tokenizer, "{\"added_tokens\":[],\"normalizer\":{\"type\":\"BertNormalizer\"},"
                           "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":"
                           "{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0]},\"model\":"
                           "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                           "\"vocab\":{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"[UNK]\":29");
    for (int i = 0; i < TINY_LETTERS; i++)
        buf_printf(&t.tokenizer, ",\"%c\":%d", 'a' + i, 3 + i);
    buf_addz(&t.tokenizer, "}}}");
    return t;
}

static void tiny_release(struct tiny *t)
{
    buf_release(&t->header);
    buf_release(&t->data);
    buf_release(&t->tokenizer);
    buf_release(&t->file);
}

static enum err tiny_open(const struct tiny *t, struct str config, struct str weights,
                          enum encoder_arithmetic arithmetic, struct encoder **enc, struct error *e)
{
    struct encoder_files files = {config, buf_str(&t->tokenizer), weights};
    return encoder_new(&files, arithmetic, enc, e);
}

static void tiny_mpnet_as_numpy_has_it(void **state)
{
    (void)state;
    struct tiny t = tiny_make();
    struct encoder *enc = NULL;
    struct error e = {0};
    struct buf text = {0};
    float out[TINY_D];
    yyjson_doc *doc = reference("encoder_tiny.json");
    assert_int_equal(tiny_open(&t, STR(tiny_config), buf_str(&t.file), ENCODER_FLOATS, &enc, &e), ERR_OK);
    yyjson_arr_iter rows = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
    for (yyjson_val *row; (row = yyjson_arr_iter_next(&rows));) {
        yyjson_val *ids = yyjson_arr_get(row, 0);
        uint64_t tokens = 0;
        buf_clear(&text);
        for (size_t i = 1; i + 1 < yyjson_arr_size(ids); i++)
            buf_printf(&text, "%c ", (char)('a' + yyjson_get_uint(yyjson_arr_get(ids, i)) - 3));
        struct str s = buf_str(&text);
        assert_int_equal(encoder_run(enc, &s, 1, 0, (struct mat){out, 1, TINY_D}, &tokens, NULL, &e), ERR_OK);
        assert_int_equal(tokens, yyjson_arr_size(ids));
        assert_true(cosine(out, yyjson_arr_get(row, 1)) >= 0.999999);
    }
    yyjson_doc_free(doc);
    encoder_free(enc);
    buf_release(&text);
    tiny_release(&t);
}

static void minilm_as_numpy_has_it(void **state)
{
    (void)state;
    struct test_model m = test_model_open("all-MiniLM-L6-v2", ENCODER_FLOATS);
    assert_int_equal(encoder_width(m.enc), 384);
    check_reference(m.enc, "encoder_minilm.json");
    test_model_close(&m);
}

/* A row depends on its text alone: not on the others, their order, or the number of threads. */
static void check_same_bits(enum encoder_arithmetic arithmetic)
{
    enum { TEXTS = 150 };
    struct tiny t = tiny_make();
    struct encoder *enc = NULL;
    struct error e = {0};
    struct buf letters = {0};
    struct str texts[TEXTS];
    static float all[TEXTS][TINY_D], threads[TEXTS][TINY_D], one[TINY_D];
    assert_int_equal(tiny_open(&t, STR(tiny_config), buf_str(&t.file), arithmetic, &enc, &e), ERR_OK);
    for (int i = 0; i < 400; i++)
        buf_printf(&letters, "%c ", 'a' + i * i % 23);
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = (struct str){letters.at + 2 * i, i * 37 % 200};
    struct par *par = par_new(3);
    assert_int_equal(encoder_run(enc, texts, TEXTS, 60, (struct mat){all[0], TEXTS, TINY_D}, NULL, NULL, &e), ERR_OK);
    assert_int_equal(encoder_run(enc, texts, TEXTS, 60, (struct mat){threads[0], TEXTS, TINY_D}, NULL, par, &e),
                     ERR_OK);
    assert_memory_equal(all, threads, sizeof all);
    for (size_t i = 0; i < TEXTS; i += 7) {
        assert_int_equal(encoder_run(enc, &texts[i], 1, 60, (struct mat){one, 1, TINY_D}, NULL, NULL, &e), ERR_OK);
        assert_memory_equal(one, all[i], sizeof one);
    }
    assert_int_equal(encoder_run(enc, NULL, 0, 0, (struct mat){NULL, 0, TINY_D}, NULL, par, &e), ERR_OK);
    par_free(par);
    encoder_free(enc);
    buf_release(&letters);
    tiny_release(&t);
}

static void same_bits_however_it_is_run(void **state)
{
    (void)state;
    check_same_bits(ENCODER_FLOATS);
    check_same_bits(ENCODER_BYTES);
}

/* Random weights of one size everywhere are kinder to bytes than trained ones; those come next. */
static void bytes_are_near_floats(void **state)
{
    (void)state;
    enum { TEXTS = 8 };
    struct test_model floats = test_model_open("all-MiniLM-L6-v2", ENCODER_FLOATS);
    struct test_model bytes = test_model_open("all-MiniLM-L6-v2", ENCODER_BYTES);
    static const struct str texts[TEXTS] = {
        {"", 0},
        {"x", 1},
        {"How do I sort a list in Python?", 31},
        {"Schreibe mir einen Brief an die Hausverwaltung, die Heizung geht nicht.", 71},
        {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", 50},
        {"!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", 30},
        {"The user asks for help with a recipe for a cake without eggs, and then how long it has to be baked.", 99},
        {"SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 3;", 68},
    };
    static float a[TEXTS * 384], b[TEXTS * 384];
    struct error e = {0};
    assert_int_equal(encoder_run(floats.enc, texts, TEXTS, 0, (struct mat){a, TEXTS, 384}, NULL, NULL, &e), ERR_OK);
    assert_int_equal(encoder_run(bytes.enc, texts, TEXTS, 0, (struct mat){b, TEXTS, 384}, NULL, NULL, &e), ERR_OK);
    double mean = 0, worst = 1;
    for (size_t i = 0; i < TEXTS; i++) {
        double c = 0;
        for (size_t j = 0; j < 384; j++)
            c += (double)a[i * 384 + j] * (double)b[i * 384 + j];
        mean += c / TEXTS;
        worst = c < worst ? c : worst;
    }
    print_message("bytes against floats: cosine %.5f, worst %.5f\n", mean, worst);
    assert_true(mean >= 0.998 && worst >= 0.995);
    assert_true(memcmp(a, b, sizeof a) != 0); /* it is another arithmetic */
    test_model_close(&floats);
    test_model_close(&bytes);
}

enum { M = 13, N = 64, K = 500, ROW = 352 };

struct sums {
    float product[M][N], shares[ROW], norms[ROW], gelu[ROW], restored[M][N];
    struct code_scale scale;
    int8_t codes[M][CODES_CHUNK * 8];
};

/* A row as bytes and back, against plain loops. */
static void check_code(const struct kernels *k, const float *x, const float *shrink, size_t d, struct sums *s)
{
    float low = 0, high = 0;
    s->scale = k->code(x, shrink, d, s->codes[0]);
    for (size_t i = 0; i < d; i++) {
        float v = shrink ? x[i] * shrink[i] : x[i];
        low = fminf(low, v);
        high = fmaxf(high, v);
    }
    assert_true(fabsf(s->scale.scale - (high - low) / 252) <= 1e-6f * s->scale.scale);
    for (size_t i = 0; i < d; i++) {
        float v = shrink ? x[i] * shrink[i] : x[i];
        assert_true(fabsf(s->scale.scale * ((float)s->codes[0][i] + s->scale.zero) - v) <= s->scale.scale * 0.5001f);
    }
    for (size_t i = d; i < codes_stride(d); i++)
        assert_int_equal(s->codes[0][i], 0);
}

static void check_codes(const struct kernels *k, const float *a, struct sums *s)
{
    static int32_t products[M * N];
    struct code_scale rows[M];
    float columns[N], sums[N], bias[N], positive[64], large[64];
    for (size_t i = 0; i < 64; i++) {
        positive[i] = 1 + fabsf(a[i]);
        large[i] = a[i] * 1e30f;
    }
    for (size_t d = 32; d <= 512; d += 96) {
        check_code(k, a, NULL, d, s);
        check_code(k, a, a + 600, d, s);
    }
    check_code(k, positive, NULL, 64, s);
    check_code(k, large, NULL, 64, s);
    float zero[64] = {0}, tiny[64] = {1e-42f};
    assert_true(k->code(zero, NULL, 64, s->codes[1]).scale == 0 && s->codes[1][0] == 0);
    assert_true(k->code(tiny, NULL, 64, s->codes[2]).scale == 0 && s->codes[2][0] == 0);
    for (size_t i = 0; i < M * N; i++)
        products[i] = (int32_t)(mix(i) >> 40) - (1 << 23);
    for (size_t i = 0; i < M; i++)
        rows[i] = (struct code_scale){a[i], (float)i - 6};
    for (size_t i = 0; i < N; i++) {
        columns[i] = a[M + i];
        sums[i] = (float)(i * 1000) - 32000;
        bias[i] = a[M + N + i];
    }
    memset(s->restored, 0, sizeof s->restored);
    k->restore(&(struct product){M, N - 16, products, rows, columns, sums, bias, s->restored[0], N});
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double right = 0;
            if (j < N - 16)
                right = ((double)products[i * (N - 16) + j] + (double)rows[i].zero * (double)sums[j]) *
                            (double)rows[i].scale * (double)columns[j] +
                        (double)bias[j];
            assert_true(fabs((double)s->restored[i][j] - right) <= 1e-6 * (fabs(right) + 1));
        }
}

static void run_kernels(const struct kernels *k, struct sums *s)
{
    static float a[M * K], w[N * K], packed[N * K], near[ROW], x[ROW];
    for (size_t i = 0; i < M * K; i++)
        a[i] = (float)(int64_t)(mix(i) >> 40) / 16777216.0f - 0.5f;
    for (size_t i = 0; i < N * K; i++)
        w[i] = (float)(int64_t)(mix(i + 1000000) >> 40) / 16777216.0f - 0.5f;
    for (size_t i = 0; i < ROW; i++)
        x[i] = 40.0f * ((float)i / ROW - 0.5f);
    kernels_pack_rows(w, K, N, K, packed);
    k->gemm(&(struct gemm){.m = M, .n = N, .k = K, .a = a, .lda = K, .b = packed, .c = s->product[0], .ldc = N});
    memcpy(s->shares, x, sizeof x);
    k->softmax(s->shares, near, ROW, 0.7f);
    memcpy(s->norms, x, sizeof x);
    k->layer_norm(s->norms, a, w, w + ROW, ROW, 1e-5f);
    memcpy(s->gelu, x, sizeof x);
    k->gelu(s->gelu, ROW);
    check_codes(k, a, s);
    for (size_t i = 0; i < M; i++) {
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t l = 0; l < K; l++)
                sum += (double)a[i * K + l] * (double)w[j * K + l];
            assert_true(fabs(sum - (double)s->product[i][j]) < 1e-5);
        }
    }
    for (size_t i = 0; i < ROW; i++) {
        double v = (double)x[i];
        assert_true(fabs(v / 2 * (1 + erf(v / sqrt(2))) - (double)s->gelu[i]) < 2e-6);
    }
}

static void same_bits_on_every_instruction_set(void **state)
{
    (void)state;
    static struct sums first, other;
    run_kernels(kernels_at(0), &first);
    for (size_t i = 1; kernels_at(i); i++) {
        run_kernels(kernels_at(i), &other);
        print_message("%s against %s\n", kernels_at(i)->name, kernels_at(0)->name);
        assert_memory_equal(&first, &other, sizeof first);
    }
}

static void check_refused(const struct tiny *t, struct str config, struct str weights)
{
    struct encoder *enc = NULL;
    struct error e = {0};
    struct str part = alone(weights, weights.n);
    assert_int_equal(tiny_open(t, config, part, ENCODER_BYTES, &enc, &e), ERR_MODEL);
    assert_int_equal(tiny_open(t, config, part, ENCODER_FLOATS, &enc, &e), ERR_MODEL);
    assert_null(enc);
    assert_true(e.text[0] != '\0');
    free((void *)(uintptr_t)part.at);
}

/* The header with the first `from` replaced by `to`. */
static void check_header(struct tiny *t, const char *from, const char *to)
{
    struct str header = buf_str(&t->header);
    size_t at = str_find(header, str_of(from));
    struct buf changed = {0};
    assert_true(at != SIZE_MAX);
    buf_add(&changed, (struct str){header.at, at});
    buf_addz(&changed, to);
    buf_add(&changed, (struct str){header.at + at + strlen(from), header.n - at - strlen(from)});
    tiny_assemble(t, buf_str(&changed));
    check_refused(t, STR(tiny_config), buf_str(&t->file));
    buf_release(&changed);
}

static void damaged_weights(void **state)
{
    (void)state;
    struct tiny t = tiny_make();
    struct str whole = buf_str(&t.file);
    for (size_t n = 0; n < whole.n; n += n < 64 ? 1 : 4999)
        check_refused(&t, STR(tiny_config), (struct str){whole.at, n});
    check_refused(&t, STR(tiny_config), (struct str){whole.at, whole.n - 1});
    memset(t.file.at, 0xff, 8); /* a header of 2^64 - 1 bytes */
    check_refused(&t, STR(tiny_config), buf_str(&t.file));

    check_header(&t, "F32", "F64");
    check_header(&t, "F32", "F16");
    check_header(&t, "[30,64]", "[64,30]");
    check_header(&t, "[30,64]", "[30,64,1]");
    check_header(&t, "[30,64]", "[4294967296,4294967296]");
    check_header(&t, "[0,7680]", "[7680,0]");
    check_header(&t, "[0,7680]", "[18446744073709551608,7672]");
    check_header(&t, "[0,7680]", "[99999999,100007679]");
    check_header(&t, "[0,7680]", "[-4,7676]");
    check_header(&t, "[0,7680]", "7680");
    check_header(&t, "encoder.layer.1.output.dense.bias", "encoder.layer.1.output.dense.basis");
    check_header(&t, "{", "[");
    tiny_release(&t);
}

static void damaged_config(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{}",
        "[1]",
        "{\"model_type\":\"bert\"}",
        "{\"model_type\":\"mpnet\",\"hidden_act\":\"gelu\",\"hidden_size\":8192,\"num_attention_heads\":2,"
        "\"intermediate_size\":65536,\"num_hidden_layers\":128,\"vocab_size\":30,\"max_position_embeddings\":152,"
        "\"pad_token_id\":1,\"relative_attention_num_buckets\":32,\"layer_norm_eps\":1e-5}",
        "{\"model_type\":\"mpnet\",\"hidden_act\":\"gelu\",\"hidden_size\":64,\"num_attention_heads\":4,"
        "\"intermediate_size\":96,\"num_hidden_layers\":2,\"vocab_size\":30,\"max_position_embeddings\":152,"
        "\"pad_token_id\":1,\"relative_attention_num_buckets\":32,\"layer_norm_eps\":1e-5}",
        "{\"model_type\":\"mpnet\",\"hidden_act\":\"gelu\",\"hidden_size\":64,\"num_attention_heads\":2,"
        "\"intermediate_size\":96,\"num_hidden_layers\":2,\"vocab_size\":29,\"max_position_embeddings\":152,"
        "\"pad_token_id\":1,\"relative_attention_num_buckets\":32,\"layer_norm_eps\":1e-5}",
    };
    struct tiny t = tiny_make();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        check_refused(&t, str_of(wrong[i]), buf_str(&t.file));
    tiny_release(&t);
}

static void infinite_weights_are_an_error(void **state)
{
    (void)state;
    struct tiny t = tiny_make();
    struct str text = STR("a b c");
    memset(t.file.at + t.file.n - 64, 0xff, 64); /* NaN in the last bias */
    for (enum encoder_arithmetic a = ENCODER_BYTES; a <= ENCODER_FLOATS; a++) {
        struct encoder *enc = NULL;
        struct error e = {0};
        float out[TINY_D];
        assert_int_equal(tiny_open(&t, STR(tiny_config), buf_str(&t.file), a, &enc, &e), ERR_OK);
        assert_int_equal(encoder_run(enc, &text, 1, 0, (struct mat){out, 1, TINY_D}, NULL, NULL, &e), ERR_NUMERIC);
        encoder_free(enc);
    }
    tiny_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_mpnet_as_numpy_has_it),
        cmocka_unit_test(minilm_as_numpy_has_it),
        cmocka_unit_test(same_bits_however_it_is_run),
        cmocka_unit_test(bytes_are_near_floats),
        cmocka_unit_test(same_bits_on_every_instruction_set),
        cmocka_unit_test(damaged_weights),
        cmocka_unit_test(damaged_config),
        cmocka_unit_test(infinite_weights_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
