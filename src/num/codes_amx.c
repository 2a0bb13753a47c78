#include "num/codes_sets.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET __attribute__((target("amx-tile,amx-int8")))
#define INLINE static inline __attribute__((always_inline))

/* What a tile register holds: the layout the instruction reads, all eight of 16 rows of 64 bytes. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes_per_row[16];
    uint8_t rows[16];
};

static const struct tile_config config = {
    .palette = 1,
    .bytes_per_row = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* One or two panels of a by one or two of b; tiles 0 to 3 are the sums, 4 and 5 rows of a, 6 and 7 panels of b. */
TARGET INLINE void tiles(const struct codes_block *k, size_t i, size_t j, bool two_rows, bool two_panels)
{
    const size_t stride = k->stride, panel = CODES_PANEL * stride;
    const int8_t *a = k->a + i * stride, *b = k->b + j * stride;
    int32_t *out = k->out + i * k->bn + j;
    const size_t ld = k->bn * sizeof *out;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t q = 0; q < stride; q += CODES_CHUNK) {
        _tile_loadd(4, a + q, stride);
        _tile_loadd(6, b + q * CODES_PANEL, CODES_CHUNK);
        _tile_dpbssd(0, 4, 6);
        if (two_panels) {
            _tile_loadd(7, b + panel + q * CODES_PANEL, CODES_CHUNK);
            _tile_dpbssd(1, 4, 7);
        }
        if (two_rows) {
            _tile_loadd(5, a + panel + q, stride);
            _tile_dpbssd(2, 5, 6);
        }
        if (two_rows && two_panels)
            _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, out, ld);
    if (two_panels)
        _tile_stored(1, out + CODES_PANEL, ld);
    if (two_rows)
        _tile_stored(2, out + CODES_PANEL * k->bn, ld);
    if (two_rows && two_panels)
        _tile_stored(3, out + CODES_PANEL * k->bn + CODES_PANEL, ld);
}

TARGET void codes_amx_dots(const struct codes_block *k)
{
    _tile_loadconfig(&config); /* a thread's own, and gone after _tile_release */
    for (size_t j = 0; j < k->bn; j += 2 * CODES_PANEL)
        for (size_t i = 0; i < k->an; i += 2 * CODES_PANEL) {
            bool two_rows = i + CODES_PANEL < k->an, two_panels = j + CODES_PANEL < k->bn;
            if (two_rows && two_panels)
                tiles(k, i, j, true, true);
            else if (two_rows)
                tiles(k, i, j, true, false);
            else if (two_panels)
                tiles(k, i, j, false, true);
            else
                tiles(k, i, j, false, false);
        }
    _tile_release();
}

/* The processor has int8 tiles, and the kernel grants this process their state (it is large, so one has to ask). */
bool codes_amx_granted(void)
{
    enum { AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_TILE) || !(d & AMX_INT8))
        return false;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

#endif
