// Packs blocks of 32 inputs that lie in the file's order, one function an order: "k4n16" of docs/layouts.md.
#include "whole_blocks.h"

// The bytes of two quads from a word of eight 4-bit codes: byte j gets code j below and code 4 + j above.
static uint32_t spread_nibbles(uint32_t x) {
  x = (x | x << 8) & 0x00ff00ffu;
  return (x | x << 4) & 0x0f0f0f0fu;
}
static uint32_t pair_quads(uint32_t eight_codes) { return spread_nibbles(eight_codes & 0xffffu) | spread_nibbles(eight_codes >> 16) << 4; }
// The 4 × 4 fields of 2 bits of a word transposed: byte j gets codes j, 4 + j, 8 + j, 12 + j.
static uint32_t transpose_pairs(uint32_t x) {
  uint32_t t = (x >> 12 ^ x) & 0x0000f0f0u;
  x ^= t ^ t << 12;
  t = (x >> 6 ^ x) & 0x00cc00ccu;
  return x ^ t ^ t << 6;
}
// Words whose codes fill them, in the order of k, become a plane of the block.
static void arrange_plane(int32_t width, uint32_t rows[][FB_TILE]) {
  for (int32_t row = 0; row < width; row++) {
    if (width == 4)
      for (int32_t c = 0; c < FB_TILE; c++) rows[row][c] = pair_quads(rows[row][c]);
    if (width == 2)
      for (int32_t c = 0; c < FB_TILE; c++) rows[row][c] = transpose_pairs(rows[row][c]);
    if (width == 1)
      for (int32_t c = 0; c < FB_TILE; c++) rows[row][c] = transpose_bits(rows[row][c]);
  }
}
// Four codes that follow one another from the lowest bit on, one a byte.
static inline __attribute__((always_inline)) uint32_t spread_codes(uint32_t x, const int32_t bits) {
  const uint32_t mask = (1u << bits) - 1;
  return (x & mask) | (x << (8 - bits) & mask << 8) | (x << 2 * (8 - bits) & mask << 16) | (x << 3 * (8 - bits) & mask << 24);
}
// Four codes are at most 28 bits: two successive words hold them.
static inline __attribute__((always_inline)) void arrange_bits(const int32_t bits, block_rows rows) {
  quads_of_block quads;
  for (int32_t q = 0; q < 8; q++) {
    const int32_t bit = 4 * bits * q, row = bit / 32, shift = bit % 32;
    if (shift + 4 * bits > 32)
      for (int32_t c = 0; c < FB_TILE; c++) quads[q][c] = spread_codes(rows[row][c] >> shift | rows[row + 1][c] << (32 - shift), bits);
    else
      for (int32_t c = 0; c < FB_TILE; c++) quads[q][c] = spread_codes(rows[row][c] >> shift, bits);
  }
  pack_quads(quads, bits, rows);
}
void fb_arrange_stream(int32_t bits, block_rows rows) {
  switch (bits) {
    case 3: arrange_bits(3, rows); break;
    case 5: arrange_bits(5, rows); break;
    case 6: arrange_bits(6, rows); break;
    case 7: arrange_bits(7, rows); break;
    default: arrange_plane(bits, rows); break;  // 2, 4, 8: codes do not cross from word to word
  }
}

static void pack_lsb_k(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  const int32_t bits = work->weight->bits;
  for (int32_t row = 0; row < bits; row++)
    fb_copy_columns(to[row], work->part->codes + 4 * ((size_t)(block * bits + row) * (size_t)work->part->out + (size_t)column), count);
  fb_arrange_stream(bits, to);
}

static void pack_planar_k(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  const int32_t bits = work->weight->bits;
  for (int32_t row = 0; row < bits; row++)
    fb_copy_columns(to[row], work->part->codes + 4 * ((size_t)(block * bits + row) * (size_t)work->part->out + (size_t)column), count);
  for (int32_t width = 4, row = 0; width > 0; width /= 2) {
    if (!(bits & width)) continue;
    arrange_plane(width, to + row);
    row += width;
  }
}

static void pack_lsb_rows(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  const int32_t bits = work->weight->bits;
  const size_t words = ((size_t)work->weight->in * (size_t)bits + 31) / 32;
  for (int32_t c = 0; c < count; c++) {
    const uint8_t *from = work->part->codes + 4 * ((size_t)(column + c) * words + (size_t)block * (size_t)bits);
    for (int32_t row = 0; row < bits; row++) to[row][c] = fb_load_word(from, (size_t)row);
  }
  fb_arrange_stream(bits, to);
}

// Input i of the block lies at the same place of its word in all columns, so that one loop over columns takes it out of all.
static inline __attribute__((always_inline)) void pack_word_rows_bits(const fb_packing *work, const int32_t bits, int32_t block, int32_t column, int32_t count, block_rows to) {
  const int32_t in_word = 32 / bits, start = block * FB_BLOCK, first = start / in_word, row_count = (start + FB_BLOCK - 1) / in_word - first + 1;
  const size_t words = (size_t)(work->weight->in / in_word + (work->weight->in % in_word != 0));
  uint32_t rows[8][FB_TILE] = {{0}};  // 32 codes of 7 bits are eight words, of 5 bits seven wherever they begin
  for (int32_t c = 0; c < count; c++) {
    const uint8_t *from = work->part->codes + 4 * ((size_t)(column + c) * words + (size_t)first);
    for (int32_t row = 0; row < row_count; row++) rows[row][c] = fb_load_word(from, (size_t)row);
  }
  quads_of_block quads;
  for (int32_t q = 0; q < 8; q++) {
    const int32_t at = start % in_word + 4 * q, row = at / in_word, shift = at % in_word * bits, left = bits * in_word - shift;
    if (left < 4 * bits)
      for (int32_t c = 0; c < FB_TILE; c++) quads[q][c] = spread_codes((rows[row][c] >> shift & ((1u << left) - 1)) | rows[row + 1][c] << left, bits);
    else
      for (int32_t c = 0; c < FB_TILE; c++) quads[q][c] = spread_codes(rows[row][c] >> shift, bits);
  }
  pack_quads(quads, bits, to);
}
static void pack_word_rows(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  switch (work->weight->bits) {
    case 3: pack_word_rows_bits(work, 3, block, column, count, to); break;
    case 5: pack_word_rows_bits(work, 5, block, column, count, to); break;
    case 6: pack_word_rows_bits(work, 6, block, column, count, to); break;
    case 7: pack_word_rows_bits(work, 7, block, column, count, to); break;
    default: pack_lsb_rows(work, block, column, count, to);  // codes that fill their words
  }
}

static void pack_byte_rows(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  const size_t in = (size_t)work->weight->in;
  for (int32_t c = 0; c < count; c++) {
    const uint8_t *from = work->part->codes + (size_t)(column + c) * in + (size_t)block * FB_BLOCK;
    for (int32_t q = 0; q < 8; q++) to[q][c] = fb_load_word(from, (size_t)q) ^ 0x80808080u;
  }
}

// Exchanges the nibbles of x above `shift` with those of y below it, in every 32 bits.
static void exchange(uint64_t *x, uint64_t *y, int32_t shift, uint64_t mask) {
  const uint64_t t = (*x >> shift ^ *y) & mask;
  *y ^= t;
  *x ^= t << shift;
}

// Eight inputs of 16 columns are eight pairs of words, one nibble a column: transposed, they are one word of eight inputs a column.
static void pack_awq_gemm(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  static const int32_t column_of_slot[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  const size_t row_bytes = (size_t)work->part->out / 2;
  const uint8_t *from = work->part->codes + (size_t)block * FB_BLOCK * row_bytes + (size_t)column / 2;
  for (int32_t row = 0; row < 4; row++) {
    uint64_t x[8] = {0};
    for (int32_t i = 0; i < 8; i++, from += row_bytes) {
      if (count == FB_TILE) memcpy(&x[i], from, 8);
      else memcpy(&x[i], from, 4);
    }
    for (int32_t i = 0; i < 8; i += 2) exchange(&x[i], &x[i + 1], 4, 0x0f0f0f0f0f0f0f0full);
    for (int32_t i = 0; i < 8; i += i % 2 ? 3 : 1) exchange(&x[i], &x[i + 2], 8, 0x00ff00ff00ff00ffull);
    for (int32_t i = 0; i < 4; i++) exchange(&x[i], &x[i + 4], 16, 0x0000ffff0000ffffull);
    for (int32_t slot = 0; slot < 8; slot++) {
      to[row][column_of_slot[slot]] = pair_quads((uint32_t)x[slot]);
      to[row][8 + column_of_slot[slot]] = pair_quads((uint32_t)(x[slot] >> 32));
    }
  }
}

// A column's 32 codes are eight halfwords: nibble v of halfword i is code 8v + i.
static void pack_awq_gemv_fast(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  const uint64_t nibble = 0x000f000f000f000full;
  const size_t in = (size_t)work->weight->in, within = 64 * (size_t)(block / 2) + 8 * (size_t)(block % 2);
  for (int32_t c = 0; c < count; c++) {
    uint64_t low, high;
    const size_t n = (size_t)(column + c);
    const uint8_t *from = work->part->codes + 2 * (n / 4 * in + within + 16 * (n % 4));
    memcpy(&low, from, 8);
    memcpy(&high, from + 8, 8);
    for (int32_t v = 0; v < 4; v++) {
      uint64_t x = (low >> 4 * v & nibble) | (high >> 4 * v & nibble) << 4;
      x = (x | x >> 8) & 0x0000ffff0000ffffull;
      to[v][c] = (uint32_t)(x | x >> 16);
    }
  }
}

// Bytes 0 and 2 of two words side by side.
static uint32_t join_even_bytes(uint32_t x, uint32_t y) {
  x &= 0x00ff00ffu;
  y &= 0x00ff00ffu;
  return ((x | x >> 8) & 0xffffu) | (y | y >> 8) << 16;
}

// 16 inputs of columns n and n + 8 are four words, 4i of them holding inputs 2i, 2i + 8, 2i + 1 and 2i + 9: both columns' with 4 bits,
// with 8 bits every second word for each.
static inline __attribute__((always_inline)) void pack_marlin_bits(const fb_packing *work, const int32_t bits, int32_t block, int32_t column, block_rows to) {
  const uint32_t low = 0x0f0f0f0fu;
  for (int32_t half = 0; half < 2; half++) {
    const size_t n = (size_t)column, tile = n / 64 * (32 * (size_t)bits) + n % 64 / 16 * ((size_t)bits / 4);
    const uint8_t *from = work->part->codes + 4 * ((size_t)(2 * block + half) * ((size_t)work->part->out * (size_t)bits / 2) + tile);
    uint32_t x[4][FB_TILE];
    for (int32_t c = 0; c < 8; c++)
      for (int32_t i = 0; i < 4; i++) {
        const size_t word = (size_t)(4 * bits * c + bits * i);
        const uint32_t first = fb_load_word(from, word);
        x[i][c] = first;
        x[i][8 + c] = bits == 4 ? first >> 8 : fb_load_word(from, word + 1);
      }
    for (int32_t n = 0; n < FB_TILE; n++) {
      if (bits == 4) {
        // Byte j: input j below, input 8 + j above; then inputs 4 + j and 12 + j.
        const uint32_t first = join_even_bytes(x[0][n], x[1][n]), second = join_even_bytes(x[2][n], x[3][n]);
        to[2 * half][n] = (first & low) | (second & low) << 4;
        to[2 * half + 1][n] = (first >> 4 & low) | (second & ~low);
      } else {
        to[4 * half][n] = join_even_bytes(x[0][n], x[1][n]);
        to[4 * half + 1][n] = join_even_bytes(x[2][n], x[3][n]);
        to[4 * half + 2][n] = join_even_bytes(x[0][n] >> 8, x[1][n] >> 8);
        to[4 * half + 3][n] = join_even_bytes(x[2][n] >> 8, x[3][n] >> 8);
      }
    }
  }
}
static void pack_marlin(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  (void)count;  // outputs come in 64s
  if (work->weight->bits == 4) pack_marlin_bits(work, 4, block, column, to);
  else pack_marlin_bits(work, 8, block, column, to);
}

// The two codes of a quad that lie `bits` bits apart from those of another, at bits 0 and 16: as neighbouring bytes.
static inline __attribute__((always_inline)) uint32_t join_pair(uint32_t x, const uint32_t mask) { return (x & mask) | (x >> 8 & mask << 8); }

// A word of eight nibbles of positions, a below b, as numbers of pairs: b (b - 1) / 2 + a counts those in order from 0 to 5.
static inline uint32_t number_pairs(uint32_t nibbles) {
  const uint32_t upper = nibbles >> 3 & 0x11111111u, both = upper & nibbles >> 2;
  return (nibbles & 0x33333333u) + (upper | both << 1);
}
// The uppermost bit of every nibble whose positions are not in order.
static inline uint32_t disordered_pairs(uint32_t nibbles) {
  const uint32_t a = nibbles & 0x33333333u, b = nibbles >> 2 & 0x33333333u;
  return ~(b + 0x77777777u - a) & 0x88888888u;
}

// Kept codes as half a block of an affine weight's, each exchanged for its difference to the code of 0, behind the numbers of the pairs.
static inline __attribute__((always_inline)) void pack_sparse_24_bits(fb_packing *work, const int32_t bits, int32_t block, int32_t column, block_rows to) {
  const size_t out = (size_t)work->part->out;
  const uint32_t zero = 1u << (bits - 1), mask = (1u << bits) - 1;
  // Of each column: the words with the pairs of quads q and q + 4, the first at bits 0 and 16, and the positions of all eight.
  uint32_t pairs[4][FB_TILE], nibbles[FB_TILE];
  for (size_t eight = 0; eight < 2; eight++) {
    const size_t n = (size_t)column + 8 * eight, sixty_four = n / 64, at = n % 64 / 8;
    const uint8_t *codes = work->part->codes + 4 * ((size_t)block * (out * (size_t)bits / 2) + sixty_four * (32 * (size_t)bits) + at * (4 * (size_t)bits));
    const uint8_t *positions = work->part->positions + 2 * ((size_t)block * 2 * out + 128 * sixty_four + 8 * at);
    for (size_t q = 0; q < 4; q++)
      for (size_t c = 0; c < 4; c++) {
        const size_t word = q * (size_t)bits + (bits == 4 ? c : 2 * c);
        const uint32_t first = fb_load_word(codes, word);
        pairs[q][8 * eight + c] = first;
        pairs[q][8 * eight + 4 + c] = bits == 4 ? first >> 8 : fb_load_word(codes, word + 1);
      }
    for (size_t c = 0; c < 8; c++) {
      const uint8_t *halfwords = positions + 2 * (64 * (c / 2 % 2) + 4 * (c % 2) + c / 4);
      nibbles[8 * eight + c] = (uint32_t)halfwords[0] | (uint32_t)halfwords[1] << 8 | (uint32_t)halfwords[4] << 16 | (uint32_t)halfwords[5] << 24;
    }
  }
  uint32_t disordered = 0;
  for (int32_t c = 0; c < FB_TILE; c++) {
    disordered |= disordered_pairs(nibbles[c]);
    to[0][c] = number_pairs(nibbles[c]);
  }
  if (disordered)
    for (int32_t c = 0; c < FB_TILE; c++)
      for (int32_t q = 0; q < 8; q++)
        if (disordered_pairs(nibbles[c]) >> 4 * q & 8) atomic_fetch_or(&work->refused, 1u << (nibbles[c] >> 4 * q & 15));
  uint32_t quads[4][FB_TILE];
  for (int32_t v = 0; v < 4; v++)
    for (int32_t c = 0; c < FB_TILE; c++) {
      const int32_t first = v % 2 * 2, shift = v / 2 * bits;
      quads[v][c] = join_pair(pairs[first][c] >> shift, mask) | join_pair(pairs[first + 1][c] >> shift, mask) << 16;
    }
  for (int32_t v = 0; v < bits / 2; v++)
    for (int32_t c = 0; c < FB_TILE; c++) to[1 + v][c] = (bits == 8 ? quads[v][c] : quads[2 * v][c] | quads[2 * v + 1][c] << 4) ^ (bits == 8 ? zero : zero | zero << 4) * 0x01010101u;
}
static void pack_sparse_24(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to) {
  (void)count;  // outputs come in 64s
  if (work->weight->bits == 4) pack_sparse_24_bits(work, 4, block, column, to);
  else pack_sparse_24_bits(work, 8, block, column, to);
}

fb_block_packer fb_whole_block_packer(int32_t order) {
  switch (order) {
    case FB_CODES_LSB_K: return pack_lsb_k;
    case FB_CODES_PLANAR_K: return pack_planar_k;
    case FB_CODES_LSB_ROWS: return pack_lsb_rows;
    case FB_CODES_WORD_ROWS: return pack_word_rows;
    case FB_CODES_BYTE_ROWS: return pack_byte_rows;
    case FB_CODES_AWQ_GEMM: return pack_awq_gemm;
    case FB_CODES_AWQ_GEMV_FAST: return pack_awq_gemv_fast;
    case FB_CODES_MARLIN: return pack_marlin;
    default: return pack_sparse_24;
  }
}
