#include "serve/guard.h"

#include <stdio.h>
#include <strings.h>

static bool same_name(struct str a, const char *z)
{
    struct str b = str_of(z);
    return a.n == b.n && strncasecmp(a.at, b.at, a.n) == 0;
}

/* "127.0.0.1:PORT" and its two other names; the port may be missing only where it is HTTP's own. */
static bool is_our_host(struct str host, uint16_t port)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char full[40];
        snprintf(full, sizeof full, "%s:%u", names[i], (unsigned)port);
        if (same_name(host, full) || (port == 80 && same_name(host, names[i])))
            return true;
    }
    return false;
}

static bool is_our_origin(struct str origin, uint16_t port)
{
    struct str scheme = STR("http://");
    return str_has_prefix(origin, scheme) && is_our_host((struct str){origin.at + scheme.n, origin.n - scheme.n}, port);
}

static const char *refuse(unsigned *status, unsigned code, const char *reason)
{
    *status = code;
    return reason;
}

const char *guard_refusal(const struct guard_request *r, unsigned *status)
{
    if (r->hosts != 1 || !r->host.at)
        return refuse(status, 400, "exactly one Host header is needed");
    if (r->content_length.at && r->transfer_encoding.at)
        return refuse(status, 400, "the request states its length twice");
    if (!is_our_host(r->host, r->port))
        return refuse(status, 403, "the Host header does not name this server");
    if (r->origin.at && !is_our_origin(r->origin, r->port))
        return refuse(status, 403, "the request comes from another site");
    if (r->fetch_site.at && !str_eqz(r->fetch_site, "same-origin") && !str_eqz(r->fetch_site, "none"))
        return refuse(status, 403, "the request comes from another site");
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool guard_decode(struct str raw, char *out, size_t size, struct str *decoded)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.at[i] == '+' ? ' ' : raw.at[i];
        if (c == '%') {
            bool whole = raw.n - i > 2;
            int hi = whole ? hex_digit(raw.at[i + 1]) : -1, lo = whole ? hex_digit(raw.at[i + 2]) : -1;
            if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
                return false;
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    *decoded = (struct str){out, n};
    return true;
}
