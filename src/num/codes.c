#include "num/codes.h"

#include "num/codes_sets.h"

#include <math.h>
#include <string.h>

static void plain_dots(const struct codes_block *k)
{
    for (size_t i = 0; i < k->an; i++)
        for (size_t j = 0; j < k->bn; j += CODES_PANEL) {
            const int8_t *a = k->a + i * k->stride, *b = k->b + j * k->stride;
            int32_t sums[CODES_PANEL] = {0};
            for (size_t q = 0; q < k->stride; q += 4, b += 4 * CODES_PANEL)
                for (size_t c = 0; c < CODES_PANEL; c++)
                    for (size_t s = 0; s < 4; s++)
                        sums[c] += a[q + s] * b[4 * c + s];
            memcpy(k->out + i * k->bn + j, sums, sizeof sums);
        }
}

static int32_t plain_dot(const int8_t *a, const int8_t *b, size_t stride)
{
    int32_t sum = 0;
    for (size_t i = 0; i < stride; i++)
        sum += a[i] * b[i];
    return sum;
}

static size_t plain_above(const int32_t *dots, const float *scales, size_t n, float floor, uint32_t *where,
                          float *products)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        float product = (float)dots[i] * scales[i];
        where[found] = (uint32_t)i;
        products[found] = product;
        found += product > floor;
    }
    return found;
}

void codes_plain_keep(struct codes_list list, const uint32_t *ids, const float *scores, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = list.size - 1;
        if (!(scores[i] > list.scores[at]))
            continue;
        for (; at > 0 && list.scores[at - 1] < scores[i]; at--) {
            list.scores[at] = list.scores[at - 1];
            list.ids[at] = list.ids[at - 1];
        }
        list.scores[at] = scores[i];
        list.ids[at] = ids[i];
    }
}

static const struct codes_kernels plain_set = {
    .name = "plain", .dots = plain_dots, .dot = plain_dot, .above = plain_above, .keep = codes_plain_keep};

const struct codes_kernels *codes_at(size_t i)
{
    const struct codes_kernels *sets[] = {codes_amx(), codes_avx512(), codes_avx2(), &plain_set};
    for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++)
        if (sets[s] && i-- == 0)
            return sets[s];
    return NULL;
}

const struct codes_kernels *codes_best(void)
{
    return codes_at(0);
}

size_t codes_stride(size_t d)
{
    return (d + CODES_CHUNK - 1) / CODES_CHUNK * CODES_CHUNK;
}

float codes_quantise(const float *row, size_t d, int8_t *code)
{
    float largest = 0;
    for (size_t j = 0; j < d; j++)
        largest = fabsf(row[j]) > largest ? fabsf(row[j]) : largest;
    memset(code, 0, codes_stride(d));
    float up = 127.0f / largest;
    if (!(up < INFINITY)) /* all zero, or so small that the scale has no inverse */
        return 0;
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    for (size_t j = 0; j < d; j++)
        code[j] = (int8_t)(int32_t)(row[j] * up + round - round);
    return largest / 127.0f;
}

void codes_pack(const int8_t *in, size_t n, size_t stride, int8_t *out)
{
    for (size_t first = 0; first < n; first += CODES_PANEL, in += CODES_PANEL * stride)
        for (size_t q = 0; q < stride; q += 4)
            for (size_t c = 0; c < CODES_PANEL; c++, out += 4)
                memcpy(out, in + c * stride + q, 4);
}
