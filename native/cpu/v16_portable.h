// Vectors of 16 lanes in plain C, for any processor: the words in which loops_*.h are written.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "half.h"

#define V16_NAME portable
#define V16_ROWS_INT8 2
#define V16_ROWS_F32 2
#define V16_ROWS_DENSE 1
#define V16_ROWS_ATTENTION 1
#define V16_IN_MEMORY  // vectors are arrays: loops that are compiled once more to keep them in registers gain nothing

typedef struct { float v[16]; } v16f;
typedef struct { int32_t v[16]; } v16i;
typedef struct { uint8_t v[64]; } v64b;

#define V16_EACH(type, count, expression) \
  type r;                                 \
  for (int i = 0; i < (count); i++) r.v[i] = (expression); \
  return r

static inline v16f v16f_set1(float x) { V16_EACH(v16f, 16, x); }
static inline v16f v16f_load(const float *p) { v16f r; memcpy(r.v, p, 64); return r; }
static inline void v16f_store(float *p, v16f x) { memcpy(p, x.v, 64); }
static inline uint16_t v16_u16(const void *p, int i) { uint16_t h; memcpy(&h, (const uint8_t *)p + 2 * i, 2); return h; }
static inline v16f v16f_load_f16(const void *p) { V16_EACH(v16f, 16, fb_half_to_float(v16_u16(p, i))); }
static inline v16f v16f_load_bf16(const void *p) { V16_EACH(v16f, 16, fb_bfloat16_to_float(v16_u16(p, i))); }
// 16 bytes of e4m3fn: as the upper bits of fp16 they lack 2^8, and NaN, which that has elsewhere.
static inline float v16_e4m3(uint8_t b) {
  const uint32_t magnitude = b & 0x7fu;
  return magnitude == 0x7f ? fb_bits_to_float(0x7fc00000) : 256 * fb_half_to_float((uint16_t)((b & 0x80u) << 8 | magnitude << 7));
}
static inline v16f v16f_load_e4m3(const void *p) { V16_EACH(v16f, 16, v16_e4m3(((const uint8_t *)p)[i])); }
static inline v16f v16f_load_e5m2(const void *p) { V16_EACH(v16f, 16, fb_half_to_float((uint16_t)(((const uint8_t *)p)[i] << 8))); }
// Of 16 values those that the low or the high nibbles of 16 bytes name.
static inline v16f v16f_pick(const float *table, const uint8_t *p, const int shift) { V16_EACH(v16f, 16, table[p[i] >> shift & 15]); }
static inline void v16f_store_f16(void *p, v16f x) { for (int i = 0; i < 16; i++) { uint16_t h = fb_float_to_half(x.v[i]); memcpy((uint8_t *)p + 2 * i, &h, 2); } }
static inline v16f v16f_add(v16f x, v16f y) { V16_EACH(v16f, 16, x.v[i] + y.v[i]); }
static inline v16f v16f_sub(v16f x, v16f y) { V16_EACH(v16f, 16, x.v[i] - y.v[i]); }
static inline v16f v16f_mul(v16f x, v16f y) { V16_EACH(v16f, 16, x.v[i] * y.v[i]); }
static inline v16f v16f_div(v16f x, v16f y) { V16_EACH(v16f, 16, x.v[i] / y.v[i]); }
static inline v16f v16f_fma(v16f x, v16f y, v16f z) { V16_EACH(v16f, 16, x.v[i] * y.v[i] + z.v[i]); }
// Of max and min: the second operand where it is NaN.
static inline v16f v16f_max(v16f x, v16f y) { V16_EACH(v16f, 16, x.v[i] > y.v[i] ? x.v[i] : y.v[i]); }
static inline v16f v16f_min(v16f x, v16f y) { V16_EACH(v16f, 16, x.v[i] < y.v[i] ? x.v[i] : y.v[i]); }
static inline v16f v16f_abs(v16f x) { V16_EACH(v16f, 16, fabsf(x.v[i])); }
static inline v16f v16f_round(v16f x) { V16_EACH(v16f, 16, rintf(x.v[i])); }
static inline v16f v16f_times_pow2(v16f x, v16f n) { V16_EACH(v16f, 16, ldexpf(x.v[i], (int)n.v[i])); }
static inline v16f v16f_from_i(v16i x) { V16_EACH(v16f, 16, (float)x.v[i]); }
// Byte j of every lane of four, as floats.
static inline v16f v16f_from_quad(v64b x, int j) { V16_EACH(v16f, 16, (float)x.v[4 * i + j]); }
static inline float v16f_sum(v16f x) {
  for (int width = 8; width; width /= 2)
    for (int i = 0; i < width; i++) x.v[i] += x.v[i + width];
  return x.v[0];
}
static inline float v16f_largest(v16f x) {
  for (int i = 1; i < 16; i++) x.v[0] = x.v[i] > x.v[0] ? x.v[i] : x.v[0];
  return x.v[0];
}

static inline v16i v16i_set1(int32_t x) { V16_EACH(v16i, 16, x); }
static inline v16i v16i_zero(void) { return v16i_set1(0); }
static inline v16i v16i_add(v16i x, v16i y) { V16_EACH(v16i, 16, x.v[i] + y.v[i]); }
static inline v16i v16i_from_u8(const uint8_t *p) { V16_EACH(v16i, 16, p[i]); }
static inline v16f v16f_from_u8(const uint8_t *p) { V16_EACH(v16f, 16, p[i]); }
static inline v16f v16f_load_i8(const void *p) { V16_EACH(v16f, 16, ((const int8_t *)p)[i]); }
static inline void v16f_store_i8(int8_t *p, v16f x) {
  for (int i = 0; i < 16; i++) {
    float rounded = rintf(x.v[i]);
    p[i] = (int8_t)(rounded > 127 ? 127 : rounded < -128 ? -128 : rounded);
  }
}
static inline v16i v16i_mul16(v16i x, v16i y) { V16_EACH(v16i, 16, x.v[i] * y.v[i]); }

static inline v64b v64b_load(const void *p) { v64b r; memcpy(r.v, p, 64); return r; }
static inline void v64b_store(void *p, v64b x) { memcpy(p, x.v, 64); }
static inline v64b v64b_set1(uint8_t x) { V16_EACH(v64b, 64, x); }
static inline v64b v64b_and(v64b x, v64b y) { V16_EACH(v64b, 64, x.v[i] & y.v[i]); }
static inline v64b v64b_or(v64b x, v64b y) { V16_EACH(v64b, 64, x.v[i] | y.v[i]); }
static inline v64b v64b_xor(v64b x, v64b y) { V16_EACH(v64b, 64, x.v[i] ^ y.v[i]); }
static inline v64b v64b_sub(v64b x, v64b y) { V16_EACH(v64b, 64, (uint8_t)(x.v[i] - y.v[i])); }
// Bytes of `set` where `mask`, one bit of a byte, is set in `plane`, else of `clear`.
static inline v64b v64b_choose(v64b plane, int mask, v64b set, v64b clear) { V16_EACH(v64b, 64, plane.v[i] & mask ? set.v[i] : clear.v[i]); }
// table[i] for every byte i < 16.
static inline v64b v64b_look_up(const uint8_t *table, v64b x) { V16_EACH(v64b, 64, table[x.v[i]]); }
// The bytes of every four that a row of a table of eight names, those from `from` on counted from 0; 0x80 names 0. The row's number is in the bits from `shift` on.
static inline v64b v64b_place(v64b bytes, const int from, const uint32_t rows[8], v64b numbers, const int shift) {
  v64b r;
  for (int lane = 0; lane < 16; lane++) {
    uint32_t word;
    memcpy(&word, numbers.v + 4 * lane, 4);
    const uint32_t row = rows[word >> shift & 7];
    for (int j = 0; j < 4; j++) {
      const uint32_t place = row >> 8 * j & 255;
      r.v[4 * lane + j] = place & 0x80 ? 0 : bytes.v[4 * lane + from + (int)place];
    }
  }
  return r;
}
// Rows of 4 or 8 bytes of a table, by number.
static inline v64b v64b_gather4(const uint8_t *table, const uint16_t numbers[16]) { V16_EACH(v64b, 64, table[4 * numbers[i / 4] + i % 4]); }
static inline v64b v64b_gather8(const uint8_t *table, const uint16_t numbers[8]) { V16_EACH(v64b, 64, table[8 * numbers[i / 8] + i % 8]); }
// Words 0, 2, 4, … (1, 3, 5, …) of 4 bytes of both.
static inline v64b v64b_even_words(v64b x, v64b y) { V16_EACH(v64b, 64, (i < 32 ? x : y).v[i % 32 / 4 * 8 + i % 4]); }
static inline v64b v64b_odd_words(v64b x, v64b y) { V16_EACH(v64b, 64, (i < 32 ? x : y).v[i % 32 / 4 * 8 + 4 + i % 4]); }
static inline v64b v64b_shift_right(v64b x, int n) { V16_EACH(v64b, 64, (uint8_t)(x.v[i] >> n)); }
static inline v64b v64b_shift_left(v64b x, int n) { V16_EACH(v64b, 64, (uint8_t)(x.v[i] << n)); }
static inline v64b v64b_repeat4(const int8_t *p) { V16_EACH(v64b, 64, (uint8_t)p[i & 3]); }
static inline v16i v16i_dot4(v16i acc, v64b w, v64b x) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 4; j++) acc.v[i] += (int32_t)w.v[4 * i + j] * (int8_t)x.v[4 * i + j];
  return acc;
}
static inline v16i v16i_dot4_small(v16i acc, v64b w, v64b x) { return v16i_dot4(acc, w, x); }
