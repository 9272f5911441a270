#pragma once
#include "kernel.cuh"
#include "params.h"

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ inline float activated(int kind, float x) {
  switch (kind) {
    case kSilu: return x / (1.0f + expf(-x));
    case kGelu: return x * (1.0f + erff(x * 0.70710678f)) * 0.5f;
    default: return x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x))) * 0.5f;
  }
}

// Comparisons that leave what is not a number as it is.
__device__ inline float at_most(float x, float limit) { return x > limit ? limit : x; }
__device__ inline float at_least(float x, float limit) { return x < limit ? limit : x; }

__device__ inline float gated(int kind, float limit, float gate, float up) {
  if (kind != kClampedSwiglu) return activated(kind, gate) * up;
  const float g = at_most(gate, limit), u = at_least(at_most(up, limit), -limit);
  return g * sigmoid(1.702f * g) * (u + 1.0f);
}
