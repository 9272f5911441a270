// What the machine can do: the two limits that kernels are held against.
#pragma once
#include "loops_common.h"

static uint64_t read_all(const uint8_t *bytes, size_t length) {
  v64b a = v64b_set1(0), b = a, c = a, d = a;
  for (size_t i = 0; i + 256 <= length; i += 256) {
    a = v64b_or(a, v64b_load(bytes + i));
    b = v64b_or(b, v64b_load(bytes + i + 64));
    c = v64b_or(c, v64b_load(bytes + i + 128));
    d = v64b_or(d, v64b_load(bytes + i + 192));
  }
  a = v64b_or(v64b_or(a, b), v64b_or(c, d));
  uint64_t words[8];
  memcpy(words, &a, 64);
  return words[0] ^ words[7];
}

static int64_t dot_peak(int64_t rounds) {
  v16i sum[12];
  for (int i = 0; i < 12; i++) sum[i] = v16i_set1(i);
  const v64b w = v64b_set1(3), x = v64b_set1(5);
  for (int64_t round = 0; round < rounds; round++) UNROLL for (int i = 0; i < 12; i++) sum[i] = v16i_dot4_small(sum[i], w, x);
  volatile float keep = 0;
  for (int i = 0; i < 12; i++) keep += v16f_sum(v16f_from_i(sum[i]));
  (void)keep;
  return rounds * 12 * 64;
}
