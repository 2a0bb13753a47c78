#include "num/power.h"

#include <stdint.h>
#include <string.h>

static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33; /* their sum is ln 2 */

double power_exp(double x)
{
    if (x < -700)
        return 0;
    /* x = n ln 2 + r with |r| <= 0.35; e^r by its Taylor series up to r^13, in two halves that run side by side. */
    int64_t n = (int64_t)(x * 0x1.71547652b82fep0 + (x < 0 ? -0.5 : 0.5));
    double r = x - (double)n * ln2_high - (double)n * ln2_low;
    double s = r * r;
    double even =
        1 + s * (1.0 / 2 + s * (1.0 / 24 + s * (1.0 / 720 + s * (1.0 / 40320 + s * (1.0 / 3628800 + s / 479001600)))));
    double odd =
        1 +
        s * (1.0 / 6 + s * (1.0 / 120 + s * (1.0 / 5040 + s * (1.0 / 362880 + s * (1.0 / 39916800 + s / 6227020800)))));
    double scale;
    uint64_t bits = (uint64_t)(n + 1023) << 52; /* 2^n, written into the exponent */
    memcpy(&scale, &bits, sizeof scale);
    return (even + r * odd) * scale;
}

double power_log(double x)
{
    /* x = m 2^n with m from sqrt(1/2) to sqrt(2); log m = 2 atanh t, t = (m - 1) / (m + 1), |t| <= 0.172. */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t n = (int64_t)(bits >> 52) - 1023;
    double m;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        n++;
    }
    double t = (m - 1) / (m + 1), s = t * t, q = s * s;
    /* The series 1 + s/3 + s^2/5 ... s^10/21, even and odd powers side by side. */
    double even = 1 + q * (1.0 / 5 + q * (1.0 / 9 + q * (1.0 / 13 + q * (1.0 / 17 + q / 21))));
    double odd = 1.0 / 3 + q * (1.0 / 7 + q * (1.0 / 11 + q * (1.0 / 15 + q / 19)));
    return (double)n * ln2_high + ((double)n * ln2_low + 2 * t * (even + s * odd));
}

double power_raise(double x, double y)
{
    return x > 0 ? power_exp(y * power_log(x)) : 0;
}
