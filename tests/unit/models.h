/* models.h: the models of the cache and the reference data, for tests. Include behind cmocka's own includes. */
#ifndef CLIO_TEST_MODELS_H
#define CLIO_TEST_MODELS_H

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline struct file_map test_map(const char *path)
{
    struct file_map map;
    struct error e = {0};
    if (file_map_open(&map, path, &e) != ERR_OK) {
        print_error("%s\nrun tools/deps: it installs the models the tests need\n", e.text);
        fail();
    }
    return map;
}

/* A file of the model cache: "all-MiniLM-L6-v2", "config.json". */
static inline struct file_map model_map(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/models/%s%s%s", CLIO_CACHE_DIR, folder, *folder ? "/" : "", name);
    return test_map(path);
}

/* A JSON file of tests/reference, an array; yyjson_doc_free() it. */
static inline yyjson_doc *reference(const char *name)
{
    char path[1024];
    yyjson_doc *doc = NULL;
    struct error e = {0};
    snprintf(path, sizeof path, "%s/reference/%s", TEST_SOURCE_DIR, name);
    struct file_map map = test_map(path);
    assert_int_equal(json_parse(map.bytes, false, &doc, &e), ERR_OK);
    file_map_close(&map);
    assert_true(yyjson_arr_size(yyjson_doc_get_root(doc)) > 0);
    return doc;
}

/* The bytes alone at the end of their memory, so that the sanitizer sees any step past them; free(.at). */
static inline struct str alone(struct str s, size_t n)
{
    char *at = malloc(n ? n : 1);
    memcpy(at, s.at, n);
    return (struct str){at, n};
}

#endif
