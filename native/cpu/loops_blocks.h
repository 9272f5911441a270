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
  const uint8_t *next;  // packed codes of the panel behind, until somebody has asked for them
  size_t next_bytes;    // of a block there
} panel;

// ---- Codes ----

// ggml's kvalues_iq4nl plus 127, and twice the 4-bit floats of OCP Microscaling Formats 1.0 (e2m1) plus 12; both zeros are one.
static const uint8_t code_tables[2][16] = {
    [FB_TABLE_NON_LINEAR] = {0, 23, 44, 62, 78, 92, 105, 117, 128, 140, 152, 165, 180, 196, 216, 240},
    [FB_TABLE_E2M1] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0},
};

// The higher bits of the numbers of an output's rows, all runs after one another.
INLINE void unpack_higher_bits(const int bits, const uint8_t *high, uint16_t to[FB_TILE]) {
  uint8_t nibbles[FB_TILE];
  if (bits == 4) {
    uint16_t pairs[FB_TILE / 2];
    for (int i = 0; i < FB_TILE / 2; i++) pairs[i] = (uint16_t)((high[i] | high[i] << 4) & 0x0f0f);
    memcpy(nibbles, pairs, sizeof nibbles);
  }
  for (int c = 0; c < FB_TILE; c++) to[c] = bits == 16 ? fb_load_u16(high + 2 * c) : bits ? (bits == 4 ? nibbles : high)[c] : 0;
}

// Numbers of a grid's rows, in the order of runs and outputs. Those of a whole panel are made before the first is used: a store that a load
// waits for costs more than the rows that 64 of them name.
typedef uint16_t grid_numbers[8 * FB_TILE];

INLINE void unpack_numbers(const fb_block_form *form, const uint8_t *codes, uint16_t *to) {
  const int runs = form->form == FB_FORM_FOURS ? 8 : 4, width = form->bits / runs, mask = (1 << width) - 1;
  uint16_t higher[FB_TILE];
  unpack_higher_bits(form->bits, codes + FB_TILE * runs, higher);
  for (int l = 0; l < runs; l++)
    for (int c = 0; c < FB_TILE; c++) to[FB_TILE * l + c] = (uint16_t)(codes[FB_TILE * l + c] | (higher[c] >> width * l & mask) << 8);
}
INLINE void unpack_panel_numbers(const fb_block_form *form, const uint8_t *codes, int32_t count, grid_numbers *to) {
  if (!fb_has_grid(form)) return;
  for (int32_t block = 0; block < count; block++) unpack_numbers(form, codes + (size_t)block * fb_block_code_bytes(form), to[block]);
}

#define SIGNED_QUAD(q) quads[q] = v64b_choose(signs, 1 << (q), v64b_sub(twice, quads[q]), quads[q])

// Rows of signed grids are 64 + magnitude; where an input is negative, that becomes 64 - magnitude. Those of ternary ones are eight halved
// codes, the later four of a run in high nibbles.
INLINE void unpack_grid(const fb_block_form *form, const uint8_t *grid, const uint8_t *codes, const uint16_t *numbers, v64b quads[8]) {
  const int runs = form->form == FB_FORM_FOURS ? 8 : 4;
  if (form->form == FB_FORM_TERNARY) {
    const v64b fields = v64b_set1(2 * 15);
    UNROLL for (int l = 0; l < 4; l++) {
      const v64b halved = v64b_gather4(grid, numbers + FB_TILE * l);
      quads[2 * l] = v64b_and(v64b_shift_left(halved, 1), fields);
      quads[2 * l + 1] = v64b_and(v64b_shift_right(halved, 3), fields);
    }
    return;
  }
  if (runs == 8) {
    UNROLL for (int q = 0; q < 8; q++) quads[q] = v64b_gather4(grid, numbers + FB_TILE * q);
  } else {
    UNROLL for (int l = 0; l < 4; l++) {
      const v64b first = v64b_gather8(grid, numbers + FB_TILE * l), second = v64b_gather8(grid, numbers + FB_TILE * l + FB_TILE / 2);
      quads[2 * l] = v64b_even_words(first, second);
      quads[2 * l + 1] = v64b_odd_words(first, second);
    }
  }
  const v64b signs = v64b_load(codes + FB_TILE * runs + 2 * form->bits), twice = v64b_set1(128);
  SIGNED_QUAD(0), SIGNED_QUAD(1), SIGNED_QUAD(2), SIGNED_QUAD(3), SIGNED_QUAD(4), SIGNED_QUAD(5), SIGNED_QUAD(6), SIGNED_QUAD(7);
}
#undef SIGNED_QUAD

// The codes of 32 inputs: eight vectors as unpack_block makes them.
INLINE void unpack_codes(const fb_block_form *form, const uint8_t *grid, const uint8_t *codes, const uint16_t *numbers, v64b quads[8]) {
  if (fb_has_grid(form)) {
    unpack_grid(form, grid, codes, numbers, quads);
    return;
  }
  unpack_block(codes, form->bits, quads);
  if (form->form == FB_FORM_TABLE) UNROLL for (int q = 0; q < 8; q++) quads[q] = v64b_look_up(code_tables[form->table], quads[q]);
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
  const v16f minimum = form->has_minimum ? load_as(from + FB_TILE * fb_type_bytes(form->factor_type), form->factor_type) : v16f_set1(0);
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

// Where the tile's block `first` begins, which begins a block of the file.
INLINE const uint8_t *codes_from(const fb_weight *w, const fb_block_form *form, int32_t tile, int32_t first) {
  return w->codes + ((size_t)tile * (size_t)w->blocks + (size_t)first) * fb_block_code_bytes(form);
}
INLINE void unpack_panel_scales(const fb_weight *w, const fb_block_form *form, int32_t tile, int32_t first, int32_t count, float (*scales)[2][FB_TILE], float (*minima)[2][FB_TILE]) {
  const int file_block = form->values / FB_BLOCK;
  const size_t bytes = fb_block_scale_bytes(form);
  const uint8_t *from = w->scales + ((size_t)tile * (size_t)w->groups + (size_t)(first / file_block)) * bytes;
  for (int32_t block = 0; block < count; block += file_block, from += bytes) {
    __builtin_prefetch(from + PREFETCH_BYTES / 4);
    unpack_scales(form, from, scales + block, minima + block);
  }
}

// Blocks first … first + count - 1 of a tile; `first` is a multiple of PANEL_BLOCKS.
INLINE void unpack_panel(const fb_weight *w, const int type, int32_t tile, int32_t first, int32_t count, panel *to) {
  const fb_block_form *form = &fb_block_forms[type];
  const size_t bytes = fb_block_code_bytes(form);
  const uint8_t *codes = codes_from(w, form, tile, first);
  grid_numbers numbers[PANEL_BLOCKS];
  unpack_panel_numbers(form, codes, count, numbers);
  for (int32_t block = 0; block < count; block++) {
    v64b quads[8];
    unpack_codes(form, w->grid, codes + (size_t)block * bytes, numbers[block], quads);
    UNROLL for (int q = 0; q < 8; q++) v64b_store(to->codes[block][q], quads[q]);
  }
  unpack_panel_scales(w, form, tile, first, count, to->scales, to->minima);
  to->next = codes + PANEL_BLOCKS * bytes;
  to->next_bytes = bytes;
}

// ---- 8-bit activations ----

// The input of a kernel's rows, from the next block on.
typedef struct {
  const int8_t *codes;
  const float *scales, *totals;
  const int32_t *sums;
  size_t stride, spans;
} panel_input;

INLINE panel_input input_from(const fb_activations *x, int32_t row, int32_t first, const int halves) {
  const size_t spans = (size_t)x->spans, at = (size_t)row * spans + (size_t)(first * halves);
  return (panel_input){x->codes + (size_t)row * (size_t)x->stride + (size_t)first * FB_BLOCK, x->scales + at, x->totals + at, x->sums + at, (size_t)x->stride, spans};
}

// out[r][n] += sum over the scales of a block of scale_x[r] * scale_w[n] * (sum of code_w * code_x - zero * sum of code_x) + total_x[r] * minimum[n].
// Needs    a span of 32 / halves inputs, and x of the type's zero.
// Then x stands at the next block.
// Why      as affine_int8_rows. Codes come in registers, or are loaded as they are needed where many rows leave no room.
INLINE void block_int8(const v64b quads[8], uint8_t (*stored)[64], float (*weight_scales)[FB_TILE], float (*minima)[FB_TILE], panel_input *x, const int rows, const int halves, const int wide, const int has_minimum, v16f *out) {
  UNROLL for (int half = 0; half < halves; half++) {
    v16i sum[V16_ROWS_INT8], other[V16_ROWS_INT8];
    UNROLL for (int r = 0; r < rows; r++) {
      sum[r] = has_minimum ? v16i_zero() : v16i_set1(x->sums[(size_t)r * x->spans]);
      if (rows <= 2) other[r] = v16i_zero();
    }
    UNROLL for (int i = 0; i < 8 / halves; i++) {
      const int q = half * (8 / halves) + i;
      const v64b weights = stored ? v64b_load(stored[q]) : quads[q];
      UNROLL for (int r = 0; r < rows; r++) {
        const v64b four = v64b_repeat4(x->codes + (size_t)r * x->stride + 4 * q);
        v16i *to = rows <= 2 && (i & 1) ? &other[r] : &sum[r];
        *to = wide ? v16i_dot4(*to, weights, four) : v16i_dot4_small(*to, weights, four);
      }
    }
    const v16f scale = v16f_load(weight_scales[half]);
    UNROLL for (int r = 0; r < rows; r++) {
      if (rows <= 2) sum[r] = v16i_add(sum[r], other[r]);
      out[r] = v16f_fma(v16f_from_i(sum[r]), v16f_mul(scale, v16f_set1(x->scales[(size_t)r * x->spans])), out[r]);
      if (has_minimum) out[r] = v16f_fma(v16f_load(minima[half]), v16f_set1(x->totals[(size_t)r * x->spans]), out[r]);
    }
    x->scales++, x->totals++, x->sums++;
  }
  x->codes += FB_BLOCK;
}

// Many rows: y[r] += the rows' products with a panel. The first of them ask for the panel behind, a block's lines at a time: asked for all
// at once, as a panel is unpacked, they are waited for.
INLINE void panel_int8_rows(panel *p, int32_t first, int32_t count, const fb_activations *x, int32_t row, const int rows, const int halves, const int wide, const int has_minimum, float *y) {
  panel_input input = input_from(x, row, first, halves);
  v16f out[V16_ROWS_INT8];
  UNROLL for (int r = 0; r < rows; r++) out[r] = v16f_load(y + FB_TILE * r);
  const uint8_t *next = p->next;
  p->next = NULL;
  for (int32_t block = 0; block < count; block++) {
    if (next)
      for (size_t i = 0; i < p->next_bytes; i += 64, next += 64) __builtin_prefetch(next);
    block_int8(NULL, p->codes[block], p->scales[block], p->minima[block], &input, rows, halves, wide, has_minimum, out);
  }
  UNROLL for (int r = 0; r < rows; r++) v16f_store(y + FB_TILE * r, out[r]);
}

#ifndef V16_IN_MEMORY
// One row: codes go from memory through registers, so that loads never wait for products.
INLINE void blocks_int8_one(const fb_weight *w, const int type, int32_t tile, const fb_activations *x, int32_t row, float *y) {
  const fb_block_form *form = &fb_block_forms[type];
  const size_t bytes = fb_block_code_bytes(form);
  _Alignas(64) float scales[PANEL_BLOCKS][2][FB_TILE], minima[PANEL_BLOCKS][2][FB_TILE];
  v16f out[V16_ROWS_INT8] = {v16f_set1(0)};
  for (int32_t first = 0; first < w->blocks; first += PANEL_BLOCKS) {
    const int32_t count = w->blocks - first < PANEL_BLOCKS ? w->blocks - first : PANEL_BLOCKS;
    panel_input input = input_from(x, row, first, form->halves);
    const uint8_t *codes = codes_from(w, form, tile, first);
    grid_numbers numbers[PANEL_BLOCKS];
    unpack_panel_numbers(form, codes, count, numbers);
    unpack_panel_scales(w, form, tile, first, count, scales, minima);
    for (int32_t block = 0; block < count; block++, codes += bytes) {
      v64b quads[8];
      for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(codes + i + PREFETCH_BYTES);
      unpack_codes(form, w->grid, codes, numbers[block], quads);
      block_int8(quads, NULL, scales[block], minima[block], &input, 1, form->halves, form->zero > 64, form->has_minimum, out);
    }
  }
  v16f_store(y, out[0]);
}
#endif

// What is compiled for each type. Types that differ only in the file share it.
typedef struct {
  void (*panel)(const fb_weight *w, int32_t tile, int32_t first, int32_t count, panel *to);
  void (*one)(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, float *y);
} block_functions;
#define EACH_TILE_TYPE(each)                                                                                                                  \
  each(Q1_0) each(Q2_0) each(Q4_0) each(Q4_1) each(Q5_0) each(Q5_1) each(Q8_0) each(TQ2_0) each(Q2_K) each(Q3_K) each(Q4_K) each(Q5_K)        \
      each(Q6_K) each(IQ4_NL) each(IQ4_XS) each(MXFP4) each(NVFP4) each(IQ1_S) each(IQ1_M) each(IQ2_XXS) each(IQ2_XS) each(IQ2_S)             \
          each(IQ3_XXS) each(IQ3_S) each(Q4_0_V2) each(Q4_1_V2) each(Q8_0_V2)
#define PANEL_FUNCTION(type) \
  static void panel_##type(const fb_weight *w, int32_t tile, int32_t first, int32_t count, panel *to) { unpack_panel(w, FB_##type, tile, first, count, to); }
EACH_TILE_TYPE(PANEL_FUNCTION)
#ifdef V16_IN_MEMORY
#define TYPE_FUNCTIONS(type) {panel_##type, NULL}
#else
#define ONE_FUNCTION(type) \
  static void one_##type(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, float *y) { blocks_int8_one(w, FB_##type, tile, x, row, y); }
EACH_TILE_TYPE(ONE_FUNCTION)
#define TYPE_FUNCTIONS(type) {panel_##type, one_##type}
#undef ONE_FUNCTION
#endif
#define TYPE_ENTRY(type) [FB_##type] = TYPE_FUNCTIONS(type),
static const block_functions functions_of_blocks[FB_BLOCK_TYPES] = {
    EACH_TILE_TYPE(TYPE_ENTRY)
    [FB_TQ1_0] = TYPE_FUNCTIONS(TQ2_0),
    [FB_Q4_0_V1] = TYPE_FUNCTIONS(Q4_0_V2),
    [FB_Q4_1_V1] = TYPE_FUNCTIONS(Q4_1_V2),
    [FB_Q5_0_V1] = TYPE_FUNCTIONS(Q5_0),
    [FB_Q5_1_V1] = TYPE_FUNCTIONS(Q5_1),
};
#undef TYPE_ENTRY
#undef TYPE_FUNCTIONS
#undef PANEL_FUNCTION
#undef EACH_TILE_TYPE

#define PANEL_INT8(name)                                                                                                                           \
  static void panel_int8_##name(panel *p, int32_t first, int32_t count, const fb_activations *x, int32_t row, int32_t rows, float *y) { \
    IN_ROWS(V16_ROWS_INT8, rows, PANEL_INT8_CALL_##name)                                                                                             \
  }
#define PANEL_INT8_CALL_narrow(n) panel_int8_rows(p, first, count, x, row + done, n, 1, 0, 0, y + FB_TILE * done)
#define PANEL_INT8_CALL_wide(n) panel_int8_rows(p, first, count, x, row + done, n, 1, 1, 0, y + FB_TILE * done)
#define PANEL_INT8_CALL_minimum(n) panel_int8_rows(p, first, count, x, row + done, n, 1, 0, 1, y + FB_TILE * done)
#define PANEL_INT8_CALL_halves(n) panel_int8_rows(p, first, count, x, row + done, n, 2, 0, 0, y + FB_TILE * done)
#define PANEL_INT8_CALL_halves_minimum(n) panel_int8_rows(p, first, count, x, row + done, n, 2, 0, 1, y + FB_TILE * done)
PANEL_INT8(narrow)
PANEL_INT8(wide)
PANEL_INT8(minimum)
PANEL_INT8(halves)
PANEL_INT8(halves_minimum)

static void multiply_panels(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) {
  const fb_block_form *form = &fb_block_forms[w->type];
  memset(y, 0, (size_t)rows * FB_TILE * sizeof *y);
  panel p;
  for (int32_t first = 0; first < w->blocks; first += PANEL_BLOCKS) {
    const int32_t count = w->blocks - first < PANEL_BLOCKS ? w->blocks - first : PANEL_BLOCKS;
    functions_of_blocks[w->type].panel(w, tile, first, count, &p);
    if (form->halves == 2 && form->has_minimum) panel_int8_halves_minimum(&p, first, count, x, row, rows, y);
    else if (form->halves == 2) panel_int8_halves(&p, first, count, x, row, rows, y);
    else if (form->has_minimum) panel_int8_minimum(&p, first, count, x, row, rows, y);
    else if (form->zero > 64) panel_int8_wide(&p, first, count, x, row, rows, y);
    else panel_int8_narrow(&p, first, count, x, row, rows, y);
  }
}

static void blocks_int8(const fb_weight *w, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y) {
  if (rows == 1 && functions_of_blocks[w->type].one) functions_of_blocks[w->type].one(w, tile, x, row, y);
  else multiply_panels(w, tile, x, row, rows, y);
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
    functions_of_blocks[w->type].panel(w, tile, first, count, &p);
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
