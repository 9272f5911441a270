#pragma once
// Tensor cores as every device from compute capability 8.0 on has them: products of fragments that a warp's lanes hold, how these come out
// of shared memory, and copies into it that nobody waits for. Fragments are those of "mma.m16n8k16" in the PTX ISA: with g = lane / 4 and
// t = lane % 4 a lane has of
//   a [16][16]  rows g, g + 8, g, g + 8, columns 2t, 2t, 2t + 8, 2t + 8 and the one behind each
//   b [16][8]   column g, rows 2t and 2t + 8 and the one behind each
//   d [16][8]   row g, columns 2t and 2t + 1, then row g + 8
#include "kernel.cuh"
#include "numbers.cuh"

// Two numbers of a 16-bit type, the first in the lower half.
template <int kType>
__device__ inline uint32_t pack2(float low, float high) {
#ifdef __CUDACC__
  if constexpr (kType == kF16) {
    const __half2 pair = __floats2half2_rn(low, high);
    return *(const uint32_t *)&pair;
  } else {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *(const uint32_t *)&pair;
  }
#else
  if (kType == kF16) return (uint32_t)float_to_half(high) << 16 | float_to_half(low);
  return (uint32_t)float_to_bfloat(high) << 16 | float_to_bfloat(low);
#endif
}

// d += a * b, in f32, of f16 or bf16 numbers.
template <int kType>
__device__ inline void multiply_add(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#ifdef __CUDACC__
  if constexpr (kType == kF16)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  emulated_multiply_add(d, a, b0, b1, kType == kF16 ? emulated_half_to_float : bfloat_to_float);
#endif
}

// Four matrices of 8 rows of 16 bytes: lane 8i + r says where row r of matrix i begins. A lane gets of each row lane / 4, columns
// 2 * (lane % 4) and the one behind.
__device__ inline void load_matrices(uint32_t (&to)[4], const uint16_t *row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"((uint32_t)__cvta_generic_to_shared(row))
               : "memory");
#else
  emulated_load_matrices(to, row, false);
#endif
}

// The same with rows and columns exchanged.
__device__ inline void load_matrices_transposed(uint32_t (&to)[4], const uint16_t *row) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"((uint32_t)__cvta_generic_to_shared(row))
               : "memory");
#else
  emulated_load_matrices(to, row, true);
#endif
}

// A matrix of 8 rows of 8 numbers, of which a lane holds two of row lane / 4, with rows and columns exchanged.
__device__ inline uint32_t transposed(uint32_t pair) {
#ifdef __CUDACC__
  uint32_t to;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(to) : "r"(pair));
  return to;
#else
  return emulated_transpose(pair);
#endif
}

// 16 bytes into shared memory, or zeros where there is nothing to copy; `from` is an address that may be read all the same.
__device__ inline void begin_copy16(uint16_t *to, const uint16_t *from, bool exists) {
#ifdef __CUDACC__
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from), "r"(exists ? 16 : 0)
               : "memory");
#else
  emulated_copy16(to, from, exists);
#endif
}
// Closes a thread's group of copies.
__device__ inline void end_copies() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits for a thread's own groups but the last few.
template <int kPending>
__device__ inline void await_copies() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// Where chunk `chunk` of 8 numbers of a row lies in a tile of rows of kChunks: so that the same chunk of 8 rows one behind the other, which
// load_matrices reads at once, is in 8 different places of 128 bytes.
template <int kChunks>
__device__ inline int swizzled(int row, int chunk) {
  constexpr int kSpread = kChunks % 8 == 0 ? 8 : kChunks % 4 == 0 ? 4 : kChunks % 2 == 0 ? 2 : 1;
  return (row * kChunks + (chunk ^ (row / (8 / kSpread) % kSpread))) * 8;
}
