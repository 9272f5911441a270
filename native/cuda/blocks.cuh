#pragma once
// One weight of one of ggml's blocks, by the formula of its type: what src/weights/blocks reads whole blocks by, in the same order of
// roundings. docs/layouts.md draws the bytes.
#include "kernel.cuh"
#include "numbers.cuh"

__device__ inline uint32_t word16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
__device__ inline uint32_t word32(const uint8_t *p) { return word16(p) | word16(p + 2) << 16; }
__device__ inline float half_at(const uint8_t *p) { return half_to_float((uint16_t)word16(p)); }
__device__ inline float float_at(const uint8_t *p) { return __uint_as_float(word32(p)); }

// Nibble i of 32: today the first half has the low ones, at first neighbours shared a byte.
__device__ inline int nibble_of_halves(const uint8_t *p, int half, int i) { return p[i % half] >> (i < half ? 0 : 4) & 15; }
__device__ inline int nibble_of_neighbours(const uint8_t *p, int i) { return p[i >> 1] >> 4 * (i & 1) & 15; }
__device__ inline int fifth_bit(const uint8_t *p, int i) { return (int)(word32(p) >> i & 1) << 4; }

// The eighth sign of a run makes their number even.
__device__ inline uint32_t even_signs(uint32_t seven) { return seven | (uint32_t)(__popc(seven) & 1) << 7; }

__device__ inline int two_bit_code(const uint8_t *p, int i) { return p[32 * (i >> 7) + i % 32] >> 2 * ((i >> 5) % 4) & 3; }

__device__ inline int scale_q3k(const uint8_t *p, int s) {
  const int low = s < 8 ? p[s] & 15 : p[s - 8] >> 4;
  return low | (p[8 + s % 4] >> 2 * (s >> 2) & 3) << 4;
}
__device__ inline int scale_q45k(const uint8_t *p, int s) { return s < 4 ? p[s] & 63 : (p[s + 4] & 15) | (p[s - 4] >> 6) << 4; }
__device__ inline int minimum_q45k(const uint8_t *p, int s) { return s < 4 ? p[s + 4] & 63 : p[s + 4] >> 4 | (p[s] >> 6) << 4; }
__device__ inline int nibble_q45k(const uint8_t *p, int i) { return p[32 * (i >> 6) + i % 32] >> 4 * ((i >> 5) % 2) & 15; }

// Doubled, so that they are whole.
__device__ inline float doubled_e2m1(int code) {
  const int magnitude = code & 7, exponent = magnitude >> 1;
  const int doubled = exponent == 0 ? magnitude : (2 + (magnitude & 1)) << (exponent - 1);
  return (float)(code & 8 ? -doubled : doubled);
}

__device__ inline float nonlinear_value(int code) {
  constexpr uint64_t low = 0xf6eaddcfbfad9881u, high = 0x7159453526190d01u;  // -127, -104, -83, … 113, one a byte
  return (float)(int8_t)((code < 8 ? low : high) >> 8 * (code & 7));
}

// ggml keeps no NaN in the unsigned e4m3 of NVFP4: 0x7f is 0, 0xff is 480, and else the top bit counts for nothing.
__device__ inline float unsigned_e4m3(int byte) {
  const int exponent = byte >> 3 & 15, mantissa = byte & 7;
  if (byte == 0xff) return 480.0f;
  if ((byte & 0x7f) == 0x7f) return 0.0f;
  return exponent == 0 ? ldexpf((float)mantissa, -9) : ldexpf((float)(8 + mantissa), exponent - 10);
}

__device__ inline float with_sign(uint32_t signs, int i, float magnitude) { return signs >> i & 1 ? -magnitude : magnitude; }

// A scale of half a sub-block: d * (0.5 + nibble) / 4.
__device__ inline float nibble_scale(float d, const uint8_t *p, int t, int l) { return d * (0.5f + (float)(p[t] >> 4 * (l >> 1) & 15)) * 0.25f; }

// Weight i of 256 in a block whose rows of magnitudes are in a grid; t counts its sub-blocks of 32.
__device__ inline float grid_value(int type, const uint8_t *b, int i, const float *grid) {
  const int t = i >> 5, l = (i >> 3) & 3, e = (i >> 2) & 7, c8 = i & 7, c4 = i & 3;
  switch (type) {
    case kIQ2_XXS: {
      const uint8_t *start = b + 2 + 8 * t;
      const uint32_t word = word32(start + 4);
      const float scale = half_at(b) * (0.5f + (float)(word >> 28)) * 0.25f;
      return with_sign(even_signs(word >> 7 * l & 127), c8, scale * grid[8 * start[l] + c8]);
    }
    case kIQ2_XS: {
      const uint32_t word = word16(b + 2 + 2 * (4 * t + l));
      return with_sign(even_signs(word >> 9), c8, nibble_scale(half_at(b), b + 66, t, l) * grid[8 * (word & 511) + c8]);
    }
    case kIQ2_S: {
      const int row = b[2 + 4 * t + l] | (b[66 + t] >> 2 * l & 3) << 8;
      return with_sign(b[34 + 4 * t + l], c8, nibble_scale(half_at(b), b + 74, t, l) * grid[8 * row + c8]);
    }
    case kIQ3_XXS: {
      const uint32_t word = word32(b + 66 + 4 * t), signs = even_signs(word >> 7 * l & 127);
      const float scale = half_at(b) * (0.5f + (float)(word >> 28)) * 0.5f;
      return with_sign(signs, c8, scale * grid[4 * b[2 + 8 * t + e] + c4]);
    }
    case kIQ3_S: {
      const int row = b[2 + 8 * t + e] | (b[66 + t] >> e & 1) << 8;
      const float scale = half_at(b) * (float)(1 + 2 * (b[106 + (t >> 1)] >> 4 * (t % 2) & 15));
      return with_sign(b[74 + 4 * t + l], c8, scale * grid[4 * row + c4]);
    }
    case kIQ1_S: {
      const uint32_t word = word16(b + 34 + 2 * t);
      const float scale = half_at(b) * (float)(2 * (word >> 12 & 7) + 1), shift = word & 0x8000 ? -0.125f : 0.125f;
      return scale * (grid[8 * (b[2 + 4 * t + l] | (word >> 3 * l & 7) << 8) + c8] + shift);
    }
    default: {  // IQ1_M: the factor is in the top nibbles of the scales' words
      const int run = i >> 3, pair = run >> 1, high = b[32 + pair] >> 4 * (run % 2) & 15;
      const uint32_t factor = word16(b + 48) >> 12 | (word16(b + 50) >> 12) << 4 | (word16(b + 52) >> 12) << 8 | (word16(b + 54) >> 12) << 12;
      const float scale = half_to_float((uint16_t)factor) * (float)(2 * (word16(b + 48 + 2 * (pair >> 2)) >> 3 * (pair % 4) & 7) + 1);
      return scale * (grid[8 * (b[run] | (high & 7) << 8) + c8] + (high & 8 ? -0.125f : 0.125f));
    }
  }
}

__device__ inline float block_value(int type, const uint8_t *b, int i, const float *grid) {
  switch (type) {
    case kQ1_0: return b[2 + (i >> 3)] >> (i & 7) & 1 ? half_at(b) : -half_at(b);
    case kQ2_0: return half_at(b) * (float)((b[2 + (i >> 2)] >> 2 * (i & 3) & 3) - 1);
    case kQ4_0: return half_at(b) * (float)(nibble_of_halves(b + 2, 16, i) - 8);
    case kQ4_1: return half_at(b) * (float)nibble_of_halves(b + 4, 16, i) + half_at(b + 2);
    case kQ5_0: return half_at(b) * (float)((nibble_of_halves(b + 6, 16, i) | fifth_bit(b + 2, i)) - 16);
    case kQ5_1: return half_at(b) * (float)(nibble_of_halves(b + 8, 16, i) | fifth_bit(b + 4, i)) + half_at(b + 2);
    case kQ8_0: return half_at(b) * (float)(int8_t)b[2 + i];
    case kQ4_0_V1: return float_at(b) * (float)(nibble_of_neighbours(b + 4, i) - 8);
    case kQ4_1_V1: return float_at(b) * (float)nibble_of_neighbours(b + 8, i) + float_at(b + 4);
    case kQ5_0_V1: return half_at(b) * (float)((nibble_of_neighbours(b + 6, i) | fifth_bit(b + 2, i)) - 16);
    case kQ5_1_V1: return half_at(b) * (float)(nibble_of_neighbours(b + 8, i) | fifth_bit(b + 4, i)) + half_at(b + 2);
    case kQ4_0_V2: return float_at(b) * (float)(nibble_of_halves(b + 4, 16, i) - 8);
    case kQ4_1_V2: return float_at(b) * (float)nibble_of_halves(b + 8, 16, i) + float_at(b + 4);
    case kQ8_0_V2: return float_at(b) * (float)(int8_t)b[4 + i];
    case kTQ1_0: {
      // Five trits a byte, as a fraction of 256: multiplied by 3^e, the trit stands at the top. The last 16 weights have four a byte.
      const int byte = i < 160 ? b[i % 32] : i < 240 ? b[32 + i % 16] : b[48 + i % 4];
      const int e = i < 160 ? i >> 5 : i < 240 ? (i - 160) >> 4 : (i - 240) >> 2;
      const int power = e == 0 ? 1 : e == 1 ? 3 : e == 2 ? 9 : e == 3 ? 27 : 81;
      return half_at(b + 52) * (float)((((byte * power) & 255) * 3 >> 8) - 1);
    }
    case kTQ2_0: return half_at(b + 64) * (float)(two_bit_code(b, i) - 1);
    case kQ2_K: return half_at(b + 80) * (float)(b[i >> 4] & 15) * (float)two_bit_code(b + 16, i) - half_at(b + 82) * (float)(b[i >> 4] >> 4);
    case kQ3_K: {
      const int high = b[i % 32] >> (i >> 5) & 1;
      return half_at(b + 108) * (float)(scale_q3k(b + 96, i >> 4) - 32) * (float)(two_bit_code(b + 32, i) + 4 * high - 4);
    }
    case kQ4_K: return half_at(b) * (float)scale_q45k(b + 4, i >> 5) * (float)nibble_q45k(b + 16, i) - half_at(b + 2) * (float)minimum_q45k(b + 4, i >> 5);
    case kQ5_K: {
      const int code = nibble_q45k(b + 48, i) | (b[16 + i % 32] >> (i >> 5) & 1) << 4;
      return half_at(b) * (float)scale_q45k(b + 4, i >> 5) * (float)code - half_at(b + 2) * (float)minimum_q45k(b + 4, i >> 5);
    }
    case kQ6_K: {
      const int h = i >> 7, j = (i >> 5) % 4, r = i % 32;
      const int low = b[64 * h + 32 * (j % 2) + r] >> 4 * (j >> 1) & 15, high = b[128 + 32 * h + r] >> 2 * j & 3;
      return half_at(b + 208) * (float)(int8_t)b[192 + (i >> 4)] * (float)((low | high << 4) - 32);
    }
    case kIQ4_NL: return half_at(b) * nonlinear_value(nibble_of_halves(b + 2, 16, i));
    case kIQ4_XS: {
      const int t = i >> 5, scale = (b[4 + (t >> 1)] >> 4 * (t % 2) & 15) | (int)(word16(b + 2) >> 2 * t & 3) << 4;
      return half_at(b) * (float)(scale - 32) * nonlinear_value(nibble_of_halves(b + 8 + 16 * t, 16, i % 32));
    }
    case kMXFP4: return ldexpf(doubled_e2m1(nibble_of_halves(b + 1, 16, i)), b[0] - 128);
    case kNVFP4: return 0.5f * unsigned_e4m3(b[i >> 4]) * doubled_e2m1(nibble_of_halves(b + 4 + 8 * (i >> 4), 8, i % 16));
    default: return grid_value(type, b, i, grid);
  }
}
