/*
 * fuzz.h: a target is one file with this one function. It takes any bytes, never fails, and leaves nothing behind;
 * a property that does not hold is an assertion.
 *
 * The same file is linked twice: with libFuzzer (preset fuzz), and with replay.c, which feeds it the corpus in every
 * build. To add one: write fuzz_NAME.c, put a few invented files into corpus/NAME/, and configure again.
 */
#ifndef CLIO_FUZZ_FUZZ_H
#define CLIO_FUZZ_FUZZ_H

#undef NDEBUG /* the properties are the point, in a release build too */

#include "base/str.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct str fuzz_view(const uint8_t *data, size_t size)
{
    return (struct str){(const char *)data, size};
}

#endif
