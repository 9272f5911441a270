// Vectors of 16 lanes as two AVX2 registers (with FMA and F16C): the words in which loops_*.h are written.
#pragma once
#include <immintrin.h>
#include <stdint.h>

#include "table_rows_x86.h"

#define V16_NAME avx2
#define V16_ROWS_INT8 3  // two integer and two float registers a row, of 16
#define V16_ROWS_F32 6
#define V16_ROWS_DENSE 1
#define V16_ROWS_ATTENTION 2

typedef struct { __m256 a, b; } v16f;
typedef struct { __m256i a, b; } v16i;
typedef struct { __m256i a, b; } v64b;

static inline v16f v16f_set1(float x) { __m256 v = _mm256_set1_ps(x); return (v16f){v, v}; }
static inline v16f v16f_load(const float *p) { return (v16f){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
static inline void v16f_store(float *p, v16f x) { _mm256_storeu_ps(p, x.a); _mm256_storeu_ps(p + 8, x.b); }
static inline v16f v16f_load_f16(const void *p) {
  const __m128i *q = (const __m128i *)p;
  return (v16f){_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}
static inline v16f v16f_load_bf16(const void *p) {
  const __m128i *q = (const __m128i *)p;
  return (v16f){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(q)), 16)), _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(q + 1)), 16))};
}
// 16 bytes of e4m3fn: as the upper bits of fp16 they lack 2^8, and NaN, which that has elsewhere.
static inline v16f v16f_load_e4m3(const void *p) {
  const __m256i half = _mm256_and_si256(_mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)), 7), _mm256_set1_epi16((short)0xbfff));
  const __m256i magnitude = _mm256_set1_epi16(0x3f80);
  const __m256i nan = _mm256_and_si256(_mm256_cmpeq_epi16(_mm256_and_si256(half, magnitude), magnitude), _mm256_set1_epi16(0x7fff));
  const __m256i bits = _mm256_or_si256(half, nan);
  const __m256 factor = _mm256_set1_ps(256);
  return (v16f){_mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(bits)), factor), _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(bits, 1)), factor)};
}
static inline v16f v16f_load_e5m2(const void *p) {
  const __m256i bits = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)), 8);
  return (v16f){_mm256_cvtph_ps(_mm256_castsi256_si128(bits)), _mm256_cvtph_ps(_mm256_extracti128_si256(bits, 1))};
}
// Of 16 values those that the low or the high nibbles of 16 bytes name.
static inline __m256 v16_pick_half(const float *table, __m256i codes) {
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), codes), high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), codes);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)));  // the permutation looks at three bits, the blend at the fourth
}
static inline v16f v16f_pick(const float *table, const uint8_t *p, const int shift) {
  const __m256i a = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)), b = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)));
  return (v16f){v16_pick_half(table, shift ? _mm256_srli_epi32(a, 4) : a), v16_pick_half(table, shift ? _mm256_srli_epi32(b, 4) : b)};
}
static inline void v16f_store_f16(void *p, v16f x) {
  __m128i *q = (__m128i *)p;
  _mm_storeu_si128(q, _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  _mm_storeu_si128(q + 1, _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline v16f v16f_add(v16f x, v16f y) { return (v16f){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
static inline v16f v16f_sub(v16f x, v16f y) { return (v16f){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
static inline v16f v16f_mul(v16f x, v16f y) { return (v16f){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
static inline v16f v16f_div(v16f x, v16f y) { return (v16f){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
static inline v16f v16f_fma(v16f x, v16f y, v16f z) { return (v16f){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
// Of max and min: the second operand where it is NaN.
static inline v16f v16f_max(v16f x, v16f y) { return (v16f){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
static inline v16f v16f_min(v16f x, v16f y) { return (v16f){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
static inline v16f v16f_abs(v16f x) {
  __m256 sign = _mm256_set1_ps(-0.0f);
  return (v16f){_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
static inline v16f v16f_round(v16f x) {
  return (v16f){_mm256_round_ps(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), _mm256_round_ps(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
static inline __m256 v16_pow2_half(__m256 n) {  // 2^n for whole n in -126 … 127
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
static inline v16f v16f_times_pow2(v16f x, v16f n) { return (v16f){_mm256_mul_ps(x.a, v16_pow2_half(n.a)), _mm256_mul_ps(x.b, v16_pow2_half(n.b))}; }
static inline v16f v16f_from_i(v16i x) { return (v16f){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
// Byte j of every lane of four, as floats.
static inline v16f v16f_from_quad(v64b x, int j) {
  __m256i mask = _mm256_set1_epi32(255);
  return (v16f){_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(x.a, 8 * j), mask)), _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(x.b, 8 * j), mask))};
}
static inline float v16f_sum(v16f x) {
  __m256 eight = _mm256_add_ps(x.a, x.b);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float v16f_largest(v16f x) {
  __m256 eight = _mm256_max_ps(x.a, x.b);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

static inline v16i v16i_set1(int32_t x) { __m256i v = _mm256_set1_epi32(x); return (v16i){v, v}; }
static inline v16i v16i_zero(void) { return v16i_set1(0); }
static inline v16i v16i_add(v16i x, v16i y) { return (v16i){_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
static inline v16i v16i_from_u8(const uint8_t *p) {
  return (v16i){_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)), _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)))};
}
static inline v16f v16f_from_u8(const uint8_t *p) { return v16f_from_i(v16i_from_u8(p)); }
static inline v16f v16f_load_i8(const void *p) {
  return (v16f){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)((const int8_t *)p + 8))))};
}
static inline void v16f_store_i8(int8_t *p, v16f x) {
  __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b));
  packed = _mm256_permute4x64_epi64(packed, 0xd8);
  _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1)));
}
static inline v16i v16i_mul16(v16i x, v16i y) { return (v16i){_mm256_madd_epi16(x.a, y.a), _mm256_madd_epi16(x.b, y.b)}; }

static inline v64b v64b_load(const void *p) { const __m256i *q = (const __m256i *)p; return (v64b){_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)}; }
static inline void v64b_store(void *p, v64b x) { __m256i *q = (__m256i *)p; _mm256_storeu_si256(q, x.a); _mm256_storeu_si256(q + 1, x.b); }
static inline v64b v64b_set1(uint8_t x) { __m256i v = _mm256_set1_epi8((char)x); return (v64b){v, v}; }
static inline v64b v64b_and(v64b x, v64b y) { return (v64b){_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
static inline v64b v64b_or(v64b x, v64b y) { return (v64b){_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
static inline v64b v64b_xor(v64b x, v64b y) { return (v64b){_mm256_xor_si256(x.a, y.a), _mm256_xor_si256(x.b, y.b)}; }
static inline v64b v64b_sub(v64b x, v64b y) { return (v64b){_mm256_sub_epi8(x.a, y.a), _mm256_sub_epi8(x.b, y.b)}; }
// Bytes of `set` where `mask`, one bit of a byte, is set in `plane`, else of `clear`.
static inline __m256i v16_choose_half(__m256i plane, __m256i bit, __m256i set, __m256i clear) {
  return _mm256_blendv_epi8(clear, set, _mm256_cmpeq_epi8(_mm256_and_si256(plane, bit), bit));
}
static inline v64b v64b_choose(v64b plane, int mask, v64b set, v64b clear) {
  __m256i bit = _mm256_set1_epi8((char)mask);
  return (v64b){v16_choose_half(plane.a, bit, set.a, clear.a), v16_choose_half(plane.b, bit, set.b, clear.b)};
}
// table[i] for every byte i < 16.
static inline v64b v64b_look_up(const uint8_t *table, v64b i) {
  __m256i values = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
  return (v64b){_mm256_shuffle_epi8(values, i.a), _mm256_shuffle_epi8(values, i.b)};
}
// The bytes of every four that a row of a table of eight names, those from `from` on counted from 0; 0x80 names 0. The row's number is in the bits from `shift` on.
static inline __m256i v16_place_half(__m256i bytes, const int from, const uint32_t rows[8], __m256i numbers, const int shift) {
  const __m256i places = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)rows), _mm256_srli_epi32(numbers, shift));  // looks at three bits
  const __m256i lanes = _mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
  return _mm256_shuffle_epi8(bytes, _mm256_or_si256(places, _mm256_add_epi8(lanes, _mm256_set1_epi8((char)from))));
}
static inline v64b v64b_place(v64b bytes, const int from, const uint32_t rows[8], v64b numbers, const int shift) {
  return (v64b){v16_place_half(bytes.a, from, rows, numbers.a, shift), v16_place_half(bytes.b, from, rows, numbers.b, shift)};
}
// Rows of 4 or 8 bytes of a table, by number.
static inline v64b v64b_gather4(const uint8_t *table, const uint16_t numbers[16]) {
  const __m256i low = load_eight_rows(table, numbers);
  return (v64b){low, load_eight_rows(table, numbers + 8)};
}
static inline v64b v64b_gather8(const uint8_t *table, const uint16_t numbers[8]) {
  const __m256i low = load_four_long_rows(table, numbers);
  return (v64b){low, load_four_long_rows(table, numbers + 4)};
}
// Words 0, 2, 4, … (1, 3, 5, …) of 4 bytes of both.
static inline __m256i v16_alternate(__m256i a, __m256i b, __m256i order, int high) {
  a = _mm256_permutevar8x32_epi32(a, order);
  b = _mm256_permutevar8x32_epi32(b, order);
  return high ? _mm256_permute2x128_si256(a, b, 0x31) : _mm256_permute2x128_si256(a, b, 0x20);
}
static inline v64b v16_alternate_words(v64b x, v64b y, int odd) {
  __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  return (v64b){v16_alternate(x.a, x.b, order, odd), v16_alternate(y.a, y.b, order, odd)};
}
static inline v64b v64b_even_words(v64b x, v64b y) { return v16_alternate_words(x, y, 0); }
static inline v64b v64b_odd_words(v64b x, v64b y) { return v16_alternate_words(x, y, 1); }
#define v64b_shift_right(x, n) ((v64b){_mm256_srli_epi16((x).a, n), _mm256_srli_epi16((x).b, n)})
#define v64b_shift_left(x, n) ((v64b){_mm256_slli_epi16((x).a, n), _mm256_slli_epi16((x).b, n)})
static inline v64b v64b_repeat4(const int8_t *p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  __m256i v = _mm256_set1_epi32(four);
  return (v64b){v, v};
}
// maddubs adds pairs in 16 bits: exact while w is at most 127 (127 * 127 * 2 < 2^15).
static inline __m256i v16_dot4_half(__m256i acc, __m256i w, __m256i x) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
static inline v16i v16i_dot4_small(v16i acc, v64b w, v64b x) { return (v16i){v16_dot4_half(acc.a, w.a, x.a), v16_dot4_half(acc.b, w.b, x.b)}; }
// Any unsigned w: its nibbles apart, so that no pair saturates; the upper ones count 16 times.
static inline v16i v16i_dot4(v16i acc, v64b w, v64b x) {
  v64b low_mask = v64b_set1(15);
  v16i high = v16i_dot4_small(v16i_zero(), v64b_and(v64b_shift_right(w, 4), low_mask), x);
  acc = v16i_dot4_small(acc, v64b_and(w, low_mask), x);
  return (v16i){_mm256_add_epi32(acc.a, _mm256_slli_epi32(high.a, 4)), _mm256_add_epi32(acc.b, _mm256_slli_epi32(high.b, 4))};
}
