/* A tokenizer.json, a zero byte, and a text for it. Without the zero byte the whole is the text, for a tokenizer of
 * ours.
 */
#include "fuzz.h"

#include "num/wordpiece.h"

#include <string.h>

#define OURS                                                                                                           \
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"normalized\":false},"                                          \
    "{\"id\":3,\"content\":\"<unk>\",\"normalized\":true}],\"normalizer\":{\"type\":\"BertNormalizer\"},"              \
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"                                                               \
    "\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0]},"                    \
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","                  \
    "\"vocab\":{\"<s>\":0,\"</s>\":2,\"[UNK]\":4,\"un\":5,\"##able\":6,\"##a\":7,\"!\":8}}}"

static void encode(const struct wordpiece *w, struct str text, size_t room)
{
    uint32_t ids[64];
    size_t n = wordpiece_encode(w, text, ids, room);
    assert(n >= 2 && n <= room);
    for (size_t i = 0; i < n; i++)
        assert(ids[i] < wordpiece_size(w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = fuzz_view(data, size), json = STR(OURS);
    const char *zero = size ? memchr(data, 0, size) : NULL;
    if (zero) {
        json = (struct str){text.at, (size_t)(zero - text.at)};
        text = (struct str){zero + 1, size - json.n - 1};
    }
    struct wordpiece *w;
    struct error e = {0};
    if (wordpiece_new(json, &w, &e) == ERR_OK) {
        encode(w, text, 64);
        encode(w, text, 3);
    } else {
        assert(zero && !w && e.code == ERR_MODEL);
    }
    wordpiece_free(w);
    return 0;
}
