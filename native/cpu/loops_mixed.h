// Linears over affine tiles whose width changes from block to block ("k4n16, mixed" of docs/layouts.md).
#pragma once
#include "loops_affine.h"

typedef struct {
  const uint8_t *codes, *scales;
  const float *maxima;
} mixed_tile;

INLINE mixed_tile mixed_tile_of(const fb_weight *w, int32_t tile) {
  const size_t groups = (size_t)tile * (size_t)w->groups;
  return (mixed_tile){w->codes + (size_t)tile * w->tile_bytes, w->scales + groups * FB_TILE, w->maxima + groups};
}

// Exact: a square of at most 9 bits times 11 bits.
INLINE v16f mixed_scale(const mixed_tile *at, int32_t group) {
  const v16f root = v16f_from_u8(at->scales + (size_t)group * FB_TILE);
  return v16f_mul(v16f_mul(root, root), v16f_set1(at->maxima[group]));
}

// Calls body(bits) with a literal.
#define OF_WIDTH(width, body) \
  switch (width) {            \
    case 2: body(2); break;   \
    case 3: body(3); break;   \
    case 4: body(4); break;   \
    case 5: body(5); break;   \
    case 6: body(6); break;   \
    default: body(8); break;  \
  }

// mixed_int8_rows: as affine_int8_rows, symmetric.
// Needs    every group but the last to be of whole spans, so that a span has one width and one scale.
INLINE void mixed_int8_rows(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, const int rows, float *y) {
  const mixed_tile at = mixed_tile_of(w, tile);
  const uint8_t *blocks = at.codes;
  const int32_t span_blocks = x->span / FB_BLOCK;
  const int8_t *codes = x->codes + (size_t)row * (size_t)x->stride;
  const float *scales = x->scales + (size_t)row * (size_t)x->spans;
  const int32_t *sums = x->sums + (size_t)row * (size_t)x->spans;
  v16f out[V16_ROWS_INT8];
  UNROLL for (int r = 0; r < rows; r++) out[r] = v16f_set1(0);
  for (int32_t span = 0, block = 0, group = 0; span < x->spans; span++) {
    const int32_t width = w->widths[block], count = block + span_blocks < w->blocks ? span_blocks : w->blocks - block;
    v16i sum[V16_ROWS_INT8], other[V16_ROWS_INT8];
    UNROLL for (int r = 0; r < rows; r++) {
      sum[r] = v16i_mul16(v16i_set1(1 << (width - 1)), v16i_set1(sums[(size_t)r * (size_t)x->spans + (size_t)span]));
      if (rows <= 2) other[r] = v16i_zero();
    }
#define SPAN_OF_WIDTH(bits) span_int8(blocks, count, codes + (size_t)block * FB_BLOCK, x->stride, rows, bits, 0, sum, other)
    OF_WIDTH(width, SPAN_OF_WIDTH)
#undef SPAN_OF_WIDTH
    block += count;
    blocks += 64 * (size_t)count * (size_t)width;
    const v16f scale = mixed_scale(&at, group);
    UNROLL for (int r = 0; r < rows; r++) {
      if (rows <= 2) sum[r] = v16i_add(sum[r], other[r]);
      out[r] = v16f_fma(v16f_from_i(sum[r]), v16f_mul(scale, v16f_set1(scales[(size_t)r * (size_t)x->spans + (size_t)span])), out[r]);
    }
    if ((int64_t)block * FB_BLOCK >= w->group_ends[group]) group++;
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, out[r]);
}

static void mixed_int8(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) {
#define MIXED_INT8_CALL(n) mixed_int8_rows(w, tile, x, row + done, n, y + FB_TILE * done)
  IN_ROWS(V16_ROWS_INT8, rows, MIXED_INT8_CALL)
}

// Groups may begin anywhere: the codes of a block are in its widest width.
static void mixed_dequantize(const fb_weight *w, int32_t tile, float *to) {
  const mixed_tile at = mixed_tile_of(w, tile);
  const uint8_t *codes = at.codes;
  v16f scale = mixed_scale(&at, 0);
  for (int32_t block = 0, k = 0, group = 0; block < w->blocks; block++) {
    const int32_t width = w->widths[block];
    const v16f zero = v16f_set1((float)(1 << (width - 1)));
    v64b quads[8];
#define BLOCK_OF_WIDTH(bits) unpack_block(codes, bits, quads)
    OF_WIDTH(width, BLOCK_OF_WIDTH)
#undef BLOCK_OF_WIDTH
    codes += 64 * width;
    for (int32_t i = 0; i < FB_BLOCK && k < w->in; i++, k++) {
      if (k == w->group_ends[group]) scale = mixed_scale(&at, ++group);
      v16f_store(to + (size_t)k * FB_TILE, v16f_mul(v16f_sub(v16f_from_quad(quads[i / 4], i % 4), zero), scale));
    }
  }
}
#undef OF_WIDTH
