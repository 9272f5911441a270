// Packs affine weights whose width changes along k into tiles: "k4n16, mixed" of docs/layouts.md.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "half.h"
#include "quads.h"
#include "weight.h"

// A block has the width of the widest group that has a row in it.
static void set_widths(fb_weight *w, const fb_mixed_shape *shape) {
  for (int32_t g = 0, start = 0; g < shape->groups; g++) {
    const int32_t end = start + shape->sizes[g];
    w->group_ends[g] = end;
    w->group_widths[g] = shape->widths[g];
    for (int32_t block = start / FB_BLOCK; block <= (end - 1) / FB_BLOCK; block++)
      if (shape->widths[g] > w->widths[block]) w->widths[block] = shape->widths[g];
    start = end;
  }
  for (int32_t block = 0; block < w->blocks; block++) w->tile_bytes += 64 * (size_t)w->widths[block];
}

// The tables come first, since they tell how many bytes a tile has.
fb_weight *fb_weight_mixed(const fb_mixed_shape *shape) {
  fb_weight mixed = {
      .kind = FB_MIXED,
      .in = shape->in,
      .out = shape->out,
      .groups = shape->groups,
      .tiles = (int32_t)(((int64_t)shape->out + FB_TILE - 1) / FB_TILE),
      .blocks = (int32_t)(((int64_t)shape->in + FB_BLOCK - 1) / FB_BLOCK),
      .span = shape->span,
  };
  const size_t groups = (size_t)shape->groups, tiles = (size_t)mixed.tiles;
  mixed.group_ends = calloc(1, groups * (sizeof *mixed.group_ends + 1) + (size_t)mixed.blocks);
  if (!mixed.group_ends) return NULL;
  mixed.group_widths = (uint8_t *)(mixed.group_ends + groups);
  mixed.widths = mixed.group_widths + groups;
  set_widths(&mixed, shape);
  const size_t codes = tiles * mixed.tile_bytes, scales = fb_whole_lines(tiles * groups * FB_TILE), maxima = fb_whole_lines(tiles * groups * sizeof *mixed.maxima);
  const size_t order = shape->row_order ? (size_t)shape->in * sizeof *shape->row_order : 0;
  fb_weight *w = fb_weight_take(&mixed, codes + scales + maxima + fb_whole_lines(order));
  if (!w) {
    free(mixed.group_ends);
    return NULL;
  }
  w->codes = w->owned;
  w->scales = w->codes + codes;
  w->maxima = (float *)(void *)(w->scales + scales);
  if (shape->row_order) w->row_order = memcpy(w->scales + scales + maxima, shape->row_order, order);
  return w;
}

typedef struct {
  fb_weight *weight;
  const fb_mixed_part *part;
  atomic_int next;
} packing;

// Where the packing of a tile has come to: a group, its first row, and its words.
typedef struct {
  int32_t group, first;
  const uint8_t *words;
} place;

static void next_group(const packing *work, place *at) {
  const fb_weight *w = work->weight;
  const size_t size = (size_t)(w->group_ends[at->group] - at->first), rows = (size * w->group_widths[at->group] + 31) / 32;
  at->words += 4 * rows * (size_t)work->part->columns;
  at->first = w->group_ends[at->group++];
}

// Rows in which groups begin or end, one at a time. A narrower group's codes are moved to where the block's width has its zero.
static void pack_block_by_rows(const packing *work, int32_t block, int32_t count, place *at, block_rows to) {
  const fb_weight *w = work->weight;
  const int32_t bits = w->widths[block];
  quads_of_block quads = {{0}};
  for (int32_t i = 0, r = block * FB_BLOCK; i < FB_BLOCK && r < w->in; i++, r++) {
    if (r == w->group_ends[at->group]) next_group(work, at);
    const int32_t width = w->group_widths[at->group];
    const uint32_t moved = (1u << (bits - 1)) - (1u << (width - 1));
    uint32_t codes[FB_TILE];
    fb_load_stream_codes(at->words, (size_t)work->part->columns, width, (size_t)(r - at->first), count, codes);
    for (int32_t c = 0; c < FB_TILE; c++) quads[i / 4][c] |= (codes[c] + moved) << 8 * (i % 4);
  }
  pack_quads(quads, bits, to);
}

static void pack_codes(const packing *work, int32_t column, int32_t count, uint8_t *to) {
  const fb_weight *w = work->weight;
  const size_t columns = (size_t)work->part->columns;
  place at = {.words = work->part->codes + 4 * (size_t)column};
  for (int32_t block = 0; block < w->blocks; block++) {
    const int32_t start = block * FB_BLOCK, bits = w->widths[block];
    if (start == w->group_ends[at.group]) next_group(work, &at);
    block_rows rows = {{0}};
    if ((start - at.first) % FB_BLOCK == 0 && w->group_ends[at.group] - start >= FB_BLOCK) {
      const uint8_t *words = at.words + 4 * (size_t)((start - at.first) / FB_BLOCK * bits) * columns;
      for (int32_t row = 0; row < bits; row++) fb_copy_columns(rows[row], words + 4 * (size_t)row * columns, count);
      fb_arrange_stream(bits, rows);
    } else {
      pack_block_by_rows(work, block, count, &at, rows);
    }
    memcpy(to, rows, 64 * (size_t)bits);
    to += 64 * (size_t)bits;
  }
}

static void pack_tiles(void *context, int32_t thread, int32_t threads) {
  (void)thread;
  (void)threads;
  packing *work = context;
  fb_weight *w = work->weight;
  const fb_mixed_part *part = work->part;
  const int32_t tiles = (int32_t)(((int64_t)part->out + FB_TILE - 1) / FB_TILE), first = part->column / FB_TILE;
  for (int32_t tile; (tile = atomic_fetch_add(&work->next, 1)) < tiles;) {
    const int32_t column = tile * FB_TILE, count = part->out - column < FB_TILE ? part->out - column : FB_TILE;
    pack_codes(work, column, count, w->codes + (size_t)(first + tile) * w->tile_bytes);
    for (int32_t g = 0; g < w->groups; g++) {
      const size_t at = (size_t)(first + tile) * (size_t)w->groups + (size_t)g;
      w->maxima[at] = fb_half_to_float(fb_load_u16(part->scale_maxima + 2 * (size_t)g)) / 256;
      // Nibbles along n, lowest first: a byte holds two columns.
      const uint8_t *nibbles = part->scale_codes + ((size_t)g * (size_t)part->columns + (size_t)column) / 2;
      uint8_t *scales = w->scales + at * FB_TILE;
      memset(scales, 0, FB_TILE);
      for (int32_t c = 0; c < count; c++) scales[c] = (uint8_t)((nibbles[c / 2] >> 4 * (c % 2) & 15) + 1);
    }
  }
}

void fb_weight_put_mixed(fb_device *device, fb_weight *weight, const fb_mixed_part *part) {
  packing work = {.weight = weight, .part = part};
  fb_pool_run(device->pool, pack_tiles, &work);
}
