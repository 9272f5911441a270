// The inner loops, written once over the vector words of v16_*.h; every kernels_<isa>.c includes its words and then this file.
// No kernel lets the result of a row depend on how many rows it is given: sums run in the same order for one row as for twelve.
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
INLINE size_t type_bytes(int32_t type) { return type == FB_F32 ? 4 : 2; }

// exp(x) within 2 ulp for x <= 88; below -87 it stays at exp(-87), which callers cut off.
INLINE v16f exp_v16(v16f x) {
  x = v16f_min(v16f_max(x, v16f_set1(-87.0f)), v16f_set1(88.0f));
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

// ---- Activations in 8 bits ----

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
    const v16f factor = v16f_set1(largest > 0 ? 127 / largest : 0);
    v16f sums = v16f_set1(0);  // whole numbers far below 2^24: exact
    for (int32_t i = 0; i < count; i += 16) {
      const v16f rounded = v16f_round(v16f_mul(v16f_load(from + i), factor));
      v16f_store_i8(codes + start + i, rounded);
      sums = v16f_add(sums, rounded);
    }
    to->scales[(size_t)row * (size_t)to->spans + (size_t)span] = largest / 127;
    to->sums[(size_t)row * (size_t)to->spans + (size_t)span] = -(int32_t)v16f_sum(sums);
  }
}

// ---- Affine tiles ("k4n16" of docs/layouts.md) ----

// The 32 × 16 codes of one block as eight vectors: vector q holds inputs 4q … 4q + 3 of every column, one byte each.
INLINE void unpack_block(const uint8_t *codes, const int bits, v64b quads[8]) {
  if (bits == 8) {
    UNROLL for (int q = 0; q < 8; q++) quads[q] = v64b_load(codes + 64 * q);
  } else if (bits == 4) {
    const v64b mask = v64b_set1(15);
    UNROLL for (int i = 0; i < 4; i++) {
      v64b word = v64b_load(codes + 64 * i);
      quads[2 * i] = v64b_and(word, mask);
      quads[2 * i + 1] = v64b_and(v64b_shift_right(word, 4), mask);
    }
  } else {
    const v64b mask = v64b_set1(3);
    UNROLL for (int i = 0; i < 2; i++) {
      v64b word = v64b_load(codes + 64 * i);
      quads[4 * i] = v64b_and(word, mask);
      quads[4 * i + 1] = v64b_and(v64b_shift_right(word, 2), mask);
      quads[4 * i + 2] = v64b_and(v64b_shift_right(word, 4), mask);
      quads[4 * i + 3] = v64b_and(v64b_shift_right(word, 6), mask);
    }
    if (bits == 3) {  // a plane of third bits follows the plane of lower bits
      const v64b top = v64b_load(codes + 128), four = v64b_set1(4);
      quads[0] = v64b_or(quads[0], v64b_and(v64b_shift_left(top, 2), four));
      quads[1] = v64b_or(quads[1], v64b_and(v64b_shift_left(top, 1), four));
      quads[2] = v64b_or(quads[2], v64b_and(top, four));
      quads[3] = v64b_or(quads[3], v64b_and(v64b_shift_right(top, 1), four));
      quads[4] = v64b_or(quads[4], v64b_and(v64b_shift_right(top, 2), four));
      quads[5] = v64b_or(quads[5], v64b_and(v64b_shift_right(top, 3), four));
      quads[6] = v64b_or(quads[6], v64b_and(v64b_shift_right(top, 4), four));
      quads[7] = v64b_or(quads[7], v64b_and(v64b_shift_right(top, 5), four));
    }
  }
}

typedef struct {
  const uint8_t *codes, *scales, *zeros;
} tile_pointers;

INLINE tile_pointers tile_of(const fb_weight *w, int32_t tile) {
  return (tile_pointers){
      w->codes + (size_t)tile * (size_t)w->blocks * (size_t)w->bits * 64,
      w->scales + (size_t)tile * (size_t)w->groups * FB_TILE * type_bytes(w->type),
      w->zeros ? w->zeros + (size_t)tile * (size_t)w->groups * FB_TILE : NULL,
  };
}

// affine_int8_rows: y[r][n] = sum over spans of scale_x[r] * scale_w[n] * (sum of code_w * code_x - zero[n] * sum of code_x).
// Split    none: one tile, up to V16_ROWS_INT8 rows, all inputs. Weights pass through registers once per call.
// Needs    group_size a multiple of the span, or one group.
// Why      the zero point starts the integer accumulator; with few rows two accumulators hide the latency of the dot product.
INLINE void affine_int8_rows(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, const int rows, const int bits, float *y) {
  tile_pointers at = tile_of(w, tile);
  const size_t scale_stride = FB_TILE * type_bytes(w->type);
  const int32_t span_blocks = x->span / FB_BLOCK, group_spans = w->group_size >= w->in ? x->spans : w->group_size / x->span;
  const int8_t *codes = x->codes + (size_t)row * (size_t)x->stride;
  const float *scales = x->scales + (size_t)row * (size_t)x->spans;
  const int32_t *sums = x->sums + (size_t)row * (size_t)x->spans;
  const v16i symmetric = v16i_set1(1 << (bits - 1));
  v16f out[V16_ROWS_INT8];
  UNROLL for (int r = 0; r < rows; r++) out[r] = v16f_set1(0);
  for (int32_t span = 0, block = 0, in_group = 0, group = 0; span < x->spans; span++) {
    const v16i zero = at.zeros ? v16i_from_u8(at.zeros + (size_t)group * FB_TILE) : symmetric;
    v16i sum[V16_ROWS_INT8], other[V16_ROWS_INT8];
    UNROLL for (int r = 0; r < rows; r++) {
      sum[r] = v16i_mul16(zero, v16i_set1(sums[(size_t)r * (size_t)x->spans + (size_t)span]));
      if (rows <= 2) other[r] = v16i_zero();
    }
    for (int32_t last = block + span_blocks < w->blocks ? block + span_blocks : w->blocks; block < last; block++) {
      v64b quads[8];
      if (rows <= 4) UNROLL for (int i = 0; i < bits; i++) __builtin_prefetch(at.codes + ((size_t)block * (size_t)bits + (size_t)i) * 64 + PREFETCH_BYTES);
      unpack_block(at.codes + (size_t)block * (size_t)bits * 64, bits, quads);
      const int8_t *inputs = codes + (size_t)block * FB_BLOCK;
      UNROLL for (int q = 0; q < 8; q++) {
        UNROLL for (int r = 0; r < rows; r++) {
          const v64b four = v64b_repeat4(inputs + (size_t)r * (size_t)x->stride + 4 * q);
          v16i *to = rows <= 2 && (q & 1) ? &other[r] : &sum[r];
          *to = bits == 8 ? v16i_dot4(*to, quads[q], four) : v16i_dot4_small(*to, quads[q], four);
        }
      }
    }
    const v16f scale = load_as(at.scales + (size_t)group * scale_stride, w->type);
    UNROLL for (int r = 0; r < rows; r++) {
      if (rows <= 2) sum[r] = v16i_add(sum[r], other[r]);
      out[r] = v16f_fma(v16f_from_i(sum[r]), v16f_mul(scale, v16f_set1(scales[(size_t)r * (size_t)x->spans + (size_t)span])), out[r]);
    }
    if (++in_group == group_spans) in_group = 0, group++;
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, out[r]);
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

#define AFFINE_INT8(bits)                                                                                                        \
  static void affine_int8_##bits(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) { \
    IN_ROWS(V16_ROWS_INT8, rows, AFFINE_INT8_CALL_##bits)                                                                        \
  }
#define AFFINE_INT8_CALL_2(n) affine_int8_rows(w, tile, x, row + done, n, 2, y + FB_TILE * done)
#define AFFINE_INT8_CALL_3(n) affine_int8_rows(w, tile, x, row + done, n, 3, y + FB_TILE * done)
#define AFFINE_INT8_CALL_4(n) affine_int8_rows(w, tile, x, row + done, n, 4, y + FB_TILE * done)
#define AFFINE_INT8_CALL_8(n) affine_int8_rows(w, tile, x, row + done, n, 8, y + FB_TILE * done)
AFFINE_INT8(2)
AFFINE_INT8(3)
AFFINE_INT8(4)
AFFINE_INT8(8)

static void affine_int8(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) {
  switch (w->bits) {
    case 2: affine_int8_2(w, tile, x, row, rows, y); break;
    case 3: affine_int8_3(w, tile, x, row, rows, y); break;
    case 4: affine_int8_4(w, tile, x, row, rows, y); break;
    default: affine_int8_8(w, tile, x, row, rows, y); break;
  }
}

// The exact path: a tile becomes f32 as its formula says, for any group size.
INLINE void dequantize_bits(const fb_weight *w, int32_t tile, const int bits, float *to) {
  tile_pointers at = tile_of(w, tile);
  const size_t scale_stride = FB_TILE * type_bytes(w->type);
  v16f scale = v16f_set1(0), zero = v16f_set1((float)(1 << (bits - 1)));
  int32_t group_left = 0;
  for (int32_t block = 0, k = 0; block < w->blocks; block++) {
    v64b quads[8];
    unpack_block(at.codes + (size_t)block * (size_t)bits * 64, bits, quads);
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
      v16f_store(to + (size_t)k * FB_TILE, v16f_mul(v16f_sub(v16f_from_quad(quads[i / 4], i % 4), zero), scale));
    }
  }
}
static void affine_dequantize(const fb_weight *w, int32_t tile, float *to) {
  switch (w->bits) {
    case 2: dequantize_bits(w, tile, 2, to); break;
    case 3: dequantize_bits(w, tile, 3, to); break;
    case 4: dequantize_bits(w, tile, 4, to); break;
    default: dequantize_bits(w, tile, 8, to); break;
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

// ---- Dense weights, row by row as the file has them ----

INLINE float load_one(const uint8_t *p, int32_t type) {
  if (type == FB_F32) {
    float x;
    memcpy(&x, p, 4);
    return x;
  }
  return type == FB_F16 ? fb_half_to_float(fb_load_u16(p)) : fb_bfloat16_to_float(fb_load_u16(p));
}

// `columns` outputs times `rows` rows: each product sums 32 lanes along k, then the lanes, then the inputs past the last full 32.
// Few rows take one column after the other, which reads the weight as one stream; interleaved columns stream at half the rate.
INLINE void dense_block(const uint8_t *w, size_t row_bytes, const int type, int32_t in, const float *x, int32_t stride, const int columns, const int rows, float *y) {
  v16f even[2][V16_ROWS_DENSE], odd[2][V16_ROWS_DENSE];
  const size_t width = type_bytes(type);
  UNROLL for (int n = 0; n < columns; n++) UNROLL for (int r = 0; r < rows; r++) even[n][r] = odd[n][r] = v16f_set1(0);
  int32_t k = 0;
  for (; k + 32 <= in; k += 32) {
    if (columns == 1) __builtin_prefetch(w + (size_t)k * width + PREFETCH_BYTES);
    UNROLL for (int n = 0; n < columns; n++) {
      const uint8_t *at = w + (size_t)n * row_bytes + (size_t)k * width;
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
  const size_t row_bytes = (size_t)w->in * type_bytes(type);
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

// ---- Row by row ----

INLINE v16f silu_mul_v16(v16f gate, v16f up) {
  return v16f_mul(v16f_div(gate, v16f_add(v16f_set1(1), exp_v16(v16f_sub(v16f_set1(0), gate)))), up);
}
static void silu_mul(const float *gate, const float *up, const float *residual, float *out, int32_t n) {
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v16f y = silu_mul_v16(v16f_load(gate + i), v16f_load(up + i));
    v16f_store(out + i, residual ? v16f_add(y, v16f_load(residual + i)) : y);
  }
  if (i < n) {
    float tail[3][16] = {{0}};
    memcpy(tail[0], gate + i, (size_t)(n - i) * 4);
    memcpy(tail[1], up + i, (size_t)(n - i) * 4);
    if (residual) memcpy(tail[2], residual + i, (size_t)(n - i) * 4);
    v16f_store(tail[0], v16f_add(silu_mul_v16(v16f_load(tail[0]), v16f_load(tail[1])), v16f_load(tail[2])));
    memcpy(out + i, tail[0], (size_t)(n - i) * 4);
  }
}

static void widen(const uint8_t *from, int32_t type, float *to, int32_t n) {
  const size_t width = type_bytes(type);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) v16f_store(to + i, load_as(from + (size_t)i * width, type));
  for (; i < n; i++) to[i] = load_one(from + (size_t)i * width, type);
}

static void narrow(const float *from, uint16_t *to, int32_t stride, int32_t n) {
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    uint16_t halves[16];
    v16f_store_f16(stride == 1 ? to + i : halves, v16f_load(from + i));
    if (stride > 1)
      for (int32_t j = 0; j < 16; j++) to[(size_t)(i + j) * (size_t)stride] = halves[j];
  }
  for (; i < n; i++) to[(size_t)i * (size_t)stride] = fb_float_to_half(from[i]);
}

static void rms_norm(const float *x, const float *weight, float eps, float *out, int32_t n) {
  v16f squares = v16f_set1(0);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v16f v = v16f_load(x + i);
    squares = v16f_fma(v, v, squares);
  }
  float sum = v16f_sum(squares);
  for (; i < n; i++) sum += x[i] * x[i];
  const float factor = 1.0f / sqrtf(sum / (float)n + eps);
  const v16f factors = v16f_set1(factor);
  for (i = 0; i + 16 <= n; i += 16) v16f_store(out + i, v16f_mul(v16f_mul(v16f_load(x + i), factors), v16f_load(weight + i)));
  for (; i < n; i++) out[i] = x[i] * factor * weight[i];
}

static void log_sum_exp(const float *x, int32_t n, float *largest, double *sum) {
  float most = -INFINITY;
  int32_t i = 0;
  if (n >= 16) {
    v16f mosts = v16f_load(x);
    for (i = 16; i + 16 <= n; i += 16) mosts = v16f_max(mosts, v16f_load(x + i));
    most = v16f_largest(mosts);
  }
  for (; i < n; i++) most = x[i] > most ? x[i] : most;
  double total = 0;
  const v16f shift = v16f_set1(most);
  for (i = 0; i + 16 <= n; i += 16) total += (double)v16f_sum(exp_v16(v16f_sub(v16f_load(x + i), shift)));
  for (; i < n; i++) total += exp((double)x[i] - (double)most);
  *largest = most;
  *sum = total;
}

// ---- Attention ----

// scores[r][32] = q[r] · key[j], for one page of keys [head_dim][FB_PAGE].
INLINE void scores_rows(const float *q, int32_t q_stride, const float *keys, int32_t head_dim, const int rows, float *scores) {
  v16f low[V16_ROWS_ATTENTION], high[V16_ROWS_ATTENTION];
  UNROLL for (int r = 0; r < rows; r++) low[r] = high[r] = v16f_set1(0);
  for (int32_t d = 0; d < head_dim; d++) {
    const v16f k0 = v16f_load(keys + d * FB_PAGE), k1 = v16f_load(keys + d * FB_PAGE + 16);
    UNROLL for (int r = 0; r < rows; r++) {
      const v16f element = v16f_set1(q[r * q_stride + d]);
      low[r] = v16f_fma(element, k0, low[r]);
      high[r] = v16f_fma(element, k1, high[r]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    v16f_store(scores + r * FB_PAGE, low[r]);
    v16f_store(scores + r * FB_PAGE + 16, high[r]);
  }
}

// out[r][d] = out[r][d] * correction[r] + sum over j < count of p[r][j] * value[j][d].
INLINE void values_rows(const float *p, const float *correction, const float *values, int32_t stride, int32_t count, const int rows, const int vectors, float *out) {
  v16f sum[V16_ROWS_ATTENTION][4];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v16f_mul(v16f_load(out + r * stride + 16 * v), v16f_set1(correction[r]));
  for (int32_t j = 0; j < count; j++) {
    v16f value[4];
    UNROLL for (int v = 0; v < vectors; v++) value[v] = v16f_load(values + j * stride + 16 * v);
    UNROLL for (int r = 0; r < rows; r++) {
      const v16f weight = v16f_set1(p[r * FB_PAGE + j]);
      UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v16f_fma(weight, value[v], sum[r][v]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vectors; v++) v16f_store(out + r * stride + 16 * v, sum[r][v]);
}

// attention: one page after another with a running maximum and sum per row (the usual online softmax). Pages lie at fixed positions, so the
// order of the sums does not depend on how a prompt was cut into steps.
static void attention(const fb_attention *work, float *scratch) {
  const fb_cache *cache = work->cache;
  const int32_t head_dim = cache->head_dim, wide = cache->value_stride, rows = work->tokens * work->group;
  float *keys = scratch, *values = keys + FB_PAGE * head_dim, *scores = values + FB_PAGE * wide, *q = scores + rows * FB_PAGE;
  float *out = q + rows * head_dim, *largest = out + rows * wide, *sum = largest + rows, *correction = sum + rows;
  const int32_t last_position = work->position + work->tokens - 1;
  const int32_t first_position = work->window && work->position - work->window + 1 > 0 ? work->position - work->window + 1 : 0;

  for (int32_t i = 0; i < rows; i++) {
    const float *from = work->q + (size_t)(i / work->group) * (size_t)work->q_stride + (size_t)(i % work->group) * (size_t)head_dim;
    for (int32_t d = 0; d < head_dim; d++) q[i * head_dim + d] = from[d] * work->scale;
    largest[i] = -FLT_MAX;
    sum[i] = 0;
  }
  memset(out, 0, (size_t)rows * (size_t)wide * sizeof(float));

  const size_t width = type_bytes(cache->type);
  for (int32_t page = first_position / FB_PAGE; page <= last_position / FB_PAGE; page++) {
    const size_t slot = (size_t)work->pages[page] * (size_t)cache->kv_heads + (size_t)work->kv_head;
    const uint8_t *page_keys = cache->keys + slot * (size_t)(FB_PAGE * head_dim) * width;
    const uint8_t *page_values = cache->values + slot * (size_t)(FB_PAGE * wide) * width;
    const float *k = (const float *)page_keys, *v = (const float *)page_values;
    if (cache->type != FB_F32) {
      widen(page_keys, cache->type, keys, FB_PAGE * head_dim);
      widen(page_values, cache->type, values, FB_PAGE * wide);
      k = keys;
      v = values;
    }
#define SCORES_CALL(n) scores_rows(q + done * head_dim, head_dim, k, head_dim, n, scores + done * FB_PAGE)
    IN_ROWS(V16_ROWS_ATTENTION, rows, SCORES_CALL)

    int32_t count = 0;  // keys of this page that any row sees, counted from its start
    for (int32_t i = 0; i < rows; i++) {
      const int32_t position = work->position + i / work->group;
      int32_t end = position + 1 - page * FB_PAGE, start = work->window ? position - work->window + 1 - page * FB_PAGE : 0;
      end = end > FB_PAGE ? FB_PAGE : end < 0 ? 0 : end;
      start = start < 0 ? 0 : start > end ? end : start;
      float *row = scores + i * FB_PAGE;
      if (start == end) {
        memset(row, 0, FB_PAGE * sizeof(float));
        correction[i] = 1;
        continue;
      }
      count = end > count ? end : count;
      for (int32_t j = 0; j < start; j++) row[j] = -FLT_MAX;
      for (int32_t j = end; j < FB_PAGE; j++) row[j] = -FLT_MAX;
      float most = v16f_largest(v16f_max(v16f_load(row), v16f_load(row + 16)));
      most = most > largest[i] ? most : largest[i];
      const v16f shift = v16f_set1(most);
      v16f_store(row, exp_v16(v16f_sub(v16f_load(row), shift)));
      v16f_store(row + 16, exp_v16(v16f_sub(v16f_load(row + 16), shift)));
      for (int32_t j = 0; j < start; j++) row[j] = 0;
      for (int32_t j = end; j < FB_PAGE; j++) row[j] = 0;
      correction[i] = largest[i] == -FLT_MAX ? 0 : expf(largest[i] - most);
      sum[i] = sum[i] * correction[i] + v16f_sum(v16f_add(v16f_load(row), v16f_load(row + 16)));
      largest[i] = most;
    }
    int32_t d = 0;
#define VALUES_CALL_4(n) values_rows(scores + done * FB_PAGE, correction + done, v + d, wide, count, n, 4, out + done * wide + d)
#define VALUES_CALL_1(n) values_rows(scores + done * FB_PAGE, correction + done, v + d, wide, count, n, 1, out + done * wide + d)
    for (; d + 64 <= wide; d += 64) { IN_ROWS(V16_ROWS_ATTENTION, rows, VALUES_CALL_4) }
    for (; d < wide; d += 16) { IN_ROWS(V16_ROWS_ATTENTION, rows, VALUES_CALL_1) }
  }
  for (int32_t i = 0; i < rows; i++) {
    float *to = work->out + (size_t)(i / work->group) * (size_t)work->out_stride + (size_t)(i % work->group) * (size_t)head_dim;
    const float inverse = 1.0f / sum[i];
    for (int32_t d = 0; d < head_dim; d++) to[d] = out[i * wide + d] * inverse;
  }
}

// ---- What the machine can do ----

static uint64_t read_all(const uint8_t *bytes, size_t length) {
  v64b a = v64b_set1(0), b = a, c = a, d = a;
  for (size_t i = 0; i + 256 <= length; i += 256) {
    a = v64b_or(a, v64b_load(bytes + i));
    b = v64b_or(b, v64b_load(bytes + i + 64));
    c = v64b_or(c, v64b_load(bytes + i + 128));
    d = v64b_or(d, v64b_load(bytes + i + 192));
  }
  a = v64b_or(v64b_or(a, b), v64b_or(c, d));
  uint64_t words[8];
  memcpy(words, &a, 64);
  return words[0] ^ words[7];
}

static int64_t dot_peak(int64_t rounds) {
  v16i sum[12];
  for (int i = 0; i < 12; i++) sum[i] = v16i_set1(i);
  const v64b w = v64b_set1(3), x = v64b_set1(5);
  for (int64_t round = 0; round < rounds; round++) UNROLL for (int i = 0; i < 12; i++) sum[i] = v16i_dot4_small(sum[i], w, x);
  volatile float keep = 0;
  for (int i = 0; i < 12; i++) keep += v16f_sum(v16f_from_i(sum[i]));
  (void)keep;
  return rounds * 12 * 64;
}

#define JOIN(a, b) a##b
#define NAMED(a, b) JOIN(a, b)
#define TEXT(a) #a
#define TEXT_OF(a) TEXT(a)
const fb_kernels NAMED(fb_kernels_, V16_NAME) = {
    .isa = TEXT_OF(V16_NAME),
    .rows_int8 = V16_ROWS_INT8,
    .rows_f32 = V16_ROWS_F32,
    .rows_dense = V16_ROWS_DENSE,
    .quantize = quantize,
    .affine_int8 = affine_int8,
    .affine_dequantize = affine_dequantize,
    .tile_f32 = tile_f32,
    .dense = dense,
    .silu_mul = silu_mul,
    .widen = widen,
    .narrow = narrow,
    .rms_norm = rms_norm,
    .attention = attention,
    .log_sum_exp = log_sum_exp,
    .read = read_all,
    .dot_peak = dot_peak,
};
