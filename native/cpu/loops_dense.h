// Linears over dense weights, row by row as the file has them.
#pragma once
#include "loops_common.h"

// `columns` outputs times `rows` rows: each product sums 32 lanes along k, then the lanes, then the inputs past the last full 32.
// Few rows take one column after the other, which reads the weight as one stream; interleaved columns stream at half the rate.
INLINE void dense_block(const uint8_t *w, size_t row_bytes, const int type, int32_t in, const float *x, int32_t stride, const int columns, const int rows, float *y) {
  v16f even[2][V16_ROWS_DENSE], odd[2][V16_ROWS_DENSE];
  const size_t width = fb_type_bytes(type);
  UNROLL for (int n = 0; n < columns; n++) UNROLL for (int r = 0; r < rows; r++) even[n][r] = odd[n][r] = v16f_set1(0);
  int32_t k = 0;
  for (; k + 32 <= in; k += 32) {
    UNROLL for (int n = 0; n < columns; n++) {
      const uint8_t *at = w + (size_t)n * row_bytes + (size_t)k * width;
      __builtin_prefetch(at + PREFETCH_BYTES);
      const v16f low = load_as(at, type), high = load_as(at + 16 * width, type);
      UNROLL for (int r = 0; r < rows; r++) {
        const float *inputs = x + (size_t)r * (size_t)stride + (size_t)k;
        even[n][r] = v16f_fma(low, v16f_load(inputs), even[n][r]);
        odd[n][r] = v16f_fma(high, v16f_load(inputs + 16), odd[n][r]);
      }
    }
  }
  UNROLL for (int n = 0; n < columns; n++) {
    UNROLL for (int r = 0; r < rows; r++) {
      float total = v16f_sum(v16f_add(even[n][r], odd[n][r]));
      for (int32_t i = k; i < in; i++) total += load_one(w + (size_t)n * row_bytes + (size_t)i * width, type) * x[(size_t)r * (size_t)stride + (size_t)i];
      y[FB_TILE * r + n] = total;
    }
  }
}
INLINE void dense_type(const fb_weight *w, int32_t tile, const int type, const float *x, int32_t stride, int32_t rows, float *y) {
  const size_t row_bytes = (size_t)w->in * fb_type_bytes(type);
  const int32_t first = tile * FB_TILE, count = w->out - first < FB_TILE ? w->out - first : FB_TILE;
  int32_t n = 0;
#define DENSE_CALL(c, r) dense_block(w->values + (size_t)(first + n) * row_bytes, row_bytes, type, w->in, x + (size_t)done * (size_t)stride, stride, c, r, y + FB_TILE * done + n)
#define DENSE_CALL_2(r) DENSE_CALL(2, r)
#define DENSE_CALL_1(r) DENSE_CALL(1, r)
  for (; rows > 2 && n + 2 <= count; n += 2) { IN_ROWS(V16_ROWS_DENSE, rows, DENSE_CALL_2) }
  for (; n < count; n++) { IN_ROWS(V16_ROWS_DENSE, rows, DENSE_CALL_1) }
}
static void dense(const fb_weight *w, int32_t tile, const float *x, int32_t stride, int32_t rows, float *y) {
  switch (w->type) {
    case FB_F32: dense_type(w, tile, FB_F32, x, stride, rows, y); break;
    case FB_F16: dense_type(w, tile, FB_F16, x, stride, rows, y); break;
    default: dense_type(w, tile, FB_BF16, x, stride, rows, y); break;
  }
}
