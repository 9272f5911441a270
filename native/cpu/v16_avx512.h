// Vectors of 16 lanes with AVX-512 (F, BW, VL, DQ) and VNNI: the words in which loops_*.h are written.
#pragma once
#include <immintrin.h>
#include <stdint.h>

#include "table_rows_x86.h"

#define V16_NAME avx512
#define V16_ROWS_INT8 12  // 12 integer and 12 float accumulators of 32 registers
#define V16_ROWS_F32 12
#define V16_ROWS_DENSE 4
#define V16_ROWS_ATTENTION 12

typedef __m512 v16f;
typedef __m512i v16i;
typedef __m512i v64b;  // 64 bytes

static inline v16f v16f_set1(float x) { return _mm512_set1_ps(x); }
static inline v16f v16f_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v16f_store(float *p, v16f x) { _mm512_storeu_ps(p, x); }
static inline v16f v16f_load_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline v16f v16f_load_bf16(const void *p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16)); }
// 16 bytes of e4m3fn: as the upper bits of fp16 they lack 2^8, and NaN, which that has elsewhere.
static inline v16f v16f_load_e4m3(const void *p) {
  const __m256i half = _mm256_and_si256(_mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)), 7), _mm256_set1_epi16((short)0xbfff));
  const __m256i magnitude = _mm256_set1_epi16(0x3f80);
  const __m256i nan = _mm256_and_si256(_mm256_cmpeq_epi16(_mm256_and_si256(half, magnitude), magnitude), _mm256_set1_epi16(0x7fff));
  return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_or_si256(half, nan)), _mm512_set1_ps(256));
}
static inline v16f v16f_load_e5m2(const void *p) { return _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)), 8)); }
// Of 16 values those that the low or the high nibbles of 16 bytes name.
static inline v16f v16f_pick(const float *table, const uint8_t *p, const int shift) {
  const __m512i codes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
  return _mm512_permutexvar_ps(shift ? _mm512_srli_epi32(codes, 4) : codes, _mm512_loadu_ps(table));  // looks at four bits
}
static inline void v16f_store_f16(void *p, v16f x) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)); }
static inline v16f v16f_add(v16f a, v16f b) { return _mm512_add_ps(a, b); }
static inline v16f v16f_sub(v16f a, v16f b) { return _mm512_sub_ps(a, b); }
static inline v16f v16f_mul(v16f a, v16f b) { return _mm512_mul_ps(a, b); }
static inline v16f v16f_div(v16f a, v16f b) { return _mm512_div_ps(a, b); }
static inline v16f v16f_fma(v16f a, v16f b, v16f c) { return _mm512_fmadd_ps(a, b, c); }
// Of max and min: the second operand where it is NaN.
static inline v16f v16f_max(v16f a, v16f b) { return _mm512_max_ps(a, b); }
static inline v16f v16f_min(v16f a, v16f b) { return _mm512_min_ps(a, b); }
static inline v16f v16f_abs(v16f a) { return _mm512_abs_ps(a); }
static inline v16f v16f_round(v16f a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline v16f v16f_times_pow2(v16f a, v16f n) { return _mm512_scalef_ps(a, n); }  // a * 2^n for whole n
static inline v16f v16f_from_i(v16i a) { return _mm512_cvtepi32_ps(a); }
// Byte j of every lane of four, as floats.
static inline v16f v16f_from_quad(v64b a, int j) { return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(a, (unsigned)(8 * j)), _mm512_set1_epi32(255))); }
static inline float v16f_sum(v16f a) { return _mm512_reduce_add_ps(a); }
static inline float v16f_largest(v16f a) { return _mm512_reduce_max_ps(a); }
static inline v16f v16f_from_u8(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p))); }
static inline v16f v16f_load_i8(const void *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p))); }
static inline void v16f_store_i8(int8_t *p, v16f x) { _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x))); }  // rounds to nearest even

static inline v16i v16i_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline v16i v16i_zero(void) { return _mm512_setzero_si512(); }
static inline v16i v16i_add(v16i a, v16i b) { return _mm512_add_epi32(a, b); }
static inline v16i v16i_from_u8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
static inline v16i v16i_mul16(v16i a, v16i b) { return _mm512_madd_epi16(a, b); }  // 0 <= a < 2^15, |b| < 2^15

static inline v64b v64b_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void v64b_store(void *p, v64b a) { _mm512_storeu_si512(p, a); }
static inline v64b v64b_set1(uint8_t x) { return _mm512_set1_epi8((char)x); }
static inline v64b v64b_and(v64b a, v64b b) { return _mm512_and_si512(a, b); }
static inline v64b v64b_or(v64b a, v64b b) { return _mm512_or_si512(a, b); }
static inline v64b v64b_xor(v64b a, v64b b) { return _mm512_xor_si512(a, b); }
static inline v64b v64b_sub(v64b a, v64b b) { return _mm512_sub_epi8(a, b); }
// Bytes of `set` where `mask`, one bit of a byte, is set in `plane`, else of `clear`.
static inline v64b v64b_choose(v64b plane, int mask, v64b set, v64b clear) { return _mm512_mask_mov_epi8(clear, _mm512_test_epi8_mask(plane, _mm512_set1_epi8((char)mask)), set); }
// table[i] for every byte i < 16.
static inline v64b v64b_look_up(const uint8_t *table, v64b i) { return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), i); }
// The bytes of every four that a row of a table of eight names, those from `from` on counted from 0; 0x80 names 0. The row's number is in the bits from `shift` on.
static inline v64b v64b_place(v64b bytes, const int from, const uint32_t rows[8], v64b numbers, const int shift) {
  const __m512i table = _mm512_broadcast_i32x8(_mm256_loadu_si256((const __m256i *)rows));
  const __m512i places = _mm512_permutexvar_epi32(_mm512_srli_epi32(numbers, (unsigned)shift), table);  // looks at four bits, of which the fourth is no matter
  const __m512i lanes = _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
  return _mm512_shuffle_epi8(bytes, _mm512_or_si512(places, _mm512_add_epi8(lanes, _mm512_set1_epi8((char)from))));
}
// Rows of 4 or 8 bytes of a table, by number.
static inline v64b v64b_gather4(const uint8_t *table, const uint16_t numbers[16]) {
  const __m256i low = load_eight_rows(table, numbers);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), load_eight_rows(table, numbers + 8), 1);
}
static inline v64b v64b_gather8(const uint8_t *table, const uint16_t numbers[8]) {
  const __m256i low = load_four_long_rows(table, numbers);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), load_four_long_rows(table, numbers + 4), 1);
}
// Words 0, 2, 4, … (1, 3, 5, …) of 4 bytes of both.
static inline v64b v64b_even_words(v64b a, v64b b) { return _mm512_permutex2var_epi32(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b); }
static inline v64b v64b_odd_words(v64b a, v64b b) { return _mm512_permutex2var_epi32(a, _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b); }
#define v64b_shift_right(a, n) _mm512_srli_epi16(a, n)  // bits of the upper neighbour come in: mask afterwards
#define v64b_shift_left(a, n) _mm512_slli_epi16(a, n)
static inline v64b v64b_repeat4(const int8_t *p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}
// acc[i] += sum over j < 4 of w[4i + j] * x[4i + j]; w unsigned, at most 127 in dot4_small.
static inline v16i v16i_dot4_small(v16i acc, v64b w, v64b x) { return _mm512_dpbusd_epi32(acc, w, x); }
static inline v16i v16i_dot4(v16i acc, v64b w, v64b x) { return _mm512_dpbusd_epi32(acc, w, x); }
