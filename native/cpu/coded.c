// Packs codes that stand for floats into tiles of 16 outputs: "Coded tiles" of docs/layouts.md. Bytes are moved, nibbles swapped where they must.
#include <stdatomic.h>
#include <string.h>

#include "device.h"
#include "weight.h"

fb_weight *fb_weight_coded(const fb_coded_shape *shape) {
  const int nibbles = shape->form == FB_CODED_NIBBLES;
  const fb_weight coded = {
      .kind = FB_CODED,
      .in = shape->in,
      .out = shape->out,
      .type = shape->form,
      .group_size = shape->group_size,
      .groups = (int32_t)(((int64_t)shape->in + shape->group_size - 1) / shape->group_size),
      .tiles = (shape->out + FB_TILE - 1) / FB_TILE,
      .blocks = nibbles ? shape->in / 2 : shape->in,
      .divides = shape->divides,
  };
  const size_t columns = (size_t)coded.tiles * FB_TILE, codes = fb_whole_lines(columns * (size_t)coded.blocks);
  const size_t scales = fb_whole_lines(columns * (size_t)coded.groups * (shape->scale_table ? 1 : sizeof(float)));
  const size_t table = (nibbles ? 16 : 256) * sizeof(float), scale_table = shape->scale_table ? 256 * sizeof(float) : 0;
  fb_weight *w = fb_weight_take(&coded, codes + scales + table + scale_table);
  if (!w) return NULL;
  w->codes = w->owned;
  w->scales = w->codes + codes;
  w->table = memcpy(w->scales + scales, shape->table, table);
  if (scale_table) w->scale_table = memcpy(w->scales + scales + table, shape->scale_table, scale_table);
  return w;
}

typedef struct {
  fb_weight *weight;
  const fb_coded_part *part;
  atomic_int next;
} packing;

// `count` rows of `width`-byte items, `stride` bytes apart, as [length][16] items; rows past the last are zero.
static void transpose(const uint8_t *rows, size_t stride, int32_t count, size_t length, size_t width, uint8_t *to) {
  enum { stretch = 64 };  // of every row at once, so that what is written stays in the first cache
  for (size_t start = 0; start < length; start += stretch) {
    const size_t end = length - start < stretch ? length : start + stretch;
    for (int32_t c = 0; c < FB_TILE; c++)
      for (size_t i = start; i < end; i++) {
        uint8_t *item = to + (i * FB_TILE + (size_t)c) * width;
        if (c >= count) memset(item, 0, width);
        else if (width == 1) *item = rows[(size_t)c * stride + i];
        else memcpy(item, rows + (size_t)c * stride + i * width, width);
      }
  }
}

static void pack_tiles(void *context, int32_t thread, int32_t threads) {
  (void)thread, (void)threads;
  packing *work = context;
  const fb_weight *w = work->weight;
  const fb_coded_part *part = work->part;
  const size_t row = (size_t)w->blocks, groups = (size_t)w->groups, scale_bytes = w->scale_table ? 1 : sizeof(float);
  const int32_t first = part->column / FB_TILE, tiles = (part->out + FB_TILE - 1) / FB_TILE;
  for (int32_t unit; (unit = atomic_fetch_add(&work->next, 1)) < tiles;) {
    const size_t n = (size_t)unit * FB_TILE, tile = (size_t)(first + unit);
    const int32_t count = part->out - (int32_t)n < FB_TILE ? part->out - (int32_t)n : FB_TILE;
    uint8_t *codes = w->codes + tile * row * FB_TILE;
    transpose(part->codes + n * row, row, count, row, 1, codes);
    if (part->swaps)
      for (size_t i = 0; i < row * FB_TILE; i++) codes[i] = (uint8_t)(codes[i] << 4 | codes[i] >> 4);
    transpose(part->scales + n * groups * scale_bytes, groups * scale_bytes, count, groups, scale_bytes, w->scales + tile * groups * FB_TILE * scale_bytes);
  }
}

void fb_weight_put_coded(fb_device *device, fb_weight *weight, const fb_coded_part *part) {
  packing work = {.weight = weight, .part = part};
  fb_pool_run(device->pool, pack_tiles, &work);
}
