// Linears over tiles of ggml's blocks ("Blocks in tiles" of docs/layouts.md). Every type is unpacked into the same panel: 8-bit codes in the
// order of the dot product, scales and minima in f32. What multiplies knows panels only.
#pragma once
#include "blocks.h"
#include "loops_affine.h"

// Blocks of 32 inputs that are unpacked at once: they stay in the first cache, and hold whole blocks of every type.
#define PANEL_BLOCKS 8

// w = scale * (code - zero) + minimum, for inputs 4q … 4q + 3 of 16 outputs in codes[block][q]; a type has one scale for 32 inputs or two.
typedef struct {
  _Alignas(64) uint8_t codes[PANEL_BLOCKS][8][64];
  _Alignas(64) float scales[PANEL_BLOCKS][2][FB_TILE];
  _Alignas(64) float minima[PANEL_BLOCKS][2][FB_TILE];
} panel;

// ---- Codes ----

// ggml's kvalues_iq4nl plus 127, and twice the 4-bit floats of OCP Microscaling Formats 1.0 (e2m1) plus 12; both zeros are one.
static const uint8_t code_tables[2][16] = {
    [FB_TABLE_NON_LINEAR] = {0, 23, 44, 62, 78, 92, 105, 117, 128, 140, 152, 165, 180, 196, 216, 240},
    [FB_TABLE_E2M1] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0},
};

// The higher bits of the numbers of a column's rows, all runs after one another.
INLINE uint32_t higher_bits(const uint8_t *high, const int bits, int c) {
  return bits == 0 ? 0 : bits == 4 ? high[c / 2] >> 4 * (c % 2) & 15u : bits == 8 ? high[c] : fb_load_u16(high + 2 * c);
}

INLINE void unpack_grid(const fb_block_form *form, const uint8_t *grid, const uint8_t *codes, uint8_t quads[8][64]) {
  const int ternary = form->form == FB_FORM_TERNARY, runs = form->form == FB_FORM_FOURS ? 8 : 4, width = form->bits / runs;
  const uint8_t *high = codes + FB_TILE * runs, *signs = high + 2 * form->bits;
  const uint32_t mask = (1u << (ternary ? 3 : width)) - 1;
  for (int c = 0; c < FB_TILE; c++) {
    const uint32_t field = higher_bits(high, form->bits, c);
    UNROLL for (int l = 0; l < runs; l++) {
      const uint32_t row = codes[FB_TILE * l + c] | (field >> width * l & mask) << 8;
      if (runs == 8) {
        memcpy(quads[l] + 4 * c, grid + 4 * row, 4);
      } else {
        uint64_t eight;
        memcpy(&eight, grid + 8 * row, 8);
        if (ternary) eight += 0x0202020202020202u * (field >> (4 * l + 3) & 1);  // up: two eighths more than down
        memcpy(quads[2 * l] + 4 * c, &eight, 4);
        eight >>= 32;
        memcpy(quads[2 * l + 1] + 4 * c, &eight, 4);
      }
    }
  }
  if (ternary) return;
  // 64 + magnitude or 64 - magnitude: -m is (m ^ 255) + 1.
  const v64b plane = v64b_load(signs), one = v64b_set1(1), zero = v64b_set1(0), middle = v64b_set1(64);
#define SIGN_QUAD(q)                                                                                             \
  {                                                                                                              \
    const v64b sign = v64b_and(v64b_shift_right(plane, q), one);                                                 \
    v64b_store(quads[q], v64b_add(v64b_xor(v64b_load(quads[q]), v64b_sub(zero, sign)), v64b_add(sign, middle))); \
  }
  SIGN_QUAD(0) SIGN_QUAD(1) SIGN_QUAD(2) SIGN_QUAD(3) SIGN_QUAD(4) SIGN_QUAD(5) SIGN_QUAD(6) SIGN_QUAD(7)
#undef SIGN_QUAD
}

INLINE void unpack_codes(const fb_block_form *form, const uint8_t *grid, const uint8_t *codes, uint8_t to[8][64]) {
  if (fb_has_grid(form)) {
    unpack_grid(form, grid, codes, to);
    return;
  }
  v64b quads[8];
  unpack_block(codes, form->bits, quads);
  UNROLL for (int q = 0; q < 8; q++) v64b_store(to[q], form->form == FB_FORM_TABLE ? v64b_look_up(code_tables[form->table], quads[q]) : quads[q]);
}

// ---- Scales ----

// The small integers of a block's scales (and minima), one a byte. Plain loops over bytes: compilers make vectors of them.
INLINE void unpack_small(const int scales, const int count, const uint8_t *rows, uint8_t *to, uint8_t *minima) {
  const int half = count / 2 * FB_TILE;
  switch (scales) {
    case FB_SCALES_PAIR4:
      for (int i = 0; i < count * FB_TILE; i++) to[i] = rows[i] & 15, minima[i] = rows[i] >> 4;
      break;
    case FB_SCALES_6_6:
      for (int i = 0; i < 64; i++) {
        to[i] = rows[i] & 63, minima[i] = rows[64 + i] & 63;
        to[64 + i] = (uint8_t)((rows[128 + i] & 15) | (rows[i] >> 6) << 4);
        minima[64 + i] = (uint8_t)(rows[128 + i] >> 4 | (rows[64 + i] >> 6) << 4);
      }
      break;
    case FB_SCALES_6:
      for (int j = 0; j < 4; j++)
        for (int i = 0; i < 64; i++) to[64 * j + i] = (uint8_t)((rows[64 * (j % 2) + i] >> 4 * (j / 2) & 15) | (rows[128 + i] >> 2 * j & 3) << 4);
      break;
    case FB_SCALES_6_OF_8:
      for (int j = 0; j < 4; j++)
        for (int i = 0; i < 32; i++) to[32 * j + i] = (uint8_t)((rows[32 * (j % 2) + i] >> 4 * (j / 2) & 15) | (rows[64 + i] >> 2 * j & 3) << 4);
      break;
    case FB_SCALES_8: memcpy(to, rows, (size_t)(count * FB_TILE)); break;
    default:  // FB_SCALES_ODD4
      for (int i = 0; i < half; i++) to[i] = (uint8_t)(2 * (rows[i] & 15) + 1), to[half + i] = (uint8_t)(2 * (rows[i] >> 4) + 1);
      break;
  }
}

// ggml's powers of two: 2^(byte - 128), subnormal for 0 and 1.
INLINE v16f load_exponents(const uint8_t *bytes) {
  float powers[FB_TILE];
  for (int c = 0; c < FB_TILE; c++) powers[c] = fb_bits_to_float(bytes[c] >= 2 ? (uint32_t)(bytes[c] - 1) << 23 : 0x200000u << bytes[c]);
  return v16f_load(powers);
}

// e4m3 of f16's width: its exponent is 8 more than f16 says, subnormals too.
INLINE v16f load_e4m3(const uint8_t *bytes, float step) {
  uint16_t halves[FB_TILE];
  for (int c = 0; c < FB_TILE; c++) halves[c] = (uint16_t)(bytes[c] << 7);
  return v16f_mul(v16f_load_f16(halves), v16f_set1(256 * step));
}

// All products are exact: 11 bits of a factor, up to 8 of a scale.
INLINE void unpack_scales(const fb_block_form *form, const uint8_t *from, float (*scales)[2][FB_TILE], float (*minima)[2][FB_TILE]) {
  const int halves = form->halves, count = form->values / FB_BLOCK * halves;
  const uint8_t *rows = from + fb_block_factor_bytes(form);
  if (form->scales == FB_SCALES_EXPONENT || form->scales == FB_SCALES_E4M3) {
    for (int s = 0; s < count; s++, from += FB_TILE)
      v16f_store(scales[s / halves][s % halves], form->scales == FB_SCALES_EXPONENT ? load_exponents(from) : load_e4m3(from, form->step));
    return;
  }
  const v16f factor = v16f_mul(load_as(from, form->factor_type), v16f_set1(form->step));
  const v16f minimum = form->has_minimum ? load_as(from + FB_TILE * type_bytes(form->factor_type), form->factor_type) : v16f_set1(0);
  if (form->scales == FB_SCALES_NONE) {
    for (int s = 0; s < count; s++) {
      v16f_store(scales[s][0], factor);
      if (form->has_minimum) v16f_store(minima[s][0], minimum);
    }
    return;
  }
  uint8_t small[16 * FB_TILE], small_minima[16 * FB_TILE];
  unpack_small(form->scales, count, rows, small, small_minima);
  const v16f offset = v16f_set1(form->offset), negative = v16f_sub(v16f_set1(0), minimum);
  for (int s = 0; s < count; s++) {
    const v16f scale = v16f_from_u8(small + FB_TILE * s);
    v16f_store(scales[s / halves][s % halves], v16f_mul(factor, form->offset ? v16f_sub(scale, offset) : scale));
    if (form->has_minimum) v16f_store(minima[s / halves][s % halves], v16f_mul(negative, v16f_from_u8(small_minima + FB_TILE * s)));
  }
}

// ---- Panels ----

// Blocks first … first + count - 1 of a tile; `first` is a multiple of PANEL_BLOCKS.
INLINE void unpack_panel(const fb_weight *w, const int type, int32_t tile, int32_t first, int32_t count, panel *to) {
  const fb_block_form *form = &fb_block_forms[type];
  const int file_block = form->values / FB_BLOCK;
  const size_t code_bytes = fb_block_code_bytes(form), scale_bytes = fb_block_scale_bytes(form);
  const uint8_t *codes = w->codes + ((size_t)tile * (size_t)w->blocks + (size_t)first) * code_bytes;
  const uint8_t *scales = w->scales + ((size_t)tile * (size_t)w->groups + (size_t)(first / file_block)) * scale_bytes;
  for (int32_t block = 0; block < count; block++) {
    for (size_t i = 0; i < code_bytes; i += 64) __builtin_prefetch(codes + i + PREFETCH_BYTES);
    unpack_codes(form, w->grid, codes, to->codes[block]);
    codes += code_bytes;
  }
  for (int32_t block = 0; block < count; block += file_block, scales += scale_bytes) unpack_scales(form, scales, to->scales + block, to->minima + block);
}

typedef void (*panel_unpacker)(const fb_weight *w, int32_t tile, int32_t first, int32_t count, panel *to);
#define EACH_BLOCK_TYPE(each)                                                                                                                          \
  each(Q1_0) each(Q2_0) each(Q4_0) each(Q4_1) each(Q5_0) each(Q5_1) each(Q8_0) each(TQ1_0) each(TQ2_0) each(Q2_K) each(Q3_K) each(Q4_K) each(Q5_K)     \
      each(Q6_K) each(IQ4_NL) each(IQ4_XS) each(MXFP4) each(NVFP4) each(IQ1_S) each(IQ1_M) each(IQ2_XXS) each(IQ2_XS) each(IQ2_S) each(IQ3_XXS)        \
          each(IQ3_S) each(Q4_0_V1) each(Q4_1_V1) each(Q5_0_V1) each(Q5_1_V1) each(Q4_0_V2) each(Q4_1_V2) each(Q8_0_V2)
#define UNPACKER(type) \
  static void unpack_##type(const fb_weight *w, int32_t tile, int32_t first, int32_t count, panel *to) { unpack_panel(w, FB_##type, tile, first, count, to); }
EACH_BLOCK_TYPE(UNPACKER)
#define UNPACKER_ENTRY(type) [FB_##type] = unpack_##type,
static const panel_unpacker panel_unpackers[FB_BLOCK_TYPES] = {EACH_BLOCK_TYPE(UNPACKER_ENTRY)};
#undef UNPACKER_ENTRY
#undef UNPACKER
#undef EACH_BLOCK_TYPE

// ---- 8-bit activations ----

// panel_int8_rows: y[r][n] += sum over the panel's scales of scale_x[r] * scale_w[n] * (sum of code_w * code_x - zero * sum of code_x) + total_x[r] * minimum[n].
// Needs    a span of 32 / halves inputs.
// Why      as affine_int8_rows.
INLINE void panel_int8_rows(const panel *p, int32_t first, int32_t count, const fb_activations *x, int32_t row, const int rows, const int halves, const int wide, const int has_minimum, int zero, float *y) {
  const int8_t *codes = x->codes + (size_t)row * (size_t)x->stride + (size_t)first * FB_BLOCK;
  const size_t spans = (size_t)x->spans, at = (size_t)row * spans + (size_t)(first * halves);
  const float *scales = x->scales + at, *totals = x->totals + at;
  const int32_t *sums = x->sums + at;
  const v16i zeros = v16i_set1(zero);
  v16f out[V16_ROWS_INT8];
  UNROLL for (int r = 0; r < rows; r++) out[r] = v16f_load(y + FB_TILE * r);
  for (int32_t block = 0; block < count; block++, codes += FB_BLOCK) {
    UNROLL for (int half = 0; half < halves; half++) {
      v16i sum[V16_ROWS_INT8], other[V16_ROWS_INT8];
      UNROLL for (int r = 0; r < rows; r++) {
        sum[r] = has_minimum ? v16i_zero() : v16i_mul16(zeros, v16i_set1(sums[(size_t)r * spans]));
        if (rows <= 2) other[r] = v16i_zero();
      }
      UNROLL for (int i = 0; i < 8 / halves; i++) {
        const int q = half * (8 / halves) + i;
        const v64b weights = v64b_load(p->codes[block][q]);
        UNROLL for (int r = 0; r < rows; r++) {
          const v64b four = v64b_repeat4(codes + (size_t)r * (size_t)x->stride + 4 * q);
          v16i *to = rows <= 2 && (i & 1) ? &other[r] : &sum[r];
          *to = wide ? v16i_dot4(*to, weights, four) : v16i_dot4_small(*to, weights, four);
        }
      }
      const v16f scale = v16f_load(p->scales[block][half]);
      UNROLL for (int r = 0; r < rows; r++) {
        if (rows <= 2) sum[r] = v16i_add(sum[r], other[r]);
        out[r] = v16f_fma(v16f_from_i(sum[r]), v16f_mul(scale, v16f_set1(scales[(size_t)r * spans])), out[r]);
        if (has_minimum) out[r] = v16f_fma(v16f_load(p->minima[block][half]), v16f_set1(totals[(size_t)r * spans]), out[r]);
      }
      scales++, totals++, sums++;
    }
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, out[r]);
}

#define PANEL_INT8(name)                                                                                                                           \
  static void panel_int8_##name(const panel *p, int32_t first, int32_t count, const fb_activations *x, int32_t row, int32_t rows, int zero, float *y) { \
    IN_ROWS(V16_ROWS_INT8, rows, PANEL_INT8_CALL_##name)                                                                                             \
  }
#define PANEL_INT8_CALL_narrow(n) panel_int8_rows(p, first, count, x, row + done, n, 1, 0, 0, zero, y + FB_TILE * done)
#define PANEL_INT8_CALL_wide(n) panel_int8_rows(p, first, count, x, row + done, n, 1, 1, 0, zero, y + FB_TILE * done)
#define PANEL_INT8_CALL_minimum(n) panel_int8_rows(p, first, count, x, row + done, n, 1, 0, 1, zero, y + FB_TILE * done)
#define PANEL_INT8_CALL_halves(n) panel_int8_rows(p, first, count, x, row + done, n, 2, 0, 0, zero, y + FB_TILE * done)
#define PANEL_INT8_CALL_halves_minimum(n) panel_int8_rows(p, first, count, x, row + done, n, 2, 0, 1, zero, y + FB_TILE * done)
PANEL_INT8(narrow)
PANEL_INT8(wide)
PANEL_INT8(minimum)
PANEL_INT8(halves)
PANEL_INT8(halves_minimum)

static void blocks_int8(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) {
  const fb_block_form *form = &fb_block_forms[w->type];
  const int zero = form->zero, wide = zero > 64;
  memset(y, 0, (size_t)rows * FB_TILE * sizeof *y);
  panel p;
  for (int32_t first = 0; first < w->blocks; first += PANEL_BLOCKS) {
    const int32_t count = w->blocks - first < PANEL_BLOCKS ? w->blocks - first : PANEL_BLOCKS;
    panel_unpackers[w->type](w, tile, first, count, &p);
    if (form->halves == 2 && form->has_minimum) panel_int8_halves_minimum(&p, first, count, x, row, rows, zero, y);
    else if (form->halves == 2) panel_int8_halves(&p, first, count, x, row, rows, zero, y);
    else if (form->has_minimum) panel_int8_minimum(&p, first, count, x, row, rows, zero, y);
    else if (wide) panel_int8_wide(&p, first, count, x, row, rows, zero, y);
    else panel_int8_narrow(&p, first, count, x, row, rows, zero, y);
  }
  if (!w->factors) return;
  for (int32_t r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, v16f_mul(v16f_load(y + FB_TILE * r), v16f_set1(w->factors[tile])));
}

// ---- Exact activations ----

static void blocks_dequantize(const fb_weight *w, int32_t tile, float *to) {
  const fb_block_form *form = &fb_block_forms[w->type];
  const v16f zero = v16f_set1(form->zero), factor = v16f_set1(w->factors ? w->factors[tile] : 1);
  panel p;
  for (int32_t first = 0; first < w->blocks; first += PANEL_BLOCKS) {
    const int32_t count = w->blocks - first < PANEL_BLOCKS ? w->blocks - first : PANEL_BLOCKS;
    panel_unpackers[w->type](w, tile, first, count, &p);
    for (int32_t block = 0; block < count; block++)
      for (int32_t q = 0; q < 8; q++) {
        const v64b codes = v64b_load(p.codes[block][q]);
        const int32_t half = q / (8 / form->halves);
        const v16f scale = v16f_load(p.scales[block][half]), minimum = v16f_load(p.minima[block][half]);
        for (int j = 0; j < 4; j++, to += FB_TILE) {
          v16f value = v16f_mul(v16f_sub(v16f_from_quad(codes, j), zero), scale);
          if (form->has_minimum) value = v16f_add(value, minimum);
          v16f_store(to, w->factors ? v16f_mul(value, factor) : value);
        }
      }
  }
}
