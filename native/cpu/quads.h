// Codes of one block of a tile on their way into planes of bits ("k4n16" of docs/layouts.md).
#pragma once
#include <string.h>

#include "fewbit_cpu.h"

// A block of a tile as it is stored: `bits` rows of 64 bytes, one word for every column.
typedef uint32_t block_rows[8][FB_TILE];
// The eight quads of a block: quads[q][c] holds inputs 4q … 4q + 3 of column c, one a byte, the first lowest.
typedef uint32_t quads_of_block[8][FB_TILE];

// Writes a block's quads as planes of 8, 4, 2 and 1 bit, from the lowest bits. Every loop over the 16 columns is one or two vector instructions.
static inline void pack_quads(quads_of_block quads, int32_t bits, block_rows to) {
  memset(to, 0, (size_t)bits * 64);
  int32_t row = 0, low = 0;
  for (int32_t width = 8; width > 0; width /= 2) {
    if (!(bits & width)) continue;
    const uint32_t fields = ((1u << width) - 1) * 0x01010101u;
    const int32_t in_word = 8 / width;  // quads that share a vector
    for (int32_t q = 0; q < 8; q++)
      for (int32_t c = 0; c < FB_TILE; c++) to[row + q / in_word][c] |= (quads[q][c] >> low & fields) << width * (q % in_word);
    row += width;
    low += width;
  }
}
