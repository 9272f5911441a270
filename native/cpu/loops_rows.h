// What happens to one row at a time: gates, norms, conversions, sums of logits.
#pragma once
#include "loops_common.h"

INLINE v16f silu_mul_v16(v16f gate, v16f up) {
  return v16f_mul(v16f_div(gate, v16f_add(v16f_set1(1), exp_v16(v16f_sub(v16f_set1(0), gate)))), up);
}
static void silu_mul(const float *gate, const float *up, const float *residual, float *out, int32_t n) {
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v16f y = silu_mul_v16(v16f_load(gate + i), v16f_load(up + i));
    v16f_store(out + i, residual ? v16f_add(y, v16f_load(residual + i)) : y);
  }
  if (i < n) {
    float tail[3][16] = {{0}};
    memcpy(tail[0], gate + i, (size_t)(n - i) * 4);
    memcpy(tail[1], up + i, (size_t)(n - i) * 4);
    if (residual) memcpy(tail[2], residual + i, (size_t)(n - i) * 4);
    v16f_store(tail[0], v16f_add(silu_mul_v16(v16f_load(tail[0]), v16f_load(tail[1])), v16f_load(tail[2])));
    memcpy(out + i, tail[0], (size_t)(n - i) * 4);
  }
}

static void widen(const uint8_t *from, int32_t type, float *to, int32_t n) {
  const size_t width = type_bytes(type);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) v16f_store(to + i, load_as(from + (size_t)i * width, type));
  for (; i < n; i++) to[i] = load_one(from + (size_t)i * width, type);
}

static void narrow(const float *from, uint16_t *to, int32_t stride, int32_t n) {
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    uint16_t halves[16];
    v16f_store_f16(stride == 1 ? to + i : halves, v16f_load(from + i));
    if (stride > 1)
      for (int32_t j = 0; j < 16; j++) to[(size_t)(i + j) * (size_t)stride] = halves[j];
  }
  for (; i < n; i++) to[(size_t)i * (size_t)stride] = fb_float_to_half(from[i]);
}

static void rms_norm(const float *x, const float *weight, float eps, float *out, int32_t n) {
  v16f squares = v16f_set1(0);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v16f v = v16f_load(x + i);
    squares = v16f_fma(v, v, squares);
  }
  float sum = v16f_sum(squares);
  for (; i < n; i++) sum += x[i] * x[i];
  const float factor = 1.0f / sqrtf(sum / (float)n + eps);
  const v16f factors = v16f_set1(factor);
  for (i = 0; i + 16 <= n; i += 16) v16f_store(out + i, v16f_mul(v16f_mul(v16f_load(x + i), factors), v16f_load(weight + i)));
  for (; i < n; i++) out[i] = x[i] * factor * weight[i];
}

static void log_sum_exp(const float *x, int32_t n, float *largest, double *sum) {
  float most = -INFINITY;
  int32_t i = 0;
  if (n >= 16) {
    v16f mosts = v16f_load(x);
    for (i = 16; i + 16 <= n; i += 16) mosts = v16f_max(mosts, v16f_load(x + i));
    most = v16f_largest(mosts);
  }
  for (; i < n; i++) most = x[i] > most ? x[i] : most;
  double total = 0;
  const v16f shift = v16f_set1(most);
  for (i = 0; i + 16 <= n; i += 16) total += (double)v16f_sum(exp_v16(v16f_sub(v16f_load(x + i), shift)));
  for (; i < n; i++) total += exp((double)x[i] - (double)most);
  *largest = most;
  *sum = total;
}
