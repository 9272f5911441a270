#pragma once
// What every kernel is written with. The same text compiles for GPUs (nvcc) and, for tests on machines that have none, for the
// emulated driver of test/cuda, which defines the words of CUDA in C++.
#include <stdint.h>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Every kernel starts before the one in front of it has ended (programmatic dependent launch), lets the next one start, and waits: whatever
// it reads or overwrites is then as all before have left it.
__device__ inline void let_next_kernel_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
__device__ inline void await_previous_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// An entry point: its parameters are one structure by value, which params.h has and src/backends/cuda writes.
#define FB_KERNEL(threads, name, Params)                                                                    \
  static __device__ __forceinline__ void name##_body(const Params &p);                                      \
  extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Params p) {            \
    let_next_kernel_start();                                                                                \
    await_previous_kernel();                                                                                \
    name##_body(p);                                                                                         \
  }                                                                                                         \
  static __device__ __forceinline__ void name##_body(const Params &p)

// One that waits by itself, on every path: until then it reads constants only, the step's arrays (but for what the step reports) and what
// earlier steps have left. So many blocks are to fit on a multiprocessor at a time.
#define FB_EARLY_KERNEL(threads, blocks, name, Params)                                                      \
  static __device__ __forceinline__ void name##_body(const Params &p);                                      \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Params p) {    \
    let_next_kernel_start();                                                                                \
    name##_body(p);                                                                                         \
  }                                                                                                         \
  static __device__ __forceinline__ void name##_body(const Params &p)

// The shared memory whose size the launch says.
#define FB_DYNAMIC_SHARED(type, name)                             \
  extern __shared__ __align__(16) unsigned char fb_dynamic_shared[]; \
  type *const name = (type *)fb_dynamic_shared
#else
#include "emulation.h"
__device__ inline void await_previous_kernel() {}
#define FB_EARLY_KERNEL(threads, blocks, name, Params) FB_KERNEL(threads, name, Params)
#endif

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ inline int lane_id() { return (int)threadIdx.x % kWarp; }
__device__ inline int warp_id() { return (int)threadIdx.x / kWarp; }

// Adds to a counter of the device and returns what it was: after all that this thread has seen written, and before all that it does next.
__device__ inline unsigned add_in_order(unsigned *counter, unsigned value) {
#ifdef __CUDACC__
  unsigned before;
  asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], %2;" : "=r"(before) : "l"(counter), "r"(value) : "memory");
  return before;
#else
  return atomicAdd(counter, value);
#endif
}

// Sums of a warp in an order that depends on nothing: every lane gets the same bits.
template <typename T>
__device__ inline T warp_sum(T value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

// The sum over a block of whole warps, at most 32; `scratch` holds 32 values and is free again when the next block-wide call returns.
template <typename T>
__device__ inline T block_sum(T value, T *scratch) {
  const int warps = (int)blockDim.x / kWarp;
  value = warp_sum(value);
  __syncthreads();
  if (lane_id() == 0) scratch[warp_id()] = value;
  __syncthreads();
  value = lane_id() < warps ? scratch[lane_id()] : T(0);
  return warp_sum(value);
}
