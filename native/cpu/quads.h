// Codes of one block of a tile on their way into planes of bits ("k4n16" of docs/layouts.md).
#pragma once
#include <string.h>

#include "fewbit_cpu.h"

// A block of a tile as it is stored: `bits` rows of 64 bytes, one word for every column.
typedef uint32_t block_rows[8][FB_TILE];
// The eight quads of a block: quads[q][c] holds inputs 4q … 4q + 3 of column c, one a byte, the first lowest.
typedef uint32_t quads_of_block[8][FB_TILE];

static inline uint32_t fb_load_word(const uint8_t *words, size_t index) {
  uint32_t word;
  memcpy(&word, words + 4 * index, 4);
  return word;
}

// One plane of `width` bits, those from `low` on of every code.
static inline __attribute__((always_inline)) void pack_plane(quads_of_block quads, const int32_t width, const int32_t low, uint32_t to[][FB_TILE]) {
  const uint32_t fields = ((1u << width) - 1) * 0x01010101u;
  const int32_t in_word = 8 / width;  // quads that share a vector
  for (int32_t row = 0; row < width; row++)
    for (int32_t c = 0; c < FB_TILE; c++) {
      uint32_t word = 0;
      for (int32_t i = 0; i < in_word; i++) word |= (quads[row * in_word + i][c] >> low & fields) << width * i;
      to[row][c] = word;
    }
}

// Writes a block's quads as planes of 8, 4, 2 and 1 bit, from the lowest bits. The widths are literals, so that loops become vectors.
static inline void pack_quads(quads_of_block quads, int32_t bits, block_rows to) {
  switch (bits) {
    case 1: pack_plane(quads, 1, 0, to); break;
    case 2: pack_plane(quads, 2, 0, to); break;
    case 3: pack_plane(quads, 2, 0, to), pack_plane(quads, 1, 2, to + 2); break;
    case 4: pack_plane(quads, 4, 0, to); break;
    case 5: pack_plane(quads, 4, 0, to), pack_plane(quads, 1, 4, to + 4); break;
    case 6: pack_plane(quads, 4, 0, to), pack_plane(quads, 2, 4, to + 4); break;
    case 7: pack_plane(quads, 4, 0, to), pack_plane(quads, 2, 4, to + 4), pack_plane(quads, 1, 6, to + 6); break;
    default: memcpy(to, quads, sizeof(quads_of_block));
  }
}

// The 8 × 4 bits of a word transposed: byte j gets the bits j, 4 + j, 8 + j, …
static inline uint32_t transpose_bits(uint32_t x) {
  uint32_t bytes = 0;
  for (int32_t j = 0; j < 4; j++) {
    uint32_t t = x >> j & 0x11111111u;
    t = (t | t >> 3) & 0x03030303u;
    t = (t | t >> 6) & 0x000f000fu;
    bytes |= ((t | t >> 12) & 0xffu) << 8 * j;
  }
  return bytes;
}

// -- Streams along k: a column's words lie apart, [in * bits / 32][out] -----------------------------------------------------------------

// The words of `count` columns; where all 16 are there it is a few vectors, no call.
void fb_copy_columns(uint32_t to[FB_TILE], const uint8_t *from, int32_t count);
// Code k of the streams of `count` columns, `out` words from row to row.
void fb_load_stream_codes(const uint8_t *words, size_t out, int32_t bits, size_t k, int32_t count, uint32_t to[FB_TILE]);
// As many words of a stream as the codes have bits become the rows of a block; codes may cross from word to word.
void fb_arrange_stream(int32_t bits, block_rows rows);
