// Linears over affine tiles ("k4n16" and "k4n16, 2:4" of docs/layouts.md): 8-bit activations, and the exact path.
#pragma once
#include "loops_common.h"

// Per span: scale = largest magnitude / 127, code = round(x / scale).
static void quantize(const float *x, const uint32_t *row_order, int32_t in, fb_activations *to, int32_t row) {
  int8_t *codes = to->codes + (size_t)row * (size_t)to->stride;
  float gathered[128];  // the longest span
  for (int32_t span = 0; span < to->spans; span++) {
    const int32_t start = span * to->span, end = start + to->span < to->stride ? start + to->span : to->stride, count = end - start;
    const float *from = x + start;
    if (row_order || end > in) {
      const int32_t valid = in - start < count ? in - start : count;
      for (int32_t i = 0; i < valid; i++) gathered[i] = x[row_order ? row_order[start + i] : (uint32_t)(start + i)];
      for (int32_t i = valid; i < count; i++) gathered[i] = 0;
      from = gathered;
    }
    v16f most = v16f_set1(0);
    for (int32_t i = 0; i < count; i += 16) most = v16f_max(most, v16f_abs(v16f_load(from + i)));
    const float largest = v16f_largest(most);
    // Below that 127 / largest is no number; such inputs count as 0.
    const v16f factor = v16f_set1(largest > 127 / FLT_MAX ? 127 / largest : 0);
    v16f sums = v16f_set1(0);  // whole numbers far below 2^24: exact
    for (int32_t i = 0; i < count; i += 16) {
      const v16f rounded = v16f_round(v16f_mul(v16f_load(from + i), factor));
      v16f_store_i8(codes + start + i, rounded);
      sums = v16f_add(sums, rounded);
    }
    // A NaN or an infinity (which times 0 is NaN) has no code: the scale carries it on, so that a damaged weight does not end as a plausible answer.
    const float sum = v16f_sum(sums);
    const size_t at = (size_t)row * (size_t)to->spans + (size_t)span;
    to->scales[at] = sum == sum ? largest / 127 : sum;
    to->sums[at] = sum == sum ? -(int32_t)sum * to->zero : 0;
    to->totals[at] = to->scales[at] * sum;
  }
}

// Bit `from` of every byte brought to bit `at`; other bits are to be masked off. Counts are literals: some instruction sets take no others.
#define MOVED(x, from, at) \
  ((from) <= (at) ? v64b_shift_left(x, (from) <= (at) ? (at) - (from) : 0) : v64b_shift_right(x, (from) > (at) ? (from) - (at) : 0))
// A plane of fields of `width` bits: vector `word` holds quads first, first + 1, …, whose fields belong at bit `at` of the codes.
#define ADD_FIELD(word, width, i, at, first) quads[(first) + (i)] = v64b_or(quads[(first) + (i)], v64b_and(MOVED(word, (width) * (i), at), fields))
#define ADD_PAIRS(word, at, first) ADD_FIELD(word, 2, 0, at, first), ADD_FIELD(word, 2, 1, at, first), ADD_FIELD(word, 2, 2, at, first), ADD_FIELD(word, 2, 3, at, first)
#define ADD_BITS(word, at)                                                                                        \
  ADD_FIELD(word, 1, 0, at, 0), ADD_FIELD(word, 1, 1, at, 0), ADD_FIELD(word, 1, 2, at, 0), ADD_FIELD(word, 1, 3, at, 0), \
      ADD_FIELD(word, 1, 4, at, 0), ADD_FIELD(word, 1, 5, at, 0), ADD_FIELD(word, 1, 6, at, 0), ADD_FIELD(word, 1, 7, at, 0)

// The 32 × 16 codes of one block as eight vectors: vector q holds inputs 4q … 4q + 3 of every column, one byte each. Planes follow one
// another from the lowest bits: of 4, 2 and 1 bit, as the width has them. One bit alone counts twice: codes 0 and 2.
INLINE void unpack_block(const uint8_t *codes, const int bits, v64b quads[8]) {
  if (bits == 8) {
    UNROLL for (int q = 0; q < 8; q++) quads[q] = v64b_load(codes + 64 * q);
    return;
  }
  if (bits & 4) {
    const v64b fields = v64b_set1(15);
    UNROLL for (int i = 0; i < 4; i++) {
      const v64b word = v64b_load(codes + 64 * i);
      quads[2 * i] = v64b_and(word, fields);
      quads[2 * i + 1] = v64b_and(v64b_shift_right(word, 4), fields);
    }
    codes += 256;
  } else {
    UNROLL for (int q = 0; q < 8; q++) quads[q] = v64b_set1(0);
  }
  if (bits & 2) {
    const v64b fields = v64b_set1(bits & 4 ? 0x30 : 3);
    const v64b low = v64b_load(codes), high = v64b_load(codes + 64);
    if (bits & 4) ADD_PAIRS(low, 4, 0), ADD_PAIRS(high, 4, 4);
    else ADD_PAIRS(low, 0, 0), ADD_PAIRS(high, 0, 4);
    codes += 128;
  }
  if (bits & 1) {
    const v64b fields = v64b_set1((uint8_t)(bits == 1 ? 2 : 1 << (bits - 1))), word = v64b_load(codes);
    if (bits == 1) ADD_BITS(word, 1);
    else if (bits == 3) ADD_BITS(word, 2);
    else if (bits == 5) ADD_BITS(word, 4);
    else ADD_BITS(word, 6);
  }
}
#undef ADD_BITS
#undef ADD_PAIRS
#undef ADD_FIELD
#undef MOVED

// By the number of a pair of inputs that are kept, for each of the four its place among the two; 0x80: it is not kept.
static const uint32_t kept_places[8] = {0x80800100, 0x80018000, 0x80010080, 0x01808000, 0x01800080, 0x01008080, 0x80808080, 0x80808080};

// As unpack_block, of a 2:4 weight ("k4n16, 2:4" of docs/layouts.md): kept codes go where the numbers say, all others become the code of 0.
INLINE void unpack_sparse_block(const uint8_t *codes, const int bits, v64b quads[8]) {
  const v64b numbers = v64b_load(codes), zero = v64b_set1((uint8_t)(1 << (bits - 1))), fields = v64b_set1(15);
  codes += 64;
  UNROLL for (int v = 0; v < 4; v++) {
    v64b pairs = v64b_load(codes + 64 * (bits == 8 ? v : v / 2));
    if (bits == 4) pairs = v64b_and(v % 2 ? v64b_shift_right(pairs, 4) : pairs, fields);
    quads[2 * v] = v64b_xor(v64b_place(pairs, 0, kept_places, numbers, 8 * v), zero);
    quads[2 * v + 1] = v64b_xor(v64b_place(pairs, 2, kept_places, numbers, 8 * v + 4), zero);
  }
}

INLINE void unpack_affine_block(const uint8_t *codes, const int bits, const int sparse, v64b quads[8]) {
  if (sparse) unpack_sparse_block(codes, bits, quads);
  else unpack_block(codes, bits, quads);
}

typedef struct {
  const uint8_t *codes, *scales, *zeros;
} tile_pointers;

INLINE tile_pointers tile_of(const fb_weight *w, int32_t tile) {
  return (tile_pointers){
      w->codes + (size_t)tile * (size_t)w->blocks * fb_affine_block_bytes(w->bits, w->sparse),
      w->scales + (size_t)tile * (size_t)w->groups * FB_TILE * fb_type_bytes(w->type),
      w->zeros ? w->zeros + (size_t)tile * (size_t)w->groups * FB_TILE : NULL,
  };
}

// Adds the products of a span's codes: of blocks of one width, each unpacked in registers and used for all rows.
INLINE void span_int8(const uint8_t *codes, int32_t blocks, const int8_t *inputs, int32_t stride, const int rows, const int bits, const int sparse, v16i *sum, v16i *other) {
  const int bytes = (int)fb_affine_block_bytes(bits, sparse);
  for (; blocks > 0; blocks--, codes += bytes, inputs += FB_BLOCK) {
    v64b quads[8];
    if (rows <= 4) UNROLL for (int i = 0; i < bytes; i += 64) __builtin_prefetch(codes + i + PREFETCH_BYTES);
    unpack_affine_block(codes, bits, sparse, quads);
    UNROLL for (int q = 0; q < 8; q++) {
      UNROLL for (int r = 0; r < rows; r++) {
        const v64b four = v64b_repeat4(inputs + (size_t)r * (size_t)stride + 4 * q);
        v16i *to = rows <= 2 && (q & 1) ? &other[r] : &sum[r];
        *to = bits == 8 ? v16i_dot4(*to, quads[q], four) : v16i_dot4_small(*to, quads[q], four);
      }
    }
  }
}

// affine_int8_rows: y[r][n] = sum over spans of scale_x[r] * scale_w[n] * (sum of code_w * code_x - zero[n] * sum of code_x).
// Split    none: one tile, up to V16_ROWS_INT8 rows, all inputs. Weights pass through registers once per call.
// Needs    group_size a multiple of the span, or one group; x of the weight's zero point where it has one for all.
// Why      the zero point starts the integer accumulator; with few rows two accumulators hide the latency of the dot product.
INLINE void affine_int8_rows(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, const int rows, const int bits, const int sparse, float *y) {
  tile_pointers at = tile_of(w, tile);
  const size_t scale_stride = FB_TILE * fb_type_bytes(w->type);
  const int32_t span_blocks = x->span / FB_BLOCK, group_spans = w->group_size >= w->in ? x->spans : w->group_size / x->span;
  const int8_t *codes = x->codes + (size_t)row * (size_t)x->stride;
  const float *scales = x->scales + (size_t)row * (size_t)x->spans;
  const int32_t *sums = x->sums + (size_t)row * (size_t)x->spans;
  v16f out[V16_ROWS_INT8];
  UNROLL for (int r = 0; r < rows; r++) out[r] = v16f_set1(0);
  for (int32_t span = 0, block = 0, in_group = 0, group = 0; span < x->spans; span++) {
    const v16i zero = at.zeros ? v16i_from_u8(at.zeros + (size_t)group * FB_TILE) : v16i_zero();
    v16i sum[V16_ROWS_INT8], other[V16_ROWS_INT8];
    UNROLL for (int r = 0; r < rows; r++) {
      const v16i start = v16i_set1(sums[(size_t)r * (size_t)x->spans + (size_t)span]);
      sum[r] = at.zeros ? v16i_mul16(zero, start) : start;
      if (rows <= 2) other[r] = v16i_zero();
    }
    const int32_t count = block + span_blocks < w->blocks ? span_blocks : w->blocks - block;
    span_int8(at.codes + (size_t)block * fb_affine_block_bytes(bits, sparse), count, codes + (size_t)block * FB_BLOCK, x->stride, rows, bits, sparse, sum, other);
    block += count;
    const v16f scale = load_as(at.scales + (size_t)group * scale_stride, w->type);
    UNROLL for (int r = 0; r < rows; r++) {
      if (rows <= 2) sum[r] = v16i_add(sum[r], other[r]);
      out[r] = v16f_fma(v16f_from_i(sum[r]), v16f_mul(scale, v16f_set1(scales[(size_t)r * (size_t)x->spans + (size_t)span])), out[r]);
    }
    if (++in_group == group_spans) in_group = 0, group++;
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, w->divisor == 1 ? out[r] : v16f_div(out[r], v16f_set1(w->divisor)));
}

#define AFFINE_INT8(name)                                                                                                        \
  static void affine_int8_##name(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) { \
    IN_ROWS(V16_ROWS_INT8, rows, AFFINE_INT8_CALL_##name)                                                                        \
  }
#define AFFINE_INT8_CALL_2(n) affine_int8_rows(w, tile, x, row + done, n, 2, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_3(n) affine_int8_rows(w, tile, x, row + done, n, 3, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_4(n) affine_int8_rows(w, tile, x, row + done, n, 4, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_5(n) affine_int8_rows(w, tile, x, row + done, n, 5, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_6(n) affine_int8_rows(w, tile, x, row + done, n, 6, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_7(n) affine_int8_rows(w, tile, x, row + done, n, 7, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_8(n) affine_int8_rows(w, tile, x, row + done, n, 8, 0, y + FB_TILE * done)
#define AFFINE_INT8_CALL_sparse_4(n) affine_int8_rows(w, tile, x, row + done, n, 4, 1, y + FB_TILE * done)
#define AFFINE_INT8_CALL_sparse_8(n) affine_int8_rows(w, tile, x, row + done, n, 8, 1, y + FB_TILE * done)
AFFINE_INT8(2)
AFFINE_INT8(3)
AFFINE_INT8(4)
AFFINE_INT8(5)
AFFINE_INT8(6)
AFFINE_INT8(7)
AFFINE_INT8(8)
AFFINE_INT8(sparse_4)
AFFINE_INT8(sparse_8)

static void affine_int8(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) {
  switch (w->sparse ? -w->bits : w->bits) {
    case -4: affine_int8_sparse_4(w, tile, x, row, rows, y); break;
    case -8: affine_int8_sparse_8(w, tile, x, row, rows, y); break;
    case 2: affine_int8_2(w, tile, x, row, rows, y); break;
    case 3: affine_int8_3(w, tile, x, row, rows, y); break;
    case 4: affine_int8_4(w, tile, x, row, rows, y); break;
    case 5: affine_int8_5(w, tile, x, row, rows, y); break;
    case 6: affine_int8_6(w, tile, x, row, rows, y); break;
    case 7: affine_int8_7(w, tile, x, row, rows, y); break;
    default: affine_int8_8(w, tile, x, row, rows, y); break;
  }
}

// The exact path: a tile becomes f32 as its formula says, for any group size.
INLINE void dequantize_bits(const fb_weight *w, int32_t tile, const int bits, const int sparse, float *to) {
  tile_pointers at = tile_of(w, tile);
  const size_t scale_stride = FB_TILE * fb_type_bytes(w->type);
  v16f scale = v16f_set1(0), zero = v16f_set1((float)(1 << (bits - 1)));
  int32_t group_left = 0;
  for (int32_t block = 0, k = 0; block < w->blocks; block++) {
    v64b quads[8];
    unpack_affine_block(at.codes + (size_t)block * fb_affine_block_bytes(bits, sparse), bits, sparse, quads);
    for (int32_t i = 0; i < FB_BLOCK && k < w->in; i++, k++) {
      if (group_left == 0) {
        scale = load_as(at.scales, w->type);
        at.scales += scale_stride;
        if (at.zeros) {
          zero = v16f_from_u8(at.zeros);
          at.zeros += FB_TILE;
        }
        group_left = w->group_size;
      }
      group_left--;
      const v16f product = v16f_mul(v16f_sub(v16f_from_quad(quads[i / 4], i % 4), zero), scale);
      v16f_store(to + (size_t)k * FB_TILE, w->divisor == 1 ? product : v16f_div(product, v16f_set1(w->divisor)));
    }
  }
}
static void affine_dequantize(const fb_weight *w, int32_t tile, float *to) {
  switch (w->sparse ? -w->bits : w->bits) {
    case -4: dequantize_bits(w, tile, 4, 1, to); break;
    case -8: dequantize_bits(w, tile, 8, 1, to); break;
    case 2: dequantize_bits(w, tile, 2, 0, to); break;
    case 3: dequantize_bits(w, tile, 3, 0, to); break;
    case 4: dequantize_bits(w, tile, 4, 0, to); break;
    case 5: dequantize_bits(w, tile, 5, 0, to); break;
    case 6: dequantize_bits(w, tile, 6, 0, to); break;
    case 7: dequantize_bits(w, tile, 7, 0, to); break;
    default: dequantize_bits(w, tile, 8, 0, to); break;
  }
}

INLINE void tile_f32_rows(const float *tile, int32_t in, const float *x, int32_t stride, const int rows, float *y) {
  v16f sum[V16_ROWS_F32];
  UNROLL for (int r = 0; r < rows; r++) sum[r] = v16f_set1(0);
  for (int32_t k = 0; k < in; k++) {
    const v16f w = v16f_load(tile + (size_t)k * FB_TILE);
    UNROLL for (int r = 0; r < rows; r++) sum[r] = v16f_fma(w, v16f_set1(x[(size_t)r * (size_t)stride + (size_t)k]), sum[r]);
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, sum[r]);
}
static void tile_f32(const float *tile, int32_t in, const float *x, int32_t stride, int32_t rows, float *y) {
#define TILE_F32_CALL(n) tile_f32_rows(tile, in, x + (size_t)done * (size_t)stride, stride, n, y + FB_TILE * done)
  IN_ROWS(V16_ROWS_F32, rows, TILE_F32_CALL)
}
