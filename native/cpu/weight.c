// Packs weights into the tiles that the kernels read: "k4n16" of docs/layouts.md.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "memory.h"

static size_t type_bytes(int32_t type) { return type == FB_F32 ? 4 : 2; }
static size_t round_up(size_t size) { return (size + 63) / 64 * 64; }

fb_weight *fb_weight_affine(int32_t in, int32_t out, int32_t bits, int32_t group_size, int32_t scale_type, int32_t has_zeros, int32_t span, const uint32_t *row_order) {
  fb_weight *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  *w = (fb_weight){.kind = FB_AFFINE, .in = in, .out = out, .type = scale_type, .bits = bits, .group_size = group_size, .span = span};
  w->groups = (in + group_size - 1) / group_size;
  w->tiles = (out + FB_TILE - 1) / FB_TILE;
  w->blocks = (in + FB_BLOCK - 1) / FB_BLOCK;
  const size_t columns = (size_t)w->tiles * FB_TILE, codes = (size_t)w->tiles * (size_t)w->blocks * (size_t)bits * 64;
  const size_t scales = round_up(columns * (size_t)w->groups * type_bytes(scale_type)), zeros = has_zeros ? round_up(columns * (size_t)w->groups) : 0;
  const size_t order = row_order ? round_up((size_t)in * sizeof *row_order) : 0;
  w->byte_length = codes + scales + zeros + order;
  w->owned = fb_memory_take(w->byte_length);
  if (!w->owned) {
    free(w);
    return NULL;
  }
  w->codes = w->owned;
  w->scales = w->codes + codes;
  if (has_zeros) w->zeros = w->scales + scales;
  if (row_order) {
    w->row_order = (uint32_t *)(void *)(w->scales + scales + zeros);
    memcpy(w->row_order, row_order, (size_t)in * sizeof *row_order);
  }
  return w;
}

typedef struct {
  fb_weight *weight;
  int32_t column, out;
  const uint8_t *codes, *scales, *zeros;
  int32_t code_order, zero_order;
  atomic_int next;
} packing;

static uint32_t load_word(const uint8_t *words, size_t index) {
  uint32_t word;
  memcpy(&word, words + 4 * index, 4);
  return word;
}

// The eight quads of a block: quads[q][c] holds inputs 4q … 4q + 3 of column c, one a byte, the first lowest.
typedef uint32_t quads_of_block[8][FB_TILE];

// Writes a block's quads as planes. Every loop over the 16 columns is one or two vector instructions.
static void pack_quads(quads_of_block quads, int32_t bits, uint8_t *to) {
  uint32_t planes[8][FB_TILE] = {{0}};
  const int32_t low_bits = bits == 3 ? 2 : bits, in_word = 8 / low_bits;  // quads that share a vector
  for (int32_t q = 0; q < 8; q++) {
    for (int32_t c = 0; c < FB_TILE; c++) planes[q / in_word][c] |= (bits == 3 ? quads[q][c] & 0x03030303u : quads[q][c]) << low_bits * (q % in_word);
    if (bits == 3)
      for (int32_t c = 0; c < FB_TILE; c++) planes[2][c] |= (quads[q][c] >> 2 & 0x01010101u) << q;
  }
  memcpy(to, planes, (size_t)bits * 64);
}

// The codes of input k for `count` columns: words [in * bits / 32][out], a stream along k in every column.
static void load_codes(const packing *work, int32_t k, int32_t column, int32_t count, uint32_t to[FB_TILE]) {
  const int32_t bits = work->weight->bits, offset = k * bits % 32;
  const size_t row = (size_t)k * (size_t)bits / 32;
  const uint32_t mask = (1u << bits) - 1;
  const uint8_t *words = work->codes + 4 * (row * (size_t)work->out + (size_t)column);
  uint32_t word[FB_TILE] = {0}, next[FB_TILE] = {0};
  memcpy(word, words, 4 * (size_t)count);
  if (offset + bits > 32) {
    memcpy(next, words + 4 * (size_t)work->out, 4 * (size_t)count);
    for (int32_t c = 0; c < FB_TILE; c++) to[c] = (word[c] >> offset | next[c] << (32 - offset)) & mask;
  } else {
    for (int32_t c = 0; c < FB_TILE; c++) to[c] = word[c] >> offset & mask;
  }
}

// Any row order and any width, one input at a time.
static void pack_block_by_rows(const packing *work, int32_t block, int32_t column, int32_t count, uint8_t *to) {
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

// The bytes of two quads from a word of eight 4-bit codes: byte j gets code j below and code 4 + j above.
static uint32_t spread_nibbles(uint32_t x) {
  x = (x | x << 8) & 0x00ff00ffu;
  return (x | x << 4) & 0x0f0f0f0fu;
}
// The 4 × 4 fields of 2 bits of a word transposed: byte j gets codes j, 4 + j, 8 + j, 12 + j.
static uint32_t transpose_pairs(uint32_t x) {
  uint32_t t = (x >> 12 ^ x) & 0x0000f0f0u;
  x ^= t ^ t << 12;
  t = (x >> 6 ^ x) & 0x00cc00ccu;
  return x ^ t ^ t << 6;
}

// A whole block in the file's order, of a width whose words hold whole quads: word by word.
static void pack_block_by_words(const packing *work, int32_t block, int32_t column, int32_t count, uint8_t *to) {
  const int32_t bits = work->weight->bits;
  for (int32_t row = 0; row < bits; row++) {
    uint32_t words[FB_TILE] = {0};
    memcpy(words, work->codes + 4 * ((size_t)(block * bits + row) * (size_t)work->out + (size_t)column), 4 * (size_t)count);
    if (bits == 4)
      for (int32_t c = 0; c < FB_TILE; c++) words[c] = spread_nibbles(words[c] & 0xffffu) | spread_nibbles(words[c] >> 16) << 4;
    if (bits == 2)
      for (int32_t c = 0; c < FB_TILE; c++) words[c] = transpose_pairs(words[c]);
    memcpy(to + 64 * row, words, 64);
  }
}

// Added to a word to undo "minus one" in every field: 2, 4 and 8 bit by word arithmetic, carries and all.
static uint32_t ones_of(int32_t bits) { return bits == 2 ? 0x55555555u : bits == 4 ? 0x11111111u : 0x01010101u; }

static uint8_t load_zero(const packing *work, int32_t group, int32_t n) {
  static const uint32_t legacy[3] = {0x24924924u, 0x92492492u, 0x49249249u};
  const int32_t bits = work->weight->bits;
  const size_t words = (size_t)work->out * (size_t)bits / 32, row = (size_t)group * words;
  const size_t at = (size_t)n * (size_t)bits, index = at / 32;
  const int32_t offset = (int32_t)(at % 32);
  uint32_t word = load_word(work->zeros, row + index), next = offset + bits > 32 ? load_word(work->zeros, row + index + 1) : 0;
  if (work->zero_order == FB_ZEROS_MINUS_ONE && bits != 3) word += ones_of(bits);
  if (work->zero_order == FB_ZEROS_MINUS_LEGACY) {
    word += legacy[index % 3];
    next += legacy[(index + 1) % 3];
  }
  uint32_t field = word >> offset;
  if (offset + bits > 32) field |= next << (32 - offset);
  if (work->zero_order == FB_ZEROS_MINUS_ONE && bits == 3) field++;
  return (uint8_t)(field & ((1u << bits) - 1));
}

static void pack_tiles(void *context, int32_t thread, int32_t threads) {
  (void)thread;
  (void)threads;
  packing *work = context;
  fb_weight *w = work->weight;
  const int32_t tiles = (work->out + FB_TILE - 1) / FB_TILE, first = work->column / FB_TILE;
  const size_t width = type_bytes(w->type);
  const int by_words = work->code_order == FB_CODES_LSB_K && w->bits != 3 && !w->row_order;
  for (int32_t tile; (tile = atomic_fetch_add(&work->next, 1)) < tiles;) {
    const int32_t column = tile * FB_TILE, count = work->out - column < FB_TILE ? work->out - column : FB_TILE;
    uint8_t *to = w->codes + (size_t)(first + tile) * (size_t)w->blocks * (size_t)w->bits * 64;
    for (int32_t block = 0; block < w->blocks; block++, to += (size_t)w->bits * 64) {
      const int whole = (block + 1) * FB_BLOCK <= w->in;
      if (by_words && whole) pack_block_by_words(work, block, column, count, to);
      else pack_block_by_rows(work, block, column, count, to);
    }
    uint8_t *scales = w->scales + (size_t)(first + tile) * (size_t)w->groups * FB_TILE * width;
    for (int32_t group = 0; group < w->groups; group++, scales += FB_TILE * width) {
      memset(scales, 0, FB_TILE * width);
      memcpy(scales, work->scales + ((size_t)group * (size_t)work->out + (size_t)column) * width, (size_t)count * width);
    }
    if (!w->zeros) continue;
    uint8_t *zeros = w->zeros + (size_t)(first + tile) * (size_t)w->groups * FB_TILE;
    for (int32_t group = 0; group < w->groups; group++, zeros += FB_TILE) {
      memset(zeros, 0, FB_TILE);
      for (int32_t c = 0; c < count; c++) zeros[c] = load_zero(work, group, column + c);
    }
  }
}

void fb_weight_put_affine(fb_device *device, fb_weight *weight, int32_t column, int32_t out, const uint8_t *codes, int32_t code_order, const uint8_t *scales,
                          const uint8_t *zeros, int32_t zero_order) {
  packing work = {.weight = weight, .column = column, .out = out, .codes = codes, .code_order = code_order, .scales = scales, .zeros = zeros, .zero_order = zero_order};
  fb_pool_run(device->pool, pack_tiles, &work);
}

fb_weight *fb_weight_dense(int32_t in, int32_t out, int32_t type, uint8_t *values) {
  fb_weight *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  *w = (fb_weight){.kind = FB_DENSE, .in = in, .out = out, .type = type, .bits = 8 * (int32_t)type_bytes(type), .tiles = (out + FB_TILE - 1) / FB_TILE, .values = values};
  if (values) return w;
  w->byte_length = round_up((size_t)in * (size_t)out * type_bytes(type));
  w->values = w->owned = fb_memory_take(w->byte_length);
  if (w->values) return w;
  free(w);
  return NULL;
}

void fb_weight_put_dense(fb_weight *weight, int32_t column, int32_t out, const uint8_t *values) {
  const size_t row = (size_t)weight->in * type_bytes(weight->type);
  memcpy(weight->values + (size_t)column * row, values, (size_t)out * row);
}

double fb_weight_bytes(const fb_weight *weight) {
  return (double)(weight->owned ? weight->byte_length : (size_t)weight->in * (size_t)weight->out * type_bytes(weight->type));
}

void fb_weight_free(fb_weight *weight) {
  fb_memory_give(weight->owned);
  free(weight);
}
