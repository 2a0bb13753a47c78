/* A configuration file. One that passes is written canonically, and read back as the same. */
#include "fuzz.h"

#include "config/config.h"

static struct str written(const struct config *c, struct buf *out)
{
    config_write(c, out);
    return buf_str(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c = {0}, again = {0};
    struct error e = {0};
    struct buf first = {0}, second = {0};
    if (config_parse(fuzz_view(data, size), "fuzz", &c, &e) != ERR_OK) {
        assert(e.code == ERR_CONFIG && e.text[0]);
        return 0;
    }
    if (config_check(&c, &e) == ERR_OK) {
        enum err result = config_parse(written(&c, &first), "written", &again, &e);
        assert(result == ERR_OK);
        result = config_check(&again, &e);
        assert(result == ERR_OK && str_eq(buf_str(&first), written(&again, &second)));
        config_release(&again);
    } else {
        assert(e.code == ERR_CONFIG && e.text[0]);
    }
    config_release(&c);
    buf_release(&first);
    buf_release(&second);
    return 0;
}
