// fp16 and bf16 one value at a time, in plain C: for tails and for processors without conversions.
#pragma once
#include <stdint.h>
#include <string.h>

static inline float fb_bits_to_float(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline uint32_t fb_float_to_bits(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }

static inline float fb_bfloat16_to_float(uint16_t h) { return fb_bits_to_float((uint32_t)h << 16); }

static inline float fb_half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent == 31) return fb_bits_to_float(sign | 0x7f800000 | fraction << 13);
  if (exponent) return fb_bits_to_float(sign | (exponent + 112) << 23 | fraction << 13);
  float tiny = (float)fraction * 0x1p-24f;  // exact: subnormal halves are normal floats
  return sign ? -tiny : tiny;
}

// Rounds to nearest even.
static inline uint16_t fb_float_to_half(float x) {
  uint32_t bits = fb_float_to_bits(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return (uint16_t)(sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
  if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  if (magnitude < 0x38800000) {  // subnormal: adding 0.5 lets the processor round at the right bit
    float shifted = fb_bits_to_float(magnitude) + 0.5f;
    return (uint16_t)(sign | (fb_float_to_bits(shifted) - 0x3f000000));
  }
  uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

static inline uint16_t fb_load_u16(const uint8_t *p) { uint16_t h; memcpy(&h, p, 2); return h; }
