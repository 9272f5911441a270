// Packs affine weights into tiles of 16 outputs: "k4n16" of docs/layouts.md. Blocks that lie whole in the file have packers of their own (whole_blocks.c).
#include <stdatomic.h>
#include <string.h>

#include "device.h"
#include "quads.h"
#include "weight.h"
#include "whole_blocks.h"

fb_weight *fb_weight_affine(const fb_affine_shape *shape) {
  const int32_t in = shape->in, out = shape->out, bits = shape->bits, group_size = shape->group_size;
  const fb_weight affine = {
      .kind = FB_AFFINE,
      .in = in,
      .out = out,
      .type = shape->scale_type,
      .bits = bits,
      .group_size = group_size,
      .groups = (int32_t)(((int64_t)in + group_size - 1) / group_size),
      .tiles = (out + FB_TILE - 1) / FB_TILE,
      .blocks = (in + FB_BLOCK - 1) / FB_BLOCK,
      .span = shape->span,
      .sparse = shape->sparse,
      .divisor = shape->divisor,
  };
  const size_t tiles = (size_t)affine.tiles, grouped = tiles * FB_TILE * (size_t)affine.groups;
  const size_t codes = tiles * (size_t)affine.blocks * fb_affine_block_bytes(bits, affine.sparse), scales = fb_whole_lines(grouped * fb_type_bytes(affine.type));
  const size_t zeros = shape->has_zeros ? fb_whole_lines(grouped) : 0, order = shape->row_order ? (size_t)in * sizeof *shape->row_order : 0;
  fb_weight *w = fb_weight_take(&affine, codes + scales + zeros + fb_whole_lines(order));
  if (!w) return NULL;
  w->codes = w->owned;
  w->scales = w->codes + codes;
  if (shape->has_zeros) w->zeros = w->scales + scales;
  if (shape->row_order) w->row_order = memcpy(w->scales + scales + zeros, shape->row_order, order);
  return w;
}

// -- One input of up to 16 columns, in any order ---------------------------------------------------------------------------------------

// Where column n has the code of input k: the bit that the code begins at, from the start of the part. For all orders but those along k,
// where the words of a column are apart.
static size_t code_bit(const fb_packing *work, size_t k, size_t n) {
  const size_t in = (size_t)work->weight->in, out = (size_t)work->part->out, bits = (size_t)work->weight->bits;
  switch (work->part->code_order) {
    case FB_CODES_LSB_ROWS: return 32 * (n * ((in * bits + 31) / 32)) + bits * k;
    case FB_CODES_WORD_ROWS: {
      const size_t in_word = 32 / bits, words = (in + in_word - 1) / in_word;
      return 32 * (n * words + k / in_word) + bits * (k % in_word);
    }
    case FB_CODES_BYTE_ROWS: return 8 * (n * in + k);
    case FB_CODES_AWQ_GEMM: return 32 * (k * (out / 8) + n / 8) + 4 * (n % 8 / 2 + n % 2 * 4);
    case FB_CODES_AWQ_GEMV_FAST: return 16 * (n / 4 * in + k / 64 * 64 + 16 * (n % 4) + 8 * (k / 32 % 2) + k % 8) + 4 * (k % 32 / 8);
    default: {  // FB_CODES_MARLIN
      const size_t word = k / 16 * (out * bits / 2) + n / 64 * (32 * bits) + n % 8 * (4 * bits) + k % 8 / 2 * bits;
      const size_t sixteen = n % 64 / 16, eight = n % 16 / 8, late = k % 16 / 8;
      return bits == 4 ? 32 * (word + sixteen) + 4 * (4 * (k % 2) + 2 * eight + late) : 32 * (word + 2 * sixteen + eight) + 8 * (2 * (k % 2) + late);
    }
  }
}

void fb_copy_columns(uint32_t to[FB_TILE], const uint8_t *from, int32_t count) {
  if (count == FB_TILE) memcpy(to, from, 4 * FB_TILE);
  else memcpy(to, from, 4 * (size_t)count);
}

void fb_load_stream_codes(const uint8_t *words, size_t out, int32_t bits, size_t k, int32_t count, uint32_t to[FB_TILE]) {
  const size_t bit = k * (size_t)bits, offset = bit % 32;
  const uint32_t mask = (1u << bits) - 1;
  const uint8_t *row = words + 4 * (bit / 32 * out);
  uint32_t word[FB_TILE] = {0}, next[FB_TILE] = {0};
  fb_copy_columns(word, row, count);
  if (offset + (size_t)bits > 32) {
    fb_copy_columns(next, row + 4 * out, count);
    for (int32_t c = 0; c < FB_TILE; c++) to[c] = (word[c] >> offset | next[c] << (32 - offset)) & mask;
  } else {
    for (int32_t c = 0; c < FB_TILE; c++) to[c] = word[c] >> offset & mask;
  }
}

static void load_codes(const fb_packing *work, int32_t k, int32_t column, int32_t count, uint32_t to[FB_TILE]) {
  const int32_t bits = work->weight->bits;
  const fb_affine_part *part = work->part;
  const size_t out = (size_t)part->out;
  if (part->code_order == FB_CODES_LSB_K) {
    fb_load_stream_codes(part->codes + 4 * (size_t)column, out, bits, (size_t)k, count, to);
  } else if (part->code_order == FB_CODES_PLANAR_K) {
    // 32 codes are `bits` words: planes of 4, 2 and 1 bit from the lowest bits, each a stream of its own.
    size_t row = (size_t)(k / 32 * bits);
    int32_t low = 0;
    for (int32_t c = 0; c < FB_TILE; c++) to[c] = 0;
    for (int32_t width = 4; width > 0; width /= 2) {
      if (!(bits & width)) continue;
      uint32_t fields[FB_TILE];
      fb_load_stream_codes(part->codes + 4 * (row * out + (size_t)column), out, width, (size_t)(k % 32), count, fields);
      for (int32_t c = 0; c < FB_TILE; c++) to[c] |= fields[c] << low;
      row += (size_t)width;
      low += width;
    }
  } else {
    const uint32_t mask = (1u << bits) - 1, flip = part->code_order == FB_CODES_BYTE_ROWS ? 0x80 : 0;
    for (int32_t c = 0; c < FB_TILE; c++) to[c] = 0;
    for (int32_t c = 0; c < count; c++) {
      const size_t bit = code_bit(work, (size_t)k, (size_t)(column + c)), byte = bit / 8;
      // A second byte only where the code reaches into it: the last code may end with the part.
      uint32_t pair = part->codes[byte];
      if (bit % 8 + (size_t)bits > 8) pair |= (uint32_t)part->codes[byte + 1] << 8;
      to[c] = (pair >> bit % 8 & mask) ^ flip;
    }
  }
}

// Any order, row order and width, one input at a time.
static void pack_block_by_inputs(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  const fb_weight *w = work->weight;
  quads_of_block quads = {{0}};
  for (int32_t i = 0; i < FB_BLOCK; i++) {
    const int32_t r = block * FB_BLOCK + i;
    if (r >= w->in) break;
    uint32_t codes[FB_TILE];
    load_codes(work, w->row_order ? (int32_t)w->row_order[r] : r, column, count, codes);
    for (int32_t c = 0; c < FB_TILE; c++) quads[i / 4][c] |= codes[c] << 8 * (i % 4);
  }
  pack_quads(quads, w->bits, to);
}

// -- Tiles of a part ---------------------------------------------------------------------------------------------------------------------

// Added to a word to undo "minus one" in every field: 2, 4 and 8 bit by word arithmetic, carries and all.
static uint32_t ones_of(int32_t bits) { return bits == 2 ? 0x55555555u : bits == 4 ? 0x11111111u : 0x01010101u; }

static uint8_t load_zero(const fb_packing *work, int32_t group, int32_t n) {
  static const uint32_t legacy[3] = {0x24924924u, 0x92492492u, 0x49249249u};
  const fb_affine_part *part = work->part;
  if (part->zero_order == FB_ZEROS_BYTES) return part->zeros[(size_t)group * (size_t)part->out + (size_t)n];
  const int32_t bits = work->weight->bits;
  const size_t words = (size_t)part->out * (size_t)bits / 32, row = (size_t)group * words;
  const size_t at = (size_t)n * (size_t)bits, index = at / 32;
  const int32_t offset = (int32_t)(at % 32);
  uint32_t word = fb_load_word(part->zeros, row + index), next = offset + bits > 32 ? fb_load_word(part->zeros, row + index + 1) : 0;
  if (part->zero_order == FB_ZEROS_MINUS_ONE && bits != 3) word += ones_of(bits);
  if (part->zero_order == FB_ZEROS_MINUS_LEGACY) {
    word += legacy[index % 3];
    next += legacy[(index + 1) % 3];
  }
  uint32_t field = word >> offset;
  if (offset + bits > 32) field |= next << (32 - offset);
  if (part->zero_order == FB_ZEROS_MINUS_ONE && bits == 3) field++;
  return (uint8_t)(field & ((1u << bits) - 1));
}

static void pack_codes(fb_packing *work, fb_block_packer pack_whole, int32_t block, int32_t tile, uint8_t *to) {
  const fb_weight *w = work->weight;
  const int32_t column = tile * FB_TILE, left = work->part->out - column, count = left < FB_TILE ? left : FB_TILE;
  const int whole = (int64_t)(block + 1) * FB_BLOCK <= w->in;
  block_rows rows;
  if (count < FB_TILE) memset(rows, 0, sizeof rows);
  if (pack_whole && whole) pack_whole(work, block, column, count, rows);
  else pack_block_by_inputs(work, block, column, count, rows);
  memcpy(to, rows, fb_affine_block_bytes(w->bits, w->sparse));
}

static void pack_groups(const fb_packing *work, int32_t tile) {
  const fb_weight *w = work->weight;
  const fb_affine_part *part = work->part;
  const int32_t column = tile * FB_TILE, left = part->out - column, count = left < FB_TILE ? left : FB_TILE;
  const size_t width = fb_type_bytes(w->type), place = (size_t)(part->column / FB_TILE + tile) * (size_t)w->groups * FB_TILE;
  uint8_t *scales = w->scales + place * width;
  for (int32_t group = 0; group < w->groups; group++, scales += FB_TILE * width) {
    memset(scales, 0, FB_TILE * width);
    memcpy(scales, part->scales + ((size_t)group * (size_t)part->out + (size_t)column) * width, (size_t)count * width);
  }
  if (!w->zeros) return;
  uint8_t *zeros = w->zeros + place;
  for (int32_t group = 0; group < w->groups; group++, zeros += FB_TILE) {
    memset(zeros, 0, FB_TILE);
    for (int32_t c = 0; c < count; c++) zeros[c] = load_zero(work, group, column + c);
  }
}

// Where a row of the file has many outputs, so many tiles are packed side by side that each line of it is read once, and each page for long.
#define TILES_TOGETHER 4

static int lies_along_outputs(int32_t order) {
  return order == FB_CODES_LSB_K || order == FB_CODES_PLANAR_K || order == FB_CODES_AWQ_GEMM || order == FB_CODES_MARLIN || order == FB_CODES_SPARSE_24;
}

static void pack_tiles(void *context, int32_t thread, int32_t threads) {
  (void)thread;
  fb_packing *work = context;
  const fb_weight *w = work->weight;
  const fb_affine_part *part = work->part;
  const int32_t tiles = (part->out + FB_TILE - 1) / FB_TILE, first = part->column / FB_TILE;
  const int32_t together = lies_along_outputs(part->code_order) && tiles >= 8 * threads ? TILES_TOGETHER : 1;
  const size_t block_bytes = fb_affine_block_bytes(w->bits, w->sparse), tile_bytes = (size_t)w->blocks * block_bytes;
  const fb_block_packer pack_whole = w->row_order ? NULL : fb_whole_block_packer(part->code_order);
  for (int32_t start; (start = atomic_fetch_add(&work->next, together)) < tiles;) {
    const int32_t end = tiles - start < together ? tiles : start + together;
    uint8_t *to = w->codes + (size_t)(first + start) * tile_bytes;
    for (int32_t block = 0; block < w->blocks; block++, to += block_bytes)
      for (int32_t tile = start; tile < end; tile++) pack_codes(work, pack_whole, block, tile, to + (size_t)(tile - start) * tile_bytes);
    for (int32_t tile = start; tile < end; tile++) pack_groups(work, tile);
  }
}

int32_t fb_weight_put_affine(fb_device *device, fb_weight *weight, const fb_affine_part *part) {
  fb_packing work = {.weight = weight, .part = part};
  fb_pool_run(device->pool, pack_tiles, &work);
  const unsigned refused = atomic_load(&work.refused);
  return refused ? __builtin_ctz(refused) : -1;
}
