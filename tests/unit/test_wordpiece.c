/* WordPiece against Hugging Face's tokenizers, on many languages and on strings made to break it; broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "num/wordpiece.h"

enum { ROOM = 64 };

/* MPNet's particulars in small: RoBERTa's start and end, a token found after normalising, one with lstrip. */
#define SMALL_HEAD                                                                                                     \
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"normalized\":false},"                                          \
    "{\"id\":3,\"content\":\"<unk>\",\"normalized\":true},"                                                            \
    "{\"id\":9,\"content\":\"<mask>\",\"lstrip\":true,\"normalized\":false}],"                                         \
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,"                   \
    "\"strip_accents\":null,\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"                    \
    "\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0]},"
#define SMALL_MODEL                                                                                                    \
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","                  \
    "\"max_input_chars_per_word\":6,\"vocab\":{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"[UNK]\":4,\"un\":5,"                 \
    "\"##able\":6,\"##a\":7,\"!\":8}}}"
#define SMALL SMALL_HEAD SMALL_MODEL

static void check_ids(const struct wordpiece *w, struct str text, const uint32_t *want, size_t n)
{
    uint32_t ids[ROOM];
    size_t got = wordpiece_encode(w, text, ids, ROOM);
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ids[i], want[i]);
}

static void same_ids_as_the_reference(void **state)
{
    (void)state;
    struct file_map map = model_map("all-MiniLM-L6-v2", "tokenizer.json");
    yyjson_doc *doc = reference("wordpiece_minilm.json");
    struct wordpiece *w = NULL;
    struct error e = {0};
    assert_int_equal(wordpiece_new(map.bytes, &w, &e), ERR_OK);
    assert_int_equal(wordpiece_size(w), 30522);
    yyjson_arr_iter rows = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
    for (yyjson_val *row; (row = yyjson_arr_iter_next(&rows));) {
        uint32_t want[ROOM];
        yyjson_val *ids = yyjson_arr_get(row, 1);
        size_t n = yyjson_arr_size(ids);
        for (size_t i = 0; i < n && i < ROOM; i++)
            want[i] = (uint32_t)yyjson_get_uint(yyjson_arr_get(ids, i));
        check_ids(w, json_str(yyjson_arr_get(row, 0)), want, n);
    }
    wordpiece_free(w);
    yyjson_doc_free(doc);
    file_map_close(&map);
}

static void small_model_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ids[8];
        size_t n;
    } rows[] = {
        {"", {0, 2}, 2},
        {"unable", {0, 5, 6, 2}, 4},
        {"UN\xc3\x80", {0, 5, 7, 2}, 4},                  /* capital A with grave */
        {"unableun", {0, 4, 2}, 3},                       /* too long a word */
        {"unx un", {0, 4, 5, 2}, 4},                      /* no split to its end: unknown as a whole */
        {"un!!a", {0, 5, 8, 8, 4, 2}, 6},                 /* punctuation stands alone */
        {"x <UNK>un<\xc3\xbanK>", {0, 4, 3, 5, 3, 2}, 6}, /* found in the normal form */
        {"un  <mask>un", {0, 5, 9, 5, 2}, 5},
        {"<MASK>", {0, 4, 4, 4, 2}, 5},   /* not found in the normal form */
        {"u\xff\xfen\xc3", {0, 5, 2}, 3}, /* invalid UTF-8 is U+FFFD, which is dropped */
    };
    struct wordpiece *w = NULL;
    struct error e = {0};
    assert_int_equal(wordpiece_new(STR(SMALL), &w, &e), ERR_OK);
    assert_int_equal(wordpiece_size(w), 10);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_ids(w, str_of(rows[i].text), rows[i].ids, rows[i].n);
    wordpiece_free(w);
}

static void longer_texts_lose_their_end(void **state)
{
    (void)state;
    struct wordpiece *w = NULL;
    struct error e = {0};
    uint32_t ids[ROOM];
    assert_int_equal(wordpiece_new(STR(SMALL), &w, &e), ERR_OK);
    assert_int_equal(wordpiece_encode(w, STR("unable"), ids, 3), 3); /* in the middle of a word */
    assert_int_equal(ids[1], 5);
    assert_int_equal(ids[2], 2);
    assert_int_equal(wordpiece_encode(w, STR("unable"), ids, 2), 2);
    assert_int_equal(ids[1], 2);
    wordpiece_free(w);
}

/* A run of marks in the worst order takes linear time: a second would be a sign that it does not. */
static void hostile_marks(void **state)
{
    (void)state;
    struct wordpiece *w = NULL;
    struct error e = {0};
    uint32_t ids[ROOM];
    struct buf b = {0};
    assert_int_equal(wordpiece_new(STR(SMALL), &w, &e), ERR_OK);
    for (size_t i = 0; i < 200000; i++)
        buf_add(&b, i % 2 ? STR("\xcc\x96") : STR("\xcc\x80"));
    assert_int_equal(wordpiece_encode(w, buf_str(&b), ids, ROOM), 2);
    buf_release(&b);
    wordpiece_free(w);
}

static void refused(const char *json)
{
    struct wordpiece *w = NULL;
    struct error e = {0};
    assert_int_equal(wordpiece_new(str_of(json), &w, &e), ERR_MODEL);
    assert_null(w);
    assert_true(e.text[0] != '\0');
}

static void broken_files(void **state)
{
    (void)state;
    struct str all = STR(SMALL);
    for (size_t n = 0; n < all.n; n++) {
        struct str part = alone(all, n);
        struct wordpiece *w = NULL;
        assert_int_equal(wordpiece_new(part, &w, NULL), ERR_MODEL);
        free((void *)(uintptr_t)part.at);
    }
    refused("[]");
    refused(SMALL_HEAD "\"model\":{\"type\":\"BPE\"}}");
    refused(SMALL_HEAD "\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}");
    refused(SMALL_HEAD "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                       "\"vocab\":{\"a\":-1}}}");
    refused(SMALL_HEAD "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                       "\"vocab\":{\"a\":1,\"b\":99999999999}}}");
    refused(SMALL_HEAD "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"continuing_subword_prefix\":\"##\","
                       "\"vocab\":{\"a\":1}}}");
    refused("{\"normalizer\":{\"type\":\"NFC\"}," SMALL_MODEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_ids_as_the_reference),
        cmocka_unit_test(small_model_rules),
        cmocka_unit_test(longer_texts_lose_their_end),
        cmocka_unit_test(hostile_marks),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
