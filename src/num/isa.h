/*
 * isa.h: the instruction sets that float kernels are built for (kernels.c, umap_forces.c), chosen at run time. Those on
 * bytes choose for themselves (codes.h): they need more special ones.                                    Layer: num.
 */
#ifndef CLIO_NUM_ISA_H
#define CLIO_NUM_ISA_H

#include <stddef.h>

/* Best first. ISA_PLAIN is what the compiler makes for every processor of the kind: SSE2 on x86-64, NEON on arm64. */
enum isa { ISA_AVX512, ISA_AVX2, ISA_PLAIN, ISAS };

/* The i-th best that this processor has; ISAS where it has no more. */
enum isa isa_at(size_t i);

#endif
