// Packs rows of ggml's blocks into tiles of 16 outputs: "Blocks in tiles" of docs/layouts.md. Bits are moved, none is rounded.
#include "blocks.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "memory.h"
#include "quads.h"

static size_t round_up(size_t size) { return (size + 63) / 64 * 64; }

// Ternary codes count eighths, from -9 on for a row that is shifted down: half a code fits four bits. The rows as they are shifted down, then
// those shifted up, take as much memory as the grid: a byte has input i of the eight in its low bits, input i + 4 in its high bits.
static void put_ternary_grid(const fb_block_shape *shape, uint8_t *to) {
  for (int32_t up = 0; up < 2; up++)
    for (const int8_t *row = shape->grid; row < shape->grid + shape->grid_bytes; row += 8)
      for (int32_t i = 0; i < 4; i++) *to++ = (uint8_t)((4 * (row[i] + 1) + up) | (4 * (row[i + 4] + 1) + up) << 4);
}

fb_weight *fb_weight_blocks(const fb_block_shape *shape) {
  fb_weight *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  const fb_block_form *form = &fb_block_forms[shape->type];
  *w = (fb_weight){.kind = FB_BLOCKS, .in = shape->in, .out = shape->out, .type = shape->type, .group_size = FB_BLOCK / form->halves, .span = shape->span};
  w->groups = shape->in / form->values;
  w->tiles = (shape->out + FB_TILE - 1) / FB_TILE;
  w->blocks = shape->in / FB_BLOCK;
  const size_t tiles = (size_t)w->tiles, codes = round_up(tiles * (size_t)w->blocks * fb_block_code_bytes(form));
  const size_t scales = round_up(tiles * (size_t)w->groups * fb_block_scale_bytes(form)), grid = round_up((size_t)shape->grid_bytes);
  const size_t factors = shape->has_factor ? round_up(tiles * sizeof(float)) : 0;
  w->byte_length = codes + scales + grid + factors;
  w->owned = fb_memory_take(w->byte_length);
  if (!w->owned) {
    free(w);
    return NULL;
  }
  w->codes = w->owned;
  w->scales = w->codes + codes;
  if (shape->grid) {
    w->grid = w->scales + scales;
    if (form->form == FB_FORM_TERNARY) put_ternary_grid(shape, w->grid);
    else for (int32_t i = 0; i < shape->grid_bytes; i++) w->grid[i] = (uint8_t)(form->zero + shape->grid[i]);
  }
  if (shape->has_factor) w->factors = (float *)(void *)(w->scales + scales + grid);
  return w;
}

static uint32_t load_u32(const uint8_t *p) {
  uint32_t word;
  memcpy(&word, p, 4);
  return word;
}
static uint32_t load_u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }

// -- Codes of one block, one a byte --------------------------------------------------------------------------------------------------

// 2 · half codes: the low nibbles of `half` bytes, then the high ones.
static void nibble_halves(const uint8_t *from, int32_t half, uint8_t *to) {
  for (int32_t i = 0; i < half; i++) to[i] = from[i] & 15, to[half + i] = from[i] >> 4;
}
static void nibble_neighbours(const uint8_t *from, uint8_t *to) {
  for (int32_t i = 0; i < 16; i++) to[2 * i] = from[i] & 15, to[2 * i + 1] = from[i] >> 4;
}
// Eight bits as eight bytes, the lowest bit first.
static uint64_t spread_bits(uint8_t eight) {
  const uint64_t apart = eight * 0x0101010101010101u & 0x8040201008040201u;
  return (apart + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}
static void add_fifth_bits(const uint8_t *word, uint8_t *to) {
  for (int32_t i = 0; i < 4; i++) {
    uint64_t codes;
    memcpy(&codes, to + 8 * i, 8);
    codes |= spread_bits(word[i]) << 4;
    memcpy(to + 8 * i, &codes, 8);
  }
}
static void signed_bytes(const uint8_t *from, int32_t count, uint8_t *to) {
  for (int32_t i = 0; i < count; i++) to[i] = from[i] ^ 0x80;
}
// Four fields of 2 bits in each of 32 bytes: fields of one place are neighbours.
static void pair_planes(const uint8_t *from, uint8_t *to) {
  for (int32_t j = 0; j < 4; j++)
    for (int32_t i = 0; i < 32; i++) to[32 * j + i] = from[i] >> 2 * j & 3;
}

static void ternary_fifths(const uint8_t *from, uint8_t *to) {
  // Five trits a byte, as a fraction of 256: multiplied by 3^e, the trit stands at the top. The last 16 have four trits a byte.
  static const struct { int32_t at, bytes, trits; } runs[3] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};
  for (int32_t r = 0; r < 3; r++)
    for (int32_t e = 0, power = 1; e < runs[r].trits; e++, power *= 3)
      for (int32_t i = 0; i < runs[r].bytes; i++) *to++ = (uint8_t)((from[runs[r].at + i] * power & 255) * 3 >> 8);
}

// The codes of a block whose form is planes or a table.
static void read_codes(int32_t type, const uint8_t *block, uint8_t *to) {
  switch (type) {
    case FB_Q1_0:
      for (int32_t i = 0; i < 16; i++) {
        const uint64_t codes = spread_bits(block[2 + i]);
        memcpy(to + 8 * i, &codes, 8);
      }
      break;
    case FB_Q2_0:
      for (int32_t i = 0; i < 16; i++) {
        const uint32_t four = block[2 + i], codes = (four & 3) | (four & 12) << 6 | (four & 48) << 12 | (four & 192) << 18;
        memcpy(to + 4 * i, &codes, 4);
      }
      break;
    case FB_Q4_0:
    case FB_IQ4_NL: nibble_halves(block + 2, 16, to); break;
    case FB_Q4_1:
    case FB_Q4_0_V2: nibble_halves(block + 4, 16, to); break;
    case FB_Q4_1_V2: nibble_halves(block + 8, 16, to); break;
    case FB_Q4_0_V1: nibble_neighbours(block + 4, to); break;
    case FB_Q4_1_V1: nibble_neighbours(block + 8, to); break;
    case FB_Q5_0:
      nibble_halves(block + 6, 16, to);
      add_fifth_bits(block + 2, to);
      break;
    case FB_Q5_1:
      nibble_halves(block + 8, 16, to);
      add_fifth_bits(block + 4, to);
      break;
    case FB_Q5_0_V1:
      nibble_neighbours(block + 6, to);
      add_fifth_bits(block + 2, to);
      break;
    case FB_Q5_1_V1:
      nibble_neighbours(block + 8, to);
      add_fifth_bits(block + 4, to);
      break;
    case FB_Q8_0: signed_bytes(block + 2, 32, to); break;
    case FB_Q8_0_V2: signed_bytes(block + 4, 32, to); break;
    case FB_TQ1_0: ternary_fifths(block, to); break;
    case FB_TQ2_0:
      for (int32_t h = 0; h < 2; h++) pair_planes(block + 32 * h, to + 128 * h);
      break;
    case FB_Q2_K:
      for (int32_t h = 0; h < 2; h++) pair_planes(block + 16 + 32 * h, to + 128 * h);
      break;
    case FB_Q3_K:
      for (int32_t h = 0; h < 2; h++) pair_planes(block + 32 + 32 * h, to + 128 * h);
      for (int32_t t = 0; t < 8; t++)
        for (int32_t i = 0; i < 32; i++) to[32 * t + i] |= (uint8_t)((block[i] >> t & 1) << 2);
      break;
    case FB_Q4_K:
      for (int32_t t = 0; t < 8; t += 2) nibble_halves(block + 16 + 16 * t, 32, to + 32 * t);
      break;
    case FB_Q5_K:
      for (int32_t t = 0; t < 8; t += 2) nibble_halves(block + 48 + 16 * t, 32, to + 32 * t);
      for (int32_t t = 0; t < 8; t++)
        for (int32_t i = 0; i < 32; i++) to[32 * t + i] |= (uint8_t)((block[16 + i] >> t & 1) << 4);
      break;
    case FB_Q6_K:
      for (int32_t h = 0; h < 2; h++) {
        nibble_halves(block + 64 * h, 64, to + 128 * h);
        for (int32_t j = 0; j < 4; j++)
          for (int32_t i = 0; i < 32; i++) to[128 * h + 32 * j + i] |= (uint8_t)((block[128 + 32 * h + i] >> 2 * j & 3) << 4);
      }
      break;
    case FB_IQ4_XS:
      for (int32_t t = 0; t < 8; t++) nibble_halves(block + 8 + 16 * t, 16, to + 32 * t);
      break;
    case FB_MXFP4: nibble_halves(block + 1, 16, to); break;
    default:  // FB_NVFP4
      for (int32_t s = 0; s < 4; s++) nibble_halves(block + 4 + 8 * s, 8, to + 16 * s);
      break;
  }
}

static void pack_planes(int32_t type, const fb_block_form *form, const uint8_t *rows, size_t stride, int32_t count, uint8_t *to) {
  uint8_t codes[FB_TILE][256];
  memset(codes, 0, sizeof codes);
  for (int32_t c = 0; c < count; c++) read_codes(type, rows + (size_t)c * stride, codes[c]);
  for (int32_t k = 0; k < form->values; k += FB_BLOCK, to += 64 * form->bits) {
    quads_of_block quads;
    for (int32_t c = 0; c < FB_TILE; c++)
      for (int32_t q = 0; q < 8; q++) quads[q][c] = load_u32(codes[c] + k + 4 * q);
    block_rows packed;
    pack_quads(quads, form->bits, packed);
    memcpy(to, packed, 64 * (size_t)form->bits);
  }
}

// -- Grids ---------------------------------------------------------------------------------------------------------------------------

// 32 inputs of one output: the numbers of rows of the grid, a sign for each input, and what the types with scales in the same words have of those.
typedef struct {
  uint32_t rows[8];
  uint32_t signs;       // bit i: input i is negative
  uint32_t up;          // bit l: run l is shifted up, else down
  uint32_t scales[2];
} grid_block;

static uint32_t even_signs(uint32_t seven) {
  uint32_t parity = seven ^ seven >> 4;
  parity ^= parity >> 2;
  return seven | ((parity ^ parity >> 1) & 1) << 7;
}
static uint32_t four_even_signs(uint32_t word) {
  uint32_t signs = 0;
  for (int32_t l = 0; l < 4; l++) signs |= even_signs(word >> 7 * l & 127) << 8 * l;
  return signs;
}

static inline __attribute__((always_inline)) grid_block read_grid_block(const int32_t type, const uint8_t *block, int32_t t) {
  grid_block g = {{0}, 0, 0, {0}};
  const uint8_t *fours = block + 2 + 8 * t, *eights = block + 2 + 4 * t;
  uint32_t word;
  switch (type) {
    case FB_IQ2_XXS:
      word = load_u32(fours + 4);
      for (int32_t l = 0; l < 4; l++) g.rows[l] = fours[l];
      g.signs = four_even_signs(word);
      g.scales[0] = word >> 28;
      break;
    case FB_IQ2_XS:
      for (int32_t l = 0; l < 4; l++) {
        word = load_u16(fours + 2 * l);
        g.rows[l] = word & 511;
        g.signs |= even_signs(word >> 9) << 8 * l;
      }
      g.scales[0] = block[66 + t] & 15, g.scales[1] = block[66 + t] >> 4;
      break;
    case FB_IQ2_S:
      for (int32_t l = 0; l < 4; l++) g.rows[l] = eights[l] | (uint32_t)(block[66 + t] >> 2 * l & 3) << 8;
      g.signs = load_u32(block + 34 + 4 * t);
      g.scales[0] = block[74 + t] & 15, g.scales[1] = block[74 + t] >> 4;
      break;
    case FB_IQ3_XXS:
      word = load_u32(block + 66 + 4 * t);
      for (int32_t e = 0; e < 8; e++) g.rows[e] = fours[e];
      g.signs = four_even_signs(word);
      g.scales[0] = word >> 28;
      break;
    case FB_IQ3_S:
      for (int32_t e = 0; e < 8; e++) g.rows[e] = fours[e] | (uint32_t)(block[66 + t] >> e & 1) << 8;
      g.signs = load_u32(block + 74 + 4 * t);
      g.scales[0] = block[106 + t / 2] >> 4 * (t % 2) & 15;
      break;
    case FB_IQ1_S:
      word = load_u16(block + 34 + 2 * t);
      for (int32_t l = 0; l < 4; l++) g.rows[l] = eights[l] | (word >> 3 * l & 7) << 8;
      g.up = word & 0x8000 ? 0 : 15;
      g.scales[0] = word >> 12 & 7;
      break;
    default:  // FB_IQ1_M
      for (int32_t l = 0; l < 4; l++) {
        const uint32_t high = block[32 + 2 * t + l / 2] >> 4 * (l % 2) & 15u;
        g.rows[l] = block[4 * t + l] | (high & 7) << 8;
        g.up |= (high >> 3 ^ 1) << l;
      }
      for (int32_t half = 0; half < 2; half++) g.scales[half] = load_u16(block + 48 + t / 2 * 2) >> 3 * (2 * (t % 2) + half) & 7;
      break;
  }
  return g;
}

static inline __attribute__((always_inline)) void pack_grid_as(const int32_t type, const uint8_t *rows, size_t stride, int32_t count, uint8_t *to, uint8_t *scales) {
  const fb_block_form *form = &fb_block_forms[type];
  const int32_t runs = form->form == FB_FORM_FOURS ? 8 : 4, half_scales = 4 * form->halves;
  for (int32_t t = 0; t < form->values / FB_BLOCK; t++, to += fb_block_code_bytes(form)) {
    uint8_t *high = to + FB_TILE * runs, *signs = high + 2 * form->bits;
    memset(to, 0, fb_block_code_bytes(form));
    for (int32_t c = 0; c < count; c++) {
      const grid_block g = read_grid_block(type, rows + (size_t)c * stride, t);
      const int32_t width = form->bits / runs;  // of a run's part of the higher bits
      uint32_t field = 0;
      for (int32_t l = 0; l < runs; l++) {
        to[FB_TILE * l + c] = (uint8_t)g.rows[l];
        field |= (g.rows[l] >> 8 | (form->form == FB_FORM_TERNARY ? (g.up >> l & 1) << 3 : 0)) << width * l;
      }
      if (form->bits == 4) high[c / 2] |= (uint8_t)(field << 4 * (c % 2));
      else if (form->bits == 8) high[c] = (uint8_t)field;
      else if (form->bits == 16) high[2 * c] = (uint8_t)field, high[2 * c + 1] = (uint8_t)(field >> 8);
      if (form->form != FB_FORM_TERNARY) {
        const uint32_t planes = transpose_bits(g.signs);
        memcpy(signs + 4 * c, &planes, 4);
      }
      for (int32_t half = 0; half < form->halves; half++) {
        const int32_t scale = t * form->halves + half;
        scales[FB_TILE * (scale % half_scales) + c] |= (uint8_t)(g.scales[half] << 4 * (scale / half_scales));
      }
    }
  }
}

static void pack_grid(int32_t type, const uint8_t *rows, size_t stride, int32_t count, uint8_t *to, uint8_t *scales) {
  switch (type) {
    case FB_IQ1_S: pack_grid_as(FB_IQ1_S, rows, stride, count, to, scales); break;
    case FB_IQ1_M: pack_grid_as(FB_IQ1_M, rows, stride, count, to, scales); break;
    case FB_IQ2_XXS: pack_grid_as(FB_IQ2_XXS, rows, stride, count, to, scales); break;
    case FB_IQ2_XS: pack_grid_as(FB_IQ2_XS, rows, stride, count, to, scales); break;
    case FB_IQ2_S: pack_grid_as(FB_IQ2_S, rows, stride, count, to, scales); break;
    case FB_IQ3_XXS: pack_grid_as(FB_IQ3_XXS, rows, stride, count, to, scales); break;
    default: pack_grid_as(FB_IQ3_S, rows, stride, count, to, scales); break;
  }
}

// -- Scales --------------------------------------------------------------------------------------------------------------------------

// The factor of a block, then its minimum, as bytes of the file.
static void read_factors(int32_t type, const uint8_t *block, uint8_t factors[8]) {
  switch (type) {
    case FB_TQ1_0: memcpy(factors, block + 52, 2); break;
    case FB_TQ2_0: memcpy(factors, block + 64, 2); break;
    case FB_Q2_K: memcpy(factors, block + 80, 4); break;
    case FB_Q3_K: memcpy(factors, block + 108, 2); break;
    case FB_Q6_K: memcpy(factors, block + 208, 2); break;
    case FB_IQ1_M:  // a nibble in each of four words
      factors[0] = (uint8_t)(block[49] >> 4 | (block[51] & 0xf0));
      factors[1] = (uint8_t)(block[53] >> 4 | (block[55] & 0xf0));
      break;
    default: memcpy(factors, block, 8); break;  // blocks are longer; what is no factor is not used
  }
}

// ggml keeps no NaN in the unsigned e4m3 of NVFP4: 0x7f is 0, 0xff is 480, and else the top bit counts for nothing.
static uint8_t e4m3_scale(uint8_t byte) { return byte == 0x7f ? 0 : byte & 0x7f; }

// The rows of scales of one output, in the order that FB_SCALES_* says. Those of grids are packed with their codes.
static void read_scale_rows(int32_t type, const uint8_t *block, uint8_t rows[16]) {
  switch (type) {
    case FB_Q2_K: memcpy(rows, block, 16); break;
    case FB_Q3_K: memcpy(rows, block + 96, 12); break;
    case FB_Q4_K:
    case FB_Q5_K: memcpy(rows, block + 4, 12); break;
    case FB_Q6_K: signed_bytes(block + 192, 16, rows); break;
    case FB_IQ4_XS:
      memset(rows, 0, 6);
      for (int32_t t = 0; t < 8; t++) {
        rows[t % 4] |= (uint8_t)((block[4 + t / 2] >> 4 * (t % 2) & 15) << 4 * (t / 4));
        rows[4 + t % 2] |= (uint8_t)((load_u16(block + 2) >> 2 * t & 3) << 2 * (t / 2));
      }
      break;
    case FB_MXFP4: rows[0] = block[0]; break;
    case FB_NVFP4:
      for (int32_t s = 0; s < 4; s++) rows[s] = e4m3_scale(block[s]);
      break;
    default: break;
  }
}

static void pack_scales(int32_t type, const fb_block_form *form, const uint8_t *block, size_t stride, int32_t count, uint8_t *to) {
  const size_t width = fb_block_factor_bytes(form) ? form->factor_type == FB_F32 ? 4 : 2 : 0;
  uint8_t *rows_to = to + fb_block_factor_bytes(form);
  const int32_t rows = fb_has_grid(form) ? 0 : fb_block_scale_rows(form);
  for (int32_t c = 0; c < count; c++) {
    uint8_t factors[8], bytes[16];
    read_factors(type, block + (size_t)c * stride, factors);
    memcpy(to + (size_t)c * width, factors, width);
    if (form->has_minimum) memcpy(to + (size_t)(FB_TILE + c) * width, factors + width, width);
    read_scale_rows(type, block + (size_t)c * stride, bytes);
    for (int32_t r = 0; r < rows; r++) rows_to[FB_TILE * r + c] = bytes[r];
  }
}

// -- Tiles ---------------------------------------------------------------------------------------------------------------------------

typedef struct {
  fb_weight *weight;
  const uint8_t *blocks;
  int32_t column, out;
  float factor;
  atomic_int next;
} packing;

static void pack_tiles(void *context, int32_t thread, int32_t threads) {
  (void)thread;
  (void)threads;
  packing *work = context;
  fb_weight *w = work->weight;
  const fb_block_form *form = &fb_block_forms[w->type];
  const size_t stride = (size_t)w->groups * (size_t)form->bytes, code_bytes = fb_block_code_bytes(form) * (size_t)(form->values / FB_BLOCK);
  const size_t scale_bytes = fb_block_scale_bytes(form);
  const int32_t tiles = (work->out + FB_TILE - 1) / FB_TILE;
  for (int32_t unit; (unit = atomic_fetch_add(&work->next, 1)) < tiles;) {
    const int32_t first = unit * FB_TILE, count = work->out - first < FB_TILE ? work->out - first : FB_TILE;
    const size_t tile = (size_t)(work->column / FB_TILE + unit);
    const uint8_t *from = work->blocks + (size_t)first * stride;
    uint8_t *codes = w->codes + tile * (size_t)w->groups * code_bytes, *scales = w->scales + tile * (size_t)w->groups * scale_bytes;
    if (w->factors) w->factors[tile] = work->factor;
    for (int32_t group = 0; group < w->groups; group++, from += form->bytes, codes += code_bytes, scales += scale_bytes) {
      memset(scales, 0, scale_bytes);
      pack_scales(w->type, form, from, stride, count, scales);
      if (fb_has_grid(form)) pack_grid(w->type, from, stride, count, codes, scales + fb_block_factor_bytes(form));
      else pack_planes(w->type, form, from, stride, count, codes);
    }
  }
}

void fb_weight_put_blocks(fb_device *device, fb_weight *weight, int32_t column, int32_t out, const uint8_t *blocks, float factor) {
  packing work = {.weight = weight, .blocks = blocks, .column = column, .out = out, .factor = factor};
  fb_pool_run(device->pool, pack_tiles, &work);
}
