// Linears over codes that stand for floats, times scales: 8-bit floats, and codebooks of 16 ("Coded tiles" of docs/layouts.md).
#pragma once
#include "loops_common.h"

// Bytes through a table of 256: scales, and 8-bit floats that no instruction widens.
INLINE v16f look_up_bytes(const float *table, const uint8_t *p) {
  float found[FB_TILE];
  for (int i = 0; i < FB_TILE; i++) found[i] = table[p[i]];
  return v16f_load(found);
}

// The values that 16 outputs have at one input, before their scales. A byte of nibbles holds two inputs, the later one high.
INLINE v16f coded_values(const fb_weight *w, const uint8_t *codes, const int form, const int high) {
  switch (form) {
    case FB_CODED_E4M3: return v16f_load_e4m3(codes);
    case FB_CODED_E5M2: return v16f_load_e5m2(codes);
    case FB_CODED_BYTES: return look_up_bytes(w->table, codes);
    default: return v16f_pick(w->table, codes, high ? 4 : 0);
  }
}
INLINE v16f coded_scale(const fb_weight *w, const uint8_t *scales, size_t group) {
  return w->scale_table ? look_up_bytes(w->scale_table, scales + group * FB_TILE) : v16f_load((const float *)(const void *)scales + group * FB_TILE);
}

// Where a tile's weights go, one input after the other.
typedef struct {
  float *tile;     // f32 [in][16]; NULL: they are multiplied with rows of x
  const float *x;
  size_t stride;
} coded_sink;

INLINE void coded_input(v16f weight, int32_t k, const int rows, const coded_sink *to, v16f *sum) {
  if (rows == 0) v16f_store(to->tile + (size_t)k * FB_TILE, weight);
  UNROLL for (int r = 0; r < rows; r++) sum[r] = v16f_fma(weight, v16f_set1(to->x[(size_t)r * to->stride + (size_t)k]), sum[r]);
}

// coded_tile: y[r][n] = sum over k of x[r][k] * w[k][n], or, with no rows, w itself.
// Needs    rows up to V16_ROWS_F32; groups of nibbles even.
// Why      weights are rounded and sums run as in affine_dequantize and tile_f32, so that a row is the same however many there are.
INLINE void coded_tile(const fb_weight *w, int32_t tile, const int form, const int divides, const int rows, const coded_sink *to, float *y) {
  const uint8_t *codes = w->codes + (size_t)tile * (size_t)w->blocks * FB_TILE;
  const uint8_t *scales = w->scales + (size_t)tile * (size_t)w->groups * FB_TILE * (w->scale_table ? 1 : sizeof(float));
  v16f sum[V16_ROWS_F32];
  UNROLL for (int r = 0; r < rows; r++) sum[r] = v16f_set1(0);
  for (int32_t group = 0, k = 0; group < w->groups; group++) {
    const v16f scale = coded_scale(w, scales, (size_t)group);
    const int32_t end = w->in - k < w->group_size ? w->in : k + w->group_size;
    while (k < end) {
      if (k % 4 == 0) __builtin_prefetch(codes + PREFETCH_BYTES);
      for (int high = 0; high <= (form == FB_CODED_NIBBLES); high++, k++) {
        const v16f value = coded_values(w, codes, form, high);
        coded_input(divides ? v16f_div(value, scale) : v16f_mul(value, scale), k, rows, to, sum);
      }
      codes += FB_TILE;
    }
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, sum[r]);
}

// Only one format divides, and only scales of e4m3.
#define CODED_FORMS(rows, to, y)                                                                                        \
  switch (w->type) {                                                                                                   \
    case FB_CODED_E4M3:                                                                                                \
      if (w->divides) coded_tile(w, tile, FB_CODED_E4M3, 1, rows, to, y);                                              \
      else coded_tile(w, tile, FB_CODED_E4M3, 0, rows, to, y);                                                         \
      break;                                                                                                           \
    case FB_CODED_E5M2: coded_tile(w, tile, FB_CODED_E5M2, w->divides, rows, to, y); break;                            \
    case FB_CODED_BYTES: coded_tile(w, tile, FB_CODED_BYTES, w->divides, rows, to, y); break;                          \
    default: coded_tile(w, tile, FB_CODED_NIBBLES, 0, rows, to, y);                                                    \
  }
static void coded_dequantize(const fb_weight *w, int32_t tile, float *to) {
  const coded_sink sink = {.tile = to};
  CODED_FORMS(0, &sink, NULL)
}
// Rows in steps that exist: a step decodes the tile once.
#define CODED_STEP(n)                                                                                                          \
  static void coded_##n(const fb_weight *w, int32_t tile, const float *x, int32_t stride, float *y) {                          \
    const coded_sink from = {.x = x, .stride = (size_t)stride};                                                                \
    CODED_FORMS(n, &from, y)                                                                                                   \
  }
CODED_STEP(1)
CODED_STEP(2)
#if V16_ROWS_F32 >= 4
CODED_STEP(4)
#else
#define coded_4(w, tile, x, stride, y)
#endif
#if V16_ROWS_F32 >= 8
CODED_STEP(8)
#else
#define coded_8(w, tile, x, stride, y)
#endif
static void coded_f32(const fb_weight *w, int32_t tile, const float *x, int32_t stride, int32_t rows, float *y) {
  for (int32_t step; rows > 0; rows -= step, x += (size_t)step * (size_t)stride, y += step * FB_TILE) {
    step = V16_ROWS_F32 >= 8 && rows >= 8 ? 8 : V16_ROWS_F32 >= 4 && rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
    switch (step) {
      case 8: coded_8(w, tile, x, stride, y); break;
      case 4: coded_4(w, tile, x, stride, y); break;
      case 2: coded_2(w, tile, x, stride, y); break;
      default: coded_1(w, tile, x, stride, y);
    }
  }
}
