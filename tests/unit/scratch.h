/* scratch.h: a private folder for one test, gone afterwards. Include behind cmocka's own includes. */
#ifndef CLIO_TEST_SCRATCH_H
#define CLIO_TEST_SCRATCH_H

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK(call) assert_int_equal((call), ERR_OK)

static inline int scratch_setup(void **state)
{
    char *folder = strdup("/tmp/clio-test-XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
    file_remove_tree(*state);
    free(*state);
    return 0;
}

/* "FOLDER/inside", valid until the test ends. */
static inline const char *scratch_path(void **state, const char *inside, char out[256])
{
    snprintf(out, 256, "%s/%s", (const char *)*state, inside);
    return out;
}

static inline unsigned scratch_mode(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

#endif
