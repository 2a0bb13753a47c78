#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400 };
static const int64_t LATEST = 7258118400; /* 2200-01-01 */

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t clock_unix_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Two or four digits at *p, moved behind them; -1 when they are not digits. */
static int digits(const char **p, int count)
{
    int v = 0;
    for (int i = 0; i < count; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9')
            return -1;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += count;
    return v;
}

static bool parse_offset(const char *p, int *minutes)
{
    *minutes = 0;
    if (*p == '\0' || strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
        return true;
    if (*p != '+' && *p != '-')
        return false;
    int sign = *p++ == '-' ? -1 : 1;
    int h = digits(&p, 2);
    if (*p == ':')
        p++;
    int m = *p ? digits(&p, 2) : 0;
    if (h < 0 || h > 14 || m < 0 || m > 59 || *p)
        return false;
    *minutes = sign * (60 * h + m);
    return true;
}

static bool parse_iso(const char *p, int64_t *unix_s)
{
    struct tm tm = {0};
    int offset = 0;
    tm.tm_year = digits(&p, 4) - 1900;
    if (*p++ != '-')
        return false;
    tm.tm_mon = digits(&p, 2) - 1;
    if (*p++ != '-')
        return false;
    tm.tm_mday = digits(&p, 2);
    if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31)
        return false;
    if (*p == 'T' || *p == 't' || *p == ' ') {
        p++;
        tm.tm_hour = digits(&p, 2);
        if (*p++ != ':')
            return false;
        tm.tm_min = digits(&p, 2);
        tm.tm_sec = *p == ':' ? (p++, digits(&p, 2)) : 0;
        if (tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
            return false;
        if (*p == '.')
            for (p++; *p >= '0' && *p <= '9'; p++)
                continue;
    }
    if (!parse_offset(p, &offset))
        return false;
    int day = tm.tm_mday;
    *unix_s = (int64_t)timegm(&tm) - 60 * (int64_t)offset;
    return tm.tm_mday == day; /* timegm moves 31 February into March */
}

bool clock_parse(struct str text, int64_t *unix_s)
{
    char z[40];
    text = str_trim(text);
    if (text.n == 0 || text.n >= sizeof z || memchr(text.at, '\0', text.n))
        return false;
    memcpy(z, text.at, text.n);
    z[text.n] = '\0';
    if (text.n < 5 || z[4] != '-') {
        char *end;
        double v = strtod(z, &end);
        if (*end || !(v >= 0) || v >= (double)LATEST)
            return false;
        *unix_s = (int64_t)v;
        return true;
    }
    return parse_iso(z, unix_s) && *unix_s >= 0 && *unix_s < LATEST;
}

void clock_format(int64_t unix_s, char out[24])
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int32_t clock_week(int64_t unix_s)
{
    int64_t day = unix_s / DAY_S - (unix_s % DAY_S < 0);
    return (int32_t)(day - ((day + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

void clock_format_day(int32_t day, char out[12])
{
    time_t t = (time_t)day * DAY_S;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 12, "%Y-%m-%d", &tm);
}
