/*
 * power.h: exp, log and powers from additions, multiplications and one division in double. The C library's own differ
 * in the last bits between processors and versions, and a layout magnifies such differences until they are visible.
 * Relative error below 1e-14; tests/unit/test_umap.c compares with the C library.                        Layer: num.
 */
#ifndef CLIO_NUM_POWER_H
#define CLIO_NUM_POWER_H

double power_exp(double x);             /* 0 below -700; x at most 700 */
double power_log(double x);             /* x finite, above 0 and not denormal */
double power_raise(double x, double y); /* x as for power_log, or 0, which gives 0 for y > 0 */

#endif
