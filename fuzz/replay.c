/* Feeds files to a fuzz target once each: the corpus as a quick test, or a crash's file under a debugger. */
#include "fuzz.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 16 << 20 };

/* A copy of exactly its size, so that a read behind the end is one the sanitizers see. */
static int replay(const char *path)
{
    struct buf bytes = {0};
    struct error e = {0};
    if (file_read(path, FILE_MAX, &bytes, &e) != ERR_OK) {
        fprintf(stderr, "replay: %s\n", e.text);
        buf_release(&bytes);
        return 1;
    }
    uint8_t *copy = mem_new(bytes.n ? bytes.n : 1, 1);
    if (bytes.n)
        memcpy(copy, bytes.at, bytes.n);
    LLVMFuzzerTestOneInput(copy, bytes.n);
    free(copy);
    buf_release(&bytes);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("replay: %d files\n", argc - 1);
    return failed;
}
