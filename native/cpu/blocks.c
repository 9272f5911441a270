// Packs rows of ggml's blocks into tiles of 16 outputs: "Blocks in tiles" of docs/layouts.md. Bits are moved, none is rounded.
#include "blocks.h"

#include <stdatomic.h>
#include <string.h>

#include "device.h"
#include "quads.h"
#include "read_block.h"
#include "weight.h"

// Ternary codes count eighths, from -9 on for a row that is shifted down: half a code fits four bits. The rows as they are shifted down, then
// those shifted up, take as much memory as the grid: a byte has input i of the eight in its low bits, input i + 4 in its high bits.
static void put_ternary_grid(const fb_block_shape *shape, uint8_t *to) {
  for (int32_t up = 0; up < 2; up++)
    for (const int8_t *row = shape->grid; row < shape->grid + shape->grid_bytes; row += 8)
      for (int32_t i = 0; i < 4; i++) *to++ = (uint8_t)((4 * (row[i] + 1) + up) | (4 * (row[i + 4] + 1) + up) << 4);
}

fb_weight *fb_weight_blocks(const fb_block_shape *shape) {
  const fb_block_form *form = &fb_block_forms[shape->type];
  const fb_weight blocks = {
      .kind = FB_BLOCKS,
      .in = shape->in,
      .out = shape->out,
      .type = shape->type,
      .group_size = FB_BLOCK / form->halves,
      .groups = shape->in / form->values,
      .tiles = (shape->out + FB_TILE - 1) / FB_TILE,
      .blocks = shape->in / FB_BLOCK,
      .span = shape->span,
  };
  const size_t tiles = (size_t)blocks.tiles, codes = fb_whole_lines(tiles * (size_t)blocks.blocks * fb_block_code_bytes(form));
  const size_t scales = fb_whole_lines(tiles * (size_t)blocks.groups * fb_block_scale_bytes(form)), grid = fb_whole_lines((size_t)shape->grid_bytes);
  const size_t factors = shape->has_factor ? fb_whole_lines(tiles * sizeof(float)) : 0;
  fb_weight *w = fb_weight_take(&blocks, codes + scales + grid + factors);
  if (!w) return NULL;
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

static void pack_planes(int32_t type, const fb_block_form *form, const uint8_t *rows, size_t stride, int32_t count, uint8_t *to) {
  uint8_t codes[FB_TILE][256];
  memset(codes, 0, sizeof codes);
  for (int32_t c = 0; c < count; c++) read_codes(type, rows + (size_t)c * stride, codes[c]);
  for (int32_t k = 0; k < form->values; k += FB_BLOCK, to += 64 * form->bits) {
    quads_of_block quads;
    for (int32_t c = 0; c < FB_TILE; c++)
      for (int32_t q = 0; q < 8; q++) quads[q][c] = fb_load_word(codes[c] + k, (size_t)q);
    block_rows packed;
    pack_quads(quads, form->bits, packed);
    memcpy(to, packed, 64 * (size_t)form->bits);
  }
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

static void pack_scales(int32_t type, const fb_block_form *form, const uint8_t *block, size_t stride, int32_t count, uint8_t *to) {
  const size_t width = fb_block_factor_bytes(form) ? fb_type_bytes(form->factor_type) : 0;
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
