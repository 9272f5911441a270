// What the inner loops share. Included after the vector words of one v16_*.h.
#pragma once
#include <float.h>
#include <math.h>
#include <string.h>

#include "half.h"
#include "kernels.h"

// With few rows weights stream from memory: this far ahead they are asked for, tile after tile, since tiles lie one behind another.
#define PREFETCH_BYTES 2048

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE v16f load_as(const uint8_t *p, int32_t type) {
  return type == FB_F32 ? v16f_load((const float *)p) : type == FB_F16 ? v16f_load_f16(p) : v16f_load_bf16(p);
}

// exp(x) within 2 ulp for x <= 88; below -87 it stays at exp(-87), which callers cut off. NaN stays NaN: see the words' max and min.
INLINE v16f exp_v16(v16f x) {
  x = v16f_min(v16f_set1(88.0f), v16f_max(v16f_set1(-87.0f), x));
  v16f n = v16f_round(v16f_mul(x, v16f_set1(0x1.715476p0f)));
  v16f r = v16f_fma(n, v16f_set1(-0x1.62e4p-1f), x);         // ln 2 in two parts, the first exact in products with n
  r = v16f_fma(n, v16f_set1(-0x1.7f7d1cp-20f), r);
  v16f p = v16f_set1(0x1.6850e4p-10f);                       // minimax on ±ln 2 / 2
  p = v16f_fma(p, r, v16f_set1(0x1.123bccp-7f));
  p = v16f_fma(p, r, v16f_set1(0x1.555b98p-5f));
  p = v16f_fma(p, r, v16f_set1(0x1.55548ep-3f));
  p = v16f_fma(p, r, v16f_set1(0x1.fffff8p-2f));
  p = v16f_fma(v16f_mul(p, r), r, r);
  return v16f_times_pow2(v16f_add(p, v16f_set1(1.0f)), n);
}

INLINE float load_one(const uint8_t *p, int32_t type) {
  if (type == FB_F32) {
    float x;
    memcpy(&x, p, 4);
    return x;
  }
  return type == FB_F16 ? fb_half_to_float(fb_load_u16(p)) : fb_bfloat16_to_float(fb_load_u16(p));
}

// Calls body(rows) with constants: the most rows at once, then what is left in ever smaller numbers.
#define IN_ROWS(limit, rows, body)                                                       \
  for (int32_t done = 0, left; (left = (rows) - done) > 0;) {                            \
    if ((limit) >= 12 && left >= 12) { body(12); done += 12; }                           \
    else if ((limit) >= 8 && left >= 8) { body(8); done += 8; }                          \
    else if ((limit) >= 6 && left >= 6) { body(6); done += 6; }                          \
    else if ((limit) >= 4 && left >= 4) { body(4); done += 4; }                          \
    else if ((limit) >= 3 && left >= 3) { body(3); done += 3; }                          \
    else if ((limit) >= 2 && left >= 2) { body(2); done += 2; }                          \
    else { body(1); done += 1; }                                                         \
  }
