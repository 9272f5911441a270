#pragma once
// The words of CUDA that native/cuda is written with, for a machine without a GPU. Threads of a block are fibers of one thread, which take
// turns where they wait for each other; blocks run one after the other. Slow, and as exact as the C compiler; what it cannot show are
// races and the memory model.
#include <math.h>
#include <stdint.h>
#include <string.h>

#define __device__
#define __host__
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

struct float2 {
  float x, y;
};
struct float4 {
  float x, y, z, w;
};
struct uint4 {
  unsigned x, y, z, w;
};
template <typename T>
inline T __ldcg(const T *from) {
  return *from;
}
template <typename T>
inline T __ldcs(const T *from) {
  return *from;
}
inline void __threadfence() {}

struct EmulatedDim {
  unsigned x, y, z;
};
extern EmulatedDim threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();
// Waits for the warp; afterwards every lane may read what all have put: [lane][8 bytes].
const uint64_t *emulated_exchange(uint64_t value);
void *emulated_dynamic_shared();
int emulated_lane();

inline void __syncwarp(unsigned = 0xffffffffu) { emulated_exchange(0); }

template <typename T>
inline T emulated_from(const uint64_t *lanes, int lane) {
  T value;
  memcpy(&value, lanes + lane, sizeof value);
  return value;
}
template <typename T>
inline const uint64_t *emulated_put(T value) {
  static_assert(sizeof(T) <= 8, "shuffles take up to 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  return emulated_exchange(bits);
}
template <typename T>
inline T __shfl_sync(unsigned, T value, int lane) {
  return emulated_from<T>(emulated_put(value), lane & 31);
}
template <typename T>
inline T __shfl_xor_sync(unsigned, T value, int mask) {
  return emulated_from<T>(emulated_put(value), emulated_lane() ^ mask);
}
template <typename T>
inline T __shfl_up_sync(unsigned, T value, int delta) {
  const int lane = emulated_lane();
  return emulated_from<T>(emulated_put(value), lane >= delta ? lane - delta : lane);
}
template <typename T>
inline T __shfl_down_sync(unsigned, T value, int delta) {
  const int lane = emulated_lane();
  return emulated_from<T>(emulated_put(value), lane + delta < 32 ? lane + delta : lane);
}
inline unsigned __ballot_sync(unsigned, int vote) {
  const uint64_t *lanes = emulated_put<int>(vote != 0);
  unsigned ballot = 0;
  for (int lane = 0; lane < 32; lane++) ballot |= (unsigned)emulated_from<int>(lanes, lane) << lane;
  return ballot;
}
inline int __all_sync(unsigned mask, int vote) { return __ballot_sync(mask, !vote) == 0; }
inline int __any_sync(unsigned mask, int vote) { return __ballot_sync(mask, vote) != 0; }

template <typename T>
inline T atomicAdd(T *to, T value) {
  const T before = *to;
  *to += value;
  return before;
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
// Byte i of the result is the byte of (high, low) that nibble i of the selector names.
inline uint32_t __byte_perm(uint32_t low, uint32_t high, uint32_t selector) {
  const uint64_t bytes = (uint64_t)high << 32 | low;
  uint32_t to = 0;
  for (int i = 0; i < 4; i++) to |= (uint32_t)(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  return to;
}
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
template <typename To, typename From>
inline To emulated_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits are read as what they are");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
inline float __uint_as_float(uint32_t bits) { return emulated_bits<float>(bits); }
inline uint32_t __float_as_uint(float value) { return emulated_bits<uint32_t>(value); }
inline double __longlong_as_double(long long bits) { return emulated_bits<double>(bits); }
inline long long __double_as_longlong(double value) { return emulated_bits<long long>(value); }

inline float emulated_half_to_float(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31) return __uint_as_float(sign | 0x7f800000u | mantissa << 13);
  const float magnitude = exponent == 0 ? ldexpf((float)mantissa, -24) : ldexpf((float)(1024 + mantissa), (int)exponent - 25);
  return __uint_as_float(sign | __float_as_uint(magnitude));
}
inline uint16_t emulated_float_to_half(float value) {
  const uint32_t bits = __float_as_uint(value);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const float magnitude = fabsf(value);
  if (magnitude != magnitude) return 0x7fff;
  if (magnitude >= 65520.0f) return sign | 0x7c00;
  // The unit in the last place of a half there; below 2^-14 it stays 2^-24.
  const int exponent = magnitude < ldexpf(1, -14) ? -14 : ilogbf(magnitude);
  const int units = (int)rintf(ldexpf(magnitude, 10 - exponent));
  return (uint16_t)(sign | (units + ((exponent + 14) << 10)));
}
inline uint16_t emulated_float_to_bfloat(float value) {
  const uint32_t bits = __float_as_uint(value);
  if (value != value) return 0x7fff;
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// -- Tensor cores: fragments as mma.cuh describes them ---------------------------------------------------------------------------------

inline void emulated_multiply_add(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, float (*to_float)(uint16_t)) {
  struct Held {
    uint32_t a[4], b[2];
  };
  const Held own = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  const uint64_t *lanes = emulated_put(&own);
  const int g = emulated_lane() / 4, t = emulated_lane() % 4;
  const auto number = [&](uint32_t pair, int k) { return to_float((uint16_t)(pair >> 16 * (k % 2))); };
  float sums[4];
  for (int i = 0; i < 4; i++) {
    const int row = g + i / 2 * 8, column = 2 * t + i % 2;
    sums[i] = d[i];
    for (int k = 0; k < 16; k++) {
      const Held *of_a = emulated_from<const Held *>(lanes, row % 8 * 4 + k % 8 / 2);
      const Held *of_b = emulated_from<const Held *>(lanes, column * 4 + k % 8 / 2);
      sums[i] += number(of_a->a[row / 8 + k / 8 * 2], k) * number(of_b->b[k / 8], k);
    }
  }
  __syncwarp();  // what others read is on this lane's stack
  for (int i = 0; i < 4; i++) d[i] = sums[i];
}
inline void emulated_load_matrices(uint32_t (&to)[4], const uint16_t *row, bool transposed) {
  const uint64_t *lanes = emulated_put(row);
  const int g = emulated_lane() / 4, t = emulated_lane() % 4;
  for (int i = 0; i < 4; i++) {
    const auto at = [&](int r, int c) { return emulated_from<const uint16_t *>(lanes, 8 * i + r)[c]; };
    to[i] = transposed ? (uint32_t)at(2 * t + 1, g) << 16 | at(2 * t, g) : (uint32_t)at(g, 2 * t + 1) << 16 | at(g, 2 * t);
  }
  __syncwarp();
}
inline uint32_t emulated_transpose(uint32_t pair) {
  const uint64_t *lanes = emulated_put(pair);
  const int g = emulated_lane() / 4, t = emulated_lane() % 4;
  const auto at = [&](int r) { return emulated_from<uint32_t>(lanes, 4 * r + g / 2) >> 16 * (g % 2) & 0xffff; };
  return at(2 * t + 1) << 16 | at(2 * t);
}
// At once: that a kernel waits for its copies cannot be shown here.
inline void emulated_copy16(void *to, const void *from, bool exists) {
  if (exists) memcpy(to, from, 16);
  else memset(to, 0, 16);
}

struct EmulatedKernel {
  const char *name;
  int parameter_bytes;
  void (*run)(const void *parameters);
  const EmulatedKernel *next;
  EmulatedKernel(const char *name, int bytes, void (*run)(const void *));
};

#define FB_KERNEL(threads, name, Params)                                                                                          \
  static void name##_body(const Params &p);                                                                                       \
  static const EmulatedKernel name##_kernel(#name, sizeof(Params), [](const void *p) { name##_body(*(const Params *)p); });       \
  static void name##_body(const Params &p)
#define FB_DYNAMIC_SHARED(type, name) type *const name = (type *)emulated_dynamic_shared()
