#pragma once
// How numbers are stored: the types of params.h, read to and written from f32.
#include "kernel.cuh"
#include "params.h"

__device__ inline float half_to_float(uint16_t bits) {
#ifdef __CUDACC__
  return __half2float(__ushort_as_half(bits));
#else
  return emulated_half_to_float(bits);
#endif
}

__device__ inline uint16_t float_to_half(float value) {
#ifdef __CUDACC__
  return __half_as_ushort(__float2half_rn(value));
#else
  return emulated_float_to_half(value);
#endif
}

__device__ inline float bfloat_to_float(uint16_t bits) { return __uint_as_float((uint32_t)bits << 16); }

__device__ inline uint16_t float_to_bfloat(float value) {
#ifdef __CUDACC__
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
  return emulated_float_to_bfloat(value);
#endif
}

// Element `index` of an aligned array of the type.
__device__ inline float read_float(const void *from, int type, int64_t index) {
  switch (type) {
    case kF32: return ((const float *)from)[index];
    case kF16: return half_to_float(((const uint16_t *)from)[index]);
    default: return bfloat_to_float(((const uint16_t *)from)[index]);
  }
}

__device__ inline void write_float(void *to, int type, int64_t index, float value) {
  switch (type) {
    case kF32: ((float *)to)[index] = value; break;
    case kF16: ((uint16_t *)to)[index] = float_to_half(value); break;
    default: ((uint16_t *)to)[index] = float_to_bfloat(value); break;
  }
}

__device__ inline float load(const View &view, int row, int column) { return read_float(view.base, view.type, (int64_t)row * view.stride + column); }
__device__ inline void store(const View &view, int row, int column, float value) { write_float(view.base, view.type, (int64_t)row * view.stride + column, value); }

// The value as the view will hold it.
__device__ inline float rounded(const View &view, float value) {
  switch (view.type) {
    case kF32: return value;
    case kF16: return half_to_float(float_to_half(value));
    default: return bfloat_to_float(float_to_bfloat(value));
  }
}

// Eight numbers of 16 bits as f32.
__device__ inline void widen8(const uint4 &from, int type, float (&to)[8]) {
  const uint32_t words[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (type == kF16) {
      to[2 * i] = half_to_float((uint16_t)words[i]);
      to[2 * i + 1] = half_to_float((uint16_t)(words[i] >> 16));
    } else {
      to[2 * i] = __uint_as_float(words[i] << 16);
      to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
}

__device__ inline uint4 narrow8(const float (&from)[8], int type) {
  uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const uint16_t low = type == kF16 ? float_to_half(from[2 * i]) : float_to_bfloat(from[2 * i]);
    const uint16_t high = type == kF16 ? float_to_half(from[2 * i + 1]) : float_to_bfloat(from[2 * i + 1]);
    words[i] = (uint32_t)high << 16 | low;
  }
  return uint4{words[0], words[1], words[2], words[3]};
}
