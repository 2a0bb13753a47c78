/* codes_sets.h: the kernels of codes.h for each instruction set. NULL where the processor has not got it. Inside codes.
 */
#ifndef CLIO_NUM_CODES_SETS_H
#define CLIO_NUM_CODES_SETS_H

#include "num/codes.h"

#include <stdbool.h>

const struct codes_kernels *codes_amx(void); /* Sapphire Rapids and later, where the kernel lets a process use tiles */
const struct codes_kernels *codes_avx512(void); /* with VNNI: Ice Lake, Zen 4 and later */
const struct codes_kernels *codes_avx2(void);

void codes_plain_keep(struct codes_list list, const uint32_t *ids, const float *scores, size_t n);
bool codes_amx_granted(void);
void codes_amx_dots(const struct codes_block *block);

#endif
