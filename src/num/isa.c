#include "num/isa.h"

#include <stdbool.h>

static bool has(enum isa isa)
{
#if defined(__x86_64__)
    if (isa == ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq");
    if (isa == ISA_AVX2)
        return __builtin_cpu_supports("avx2");
#endif
    return isa == ISA_PLAIN;
}

enum isa isa_at(size_t i)
{
    for (enum isa isa = ISA_AVX512; isa < ISAS; isa++)
        if (has(isa) && i-- == 0)
            return isa;
    return ISAS;
}
