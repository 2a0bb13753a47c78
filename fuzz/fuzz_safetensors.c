/* An encoder's weights: the header is believed only as far as the file goes. */
#include "fuzz.h"

#include "num/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        size_t rows, columns;
    } shapes[] = {{1, 0}, {2, 0}, {2, 2}, {2, 3}, {SIZE_MAX, 0}, {SIZE_MAX / 4, 4}};
    struct safetensors s;
    struct error e = {0};
    if (safetensors_open(&s, fuzz_view(data, size), &e) != ERR_OK) {
        assert(e.code == ERR_MODEL && e.text[0]);
        return 0;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const char *at;
        if (safetensors_find(&s, "w", shapes[i].rows, shapes[i].columns, &at, &e) != ERR_OK)
            continue;
        size_t bytes = shapes[i].rows * (shapes[i].columns ? shapes[i].columns : 1) * sizeof(float);
        assert(bytes <= size);
        char *copy = mem_new(bytes + 1, 1);
        memcpy(copy, at, bytes); /* a read outside the file is the sanitizer's to see */
        free(copy);
    }
    safetensors_close(&s);
    return 0;
}
