// Rows of a table by number, for the words with AVX2 and AVX-512. Loads and insertions: gathers are slower on many processors.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

// The rows before are together before numbers of others are loaded. Compilers else load all numbers at once, and have no registers for them.
#define ROWS_LOADED(x) __asm__ volatile("" : "+x"(x)::"memory")

// Numbers come two at a time: loads are what there are most of.
static inline size_t number_of(const uint32_t pairs[2], int i) { return i % 2 ? pairs[i / 2] >> 16 : pairs[i / 2] & 0xffff; }

static inline __m128i load_four_rows(const uint8_t *table, const uint16_t *numbers) {
  uint32_t pairs[2];
  memcpy(pairs, numbers, 8);
  int32_t w[4];
  _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) memcpy(&w[i], table + 4 * number_of(pairs, i), 4);
  __m128i rows = _mm_setr_epi32(w[0], w[1], w[2], w[3]);
  ROWS_LOADED(rows);
  return rows;
}
static inline __m256i load_eight_rows(const uint8_t *table, const uint16_t *numbers) {
  const __m128i low = load_four_rows(table, numbers);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), load_four_rows(table, numbers + 4), 1);
}
// Of 8 bytes.
static inline __m256i load_four_long_rows(const uint8_t *table, const uint16_t *numbers) {
  uint32_t pairs[2];
  memcpy(pairs, numbers, 8);
  int64_t w[4];
  _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) memcpy(&w[i], table + 8 * number_of(pairs, i), 8);
  __m256i rows = _mm256_setr_epi64x(w[0], w[1], w[2], w[3]);
  ROWS_LOADED(rows);
  return rows;
}
#undef ROWS_LOADED
