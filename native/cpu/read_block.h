// What the bytes of one of ggml's blocks say: codes, rows of a grid, factors and scales. Each is as ggml's file has it (docs/layouts.md, "Blocks in tiles");
// blocks.c lays them out for the kernels.
#pragma once
#include <string.h>

#include "blocks.h"
#include "half.h"
#include "quads.h"

// -- Codes of one block, one a byte --------------------------------------------------------------------------------------------------

// 2 · half codes: the low nibbles of `half` bytes, then the high ones.
static inline void nibble_halves(const uint8_t *from, int32_t half, uint8_t *to) {
  for (int32_t i = 0; i < half; i++) to[i] = from[i] & 15, to[half + i] = from[i] >> 4;
}
static inline void nibble_neighbours(const uint8_t *from, uint8_t *to) {
  for (int32_t i = 0; i < 16; i++) to[2 * i] = from[i] & 15, to[2 * i + 1] = from[i] >> 4;
}
// Eight bits as eight bytes, the lowest bit first.
static inline uint64_t spread_bits(uint8_t eight) {
  const uint64_t apart = eight * 0x0101010101010101u & 0x8040201008040201u;
  return (apart + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}
static inline void add_fifth_bits(const uint8_t *word, uint8_t *to) {
  for (int32_t i = 0; i < 4; i++) {
    uint64_t codes;
    memcpy(&codes, to + 8 * i, 8);
    codes |= spread_bits(word[i]) << 4;
    memcpy(to + 8 * i, &codes, 8);
  }
}
static inline void signed_bytes(const uint8_t *from, int32_t count, uint8_t *to) {
  for (int32_t i = 0; i < count; i++) to[i] = from[i] ^ 0x80;
}
// Four fields of 2 bits in each of 32 bytes: fields of one place are neighbours.
static inline void pair_planes(const uint8_t *from, uint8_t *to) {
  for (int32_t j = 0; j < 4; j++)
    for (int32_t i = 0; i < 32; i++) to[32 * j + i] = from[i] >> 2 * j & 3;
}

static inline void ternary_fifths(const uint8_t *from, uint8_t *to) {
  // Five trits a byte, as a fraction of 256: multiplied by 3^e, the trit stands at the top. The last 16 have four trits a byte.
  static const struct { int32_t at, bytes, trits; } runs[3] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};
  for (int32_t r = 0; r < 3; r++)
    for (int32_t e = 0, power = 1; e < runs[r].trits; e++, power *= 3)
      for (int32_t i = 0; i < runs[r].bytes; i++) *to++ = (uint8_t)((from[runs[r].at + i] * power & 255) * 3 >> 8);
}

// The codes of a block whose form is planes or a table.
static inline void read_codes(int32_t type, const uint8_t *block, uint8_t *to) {
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

// -- Grids ---------------------------------------------------------------------------------------------------------------------------

// 32 inputs of one output: the numbers of rows of the grid, a sign for each input, and what the types with scales in the same words have of those.
typedef struct {
  uint32_t rows[8];
  uint32_t signs;       // bit i: input i is negative
  uint32_t up;          // bit l: run l is shifted up, else down
  uint32_t scales[2];
} grid_block;

static inline uint32_t even_signs(uint32_t seven) {
  uint32_t parity = seven ^ seven >> 4;
  parity ^= parity >> 2;
  return seven | ((parity ^ parity >> 1) & 1) << 7;
}
static inline uint32_t four_even_signs(uint32_t word) {
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
      word = fb_load_word(fours, 1);
      for (int32_t l = 0; l < 4; l++) g.rows[l] = fours[l];
      g.signs = four_even_signs(word);
      g.scales[0] = word >> 28;
      break;
    case FB_IQ2_XS:
      for (int32_t l = 0; l < 4; l++) {
        word = fb_load_u16(fours + 2 * l);
        g.rows[l] = word & 511;
        g.signs |= even_signs(word >> 9) << 8 * l;
      }
      g.scales[0] = block[66 + t] & 15, g.scales[1] = block[66 + t] >> 4;
      break;
    case FB_IQ2_S:
      for (int32_t l = 0; l < 4; l++) g.rows[l] = eights[l] | (uint32_t)(block[66 + t] >> 2 * l & 3) << 8;
      g.signs = fb_load_word(block + 34, (size_t)t);
      g.scales[0] = block[74 + t] & 15, g.scales[1] = block[74 + t] >> 4;
      break;
    case FB_IQ3_XXS:
      word = fb_load_word(block + 66, (size_t)t);
      for (int32_t e = 0; e < 8; e++) g.rows[e] = fours[e];
      g.signs = four_even_signs(word);
      g.scales[0] = word >> 28;
      break;
    case FB_IQ3_S:
      for (int32_t e = 0; e < 8; e++) g.rows[e] = fours[e] | (uint32_t)(block[66 + t] >> e & 1) << 8;
      g.signs = fb_load_word(block + 74, (size_t)t);
      g.scales[0] = block[106 + t / 2] >> 4 * (t % 2) & 15;
      break;
    case FB_IQ1_S:
      word = fb_load_u16(block + 34 + 2 * t);
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
      for (int32_t half = 0; half < 2; half++) g.scales[half] = fb_load_u16(block + 48 + t / 2 * 2) >> 3 * (2 * (t % 2) + half) & 7;
      break;
  }
  return g;
}

// -- Scales --------------------------------------------------------------------------------------------------------------------------

// The factor of a block, then its minimum, as bytes of the file.
static inline void read_factors(int32_t type, const uint8_t *block, uint8_t factors[8]) {
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
static inline uint8_t e4m3_scale(uint8_t byte) { return byte == 0x7f ? 0 : byte & 0x7f; }

// The rows of scales of one output, in the order that FB_SCALES_* says. Those of grids are packed with their codes.
static inline void read_scale_rows(int32_t type, const uint8_t *block, uint8_t rows[16]) {
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
        rows[4 + t % 2] |= (uint8_t)((fb_load_u16(block + 2) >> 2 * t & 3) << 2 * (t / 2));
      }
      break;
    case FB_MXFP4: rows[0] = block[0]; break;
    case FB_NVFP4:
      for (int32_t s = 0; s < 4; s++) rows[s] = e4m3_scale(block[s]);
      break;
    default: break;
  }
}
