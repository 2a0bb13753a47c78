/* What the page's server judges by hand: headers, one a line (host, origin, fetch site, lengths), then a query value.
 */
#include "fuzz.h"

#include "serve/guard.h"

#include <string.h>
#include <strings.h>

enum { PORT = 7411 };

/* An empty line is a header that was not sent. */
static struct str header(struct str *rest)
{
    struct str line = str_cut(rest, '\n');
    return line.n ? line : (struct str){0};
}

static void check_decoded(struct str raw)
{
    char out[48];
    struct str decoded;
    if (!guard_decode(raw, out, sizeof out, &decoded))
        return;
    assert(decoded.at == out && decoded.n < sizeof out && out[decoded.n] == '\0');
    assert(decoded.n <= raw.n && !memchr(out, 0, decoded.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = fuzz_view(data, size);
    struct guard_request r = {.port = PORT, .hosts = 1};
    r.host = header(&rest);
    r.origin = header(&rest);
    r.fetch_site = header(&rest);
    r.content_length = header(&rest);
    r.transfer_encoding = header(&rest);
    unsigned status = 0;
    const char *refusal = guard_refusal(&r, &status);
    assert(refusal ? status == 400 || status == 403 : status == 0);
    if (!refusal) { /* the three names of this computer, and no other */
        assert(r.host.n >= 5 && memcmp(r.host.at + r.host.n - 5, ":7411", 5) == 0);
        struct str name = {r.host.at, r.host.n - 5};
        assert(str_eqz(name, "127.0.0.1") || str_eqz(name, "[::1]") ||
               (name.n == 9 && strncasecmp(name.at, "localhost", 9) == 0));
    }
    check_decoded(rest);
    return 0;
}
