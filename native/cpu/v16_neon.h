// Vectors of 16 lanes as four NEON registers (ARMv8.2 with dot products): the words in which loops_*.h are written.
#pragma once
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define V16_NAME neon
#define V16_ROWS_INT8 3  // four integer and four float registers a row, of 32
#define V16_ROWS_F32 6
#define V16_ROWS_DENSE 1
#define V16_ROWS_ATTENTION 3

typedef struct { float32x4_t v[4]; } v16f;
typedef struct { int32x4_t v[4]; } v16i;
typedef struct { uint8x16_t v[4]; } v64b;

#define V16_EACH(type, expression)              \
  type r;                                       \
  _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) r.v[i] = (expression); \
  return r

static inline v16f v16f_set1(float x) { V16_EACH(v16f, vdupq_n_f32(x)); }
static inline v16f v16f_load(const float *p) { V16_EACH(v16f, vld1q_f32(p + 4 * i)); }
static inline void v16f_store(float *p, v16f x) { for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, x.v[i]); }
static inline v16f v16f_load_f16(const void *p) { V16_EACH(v16f, vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)p + 8 * i)))); }
static inline v16f v16f_load_bf16(const void *p) { V16_EACH(v16f, vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)p + 8 * i)), 16))); }
static inline void v16f_store_f16(void *p, v16f x) { for (int i = 0; i < 4; i++) vst1_u8((uint8_t *)p + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(x.v[i]))); }
static inline v16f v16f_add(v16f x, v16f y) { V16_EACH(v16f, vaddq_f32(x.v[i], y.v[i])); }
static inline v16f v16f_sub(v16f x, v16f y) { V16_EACH(v16f, vsubq_f32(x.v[i], y.v[i])); }
static inline v16f v16f_mul(v16f x, v16f y) { V16_EACH(v16f, vmulq_f32(x.v[i], y.v[i])); }
// 16 bytes of e4m3fn: as the upper bits of fp16 they lack 2^8, and NaN, which that has elsewhere.
static inline v16f v16f_load_e4m3(const void *p) {
  uint8_t halves[32];
  const int8x16_t bytes = vld1q_s8((const int8_t *)p);
  for (int i = 0; i < 2; i++) {
    const int8x8_t eight = i ? vget_high_s8(bytes) : vget_low_s8(bytes);
    const uint16x8_t half = vandq_u16(vreinterpretq_u16_s16(vshlq_n_s16(vmovl_s8(eight), 7)), vdupq_n_u16(0xbfff)), magnitude = vdupq_n_u16(0x3f80);
    const uint16x8_t nan = vandq_u16(vceqq_u16(vandq_u16(half, magnitude), magnitude), vdupq_n_u16(0x7fff));
    vst1q_u8(halves + 16 * i, vreinterpretq_u8_u16(vorrq_u16(half, nan)));
  }
  return v16f_mul(v16f_load_f16(halves), v16f_set1(256));
}
static inline v16f v16f_load_e5m2(const void *p) {
  uint8_t halves[32];
  const uint8x16_t bytes = vld1q_u8((const uint8_t *)p);
  vst1q_u8(halves, vreinterpretq_u8_u16(vshll_n_u8(vget_low_u8(bytes), 8)));
  vst1q_u8(halves + 16, vreinterpretq_u8_u16(vshll_n_u8(vget_high_u8(bytes), 8)));
  return v16f_load_f16(halves);
}
// Of 16 values those that the low or the high nibbles of 16 bytes name.
static inline v16f v16f_pick(const float *table, const uint8_t *p, const int shift) {
  float picked[16];
  for (int i = 0; i < 16; i++) picked[i] = table[p[i] >> shift & 15];
  return v16f_load(picked);
}
static inline v16f v16f_div(v16f x, v16f y) { V16_EACH(v16f, vdivq_f32(x.v[i], y.v[i])); }
static inline v16f v16f_fma(v16f x, v16f y, v16f z) { V16_EACH(v16f, vfmaq_f32(z.v[i], x.v[i], y.v[i])); }
// Of max and min: the second operand where it is NaN.
static inline v16f v16f_max(v16f x, v16f y) { V16_EACH(v16f, vmaxq_f32(x.v[i], y.v[i])); }
static inline v16f v16f_min(v16f x, v16f y) { V16_EACH(v16f, vminq_f32(x.v[i], y.v[i])); }
static inline v16f v16f_abs(v16f x) { V16_EACH(v16f, vabsq_f32(x.v[i])); }
static inline v16f v16f_round(v16f x) { V16_EACH(v16f, vrndnq_f32(x.v[i])); }
static inline v16f v16f_times_pow2(v16f x, v16f n) {  // whole n in -126 … 127
  V16_EACH(v16f, vmulq_f32(x.v[i], vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v[i]), vdupq_n_s32(127)), 23))));
}
static inline v16f v16f_from_i(v16i x) { V16_EACH(v16f, vcvtq_f32_s32(x.v[i])); }
// Byte j of every lane of four, as floats.
static inline v16f v16f_from_quad(v64b x, int j) {
  V16_EACH(v16f, vcvtq_f32_u32(vandq_u32(vshlq_u32(vreinterpretq_u32_u8(x.v[i]), vdupq_n_s32(-8 * j)), vdupq_n_u32(255))));
}
static inline float v16f_sum(v16f x) { return vaddvq_f32(vaddq_f32(vaddq_f32(x.v[0], x.v[1]), vaddq_f32(x.v[2], x.v[3]))); }
static inline float v16f_largest(v16f x) { return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.v[0], x.v[1]), vmaxq_f32(x.v[2], x.v[3]))); }

static inline v16i v16i_set1(int32_t x) { V16_EACH(v16i, vdupq_n_s32(x)); }
static inline v16i v16i_zero(void) { return v16i_set1(0); }
static inline v16i v16i_add(v16i x, v16i y) { V16_EACH(v16i, vaddq_s32(x.v[i], y.v[i])); }
static inline v16i v16i_from_u8(const uint8_t *p) {
  uint8x16_t bytes = vld1q_u8(p);
  uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
  return (v16i){{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(low))),
                 vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(high)))}};
}
static inline v16f v16f_from_u8(const uint8_t *p) { return v16f_from_i(v16i_from_u8(p)); }
static inline v16f v16f_load_i8(const void *p) {
  const int8x16_t bytes = vld1q_s8((const int8_t *)p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
  return (v16f){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
static inline void v16f_store_i8(int8_t *p, v16f x) {
  int16x4_t part[4];
  for (int i = 0; i < 4; i++) part[i] = vqmovn_s32(vcvtnq_s32_f32(x.v[i]));
  vst1q_s8(p, vcombine_s8(vqmovn_s16(vcombine_s16(part[0], part[1])), vqmovn_s16(vcombine_s16(part[2], part[3]))));
}
static inline v16i v16i_mul16(v16i x, v16i y) { V16_EACH(v16i, vmulq_s32(x.v[i], y.v[i])); }

static inline v64b v64b_load(const void *p) { V16_EACH(v64b, vld1q_u8((const uint8_t *)p + 16 * i)); }
static inline void v64b_store(void *p, v64b x) { for (int i = 0; i < 4; i++) vst1q_u8((uint8_t *)p + 16 * i, x.v[i]); }
static inline v64b v64b_set1(uint8_t x) { V16_EACH(v64b, vdupq_n_u8(x)); }
static inline v64b v64b_and(v64b x, v64b y) { V16_EACH(v64b, vandq_u8(x.v[i], y.v[i])); }
static inline v64b v64b_or(v64b x, v64b y) { V16_EACH(v64b, vorrq_u8(x.v[i], y.v[i])); }
static inline v64b v64b_xor(v64b x, v64b y) { V16_EACH(v64b, veorq_u8(x.v[i], y.v[i])); }
static inline v64b v64b_sub(v64b x, v64b y) { V16_EACH(v64b, vsubq_u8(x.v[i], y.v[i])); }
// Bytes of `set` where `mask`, one bit of a byte, is set in `plane`, else of `clear`.
static inline v64b v64b_choose(v64b plane, int mask, v64b set, v64b clear) { V16_EACH(v64b, vbslq_u8(vtstq_u8(plane.v[i], vdupq_n_u8((uint8_t)mask)), set.v[i], clear.v[i])); }
// table[i] for every byte i < 16.
static inline v64b v64b_look_up(const uint8_t *table, v64b x) { V16_EACH(v64b, vqtbl1q_u8(vld1q_u8(table), x.v[i])); }
// The bytes of every four that a row of a table of eight names, those from `from` on counted from 0; 0x80 names 0. The row's number is in the bits from `shift` on.
static inline v64b v64b_place(v64b bytes, const int from, const uint32_t rows[8], v64b numbers, const int shift) {
  const uint8x16x2_t table = {{vreinterpretq_u8_u32(vld1q_u32(rows)), vreinterpretq_u8_u32(vld1q_u32(rows + 4))}};
  const uint32_t words[4] = {0, 0x04040404, 0x08080808, 0x0c0c0c0c};
  const uint8x16_t lanes = vaddq_u8(vreinterpretq_u8_u32(vld1q_u32(words)), vdupq_n_u8((uint8_t)from));
  v64b placed;
  for (int i = 0; i < 4; i++) {
    const uint32x4_t row = vandq_u32(vshlq_u32(vreinterpretq_u32_u8(numbers.v[i]), vdupq_n_s32(-shift)), vdupq_n_u32(7));
    const uint8x16_t in_table = vreinterpretq_u8_u32(vmlaq_u32(vdupq_n_u32(0x03020100), row, vdupq_n_u32(0x04040404)));
    placed.v[i] = vqtbl1q_u8(bytes.v[i], vorrq_u8(vqtbl2q_u8(table, in_table), lanes));
  }
  return placed;
}
// Rows of 4 or 8 bytes of a table, by number.
static inline v64b v64b_gather4(const uint8_t *table, const uint16_t numbers[16]) {
  uint8_t rows[64];
  for (int i = 0; i < 16; i++) __builtin_memcpy(rows + 4 * i, table + 4 * (size_t)numbers[i], 4);
  return v64b_load(rows);
}
static inline v64b v64b_gather8(const uint8_t *table, const uint16_t numbers[8]) {
  uint8_t rows[64];
  for (int i = 0; i < 8; i++) __builtin_memcpy(rows + 8 * i, table + 8 * (size_t)numbers[i], 8);
  return v64b_load(rows);
}
// Words 0, 2, 4, … (1, 3, 5, …) of 4 bytes of both.
static inline v64b v64b_even_words(v64b x, v64b y) {
  v64b r;
  for (int i = 0; i < 2; i++) {
    r.v[i] = vreinterpretq_u8_u32(vuzp1q_u32(vreinterpretq_u32_u8(x.v[2 * i]), vreinterpretq_u32_u8(x.v[2 * i + 1])));
    r.v[2 + i] = vreinterpretq_u8_u32(vuzp1q_u32(vreinterpretq_u32_u8(y.v[2 * i]), vreinterpretq_u32_u8(y.v[2 * i + 1])));
  }
  return r;
}
static inline v64b v64b_odd_words(v64b x, v64b y) {
  v64b r;
  for (int i = 0; i < 2; i++) {
    r.v[i] = vreinterpretq_u8_u32(vuzp2q_u32(vreinterpretq_u32_u8(x.v[2 * i]), vreinterpretq_u32_u8(x.v[2 * i + 1])));
    r.v[2 + i] = vreinterpretq_u8_u32(vuzp2q_u32(vreinterpretq_u32_u8(y.v[2 * i]), vreinterpretq_u32_u8(y.v[2 * i + 1])));
  }
  return r;
}
static inline v64b v64b_shift_right(v64b x, int n) { V16_EACH(v64b, vshlq_u8(x.v[i], vdupq_n_s8((int8_t)-n))); }
static inline v64b v64b_shift_left(v64b x, int n) { V16_EACH(v64b, vshlq_u8(x.v[i], vdupq_n_s8((int8_t)n))); }
static inline v64b v64b_repeat4(const int8_t *p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  V16_EACH(v64b, vreinterpretq_u8_s32(vdupq_n_s32(four)));
}
static inline v16i v16i_dot4_small(v16i acc, v64b w, v64b x) {
  V16_EACH(v16i, vdotq_s32(acc.v[i], vreinterpretq_s8_u8(w.v[i]), vreinterpretq_s8_u8(x.v[i])));
}
// The instruction takes signed bytes: the uppermost bit of w apart, counting 128 times.
static inline v16i v16i_dot4(v16i acc, v64b w, v64b x) {
  v64b top = v64b_shift_right(w, 7);
  v16i high = v16i_dot4_small(v16i_zero(), top, x);
  acc = v16i_dot4_small(acc, v64b_and(w, v64b_set1(127)), x);
  V16_EACH(v16i, vaddq_s32(acc.v[i], vshlq_n_s32(high.v[i], 7)));
}
