// What happens to one row at a time: gates, norms, conversions, sums of logits.
#pragma once
#include "loops_common.h"

// x / (1 + exp(-k x)).
INLINE v16f sigmoid_times(v16f x, float k) {
  return v16f_div(x, v16f_add(v16f_set1(1), exp_v16(v16f_mul(x, v16f_set1(-k)))));
}

// Within 4 ulp: an odd rational of x, which is ±1 from 7.9 on. Source of the coefficients: Eigen's float tanh (MathFunctionsImpl.h).
INLINE v16f tanh_v16(v16f x) {
  x = v16f_min(v16f_set1(7.90531110763549805f), v16f_max(v16f_set1(-7.90531110763549805f), x));
  const v16f square = v16f_mul(x, x);
  v16f p = v16f_set1(-2.76076847742355e-16f);
  p = v16f_fma(p, square, v16f_set1(2.00018790482477e-13f));
  p = v16f_fma(p, square, v16f_set1(-8.60467152213735e-11f));
  p = v16f_fma(p, square, v16f_set1(5.12229709037114e-08f));
  p = v16f_fma(p, square, v16f_set1(1.48572235717979e-05f));
  p = v16f_fma(p, square, v16f_set1(6.37261928875436e-04f));
  p = v16f_fma(p, square, v16f_set1(4.89352455891786e-03f));
  v16f q = v16f_set1(1.19825839466702e-06f);
  q = v16f_fma(q, square, v16f_set1(1.18534705686654e-04f));
  q = v16f_fma(q, square, v16f_set1(2.26843463243900e-03f));
  q = v16f_fma(q, square, v16f_set1(4.89352518554385e-03f));
  return v16f_div(v16f_mul(x, p), q);
}

INLINE v16f act_v16(const int32_t activation, v16f x) {
  if (activation == FB_ACTIVATION_GELU) {
    float lanes[16];
    v16f_store(lanes, x);
    for (int i = 0; i < 16; i++) lanes[i] = 0.5f * lanes[i] * (1.0f + erff(lanes[i] * 0x1.6a09e6p-1f));
    return v16f_load(lanes);
  }
  if (activation == FB_ACTIVATION_GELU_TANH) {
    // (1 + tanh(u)) / 2 is 1 / (1 + exp(-2u)), which loses nothing where tanh is near -1.
    const v16f inner = v16f_fma(v16f_mul(v16f_mul(x, x), x), v16f_set1(0.044715f), x);
    return v16f_div(x, v16f_add(v16f_set1(1), exp_v16(v16f_mul(inner, v16f_set1(-0x1.988454p0f)))));  // 2 sqrt(2 / pi)
  }
  return sigmoid_times(x, 1);
}

INLINE v16f glu_v16(const int32_t activation, float limit, v16f gate, v16f up) {
  if (activation != FB_ACTIVATION_CLAMPED_SWIGLU) return v16f_mul(act_v16(activation, gate), up);
  gate = v16f_min(v16f_set1(limit), gate);
  up = v16f_min(v16f_set1(limit), v16f_max(v16f_set1(-limit), up));
  return v16f_mul(sigmoid_times(gate, 1.702f), v16f_add(up, v16f_set1(1)));
}

INLINE void glu_of(const int32_t activation, float limit, const float *gate, const float *up, const float *residual, float *out, int32_t n) {
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v16f y = glu_v16(activation, limit, v16f_load(gate + i), v16f_load(up + i));
    v16f_store(out + i, residual ? v16f_add(y, v16f_load(residual + i)) : y);
  }
  if (i < n) {
    float tail[3][16] = {{0}};
    memcpy(tail[0], gate + i, (size_t)(n - i) * 4);
    memcpy(tail[1], up + i, (size_t)(n - i) * 4);
    if (residual) memcpy(tail[2], residual + i, (size_t)(n - i) * 4);
    v16f_store(tail[0], v16f_add(glu_v16(activation, limit, v16f_load(tail[0]), v16f_load(tail[1])), v16f_load(tail[2])));
    memcpy(out + i, tail[0], (size_t)(n - i) * 4);
  }
}
static void glu(int32_t activation, float limit, const float *gate, const float *up, const float *residual, float *out, int32_t n) {
  switch (activation) {
    case FB_ACTIVATION_SILU: glu_of(FB_ACTIVATION_SILU, limit, gate, up, residual, out, n); break;
    case FB_ACTIVATION_GELU: glu_of(FB_ACTIVATION_GELU, limit, gate, up, residual, out, n); break;
    case FB_ACTIVATION_GELU_TANH: glu_of(FB_ACTIVATION_GELU_TANH, limit, gate, up, residual, out, n); break;
    default: glu_of(FB_ACTIVATION_CLAMPED_SWIGLU, limit, gate, up, residual, out, n); break;
  }
}

// Applies FUNCTION to vectors of x, the last of them filled up with zeros.
#define EACH_V16(FUNCTION)                                    \
  int32_t i = 0;                                              \
  for (; i + 16 <= n; i += 16) v16f_store(out + i, FUNCTION(v16f_load(x + i))); \
  if (i < n) {                                                \
    float tail[16] = {0};                                     \
    memcpy(tail, x + i, (size_t)(n - i) * 4);                 \
    v16f_store(tail, FUNCTION(v16f_load(tail)));              \
    memcpy(out + i, tail, (size_t)(n - i) * 4);               \
  }
static void activate(int32_t activation, const float *x, float *out, int32_t n) {
#define ACTIVATED(v) act_v16(activation, v)
  EACH_V16(ACTIVATED)
}
static void soft_cap(float cap, const float *x, float *out, int32_t n) {
  const v16f caps = v16f_set1(cap);
#define CAPPED(v) v16f_mul(caps, tanh_v16(v16f_div(v, caps)))
  EACH_V16(CAPPED)
}

static void widen(const uint8_t *from, int32_t type, float *to, int32_t n) {
  const size_t width = fb_type_bytes(type);
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

static void keep_int8(const float *from, int8_t *to, int32_t stride, float *scales, int32_t scale_stride, int32_t n) {
  for (int32_t start = 0; start < n; start += FB_KEPT_GROUP, scales += scale_stride) {
    const int32_t count = n - start < FB_KEPT_GROUP ? n - start : FB_KEPT_GROUP;
    float x[FB_KEPT_GROUP] = {0};
    memcpy(x, from + start, (size_t)count * sizeof *x);
    const v16f low = v16f_load(x), high = v16f_load(x + 16), zero = v16f_set1(0);
    const float most = v16f_largest(v16f_max(v16f_abs(low), v16f_abs(high)));
    const float none = v16f_sum(v16f_fma(low, zero, v16f_mul(high, zero)));  // 0, or NaN
    const v16f inverse = v16f_set1(most > 0x1p-100f ? 127 / most : 0);
    int8_t codes[FB_KEPT_GROUP] = {0};
    if (none == 0) {
      v16f_store_i8(codes, v16f_mul(low, inverse));
      v16f_store_i8(codes + 16, v16f_mul(high, inverse));
    }
    *scales = most / 127 + none;
    for (int32_t i = 0; i < count; i++) to[(size_t)(start + i) * (size_t)stride] = codes[i];
  }
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

static void layer_norm(const float *x, const float *weight, const float *bias, float eps, float *out, int32_t n) {
  v16f sums = v16f_set1(0);
  int32_t i = 0;
  for (; i + 16 <= n; i += 16) sums = v16f_add(sums, v16f_load(x + i));
  float sum = v16f_sum(sums);
  for (; i < n; i++) sum += x[i];
  const float mean = sum / (float)n;

  v16f squares = v16f_set1(0);
  const v16f means = v16f_set1(mean);
  for (i = 0; i + 16 <= n; i += 16) {
    const v16f v = v16f_sub(v16f_load(x + i), means);
    squares = v16f_fma(v, v, squares);
  }
  float total = v16f_sum(squares);
  for (; i < n; i++) total += (x[i] - mean) * (x[i] - mean);
  const float factor = 1.0f / sqrtf(total / (float)n + eps);

  const v16f factors = v16f_set1(factor);
  for (i = 0; i + 16 <= n; i += 16)
    v16f_store(out + i, v16f_fma(v16f_mul(v16f_sub(v16f_load(x + i), means), factors), v16f_load(weight + i), v16f_load(bias + i)));
  for (; i < n; i++) out[i] = (x[i] - mean) * factor * weight[i] + bias[i];
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
